//! Outcomes as people read them, and what to do about a rejection.

use serde_json::Value;
use tally_contracts::receipt::Outcome;
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::Operation;

use crate::client::{BulkLine, Client, LineStatus};
use crate::output::{Table, utc_text};

/// Whether a line says neither that its operation was not taken, nor that a rule refused it.
pub fn is_good(line: &BulkLine) -> bool {
    line.status != LineStatus::Refused
        && line.problem.is_none()
        && !matches!(line.outcome(), Some(Outcome::Rejected(_)))
}

/// The answers to operations, one a row.
pub fn answers_table(operations: &[Operation], answers: &[BulkLine]) -> String {
    let mut table = Table::new(&["kind", "reference", "status", "#height", "#index", "outcome"]);
    for (operation, answer) in operations.iter().zip(answers) {
        let status = match answer.status {
            LineStatus::Accepted => "accepted",
            LineStatus::Final => "final",
            LineStatus::Refused => "refused",
        };
        // What a rule said is in the receipt; what to do about it follows the table.
        let outcome = match (&answer.receipt, &answer.problem) {
            (Some(receipt), _) => with_first(&receipt.outcome, answer.first.as_ref().map(|first| &first.outcome)),
            (None, Some(problem)) => problem.to_string(),
            (None, None) => String::new(),
        };
        let height = answer.height.map(|height| height.to_string()).unwrap_or_default();
        let index = answer.index.map(|index| index.to_string()).unwrap_or_default();
        let kind = operation.body.kind().to_owned();
        table.row([kind, operation.reference.to_string(), status.into(), height, index, outcome]);
    }
    table.text()
}

/// What to do about what rules refused, one line a rule; nothing where nothing was refused, or the node does not tell.
pub async fn advice(client: &Client, outcomes: impl IntoIterator<Item = &Outcome>) -> String {
    let mut rules: Vec<Rejection> = Vec::new();
    for outcome in outcomes {
        if let Outcome::Rejected(rule) = outcome
            && !rules.contains(rule)
        {
            rules.push(*rule);
        }
    }
    let mut text = String::new();
    for rule in rules {
        let told = client.get(&format!("/v1/problems/{}", rule.name())).await.unwrap_or_default();
        if let Some(advice) = told.pointer("/advice/en").and_then(Value::as_str) {
            text.push_str(&format!("\n{}: {advice}.", rule.name()));
        }
    }
    text
}

/// An outcome on one line, followed by that of the first time where it is a duplicate's.
pub fn with_first(outcome: &Outcome, first: Option<&Outcome>) -> String {
    let first = first.map(|first| format!(": {}", outcome_text(first)));
    outcome_text(outcome) + &first.unwrap_or_default()
}

/// An outcome on one line.
pub fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied(applied) => match serde_json::to_value(applied) {
            Ok(Value::Object(fields)) => {
                let (name, inner) = fields.into_iter().next().unwrap_or_default();
                let inner = inner.as_object().cloned().unwrap_or_default();
                let fields = inner.iter().map(|(key, value)| field_text(key, value));
                format!("{name} {}", fields.collect::<Vec<_>>().join(" "))
            }
            Ok(value) => value.to_string().trim_matches('"').to_owned(),
            Err(_) => "applied".into(),
        },
        Outcome::Duplicate { height, index } => format!("duplicate of operation {index} in block {height}"),
        Outcome::Rejected(rule) => format!("rejected: {} ({}): {rule}", rule.name(), rule.code()),
    }
}

fn field_text(key: &str, value: &Value) -> String {
    match value.as_u64().filter(|_| key.ends_with("_ms")) {
        Some(time_ms) => format!("{key}={time_ms} ({} UTC)", utc_text(time_ms)),
        None => format!("{key}={}", value.to_string().trim_matches('"')),
    }
}
