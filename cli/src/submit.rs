//! `tally submit`: one operation from flags, or any number from JSON, through a node or signed here.
//!
//! Through a node, the node signs: its key has the roles issuer and acceptor. With `--key` the transaction is signed here and
//! any node takes it: that is how treasurers, governors and the simulated clock act, whose keys never live in a node.
//!
//! **Invariant:** the reference is shown before anything is sent, so that whoever gets no answer can try again with
//! `--reference` and never act twice.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use ed25519_dalek::SigningKey;
use rand::RngCore as _;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::exchange::Exchange;
use tally_contracts::governance::SetClock;
use tally_contracts::membership::Enrol;
use tally_contracts::points::{CreateClass, Issue, IssueLine, Redeem, Transfer};
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::settlement::ConfirmLeg;
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Till, Transaction};
use tally_contracts::types::{
    Address, Category, ChainId, ClassId, Fen, Hash, MerchantId, Month, Points, Reference, StoreId, TillId,
};

use crate::client::{BulkLine, BulkMode, Client, Connect, LineStatus};
use crate::keys::read_key;
use crate::network::now_ms;
use crate::output::{Output, Table, Verdict};

/// Submits operations.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct Submit {
    #[command(flatten)]
    connect: Connect,
    /// Operations in JSON, one or one a line: {"reference"?, "till"?, "body": {"issue": {..}}}; - for standard input.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The reference (UUIDv7) of an operation given by flags; a fresh one is made and shown if it is left out.
    #[arg(long, value_name = "UUID")]
    reference: Option<Reference>,
    /// The till of an operation given by flags.
    #[arg(long, value_name = "STORE:TILL", value_parser = parse_till)]
    till: Option<Till>,
    /// All succeed, or none.
    #[arg(long)]
    atomic: bool,
    /// Sign here with this key, for --merchant (0 for the clock), instead of in the node.
    #[arg(long, value_name = "FILE", requires = "merchant")]
    key: Option<PathBuf>,
    /// With --key: how long the transaction may wait for its block, in minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440), value_name = "MINUTES")]
    valid: u64,
    /// How long to wait for final receipts, in seconds; 0 returns as soon as the node has made them durable.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    wait: u32,
    #[command(subcommand)]
    kind: Option<Kind>,
}

/// An operation given by flags.
#[derive(Debug, Subcommand)]
enum Kind {
    /// Take a customer into the merchant's custody.
    Enrol {
        /// The salted commitment to the member number, 32 bytes in hexadecimal.
        #[arg(long, value_name = "HEX", required_unless_present = "number")]
        commitment: Option<Hash>,
        /// Make salt and commitment for this member number; keep the salt that is shown.
        #[arg(long, value_name = "TEXT", conflicts_with = "commitment")]
        number: Option<String>,
    },
    /// Issue points for a purchase.
    Issue {
        #[arg(long)]
        class: ClassId,
        /// The card code.
        #[arg(long)]
        member: Address,
        /// A part of the purchase; may be given more than once.
        #[arg(long = "line", value_name = "CATEGORY:FEN", value_parser = parse_line, required = true)]
        lines: Vec<IssueLine>,
    },
    /// Give points to another member.
    Transfer {
        #[arg(long)]
        class: ClassId,
        /// The giver's card code.
        #[arg(long)]
        from: Address,
        /// The receiver's card code.
        #[arg(long)]
        to: Address,
        #[arg(long)]
        points: Points,
    },
    /// Spend points for cash off.
    Redeem {
        #[arg(long)]
        class: ClassId,
        /// The card code.
        #[arg(long)]
        member: Address,
        #[arg(long)]
        points: Points,
    },
    /// Turn points of one class into points of another.
    Exchange {
        /// The card code.
        #[arg(long)]
        member: Address,
        #[arg(long)]
        from_class: ClassId,
        #[arg(long)]
        to_class: ClassId,
        #[arg(long)]
        points: Points,
        /// Fewer than this are not accepted.
        #[arg(long)]
        min_out: Points,
    },
    /// Confirm that a settlement leg was paid (treasurer).
    ConfirmLeg {
        #[arg(long)]
        cycle: Month,
        #[arg(long)]
        leg: u16,
        #[arg(long)]
        amount_fen: Fen,
    },
    /// Open a point class (governor).
    CreateClass {
        #[arg(long)]
        class: ClassId,
        /// The terms as JSON, as in genesis.json.
        #[arg(long, value_name = "FILE")]
        terms: PathBuf,
    },
    /// Set the simulated clock (clock key, --merchant 0).
    SetClock {
        /// The new time, in ms since 1970.
        #[arg(long)]
        time_ms: u64,
    },
}

impl Submit {
    /// Submits.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let client = self.connect.client()?;
        let status: Status = client.get_as("/v1/status").await?;
        let time_ms = status.time_ms()?;
        let operations = self.operations(time_ms)?;
        if !output.json {
            for operation in operations.iter().take(10) {
                eprintln!("reference {}", operation.reference);
            }
        }
        match &self.key {
            None => self.through_node(&client, &operations, output).await,
            Some(path) => {
                let merchant = MerchantId(self.connect.merchant.context("--key needs --merchant")?);
                let (_, key) = read_key(path)?;
                let base_ms = operations.iter().map(|o| own_time(o, time_ms)).max().unwrap_or(time_ms);
                let signing = Signing {
                    chain_id: status.chain_id,
                    merchant,
                    valid_until_ms: base_ms + self.valid * 60_000,
                    key: &key,
                };
                let mut transaction = unsigned(&signing, operations);
                transaction.atomic = self.atomic;
                transaction.sign(&key);
                post(&client, &transaction, self.wait, output).await
            }
        }
    }

    /// The operations of the file, or the one of the flags; each with a reference.
    fn operations(&self, time_ms: u64) -> anyhow::Result<Vec<Operation>> {
        match (&self.file, &self.kind) {
            (Some(path), None) => {
                ensure!(self.reference.is_none(), "--reference goes with an operation given by flags");
                read_operations(path, time_ms)
            }
            (None, Some(kind)) => {
                let reference = self.reference.unwrap_or_else(|| new_reference(time_ms));
                Ok(vec![Operation { reference, till: self.till, body: kind.body()? }])
            }
            _ => bail!("what is to be submitted? Give --file FILE, or one operation by flags (`tally submit --help`)"),
        }
    }

    async fn through_node(&self, client: &Client, operations: &[Operation], output: Output) -> anyhow::Result<Verdict> {
        let mode = if self.atomic { BulkMode::Atomic } else { BulkMode::Continue };
        let answers = client.bulk(operations, mode, self.wait).await?;
        let is_good = |line: &BulkLine| match line.status {
            LineStatus::Refused => false,
            LineStatus::Accepted => true,
            LineStatus::Final => {
                !matches!(&line.receipt, Some(Receipt { outcome: Outcome::Rejected(_), .. })) && line.problem.is_none()
            }
        };
        let all_good = answers.iter().all(is_good);
        if output.json {
            for (operation, answer) in operations.iter().zip(&answers) {
                output.event(&with_reference(serde_json::to_value(answer)?, operation), String::new);
            }
        } else {
            output.answer(&Value::Null, || answers_table(operations, &answers));
        }
        Ok(Verdict::of(all_good))
    }
}

impl Kind {
    fn body(&self) -> anyhow::Result<Body> {
        Ok(match self {
            Self::Enrol { commitment: Some(commitment), .. } => Body::Enrol(Enrol { commitment: *commitment }),
            Self::Enrol { number, .. } => {
                let number = number.as_deref().context("give --commitment or --number")?;
                let mut salt = [0; 16];
                rand::rngs::OsRng.fill_bytes(&mut salt);
                eprintln!(
                    "salt {}  (keep it with member number {number}; without it nobody can show whose card this is)",
                    hex::encode(salt)
                );
                let mut hash = Sha256::new();
                hash.update(salt);
                hash.update(number);
                Body::Enrol(Enrol { commitment: Hash(hash.finalize().into()) })
            }
            Self::Issue { class, member, lines } => {
                Body::Issue(Issue { class: *class, member: *member, lines: lines.clone() })
            }
            Self::Transfer { class, from, to, points } => {
                Body::Transfer(Transfer { class: *class, from: *from, to: *to, points: *points })
            }
            Self::Redeem { class, member, points } => {
                Body::Redeem(Redeem { class: *class, member: *member, points: *points })
            }
            Self::Exchange { member, from_class, to_class, points, min_out } => Body::Exchange(Exchange {
                member: *member,
                from_class: *from_class,
                to_class: *to_class,
                points: *points,
                min_out: *min_out,
            }),
            Self::ConfirmLeg { cycle, leg, amount_fen } => {
                Body::ConfirmLeg(ConfirmLeg { cycle: *cycle, leg: *leg, amount_fen: *amount_fen })
            }
            Self::CreateClass { class, terms } => {
                let text =
                    std::fs::read_to_string(terms).with_context(|| format!("cannot read {}", terms.display()))?;
                let terms = serde_json::from_str(&text).with_context(|| format!("{}", terms.display()))?;
                Body::CreateClass(CreateClass { class: *class, terms })
            }
            Self::SetClock { time_ms } => Body::SetClock(SetClock { time_ms: *time_ms }),
        })
    }
}

// --- Signing here ---

/// Who signs, for which alliance, and until when it holds.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The alliance.
    pub chain_id: ChainId,
    /// In whose name; 0 for the clock.
    pub merchant: MerchantId,
    /// Last block time at which it may be executed, in ms since 1970.
    pub valid_until_ms: u64,
    /// The key.
    pub key: &'a SigningKey,
}

/// A signed transaction, each operation for itself.
pub fn sign(signing: &Signing<'_>, operations: Vec<Operation>) -> Transaction {
    let mut transaction = unsigned(signing, operations);
    transaction.sign(signing.key);
    transaction
}

fn unsigned(signing: &Signing<'_>, operations: Vec<Operation>) -> Transaction {
    Transaction {
        chain_id: signing.chain_id,
        merchant: signing.merchant,
        public_key: PublicKey::of(signing.key),
        valid_until_ms: signing.valid_until_ms,
        atomic: false,
        operations,
        signature: Signature::default(),
    }
}

/// Posts a transaction signed here, and answers with its receipts.
pub async fn post(client: &Client, transaction: &Transaction, wait_s: u32, output: Output) -> anyhow::Result<Verdict> {
    CheckedTransaction::check(encoding::encode(transaction), &transaction.chain_id)
        .context("no node would take this transaction; nothing was sent")?;
    let answer = client.submit_signed(transaction, wait_s).await?;
    let rejected = |receipts: &Vec<Receipt>| receipts.iter().any(|r| matches!(r.outcome, Outcome::Rejected(_)));
    let verdict = Verdict::of(!answer.receipts.as_ref().is_some_and(rejected));
    output.answer(&answer.answer, || {
        let mut text = format!("transaction {}\n", answer.transaction_id);
        match &answer.receipts {
            None => text.push_str("accepted; its receipts come later: tally query transaction ID\n"),
            Some(receipts) => {
                let mut table = Table::new(&["kind", "reference", "outcome"]);
                for (operation, receipt) in transaction.operations.iter().zip(receipts) {
                    table.row([
                        operation.body.kind().into(),
                        receipt.reference.to_string(),
                        outcome_text(&receipt.outcome),
                    ]);
                }
                text.push_str(&table.text());
            }
        }
        text
    });
    Ok(verdict)
}

// --- Reading and showing ---

/// What `/v1/status` says that a submission needs.
#[derive(Debug, Deserialize)]
pub struct Status {
    /// The alliance.
    pub chain_id: ChainId,
    time_ms: u64,
    clock: String,
}

impl Status {
    /// The time that the alliance goes by now, in ms since 1970.
    pub fn time_ms(&self) -> anyhow::Result<u64> {
        if self.clock == "simulated" { Ok(self.time_ms) } else { now_ms() }
    }
}

/// The block time that an operation is for: a clock operation's is its own.
fn own_time(operation: &Operation, time_ms: u64) -> u64 {
    if let Body::SetClock(set) = &operation.body { set.time_ms } else { time_ms }
}

/// A fresh UUIDv7.
pub fn new_reference(time_ms: u64) -> Reference {
    let mut free = [0; 16];
    rand::rngs::OsRng.fill_bytes(&mut free);
    Reference::new(time_ms, u128::from_be_bytes(free))
}

/// Reads one JSON value or one a line; gives a reference to those without.
fn read_operations(path: &Path, time_ms: u64) -> anyhow::Result<Vec<Operation>> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let operation = |(i, value): (usize, Result<Value, serde_json::Error>)| -> anyhow::Result<Operation> {
        let at = || format!("{}: operation {}", path.display(), i + 1);
        let mut value = value.with_context(at)?;
        if let Some(object) = value.as_object_mut() {
            object.entry("reference").or_insert_with(|| json!(new_reference(time_ms)));
        }
        serde_json::from_value(value).with_context(at)
    };
    let operations = values.enumerate().map(operation).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!operations.is_empty(), "{} holds no operation", path.display());
    Ok(operations)
}

fn with_reference(mut answer: Value, operation: &Operation) -> Value {
    if let Some(object) = answer.as_object_mut() {
        object.entry("reference").or_insert_with(|| json!(operation.reference));
    }
    answer
}

fn answers_table(operations: &[Operation], answers: &[BulkLine]) -> String {
    let mut table = Table::new(&["kind", "reference", "status", "#height", "#index", "outcome"]);
    for (operation, answer) in operations.iter().zip(answers) {
        let status = match answer.status {
            LineStatus::Accepted => "accepted",
            LineStatus::Final => "final",
            LineStatus::Refused => "refused",
        };
        let outcome = match (&answer.problem, &answer.receipt) {
            (Some(problem), _) => problem.to_string(),
            (None, Some(receipt)) => outcome_text(&receipt.outcome),
            (None, None) => String::new(),
        };
        let height = answer.height.map(|height| height.to_string()).unwrap_or_default();
        let index = answer.index.map(|index| index.to_string()).unwrap_or_default();
        let kind = operation.body.kind().to_owned();
        table.row([kind, operation.reference.to_string(), status.into(), height, index, outcome]);
    }
    table.text()
}

/// An outcome on one line.
pub fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied(applied) => match serde_json::to_value(applied) {
            Ok(Value::Object(fields)) => {
                let (name, inner) = fields.into_iter().next().unwrap_or_default();
                let inner = inner.as_object().cloned().unwrap_or_default();
                let fields = inner.iter().map(|(key, value)| format!("{key}={}", value.to_string().trim_matches('"')));
                format!("{name} {}", fields.collect::<Vec<_>>().join(" "))
            }
            Ok(value) => value.to_string().trim_matches('"').to_owned(),
            Err(_) => "applied".into(),
        },
        Outcome::Duplicate { height, index } => format!("duplicate of operation {index} in block {height}"),
        Outcome::Rejected(rule) => format!("rejected: {} ({}): {rule}", rule.name(), rule.code()),
    }
}

fn parse_pair<A: FromStr, B: FromStr>(text: &str, shape: &str) -> Result<(A, B), String> {
    let parsed = text.split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parsed.ok_or_else(|| format!("`{text}` is not {shape}"))
}

fn parse_till(text: &str) -> Result<Till, String> {
    let (store_id, till_id): (StoreId, TillId) = parse_pair(text, "a store and a till such as 330:1")?;
    Ok(Till { store_id, till_id })
}

fn parse_line(text: &str) -> Result<IssueLine, String> {
    let (category, amount_fen): (Category, Fen) = parse_pair(text, "a category and an amount in fen such as 7:1285")?;
    Ok(IssueLine { category, amount_fen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_of_a_file_get_the_references_they_lack() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ops.ndjson");
        let given = "01941f29-7c00-7000-8000-000000000001";
        let text = format!(
            "{{\"body\":{{\"set_clock\":{{\"time_ms\":1}}}}}}\n{{\"reference\":\"{given}\",\"body\":{{\"set_clock\":{{\"time_ms\":2}}}}}}\n"
        );
        std::fs::write(&path, text).unwrap();
        let operations = read_operations(&path, 77).unwrap();
        assert_eq!(operations[0].reference.time_ms(), 77);
        assert!(operations[0].reference.is_valid());
        assert_eq!(operations[1].reference.to_string(), given);
        std::fs::write(&path, "{\"body\":{\"set_clock\":{\"time_ms\":1}},\"surprise\":1}").unwrap();
        let error = format!("{:#}", read_operations(&path, 77).unwrap_err());
        assert!(error.contains("operation 1") && error.contains("surprise"), "{error}");
    }

    #[test]
    fn what_is_signed_here_passes_the_nodes_check() {
        let key = crate::keys::generate();
        let signing = Signing { chain_id: Hash([7; 32]), merchant: MerchantId(0), valid_until_ms: 9, key: &key };
        let operation =
            Operation { reference: new_reference(5), till: None, body: Body::SetClock(SetClock { time_ms: 8 }) };
        let transaction = sign(&signing, vec![operation]);
        CheckedTransaction::check(encoding::encode(&transaction), &Hash([7; 32])).unwrap();
    }
}
