//! `tally till retry`: queues an entry again that the alliance may take now, after a key got its role or a node its version.
//!
//! It keeps its reference, so it takes effect once whatever happened before. What the alliance has decided stays decided.

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use tally_contracts::rejection::Rejection;

use super::Which;
use super::queue::{Queue, State};
use crate::output::{Output, Verdict};

/// Queues an entry again.
pub fn run(queue: &mut Queue, which: &Which, output: Output) -> anyhow::Result<Verdict> {
    let reference = which.reference(queue)?;
    let entry = queue.entry(reference)?.with_context(|| format!("{reference} is not in the queue"))?;
    let rule = entry.code.as_deref().and_then(|code| Rejection::ALL.iter().find(|rule| rule.name() == code));
    match entry.state {
        State::Queued => bail!("{reference} is queued already; `tally till run` delivers it"),
        State::Applied => bail!("{reference} took effect in block {}", entry.height.unwrap_or_default()),
        State::Rejected => ensure!(
            rule.is_some_and(|rule| !rule.is_kept()),
            "{reference} was rejected for good ({}): the same reference has the same outcome for ever. If the operation is \
             to be tried again, add it under another order number",
            entry.code.unwrap_or_default()
        ),
        State::Refused => {}
    }
    queue.put_back(&[reference])?;
    output.answer(&json!({ "status": "queued", "reference": reference }), || format!("queued  {reference}"));
    Ok(Verdict::Yes)
}
