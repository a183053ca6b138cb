//! `tally settlement export`: one merchant's side of a closed cycle as files that its finance department imports.
//!
//! Data goes one way: the node's answers become a [`Statement`] that was added up, which each format writes in its own
//! way; formats see neither JSON nor node.
//!
//! **Invariant:** the same cycle gives the same bytes at any later height (of `pain001`: with the same accounts). So
//! writing a file that is there already with these bytes is done; one with others is never overwritten.

mod ask;
mod answer;
mod statement;
pub mod text;
mod xml;
mod camt053;
mod accounts;
mod pain001;
pub mod summary;
mod operations;
mod journal;
pub mod files;
#[cfg(test)]
mod testing;

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tally_contracts::types::{MerchantId, Month};

use crate::client::Client;
use crate::connect::Connect;
use crate::output::{Output, Verdict};

use accounts::Accounts;
use statement::{Side, Statement};

/// Exports a cycle.
#[derive(Debug, Args)]
pub struct Export {
    /// The cycle, such as 2017-03; it must be closed.
    cycle: Month,
    /// What to write.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The file to write, of `all` the directory; standard output if it is left out. Nothing else is ever overwritten.
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Bank accounts of the merchants, for pain001: TOML, or JSON if so named (docs/settlement-files.md).
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// What came to be owed and how it was cleared, by counterparty and kind.
    Csv,
    /// Every operation behind these sums, as CSV.
    Operations,
    /// Double entry in plain text, for hledger.
    Journal,
    /// Account statement, ISO 20022 camt.053.001.08.
    Camt053,
    /// The payments to make, ISO 20022 pain.001.001.09.
    Pain001,
    /// Each of them, into a directory.
    All,
}

impl Format {
    const EACH: [Self; 5] = [Self::Camt053, Self::Pain001, Self::Journal, Self::Csv, Self::Operations];

    /// How the format's files end.
    const fn ending(self) -> &'static str {
        match self {
            Self::Csv | Self::All => "csv",
            Self::Operations => "operations.csv",
            Self::Journal => "journal",
            Self::Camt053 => "camt053.xml",
            Self::Pain001 => "pain001.xml",
        }
    }
}

impl Export {
    /// Exports.
    pub async fn run(&self, connect: &Connect, output: Output) -> anyhow::Result<Verdict> {
        ensure!(
            self.format != Format::All || self.out.is_some(),
            "--format all writes several files: give --out with a directory"
        );
        let client = connect.client()?;
        let accounts = self.accounts.as_deref().map(Accounts::read).transpose()?;
        let (statement, confirmed) = ask::statement(&client, self.cycle, connect.merchant.map(MerchantId)).await?;
        if self.format == Format::All {
            return self.all(&client, &statement, accounts, &confirmed, output).await;
        }
        let Some(text) = render(&client, self.format, &statement, accounts.as_ref()).await? else {
            eprintln!("tally: {}; no file", nothing_to_pay(&statement));
            return Ok(Verdict::No);
        };
        if self.format == Format::Pain001 {
            warn(&statement, accounts.as_ref(), &confirmed);
        }
        match &self.out {
            None => files::print(&text)?,
            Some(path) => {
                let written = files::write(path, &text)?;
                output.answer(&written.json(), || written.text());
            }
        }
        Ok(Verdict::Yes)
    }

    async fn all(
        &self,
        client: &Client,
        statement: &Statement,
        accounts: Option<Accounts>,
        confirmed: &[u16],
        output: Output,
    ) -> anyhow::Result<Verdict> {
        let dir = self.out.as_deref().expect("asked for before");
        let mut texts: Vec<(Format, String)> = Vec::new();
        for format in Format::EACH {
            if let Some(text) = render(client, format, statement, accounts.as_ref()).await? {
                texts.push((format, text));
            }
        }
        files::make_dir(dir)?;
        let mut written = Vec::new();
        for (format, text) in &texts {
            let name = format!("{}-merchant-{}.{}", statement.cycle, statement.merchant.id, format.ending());
            written.push(files::write(&dir.join(name), text)?);
        }
        let mut left_out: Vec<Value> = Vec::new();
        if texts.iter().any(|(format, _)| *format == Format::Pain001) {
            warn(statement, accounts.as_ref(), confirmed);
        } else {
            eprintln!("note: {}; pain001 is left out", nothing_to_pay(statement));
            left_out.push(json!({ "format": "pain001", "reason": nothing_to_pay(statement) }));
        }
        let list: Vec<Value> = written.iter().map(files::Written::json).collect();
        output.answer(&json!({ "files": list, "left_out": left_out }), || {
            written.iter().map(|written| written.text() + "\n").collect()
        });
        Ok(Verdict::Yes)
    }
}

/// The text of one format; nothing for a pain.001 without a payment.
async fn render(
    client: &Client,
    format: Format,
    statement: &Statement,
    accounts: Option<&Accounts>,
) -> anyhow::Result<Option<String>> {
    Ok(Some(match format {
        Format::Csv | Format::All => summary::summary(statement),
        Format::Operations => operations::operations(statement, &operations::ask(client, statement).await?),
        Format::Journal => journal::journal(statement),
        Format::Camt053 => camt053::camt053(statement),
        Format::Pain001 => {
            if let Some(accounts) = accounts {
                accounts.require(statement)?;
            }
            return Ok(pain001::pain001(statement, accounts.unwrap_or(&Accounts::default())));
        }
    }))
}

fn nothing_to_pay(statement: &Statement) -> String {
    let Statement { cycle, merchant, .. } = statement;
    format!("merchant {} has no leg to pay in {cycle}, and a pain.001 needs a payment", merchant.id)
}

/// What whoever sends the payments must know, and the file cannot say.
fn warn(statement: &Statement, accounts: Option<&Accounts>, confirmed: &[u16]) {
    if accounts.is_none() {
        eprintln!(
            "note: the ledger knows no bank accounts, those in pain001 are made of merchants' ids: give --accounts FILE"
        );
    }
    for leg in statement.legs_as(Side::Payer).filter(|leg| confirmed.contains(&leg.number)) {
        eprintln!("note: {} is confirmed as paid already; do not pay it again", statement.leg_name(leg));
    }
}
