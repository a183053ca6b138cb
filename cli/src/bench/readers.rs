//! Readers beside the load: what members and merchants look up while the alliance writes.
//!
//! Each asks one question after the other, at the nodes in turn and of a member drawn anew: its balances, then the last page of
//! its statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use tokio::task::JoinSet;

use super::accounts::Accounts;
use super::deliver::Courier;
use super::drive::new_histogram;
use super::market::Market;
use super::settings::Settings;

/// What readers were told.
pub struct Read {
    /// Of each answer, in microseconds.
    pub latency_us: Histogram<u64>,
    /// Questions without an answer.
    pub failed: u64,
    /// From the first question to the last answer.
    pub seconds: f64,
}

/// Readers at work.
pub struct Readers {
    began: Instant,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<anyhow::Result<(Histogram<u64>, u64)>>,
}

impl Readers {
    /// Starts as many as the settings say.
    pub fn start(settings: &Settings, courier: &Courier, market: &Arc<Market>, accounts: &Arc<Accounts>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let reader = |number: u64| Reader {
            courier: courier.clone(),
            market: Arc::clone(market),
            accounts: Arc::clone(accounts),
            choices: StdRng::seed_from_u64(settings.seed ^ number),
            stop: Arc::clone(&stop),
        };
        let tasks = (1..=u64::from(settings.readers)).map(|number| reader(number).run()).collect();
        Self { began: Instant::now(), stop, tasks }
    }

    /// Lets them end.
    ///
    /// # Errors
    /// When one of them broke off.
    pub async fn finish(mut self) -> anyhow::Result<Read> {
        self.stop.store(true, Ordering::Relaxed);
        let (mut latency_us, mut failed) = (new_histogram()?, 0);
        while let Some(ended) = self.tasks.join_next().await {
            let (of_one, failed_one) = ended.context("a reader ended")??;
            latency_us.add(of_one).context("latencies of one range add up")?;
            failed += failed_one;
        }
        Ok(Read { latency_us, failed, seconds: self.began.elapsed().as_secs_f64() })
    }
}

struct Reader {
    courier: Courier,
    market: Arc<Market>,
    accounts: Arc<Accounts>,
    choices: StdRng,
    stop: Arc<AtomicBool>,
}

impl Reader {
    async fn run(mut self) -> anyhow::Result<(Histogram<u64>, u64)> {
        let (mut latency_us, mut failed) = (new_histogram()?, 0);
        while !self.stop.load(Ordering::Relaxed) {
            let account = self.choices.gen_range(0..self.accounts.len());
            let member = self.accounts.address(account);
            let class = self.market.merchants[self.accounts.home(account)].class;
            let balances = format!("/v1/members/{member}/balances");
            let statement = format!("/v1/members/{member}/statement?class={class}&limit=20");
            for path in [balances, statement] {
                let (_, node) = &self.courier.nodes[self.choices.gen_range(0..self.courier.nodes.len())];
                let asked = Instant::now();
                let answer: Result<Value, _> = node.get(&path).await;
                failed += u64::from(answer.is_err());
                latency_us.saturating_record(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
        }
        Ok((latency_us, failed))
    }
}
