//! What was checked, in the reader's language, and how memory is written.

use tally_ledger::verify::{Check, Report};

use crate::output::Lang;

/// Name of a check, and how it was done or why not.
pub fn check(check: &Check, report: &Report, lang: Lang) -> (String, String) {
    let Check { name, detail, .. } = check;
    match lang {
        Lang::En => ((*name).to_owned(), detail.clone()),
        Lang::Zh => chinese(name, report).unwrap_or_else(|| ((*name).to_owned(), detail.clone())),
    }
}

/// Memory for people, from bytes.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn chinese(name: &str, report: &Report) -> Option<(String, String)> {
    let (height, checkpoints, anchors) = (report.height, &report.checkpoints, &report.anchors);
    let (name, detail) = match name {
        "genesis" => ("創世設定", "與所給檔案逐位元組一致".to_owned()),
        "hash chain" => ("雜湊鏈", "每個區塊都寫明前一區塊的標識，直至鏈標識".to_owned()),
        "certificates" => ("提交憑證", "每個高度都有超過三分之二的驗證節點簽名；驗證節點由之前的區塊推出".to_owned()),
        "signatures" => ("交易簽名", "逐筆按 ZIP-215 驗證".to_owned()),
        "log root" => ("日誌根", "每個區塊的交易根，以及其後的日誌根與大小".to_owned()),
        "re-execution" => ("重新執行", "逐項操作；回執、到期作業與狀態雜湊均由交易推出".to_owned()),
        "conservation" => ("守恆", "各類積分、計數、結算週期與淨部位在全部狀態中相符".to_owned()),
        "cosignatures" => ("聯署", "每份簽認的三個簽名，均由該高度的聯署金鑰作出".to_owned()),
        "state roots" if check_is_open(report, name) => ("狀態根", format!("{} 個檢查點均無人簽認", checkpoints.count)),
        "state roots" => {
            let detail = format!(
                "由重新執行的狀態算出 {} 個（共 {} 個檢查點，{} 個已終局）",
                checkpoints.worked_out, checkpoints.count, checkpoints.finals
            );
            ("狀態根", detail)
        }
        "other state roots" => {
            ("其餘狀態根", format!("{} 個檢查點僅在商戶之間比對；用 --roots all 逐個計算", checkpoints.compared))
        }
        "anchors" if anchors.count == 0 => ("外部錨定", "這些區塊中沒有".to_owned()),
        "anchors" => {
            let detail =
                format!("共 {} 個，受信機構 {} 個，虛假 {} 個", anchors.count, anchors.believed, anchors.refuted);
            ("外部錨定", detail)
        }
        "other anchors" => ("其餘錨定", format!("{} 個出自未受信的機構：用 --trust 指明", anchors.untrusted)),
        "blocks before" => {
            let from = report.resumed_from.unwrap_or_default();
            ("之前的區塊", format!("先前已驗證至區塊 {from}；此次只查了校驗和，以及末塊相同"))
        }
        "outcome of the last block" => {
            ("末塊的結果", format!("區塊 {height} 之後尚無區塊頭記載：其日誌根與狀態雜湊僅由重新執行得出"))
        }
        "completeness" => ("完整性", format!("區塊 {height} 之後是否還有區塊：與節點或另一份封存檔比較")),
        "authors" => ("作者", "創世設定中的金鑰是否屬於各商戶：與其核對鏈標識".to_owned()),
        _ => return None,
    };
    Some((name.to_owned(), detail))
}

fn check_is_open(report: &Report, name: &str) -> bool {
    report.checks.iter().any(|check| check.name == name && !check.checked)
}
