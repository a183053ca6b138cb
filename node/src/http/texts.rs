//! Every problem that the HTTP interface can report, in English and Chinese: one table.
//!
//! A code is a stable name and never changes its meaning. The rules of the contracts keep their own names and numbers
//! (`contracts/src/rejection.rs`); a test sees to it that each has its text here.

use axum::http::StatusCode;

/// One problem: what it means and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// The stable name.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// What it is, in English.
    pub title: &'static str,
    /// What to do, in English.
    pub advice: &'static str,
    /// What it is, in Chinese.
    pub title_zh: &'static str,
    /// What to do, in Chinese.
    pub advice_zh: &'static str,
}

/// The text of a code; that of `internal` for one that is not in the table.
#[must_use]
pub fn text(code: &str) -> &'static Text {
    TEXTS.iter().find(|t| t.code == code).unwrap_or(&INTERNAL)
}

/// What is nobody's fault but the node's.
pub static INTERNAL: Text = Text {
    code: "internal",
    status: StatusCode::INTERNAL_SERVER_ERROR,
    title: "the node failed at this request",
    advice: "Nothing was lost. Try again; if it stays, the operator finds the reason in the node's log",
    title_zh: "節點處理此請求時出錯",
    advice_zh: "已受理的操作不會遺失。請重試；如持續發生，請由營運人員查看節點日誌",
};

macro_rules! texts {
    ($($status:ident $code:literal: $title:literal, $advice:literal; $title_zh:literal, $advice_zh:literal)+) => {
        /// Every problem but [`INTERNAL`].
        pub static TEXTS: &[Text] = &[$(Text {
            code: $code,
            status: StatusCode::$status,
            title: $title,
            advice: $advice,
            title_zh: $title_zh,
            advice_zh: $advice_zh,
        }),+];
    };
}

texts! {
    // The request itself.
    BAD_REQUEST "malformed_request": "the request's body is not what this call takes",
        "Correct the body; nothing of it was taken";
        "請求內容不符合此介面的格式", "請修正請求內容；本次請求未被受理"
    BAD_REQUEST "invalid_parameter": "a parameter of the path or query is wrong or unknown",
        "Correct it or leave it out; unknown parameters are refused, never ignored";
        "路徑或查詢參數錯誤或未知", "請更正或移除該參數；未知參數一律拒絕，不會被忽略"
    BAD_REQUEST "invalid_header": "a header of the request is wrong",
        "Correct it";
        "請求標頭錯誤", "請更正該標頭"
    BAD_REQUEST "idempotency_key_missing": "the header Idempotency-Key is missing",
        "Send the operation's reference, a UUID of version 7, as Idempotency-Key, and the same again with every retry";
        "缺少 Idempotency-Key 標頭", "請以操作的參考號（UUIDv7）作為 Idempotency-Key，重試時使用同一個值"
    BAD_REQUEST "idempotency_key_invalid": "the header Idempotency-Key is not a reference",
        "Send a UUID of version 7, such as 01941f29-7c00-7000-8000-000000000001";
        "Idempotency-Key 標頭不是有效的參考號", "請使用 UUIDv7，例如 01941f29-7c00-7000-8000-000000000001"
    BAD_REQUEST "cursor_invalid": "the cursor does not belong to this list",
        "Start the list again without a cursor";
        "游標不屬於此列表", "請不帶游標重新查詢"
    UNAUTHORIZED "unauthorized": "the request has no valid token",
        "Send `Authorization: Bearer <token>` with a token that the node's configuration knows";
        "請求沒有有效的令牌", "請以 `Authorization: Bearer <令牌>` 送出節點設定中登記的令牌"
    NOT_FOUND "not_found": "there is nothing under this address",
        "Check the path and the names in it";
        "此位址沒有資料", "請檢查路徑及其中的名稱"
    NOT_FOUND "height_ahead": "the height lies ahead of this node",
        "Ask again later, or for a height up to the node's, which /v1/status tells";
        "所查高度超過本節點目前高度", "請稍後再試，或查詢不高於 /v1/status 所示高度的資料"
    METHOD_NOT_ALLOWED "method_not_allowed": "this address does not take the method",
        "Use the method that the documentation names";
        "此位址不支援該方法", "請使用文件所列的方法"
    PAYLOAD_TOO_LARGE "request_too_large": "the request is larger than this node takes",
        "Send less at once; nothing of it was taken";
        "請求超過本節點可接受的大小", "請分批送出；本次請求未被受理"
    UNSUPPORTED_MEDIA_TYPE "unsupported_media_type": "the body's media type is not one that this call takes",
        "Send application/json (or application/octet-stream to /v1/transactions, application/x-ndjson to a bulk)";
        "不支援的內容類型", "請使用 application/json（/v1/transactions 可用 application/octet-stream，批次可用 application/x-ndjson）"
    TOO_MANY_REQUESTS "overloaded": "the node is busy",
        "Try the same request again after the time in Retry-After; nothing of it was taken";
        "節點忙碌", "請於 Retry-After 所示時間後以相同內容重試；本次請求未被受理"
    SERVICE_UNAVAILABLE "timed_out": "the node did not finish in time",
        "Try again with the same Idempotency-Key; what was taken is not taken twice";
        "節點未能及時完成", "請以相同的 Idempotency-Key 重試；已受理的操作不會重複執行"
    SERVICE_UNAVAILABLE "not_ready": "the node does not keep up with the alliance",
        "Wait, or use another node; acknowledged operations go on by themselves";
        "節點未能跟上聯盟進度", "請稍候或使用其他節點；已受理的操作會自動繼續"
    SERVICE_UNAVAILABLE "shutting_down": "the node is stopping",
        "Try again shortly; what was acknowledged is kept";
        "節點正在停止", "請稍後重試；已受理的操作均已保存"

    // A transaction that no node accepts.
    BAD_REQUEST "malformed_transaction": "the bytes are not the canonical encoding of a transaction",
        "Encode it as docs/formats.md says, with nothing after it";
        "位元組不是交易的標準編碼", "請依 docs/formats.md 編碼，且結尾不得有多餘位元組"
    UNPROCESSABLE_ENTITY "wrong_chain": "the transaction is for another alliance",
        "Sign it for the chain id that /v1/status tells";
        "交易屬於另一個聯盟", "請以 /v1/status 所示的 chain id 重新簽署"
    UNPROCESSABLE_ENTITY "transaction_oversized": "the transaction with its receipts does not fit into a log entry",
        "Split it into transactions of fewer operations";
        "交易連同回執超過日誌條目上限", "請拆分為操作較少的多筆交易"
    UNPROCESSABLE_ENTITY "operation_count": "the transaction has no operation, or too many",
        "Put 1 to 1000 operations into it";
        "交易的操作數為零或過多", "請放入 1 至 1000 個操作"
    UNPROCESSABLE_ENTITY "malformed_operation": "the operation is not well formed",
        "Correct it and send it again; nothing was taken";
        "操作格式不正確", "請修正後重新送出；本次未被受理"
    UNPROCESSABLE_ENTITY "unusable_key": "the public key is not a usable Ed25519 key",
        "Make a new key with `tally keys new`";
        "公鑰不是可用的 Ed25519 金鑰", "請以 `tally keys new` 產生新金鑰"
    UNPROCESSABLE_ENTITY "wrong_signature": "the signature does not match",
        "Sign the canonical bytes again with the key that the transaction names";
        "簽章不符", "請以交易所載金鑰對標準位元組重新簽署"

    // The envelope (100-199).
    UNPROCESSABLE_ENTITY "expired": "the transaction's validity ended before the block's time",
        "Sign it again with a later valid_until_ms; the same references may be used";
        "交易在區塊時間之前已失效", "請設定較晚的 valid_until_ms 重新簽署；可沿用相同參考號"
    UNPROCESSABLE_ENTITY "valid_until_too_far": "the transaction claims to be valid for more than 24 hours ahead",
        "Sign it again with a valid_until_ms at most 24 hours after block time";
        "交易有效期超過 24 小時", "請將 valid_until_ms 設在區塊時間後 24 小時內並重新簽署"
    UNPROCESSABLE_ENTITY "unknown_key": "the key is not an operator key of the merchant",
        "Sign with a key that the alliance knows for this merchant";
        "此金鑰不是該商戶的操作金鑰", "請使用聯盟登記於該商戶的金鑰簽署"
    UNPROCESSABLE_ENTITY "reference_too_old": "the reference is older than 90 days",
        "If the operation was never applied, send it under a new reference";
        "參考號早於 90 天前", "若該操作從未成功，請使用新的參考號"
    UNPROCESSABLE_ENTITY "reference_ahead": "the reference lies more than one hour ahead",
        "Correct the till's clock and make a new reference";
        "參考號的時間超前一小時以上", "請校正收銀機時鐘並產生新的參考號"
    UNPROCESSABLE_ENTITY "reference_reused": "the reference was used before, for another operation",
        "Ask for the operation under this reference; give a new operation a new reference";
        "此參考號已用於另一操作", "請查詢該參考號的原操作；新的操作請使用新的參考號"
    UNPROCESSABLE_ENTITY "atomic_mixed": "an atomic transaction mixes known operations with new ones",
        "Leave out the operations that are known already";
        "原子交易混有已知與新的操作", "請移除已執行過的操作"
    UNPROCESSABLE_ENTITY "atomic_aborted": "another operation of the atomic transaction failed",
        "Correct the operation that failed and send all of them again";
        "原子交易中另一操作失敗", "請修正失敗的操作後全部重送"

    // Authority (200-299).
    UNPROCESSABLE_ENTITY "role_missing": "the key's roles do not allow this operation",
        "Sign it with a key of the right role; treasurer and governor keys sign outside the node, for POST /v1/transactions";
        "金鑰的角色不允許此操作", "請使用具備相應角色的金鑰；財務與治理金鑰於節點外簽署，再送往 POST /v1/transactions"
    UNPROCESSABLE_ENTITY "wrong_party": "the merchant is not the party that may do this",
        "Points are issued by their class's issuer, legs confirmed by their payee";
        "該商戶無權進行此操作", "積分由其發行商戶發行，結算款由收款商戶確認"
    UNPROCESSABLE_ENTITY "foreign_custodian": "the member is in another merchant's custody",
        "Only the custodian that /v1/members tells may do this for the member";
        "該會員由其他商戶託管", "僅 /v1/members 所示的託管商戶可代會員進行"

    // What is named (300-399).
    UNPROCESSABLE_ENTITY "unknown_class": "there is no such point class",
        "Take a class from /v1/classes";
        "沒有此積分種類", "請使用 /v1/classes 所列的種類"
    UNPROCESSABLE_ENTITY "unknown_member": "there is no such member",
        "Enrol the member first, or read the card again";
        "沒有此會員", "請先登記會員，或重新讀取會員卡"
    UNPROCESSABLE_ENTITY "unknown_leg": "there is no such settlement leg",
        "Take cycle and leg from /v1/settlements";
        "沒有此結算款項", "請由 /v1/settlements 取得週期與款項編號"
    UNPROCESSABLE_ENTITY "class_exists": "the class id is taken",
        "Choose a free id";
        "此積分種類編號已被使用", "請選擇未使用的編號"
    UNPROCESSABLE_ENTITY "member_exists": "the member is enrolled already",
        "Go on with the member's card code";
        "該會員已登記", "請直接使用其會員卡號"
    UNPROCESSABLE_ENTITY "not_accepted": "the merchant does not accept points of this class",
        "Choose a class whose terms list the merchant, or exchange the points first";
        "該商戶不接受此種積分", "請使用條款中列有該商戶的種類，或先行兌換積分"
    UNPROCESSABLE_ENTITY "unknown_merchant": "there is no such merchant",
        "Take a merchant from /v1/merchants";
        "沒有此商戶", "請使用 /v1/merchants 所列的商戶"

    // Amounts (400-499).
    UNPROCESSABLE_ENTITY "amount_zero": "the amount is zero",
        "Give an amount above zero, or leave the operation out";
        "數量為零", "請給出大於零的數量，或不送此操作"
    UNPROCESSABLE_ENTITY "overflow": "an amount exceeds what can be represented",
        "Give a smaller amount";
        "數量超出可表示範圍", "請給出較小的數量"
    UNPROCESSABLE_ENTITY "same_party": "source and target are the same",
        "Name two different ones";
        "來源與目標相同", "請指定不同的兩方"
    UNPROCESSABLE_ENTITY "class_out_of_bounds": "a parameter of the class lies outside the alliance's bounds",
        "Keep to the bounds in /v1/genesis";
        "積分種類的參數超出聯盟範圍", "請遵守 /v1/genesis 所列範圍"
    UNPROCESSABLE_ENTITY "insufficient_points": "the member does not hold enough live points",
        "Ask /v1/members for the balance and spend no more than that";
        "會員的有效積分不足", "請以 /v1/members 查詢餘額，並在餘額內使用"
    UNPROCESSABLE_ENTITY "below_one_fen": "the points are worth less than one fen",
        "Redeem more points at once";
        "積分價值不足一分錢", "請一次核銷較多積分"
    UNPROCESSABLE_ENTITY "below_min_out": "the exchange yields less than the minimum asked for, or nothing",
        "Read /v1/rates again and ask the member to agree to what it yields now";
        "兌換所得少於要求的下限，或為零", "請重新查詢 /v1/rates，並徵得會員同意目前可得數量"

    // Limits (500-599).
    UNPROCESSABLE_ENTITY "no_consent_limit":
        "the member's daily limit for redemptions without the member's own consent is used up",
        "Redeem less, tomorrow, or at the member's custodian";
        "會員當日未經本人同意的核銷額度已用完", "請減少數量、次日再試，或於會員的託管商戶核銷"
    UNPROCESSABLE_ENTITY "custodian_member_limit":
        "the class's daily limit for what a custodian takes from one member is used up",
        "Take less, or wait until tomorrow";
        "託管商戶當日對單一會員的額度已用完", "請減少數量或次日再試"
    UNPROCESSABLE_ENTITY "custodian_limit":
        "the class's daily limit for what a custodian takes from all its members is used up",
        "Take less, or wait until tomorrow";
        "託管商戶當日對全部會員的額度已用完", "請減少數量或次日再試"
    UNPROCESSABLE_ENTITY "net_debit_cap": "the issuer's net debit cap is reached",
        "The issuer must pay its open legs, or wait for the cycle's close; points of other classes are not affected";
        "發行商戶已達淨借記上限", "須待該商戶付清未結款項或週期結算；其他種類積分不受影響"

    // Settlement and time (600-699).
    UNPROCESSABLE_ENTITY "leg_confirmed": "the leg is confirmed already",
        "Nothing is left to do";
        "該結算款項已確認", "無須再處理"
    UNPROCESSABLE_ENTITY "leg_amount": "the amount is not the leg's",
        "Give the leg's amount from /v1/settlements; a leg is confirmed as a whole";
        "金額與結算款項不符", "請使用 /v1/settlements 所列金額；款項須整筆確認"
    UNPROCESSABLE_ENTITY "clock_backwards": "the clock is set forward only, and stands alone in its block",
        "Set a time later than that of /v1/status, in a transaction of its own";
        "時鐘只能往前設定，且須獨占一個區塊", "請設定晚於 /v1/status 所示的時間，並單獨成一筆交易"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tally_contracts::rejection::Rejection;

    use super::*;

    #[test]
    fn every_rule_has_its_text() {
        for rejection in Rejection::ALL {
            let text = text(rejection.name());
            assert_eq!(text.code, rejection.name());
            assert_eq!(text.title, rejection.to_string());
        }
    }

    #[test]
    fn every_code_stands_once() {
        let codes: BTreeSet<&str> = TEXTS.iter().map(|t| t.code).collect();
        assert_eq!(codes.len(), TEXTS.len());
    }
}
