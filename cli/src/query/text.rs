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
        let lots = balance.get("lots").map_or(&[][..], items_of);
        let next = lots.first().map(|lot| text_of(lot, "expires")).unwrap_or_default();
        let lots: Vec<String> =
            lots.iter().map(|lot| format!("{} {}", text_of(lot, "points"), text_of(lot, "expires"))).collect();
        let brand = brand.map(|brand| text_of(brand, "name")).unwrap_or_default();
        rows.row([class, brand, text_of(balance, "points"), next, lots.join(", ")]);
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
