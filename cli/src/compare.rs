//! `tally compare`: two merchants' exports of one alliance: the same beginning, or the exact block at which they part and
//! who signed both.
//!
//! Exit code 0: one is the beginning of the other. 1: they part, or one of them is damaged. 2: they could not be compared.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use tally_contracts::types::MerchantId;
use tally_ledger::verify::{Branch, Comparison, Options, Parting, Side, VerifyError, compare, judge_parting};

use crate::network::read_genesis;
use crate::output::{Output, Verdict, utc_text};

/// Compares two archives.
#[derive(Debug, Args)]
pub struct Compare {
    /// One archive.
    first: PathBuf,
    /// The other.
    second: PathBuf,
    /// The genesis, from a source that you trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
}

impl Compare {
    /// Compares.
    pub fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let genesis = read_genesis(&self.genesis)?;
        let length = self.first.metadata().map_or(0, |metadata| metadata.len());
        let progress = output.progress(length, "compare [{bar:32}] {percent}%  {msg}  ETA {eta}");
        let found = compare(open(&self.first)?, open(&self.second)?, &genesis, |height, bytes| {
            progress.set_position(bytes);
            progress.set_message(format!("block {height}"));
        });
        let mut found = match found {
            Ok(found) => found,
            Err((side, VerifyError::Failed(failure))) => {
                progress.finish_and_clear();
                let archive = self.path(side).display();
                let value = json!({ "result": "damaged", "archive": self.path(side), "message": failure.to_string() });
                output.answer(&value, || format!("{archive} cannot be compared: {failure}"));
                return Ok(Verdict::No);
            }
            Err((side, error)) => return Err(error).with_context(|| format!("{}", self.path(side).display())),
        };
        if let Comparison::Parted(parting) = &mut found {
            let judged = judge_parting(open(&self.first)?, &genesis, Options::default(), parting, |done| {
                progress.set_message(format!("replaying the common beginning: block {}", done.height));
            });
            judged.context("the blocks that both archives have in common do not verify: run `tally verify`")?;
        }
        progress.finish_and_clear();
        let mut value = serde_json::to_value(&found)?;
        value["first_archive"] = Value::from(self.first.display().to_string());
        value["second_archive"] = Value::from(self.second.display().to_string());
        output.answer(&value, || self.text(&found));
        Ok(Verdict::of(!matches!(found, Comparison::Parted(_))))
    }

    const fn path(&self, side: Side) -> &PathBuf {
        match side {
            Side::First => &self.first,
            Side::Second => &self.second,
        }
    }

    fn text(&self, found: &Comparison) -> String {
        match found {
            Comparison::Same { height, block_id } => format!("compare: the same up to block {height}, {block_id}"),
            Comparison::Prefix { shorter, height, block_id } => {
                let shorter = self.path(*shorter).display();
                format!(
                    "compare: the same up to block {height}, {block_id}, where {shorter} ends; the other goes on from there"
                )
            }
            Comparison::Parted(parting) => self.parting_text(parting),
        }
    }

    fn parting_text(&self, parting: &Parting) -> String {
        let Parting { height, first, second, signed_both } = parting;
        let mut text = format!("TWO HISTORIES: the first block that differs is {height}.\n");
        for (path, branch) in [(&self.first, first), (&self.second, second)] {
            let Branch { block_id, time_ms, fault, offset, .. } = branch;
            let fault = fault
                .as_deref()
                .map_or_else(|| "committed by its certificate".to_owned(), |fault| format!("NOT committed: {fault}"));
            let time = utc_text(*time_ms);
            let _ = writeln!(text, "{}: {block_id}, {time}, byte {offset}; {fault}", path.display());
        }
        let signers: Vec<String> = signed_both.iter().map(MerchantId::to_string).collect();
        text += &match (signers.is_empty(), &first.fault, &second.fault) {
            (false, ..) => format!(
                "Both are committed. Signed both: merchants {}. The two certificates are the evidence: keep both archives.",
                signers.join(", ")
            ),
            (true, Some(_), None) => format!("{} is forged from this block on.", self.first.display()),
            (true, None, Some(_)) => format!("{} is forged from this block on.", self.second.display()),
            _ => "Neither block is committed: both archives are forged from this block on.".to_owned(),
        };
        text
    }
}

fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot read the archive {}", path.display()))?;
    Ok(BufReader::new(file))
}
