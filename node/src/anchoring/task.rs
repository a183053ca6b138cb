//! The task of one operator: takes checkpoints to it, one at a time, and its evidence to the ledger.

use std::time::Duration;

use tally_contracts::checkpoint::{Anchor, Evidence};
use tally_contracts::receipt::Outcome;
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{Hash, Reference};
use tally_ledger::anchor::witness::Fork;
use tally_ledger::anchor::{self, Anchored};
use tally_ledger::note::VerifierKey;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::error::Failure;
use super::forks::Forks;
use super::queue::{Job, Keep, Mark, Queue};
use super::source::{FinalCheckpoint, Source};
use super::witness::{self, Witness};
use super::{Delays, Node, Operator, Service, Standing, time_stamp};
use crate::ingress::submitter::Mode;

/// How long a receipt is waited for. What has none by then stays with the submitter, and is looked for again.
const RECEIPT_WAIT: Duration = Duration::from_secs(60);

/// See the module.
pub(super) struct Task {
    pub operator: Operator,
    pub queue: Queue,
    pub forks: Forks,
    pub source: Source,
    pub node: Node,
    pub client: reqwest::Client,
    pub delays: Delays,
    pub standing: watch::Sender<Standing>,
}

impl Task {
    /// Works until it is to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut heights = self.source.replica.watch_height();
        let (mut failures, mut next) = (0, Instant::now());
        self.begin();
        loop {
            self.take_due().await;
            let work = async {
                match self.queue.newest() {
                    Some(job) => {
                        sleep_until(next).await;
                        job.clone()
                    }
                    None => std::future::pending().await,
                }
            };
            let job = tokio::select! {
                // An error means that the node is gone, which is a stop as well.
                _ = stop.wait_for(|stop| *stop) => return,
                changed = heights.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                job = work => job,
            };
            let done = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                done = self.anchor(&job) => done,
            };
            failures = if done.is_ok() { 0 } else { failures + 1 };
            if let Err(failure) = done {
                let delay = self.delays.after(failures);
                next = Instant::now() + delay;
                self.tell_failure(&job, &failure, delay);
            }
        }
    }

    /// Counters that an alarm can be set on before they count.
    fn begin(&self) {
        for name in ["tally_anchor_failures_total", "tally_anchor_given_up_total", "tally_anchor_forks_total"] {
            metrics::counter!(name, "operator" => self.operator.name.clone()).increment(0);
        }
        self.tell();
    }

    /// Enqueues the latest final checkpoint, if it is due.
    async fn take_due(&mut self) {
        let Some(mark) = self.source.due(self.queue.taken()) else { return };
        let keep = match self.operator.service {
            Service::TimeStamps(_) => Keep::Each,
            Service::Witness(_) => Keep::Newest,
        };
        let given_up = self.queue.take(mark, keep);
        if given_up > 0 {
            let name = self.operator.name.clone();
            tracing::warn!(operator = name, given_up, "too many checkpoints wait to be anchored: the oldest never are");
            metrics::counter!("tally_anchor_given_up_total", "operator" => name).increment(given_up as u64);
        }
        self.save().await;
    }

    /// Anchors a checkpoint, or finds that there is nothing to anchor.
    async fn anchor(&mut self, job: &Job) -> Result<(), Failure> {
        let mark = Mark { height: job.height, time_ms: job.time_ms };
        let Some(checkpoint) = self.source.checkpoint(mark.height).await? else {
            tracing::warn!(
                operator = self.operator.name,
                height = %mark.height,
                "the queue of anchors names a checkpoint that this chain does not have: passed over"
            );
            self.queue.remove(mark.height);
            self.save().await;
            return Ok(());
        };
        let evidence = match &job.evidence {
            Some(evidence) => evidence.clone(),
            None => match self.ask(mark, &checkpoint).await? {
                Some(evidence) => evidence,
                None => return Ok(()),
            },
        };
        match self.bring(mark, &checkpoint, evidence).await {
            Ok(anchored) => {
                self.queue.finish(mark);
                self.save().await;
                tracing::info!(
                    operator = self.operator.name,
                    height = %mark.height,
                    log_size = checkpoint.log_size,
                    by = anchored.operator,
                    time_ms = anchored.time_ms,
                    "checkpoint anchored"
                );
                Ok(())
            }
            Err(failure) => {
                match failure {
                    // It will never be young enough again.
                    Failure::Rejected(Rejection::ReferenceTooOld) => self.queue.remove(mark.height),
                    _ if failure.is_of_evidence() => self.queue.set_evidence(mark.height, None),
                    _ => return Err(failure),
                }
                self.save().await;
                Err(failure)
            }
        }
    }

    /// Asks the operator; what it gives is on disk on return. None where it has nothing to give for this checkpoint.
    async fn ask(&mut self, mark: Mark, checkpoint: &FinalCheckpoint) -> Result<Option<Evidence>, Failure> {
        let Operator { url, service, name, .. } = &self.operator;
        let evidence = match service {
            Service::TimeStamps(roots) => Some(time_stamp::ask(&self.client, url, &checkpoint.text, roots).await?),
            Service::Witness(key) => {
                let witness = Witness { client: &self.client, url, key, size: self.queue.witness_size() };
                match witness.ask(&self.source, checkpoint).await? {
                    witness::Outcome::Cosigned(evidence) => {
                        self.queue.set_witness_size(checkpoint.log_size);
                        Some(evidence)
                    }
                    witness::Outcome::Later(size) => {
                        tracing::debug!(operator = name, height = %mark.height, size, "the witness is further already");
                        self.queue.set_witness_size(size);
                        None
                    }
                    witness::Outcome::Fork(fork) => {
                        self.keep_fork(mark, fork, key.clone()).await;
                        None
                    }
                }
            }
        };
        match &evidence {
            Some(_) => self.queue.set_evidence(mark.height, evidence.clone()),
            None => self.queue.remove(mark.height),
        }
        self.save().await;
        Ok(evidence)
    }

    async fn keep_fork(&self, mark: Mark, fork: Fork, key: VerifierKey) {
        let name = self.operator.name.clone();
        metrics::counter!("tally_anchor_forks_total", "operator" => name.clone()).increment(1);
        let (forks, url, status) = (self.forks.clone(), self.operator.url.clone(), fork.status);
        let keep = move || forks.keep(mark.time_ms, &fork, (&key, &url));
        let kept = tokio::task::spawn_blocking(keep).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let file = match kept {
            Ok(Some(path)) => path.display().to_string(),
            Ok(None) => "none: enough claims of this witness are kept".to_owned(),
            Err(error) => format!("none: {error}"),
        };
        tracing::error!(
            operator = name,
            height = %mark.height,
            status,
            file,
            "the witness claims that the log forked: compare its checkpoint with this node's (docs/operations.md, Anchors)"
        );
    }

    /// Judges evidence and sees it onto the record.
    async fn bring(&self, mark: Mark, checkpoint: &FinalCheckpoint, evidence: Evidence) -> Result<Anchored, Failure> {
        let anchored = anchor::judge(&evidence, &checkpoint.text, &self.operator.trust)?;
        let hash = evidence.hash();
        if self.source.is_on_record(mark.height, hash) {
            return Ok(anchored);
        }
        let reference = reference(mark.time_ms, &hash);
        let body = Body::Anchor(Anchor { checkpoint: mark.height, evidence });
        let operations = vec![Operation::new(reference, body)];
        let (mut entered, mut receipts) = self.node.submitter.enter_awaited(operations, Mode::Each)?;
        let receipt = receipts.pop().expect("there is one for each operation");
        let found = entered.within(RECEIPT_WAIT, receipt).await?.ok_or(Failure::NoReceipt)?;
        match found.receipt.outcome {
            Outcome::Applied(_) | Outcome::Rejected(Rejection::AnchoredAlready) => Ok(anchored),
            Outcome::Rejected(rejection) => Err(Failure::Rejected(rejection)),
            Outcome::Duplicate { .. } if self.source.is_on_record(mark.height, hash) => Ok(anchored),
            Outcome::Duplicate { .. } => Err(Failure::RefusedBefore),
        }
    }

    /// Writes the queue. Where the disk does not take it, work goes on: a restart would do some of it again.
    async fn save(&self) {
        if let Err(error) = self.queue.save().await {
            tracing::error!(operator = self.operator.name, %error, "the queue of anchors cannot be written: check the disk");
            self.count_failure();
        }
        self.tell();
    }

    fn tell_failure(&self, job: &Job, failure: &Failure, delay: Duration) {
        tracing::warn!(
            operator = self.operator.name,
            height = %job.height,
            retry_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            error = %failure,
            "checkpoint not anchored yet"
        );
        self.count_failure();
    }

    fn count_failure(&self) {
        metrics::counter!("tally_anchor_failures_total", "operator" => self.operator.name.clone()).increment(1);
    }

    /// Makes known how far it has come.
    fn tell(&self) {
        let standing = self.queue.standing();
        metrics::gauge!("tally_anchor_queue", "operator" => standing.operator.clone()).set(standing.queued as f64);
        self.standing.send_replace(standing);
    }
}

/// The reference of evidence for the checkpoint of a time: the same whenever it is submitted, so that it counts once.
fn reference(time_ms: u64, evidence: &Hash) -> Reference {
    let (free, _) = evidence.0.split_first_chunk::<16>().expect("a hash has 32 bytes");
    Reference::new(time_ms, u128::from_be_bytes(*free))
}
