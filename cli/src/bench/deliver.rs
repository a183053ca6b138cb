//! Brings one request to its end: sends it until it is answered, waits until it is final, and looks at every receipt.
//!
//! **Invariant:** each operation of a request is counted once: applied, rejected by a rule, refused before any rule was
//! asked, or lost, which is whatever could not be told within [`PATIENCE`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::IgnoredAny;
use tally_contracts::rejection::Rejection;
use tally_contracts::types::{Hash, MerchantId, Reference};

use super::settings::Door;
use super::supply::Request;
use crate::client::{ApiError, Client, Problem};

/// How long a request waits for its receipts at the node.
const WAIT_S: u32 = 30;
/// How long a node may be away, or an acknowledged operation without a receipt.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of operations.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Applied, this time or, where a request was sent again, the first time.
    pub applied: u64,
    /// By rule.
    pub rejected: BTreeMap<Rejection, u64>,
    /// Not taken at all, by the code of the node's problem.
    pub refused: BTreeMap<String, u64>,
    /// No receipt, or not the right one.
    pub lost: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Requests.
    pub requests: u64,
    /// What went wrong, once.
    pub trouble: Option<String>,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.applied += other.applied;
        self.lost += other.lost;
        self.retries += other.retries;
        self.requests += other.requests;
        self.trouble = self.trouble.take().or(other.trouble);
        for (rule, count) in other.rejected {
            *self.rejected.entry(rule).or_default() += count;
        }
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
    }

    /// All operations.
    pub fn operations(&self) -> u64 {
        self.applied + self.rejected.values().sum::<u64>() + self.refused.values().sum::<u64>() + self.lost
    }
}

/// Knows the way to the nodes.
#[derive(Clone, Debug)]
pub struct Courier {
    /// The merchants with their nodes, by place.
    pub nodes: Vec<(MerchantId, Client)>,
    /// Which way requests go.
    pub door: Door,
}

impl Courier {
    /// Brings a request to its end at the node of the merchant at a place.
    pub async fn deliver(&self, at: usize, request: &Request) -> Counts {
        let mut counts = Counts { requests: 1, ..Counts::default() };
        let operations = request.references.len() as u64;
        match self.receipts(at, request, &mut counts.retries).await {
            Ok(entries) => tally(&mut counts, &request.references, &entries),
            Err(End::Refused(problem)) => match self.rule(&problem) {
                Some(rule) => *counts.rejected.entry(rule).or_default() += operations,
                None => {
                    counts.trouble = Some(problem.to_string());
                    *counts.refused.entry(problem.code).or_default() += operations;
                }
            },
            Err(End::Lost(reason)) => {
                counts.trouble = Some(reason);
                counts.lost += operations;
            }
        }
        counts
    }

    /// The rule by which a single operation was rejected; of a transaction, receipts say so.
    fn rule(&self, problem: &Problem) -> Option<Rejection> {
        let number = problem.number.filter(|_| self.door == Door::Operations)?;
        Rejection::ALL.iter().copied().find(|rule| rule.code() == number)
    }

    /// Sends until there is an answer, and waits for the receipts.
    async fn receipts(&self, at: usize, request: &Request, retries: &mut u64) -> Result<Vec<Entry>, End> {
        let began = Instant::now();
        loop {
            let error = match self.send(at, request).await {
                Ok(answer) => match answer.entries() {
                    Ok(entries) => return Ok(entries),
                    Err(transaction) => return self.wait(at, request, transaction, began).await,
                },
                Err(error) => error,
            };
            if !error.is_passing() {
                return Err(End::of(error));
            }
            if began.elapsed() > PATIENCE {
                return Err(End::Lost(error.to_string()));
            }
            *retries += 1;
            tokio::time::sleep(error.pause()).await;
        }
    }

    async fn send(&self, at: usize, request: &Request) -> Result<Answer, ApiError> {
        let (_, client) = &self.nodes[at];
        match self.door {
            Door::Transactions => client.submit_bytes(request.bytes.clone(), WAIT_S).await,
            Door::Operations => client.submit_one(request.references[0], request.bytes.clone(), WAIT_S).await,
        }
    }

    /// Asks for the receipts of what was acknowledged.
    async fn wait(
        &self,
        at: usize,
        request: &Request,
        transaction: Option<Hash>,
        began: Instant,
    ) -> Result<Vec<Entry>, End> {
        let (merchant, client) = &self.nodes[at];
        let path = match transaction {
            Some(id) => format!("/v1/transactions/{id}"),
            None => format!("/v1/operations/{merchant}/{}", request.references[0]),
        };
        while began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(50)).await;
            match client.get_as::<Answer>(&path).await {
                Ok(answer) => {
                    if let Ok(entries) = answer.entries() {
                        return Ok(entries);
                    }
                }
                Err(error) if error.is_passing() => {}
                Err(error) => return Err(End::Lost(format!("{path} was acknowledged: {error}"))),
            }
        }
        Err(End::Lost(format!("{path} was acknowledged, and has no receipt after {} s", PATIENCE.as_secs())))
    }
}

/// Why there are no receipts.
enum End {
    Refused(Box<Problem>),
    Lost(String),
}

impl End {
    fn of(error: ApiError) -> Self {
        if let ApiError::Problem(problem) = error { Self::Refused(problem) } else { Self::Lost(error.to_string()) }
    }
}

/// Counts receipts, each of which must be that of the operation at its place.
fn tally(counts: &mut Counts, references: &[Reference], entries: &[Entry]) {
    for (i, reference) in references.iter().enumerate() {
        let outcome = entries.get(i).filter(|entry| entry.receipt.reference == *reference).map(Entry::outcome);
        match outcome {
            Some(Outcome::Applied(_)) => counts.applied += 1,
            Some(Outcome::Rejected(rule)) => *counts.rejected.entry(*rule).or_default() += 1,
            // Of a duplicate the first receipt tells; one without it was lost from sight.
            Some(Outcome::Duplicate(_)) | None => {
                counts.trouble = Some(format!("operation {reference} has no receipt in the answer"));
                counts.lost += 1;
            }
        }
    }
}

// --- The parts of the nodes' answers that are looked at: reading all of them would load the machine under test ---

#[derive(Deserialize)]
struct Answer {
    transaction_id: Option<Hash>,
    receipts: Option<Vec<Entry>>,
    receipt: Option<Receipt>,
    first: Option<Receipt>,
}

impl Answer {
    /// The receipts in order; where they are still to come, the transaction that is waited for, if it is one.
    fn entries(self) -> Result<Vec<Entry>, Option<Hash>> {
        match (self.receipts, self.receipt) {
            (Some(entries), _) => Ok(entries),
            (None, Some(receipt)) => Ok(vec![Entry { receipt, first: self.first }]),
            (None, None) => Err(self.transaction_id),
        }
    }
}

#[derive(Deserialize)]
struct Entry {
    receipt: Receipt,
    first: Option<Receipt>,
}

impl Entry {
    fn outcome(&self) -> &Outcome {
        &self.first.as_ref().unwrap_or(&self.receipt).outcome
    }
}

#[derive(Deserialize)]
struct Receipt {
    reference: Reference,
    outcome: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Applied(IgnoredAny),
    Duplicate(IgnoredAny),
    Rejected(Rejection),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operation_is_counted_once() {
        let references: Vec<Reference> = (0..4).map(|free| Reference::new(7, free)).collect();
        let applied = json!({ "issued": { "points": "5" } });
        let answer = json!({ "status": "final", "transaction_id": Hash::ZERO, "height": 3, "receipts": [
            { "index": 0, "receipt": { "reference": references[0], "outcome": { "applied": applied } } },
            { "index": 1, "receipt": { "reference": references[1], "outcome": { "rejected": "net_debit_cap" } } },
            { "receipt": { "reference": references[2], "outcome": { "duplicate": { "height": 2, "index": 9 } } },
              "first": { "reference": references[2], "outcome": { "applied": "leg_confirmed" } } },
            { "index": 3, "receipt": { "reference": references[0], "outcome": { "applied": applied } } },
        ] });
        let answer: Answer = serde_json::from_value(answer).unwrap();
        let mut counts = Counts::default();
        tally(&mut counts, &references, &answer.entries().ok().unwrap());
        assert_eq!((counts.applied, counts.lost, counts.operations()), (2, 1, 4));
        assert_eq!(counts.rejected, BTreeMap::from([(Rejection::NetDebitCap, 1)]));
        let mut short = Counts::default();
        tally(&mut short, &references, &[]);
        assert_eq!(short.lost, 4);
    }

    #[test]
    fn what_is_acknowledged_only_is_waited_for() {
        let pending = json!({ "status": "pending", "transaction_id": Hash([3; 32]) });
        let answer: Answer = serde_json::from_value(pending).unwrap();
        assert_eq!(answer.entries().err().unwrap(), Some(Hash([3; 32])));
    }
}
