//! Governance as people read it: proposals, what is coming, validators, the pool.

use serde_json::Value;

use crate::output::{Table, cny, cny_exact, items_of, text_of, utc_text};

/// The one name in a tagged value, as `{"suspend": {..}}` or `"open"`, and what stands under it.
fn tagged(value: &Value) -> (String, Value) {
    match value {
        Value::Object(fields) => fields.iter().next().map(|(name, inner)| (name.clone(), inner.clone())),
        Value::String(name) => Some((name.clone(), Value::Null)),
        _ => None,
    }
    .unwrap_or_default()
}

fn time(value: &Value, field: &str) -> String {
    text_of(value, field).parse().map(utc_text).unwrap_or_default()
}

/// A change in a line: its kind, and its fields but for long ones.
fn change_text(change: &Value) -> String {
    let (kind, fields) = tagged(change);
    let short = |value: &&Value| !value.is_object() && !value.is_array();
    let fields = fields.as_object().into_iter().flatten().filter(|(_, value)| short(value));
    let words: Vec<String> =
        fields.map(|(name, value)| format!("{name} {}", value.to_string().replace('"', ""))).collect();
    format!("{kind}: {}", words.join(", ")).chars().take(100).collect()
}

pub fn proposals_text(answer: &Value) -> String {
    let mut rows = Table::new(&["#of", "proposal", "state", "when", "#for", "#against", "change"]);
    for item in items_of(answer) {
        let (state, fields) = tagged(&item["state"]);
        let is_over = state == "open" && item["is_open"] == Value::Bool(false);
        let when = match state.as_str() {
            "open" => time(item, "voting_ends_ms"),
            "passed" => time(&fields, "effective_ms"),
            "active" => format!("block {}", text_of(&fields, "height")),
            "void" => text_of(&fields, "rejection"),
            _ => String::new(),
        };
        let votes = |approves: bool| {
            items_of(&item["ballots"]).iter().filter(|ballot| ballot["approves"] == Value::Bool(approves)).count()
        };
        rows.row([
            text_of(item, "merchant"),
            text_of(item, "reference"),
            if is_over { "lapsed".to_owned() } else { state },
            when,
            votes(true).to_string(),
            votes(false).to_string(),
            change_text(&item["change"]),
        ]);
    }
    rows.text()
}

pub fn notices_text(answer: &Value) -> String {
    let mut rows = Table::new(&["when", "what"]);
    for item in items_of(answer) {
        let (kind, fields) = tagged(&item["what"]);
        let what = match kind.as_str() {
            "change" => change_text(&fields["change"]),
            "anchor" => format!(
                "points of class {} are worth {} CNY, {} until then",
                text_of(&fields, "class"),
                text_of(&fields, "anchor"),
                text_of(&fields, "present")
            ),
            "run_off" => format!(
                "the run-off of merchant {} ends; its members pass to merchant {}",
                text_of(&fields, "merchant"),
                text_of(&fields, "successor")
            ),
            _ => {
                let merchants: Vec<String> = items_of(&fields["merchants"]).iter().map(Value::to_string).collect();
                format!("merchants {} validate", merchants.join(" "))
            }
        };
        let when = match time(item, "effective_ms") {
            none if none.is_empty() => format!("block {}", text_of(&fields, "from_height")),
            at => at,
        };
        rows.row([when, what]);
    }
    rows.text()
}

pub fn validators_text(answer: &Value) -> String {
    let mut rows = Table::new(&["#from block", "#merchant", "name", "key"]);
    for epoch in items_of(answer) {
        for validator in items_of(&epoch["validators"]) {
            rows.row([
                text_of(epoch, "from_height"),
                text_of(validator, "merchant"),
                text_of(validator, "name"),
                text_of(validator, "public_key"),
            ]);
        }
    }
    rows.text()
}

pub fn pool_text(answer: &Value) -> String {
    let mut claims = Table::new(&["#issuer", "#owes the pool, CNY"]);
    for claim in items_of(&answer["claims"]) {
        claims.row([text_of(claim, "issuer"), cny_exact(&text_of(claim, "amount"))]);
    }
    let mut contributions = Table::new(&["#merchant", "#referrals", "#converted", "#honoured, CNY"]);
    for row in items_of(&answer["contributions"]) {
        let honoured = cny_exact(&text_of(row, "honoured"));
        contributions.row([text_of(row, "merchant"), text_of(row, "referrals"), text_of(row, "converted"), honoured]);
    }
    format!(
        "The pool is owed {} CNY\n{}\nContributed in {}\n{}",
        cny_exact(&text_of(answer, "total")),
        claims.text(),
        text_of(answer, "month"),
        contributions.text()
    )
}

pub fn distributions_text(answer: &Value) -> String {
    let mut text = String::new();
    for month in items_of(answer) {
        let mut rows =
            Table::new(&["#merchant", "#base", "#weight", "#share, CNY", "#volume, CNY", "#rebate due", "#paid"]);
        for share in items_of(&month["shares"]) {
            rows.row([
                text_of(share, "merchant"),
                text_of(share, "base_share"),
                text_of(share, "weight"),
                cny(&text_of(share, "share_fen")),
                cny(&text_of(share, "volume_fen")),
                cny(&text_of(share, "rebate_due_fen")),
                cny(&text_of(share, "rebate_paid_fen")),
            ]);
        }
        text += &format!(
            "{}: the pool had {} CNY; reserved {}, carried on {}\n{}\n",
            text_of(month, "month"),
            cny_exact(&text_of(month, "pool")),
            cny(&text_of(month, "reserve_fen")),
            cny_exact(&text_of(month, "carry")),
            rows.text()
        );
    }
    text
}
