//! `tally proof get`: asks a node for a proof, and writes it to a file of its own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Month, Reference};
use tally_ledger::proof::ProofFile;

use crate::connect::Connect;
use crate::output::{Output, Verdict, pretty};

/// Gets a proof.
#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    connect: Connect,
    /// The file to write; never overwritten.
    #[arg(long, default_value = "proof.json", value_name = "FILE")]
    out: PathBuf,
    /// Prove it under the checkpoint of this height; under the latest that will do if it is left out.
    #[arg(long, value_name = "HEIGHT")]
    checkpoint: Option<Height>,
    #[command(subcommand)]
    fact: Wanted,
}

#[derive(Debug, Subcommand)]
enum Wanted {
    /// An operation with its receipt is in the ledger.
    Operation {
        /// Who submitted it.
        of: MerchantId,
        /// Under which reference.
        reference: Reference,
    },
    /// More than two thirds of the merchants vouch for a checkpoint.
    Signed,
    /// The ledger of a checkpoint begins with that of an earlier one.
    Growth {
        /// The earlier checkpoint's height.
        #[arg(long, value_name = "HEIGHT")]
        from: Height,
    },
    /// What a member has of a class; also nothing.
    Balance {
        /// The card code.
        member: Address,
        /// The class.
        #[arg(long)]
        class: ClassId,
    },
    /// Every movement of a member's holding, and that none is missing.
    Statement {
        /// The card code.
        member: Address,
        /// The class.
        #[arg(long)]
        class: ClassId,
        /// From the checkpoint of this height on; from the holding's beginning if it is left out.
        #[arg(long, value_name = "HEIGHT")]
        from: Option<Height>,
    },
    /// A closed settlement cycle with its legs.
    Settlement {
        /// The cycle, such as 2027-01.
        cycle: Month,
    },
    /// A checkpoint existed before a time, by evidence from outside.
    Anchored {
        /// The evidence by its hash; the latest on record if it is left out.
        #[arg(long, value_name = "HASH")]
        evidence: Option<Hash>,
    },
}

impl Get {
    /// Gets it.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let proof: ProofFile = self.connect.client()?.get_as(&self.path()).await?;
        let value = serde_json::to_value(&proof)?;
        let out = self.out.display();
        let mut file = OpenOptions::new().write(true).create_new(true).open(&self.out).with_context(|| {
            format!("cannot write {out}: a proof is never overwritten, choose another file with --out")
        })?;
        file.write_all((pretty(&value) + "\n").as_bytes()).with_context(|| format!("cannot write {out}"))?;
        output.answer(&json!({ "file": self.out, "kind": value["fact"]["kind"] }), || {
            format!("{out}\nVerify it: tally proof verify {out} --genesis genesis.json")
        });
        Ok(Verdict::Yes)
    }

    fn path(&self) -> String {
        let (path, mut query) = match &self.fact {
            Wanted::Operation { of, reference } => (format!("operations/{of}/{reference}"), Vec::new()),
            Wanted::Signed => ("signed".to_owned(), Vec::new()),
            Wanted::Growth { from } => ("growth".to_owned(), vec![format!("from={from}")]),
            Wanted::Balance { member, class } => (format!("balances/{member}/{class}"), Vec::new()),
            Wanted::Statement { member, class, from } => {
                (format!("statements/{member}/{class}"), from.iter().map(|from| format!("from={from}")).collect())
            }
            Wanted::Settlement { cycle } => (format!("settlements/{cycle}"), Vec::new()),
            Wanted::Anchored { evidence } => {
                ("anchored".to_owned(), evidence.iter().map(|evidence| format!("evidence={evidence}")).collect())
            }
        };
        query.extend(self.checkpoint.iter().map(|height| format!("checkpoint={height}")));
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("/v1/proofs/{path}{query}")
    }
}
