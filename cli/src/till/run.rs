//! `tally till run`: delivers what is queued until stopped, and says how it goes.
//!
//! While the line is down it tries all nodes, then waits, longer each time up to a bound. Stopping it, in whatever way, loses
//! nothing: what is on its way is in the queue, and is sent again.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use rand::Rng as _;
use serde_json::{Value, json};
use tally_contracts::transaction::MAX_OPERATIONS;
use tally_contracts::types::Reference;
use tokio::signal::unix::{SignalKind, signal};

use super::courier::{Courier, Manner, Step};
use super::door;
use super::queue::{End, Queue, State, Trouble};
use crate::output::{Output, Verdict};

/// Delivers.
#[derive(Debug, Args)]
pub struct Run {
    /// Return as soon as nothing is queued any more; exit code 1 if something was rejected or refused.
    #[arg(long)]
    until_empty: bool,
    /// Return after this time even if something is queued still, with exit code 1.
    #[arg(long, value_name = "SECONDS")]
    at_most: Option<u64>,
    /// Longest wait between two tries, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    max_wait: u64,
    /// Most operations of one transaction; fewer are easier on a bad line.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=MAX_OPERATIONS as i64))]
    batch: u16,
    /// How long a transaction may wait for its block, in minutes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440), value_name = "MINUTES")]
    valid: u64,
}

/// Between two looks into an empty queue.
const LOOK: Duration = Duration::from_millis(200);
/// Between two questions whether the line holds, with nothing to deliver.
const PING: Duration = Duration::from_secs(30);
/// Before entries are looked at again whose time has not come.
const HELD: Duration = Duration::from_secs(5);
/// A transaction that nodes have for so long without a block is worth a report.
const NO_BLOCK: Duration = Duration::from_secs(30);
/// First wait between two tries.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How long another node than the preferred one is stayed with.
const STAY: Duration = Duration::from_secs(60);

impl Run {
    /// Delivers.
    pub async fn run(&self, queue: Queue, output: Output) -> anyhow::Result<Verdict> {
        let _lock = queue.lock_delivery()?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stopped = async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        };
        let out_of_time = async {
            match self.at_most {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        let manner = Manner { batch: usize::from(self.batch), validity_ms: self.valid * 60_000 };
        let trouble = queue.trouble()?;
        let mut delivery = Delivery { trouble, ..Delivery::new(Courier::new(queue, manner)?, output) };
        delivery.began();
        tokio::select! {
            all_good = delivery.deliver(self) => all_good.map(Verdict::of),
            () = stopped => {
                output.event(&json!({ "event": "stopped" }), || "stopped; what is queued stays queued".into());
                Ok(Verdict::Yes)
            }
            () = out_of_time => {
                output.event(&json!({ "event": "out_of_time" }), || "out of time; what is queued stays queued".into());
                Ok(Verdict::No)
            }
        }
    }
}

struct Delivery {
    courier: Courier,
    output: Output,
    /// What was reported last and has not passed.
    trouble: Option<Trouble>,
    /// Whether everything that ended took effect.
    all_good: bool,
    wait: Duration,
    /// Since when nodes have said, round after round, that a transaction waits for its block.
    pending_since: Option<Instant>,
}

impl Delivery {
    const fn new(courier: Courier, output: Output) -> Self {
        Self { courier, output, trouble: None, all_good: true, wait: FIRST_WAIT, pending_since: None }
    }

    /// Goes on until nothing is queued, if that is asked for, else for ever.
    async fn deliver(&mut self, run: &Run) -> anyhow::Result<bool> {
        let max_wait = Duration::from_secs(run.max_wait);
        let mut returned = Instant::now();
        let mut held_before = 0;
        loop {
            if returned.elapsed() > STAY {
                self.courier.prefer_first();
                returned = Instant::now();
            }
            let step = self.courier.step().await?;
            if !matches!(step, Step::Pending(_)) {
                self.pending_since = None;
            }
            match step {
                Step::Empty => {
                    self.tell(&json!({ "event": "empty" }), "nothing is queued");
                    if run.until_empty {
                        return Ok(self.all_good);
                    }
                    self.idle().await?;
                }
                Step::Held(count) => {
                    if held_before != count {
                        let text = format!("{count} wait for their time: the till's clock was ahead of the alliance's");
                        self.tell(&json!({ "event": "held", "operations": count }), &text);
                    }
                    held_before = count;
                    self.passed()?;
                    tokio::time::sleep(HELD).await;
                }
                Step::Pending(node) => {
                    let since = *self.pending_since.get_or_insert_with(Instant::now);
                    self.pending(&node, since)?;
                    tokio::time::sleep(LOOK).await;
                }
                Step::Landed { ends, node } => match self.landed(&ends, &node)? {
                    None => self.passed()?,
                    Some(trouble) => self.pause(trouble, max_wait).await?,
                },
                Step::Trouble(trouble) => self.pause(trouble, max_wait).await?,
            }
        }
    }

    /// Waits for an entry, and asks now and then whether the line holds.
    async fn idle(&mut self) -> anyhow::Result<()> {
        let mut asked: Option<Instant> = None;
        while self.courier.queue.oldest()?.is_none() {
            if asked.is_none_or(|asked| asked.elapsed() > PING) {
                match self.courier.ping().await? {
                    None => self.passed()?,
                    Some(trouble) => self.report(trouble, None)?,
                }
                asked = Some(Instant::now());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// A node has the transaction; after a while that says that the alliance decides nothing.
    fn pending(&mut self, node: &str, since: Instant) -> anyhow::Result<()> {
        if since.elapsed() < NO_BLOCK {
            let text = format!("{node} has the transaction, its block is to come");
            self.tell(&json!({ "event": "pending", "node": node }), &text);
            return self.passed();
        }
        let detail = "the nodes have the transaction, but no block comes: the alliance has no quorum at the moment";
        self.report(door::passing("no_block", detail.to_owned()), None)
    }

    /// Reports what ended; gives the reason if nothing did, and all is to be tried again.
    fn landed(&mut self, ends: &[(Reference, End)], node: &str) -> anyhow::Result<Option<Trouble>> {
        let count = |state| ends.iter().filter(|(_, end)| end.state == state).count();
        let (applied, rejected, refused) =
            (count(Some(State::Applied)), count(Some(State::Rejected)), count(Some(State::Refused)));
        for (reference, end) in ends.iter().filter(|(_, end)| end.state.is_some_and(|state| state != State::Applied)) {
            self.all_good = false;
            let order = self.courier.queue.entry(*reference)?.and_then(|entry| entry.order);
            let state = end.state.unwrap_or(State::Queued).name();
            let value = json!({
                "event": state, "reference": reference, "order": order, "code": end.code, "detail": end.detail,
            });
            let named = order.map(|order| format!("order {order}  ")).unwrap_or_default();
            let (code, detail) = (end.code.as_deref().unwrap_or_default(), end.detail.as_deref().unwrap_or_default());
            self.tell(&value, &format!("{state}  {named}{reference}  {code}: {detail}"));
        }
        if applied + rejected + refused > 0 {
            let queued = self.courier.queue.queued()?;
            let height = ends.iter().filter_map(|(_, end)| end.height).max();
            let value = json!({
                "event": "delivered", "applied": applied, "rejected": rejected, "refused": refused, "queued": queued,
                "height": height, "node": node,
            });
            let block = height.map(|height| format!(", block {height}")).unwrap_or_default();
            let text = format!(
                "delivered  {applied} applied, {rejected} rejected, {refused} refused; {queued} queued  ({node}{block})"
            );
            self.tell(&value, &text);
            return Ok(None);
        }
        let again = ends.iter().find_map(|(_, end)| end.code.clone());
        Ok(again.map(|code| {
            let known = tally_contracts::rejection::Rejection::ALL.iter().find(|rule| rule.name() == code);
            let detail = known.map(ToString::to_string).unwrap_or_default();
            let detail = format!("{node}: {detail}; everything stays queued and is tried again");
            if door::is_of_key(&code) { door::lasting(&code, detail) } else { door::passing(&code, detail) }
        }))
    }

    /// Reports a trouble and waits, longer each time.
    async fn pause(&mut self, trouble: Trouble, max_wait: Duration) -> anyhow::Result<()> {
        let wait = self.wait.min(max_wait).mul_f64(rand::thread_rng().gen_range(0.8..1.2));
        self.report(trouble, Some(wait))?;
        self.wait = (self.wait * 2).min(max_wait);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn report(&mut self, trouble: Trouble, wait: Option<Duration>) -> anyhow::Result<()> {
        let is_same = self.trouble.as_ref().is_some_and(|before| before.code == trouble.code);
        if !is_same {
            self.courier.queue.set_trouble(Some(&trouble))?;
            self.trouble = Some(trouble.clone());
        }
        let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis())).transpose().context("a wait is short")?;
        let value = json!({
            "event": "trouble", "code": trouble.code, "detail": trouble.detail, "passes": trouble.passes,
            "next_try_ms": wait_ms,
        });
        let next = wait_ms.map(|ms| format!("; next try in {}.{} s", ms / 1000, ms % 1000 / 100)).unwrap_or_default();
        self.tell(&value, &format!("{}  {}{next}", trouble.code, trouble.detail));
        Ok(())
    }

    /// What was wrong has passed.
    fn passed(&mut self) -> anyhow::Result<()> {
        self.wait = FIRST_WAIT;
        if self.trouble.take().is_some() {
            self.courier.queue.set_trouble(None)?;
            self.tell(&json!({ "event": "passed" }), "what was wrong has passed");
        }
        Ok(())
    }

    fn began(&self) {
        let config = &self.courier.queue.config;
        let nodes: Vec<&str> = config.nodes.iter().map(|node| node.url.as_str()).collect();
        let value = json!({ "event": "began", "merchant": config.merchant, "till": config.till, "nodes": nodes });
        let (store, till) = (config.till.store_id, config.till.till_id);
        let text = format!("till {store}:{till} of merchant {} delivers to {}", config.merchant, nodes.join(", "));
        self.tell(&value, &text);
    }

    fn tell(&self, value: &Value, text: &str) {
        self.output.event(value, || text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::till::testing::{FakeNode, Reaction, buy, dir, queue_to};

    #[tokio::test]
    async fn time_without_a_line_is_no_time_without_a_block() {
        let (dir, node) = (dir(), FakeNode::start());
        let mut queue = queue_to(&dir, &[&node]);
        buy(&mut queue, 1..=1);
        node.script([Reaction::HangUp]);
        node.script([Reaction::Take; 100]);
        let courier = Courier::new(queue, Manner { batch: 200, validity_ms: 600_000 }).unwrap();
        let long_ago = Instant::now().checked_sub(NO_BLOCK);
        let mut delivery = Delivery { pending_since: long_ago, ..Delivery::new(courier, Output { json: true }) };
        let run = Run { until_empty: false, at_most: None, max_wait: 1, batch: 200, valid: 10 };
        assert!(tokio::time::timeout(Duration::from_secs(2), delivery.deliver(&run)).await.is_err());
        assert!(node.ledger().posted.len() > 1 && delivery.pending_since > long_ago);
        assert!(delivery.trouble.is_none(), "{:?}", delivery.trouble);
    }
}
