//! `tally verify`: judges an exported chain with nothing but the genesis: no node, no network, no trust in whoever made it.
//!
//! Exit code 0: everything in it follows from the genesis. 1: it does not, and the first bad byte, block, transaction and
//! field are named. 2: it could not be judged.

use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use tally_ledger::verify::{Failure, Options, Progress, Report, VerifyError, verify};

use crate::network::read_genesis;
use crate::output::{Output, Table, Verdict, pretty};

/// Verifies an archive.
#[derive(Debug, Args)]
pub struct Verify {
    /// The archive, as `tally export` wrote it.
    archive: PathBuf,
    /// The genesis, from a source that you trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Also write the findings to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Threads that judge signatures; by default as many as the machine has.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

impl Verify {
    /// Verifies.
    pub fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let genesis = read_genesis(&self.genesis)?;
        let file =
            File::open(&self.archive).with_context(|| format!("cannot read the archive {}", self.archive.display()))?;
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let options = self.threads.map_or_else(Options::default, |threads| Options { threads });
        let progress = output.progress(length, "verify [{bar:32}] {percent}%  {msg}  ETA {eta}");
        let found = verify(BufReader::new(file), &genesis, options, |done: Progress| {
            progress.set_position(done.bytes);
            progress.set_message(format!("block {}, {} operations", done.height, done.operations));
        });
        progress.finish_and_clear();
        let (value, text, verdict) = match found {
            Ok(report) => (self.verified(&report)?, report_text(&report), Verdict::Yes),
            Err(VerifyError::Failed(failure)) => (self.failed(&failure)?, failure_text(&failure), Verdict::No),
            Err(error) => return Err(error).context("the archive was not judged"),
        };
        if let Some(path) = &self.report {
            std::fs::write(path, pretty(&value) + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        }
        output.answer(&value, || text);
        Ok(verdict)
    }

    fn verified(&self, report: &Report) -> anyhow::Result<Value> {
        Ok(json!({ "archive": self.archive, "verified": true, "report": serde_json::to_value(report)? }))
    }

    fn failed(&self, failure: &Failure) -> anyhow::Result<Value> {
        let failure = json!({ "message": failure.to_string(), "found": serde_json::to_value(failure)? });
        Ok(json!({ "archive": self.archive, "verified": false, "failure": failure }))
    }
}

fn report_text(report: &Report) -> String {
    let mut facts = Table::new(&["what", "#value"]);
    let rows = [
        ("blocks", report.height.to_string()),
        ("transactions", report.transactions.to_string()),
        ("operations applied", report.operations.applied.to_string()),
        ("operations rejected", report.operations.rejected.to_string()),
        ("duplicates", report.operations.duplicate.to_string()),
        ("vote signatures", report.vote_signatures.to_string()),
        ("validator changes", report.epochs.len().saturating_sub(1).to_string()),
        ("settlements", report.settlements.to_string()),
        ("operations a second", format!("{:.0}", report.operations_per_second)),
    ];
    for (what, value) in rows {
        facts.row([what.into(), value]);
    }
    let mut checks = Table::new(&["check", "", "how, or why not"]);
    for check in &report.checks {
        let mark = if check.checked { "ok" } else { "open" };
        checks.row([check.name.into(), mark.into(), check.detail.clone()]);
    }
    format!(
        "{}\nchain      {}\nlast block {}\nlog root   {} ({} leaves)\nstate hash {}\n\n{}\n{}\nverify: ok \
         operations={} blocks={} settlements={}",
        report.name,
        report.chain_id,
        report.block_id,
        report.log_root,
        report.leaves,
        report.state_hash,
        facts.text(),
        checks.text(),
        report.operations.applied,
        report.height,
        report.settlements
    )
}

fn failure_text(failure: &Failure) -> String {
    format!(
        "NOT verified: {failure}\nEverything up to block {} is right. Get another copy from another merchant's node: the same \
         fault in both is no accident of transfer.",
        failure.verified
    )
}
