//! `tally till`: a till that works without a line. Operations go into a queue on its own disk, and from there to the
//! alliance as soon as a node can be reached, each exactly once (docs/till.md).
//!
//! `add` never needs the line: it answers when the operation is on disk. `run` signs with the till's own key and delivers to
//! any of the listed nodes. What became of an operation stands in the queue until it is pruned.
//!
//! **Invariant:** nothing disappears silently: an entry ends as applied, rejected (by which rule) or refused (why), and what
//! was answered once is never lost nor doubled, whenever a process ends or the line is cut.

mod add;
mod config;
mod courier;
mod door;
mod init;
mod list;
mod prune;
mod queue;
mod retry;
mod run;
mod show;
mod status;
#[cfg(test)]
mod testing;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tally_contracts::types::Reference;

use crate::output::{Output, Verdict};

/// A till's queue.
#[derive(Debug, Args)]
pub struct Till {
    /// The queue's directory, on a local disk.
    #[arg(long, global = true, env = "TALLY_TILL_QUEUE", default_value = "till", value_name = "DIR")]
    queue: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a queue for a till: pins the alliance, asks each node once.
    Init(init::Init),
    /// Take an operation, or one a line of JSON; answers when it is on disk, with or without a line.
    Add(Box<add::Add>),
    /// Deliver what is queued, in the background of the till, until stopped.
    Run(run::Run),
    /// How many wait, how many ended how, and whether the line holds.
    Status,
    /// List entries in the order of their arrival.
    List(list::List),
    /// Show one entry with its operation and its receipt.
    Show(Which),
    /// Queue an entry again, under its reference, that was refused, or rejected for a reason that is not final.
    Retry(Which),
    /// Forget entries that ended long ago; never one that waits, never an order number.
    Prune(prune::Prune),
}

/// One entry.
#[derive(Debug, Args)]
struct Which {
    /// Its reference.
    #[arg(value_name = "UUID", required_unless_present = "order")]
    reference: Option<Reference>,
    /// Its order number.
    #[arg(long, value_name = "TEXT", conflicts_with = "reference")]
    order: Option<String>,
}

impl Till {
    /// Runs the verb.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let queue = || queue::Queue::open(&self.queue);
        match &self.verb {
            Verb::Init(init) => init.run(&self.queue, output).await,
            Verb::Add(add) => add.run(queue()?, output),
            Verb::Run(run) => run.run(queue()?, output).await,
            Verb::Status => status::run(&queue()?, output),
            Verb::List(list) => list.run(&queue()?, output),
            Verb::Show(which) => show::run(&queue()?, which, output),
            Verb::Retry(which) => retry::run(&mut queue()?, which, output),
            Verb::Prune(prune) => prune.run(&mut queue()?, output),
        }
    }
}

impl Which {
    /// The reference it stands for.
    fn reference(&self, queue: &queue::Queue) -> anyhow::Result<Reference> {
        match (&self.reference, &self.order) {
            (Some(reference), _) => Ok(*reference),
            (None, Some(order)) => queue.reference_of_order(order)?.ok_or_else(|| {
                anyhow::anyhow!("order {order} was never added here (`tally till list` shows what was)")
            }),
            (None, None) => anyhow::bail!("which entry? Give its reference, or --order with its order number"),
        }
    }
}
