//! Anchoring: final checkpoints are taken to operators outside the alliance, time-stamp authorities (RFC 3161) and witnesses
//! (C2SP `tlog-witness`), and what they give is submitted as the operation `anchor` (ADR 0012).
//!
//! Each operator has a [`task`] and a [`queue`] of its own, so that one that is away holds up no other. A task follows the
//! height, enqueues the first final checkpoint of each period, asks ([`time_stamp`], [`witness`]), judges the answer as an
//! auditor would, and is done with a checkpoint once its evidence is on record. What fails is tried again, each time after
//! twice as long.
//!
//! **Invariants.** Nothing in consensus, ingress or HTTP waits for anything here, and no fault here stops the node. Nothing
//! is submitted that our own judge does not accept. Queues are bounded, and survive a restart.

mod error;
mod forks;
mod http;
mod queue;
mod source;
mod task;
mod time_stamp;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tally_ledger::anchor::Trust;
use tally_ledger::anchor::timestamp::Roots;
use tally_ledger::anchor::witness::{WitnessError, witness_key};
use tally_ledger::note::VerifierKey;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ingress::submitter::Submitter;
use crate::replica::Replica;
use crate::storage::disk::Disk;

pub use http::client;
pub use queue::{Mark, QueueError};

use forks::Forks;
use queue::Queue;
use source::Source;
use task::Task;

/// Somebody outside who is asked, and what makes the answers believed.
#[derive(Clone, Debug)]
pub struct Operator {
    name: String,
    /// Where requests go.
    url: Url,
    service: Service,
    /// Trust in this operator alone.
    trust: Trust,
}

/// What an operator does.
#[derive(Clone, Debug)]
enum Service {
    TimeStamps(Roots),
    Witness(VerifierKey),
}

impl Operator {
    /// A time-stamp authority under these roots, which answers at `url`. `name` is for log, metrics and file names.
    #[must_use]
    pub fn time_stamps(name: &str, url: Url, roots: Roots) -> Self {
        let trust = Trust::new(roots.clone(), Vec::new());
        Self { name: name.to_owned(), url, service: Service::TimeStamps(roots), trust }
    }

    /// A witness with this key (`name+id+base64`), whose submission prefix is `url`. `name` as above.
    ///
    /// # Errors
    /// [`WitnessError`], for a text that is no key of a witness.
    pub fn witness(name: &str, mut url: Url, key: &str) -> Result<Self, WitnessError> {
        let key = witness_key(key)?;
        let trust = Trust::new(Roots::default(), vec![key.clone()]);
        let path = format!("{}/add-checkpoint", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self { name: name.to_owned(), url, service: Service::Witness(key), trust })
    }

    /// What it is called here.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// How long a task waits before it asks again.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// After the first failure.
    pub first: Duration,
    /// At most; each failure in a row doubles the wait up to it.
    pub most: Duration,
}

impl Default for Delays {
    fn default() -> Self {
        Self { first: Duration::from_secs(5), most: Duration::from_secs(600) }
    }
}

impl Delays {
    /// The wait after so many failures in a row.
    fn after(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }
}

/// How checkpoints are anchored.
pub struct AnchoringOptions {
    /// Directory of the queues.
    pub dir: PathBuf,
    /// Who is asked.
    pub operators: Vec<Operator>,
    /// One checkpoint in each period of so many checkpoint intervals.
    pub every_checkpoints: u64,
    /// With the limit of time for one request.
    pub client: reqwest::Client,
    /// While block time lies further behind this node's clock, in ms, the node is catching up and nothing is enqueued: the
    /// chain's past was anchored when it was made. None under a simulated clock.
    pub max_lag_ms: Option<u64>,
    /// Waits after failures.
    pub delays: Delays,
}

impl AnchoringOptions {
    /// Options with the usual waits.
    #[must_use]
    pub fn new(dir: PathBuf, operators: Vec<Operator>, every_checkpoints: u64, client: reqwest::Client) -> Self {
        Self { dir, operators, every_checkpoints, client, max_lag_ms: Some(MAX_LAG_MS), delays: Delays::default() }
    }
}

/// Behind its clock by more than this, a node is catching up.
const MAX_LAG_MS: u64 = 10 * 60_000;

/// What anchoring works with.
#[derive(Clone)]
pub struct Node {
    /// The chain and its state.
    pub replica: Arc<Replica>,
    /// Takes the evidence.
    pub submitter: Arc<Submitter>,
}

/// How far anchoring by one operator has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The operator.
    pub operator: String,
    /// The latest checkpoint whose evidence is on record, as far as this node brought it.
    pub anchored: Option<Mark>,
    /// The earliest that waits.
    pub waiting_since: Option<Mark>,
    /// Checkpoints that wait.
    pub queued: usize,
}

impl Standing {
    /// How far anchoring lies behind a time, in ms: since the latest anchored checkpoint, or the first that waits where none
    /// is anchored. None where there is neither.
    #[must_use]
    pub fn lag_ms(&self, now_ms: u64) -> Option<u64> {
        self.anchored.or(self.waiting_since).map(|mark| now_ms.saturating_sub(mark.time_ms))
    }
}

/// The standing of each operator, now and whenever that changes.
#[derive(Clone, Debug, Default)]
pub struct Progress(Vec<watch::Receiver<Standing>>);

impl Progress {
    /// The standing of each operator, as configured.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        self.0.iter().map(|standing| standing.borrow().clone()).collect()
    }
}

/// See the module. Ends when dropped, or by [`Anchoring::shutdown`].
#[derive(Default)]
pub struct Anchoring {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    progress: Progress,
}

impl Anchoring {
    /// Reads the queues and starts a task for each operator; without operators nothing happens. Blocks on the disk; needs a
    /// tokio runtime.
    ///
    /// # Errors
    /// When a queue cannot be read.
    pub fn start(options: AnchoringOptions, disk: &Arc<dyn Disk>, node: &Node) -> Result<Self, QueueError> {
        let AnchoringOptions { dir, operators, every_checkpoints, client, max_lag_ms, delays } = options;
        let mut anchoring = Self::default();
        for operator in operators {
            let queue = Queue::open(disk.clone(), &dir, &operator.name)?;
            let standing = watch::Sender::new(queue.standing());
            anchoring.progress.0.push(standing.subscribe());
            let task = Task {
                forks: Forks::new(dir.join("forks"), &operator.name),
                operator,
                queue,
                source: Source { replica: node.replica.clone(), every_checkpoints, max_lag_ms },
                node: node.clone(),
                client: client.clone(),
                delays,
                standing,
            };
            anchoring.tasks.push(tokio::spawn(task.run(anchoring.stop.subscribe())));
        }
        Ok(anchoring)
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Ends the tasks. What waits stays in the queues for the next start.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            // A task that panicked has been reported by its panic.
            let _ = task.await;
        }
    }
}

#[cfg(test)]
mod tests;
