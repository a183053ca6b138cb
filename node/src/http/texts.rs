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
    BAD_REQUEST "last_event_id_invalid": "the header Last-Event-ID is not the id of an event",
        "Send the last id that you received, unchanged, or leave the header out and give from_height";
        "Last-Event-ID 標頭不是事件編號", "請原樣送回最後收到的編號，或不帶此標頭而以 from_height 指定起點"
    CONFLICT "last_event_id_ahead": "the last event you saw lies ahead of this node",
        "Come again when the node has caught up, which /readyz tells, or use the node that sent it";
        "您最後收到的事件超前於本節點", "請待本節點追上後重試（見 /readyz），或使用送出該事件的節點"
    FORBIDDEN "observer": "this node only observes",
        "Submit at a merchant's node; what is asked is answered here all the same";
        "此節點僅供觀察", "請向商戶節點送出操作；查詢仍可在此進行"
    UNAUTHORIZED "unauthorized": "the request has no valid token",
        "Send `Authorization: Bearer <token>` with a token that the node's configuration knows";
        "請求沒有有效的令牌", "請以 `Authorization: Bearer <令牌>` 送出節點設定中登記的令牌"
    NOT_FOUND "not_found": "there is nothing under this address",
        "Check the path and the names in it";
        "此位址沒有資料", "請檢查路徑及其中的名稱"
    NOT_FOUND "height_ahead": "the height lies ahead of this node",
        "Ask again later, or for a height up to the node's, which /v1/status tells";
        "所查高度超過本節點目前高度", "請稍後再試，或查詢不高於 /v1/status 所示高度的資料"
    NOT_FOUND "no_checkpoint": "no final checkpoint proves it yet",
        "Ask again after the next checkpoint, at most checkpoint_interval_ms of block time away and attested a little later";
        "尚無最終檢查點可證明此事", "請於下一個檢查點之後再查詢；檢查點至多相隔 checkpoint_interval_ms（以區塊時間計），稍後即獲背書"
    NOT_FOUND "checkpoint_gone": "the state at that checkpoint is not held on to",
        "Leave `checkpoint` out for the latest one; keep proofs that you need later, they stay true";
        "該檢查點的狀態已不再保留", "請省略 `checkpoint` 以使用最新檢查點；日後需要的證明請自行保存，其效力不變"
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
    UNPROCESSABLE_ENTITY "wrong_authorization": "the signature of the authorization does not match",
        "Let the wallet sign this very reference and body again, or show its code again";
        "授權的簽章不符", "請由會員錢包對相同的參考號與內容重新簽署，或重新出示授權碼"

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
    UNPROCESSABLE_ENTITY "key_revoked": "the key was revoked",
        "Sign with another key of the merchant; a governor adds one with `tally submit add-key`";
        "此金鑰已撤銷", "請改用該商戶的其他金鑰；治理金鑰可用 `tally submit add-key` 新增"
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
    UNPROCESSABLE_ENTITY "wrong_store": "the key is bound to a store that is not the operation's",
        "Name a till of the key's own store, or sign with a key that is bound to none";
        "此金鑰限定的門市與操作不符", "請填入該金鑰所屬門市的收銀機，或改用未限定門市的金鑰"
    UNPROCESSABLE_ENTITY "wrong_party": "the merchant is not the party that may do this",
        "Points are issued by their class's issuer, legs confirmed by their payee";
        "該商戶無權進行此操作", "積分由其發行商戶發行，結算款由收款商戶確認"
    UNPROCESSABLE_ENTITY "foreign_custodian": "the member is in another merchant's custody",
        "Only the custodian that /v1/members tells may do this for the member";
        "該會員由其他商戶託管", "僅 /v1/members 所示的託管商戶可代會員進行"
    UNPROCESSABLE_ENTITY "authorization_required": "the member has a wallet, and only its key can authorize this",
        "Let the member's phone sign the operation, under a new reference";
        "會員已有錢包，須由其金鑰授權", "請由會員手機以新的參考號簽署此操作"
    UNPROCESSABLE_ENTITY "authorization_chain": "the authorization is for another alliance",
        "Let the wallet sign for the chain id that /v1/status tells, under a new reference";
        "授權屬於另一個聯盟", "請由錢包以 /v1/status 所示的 chain id 及新的參考號重新授權"
    UNPROCESSABLE_ENTITY "authorization_acceptor": "the authorization is for another merchant",
        "Let the wallet sign again for the merchant that submits the operation, under a new reference";
        "授權對象為其他商戶", "請由錢包以送出操作的商戶為對象，用新的參考號重新授權"
    UNPROCESSABLE_ENTITY "authorization_expired": "the authorization's validity ended before the block's time",
        "Let the wallet sign again, under a new reference";
        "授權已過期", "請由錢包以新的參考號重新授權"
    UNPROCESSABLE_ENTITY "wrong_wallet_key": "the authorization is not by the member's wallet key",
        "Let the key sign that is on record for the member now, which /v1/members tells, under a new reference";
        "授權並非由會員目前的錢包金鑰簽署", "請以 /v1/members 所示該會員目前的金鑰及新的參考號重新簽署"
    UNPROCESSABLE_ENTITY "grant_member": "the spend grant is for another member's points",
        "Let the member whose card is used show its own code, and use it under a new reference";
        "消費授權碼屬於其他會員", "請由該會員卡的本人出示授權碼，並使用新的參考號"
    UNPROCESSABLE_ENTITY "grant_class": "the spend grant is for points of another class",
        "Spend the class that the grant names, or let the member make another; either under a new reference";
        "消費授權碼適用於其他積分種類", "請使用授權碼所載的積分種類，或請會員另行授權；均須使用新的參考號"
    UNPROCESSABLE_ENTITY "grant_acceptor": "the spend grant does not name the merchant",
        "Let the member make a grant that names this merchant, and use it under a new reference";
        "消費授權碼未列出此商戶", "請會員產生列有此商戶的授權碼，並使用新的參考號"
    UNPROCESSABLE_ENTITY "grant_expired": "the spend grant has expired",
        "Let the member show a new code, and use it under a new reference";
        "消費授權碼已過期", "請會員出示新的授權碼，並使用新的參考號"
    UNPROCESSABLE_ENTITY "grant_too_long": "the spend grant expires more than 24 hours ahead",
        "Use it later, or let the member make a shorter one; either under a new reference";
        "消費授權碼的期限超過 24 小時", "請稍後再用，或請會員產生期限較短的授權碼；均須使用新的參考號"
    UNPROCESSABLE_ENTITY "member_frozen": "the member is frozen",
        "The member's custodian unfreezes it; until then it can only receive points";
        "會員已凍結", "須由託管商戶解凍；在此之前只能收受積分"
    UNPROCESSABLE_ENTITY "member_not_frozen": "the member is not frozen",
        "Nothing is left to do";
        "會員並未凍結", "無須再處理"
    UNPROCESSABLE_ENTITY "holder_not_permitted": "the class does not permit this to the member's kind of holder",
        "Choose a class whose permissions in /v1/classes list the kind of holder";
        "此積分種類不允許該類持有人進行此操作", "請選擇 /v1/classes 的權限中列有該類持有人的種類"

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
    UNPROCESSABLE_ENTITY "unknown_hold": "the merchant has no such hold of the last 90 days",
        "Give the reference under which this merchant placed the hold";
        "該商戶近 90 天內沒有此預扣", "請使用該商戶建立預扣時的參考號"
    UNPROCESSABLE_ENTITY "unknown_original": "the merchant has no such operation of the last 90 days",
        "Give the reference of the sale at this merchant; older sales can no longer be reversed";
        "該商戶近 90 天內沒有此原始操作", "請使用該商戶原交易的參考號；更早的交易無法沖正"
    UNPROCESSABLE_ENTITY "wallet_exists": "the member has a wallet key already",
        "Rotate it by the old key, or recover it";
        "會員已有錢包金鑰", "請以舊金鑰更換，或由託管商戶辦理復原"
    UNPROCESSABLE_ENTITY "wallet_missing": "the member has no wallet key",
        "Register one first";
        "會員沒有錢包金鑰", "請先登記錢包金鑰"
    UNPROCESSABLE_ENTITY "key_exists": "the key is or was an operator key of the merchant already",
        "Make a new key with `tally keys new`; a revoked one never comes back";
        "該金鑰已是或曾是此商戶的操作金鑰", "請以 `tally keys new` 產生新金鑰；已撤銷的金鑰不可再用"
    UNPROCESSABLE_ENTITY "unknown_operator_key": "the merchant has no such operator key",
        "Take a key from /v1/merchants/{merchant}/keys";
        "該商戶沒有此操作金鑰", "請使用 /v1/merchants/{merchant}/keys 所列的金鑰"

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
    UNPROCESSABLE_ENTITY "below_min_out": "it yields less than the minimum asked for, or nothing",
        "Read /v1/rates again and ask the member to agree to what it yields now";
        "兌換所得少於要求的下限，或為零", "請重新查詢 /v1/rates，並徵得會員同意目前可得數量"
    UNPROCESSABLE_ENTITY "hold_period": "the hold's time-out does not lie within the next 7 days",
        "Set release_ms after the block time that /v1/status tells, and at most 7 days after it";
        "預扣的到期時間不在未來 7 天內", "請將 release_ms 設在 /v1/status 所示區塊時間之後 7 天內"
    UNPROCESSABLE_ENTITY "above_hold": "the hold holds fewer points",
        "Capture at most what was held";
        "請款積分超過預扣數量", "請款不得超過預扣的積分"
    UNPROCESSABLE_ENTITY "above_original": "less is left of the original to be reversed",
        "Reverse at most what earlier reversals have left";
        "可沖正的餘額不足", "沖正合計不得超過原操作"

    // Limits (500-599).
    UNPROCESSABLE_ENTITY "no_consent_limit":
        "the member's daily limit for redemptions without the member's own consent is used up",
        "Let the member's phone authorize it, under a new reference; without a wallet redeem less, tomorrow, or at the member's \
         custodian";
        "會員當日未經本人同意的核銷額度已用完", "請由會員手機以新的參考號授權；無錢包者請減少數量、次日再試，或於託管商戶核銷"
    UNPROCESSABLE_ENTITY "custodian_member_limit":
        "the class's daily limit for what a custodian takes from one member is used up",
        "Take less, or wait until tomorrow";
        "託管商戶當日對單一會員的額度已用完", "請減少數量或次日再試"
    UNPROCESSABLE_ENTITY "custodian_limit":
        "the class's daily limit for what a custodian takes from all its members is used up",
        "Take less, or wait until tomorrow";
        "託管商戶當日對全部會員的額度已用完", "請減少數量或次日再試"
    UNPROCESSABLE_ENTITY "net_debit_cap": "the net debit cap of the merchant that comes to owe is reached",
        "It must pay its open legs, or wait for the cycle's close; other merchants' points are not affected";
        "應付方商戶已達淨借記上限", "須待該商戶付清未結款項或週期結算；其他商戶的積分不受影響"
    UNPROCESSABLE_ENTITY "grant_exhausted": "fewer points are left of the spend grant",
        "Spend less, or let the member make a new grant; either under a new reference";
        "消費授權碼的剩餘額度不足", "請減少數量，或請會員產生新的授權碼；均須使用新的參考號"
    UNPROCESSABLE_ENTITY "store_redeem_limit": "the store's daily limit for redemptions is used up",
        "A governor raises it with `tally submit set-store-limits`; or wait until tomorrow";
        "門市當日核銷額度已用完", "可由治理金鑰以 `tally submit set-store-limits` 調高，或次日再試"
    UNPROCESSABLE_ENTITY "store_refund_limit": "the store's daily limit for refunds is used up",
        "A governor raises it with `tally submit set-store-limits`; or wait until tomorrow";
        "門市當日退款額度已用完", "可由治理金鑰以 `tally submit set-store-limits` 調高，或次日再試"

    // Settlement and time (600-699).
    UNPROCESSABLE_ENTITY "leg_confirmed": "the leg is confirmed already",
        "Nothing is left to do";
        "該結算款項已確認", "無須再處理"
    UNPROCESSABLE_ENTITY "leg_amount": "the amount is not the leg's",
        "Give the leg's amount from /v1/settlements; a leg is confirmed as a whole";
        "金額與結算款項不符", "請使用 /v1/settlements 所列金額；款項須整筆確認"
    UNPROCESSABLE_ENTITY "hold_captured": "the hold was captured already",
        "Nothing is left to do; a sale is undone with reverse_redeem";
        "預扣已請款", "無須再處理；如需退款請使用 reverse_redeem"
    UNPROCESSABLE_ENTITY "hold_voided": "the hold was voided already",
        "Place a new hold";
        "預扣已取消", "請重新建立預扣"
    UNPROCESSABLE_ENTITY "hold_timed_out": "the hold has timed out",
        "The points are back with the member; place a new hold";
        "預扣已逾時", "積分已退回會員；請重新建立預扣"
    UNPROCESSABLE_ENTITY "not_reversible": "the original was refused, or is of a kind that this does not reverse",
        "reverse_redeem takes a redeem or capture, reverse_issue an issue; exchanges and gifts do not reverse";
        "原操作不可沖正", "reverse_redeem 適用於核銷或請款，reverse_issue 適用於發行；兌換與轉贈不可沖正"
    UNPROCESSABLE_ENTITY "refund_too_late": "the refund window of the original has passed",
        "The window is refund_window_days in /v1/genesis; settle it with the member outside the ledger";
        "已超過原交易的退款期限", "期限為 /v1/genesis 的 refund_window_days；請與會員另行處理"
    UNPROCESSABLE_ENTITY "key_already_revoked": "the key was revoked already",
        "Nothing is left to do";
        "該金鑰已撤銷", "無須再處理"
    UNPROCESSABLE_ENTITY "last_governor_key": "the key is the merchant's last governor key",
        "Add another governor key first, or rotate this one";
        "該金鑰是商戶最後一把治理金鑰", "請先新增另一把治理金鑰，或改用更換金鑰"
    UNPROCESSABLE_ENTITY "unknown_dispute": "there is no dispute of this operation",
        "Check merchant and original; open_dispute opens one, /v1/disputes lists them";
        "該操作沒有爭議紀錄", "請檢查 merchant 與 original；以 open_dispute 提出，/v1/disputes 可查"
    UNPROCESSABLE_ENTITY "unknown_ratio": "the partner's points are not imported into this class",
        "Import into a class that /v1/genesis lists for the partner";
        "該合作方的積分不可匯入此積分種類", "請匯入 /v1/genesis 為該合作方所列的積分種類"
    UNPROCESSABLE_ENTITY "no_such_split": "the class is no sub class of that main class",
        "A split goes from a main class into one of its own sub classes, see /v1/classes; there is no way back";
        "該種類不是此主積分的子積分", "拆分只能由主積分轉為其子積分（見 /v1/classes），不可轉回"
    UNPROCESSABLE_ENTITY "outside_industry": "points of this class are not spent in the merchant's industry",
        "Take points of another class; the class lists its industries in /v1/classes";
        "此種積分不適用於本商戶的行業", "請改用其他積分；適用行業見 /v1/classes"
    UNPROCESSABLE_ENTITY "not_exchangeable": "points of a sub class are not exchanged",
        "Exchange main points; sub points are spent where they serve";
        "子積分不可兌換", "請兌換主積分；子積分僅可在適用範圍內使用"
    UNPROCESSABLE_ENTITY "below_min_lot": "the points are worth less than the least lot that is exchanged",
        "Exchange more at once; min_lot_fen of the pair is in /v1/rates";
        "低於最低兌換額", "請增加單次兌換數量；最低額見 /v1/rates 的 min_lot_fen"
    UNPROCESSABLE_ENTITY "yields_more": "the split would yield more value than goes in",
        "The issuer's anchors no longer cover the split rate; the issuer has to open a sub class with a lower one";
        "拆分所得價值高於投入價值", "發行方的錨定值已不足以支持此拆分比率，須另設較低比率的子積分"
    UNPROCESSABLE_ENTITY "anchor_unchanged": "the anchor is the present one",
        "Announce another value";
        "錨定值與現值相同", "請公告不同的數值"
    UNPROCESSABLE_ENTITY "notice_too_short": "the announcement does not come early enough before it takes effect",
        "Choose a later time: what is worse for members needs notice_business_days of /v1/parameters, in business days";
        "公告期不足", "請選擇較晚的生效時間；不利會員的變更須提前 /v1/parameters 所列工作日數公告"
    UNPROCESSABLE_ENTITY "notice_too_long": "the announcement lies too far ahead",
        "Choose an earlier time: an anchor at most 90 days after its notice, another change at most 400 days ahead";
        "公告的生效時間過遠", "請選擇較早的生效時間：錨定值最遲爲公告期滿後 90 天，其他變更最遲爲 400 天內"
    UNPROCESSABLE_ENTITY "stale_quote": "the quote has ended, or the rates have changed since",
        "Ask for a new quote and show it to the member";
        "報價已失效，或匯率已變動", "請重新報價並向會員出示"
    UNPROCESSABLE_ENTITY "exchange_member_limit": "the member's daily limit for exchanges is used up",
        "Exchange what is left, which /v1/quotes tells, or come again tomorrow";
        "會員當日兌換額度已用完", "請於餘額內兌換（見 /v1/quotes），或次日再試"
    UNPROCESSABLE_ENTITY "exchange_pair_limit": "the daily limit for exchanges between these classes is used up",
        "Exchange what is left, which /v1/quotes tells, or come again tomorrow";
        "此兩種積分間的當日兌換額度已用完", "請於餘額內兌換（見 /v1/quotes），或次日再試"
    UNPROCESSABLE_ENTITY "not_prefunded": "the partner has not prefunded as much",
        "The partner posts more, put on record by set_collateral, or settles its open legs first";
        "合作方預存資金不足", "請合作方增加預存（由 set_collateral 登記），或先結清未確認款項"
    UNPROCESSABLE_ENTITY "collateral_short": "the payer's collateral does not cover the leg",
        "Ask the payer to post more, or to pay; set_collateral puts what was posted on record";
        "付款方的保證金不足以支付該筆款項", "請付款方增繳保證金或付款；以 set_collateral 登記"
    UNPROCESSABLE_ENTITY "payment_reported": "the payment of the leg was reported already",
        "Nothing is left to do; the payee confirms it with confirm_leg";
        "該筆款項已申報付款", "無須再處理；由收款方以 confirm_leg 確認"
    UNPROCESSABLE_ENTITY "leg_not_escalated": "the leg is not overdue for so long that it is before the governors",
        "Wait until the leg's deadline_ms";
        "該筆款項尚未逾期至須由治理方處理", "請等到該筆款項的 deadline_ms"
    UNPROCESSABLE_ENTITY "not_disputable": "the operation was refused, or nobody owes another participant for it",
        "Dispute a redemption or capture at another merchant, an exchange, or an import";
        "該操作不可提出爭議", "可爭議者為他商戶的核銷或請款、跨發行方兌換與匯入"
    UNPROCESSABLE_ENTITY "dispute_unbalanced": "the operation made the debtor owe less than is disputed",
        "Claim at most what the operation still makes you owe; what was reversed no longer counts";
        "爭議金額高於該操作的應付額", "請求金額不得超過該操作目前的應付額；已沖正部分不計"
    UNPROCESSABLE_ENTITY "dispute_late": "the time to dispute the operation has passed",
        "Settle it with the merchant outside the ledger";
        "已超過提出爭議的期限", "請與對方商戶另行處理"
    UNPROCESSABLE_ENTITY "anchor_pending": "another anchor is announced for the class and not in effect yet",
        "Wait until it is in effect; /v1/rates tells when";
        "該積分已有尚未生效的錨定值公告", "請待其生效（時間見 /v1/rates）"
    UNPROCESSABLE_ENTITY "import_reused": "the external reference was imported before",
        "Nothing is left to do if it is the same import; else use a new external reference";
        "該外部參考號已匯入過", "如為同一筆則無須處理；否則請使用新的外部參考號"
    UNPROCESSABLE_ENTITY "voiced_already": "the merchant's voice is counted already",
        "Wait for the other merchants";
        "本商戶的表態已計入", "請等待其他商戶表態"
    UNPROCESSABLE_ENTITY "dispute_exists": "the operation is or was disputed already",
        "See the dispute in /v1/disputes; an operation is disputed once";
        "該操作已有爭議紀錄", "請查看 /v1/disputes；每筆操作僅可爭議一次"
    UNPROCESSABLE_ENTITY "dispute_closed": "the dispute was answered already, or has ended",
        "See the dispute in /v1/disputes";
        "該爭議已答覆或已結束", "請查看 /v1/disputes"
    UNPROCESSABLE_ENTITY "disputed": "the sale is disputed, or was adjusted after a dispute",
        "Nothing is left to undo, or wait until the dispute ends";
        "該交易有爭議，或已因爭議調整", "請待爭議結束；已調整者無須再沖正"
    UNPROCESSABLE_ENTITY "dispute_not_contested": "the dispute is not before the governors",
        "The creditor answers first; see the dispute in /v1/disputes";
        "該爭議尚未交由治理方裁定", "應先由債權方答覆；見 /v1/disputes"
    FORBIDDEN "departed": "the merchant has left the alliance: its keys sign nothing",
        "Read on; to act again the merchant has to be admitted anew under another number";
        "商戶已退出聯盟，其密鑰不再有效", "仍可查詢；如要再次參與，須以新編號重新加入"
    UNPROCESSABLE_ENTITY "merchant_suspended": "the merchant is suspended: it issues no points and has no voice",
        "Ask the other merchants to reinstate it; points are redeemed meanwhile";
        "商戶已被暫停：不得發行積分，亦無表決權", "請其他商戶提案恢復；暫停期間仍可核銷"
    UNPROCESSABLE_ENTITY "merchant_leaving": "the merchant is leaving the alliance",
        "Use another merchant's points; /v1/merchants tells until when these can be spent";
        "該商戶正在退出聯盟", "請改用其他商戶的積分；可使用期限見 /v1/merchants"
    UNPROCESSABLE_ENTITY "merchant_gone": "the merchant has left the alliance",
        "Choose a merchant that is in the alliance; /v1/merchants lists them";
        "該商戶已退出聯盟", "請選擇仍在聯盟內的商戶（見 /v1/merchants）"
    UNPROCESSABLE_ENTITY "unknown_proposal": "there is no such proposal",
        "Check merchant and reference of the proposal; /v1/proposals lists them";
        "查無此提案", "請檢查提案的商戶與參考號（見 /v1/proposals）"
    UNPROCESSABLE_ENTITY "merchant_exists": "the merchant's number is taken",
        "Choose another number; that of a merchant that left is not given again";
        "商戶編號已被使用", "請使用其他編號；已退出商戶的編號不再使用"
    UNPROCESSABLE_ENTITY "unknown_referral": "the member was not referred to the merchant",
        "Refer the member before its first purchase there";
        "該會員未被推薦至此商戶", "請於會員首次消費前先作推薦"
    UNPROCESSABLE_ENTITY "parameters_out_of_bounds": "a number lies outside its bounds, or what is fixed would change",
        "Correct the proposal; the bounds are those of genesis, and the cycle's length is fixed";
        "數值超出範圍，或涉及不可變更的項目", "請修正提案；範圍同創世設定，結算週期長度不可變更"
    UNPROCESSABLE_ENTITY "scope_narrowed": "merchants or industries that accept the points would no longer do so",
        "Name at least the present ones; for a narrower scope open another class";
        "積分的適用範圍不得縮小", "請至少列出現有的商戶與行業；如需較小範圍請另設積分種類"
    UNPROCESSABLE_ENTITY "below_criteria": "the merchant's revenue or members do not suffice",
        "The criteria are in parameters.admission of /v1/parameters";
        "商戶的年營收或會員數未達標準", "標準見 /v1/parameters 的 admission"
    UNPROCESSABLE_ENTITY "not_attested": "no attester on record has signed this admission",
        "Have it signed by one of parameters.admission.attesters, over exactly what is proposed";
        "未經登記的見證方簽署", "請由 admission.attesters 所列見證方就提案內容簽署"
    UNPROCESSABLE_ENTITY "positions_open": "something is still to be settled with the merchant, or bought out of its points",
        "Close the cycle, confirm its legs and end its disputes first; /v1/obligations tells what is open";
        "該商戶尚有未結清款項或未回購的積分", "請先完成結算、確認款項並了結爭議（見 /v1/obligations）"
    UNPROCESSABLE_ENTITY "voting_closed": "the vote is over",
        "See what became of it in /v1/proposals; it may be proposed again";
        "表決已結束", "結果見 /v1/proposals；可重新提案"
    UNPROCESSABLE_ENTITY "change_pending": "another change of the same has passed and is not in effect yet",
        "Wait until it is in effect; /v1/notices tells when";
        "同一事項已有通過而尚未生效的變更", "請待其生效（時間見 /v1/notices）"
    UNPROCESSABLE_ENTITY "change_superseded": "what it was to change is not what it was any more",
        "Propose it again, from what is now";
        "變更的依據已非現況", "請依現況重新提案"
    UNPROCESSABLE_ENTITY "class_closed": "the class is closed: its issuer has left or is about to",
        "Its points were bought out or exchanged; the member's statement tells what for";
        "該積分已終止：發行商戶已退出或即將退出", "積分已回購或轉換，詳見會員對帳單"
    UNPROCESSABLE_ENTITY "not_suspended": "the merchant is not suspended",
        "Nothing is left to do";
        "該商戶未被暫停", "無須處理"
    UNPROCESSABLE_ENTITY "not_leaving": "the merchant is not leaving",
        "Propose its exit first";
        "該商戶並未退出", "請先提出退出提案"
    UNPROCESSABLE_ENTITY "run_off_running": "the merchant's run-off is not over",
        "Wait until the end of the run-off, which /v1/merchants tells";
        "該商戶的清退期未滿", "請待清退期滿（時間見 /v1/merchants）"
    UNPROCESSABLE_ENTITY "last_merchant": "no other merchant would have a voice",
        "Reinstate or admit another merchant first";
        "其餘商戶均無表決權", "請先恢復或加入其他商戶"
    UNPROCESSABLE_ENTITY "referral_exists": "the member was referred to the merchant before",
        "Nothing is left to do; a member is referred to a merchant once";
        "該會員已被推薦至此商戶", "無須處理；每位會員對同一商戶僅可推薦一次"
    UNPROCESSABLE_ENTITY "referral_converted": "the referral is converted already",
        "Nothing is left to do";
        "該推薦已轉化", "無須處理"
    UNPROCESSABLE_ENTITY "not_converting": "the operation is no purchase that converts the referral",
        "Name the member's own purchase at that merchant, after the referral and in its time, that is not refunded";
        "該操作不能轉化此推薦", "請指定會員於推薦後期限內在該商戶的消費，且未全額退款"
    UNPROCESSABLE_ENTITY "unknown_checkpoint": "the block is no checkpoint that is on record",
        "Name a height that /v1/checkpoints lists";
        "該區塊不是已登記的檢查點", "請指定 /v1/checkpoints 所列的高度"
    UNPROCESSABLE_ENTITY "not_validating": "the merchant did not validate at that height",
        "Only the validators of a checkpoint's own height attest it; nothing is to be done";
        "該商戶在該高度不是驗證者", "僅該檢查點高度的驗證者可為其背書；無需處理"
    UNPROCESSABLE_ENTITY "attested_already": "the merchant has attested this checkpoint",
        "Nothing is to be done: what was attested first stands";
        "該商戶已為此檢查點背書", "無需處理：以首次背書為準"
    UNPROCESSABLE_ENTITY "wrong_attestation": "a signature is not the merchant's cosigner key's over the checkpoint",
        "Check that keys.cosigner of the node is the key on record, and that node and client are of one version";
        "簽章並非該商戶共簽金鑰對此檢查點所作", "請確認節點的 keys.cosigner 即登記的金鑰，且節點與客戶端版本一致"
    UNPROCESSABLE_ENTITY "checkpoint_not_final": "too few merchants have attested the checkpoint",
        "Submit the evidence again once the checkpoint is final, which /v1/checkpoints tells";
        "為此檢查點背書的商戶尚不足", "請待檢查點成為最終（見 /v1/checkpoints）後再提交證據"
    UNPROCESSABLE_ENTITY "anchored_already": "the evidence is on record already",
        "Nothing is to be done";
        "該證據已登記在冊", "無需處理"
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
