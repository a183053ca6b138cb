//! What a node answers, as people read it: tables by field.

use serde_json::Value;

use crate::output::{Table, cny, cny_exact, items_of, text_of, utc_text};

/// The table of a list's items by field.
fn table(items: &[Value], columns: &[(&str, &str)]) -> String {
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let mut table = Table::new(&headings);
    for item in items {
        table.row(columns.iter().map(|(_, field)| cell(item, field)));
    }
    table.text()
}

/// Times and amounts as people read them, by the unit in the field's name.
fn cell(item: &Value, field: &str) -> String {
    let text = text_of(item, field);
    let name = field.rsplit('.').next().unwrap_or(field);
    match name {
        "time_ms" => text.parse().map(utc_text).unwrap_or(text),
        _ if name.ends_with("_fen") => cny(&text),
        "payable" | "receivable" | "net_debit" | "pool_claim" | "redemption" | "exchange" | "total" | "amount" => {
            cny_exact(&text)
        }
        _ => text,
    }
}

pub fn status_text(answer: &Value) -> String {
    let mut facts = Table::new(&["what", "value"]);
    for (name, value) in answer.as_object().into_iter().flatten() {
        let value = match value {
            Value::Array(list) => list.iter().map(|v| v.to_string().replace('"', "")).collect::<Vec<_>>().join(" "),
            _ => cell(answer, name),
        };
        facts.row([name.clone(), value]);
    }
    facts.text()
}

pub fn merchants_text(answer: &Value) -> String {
    let columns = [
        ("#id", "id"),
        ("name", "name"),
        ("#cap, CNY", "net_debit_cap_fen"),
        ("#collateral, CNY", "collateral_fen"),
        ("#used, CNY", "net_debit"),
        ("#left, CNY", "room_fen"),
        ("warning", "cap_warning"),
        ("#payable, CNY", "position.payable"),
        ("#receivable, CNY", "position.receivable"),
        ("#unconfirmed, CNY", "position.unconfirmed_fen"),
        ("#owes the pool, CNY", "pool_claim"),
    ];
    table(items_of(answer), &columns)
}

pub fn keys_text(answer: &Value) -> String {
    let mut rows = Table::new(&["key", "roles", "#store", "#revoked in block"]);
    for item in items_of(answer) {
        let roles = item.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let roles = roles.collect::<Vec<_>>().join(" ");
        rows.row([text_of(item, "public_key"), roles, text_of(item, "store_id"), text_of(item, "revoked")]);
    }
    rows.text()
}

pub fn stores_text(answer: &Value) -> String {
    let columns = [
        ("#store", "store_id"),
        ("#redeemed today, CNY", "redeemed_fen"),
        ("#limit, CNY", "redeem_limit_fen"),
        ("#refunded today, CNY", "refunded_fen"),
        ("#limit, CNY", "refund_limit_fen"),
    ];
    table(items_of(answer), &columns)
}

pub fn holds_text(answer: &Value) -> String {
    let mut rows = Table::new(&["reference", "member", "#class", "#points", "times out, UTC"]);
    for item in items_of(answer) {
        let lots = item.get("lots").map_or(&[][..], items_of);
        let points: u64 = lots.iter().filter_map(|lot| text_of(lot, "points").parse::<u64>().ok()).sum();
        let release = text_of(item, "release_ms").parse().map(utc_text).unwrap_or_default();
        rows.row([
            text_of(item, "reference"),
            text_of(item, "member"),
            text_of(item, "class"),
            points.to_string(),
            release,
        ]);
    }
    rows.text()
}

pub fn classes_text(answer: &Value) -> String {
    let columns = [
        ("#class", "class"),
        ("name", "name"),
        ("#issuer", "issuer"),
        ("#CNY/point", "terms.anchor"),
        ("#issued", "totals.issued"),
        ("#redeemed", "totals.redeemed"),
        ("#exchanged in", "totals.exchanged_in"),
        ("#exchanged out", "totals.exchanged_out"),
        ("#lapsed", "totals.lapsed"),
        ("#outstanding", "totals.outstanding"),
    ];
    table(items_of(answer), &columns)
}

pub fn rates_text(answer: &Value) -> String {
    let columns = [
        ("#from class", "from_class"),
        ("#to class", "to_class"),
        ("#spread", "spread"),
        ("#points for one", "out_per_in_decimal"),
        ("#exactly", "out_per_in.numerator"),
        ("over", "out_per_in.denominator"),
    ];
    let pairs = answer.get("pairs").map_or(&[][..], items_of);
    format!("rate table version {}\n\n{}", text_of(answer, "version"), table(pairs, &columns))
}

pub fn quote_text(answer: &Value) -> String {
    let exact = |field| cny_exact(&text_of(answer, field));
    let mut limits = Table::new(&["limit", "#left, CNY"]);
    for limit in answer.get("limits").map_or(&[][..], items_of) {
        limits.row([text_of(limit, "rule"), cny(&text_of(limit, "left_fen"))]);
    }
    let mut lots = Table::new(&["last month", "#points"]);
    for lot in answer.get("lots").map_or(&[][..], items_of) {
        lots.row([text_of(lot, "expires"), text_of(lot, "points")]);
    }
    let until = text_of(answer, "terms.valid_until_ms").parse().map(utc_text).unwrap_or_default();
    let refused = match text_of(answer, "refused_as") {
        rule if rule.is_empty() => String::new(),
        rule => format!("It would be refused now: {rule}\n"),
    };
    format!(
        "{} points become {}: worth {} CNY instead of {}, {} lost (spread {})\n{refused}\
         Stands until {until} UTC while the rate table has version {}\n\n{}\n{}",
        text_of(answer, "points"),
        text_of(answer, "points_out"),
        exact("value_received"),
        exact("value_given"),
        exact("value_lost"),
        text_of(answer, "spread"),
        text_of(answer, "terms.version"),
        lots.text(),
        limits.text()
    )
}

pub fn disputes_text(answer: &Value) -> String {
    let mut rows = Table::new(&["#debtor", "#creditor", "#claim, CNY", "state", "clock", "#of", "operation", "reason"]);
    for item in items_of(answer) {
        let clock = text_of(item, "due_ms").parse().map(utc_text).unwrap_or_default();
        rows.row([
            text_of(item, "debtor"),
            text_of(item, "creditor"),
            cny_exact(&text_of(item, "amount")),
            text_of(item, "state"),
            clock,
            text_of(item, "merchant"),
            text_of(item, "original"),
            text_of(item, "reason"),
        ]);
    }
    rows.text()
}

pub fn calendar_text(answer: &Value) -> String {
    let mut rows = Table::new(&["day", "business day"]);
    for day in answer.get("days").map_or(&[][..], items_of) {
        let is_business = day.get("is_business").and_then(Value::as_bool) == Some(true);
        rows.row([text_of(day, "day"), if is_business { "yes" } else { "-" }.to_owned()]);
    }
    rows.text()
}

/// What the member owes, where that was asked for.
fn owed_text(answer: &Value) -> String {
    let owed = answer.get("owed").map_or(&[][..], items_of);
    let text = |owed| format!("owes {} points of class {}\n", text_of(owed, "points"), text_of(owed, "class"));
    owed.iter().map(text).collect()
}

pub fn balances_text(answer: &Value, brands: &Value) -> String {
    let mut rows = Table::new(&["#class", "brand", "#points", "next expiry", "lots: points until the end of"]);
    for balance in answer.get("balances").map_or(&[][..], items_of) {
        let class = text_of(balance, "class");
        let brand = items_of(brands).iter().find(|brand| text_of(brand, "class") == class);
        let next = text_of(balance, "lots.0.expires");
        let brand = brand.map(|brand| text_of(brand, "name")).unwrap_or_default();
        rows.row([class, brand, text_of(balance, "points"), next, lots_text(balance)]);
    }
    format!(
        "{}{}, block {}\n\n{}{}",
        text_of(answer, "member"),
        record_text(answer),
        text_of(answer, "height"),
        rows.text(),
        owed_text(answer)
    )
}

/// Points and last month of each lot.
fn lots_text(of: &Value) -> String {
    let lots = of.get("lots").map_or(&[][..], items_of);
    let lots = lots.iter().map(|lot| format!("{} {}", text_of(lot, "points"), text_of(lot, "expires")));
    lots.collect::<Vec<_>>().join(", ")
}

/// The steps with their reasons, and what does not serve; `rules` are texts of rules by code, in each language.
pub fn spend_plan_text(answer: &Value, rules: &Value) -> String {
    let headings =
        ["#class", "#issuer", "#points", "#cash off, CNY", "#open, CNY", "lots: points until the end of", "why"];
    let mut steps = Table::new(&headings);
    for step in answer.get("steps").map_or(&[][..], items_of) {
        let head = ["class", "issuer", "points", "cash_off_fen", "open_fen"].map(|field| cell(step, field));
        steps.row(head.into_iter().chain([lots_text(step), order_text(&text_of(step, "reason"))]));
    }
    let mut unusable = Table::new(&["#class", "#points", "does not serve: why"]);
    let others = answer.get("unusable").map_or(&[][..], items_of);
    for held in others {
        let code = text_of(held, "refused_as");
        let rule = rules.get(&code).map(|rule| [text_of(rule, "title.en"), text_of(rule, "title.zh")].join(" / "));
        unusable.row([text_of(held, "class"), text_of(held, "points"), rule.unwrap_or(code)]);
    }
    let unusable = if others.is_empty() { String::new() } else { format!("\n{}", unusable.text()) };
    format!(
        "{} CNY at merchant {}: {} by points, {} with money, block {}\n\n{}{unusable}",
        cell(answer, "amount_fen"),
        text_of(answer, "merchant"),
        cell(answer, "cash_off_fen"),
        cell(answer, "open_fen"),
        text_of(answer, "height"),
        steps.text()
    )
}

/// Why a class stands where it does in a plan, in English and Chinese; a reason that is not known as it is.
fn order_text(reason: &str) -> String {
    let text = match reason {
        "sub_points" => "sub points serve in the fewest places / 子積分可用之處最少",
        "ends_first" => "ends first / 最先到期",
        "lower_class" => "ends with others: the lower class first / 同時到期，編號小者先用",
        other => other,
    };
    text.to_owned()
}

/// Whose a member is, and what there is to know of its wallet; nothing where only balances were asked for.
fn record_text(answer: &Value) -> String {
    let field = |label: &str, name: &str| match text_of(answer, name) {
        text if text.is_empty() => text,
        text => format!(", {label} {text}"),
    };
    let mut text = field("custodian", "custodian") + &field("holder", "holder") + &field("wallet key", "wallet.key");
    if let Ok(effective_ms) = text_of(answer, "wallet.recovery.effective_ms").parse() {
        let key = text_of(answer, "wallet.recovery.key");
        text.push_str(&format!(", replaced by {key} from {} UTC on", utc_text(effective_ms)));
    }
    if answer.get("is_frozen").and_then(Value::as_bool) == Some(true) {
        text.push_str(", FROZEN");
    }
    text
}

pub fn statement_text(answer: &Value) -> String {
    let columns = [
        ("#block", "height"),
        ("time, UTC", "time_ms"),
        ("reason", "reason"),
        ("#points", "delta"),
        ("#balance", "balance"),
        ("#merchant", "operation.merchant"),
        ("reference", "operation.reference"),
    ];
    table(items_of(answer), &columns)
}

pub fn operations_text(answer: &Value) -> String {
    let mut rows = Table::new(&["#block", "#index", "time, UTC", "#store", "kind", "reference", "outcome"]);
    for item in items_of(answer) {
        let outcome = item.pointer("/receipt/outcome").cloned().unwrap_or_default();
        let outcome = match serde_json::from_value(outcome.clone()) {
            Ok(outcome) => crate::submit::outcome_text(&outcome),
            Err(_) => outcome.to_string(),
        };
        let head =
            ["height", "index", "time_ms", "store_id", "kind", "receipt.reference"].map(|field| cell(item, field));
        rows.row(head.into_iter().chain([outcome]));
    }
    rows.text()
}

pub fn days_text(answer: &Value) -> String {
    let columns = [
        ("day", "day"),
        ("#store", "store_id"),
        ("kind", "kind"),
        ("#class", "class"),
        ("#operations", "operations"),
        ("#rejected", "rejected"),
        ("#CNY", "amount_fen"),
        ("#points in", "points_in"),
        ("#points out", "points_out"),
    ];
    table(items_of(answer), &columns)
}

pub fn obligations_text(answer: &Value) -> String {
    let pairs = [
        ("#debtor", "debtor"),
        ("#creditor", "creditor"),
        ("#redemption, CNY", "redemption"),
        ("#exchange, CNY", "exchange"),
        ("#total, CNY", "total"),
    ];
    let claims = [("#debtor", "debtor"), ("#owes the pool, CNY", "amount")];
    let list = |field: &str| answer.get(field).map_or(&[][..], items_of);
    let mut text = format!("cycle {}\n\n{}", text_of(answer, "cycle"), table(list("pairs"), &pairs));
    if !list("pool_claims").is_empty() {
        text = format!("{text}\n{}", table(list("pool_claims"), &claims));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_spend_plan_says_why_in_both_languages() {
        let lots = json!([{ "expires": "2026-03", "points": "30" }, { "expires": "2026-04", "points": "20" }]);
        let plan = json!({
            "member": "tally1", "merchant": 2, "amount_fen": "120", "cash_off_fen": "50", "open_fen": "70", "height": 7,
            "steps": [{ "class": 4, "issuer": 1, "points": "50", "cash_off_fen": "50", "open_fen": "70", "lots": lots,
                "reason": "sub_points", "room_fen": "1000" }],
            "unusable": [{ "class": 5, "points": "10", "refused_as": "not_accepted" }],
        });
        let rules = json!({ "not_accepted": { "title": { "en": "not taken here", "zh": "不接受" } } });
        let text = spend_plan_text(&plan, &rules);
        let expected = "1.20 CNY at merchant 2: 0.50 by points, 0.70 with money, block 7\n\n\
            class  issuer  points  cash off, CNY  open, CNY  lots: points until the end of  why\n    \
            4       1      50           0.50       0.70  30 2026-03, 20 2026-04         \
            sub points serve in the fewest places / 子積分可用之處最少\n\n\
            class  points  does not serve: why\n    5      10  not taken here / 不接受\n";
        assert_eq!(text, expected);
    }
}
