//! Tests of the books on an alliance in one process: the contracts execute, the books of every participant read along.

mod examples;
mod golden;
mod joining;
mod random;

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::execute::{BlockContext, execute_block};
use tally_contracts::genesis::Genesis;
use tally_contracts::governance::genesis_writes;
use tally_contracts::membership::{Enrol, HolderKind, member_address};
use tally_contracts::state::MemoryStore;
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{HOUR_MS, Hash, Height, MerchantId, Reference};
use tally_ledger::verify::Executed;

use super::account::Account;
use super::amount::Cny;
use super::books::Books;
use super::estimate::Estimates;
use super::journal::Names;
use super::period::Period;
use super::summary::Summary;

/// The page whose examples and alliance are used here.
const PAGE: &str = include_str!("../../../../docs/accounting.md");
/// Members in merchant 1's custody.
const MEMBERS: [&str; 3] = ["anna", "bert", "carl"];
const NAMES: Names<'_> = Names { alliance: "worked examples", chain: "c0ffee", merchant: "us" };

/// Blocks of the page that are fenced under a name.
fn fenced(name: &str) -> Vec<&'static str> {
    let open = format!("```{name}\n");
    PAGE.split(open.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// The test key of a participant, which has every role that it may have.
fn key(merchant: u64) -> SigningKey {
    let mut seed = [0x5e; 32];
    seed[..8].copy_from_slice(&merchant.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

struct World {
    genesis: Genesis,
    store: MemoryStore,
    height: Height,
    time_ms: u64,
    books: Vec<Books>,
    /// What `@name` stands for in a body.
    names: BTreeMap<String, String>,
    references: u128,
    /// Due work that was done, by kind.
    due: BTreeMap<String, u32>,
}

impl World {
    /// The page's alliance, with some of its parameters others.
    fn new(estimates: &Estimates, parameters: &Value) -> Self {
        let mut genesis: Value = serde_json::from_str(fenced("alliance")[0]).unwrap();
        for (name, value) in parameters.as_object().unwrap() {
            genesis["parameters"][name] = value.clone();
        }
        for (list, roles) in [
            ("merchants", json!(["issuer", "acceptor", "treasurer", "governor"])),
            ("partners", json!(["issuer", "treasurer"])),
        ] {
            for participant in genesis[list].as_array_mut().unwrap() {
                let id = participant["id"].as_u64().unwrap();
                participant["operator_keys"] = json!([{ "public_key": PublicKey::of(&key(id)), "roles": roles }]);
                if list == "merchants" {
                    participant["validator_key"] = json!(PublicKey::of(&key(id + 1_000)));
                    participant["cosigner_key"] = json!(PublicKey::of(&key(id + 3_000)));
                }
            }
        }
        let genesis: Genesis = serde_json::from_value(genesis).unwrap();
        genesis.check().unwrap();
        let mut store = MemoryStore::default();
        store.apply(&genesis_writes(&genesis));
        let ids = genesis.merchants.iter().map(|m| m.id).chain(genesis.partners.iter().map(|p| p.id));
        let books = ids.map(|id| Books::open(&genesis, id, estimates.clone())).collect();
        let (height, time_ms) = (Height(0), genesis.time_ms);
        let mut world = Self {
            genesis,
            store,
            height,
            time_ms,
            books,
            names: BTreeMap::new(),
            references: 0,
            due: BTreeMap::new(),
        };
        for (name, number) in MEMBERS.iter().zip(1_u8..) {
            let commitment = Hash([number; 32]);
            let address = member_address(MerchantId(1), &commitment).to_string();
            world.names.insert((*name).to_owned(), address);
            world.submit(1, Body::Enrol(Enrol { holder: HolderKind::Member, commitment }));
        }
        world
    }

    /// One operation, alone in its block, by its JSON; gives its name and its outcome, an applied one without that word.
    fn operation(&mut self, merchant: u16, kind: &str, body: &str) -> Result<(Reference, Value), String> {
        let mut body = body.to_owned();
        for (name, value) in &self.names {
            body = body.replace(&format!("\"@{name}\""), &format!("\"{value}\""));
        }
        let body: Value = serde_json::from_str(&body).map_err(|e| format!("{e} in `{body}`"))?;
        let body: Body = serde_json::from_value(json!({ kind: body })).map_err(|e| e.to_string())?;
        Ok(self.submit(merchant, body))
    }

    fn submit(&mut self, merchant: u16, body: Body) -> (Reference, Value) {
        self.references += 1;
        let reference = Reference::new(self.time_ms, self.references);
        let mut transaction = Transaction {
            chain_id: self.genesis.chain_id(),
            merchant: MerchantId(merchant),
            public_key: PublicKey::default(),
            valid_until_ms: self.time_ms + HOUR_MS,
            atomic: false,
            operations: vec![Operation::new(reference, body)],
            signature: Signature::default(),
        };
        transaction.sign(&key(merchant.into()));
        let bytes = encoding::encode(&transaction);
        let checked = CheckedTransaction::check(bytes, &self.genesis.chain_id()).unwrap();
        let (_, receipts) = self.block(self.time_ms + 1, &[checked]);
        let outcome = receipts[0][0]["outcome"].clone();
        (reference, outcome.get("applied").cloned().unwrap_or(outcome))
    }

    /// Executes a block and lets the books read it; gives due records and receipts.
    fn block(&mut self, time_ms: u64, transactions: &[CheckedTransaction]) -> (Value, Value) {
        (self.height, self.time_ms) = (self.height.next(), time_ms);
        let context = BlockContext::new(&self.genesis, self.genesis.chain_id(), self.height, time_ms);
        let run = execute_block(&self.store, context, transactions);
        let executed = Executed {
            height: self.height,
            time_ms,
            transactions,
            due: &run.due,
            receipts: &run.receipts,
            writes: &run.writes,
            before: &self.store,
        };
        self.books.iter_mut().for_each(|books| books.take_up(&executed).unwrap());
        self.store.apply(&run.writes);
        self.check();
        let due = json!(run.due);
        for kind in due.as_array().unwrap().iter().filter_map(|record| record.as_object()?.keys().next()) {
            *self.due.entry(kind.clone()).or_default() += 1;
        }
        (due, json!(run.receipts))
    }

    fn books(&self, id: u16) -> &Books {
        self.books.iter().find(|books| books.merchant == MerchantId(id)).unwrap()
    }

    /// What must hold after every block: assets are liabilities and equity; what one has to receive another has to pay.
    fn check(&self) {
        for books in &self.books {
            let sum: Cny = books.entries.balances().values().copied().sum();
            assert_eq!(sum, Cny::ZERO, "merchant {}", books.merchant);
            for (account, balance) in books.entries.balances() {
                let (other, theirs) = match account {
                    Account::Receivable(other) => (other, Account::Payable(books.merchant)),
                    Account::Payable(other) => (other, Account::Receivable(books.merchant)),
                    Account::LegsFrom(other) => (other, Account::LegsTo(books.merchant)),
                    Account::LegsTo(other) => (other, Account::LegsFrom(books.merchant)),
                    Account::ContractLiability(_) => {
                        assert!(*balance <= Cny::ZERO, "{account} of merchant {}", books.merchant);
                        continue;
                    }
                    _ => continue,
                };
                let mirrored = -self.books(other.0).entries.balance(theirs);
                assert_eq!(*balance, mirrored, "{account} of merchant {}, {theirs} of {other}", books.merchant);
            }
        }
    }
}

impl World {
    /// An operation that must be applied; it is known by a name from then on.
    fn act(&mut self, name: &str, merchant: u16, kind: &str, body: &str) {
        let (reference, outcome) = self.operation(merchant, kind, body).unwrap();
        assert!(outcome.get("rejected").is_none(), "{name}: {outcome}");
        self.names.insert(name.to_owned(), reference.to_string());
    }

    /// Merchant 1 proposes a change, 2 and 3 approve of it, and a block puts it into effect.
    fn enact(&mut self, change: &Value) {
        self.act("change", 1, "propose", &json!({ "change": change, "effective_ms": 0 }).to_string());
        let vote = r#"{"merchant": 1, "proposal": "@change", "approves": true}"#;
        self.act("second", 2, "vote", vote);
        self.act("third", 3, "vote", vote);
        self.block(self.time_ms + 1, &[]);
    }

    /// Time goes on to the start of a day.
    fn start_of(&mut self, day: &str) {
        let time_ms = self.genesis.calendar().day_start_ms(day.parse().unwrap());
        self.block(time_ms, &[]);
    }
}

/// The files of a period, one after the other.
fn files(books: &Books, period: &Period) -> String {
    let summary = Summary::new(books, NAMES, period, None);
    super::texts(books, NAMES, period, &summary).map(|(name, text)| format!("{name}\n{text}")).concat()
}
