//! `tally submit`: one operation from flags, or any number from JSON, through a node or signed here.
//!
//! Through a node, the node signs: its key has the roles issuer and acceptor. With `--key` the transaction is signed here and
//! any node takes it: that is how treasurers, governors, tills with keys of their own and the simulated clock act, whose keys
//! never live in a node. A member's own word travels with the operation (`word`).
//!
//! **Invariant:** the reference is shown before anything is sent, so that whoever gets no answer can try again with
//! `--reference` and never act twice.

mod kind;
mod word;
mod read;
mod sign;
mod show;

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use tally_contracts::transaction::{Body, Operation, Till};
use tally_contracts::types::{MerchantId, Reference};

use crate::client::{BulkMode, Client};
use crate::connect::{Connect, Status};
use crate::keys::read_key;
use crate::network::now_ms;
use crate::output::{Output, Verdict};

pub use kind::{Given, Kind, parse_till};
pub use read::{new_reference, read_text};
pub use show::outcome_text;
pub use sign::{Signing, post, sign};
pub use word::checked;

/// Submits operations.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct Submit {
    #[command(flatten)]
    connect: Connect,
    /// Operations in JSON, one or one a line: {"reference"?, "till"?, "body": {"issue": {..}}, "authorization"?}; - for
    /// standard input.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The reference (UUIDv7) of an operation given by flags; a fresh one is made and shown if it is left out.
    #[arg(long, value_name = "UUID")]
    reference: Option<Reference>,
    /// The till of an operation given by flags.
    #[arg(long, value_name = "STORE:TILL", value_parser = parse_till)]
    till: Option<Till>,
    #[command(flatten)]
    word: word::WordArgs,
    /// Only show the operation as JSON, with its reference: for `tally wallet authorize`. Nothing is sent; needs no node.
    #[arg(long, conflicts_with_all = ["authorization", "grant", "wallet", "key", "atomic"])]
    print: bool,
    /// All succeed, or none.
    #[arg(long)]
    atomic: bool,
    /// Sign here with this key, for --merchant (0 for the clock), instead of in the node.
    #[arg(long, value_name = "FILE", requires = "merchant")]
    key: Option<PathBuf>,
    /// With --key or --wallet: how long what is signed here may wait for its block, in minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440), value_name = "MINUTES")]
    valid: u64,
    /// How long to wait for final receipts, in seconds; 0 returns as soon as the node has made them durable.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    wait: u32,
    #[command(subcommand)]
    kind: Option<Kind>,
}

impl Submit {
    /// Submits.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        if self.print {
            return self.print(output).await;
        }
        let client = self.connect.client()?;
        let status = Status::of(&client).await?;
        let time_ms = status.time_ms()?;
        // With --key in the name of --merchant; else in that of whose node it is, whichever was asked for.
        let merchant = match (&self.key, self.connect.merchant) {
            (Some(_), asked) => MerchantId(asked.context("--key needs --merchant")?),
            (None, _) => status.merchant.context("this node only observes: submit at a merchant's own")?,
        };
        let operations = self.authorized(&status, merchant, time_ms)?;
        for operation in &operations {
            eprintln!("reference {}", operation.reference);
        }
        let Some(path) = &self.key else { return self.through_node(&client, &operations, output).await };
        let (_, key) = read_key(path)?;
        let base_ms = operations.iter().map(|o| own_time(o, time_ms)).max().unwrap_or(time_ms);
        let valid_until_ms = base_ms + self.valid_ms();
        let mut transaction =
            sign(&Signing { chain_id: status.chain_id, merchant, valid_until_ms, key: &key }, operations);
        if self.atomic {
            transaction.atomic = true;
            transaction.sign(&key);
        }
        post(&client, &transaction, self.wait, output).await
    }

    /// Shows what would be sent.
    async fn print(&self, output: Output) -> anyhow::Result<Verdict> {
        let time_ms = if self.connect.node.is_given() {
            Status::of(&self.connect.client()?).await?.time_ms()?
        } else {
            now_ms()?
        };
        for operation in self.operations(&Given { time_ms, wallet_key: None })? {
            let value = serde_json::to_value(&operation)?;
            output.event(&value, || value.to_string());
        }
        Ok(Verdict::Yes)
    }

    /// The operations, with the member's own word where it is given.
    fn authorized(&self, status: &Status, merchant: MerchantId, time_ms: u64) -> anyhow::Result<Vec<Operation>> {
        let word = self.word.read()?;
        let given = Given { time_ms, wallet_key: word.as_ref().and_then(word::Word::wallet_key) };
        let mut operations = self.operations(&given)?;
        if let Some(word) = word {
            ensure!(operations.len() == 1, "an authorization is for one operation, there are {}", operations.len());
            let for_whom = (status.chain_id, merchant);
            operations[0].authorization = Some(word.on(&operations[0], for_whom, time_ms + self.valid_ms()));
        }
        // Of many, the node says which it refuses, and takes the others.
        if let [operation] = operations.as_slice() {
            checked(operation)?;
        }
        Ok(operations)
    }

    /// The operations of the file, or the one of the flags; each with a reference.
    fn operations(&self, given: &Given) -> anyhow::Result<Vec<Operation>> {
        match (&self.file, &self.kind) {
            (Some(path), None) => {
                ensure!(self.reference.is_none(), "--reference goes with an operation given by flags");
                read::operations(path, given.time_ms)
            }
            (None, Some(kind)) => {
                let reference = self.reference.unwrap_or_else(|| new_reference(given.time_ms));
                Ok(vec![Operation { till: self.till, ..Operation::new(reference, kind.body(given)?) }])
            }
            _ => bail!("what is to be submitted? Give --file FILE, or one operation by flags (`tally submit --help`)"),
        }
    }

    async fn through_node(&self, client: &Client, operations: &[Operation], output: Output) -> anyhow::Result<Verdict> {
        let mode = if self.atomic { BulkMode::Atomic } else { BulkMode::Continue };
        let answers = client.bulk(operations, mode, self.wait).await?;
        if output.json {
            for (operation, answer) in operations.iter().zip(&answers) {
                output.event(&with_reference(serde_json::to_value(answer)?, operation), String::new);
            }
        } else {
            let outcomes = answers.iter().filter_map(|line| line.outcome());
            let text = show::answers_table(operations, &answers) + &show::advice(client, outcomes).await;
            output.answer(&Value::Null, || text);
        }
        Ok(Verdict::of(answers.iter().all(show::is_good)))
    }

    const fn valid_ms(&self) -> u64 {
        self.valid * 60_000
    }
}

/// The block time that an operation is for: a clock operation's is its own.
fn own_time(operation: &Operation, time_ms: u64) -> u64 {
    if let Body::SetClock(set) = &operation.body { set.time_ms } else { time_ms }
}

fn with_reference(mut answer: Value, operation: &Operation) -> Value {
    if let Some(object) = answer.as_object_mut() {
        object.entry("reference").or_insert_with(|| json!(operation.reference));
    }
    answer
}
