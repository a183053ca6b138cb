//! The report as a page: one HTML file without scripts or anything from elsewhere, in English or Chinese.

use tally_contracts::types::Height;
use tally_ledger::verify::anchors::{AnchorKind, AnchorRow, AnchorVerdict};
use tally_ledger::verify::checkpoints::CheckpointRow;
use tally_ledger::verify::{Failure, Finding, FindingKind, Report};

use crate::output::{Lang, utc_text};

use super::words;

/// Most rows of a table; `report.json` has more.
const MAX_ROWS: usize = 100;

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse;margin:.5em 0 1.5em}th,td{border:1px solid #bbb;padding:.25em .6em;text-align:left;\
    vertical-align:top}th{background:#eee}td.n{text-align:right}code{overflow-wrap:anywhere}.yes{color:#060}\
    .no{color:#a00;font-weight:bold}.open{color:#850}";

/// The page of an archive that verifies.
pub fn verified(report: &Report, archive: &str, memory_bytes: Option<u64>, lang: Lang) -> String {
    let verdict = if report.findings.is_empty() {
        paragraph(
            "yes",
            lang.pick(
                "Verified: everything in the archive follows from the genesis.",
                "驗證通過：封存檔中的一切均由創世設定推出。",
            ),
        )
    } else {
        let text = lang.pick(
            "The chain verifies, but it holds statements that are not so; they are named below.",
            "鏈本身驗證通過，但其中有不實的陳述，見下文。",
        );
        paragraph("no", text)
    };
    let parts = [
        verdict,
        facts(report, archive, memory_bytes, lang),
        findings(&report.findings, lang),
        checks(report, lang),
        checkpoints(report, lang),
        anchors(report, lang),
        validators(report, lang),
    ];
    page(&report.name, &parts.concat(), lang)
}

/// The page of an archive that does not.
pub fn failed(failure: &Failure, archive: &str, lang: Lang) -> String {
    let mut rows = vec![
        row(lang.pick("archive", "封存檔"), archive),
        row(lang.pick("place", "位置"), &failure.place.to_string()),
        row(lang.pick("what is wrong", "問題"), &failure.reason),
        row(
            lang.pick("bytes", "位元組範圍"),
            &format!("{}..{}", failure.place.offset, failure.place.offset + failure.place.bytes),
        ),
    ];
    if let Some(byte) = failure.byte {
        let text = match lang {
            Lang::En => format!("byte {} reads {:#04x}, must read {:#04x}", byte.offset, byte.found, byte.expected),
            Lang::Zh => format!("第 {} 位元組為 {:#04x}，應為 {:#04x}", byte.offset, byte.found, byte.expected),
        };
        rows.push(row(lang.pick("first bad byte", "首個錯誤位元組"), &text));
    }
    rows.push(row(lang.pick("right up to block", "至此區塊均正確"), &failure.verified.to_string()));
    let parts = [
        paragraph("no", lang.pick("NOT verified.", "驗證未通過。")),
        table(&[lang.pick("what", "項目"), lang.pick("finding", "結果")], &rows),
    ];
    page(archive, &parts.concat(), lang)
}

fn facts(report: &Report, archive: &str, memory_bytes: Option<u64>, lang: Lang) -> String {
    let resumed = report.resumed_from.map_or_else(String::new, |height| height.to_string());
    let memory = memory_bytes.map_or_else(String::new, words::mebibytes);
    let facts = [
        ("archive", "封存檔", archive.to_owned()),
        ("chain id", "鏈標識", report.chain_id.to_string()),
        ("blocks", "區塊數", report.height.to_string()),
        ("last block", "最後區塊", report.block_id.to_string()),
        ("log root", "日誌根", report.log_root.to_string()),
        ("leaves", "日誌葉數", report.leaves.to_string()),
        ("state hash", "狀態雜湊", report.state_hash.to_string()),
        ("transactions", "交易數", report.transactions.to_string()),
        ("operations applied", "已執行操作", report.operations.applied.to_string()),
        ("operations rejected", "被拒操作", report.operations.rejected.to_string()),
        ("duplicates", "重複操作", report.operations.duplicate.to_string()),
        ("vote signatures", "投票簽名", report.vote_signatures.to_string()),
        ("settlements", "結算週期", report.settlements.to_string()),
        ("bytes", "位元組數", report.bytes.to_string()),
        ("taken over up to block", "沿用先前驗證至區塊", resumed),
        ("seconds", "耗時（秒）", format!("{:.1}", report.seconds)),
        ("operations a second", "每秒操作數", format!("{:.0}", report.operations_per_second)),
        ("threads", "執行緒數", report.threads.to_string()),
        ("most memory", "記憶體峰值", memory),
    ];
    let rows: Vec<_> =
        facts.iter().filter(|(.., value)| !value.is_empty()).map(|(en, zh, v)| row(lang.pick(en, zh), v)).collect();
    table(&[lang.pick("what", "項目"), lang.pick("value", "值")], &rows)
}

fn findings(findings: &[Finding], lang: Lang) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = findings.iter().take(MAX_ROWS).map(|finding| finding_row(finding, lang)).collect();
    let headings = [
        lang.pick("checkpoint", "檢查點"),
        lang.pick("merchant", "商戶"),
        lang.pick("what", "類別"),
        lang.pick("what is wrong", "問題"),
    ];
    section(lang.pick("Statements that are not so", "不實的陳述"), findings.len(), &table(&headings, &rows), lang)
}

fn finding_row(finding: &Finding, lang: Lang) -> Vec<String> {
    let kind = match finding.kind {
        FindingKind::OtherRoots => lang.pick("other roots attested", "簽認了不同的根"),
        FindingKind::FalseAnchor => lang.pick("false anchor", "虛假錨定"),
    };
    vec![finding.height.to_string(), finding.merchant.to_string(), kind.to_owned(), finding.reason.clone()]
}

fn checks(report: &Report, lang: Lang) -> String {
    let rows: Vec<_> = report
        .checks
        .iter()
        .map(|check| {
            let (name, detail) = words::check(check, report, lang);
            let mark = if check.checked { lang.pick("checked", "已查") } else { lang.pick("not checked", "未查") };
            vec![name, mark.to_owned(), detail]
        })
        .collect();
    let headings = [lang.pick("check", "檢查"), "", lang.pick("how, or why not", "方式，或未查的原因")];
    format!(
        "<h2>{}</h2>{}",
        lang.pick("What was checked, and what was not", "查了什麼，沒查什麼"),
        table(&headings, &rows)
    )
}

fn checkpoints(report: &Report, lang: Lang) -> String {
    let found = &report.checkpoints;
    let latest = found.latest_final.map_or_else(|| "–".to_owned(), |height| height.to_string());
    let open: Vec<String> = found.never_final.iter().rev().take(MAX_ROWS).rev().map(Height::to_string).collect();
    let summary = match lang {
        Lang::En => format!(
            "{} on record, {} final, the last final one at block {latest}; roots worked out anew at {}, only compared among \
             merchants at {}. Never final: {}.",
            found.count,
            found.finals,
            found.worked_out,
            found.compared,
            list(&open)
        ),
        Lang::Zh => format!(
            "共 {} 個，已終局 {} 個，最後一個終局檢查點在區塊 {latest}；重新計算了 {} 個的根，僅在商戶間比對 {} 個。未終局：{}。",
            found.count,
            found.finals,
            found.worked_out,
            found.compared,
            list(&open)
        ),
    };
    let rows: Vec<_> = found.listed.iter().rev().take(MAX_ROWS).map(|row| checkpoint_row(row, lang)).collect();
    let headings = [
        lang.pick("block", "區塊"),
        lang.pick("time (UTC)", "時間（UTC）"),
        lang.pick("leaves", "葉數"),
        lang.pick("attested", "簽認"),
        lang.pick("final", "終局"),
        lang.pick("roots", "根"),
        "state_root",
        "erc1155_root",
    ];
    let body = format!("<p>{}</p>{}", escaped(&summary), table(&headings, &rows));
    section(lang.pick("Checkpoints", "檢查點"), found.listed.len(), &body, lang)
}

fn checkpoint_row(row: &CheckpointRow, lang: Lang) -> Vec<String> {
    let yes = |is: bool| if is { lang.pick("yes", "是") } else { lang.pick("no", "否") }.to_owned();
    let origin = match (row.worked_out, row.roots) {
        (true, _) => lang.pick("worked out", "已重新計算"),
        (false, Some(_)) => lang.pick("as attested", "僅為簽認值"),
        (false, None) => "–",
    };
    let root = |of: fn(&tally_contracts::checkpoint::Roots) -> String| row.roots.as_ref().map_or_else(String::new, of);
    vec![
        row.height.to_string(),
        utc_text(row.time_ms),
        row.log_size.to_string(),
        format!("{}/{}", row.attested, row.needed),
        yes(row.is_final),
        origin.to_owned(),
        root(|roots| roots.state_root.to_string()),
        root(|roots| roots.erc1155_root.to_string()),
    ]
}

fn anchors(report: &Report, lang: Lang) -> String {
    let found = &report.anchors;
    let summary = match lang {
        Lang::En => format!(
            "{} on record: {} by operators that are trusted, {} by others, {} false.",
            found.count, found.believed, found.untrusted, found.refuted
        ),
        Lang::Zh => format!(
            "共 {} 個：受信機構 {} 個，其他機構 {} 個，虛假 {} 個。",
            found.count, found.believed, found.untrusted, found.refuted
        ),
    };
    let rows: Vec<_> = found.listed.iter().take(MAX_ROWS).map(|row| anchor_row(row, lang)).collect();
    let headings = [
        lang.pick("checkpoint", "檢查點"),
        lang.pick("in block", "所在區塊"),
        lang.pick("merchant", "商戶"),
        lang.pick("kind", "類別"),
        lang.pick("operator", "機構"),
        lang.pick("time (UTC)", "時間（UTC）"),
        lang.pick("verdict", "結論"),
        lang.pick("why", "原因"),
    ];
    let body = format!("<p>{}</p>{}", escaped(&summary), table(&headings, &rows));
    section(lang.pick("Anchors", "外部錨定"), found.listed.len(), &body, lang)
}

fn anchor_row(row: &AnchorRow, lang: Lang) -> Vec<String> {
    let kind = match row.kind {
        AnchorKind::TimeStamp => lang.pick("time stamp (RFC 3161)", "時間戳（RFC 3161）"),
        AnchorKind::Witness => lang.pick("witness", "見證者"),
    };
    let verdict = match row.verdict {
        AnchorVerdict::Believed => lang.pick("right", "屬實"),
        AnchorVerdict::Untrusted => lang.pick("not judged", "未判斷"),
        AnchorVerdict::Refuted => lang.pick("false", "虛假"),
    };
    vec![
        row.checkpoint.to_string(),
        row.height.to_string(),
        row.merchant.to_string(),
        kind.to_owned(),
        row.operator.clone().unwrap_or_default(),
        row.time_ms.map(utc_text).unwrap_or_default(),
        verdict.to_owned(),
        row.reason.clone().unwrap_or_default(),
    ]
}

fn validators(report: &Report, lang: Lang) -> String {
    let rows: Vec<_> = report
        .epochs
        .iter()
        .map(|epoch| {
            let merchants: Vec<String> = epoch.validators.iter().map(|v| v.merchant.to_string()).collect();
            vec![epoch.from_height.to_string(), merchants.join(", ")]
        })
        .collect();
    let headings = [lang.pick("from block", "自區塊"), lang.pick("merchants", "商戶")];
    section(lang.pick("Validators", "驗證節點"), rows.len(), &table(&headings, &rows), lang)
}

fn page(title: &str, body: &str, lang: Lang) -> String {
    let (code, heading) = (lang.pick("en", "zh"), lang.pick("Verification report", "驗證報告"));
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"{code}\"><head><meta charset=\"utf-8\"><title>{heading}: {title}</title>\
         <style>{STYLE}</style></head>\n<body><h1>{heading}: {title}</h1>\n{body}</body></html>\n"
    )
}

fn section(heading: &str, count: usize, body: &str, lang: Lang) -> String {
    let note = match lang {
        _ if count <= MAX_ROWS => String::new(),
        Lang::En => format!("<p>The table has {MAX_ROWS} of {count}; report.json has more.</p>"),
        Lang::Zh => format!("<p>表中列出 {count} 項中的 {MAX_ROWS} 項，其餘見 report.json。</p>"),
    };
    format!("<h2>{heading}</h2>{note}{body}")
}

fn paragraph(class: &str, text: &str) -> String {
    format!("<p class=\"{class}\">{}</p>\n", escaped(text))
}

fn row(name: &str, value: &str) -> Vec<String> {
    vec![name.to_owned(), value.to_owned()]
}

fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = headings.iter().map(|heading| format!("<th>{}</th>", escaped(heading))).collect();
    let cell = |text: &String| match text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.len() == 64 {
        true => format!("<td><code>{text}</code></td>"),
        false => format!("<td>{}</td>", escaped(text)),
    };
    let line = |row: &Vec<String>| format!("<tr>{}</tr>\n", row.iter().map(cell).collect::<String>());
    format!("<table><tr>{head}</tr>\n{}</table>\n", rows.iter().map(line).collect::<String>())
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "–".to_owned() } else { items.join(", ") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_archive_says_of_itself_is_no_markup() {
        let row = vec!["<script>".to_owned(), "a".repeat(64)];
        let text = table(&["\"x\""], &[row]);
        assert!(
            text.contains("&lt;script&gt;") && text.contains("&quot;x&quot;") && !text.contains("<script>"),
            "{text}"
        );
        assert!(text.contains(&format!("<code>{}</code>", "a".repeat(64))), "{text}");
    }
}
