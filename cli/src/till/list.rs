//! `tally till list`: entries in the order of their arrival.

use clap::Args;
use serde_json::json;

use super::queue::{Entry, Filter, Queue, State};
use crate::output::{Output, Table, Verdict, utc_text};

/// Lists entries.
#[derive(Debug, Args)]
pub struct List {
    /// Only those that stand here.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only those after this number.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: u64,
    /// Most entries to list.
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: u32,
}

impl List {
    /// Lists.
    pub fn run(&self, queue: &Queue, output: Output) -> anyhow::Result<Verdict> {
        let filter = Filter { state: self.state, after: self.after, limit: self.limit };
        let entries = queue.entries(&filter)?;
        let more = (entries.len() as u64 == u64::from(self.limit)).then(|| entries.last().map(|entry| entry.number));
        let more = more.flatten();
        output.answer(&json!({ "items": entries, "next_after": more }), || {
            let more = more.map(|number| format!("more: --after {number}\n")).unwrap_or_default();
            table(&entries) + &more
        });
        Ok(Verdict::Yes)
    }
}

fn table(entries: &[Entry]) -> String {
    let mut table = Table::new(&["#number", "added, UTC", "kind", "order", "reference", "state", "why", "#block"]);
    for entry in entries {
        table.row([
            entry.number.to_string(),
            utc_text(entry.added_ms),
            entry.kind.clone(),
            entry.order.clone().unwrap_or_default(),
            entry.reference.to_string(),
            entry.state.name().to_owned(),
            entry.code.clone().unwrap_or_default(),
            entry.height.map(|height| height.to_string()).unwrap_or_default(),
        ]);
    }
    table.text()
}
