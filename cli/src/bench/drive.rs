//! Sends the load: closed loop, where each answer makes room for the next request, or open loop, at a rate of its own.
//!
//! **Invariant:** in the open loop the latency of a request counts from when it was due, however late it was sent: what waits
//! behind a slow answer is not left out.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::deliver::{Counts, Courier};
use super::settings::Settings;
use super::supply::Job;

/// What came of a run.
pub struct Driven {
    /// What became of the operations.
    pub counts: Counts,
    /// Of each operation, in microseconds, from when it was sent (or due) to its receipt.
    pub latency_us: Histogram<u64>,
    /// From the start to the last receipt.
    pub seconds: f64,
}

/// Requests of the open loop that are under way at once, at most: nodes take no more than about a thousand each.
const MOST_UNDER_WAY: usize = 4_000;
/// What latencies are told apart: three digits, up to ten minutes.
const LATENCY_DIGITS: u8 = 3;
const MAX_LATENCY_US: u64 = 600_000_000;

struct Drive {
    courier: Courier,
    done: ProgressBar,
    results: Mutex<(Counts, Histogram<u64>)>,
}

/// Sends jobs until there are no more, or the time is over; waits for what was sent.
pub async fn run(
    settings: &Settings,
    courier: Courier,
    jobs: mpsc::Receiver<Job>,
    done: ProgressBar,
) -> anyhow::Result<Driven> {
    let drive = Arc::new(Drive { courier, done, results: Mutex::new((Counts::default(), new_histogram()?)) });
    let began = Instant::now();
    let end = settings.seconds.map(|seconds| began + Duration::from_secs(seconds));
    match settings.rate {
        Some(rate) => open(&drive, jobs, Schedule { began, rate, end }).await?,
        None => closed(&drive, jobs, settings.connections, end).await?,
    }
    let seconds = began.elapsed().as_secs_f64();
    drive.done.finish_and_clear();
    let drive = Arc::into_inner(drive).context("a request outlived the run")?;
    let (counts, latency_us) = drive.results.into_inner().expect("no holder of the lock panics");
    Ok(Driven { counts, latency_us, seconds })
}

/// An empty histogram of latencies in microseconds.
pub fn new_histogram() -> anyhow::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, MAX_LATENCY_US, LATENCY_DIGITS).context("a histogram")
}

async fn closed(drive: &Arc<Drive>, jobs: mpsc::Receiver<Job>, lanes: u32, end: Option<Instant>) -> anyhow::Result<()> {
    let jobs = Arc::new(tokio::sync::Mutex::new(jobs));
    let lanes = (0..lanes).map(|_| {
        let (drive, jobs) = (Arc::clone(drive), Arc::clone(&jobs));
        async move {
            while end.is_none_or(|end| Instant::now() < end) {
                let Some(job) = jobs.lock().await.recv().await else { break };
                drive.job(job, None).await;
            }
        }
    });
    let mut lanes: JoinSet<()> = lanes.collect();
    while let Some(ended) = lanes.join_next().await {
        ended.context("a lane ended")?;
    }
    Ok(())
}

/// When operations are due.
#[derive(Clone, Copy)]
struct Schedule {
    began: Instant,
    rate: u64,
    end: Option<Instant>,
}

impl Schedule {
    /// When the operation after so many others is due; none once the time is over.
    fn due(&self, before: u64) -> Option<Instant> {
        let due = self.began + Duration::from_secs_f64(before as f64 / self.rate as f64);
        self.end.is_none_or(|end| due < end).then_some(due)
    }
}

async fn open(drive: &Arc<Drive>, mut jobs: mpsc::Receiver<Job>, schedule: Schedule) -> anyhow::Result<()> {
    let mut under_way = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        let Some(due) = schedule.due(job.before) else { break };
        tokio::time::sleep_until(due.into()).await;
        while under_way.len() >= MOST_UNDER_WAY {
            under_way.join_next().await;
        }
        while under_way.try_join_next().is_some() {}
        let drive = Arc::clone(drive);
        under_way.spawn(async move { drive.job(job, Some(due)).await });
    }
    while let Some(ended) = under_way.join_next().await {
        ended.context("a request ended")?;
    }
    Ok(())
}

impl Drive {
    /// Sends a job's requests one after the other; the first was due at a time, each other when the one before it was final.
    async fn job(&self, job: Job, due: Option<Instant>) {
        let mut from = due.unwrap_or_else(Instant::now);
        for request in job.requests {
            let counts = self.courier.deliver(job.at, &request).await;
            let now = Instant::now();
            let latency_us = u64::try_from((now - from).as_micros()).unwrap_or(u64::MAX);
            from = now;
            self.done.inc(counts.operations());
            let (sum, histogram) = &mut *self.results.lock().expect("no holder of the lock panics");
            let receipts = counts.operations() - counts.lost;
            histogram.saturating_record_n(latency_us, receipts);
            sum.add(counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_depends_on_nothing_but_the_count() {
        let began = Instant::now();
        let schedule = Schedule { began, rate: 1_000, end: Some(began + Duration::from_secs(2)) };
        let after = |before| schedule.due(before).map(|due| due - began);
        assert_eq!(after(0), Some(Duration::ZERO));
        assert_eq!(after(1_500), Some(Duration::from_millis(1_500)));
        assert_eq!(after(2_000), None);
    }
}
