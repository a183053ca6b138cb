//! `tally till status`: how many wait, how many ended how, and whether the line holds.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use tally_contracts::types::Reference;

use super::queue::{Contact, MAX_AGE_MS, Oldest, Queue, State, Trouble};
use crate::network::now_ms;
use crate::output::{Output, Table, Verdict, utc_text};

/// A contact this long ago says nothing about the line now, in ms.
const RECENT_MS: u64 = 90_000;

#[derive(Serialize)]
struct Report {
    merchant: u16,
    store_id: u32,
    till_id: u32,
    /// `up`, `down`, or `unknown` while nobody delivers.
    line: &'static str,
    delivering: bool,
    queued: u64,
    /// Of the queued ones: in the transaction that may be on its way.
    on_their_way: usize,
    /// Applied and rejected: what the alliance decided on.
    delivered: u64,
    applied: u64,
    rejected: u64,
    refused: u64,
    rejected_by: BTreeMap<String, u64>,
    refused_by: BTreeMap<String, u64>,
    oldest: Option<Waiting>,
    contact: Option<Contact>,
    trouble: Option<Trouble>,
}

#[derive(Serialize)]
struct Waiting {
    #[serde(flatten)]
    oldest: Oldest,
    age_ms: u64,
    /// After this time no block takes it any more, in ms since 1970.
    until_ms: u64,
}

/// Shows how the queue does; exit code 1 if somebody has to act.
pub fn run(queue: &Queue, output: Output) -> anyhow::Result<Verdict> {
    let report = report(queue)?;
    let needs_hand = report.trouble.as_ref().is_some_and(|trouble| !trouble.passes);
    output.answer(&json!(report), || text(&report));
    Ok(Verdict::of(!needs_hand))
}

fn report(queue: &Queue) -> anyhow::Result<Report> {
    let now_ms = now_ms()?;
    let counts = queue.counts()?;
    let of = |state: State| counts.iter().filter(move |((s, _), _)| *s == state);
    let sum = |state| of(state).map(|(_, count)| count).sum::<u64>();
    let by = |state| of(state).map(|((_, code), count)| (code.clone().unwrap_or_default(), *count)).collect();
    let waiting = |oldest: Oldest| Waiting {
        age_ms: now_ms.saturating_sub(oldest.added_ms),
        until_ms: until_ms(oldest.reference),
        oldest,
    };
    let (contact, trouble, delivering) = (queue.contact()?, queue.trouble()?, queue.is_delivering()?);
    let is_recent = contact.as_ref().is_some_and(|contact| now_ms.saturating_sub(contact.local_ms) < RECENT_MS);
    let has_line = is_recent && trouble.as_ref().is_none_or(|trouble| trouble.code != "no_line");
    let line = match (delivering, has_line) {
        (false, _) => "unknown",
        (true, true) => "up",
        (true, false) => "down",
    };
    Ok(Report {
        merchant: queue.config.merchant.0,
        store_id: queue.config.till.store_id.0,
        till_id: queue.config.till.till_id.0,
        line,
        delivering,
        queued: sum(State::Queued),
        on_their_way: queue.flight()?.map_or(0, |flight| flight.references.len()),
        delivered: sum(State::Applied) + sum(State::Rejected),
        applied: sum(State::Applied),
        rejected: sum(State::Rejected),
        refused: sum(State::Refused),
        rejected_by: by(State::Rejected),
        refused_by: by(State::Refused),
        oldest: queue.oldest()?.map(waiting),
        contact,
        trouble,
    })
}

fn until_ms(reference: Reference) -> u64 {
    reference.time_ms().saturating_add(MAX_AGE_MS)
}

fn text(report: &Report) -> String {
    let mut table = Table::new(&["what", "value"]);
    let reasons =
        |by: &BTreeMap<String, u64>| by.iter().map(|(code, count)| format!("  {code} {count}")).collect::<String>();
    let mut row = |what: &str, value: String| table.row([what.to_owned(), value]);
    row("till", format!("{}:{} of merchant {}", report.store_id, report.till_id, report.merchant));
    let delivering = if report.delivering { "" } else { " (`tally till run` does not run)" };
    row("line", format!("{}{delivering}", report.line));
    row("queued", report.queued.to_string());
    row("on their way", report.on_their_way.to_string());
    row("applied", report.applied.to_string());
    row("rejected", format!("{}{}", report.rejected, reasons(&report.rejected_by)));
    row("refused", format!("{}{}", report.refused, reasons(&report.refused_by)));
    if let Some(Waiting { oldest, age_ms, until_ms }) = &report.oldest {
        let order = oldest.order.as_deref().unwrap_or("-");
        row("oldest", format!("order {order}, {} s old, must be delivered by {}", age_ms / 1000, utc_text(*until_ms)));
    }
    if let Some(contact) = &report.contact {
        row("last contact", format!("{} UTC, {}", utc_text(contact.local_ms), contact.node));
    }
    if let Some(trouble) = &report.trouble {
        row("trouble", format!("{}, since {} UTC: {}", trouble.code, utc_text(trouble.since_ms), trouble.detail));
    }
    table.text()
}
