//! For tests: a queue, and a node that behaves as told. It keeps a ledger of its own, and a list of what a till must not do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value, json};
use tally_contracts::transaction::{CheckedTransaction, Operation};
use tally_contracts::types::{Address, ChainId, DAY_MS, Hash, MerchantId, Reference};
use tempfile::TempDir;

use super::config::{Config, NodeAddress};
use super::queue::{Added, NewOperation, Queue};

/// The alliance's time at the start of a test.
pub const NOW_MS: u64 = 1_780_000_000_000;
pub const CHAIN: ChainId = Hash([7; 32]);

/// Somebody's card code.
pub fn member() -> String {
    Address([3; 20]).to_string()
}

pub fn dir() -> TempDir {
    let dir = TempDir::new().unwrap();
    crate::keys::write_key(&dir.path().join("till.key"), "operator", &crate::keys::generate()).unwrap();
    dir
}

pub fn config() -> Config {
    let till = crate::submit::parse_till("330:1").unwrap();
    let nodes = vec![NodeAddress { url: "http://127.0.0.1:1".into(), token_file: None }];
    let key = PathBuf::from("../till.key");
    Config { format: Config::FORMAT.into(), chain_id: CHAIN, merchant: MerchantId(1), key, till, nodes }
}

pub fn queue(dir: &TempDir) -> Queue {
    Queue::create(&dir.path().join("queue"), &config()).unwrap()
}

/// A queue that delivers to these nodes.
pub fn queue_to(dir: &TempDir, nodes: &[&FakeNode]) -> Queue {
    let address = |node: &&FakeNode| NodeAddress { url: node.url.clone(), token_file: None };
    let config = Config { nodes: nodes.iter().map(address).collect(), ..config() };
    Queue::create(&dir.path().join("queue"), &config).unwrap()
}

/// The body of a purchase.
pub fn issue(fen: u64) -> Value {
    let lines = json!([{ "category": 1, "amount_fen": fen.to_string() }]);
    json!({ "issue": { "class": 1, "member": member(), "lines": lines } })
}

/// Queues purchases of these amounts, each under an order number of its own.
pub fn buy(queue: &mut Queue, amounts_fen: impl IntoIterator<Item = u64>) -> Vec<Reference> {
    let new = |fen: u64| NewOperation {
        order: Some(format!("order {fen}")),
        members: Map::from_iter([("body".to_owned(), issue(fen))]),
        ..NewOperation::default()
    };
    let added = queue.add(amounts_fen.into_iter().map(new).collect(), NOW_MS).unwrap();
    let reference = |added: Added| match added {
        Added::Queued { reference, .. } => reference,
        other => panic!("{other:?}"),
    };
    added.into_iter().map(reference).collect()
}

/// How a node reacts to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Executes it and says so.
    Execute,
    /// Executes it; the line is cut before the answer.
    ExecuteAndHangUp,
    /// Takes it; it waits for its block. It says so.
    Take,
    /// The same; the line is cut before the answer.
    TakeAndHangUp,
    /// The line is cut before the request.
    HangUp,
    /// Answers with a problem.
    Refuse(u16, &'static str),
}

/// The alliance behind one or more fake nodes.
#[derive(Default)]
pub struct Ledger {
    pub time_ms: u64,
    /// What comes next; [`Reaction::Execute`] when there is nothing left.
    pub script: VecDeque<Reaction>,
    /// The operations that took effect or were rejected for good, in order.
    pub executed: Vec<Reference>,
    /// Rules that refuse operations; the flag says whether the outcome is kept.
    pub rules: BTreeMap<Reference, (&'static str, bool)>,
    /// Operations that no node can read.
    pub unfit: BTreeSet<Reference>,
    /// The ids of the transactions that were sent, in order, with repetitions.
    pub posted: Vec<Hash>,
    /// What a till must not do.
    pub violations: Vec<String>,
    outcomes: BTreeMap<Reference, (u64, Hash, Value)>,
    landed: BTreeMap<Hash, Value>,
    seen: BTreeMap<Hash, (u64, Vec<Reference>)>,
    height: u64,
}

/// A node.
pub struct FakeNode {
    pub url: String,
    ledger: Arc<Mutex<Ledger>>,
}

impl FakeNode {
    /// The first node of an alliance.
    pub fn start() -> Self {
        let ledger = Ledger { time_ms: NOW_MS, ..Ledger::default() };
        Self::serve(Arc::new(Mutex::new(ledger)), CHAIN)
    }

    /// Another node of the same alliance.
    pub fn peer(&self) -> Self {
        Self::serve(self.ledger.clone(), CHAIN)
    }

    /// A node of another alliance.
    pub fn foreign() -> Self {
        Self::serve(Arc::default(), Hash([8; 32]))
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    pub fn script(&self, script: impl IntoIterator<Item = Reaction>) {
        self.ledger().script.extend(script);
    }

    fn serve(ledger: Arc<Mutex<Ledger>>, chain_id: ChainId) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = ledger.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up is the client's matter.
                let _ = answer(stream.unwrap(), &served, chain_id);
            }
        });
        Self { url, ledger }
    }
}

/// Reads one request, answers it and hangs up.
fn answer(mut stream: TcpStream, ledger: &Mutex<Ledger>, chain_id: ChainId) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    if reader.read_line(&mut line)? == 0 {
        // Whoever opened the line gave up.
        return Ok(());
    }
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut ledger = ledger.lock().unwrap();
    let Some((status, value)) = (match path.as_str() {
        "/v1/status" => {
            Some((200, json!({ "chain_id": chain_id, "time_ms": ledger.time_ms, "clock": "real", "height": 1 })))
        }
        "/v1/transactions" => ledger.post(body),
        _ => Some(ledger.look_up(path.rsplit('/').next().unwrap_or_default().parse().unwrap())),
    }) else {
        return Ok(());
    };
    let text = value.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
}

impl Ledger {
    /// The answer to a transaction; none where the line is cut.
    fn post(&mut self, bytes: Vec<u8>) -> Option<(u16, Value)> {
        let problem =
            |status: u16, code: &str| Some((status, json!({ "code": code, "title": code, "status": status })));
        let reaction = self.script.pop_front().unwrap_or(Reaction::Execute);
        if reaction == Reaction::HangUp {
            return None;
        }
        if let Reaction::Refuse(status, code) = reaction {
            return problem(status, code);
        }
        let checked = CheckedTransaction::check(bytes, &CHAIN).unwrap();
        let (id, transaction) = (checked.id(), checked.transaction());
        self.posted.push(id);
        if let Some(answer) = self.landed.get(&id) {
            return Some((200, answer.clone()));
        }
        if transaction.valid_until_ms > self.time_ms + DAY_MS {
            return problem(422, "valid_until_too_far");
        }
        if transaction.valid_until_ms < self.time_ms {
            return problem(422, "expired");
        }
        if transaction.operations.iter().any(|operation| self.unfit.contains(&operation.reference)) {
            return problem(422, "malformed_operation");
        }
        self.watch(id, transaction.valid_until_ms, &transaction.operations);
        let pending = json!({ "status": "pending", "transaction_id": id });
        match reaction {
            Reaction::Take => return Some((202, pending)),
            Reaction::TakeAndHangUp => return None,
            _ => {}
        }
        let answer = self.execute(id, &transaction.operations);
        (reaction == Reaction::Execute).then_some((200, answer))
    }

    /// An operation must not be in two transactions that can both still be executed.
    fn watch(&mut self, id: Hash, valid_until_ms: u64, operations: &[Operation]) {
        let references: Vec<Reference> = operations.iter().map(|operation| operation.reference).collect();
        for (other, (until_ms, others)) in &self.seen {
            let floats = *other != id && *until_ms >= self.time_ms && !self.landed.contains_key(other);
            if let Some(twice) = others.iter().find(|other| floats && references.contains(other)) {
                self.violations.push(format!("{twice} is in {id} and in {other}, which can still be executed"));
            }
        }
        self.seen.insert(id, (valid_until_ms, references));
    }

    fn execute(&mut self, id: Hash, operations: &[Operation]) -> Value {
        // Of what is known altogether a node tells the receipts, and no block takes it.
        let is_known = operations.iter().all(|operation| self.outcomes.contains_key(&operation.reference));
        self.height += u64::from(!is_known);
        self.time_ms += 1;
        let mut receipts = Vec::new();
        for (index, operation) in operations.iter().enumerate() {
            let reference = operation.reference;
            let outcome = match (self.outcomes.get(&reference), self.rules.get(&reference)) {
                (Some((height, ..)), _) => json!({ "duplicate": { "height": height, "index": 0 } }),
                (None, Some((rule, _))) => json!({ "rejected": rule }),
                (None, None) => json!({ "applied": { "issued": { "points": "1", "of_a_later_version": 1 } } }),
            };
            let receipt = json!({ "reference": reference, "outcome": outcome });
            let is_kept = self.rules.get(&reference).is_none_or(|(_, is_kept)| *is_kept);
            if is_kept && !self.outcomes.contains_key(&reference) {
                self.outcomes.insert(reference, (self.height, id, receipt.clone()));
                self.executed.push(reference);
            }
            receipts.push(match is_known {
                true => json!({ "receipt": receipt }),
                false => json!({ "index": index, "receipt": receipt }),
            });
        }
        let answer = match is_known {
            true => json!({ "transaction_id": id, "receipts": receipts }),
            false => json!({ "transaction_id": id, "height": self.height, "receipts": receipts }),
        };
        self.landed.insert(id, answer.clone());
        answer
    }

    fn look_up(&self, reference: Reference) -> (u16, Value) {
        match self.outcomes.get(&reference) {
            None => (404, json!({ "code": "not_found", "status": 404 })),
            Some((height, id, receipt)) => {
                let first = json!({ "height": height, "index": 0, "transaction_id": id, "receipt": receipt });
                (200, first)
            }
        }
    }
}
