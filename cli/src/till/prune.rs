//! `tally till prune`: forgets entries that ended long ago.

use clap::Args;
use serde_json::json;
use tally_contracts::types::DAY_MS;

use super::queue::Queue;
use crate::network::now_ms;
use crate::output::{Output, Verdict};

/// Prunes.
#[derive(Debug, Args)]
pub struct Prune {
    /// Entries that ended longer ago than this are forgotten. Order numbers never are: the same one is never done again.
    #[arg(long, default_value_t = 90, value_name = "DAYS")]
    days: u64,
}

impl Prune {
    /// Prunes.
    pub fn run(&self, queue: &mut Queue, output: Output) -> anyhow::Result<Verdict> {
        let before_ms = now_ms()?.saturating_sub(self.days.saturating_mul(DAY_MS));
        let pruned = queue.prune(before_ms)?;
        output.answer(&json!({ "pruned": pruned }), || format!("{pruned} entries forgotten"));
        Ok(Verdict::Yes)
    }
}
