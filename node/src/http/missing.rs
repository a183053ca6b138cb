//! What the ledger does not have, told in Chinese; the English is `Display` of [`Missing`].

use crate::query::Missing;

/// A sentence without its full stop.
pub fn chinese(missing: &Missing) -> String {
    match missing {
        Missing::Merchant(id) => format!("沒有商戶 `{id}`"),
        Missing::Member(address) => format!("沒有會員 `{address}`"),
        Missing::Class(id) => format!("沒有積分類別 `{id}`"),
        Missing::Store(merchant, store) => format!("商戶 {merchant} 沒有門市 `{store}` 的紀錄"),
        Missing::Operation(merchant, reference) => format!("商戶 {merchant} 沒有最終確定的操作 `{reference}`"),
        Missing::Transaction(id) => format!("沒有執行過交易 `{id}`"),
        Missing::Cycle(cycle) => format!("沒有結算週期 `{cycle}`"),
        Missing::ClosedCycle(cycle) => format!("沒有已結帳的結算週期 `{cycle}`"),
        Missing::Distribution(month) => format!("聯盟資金池在 `{month}` 沒有分配"),
        Missing::Checkpoint(height) => format!("區塊 {height} 不是經商戶簽認的檢查點"),
        Missing::FinalCheckpoint => "尚無最終確定的檢查點".to_owned(),
        Missing::Holding(holder, class) => format!("會員 `{holder}` 在該檢查點的狀態中沒有類別 {class} 的持有額"),
        Missing::Anchor(None, None) => "尚無任何檢查點的外部錨定".to_owned(),
        Missing::Anchor(None, Some(height)) => format!("區塊 {height} 的檢查點沒有外部錨定"),
        Missing::Anchor(Some(evidence), None) => format!("沒有任何檢查點的外部錨定帶有證據 `{evidence}`"),
        Missing::Anchor(Some(evidence), Some(height)) => {
            format!("區塊 {height} 的檢查點沒有帶有證據 `{evidence}` 的外部錨定")
        }
        Missing::Entry(index) => format!("日誌尚無項目 {index}"),
        Missing::Tile(id) => format!("日誌尚無 {id}"),
        Missing::Block(height) => format!("本節點讀不出區塊 {height}"),
    }
}
