//! `tally verify`: judges an exported chain with nothing but the genesis: no node, no network, no trust in whoever made it.
//!
//! Exit code 0: everything in it follows from the genesis. 1: it does not, and the first bad byte, block, transaction and
//! field are named. 2: it could not be judged. What somebody put on record that is not so (roots, evidence from outside) is
//! told and leaves the verdict alone: no merchant can spoil the chain of all for good.

mod page;
mod trust;
mod words;

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tally_contracts::genesis::Genesis;
use tally_ledger::verify::{Audit, Failure, Options, Progress, Report, RootsOf, SavedState, VerifyError, audit};

use crate::network::read_genesis;
use crate::output::{Lang, Output, Table, Verdict, pretty};

/// Verifies an archive.
#[derive(Debug, Args)]
pub struct Verify {
    /// The archive, as `tally export` wrote it.
    archive: PathBuf,
    /// The genesis, from a source that you trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Of which checkpoints to work out the state roots anew; those of others are only compared among the merchants.
    #[arg(long, value_enum, default_value_t = Roots::Last)]
    roots: Roots,
    /// Whose evidence from outside to believe: a TOML file that names roots of time-stamp authorities and keys of witnesses
    /// (docs/operations.md). Without it anchors are listed and not believed; false ones are found all the same.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Go on from what an earlier run left in this file, if it exists, and leave there what a later run goes on from.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Also write the findings into this directory: `report.json`, and `report.html` for people.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// The language of `report.html`.
    #[arg(long, value_enum, default_value_t = Lang::En)]
    lang: Lang,
    /// Threads that judge signatures and work out roots; by default as many as the machine has.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// Of which checkpoints roots are worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Roots {
    /// Of each that a merchant attested: a full audit.
    All,
    /// Of the last that is final.
    Last,
    /// Of none.
    None,
}

impl Verify {
    /// Verifies.
    pub fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let genesis = read_genesis(&self.genesis)?;
        let saved = self.state.as_deref().map(read_state).transpose()?.flatten();
        let found = self.audit(&genesis, saved, output)?;
        let archive = self.archive.display().to_string();
        let (value, text, html, verdict) = match found {
            Ok((report, saved)) => {
                if let Some(path) = &self.state {
                    write_state(&saved, path)?;
                }
                let memory_bytes = memory_bytes();
                let html = page::verified(&report, &archive, memory_bytes, self.lang);
                let value = self.verified(&report, memory_bytes)?;
                (value, report_text(&report, memory_bytes), html, Verdict::Yes)
            }
            Err(failure) => {
                let html = page::failed(&failure, &archive, self.lang);
                (self.failed(&failure)?, failure_text(&failure), html, Verdict::No)
            }
        };
        if let Some(directory) = &self.report {
            let write = |name: &str, text: String| {
                let path = directory.join(name);
                fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
            };
            fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
            write("report.json", pretty(&value) + "\n")?;
            write("report.html", html)?;
        }
        output.answer(&value, || text);
        Ok(verdict)
    }

    /// Runs the audit; the inner error says why the archive is not right.
    fn audit(
        &self,
        genesis: &Genesis,
        saved: Option<SavedState>,
        output: Output,
    ) -> anyhow::Result<Result<(Report, SavedState), Box<Failure>>> {
        let roots = match self.roots {
            Roots::All => RootsOf::All,
            Roots::Last => RootsOf::Last,
            Roots::None => RootsOf::None,
        };
        let trust = self.trust.as_deref().map(trust::read).transpose()?.unwrap_or_default();
        let options = self.threads.map_or_else(Options::default, |threads| Options { threads });
        let file =
            File::open(&self.archive).with_context(|| format!("cannot read the archive {}", self.archive.display()))?;
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let progress = output.progress(length, "verify [{bar:32}] {percent}%  {msg}  ETA {eta}");
        let (started, mut first) = (Instant::now(), None);
        let found = audit(BufReader::new(file), genesis, &Audit { options, roots, trust }, saved, |done: Progress| {
            let since = done.operations - *first.get_or_insert(done.operations);
            let rate = since as f64 / started.elapsed().as_secs_f64().max(0.001);
            progress.set_position(done.bytes);
            progress.set_message(format!("block {}, {} operations, {rate:.0}/s", done.height, done.operations));
        });
        progress.finish_and_clear();
        match found {
            Ok(found) => Ok(Ok(found)),
            Err(VerifyError::Failed(failure)) => Ok(Err(failure)),
            Err(error) => Err(error).context("the archive was not judged"),
        }
    }

    fn verified(&self, report: &Report, memory_bytes: Option<u64>) -> anyhow::Result<Value> {
        let report = serde_json::to_value(report)?;
        Ok(json!({ "archive": self.archive, "verified": true, "report": report, "memory_peak_bytes": memory_bytes }))
    }

    fn failed(&self, failure: &Failure) -> anyhow::Result<Value> {
        let failure = json!({ "message": failure.to_string(), "found": serde_json::to_value(failure)? });
        Ok(json!({ "archive": self.archive, "verified": false, "failure": failure }))
    }
}

/// What an earlier run left; nothing where there was none.
fn read_state(path: &Path) -> anyhow::Result<Option<SavedState>> {
    if !path.exists() {
        return Ok(None);
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let read = || SavedState::read(BufReader::new(zstd::Decoder::new(file)?));
    read().map(Some).with_context(|| format!("{}", path.display()))
}

/// Writes the state file; half of one never takes the place of a whole one.
fn write_state(saved: &SavedState, path: &Path) -> anyhow::Result<()> {
    let mut partial = path.file_name().unwrap_or_default().to_owned();
    partial.push(".partial");
    let partial = path.with_file_name(partial);
    let write = || {
        let mut packed = zstd::Encoder::new(File::create(&partial)?, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        saved.write(BufWriter::new(&mut packed))?;
        packed.finish()?.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The most memory that this process had, where Linux tells it.
fn memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024)
}

fn report_text(report: &Report, memory_bytes: Option<u64>) -> String {
    let mut facts = Table::new(&["what", "#value"]);
    let (checkpoints, anchors) = (&report.checkpoints, &report.anchors);
    let rows = [
        ("blocks", report.height.to_string()),
        ("transactions", report.transactions.to_string()),
        ("operations applied", report.operations.applied.to_string()),
        ("operations rejected", report.operations.rejected.to_string()),
        ("duplicates", report.operations.duplicate.to_string()),
        ("vote signatures", report.vote_signatures.to_string()),
        ("validator changes", report.epochs.len().saturating_sub(1).to_string()),
        ("settlements", report.settlements.to_string()),
        ("checkpoints", checkpoints.count.to_string()),
        ("  attestations", checkpoints.attestations.to_string()),
        ("  final", checkpoints.finals.to_string()),
        ("  roots worked out", checkpoints.worked_out.to_string()),
        ("  roots only compared", checkpoints.compared.to_string()),
        ("anchors", anchors.count.to_string()),
        ("  by trusted operators", anchors.believed.to_string()),
        ("operations a second", format!("{:.0}", report.operations_per_second)),
    ];
    for (what, value) in rows {
        facts.row([what.into(), value]);
    }
    if let Some(bytes) = memory_bytes {
        facts.row(["most memory".into(), words::mebibytes(bytes)]);
    }
    let mut checks = Table::new(&["check", "", "how, or why not"]);
    for check in &report.checks {
        let mark = if check.checked { "ok" } else { "open" };
        checks.row([check.name.into(), mark.into(), check.detail.clone()]);
    }
    let findings: String = report.findings.iter().map(|finding| format!("NOT SO: {finding}\n")).collect();
    let result = match report.findings.len() {
        0 => "ok".to_owned(),
        count => format!("the chain is right, {count} statements on record are not so;"),
    };
    let memory = memory_bytes.map_or_else(String::new, |bytes| format!(" memory_peak_bytes={bytes}"));
    format!(
        "{}\nchain      {}\nlast block {}\nlog root   {} ({} leaves)\nstate hash {}\n\n{}\n{}\n{findings}verify: {result} \
         operations={} attestations={} blocks={} settlements={} operations_per_second={:.0}{memory}",
        report.name,
        report.chain_id,
        report.block_id,
        report.log_root,
        report.leaves,
        report.state_hash,
        facts.text(),
        checks.text(),
        report.operations.applied,
        report.checkpoints.attestations,
        report.height,
        report.settlements,
        report.operations_per_second
    )
}

fn failure_text(failure: &Failure) -> String {
    format!(
        "NOT verified: {failure}\nEverything up to block {} is right. Get another copy from another merchant's node: the same \
         fault in both is no accident of transfer.",
        failure.verified
    )
}
