//! `tally till show`: one entry with its operation and its receipt.

use anyhow::Context as _;
use serde_json::Value;

use super::Which;
use super::queue::Queue;
use crate::output::{Output, Verdict, pretty};

/// Shows an entry.
pub fn run(queue: &Queue, which: &Which, output: Output) -> anyhow::Result<Verdict> {
    let reference = which.reference(queue)?;
    let entry = queue.entry(reference)?.with_context(|| {
        let merchant = queue.config.merchant;
        format!(
            "{reference} is not in the queue, or was pruned. The alliance still knows what became of it: tally query \
             receipt {reference} --merchant {merchant}"
        )
    })?;
    let mut value = serde_json::to_value(&entry)?;
    // Damaged text is shown as it is: somebody may still read the order out of it.
    value["operation"] = serde_json::from_str(&entry.text).unwrap_or_else(|_| Value::String(entry.text.clone()));
    output.answer(&value, || pretty(&value));
    Ok(Verdict::Yes)
}
