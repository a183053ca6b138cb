//! Gives one merchant's operations to its node until each has its receipt, whatever happens to the node meanwhile.
//!
//! **Invariant:** an operation that was acknowledged is never sent again, only waited for: if the node lost it, the replay
//! says so. One that got no answer is sent again with the same reference, so that it is executed once.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use serde::Deserialize as _;
use serde_json::Value;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::transaction::Operation;
use tally_contracts::types::{MerchantId, Reference};

use crate::client::{BulkLine, BulkMode, Client, LineStatus};

/// Operations of one request.
const CHUNK: usize = 5_000;
/// How long a request waits for its receipts.
const WAIT_S: u32 = 30;
/// How long a node may be away, or an acknowledged operation without a receipt.
const PATIENCE: Duration = Duration::from_secs(120);
/// Requests for single receipts in flight at once.
const CONCURRENCY: usize = 16;

/// One merchant's door to the ledger.
#[derive(Clone, Debug)]
pub struct Feeder {
    /// Whose node it is.
    pub merchant: MerchantId,
    /// The node.
    pub client: Client,
    /// Where finished operations are counted.
    pub progress: ProgressBar,
}

impl Feeder {
    /// Submits operations in order and waits until all are applied; gives the references that were acknowledged.
    ///
    /// # Errors
    /// When one is refused or rejected, or the node stays away too long.
    pub async fn feed(&self, operations: Vec<Operation>) -> anyhow::Result<Vec<Reference>> {
        let mut acknowledged = Vec::with_capacity(operations.len());
        for chunk in operations.chunks(CHUNK) {
            acknowledged.extend(self.feed_chunk(chunk.to_vec(), WAIT_S).await?);
        }
        Ok(acknowledged)
    }

    /// Submits operations without waiting for receipts; they are only acknowledged then.
    pub async fn acknowledge(&self, operations: &[Operation]) -> anyhow::Result<Vec<Reference>> {
        let mut acknowledged = Vec::with_capacity(operations.len());
        for chunk in operations.chunks(CHUNK) {
            let answers = self.client.bulk(chunk, BulkMode::Continue, 0).await?;
            for (operation, answer) in chunk.iter().zip(&answers) {
                refuse(operation, answer)?;
                acknowledged.push(operation.reference);
            }
        }
        Ok(acknowledged)
    }

    /// Waits until acknowledged operations have their receipts.
    pub async fn await_receipts(&self, references: &[Reference]) -> anyhow::Result<()> {
        let began = Instant::now();
        let one = async |reference: &Reference| self.await_receipt(*reference, began).await;
        stream::iter(references).map(one).buffer_unordered(CONCURRENCY).try_collect::<()>().await
    }

    async fn feed_chunk(&self, mut open: Vec<Operation>, wait_s: u32) -> anyhow::Result<Vec<Reference>> {
        let mut acknowledged = Vec::with_capacity(open.len());
        let mut waiting = Vec::new();
        let began = Instant::now();
        while !open.is_empty() {
            let answers = match self.client.bulk(&open, BulkMode::Continue, wait_s).await {
                Ok(answers) => answers,
                Err(error) if error.is_passing() && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(error.pause()).await;
                    continue;
                }
                Err(error) => return Err(error).context(format!("merchant {}", self.merchant)),
            };
            let mut again = Vec::new();
            for (operation, answer) in open.into_iter().zip(answers) {
                match answer.status {
                    LineStatus::Refused if is_passing(&answer) && began.elapsed() < PATIENCE => again.push(operation),
                    LineStatus::Refused => refuse(&operation, &answer)?,
                    LineStatus::Accepted => {
                        acknowledged.push(operation.reference);
                        waiting.push(operation.reference);
                    }
                    LineStatus::Final => {
                        acknowledged.push(operation.reference);
                        match &answer.receipt {
                            Some(Receipt { outcome: Outcome::Applied(_), .. }) => self.progress.inc(1),
                            // The outcome that stands is the first one's.
                            Some(Receipt { outcome: Outcome::Duplicate { .. }, .. }) if is_first_applied(&answer) => {
                                self.progress.inc(1);
                            }
                            Some(Receipt { outcome: Outcome::Duplicate { .. }, .. }) => {
                                waiting.push(operation.reference);
                            }
                            _ => bail!("{}", rejected(self.merchant, &operation, &answer)),
                        }
                    }
                }
            }
            open = again;
        }
        self.await_receipts(&waiting).await?;
        Ok(acknowledged)
    }

    async fn await_receipt(&self, reference: Reference, began: Instant) -> anyhow::Result<()> {
        loop {
            let answer = match self.client.operation(self.merchant, reference).await {
                Err(error) if error.is_passing() => None,
                other => other.with_context(|| format!("merchant {}, operation {reference}", self.merchant))?,
            };
            let receipt = answer.as_ref().and_then(|answer| answer.get("receipt")).filter(|receipt| !receipt.is_null());
            if let Some(receipt) = receipt {
                match Receipt::deserialize(receipt)?.outcome {
                    Outcome::Applied(_) => {
                        self.progress.inc(1);
                        return Ok(());
                    }
                    Outcome::Duplicate { .. } => {}
                    Outcome::Rejected(rule) => {
                        bail!("merchant {}, operation {reference}: {}: {rule}", self.merchant, rule.name())
                    }
                }
            }
            if began.elapsed() > PATIENCE {
                let state = answer.as_ref().and_then(|answer| answer.get("status")).and_then(Value::as_str);
                let state = state.unwrap_or("unknown to the node");
                bail!(
                    "merchant {}: operation {reference} was acknowledged and has no receipt ({state})",
                    self.merchant
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn refuse(operation: &Operation, answer: &BulkLine) -> anyhow::Result<()> {
    if answer.status == LineStatus::Refused {
        let problem = answer.problem.clone().unwrap_or_default();
        bail!("the node refuses {} {}: {problem}", operation.body.kind(), operation.reference);
    }
    Ok(())
}

/// Whether the node says that the operation was applied when it was first executed.
fn is_first_applied(answer: &BulkLine) -> bool {
    matches!(&answer.first, Some(Receipt { outcome: Outcome::Applied(_), .. }))
}

fn is_passing(answer: &BulkLine) -> bool {
    answer.problem.as_ref().is_some_and(|problem| matches!(problem.status, 429 | 503))
}

fn rejected(merchant: MerchantId, operation: &Operation, answer: &BulkLine) -> String {
    let why = answer.problem.as_ref().map(ToString::to_string);
    let why = why.unwrap_or_else(|| format!("{:?}", answer.receipt.as_ref().map(|receipt| &receipt.outcome)));
    let kind = operation.body.kind();
    format!("merchant {merchant}: {kind} {} is not applied: {why}. The year needs a new alliance", operation.reference)
}
