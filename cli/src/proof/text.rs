//! What a proof shows, for people, in English or Chinese.

use tally_contracts::receipt::Outcome;
use tally_ledger::proof::{Proved, ProvedOperation, ProvedStatement, Vouched};

use crate::output::{Lang, utc_text};

/// The text of what is proved.
pub fn proved_text(proved: &Proved, lang: Lang) -> String {
    match proved {
        Proved::Operation(shown) => operation_text(shown, lang),
        Proved::Signed(vouched) => {
            format!(
                "{}\n{}",
                lang.pick("proved: the merchants vouch for this checkpoint", "已證明：商戶為此檢查點背書"),
                vouched_text(vouched, lang)
            )
        }
        Proved::Growth { from, to } => match lang {
            Lang::En => format!("proved: the log of {} entries begins with that of {}", to.log_size, from.log_size),
            Lang::Zh => format!("已證明：含 {} 項的日誌以含 {} 項的日誌為開頭", to.log_size, from.log_size),
        },
        Proved::Balance(shown) => {
            let said = match lang {
                Lang::En => {
                    format!("proved: {} has {} (minor units) of class {}", shown.holder, shown.points, shown.class)
                }
                Lang::Zh => {
                    format!("已證明：{} 持有種類 {} 的積分 {}（最小單位）", shown.holder, shown.class, shown.points)
                }
            };
            format!("{said}\n{}", vouched_text(&shown.vouched, lang))
        }
        Proved::Statement(shown) => statement_text(shown, lang),
        Proved::Settlement(shown) => {
            let head = match lang {
                Lang::En => format!("proved: settlement {} with {} legs", shown.cycle, shown.legs.len()),
                Lang::Zh => format!("已證明：結算週期 {}，共 {} 筆付款", shown.cycle, shown.legs.len()),
            };
            let leg = |leg: &tally_contracts::settlement::Leg| {
                format!("  {} -> {}  {} {}", leg.payer, leg.payee, leg.amount_fen, lang.pick("fen", "分"))
            };
            let lines: Vec<String> = [head]
                .into_iter()
                .chain(shown.legs.iter().map(leg))
                .chain([vouched_text(&shown.vouched, lang)])
                .collect();
            lines.join("\n")
        }
        Proved::Anchored { log_size, operator, time_ms } => match lang {
            Lang::En => {
                format!("proved: the log of {log_size} entries existed before {}, says {operator}", utc_text(*time_ms))
            }
            Lang::Zh => format!("已證明：含 {log_size} 項的日誌存在於 {} 之前，證明人 {operator}", utc_text(*time_ms)),
        },
    }
}

fn operation_text(shown: &ProvedOperation, lang: Lang) -> String {
    let outcome = match &shown.receipt.outcome {
        Outcome::Applied(_) => lang.pick("applied", "已執行").to_owned(),
        Outcome::Duplicate { height, .. } => {
            format!("{} {height}", lang.pick("a duplicate of one in block", "重複於區塊"))
        }
        Outcome::Rejected(rejection) => format!("{} {}", lang.pick("rejected:", "遭拒："), rejection.name()),
    };
    let ProvedOperation { height, merchant, operation, .. } = shown;
    let (kind, reference) = (operation.body.kind(), operation.reference);
    let said = match lang {
        Lang::En => {
            format!("proved: {kind} of merchant {merchant}, reference {reference}, in block {height}: {outcome}")
        }
        Lang::Zh => format!("已證明：商戶 {merchant} 的 {kind}，參考號 {reference}，在區塊 {height}：{outcome}"),
    };
    format!("{said}\n{}", vouched_text(&shown.vouched, lang))
}

fn statement_text(shown: &ProvedStatement, lang: Lang) -> String {
    let lines = shown.lines.iter().map(|line| {
        let reason = serde_json::to_value(line.reason).ok().and_then(|reason| reason.as_str().map(str::to_owned));
        format!("  block {:>8}  {:>+12}  {}", line.height.0, line.delta, reason.unwrap_or_default())
    });
    let head = match lang {
        Lang::En => format!("proved: a complete statement of {} movements", shown.lines.len()),
        Lang::Zh => format!("已證明：完整對帳單，共 {} 筆變動", shown.lines.len()),
    };
    let lines: Vec<String> = [head].into_iter().chain(lines).chain([vouched_text(&shown.to, lang)]).collect();
    lines.join("\n")
}

fn vouched_text(vouched: &Vouched, lang: Lang) -> String {
    let signers =
        vouched.signers.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect::<Vec<_>>().join(", ");
    let when = vouched.time_ms.map(|time_ms| format!(", {}", utc_text(time_ms))).unwrap_or_default();
    let block = vouched.height.map(|height| height.to_string());
    let at = match (lang, block) {
        (Lang::En, Some(block)) => format!("as of block {block}{when}"),
        (Lang::Zh, Some(block)) => format!("截至區塊 {block}{when}"),
        (Lang::En, None) => format!("in a log of {} entries", vouched.log_size),
        (Lang::Zh, None) => format!("於含 {} 項的日誌", vouched.log_size),
    };
    match lang {
        Lang::En => format!("{at}; vouched for by merchants {signers}"),
        Lang::Zh => format!("{at}；背書商戶：{signers}"),
    }
}
