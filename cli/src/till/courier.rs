//! The courier: carries the queue's operations to the nodes, one signed transaction at a time, until each has its outcome.
//!
//! **Exactly once** rests on the references: a block executes each of a merchant's references once, however often it comes.
//! **In order** rests on there being one transaction at a time: it is sent, to one node after the other, until its receipts
//! are known, and only then the next is signed. Another one with the same operations is signed only when the first can no
//! longer be executed: a node that has blocks past its end of validity says that none of them holds it.
//!
//! The till's own clock plays no part in a signature: validity counts from the alliance's time, as a node tells it.

use ed25519_dalek::SigningKey;
use tally_contracts::encoding;
use tally_contracts::transaction::{CheckedTransaction, Operation};
use tally_contracts::types::Reference;

use super::door::{self, Answer, Landing, Outcome, Status};
use super::queue::{Contact, End, Flight, Limits, Queue, State, Trouble};
use crate::client::{Client, Problem};
use crate::keys::read_key;
use crate::network::now_ms;
use crate::submit::{Signing, sign};

/// Carries a queue's operations; there is one for a queue.
pub struct Courier {
    /// The queue.
    pub queue: Queue,
    nodes: Vec<Client>,
    /// The node to try first.
    at: usize,
    /// Most operations of a transaction, as asked for.
    batch: usize,
    /// The same at the moment: fewer while an operation is looked for that no node takes.
    limit: usize,
    /// How long a transaction is valid, in ms.
    validity_ms: u64,
}

/// What a courier goes by.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Most operations of a transaction.
    pub batch: usize,
    /// How long a transaction is valid after the alliance's time, in ms; at most 24 h.
    pub validity_ms: u64,
}

/// What one round led to.
#[derive(Debug)]
pub enum Step {
    /// Nothing is queued.
    Empty,
    /// Only entries whose time has not come, so many.
    Held(usize),
    /// These entries ended, or are queued again (with the reason).
    Landed {
        /// What became of each.
        ends: Vec<(Reference, End)>,
        /// Whom it was learnt from.
        node: String,
    },
    /// A node has the transaction, its receipts are to come.
    Pending(String),
    /// Nothing could be delivered at any node.
    Trouble(Trouble),
}

/// Why a round at one node led nowhere.
enum Failure {
    /// Another node may do.
    Node(Trouble),
    /// The queue itself failed: stop.
    Queue(anyhow::Error),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Node(trouble)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Queue(error)
    }
}

impl Courier {
    /// A courier for a queue.
    ///
    /// # Errors
    /// When an address or a token of its nodes is unusable.
    pub fn new(queue: Queue, manner: Manner) -> anyhow::Result<Self> {
        let nodes = queue.config.nodes.iter().map(super::config::NodeAddress::client).collect::<anyhow::Result<_>>()?;
        let Manner { batch, validity_ms } = manner;
        Ok(Self { queue, nodes, at: 0, batch, limit: batch, validity_ms })
    }

    /// From here on the preferred node is tried first again.
    pub const fn prefer_first(&mut self) {
        self.at = 0;
    }

    /// One round: the nodes in turn, from the one that answered last, until one leads somewhere.
    ///
    /// # Errors
    /// When the queue cannot be read or written.
    pub async fn step(&mut self) -> anyhow::Result<Step> {
        let mut worst: Option<Trouble> = None;
        for turn in 0..self.nodes.len() {
            let at = (self.at + turn) % self.nodes.len();
            let client = self.nodes[at].clone();
            match self.round(&client).await {
                Ok(step) => {
                    // What waits at this node is offered to the next one too: the bytes are the same.
                    self.at = if matches!(step, Step::Pending(_)) { (at + 1) % self.nodes.len() } else { at };
                    return Ok(step);
                }
                Err(Failure::Queue(error)) => return Err(error),
                Err(Failure::Node(trouble)) => worst = Some(worse(worst, trouble)),
            }
        }
        self.at = 0;
        let none = || door::lasting("no_node", "till.toml names no node".into());
        Ok(Step::Trouble(worst.unwrap_or_else(none)))
    }

    /// Asks the nodes in turn whether the line holds, and keeps the first answer.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub async fn ping(&mut self) -> anyhow::Result<Option<Trouble>> {
        let mut worst = None;
        for client in &self.nodes {
            match door::status(client, &self.queue.config.chain_id).await {
                Ok(status) => {
                    keep_contact(&self.queue, client, &status)?;
                    return Ok(None);
                }
                Err(trouble) => worst = Some(worse(worst, trouble)),
            }
        }
        Ok(worst)
    }

    async fn round(&mut self, client: &Client) -> Result<Step, Failure> {
        let status = door::status(client, &self.queue.config.chain_id).await?;
        keep_contact(&self.queue, client, &status)?;
        let Some(flight) = self.queue.flight()? else {
            return self.sign_and_send(client, &status).await;
        };
        match door::post(client, &flight.bytes).await? {
            Answer::Final(landing) => self.landed(client, &flight, landing).await,
            Answer::Pending => Ok(Step::Pending(client.base().to_owned())),
            Answer::Unfit(problem) if status.time_ms <= flight.valid_until_ms => {
                // Another node may have taken it: until its time is over nothing else is signed.
                let detail = format!("{}: {problem}; it may be on its way by another node", client.base());
                Err(door::passing(&problem.code, detail).into())
            }
            Answer::Expired | Answer::Unfit(_) => {
                self.queue.land(&[], now_ms()?)?;
                self.sign_and_send(client, &status).await
            }
        }
    }

    /// Signs what is next and sends it for the first time.
    async fn sign_and_send(&mut self, client: &Client, status: &Status) -> Result<Step, Failure> {
        let limits = Limits {
            operations: self.limit,
            alliance_ms: status.time_ms,
            refuses_ahead: !status.is_simulated(),
            empty_bytes: self.empty_bytes(),
        };
        let batch = self.queue.next_batch(&limits)?;
        if !batch.ended.is_empty() {
            self.queue.end(&batch.ended, now_ms()?)?;
            return Ok(Step::Landed { ends: batch.ended, node: client.base().to_owned() });
        }
        if batch.operations.is_empty() {
            return Ok(if batch.held == 0 { Step::Empty } else { Step::Held(batch.held) });
        }
        let references: Vec<Reference> = batch.operations.iter().map(|operation| operation.reference).collect();
        let flight = self.flight(batch.operations, references, status.time_ms + self.validity_ms)?;
        self.queue.take_off(&flight)?;
        match door::post(client, &flight.bytes).await? {
            Answer::Final(landing) => self.landed(client, &flight, landing).await,
            Answer::Pending => Ok(Step::Pending(client.base().to_owned())),
            Answer::Unfit(problem) => self.unfit(client, &flight, &problem),
            // Signed a moment ago by this node's own time, which has leapt since.
            Answer::Expired => {
                let detail =
                    format!("the time of {} leapt while it was asked; signed again at the next try", client.base());
                Err(door::passing("expired", detail).into())
            }
        }
    }

    fn flight(
        &self,
        operations: Vec<Operation>,
        references: Vec<Reference>,
        valid_until_ms: u64,
    ) -> Result<Flight, Trouble> {
        let config = &self.queue.config;
        let (_, key) = read_key(&config.key).map_err(|error| door::lasting("key_unreadable", format!("{error:#}")))?;
        let signing = Signing { chain_id: config.chain_id, merchant: config.merchant, valid_until_ms, key: &key };
        let bytes = encoding::encode(&sign(&signing, operations));
        let checked = CheckedTransaction::check(bytes, &config.chain_id).map_err(|error| {
            door::lasting(error.name(), format!("no node would take the next transaction: {error}"))
        })?;
        Ok(Flight { id: checked.id(), bytes: checked.bytes().to_vec(), valid_until_ms, references })
    }

    /// An operation was refused by the only node that saw the transaction: alone it ends, among others it is looked for.
    fn unfit(&mut self, client: &Client, flight: &Flight, problem: &Problem) -> Result<Step, Failure> {
        let node = client.base().to_owned();
        let ends = match flight.references.as_slice() {
            [reference] => {
                let end = End { node: Some(node.clone()), ..End::refused(&problem.code, problem) };
                self.limit = self.batch;
                vec![(*reference, end)]
            }
            several => {
                self.limit = several.len() / 2;
                Vec::new()
            }
        };
        self.queue.land(&ends, now_ms()?)?;
        Ok(Step::Landed { ends, node })
    }

    /// The transaction was executed: each of its operations gets its outcome, all in one commit.
    async fn landed(&mut self, client: &Client, flight: &Flight, landing: Landing) -> Result<Step, Failure> {
        let node = client.base().to_owned();
        let odd = |what: String| door::lasting("unexpected_answer", format!("{node}: {what}"));
        if landing.receipts.len() != flight.references.len() {
            return Err(odd(format!("{} has another number of receipts", landing.transaction_id)).into());
        }
        let mut ends = Vec::with_capacity(flight.references.len());
        for (reference, placed) in flight.references.iter().zip(landing.receipts) {
            let own = End {
                height: landing.height,
                index: placed.index,
                transaction_id: Some(landing.transaction_id.clone()),
                receipt: Some(placed.receipt),
                node: Some(node.clone()),
                ..End::default()
            };
            let end = match own.receipt.as_ref().and_then(|receipt| door::outcome(receipt, *reference)) {
                Some(Outcome::Duplicate) => {
                    let first = door::first(client, self.queue.config.merchant, *reference).await?;
                    End {
                        height: Some(first.height),
                        index: Some(first.index),
                        transaction_id: Some(first.transaction_id),
                        receipt: Some(first.receipt),
                        ..own
                    }
                }
                _ => own,
            };
            let outcome = end.receipt.as_ref().and_then(|receipt| door::outcome(receipt, *reference));
            let end = match outcome {
                Some(Outcome::Applied) => End { state: Some(State::Applied), ..end },
                Some(Outcome::Rejected(rule)) => rejected(end, rule),
                _ => return Err(odd(format!("a receipt of {reference} that this version cannot read")).into()),
            };
            ends.push((*reference, end));
        }
        self.queue.land(&ends, now_ms()?)?;
        self.limit = self.batch.min(self.limit * 2);
        Ok(Step::Landed { ends, node })
    }

    fn empty_bytes(&self) -> usize {
        let anyone = SigningKey::from_bytes(&[1; 32]);
        let (chain_id, merchant) = (self.queue.config.chain_id, self.queue.config.merchant);
        let signing = Signing { chain_id, merchant, valid_until_ms: 0, key: &anyone };
        encoding::encode(&sign(&signing, Vec::new())).len()
    }
}

fn keep_contact(queue: &Queue, client: &Client, status: &Status) -> anyhow::Result<()> {
    let node = client.base().to_owned();
    queue.set_contact(&Contact { local_ms: now_ms()?, alliance_ms: status.time_ms, node })
}

/// What somebody has to see to says more than a line that is down; else the first says enough.
fn worse(before: Option<Trouble>, trouble: Trouble) -> Trouble {
    before.filter(|before| !before.passes || trouble.passes).unwrap_or(trouble)
}

/// Rejections that speak of the transaction, its time or its key, and not of the operation: it is tried again.
const TRIED_AGAIN: [&str; 6] =
    ["expired", "valid_until_too_far", "reference_ahead", "unknown_key", "key_revoked", "wrong_store"];

/// The end, or the next try, of an operation that a rule refused.
fn rejected(end: End, rule: String) -> End {
    if TRIED_AGAIN.contains(&rule.as_str()) {
        return End { code: Some(rule), ..End::default() };
    }
    let known = tally_contracts::rejection::Rejection::ALL.iter().find(|known| known.name() == rule);
    End { state: Some(State::Rejected), detail: known.map(ToString::to_string), code: Some(rule), ..end }
}

#[cfg(test)]
mod tests;
