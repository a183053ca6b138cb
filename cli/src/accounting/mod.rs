//! `tally accounting`: points in a merchant's books, worked out of an exported chain, offline.
//!
//! Data goes one way: replay of the archive ([`tally_ledger::verify::replay`]) -> [`books::Books`], block by block, by the
//! rules of docs/accounting.md -> the files of a [`period::Period`]. Nothing of it is contract state.
//!
//! **Invariant**: amounts are integers in 10^-8 CNY; each entry balances; after each block, points by class and month are
//! those of the ledger. **Invariant**: the same period gives the same bytes from any longer archive.

mod amount;
mod account;
mod estimate;
mod liability;
mod entries;
mod supplies;
mod moves;
mod open_cycle;
mod pool;
mod rules;
mod books;
mod period;
mod journal;
mod tables;
mod budget;
mod summary;
mod read;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tally_contracts::genesis::Genesis;
use tally_contracts::types::{Fen, Height, MerchantId, Month, Rate};

use crate::network::read_genesis;
use crate::output::{Lang, Output, Verdict, pretty};
use crate::settlement::export::files;

use books::Books;
use budget::Budget;
use estimate::{Estimate, Estimates};
use journal::Names;
use period::Period;
use read::Until;
use summary::Summary;

/// What is asked of the books.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Journal, roll-forward, liability by expiry, VAT kinds and summary of merchants' points (docs/accounting.md).
    ///
    /// Replays an archive, as `tally verify` does, and writes the files of each merchant and period into
    /// DIR/merchant-N/PERIOD. Without --month the period is all of the archive.
    Export(Export),
}

/// Exports the books.
#[derive(Debug, Args)]
pub struct Export {
    /// The archive, as `tally export` wrote it.
    archive: PathBuf,
    /// The genesis, from a source that you trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Whose books, a merchant or partner, also one that joined later; may be given several times.
    #[arg(long, value_name = "ID", required = true)]
    merchant: Vec<MerchantId>,
    /// A month that is over in the archive, such as 2017-03; may be given several times.
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["every_month", "to_height"])]
    month: Vec<Month>,
    /// Every month that is over in the archive.
    #[arg(long, conflicts_with = "to_height")]
    every_month: bool,
    /// All of the chain up to this block.
    #[arg(long, value_name = "HEIGHT", value_parser = clap::value_parser!(u64).range(1..))]
    to_height: Option<u64>,
    /// The part of a class's points that is expected never to be spent, instead of what its terms say; with @MONTH for what
    /// is issued from then on.
    #[arg(long, value_name = "CLASS=RATE[@MONTH]")]
    breakage: Vec<Estimate>,
    /// What redeeming a merchant's points may cost in a month, in fen.
    #[arg(long, value_name = "FEN", value_parser = budget_fen)]
    budget_fen: Option<Fen>,
    /// The part of the budget from which on a month is an alert.
    #[arg(long, value_name = "PART", default_value = "0.15", requires = "budget_fen")]
    budget_alert: Rate,
    /// Where the files go; nothing there is ever overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The language of the summary that is printed.
    #[arg(long, value_enum, default_value_t = Lang::En)]
    lang: Lang,
}

fn budget_fen(text: &str) -> Result<Fen, String> {
    text.parse().ok().filter(|fen| *fen > Fen(0)).ok_or_else(|| format!("`{text}` is no amount in fen above zero"))
}

/// Runs the verb.
pub fn run(verb: &Verb, output: Output) -> anyhow::Result<Verdict> {
    let Verb::Export(export) = verb;
    export.run(output)
}

impl Export {
    fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let genesis = read_genesis(&self.genesis)?;
        let open = |id: &MerchantId| Books::open(&genesis, *id, Estimates::new(&self.breakage));
        let mut books: Vec<Books> = self.merchant.iter().map(open).collect();
        let until = match (self.to_height, self.month.iter().max()) {
            (Some(height), _) => Until::Height(Height(height)),
            (None, Some(month)) => Until::After(*month),
            (None, None) => Until::End,
        };
        if let Err(found) = read::read(&self.archive, &genesis, until, &mut books, output)? {
            output.answer(&json!({ "archive": self.archive, "verified": false, "failure": found }), || {
                format!("NOT exported: {found}")
            });
            return Ok(Verdict::No);
        }
        // Who joins is known once the chain has been read.
        for books in &books {
            ensure!(books.name.is_some(), "the alliance has no merchant {}", books.merchant);
        }
        let mut written = Vec::new();
        for books in &books {
            for period in self.periods(books)? {
                written.push(self.write(&genesis, books, &period)?);
            }
        }
        let values: Vec<&Value> = written.iter().map(|(value, _)| value).collect();
        output.answer(&json!({ "exports": values }), || {
            written.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n\n")
        });
        Ok(Verdict::Yes)
    }

    fn periods(&self, books: &Books) -> anyhow::Result<Vec<Period>> {
        let whole = Period::whole(books);
        if self.every_month {
            return whole.ended_months(books).map(|month| Period::month(books, month)).collect();
        }
        if self.month.is_empty() {
            return Ok(vec![whole]);
        }
        self.month.iter().map(|month| Period::month(books, *month)).collect()
    }

    /// Writes the files of a period; gives what to answer, for programs and for people.
    fn write(&self, genesis: &Genesis, books: &Books, period: &Period) -> anyhow::Result<(Value, String)> {
        let chain = genesis.chain_id().to_string();
        let merchant = books.name.as_deref().context("a participant was asked for")?;
        let names = Names { alliance: &genesis.name, chain: &chain, merchant };
        let budget = self.budget_fen.map(|budget_fen| Budget { budget_fen, alert: self.budget_alert });
        let summary = Summary::new(books, names, period, budget);
        let dir = self.out.join(format!("merchant-{}", books.merchant)).join(&period.label);
        files::make_dir(&dir)?;
        let mut list = Vec::new();
        for (name, text) in texts(books, names, period, &summary) {
            list.push(files::write(&dir.join(name), &text)?.json());
        }
        let value = json!({ "dir": dir, "files": list, "summary": summary.json() });
        Ok((value, format!("{}\n\n{}", summary.text(self.lang), files_line(&dir))))
    }
}

fn files_line(dir: &Path) -> String {
    format!("{}: journal.hledger, roll-forward.csv, liability-by-expiry.csv, vat.csv, summary.json", dir.display())
}

/// The files of a period by name.
fn texts(books: &Books, names: Names<'_>, period: &Period, summary: &Summary<'_>) -> [(&'static str, String); 5] {
    [
        ("journal.hledger", journal::journal(books, &names, period)),
        ("roll-forward.csv", tables::roll_forward(books, period)),
        ("liability-by-expiry.csv", tables::by_expiry(books, period)),
        ("vat.csv", tables::vat(books, period)),
        ("summary.json", pretty(&summary.json()) + "\n"),
    ]
}
