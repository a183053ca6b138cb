//! Makes and signs the load on a thread of its own, ahead of the clock as far as memory allows.
//!
//! The queue is bounded. The run begins once it is full or everything is in it; more is made only when it runs low, and then
//! the report says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;
use tally_contracts::authorization::Authorization;
use tally_contracts::transaction::{Body, MAX_LEAF_BYTES, Operation};
use tally_contracts::types::Reference;
use tokio::sync::{mpsc, oneshot};

use super::accounts::Accounts;
use super::market::Market;
use super::pack::{Room, signed};
use super::settings::{Door, Settings, SignedBy};
use super::workload::Draw;

/// What one lane sends: requests that follow each other.
#[derive(Debug)]
pub struct Job {
    /// The place of the merchant to whose node it goes.
    pub at: usize,
    /// Operations of the jobs before it.
    pub before: u64,
    /// A capture waits for its hold.
    pub requests: Vec<Request>,
}

/// One HTTP request.
#[derive(Debug)]
pub struct Request {
    /// Its operations', in order.
    pub references: Vec<Reference>,
    /// Its body.
    pub bytes: Vec<u8>,
}

/// The queue, and when to begin.
pub struct Supply {
    /// Jobs in the order in which they are due; ends with the last.
    pub jobs: mpsc::Receiver<Job>,
    full: oneshot::Receiver<()>,
    late: Arc<AtomicBool>,
}

/// Memory for what is made ahead of time.
const AHEAD_BYTES: usize = 2 << 30;
/// Rough bytes of an operation in canonical bytes, and as JSON of its own.
const OPERATION_BYTES: usize = 300;
const JSON_BYTES: usize = 1_000;
/// A transaction holds so many operations whatever they carry.
const FEW_OPERATIONS: usize = 250;
/// Where time ends the run: so many operations a second are made ahead, and of those that cost a signature or a request each.
const AHEAD_PER_S: u64 = 100_000;
const AHEAD_SINGLE_PER_S: u64 = 10_000;
/// Between two looks at whether the queue runs low.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Supply {
    /// Starts to make jobs.
    pub fn start(settings: &Settings, market: Arc<Market>, accounts: Arc<Accounts>, made: ProgressBar) -> Self {
        let (sender, jobs) = mpsc::channel(capacity(settings));
        let (begin, full) = oneshot::channel();
        let late = Arc::new(AtomicBool::new(false));
        let maker = Maker {
            draw: Draw::new(settings, Arc::clone(&market), accounts),
            carry: market.merchants.iter().map(|_| Vec::new()).collect(),
            market,
            door: settings.door,
            per_request: settings.per_request(),
            left: settings.limit().unwrap_or(u64::MAX),
            made: 0,
            late: Arc::clone(&late),
        };
        std::thread::spawn(move || maker.run(&sender, begin, &made));
        Self { jobs, full, late }
    }

    /// Waits until the clock may start.
    pub async fn ready(&mut self) {
        // A thread that is gone has made all that there is.
        let _ = (&mut self.full).await;
    }

    /// Set as soon as something is made while the clock runs.
    pub fn late(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.late)
    }
}

/// How many jobs are made ahead.
fn capacity(settings: &Settings) -> usize {
    let fit = AHEAD_BYTES / job_bytes(settings);
    let single = settings.door == Door::Operations || settings.signed_by == SignedBy::Wallet;
    let per_s = if single { AHEAD_SINGLE_PER_S } else { AHEAD_PER_S };
    let wanted = match (settings.limit(), settings.seconds) {
        (Some(operations), _) => operations,
        (None, seconds) => {
            let per_job = settings.per_request().min(FEW_OPERATIONS) as u64;
            seconds.unwrap_or(0).saturating_mul(per_s) / per_job
        }
    };
    // One more than there are lanes, so that none waits for the thread without need.
    fit.min(usize::try_from(wanted).unwrap_or(usize::MAX)).max(settings.connections as usize + 1)
}

/// Rough bytes of a job.
fn job_bytes(settings: &Settings) -> usize {
    match settings.door {
        Door::Transactions => (settings.per_request().max(2) * OPERATION_BYTES).min(2 * MAX_LEAF_BYTES),
        Door::Operations => 2 * JSON_BYTES,
    }
}

struct Maker {
    draw: Draw,
    market: Arc<Market>,
    /// What did not fit into the last transaction of the merchant at the place.
    carry: Vec<Vec<Operation>>,
    door: Door,
    per_request: usize,
    left: u64,
    made: u64,
    late: Arc<AtomicBool>,
}

impl Maker {
    fn run(mut self, to: &mpsc::Sender<Job>, begin: oneshot::Sender<()>, made: &ProgressBar) {
        while self.left > 0 && to.capacity() > 0 {
            if to.blocking_send(self.job()).is_err() {
                return;
            }
            made.set_position(self.made);
        }
        let _ = begin.send(());
        while self.left > 0 {
            // What is in the queue may last until the end: no work beside the run before it is needed.
            while to.capacity() < to.max_capacity() / 4 * 3 {
                if to.is_closed() {
                    return;
                }
                std::thread::sleep(LOOK_AGAIN);
            }
            self.late.store(true, Ordering::Relaxed);
            if to.blocking_send(self.job()).is_err() {
                return;
            }
        }
    }

    fn job(&mut self) -> Job {
        let (at, before) = (self.draw.merchant(), self.made);
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let requests = if self.per_request == 1 {
            let operations = self.draw.next(at, left);
            operations.into_iter().map(|operation| self.request(at, vec![operation])).collect()
        } else {
            let operations = self.fill(at, left.min(self.per_request));
            vec![self.request(at, operations)]
        };
        let count: usize = requests.iter().map(|request: &Request| request.references.len()).sum();
        self.made += count as u64;
        self.left -= count as u64;
        Job { at, before, requests }
    }

    /// As many operations as a transaction holds, `most` at most.
    fn fill(&mut self, at: usize, most: usize) -> Vec<Operation> {
        let mut room = Room::new(most);
        let mut operations = std::mem::take(&mut self.carry[at]);
        if !room.take(&operations) {
            // A checkout where there is room for one operation more.
            operations.clear();
        }
        while room.operations() > 0 {
            let next = self.draw.next(at, room.operations());
            if !room.take(&next) {
                self.carry[at] = next;
                break;
            }
            operations.extend(next);
        }
        operations
    }

    fn request(&self, at: usize, operations: Vec<Operation>) -> Request {
        let references = operations.iter().map(|operation| operation.reference).collect();
        let bytes = match self.door {
            Door::Transactions => signed(&self.market, &self.market.merchants[at], operations),
            Door::Operations => submission(&operations[0]),
        };
        Request { references, bytes }
    }
}

/// An operation as it is submitted alone: its reference goes in a header.
fn submission(operation: &Operation) -> Vec<u8> {
    #[derive(Serialize)]
    struct Submission<'a> {
        body: &'a Body,
        #[serde(skip_serializing_if = "Option::is_none")]
        authorization: Option<&'a Authorization>,
    }
    let submission = Submission { body: &operation.body, authorization: operation.authorization.as_ref() };
    serde_json::to_vec(&submission).expect("an operation has a JSON form")
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn jobs(arguments: &[&str]) -> Vec<Job> {
        let settings = testing::settings(arguments);
        let (market, accounts) = (Arc::new(testing::market()), Arc::new(testing::accounts(&settings)));
        let mut supply = Supply::start(&settings, market, accounts, ProgressBar::hidden());
        let mut jobs = Vec::new();
        while let Some(job) = supply.jobs.blocking_recv() {
            jobs.push(job);
        }
        jobs
    }

    #[test]
    fn as_many_operations_as_were_asked_for() {
        for arguments in [
            &["--operations", "5001"][..],
            &["--operations", "1001", "--batch", "7"],
            &["--operations", "1001", "--batch", "1"],
            &["--operations", "1001", "--door", "operations"],
        ] {
            let jobs = jobs(arguments);
            let mut before = 0;
            for job in &jobs {
                assert_eq!(job.before, before);
                before += job.requests.iter().map(|request| request.references.len() as u64).sum::<u64>();
            }
            assert_eq!(before.to_string(), arguments[1], "{arguments:?}");
        }
    }

    #[test]
    fn what_is_made_ahead_is_bounded() {
        let bytes = |arguments: &[&str]| {
            let settings = testing::settings(arguments);
            capacity(&settings) * job_bytes(&settings)
        };
        assert!(bytes(&["--operations", "1000000000"]) <= AHEAD_BYTES);
        assert!(bytes(&["--seconds", "86400", "--door", "operations"]) <= AHEAD_BYTES);
        assert!(capacity(&testing::settings(&["--operations", "200000"])) * FEW_OPERATIONS > 200_000);
    }

    #[test]
    fn what_was_not_needed_is_not_made() {
        let settings = testing::settings(&["--seconds", "1", "--batch", "10", "--accounts", "40"]);
        let (market, accounts) = (Arc::new(testing::market()), Arc::new(testing::accounts(&settings)));
        let mut supply = Supply::start(&settings, market, accounts, ProgressBar::hidden());
        futures::executor::block_on(supply.ready());
        let made = supply.jobs.len();
        assert_eq!(made, capacity(&settings));
        for _ in 0..made / 2 {
            supply.jobs.blocking_recv().unwrap();
        }
        std::thread::sleep(LOOK_AGAIN * 4);
        assert!(!supply.late().load(Ordering::Relaxed));
        assert_eq!(supply.jobs.len(), made - made / 2);
    }
}
