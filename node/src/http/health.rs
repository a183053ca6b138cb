//! Health: whether the process lives, whether it keeps up with the alliance, and numbers for monitoring.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tally_contracts::genesis::{Clock, Genesis};
use tally_contracts::receipt::Outcome;
use tally_contracts::types::Height;
use tally_ledger::chain::Head;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use super::Api;
use super::problem::Problem;
use crate::anchoring::Standing;
use crate::clock::now_ms;
use crate::replica::{Committed, Replica};

/// What the node knows of its own progress.
#[derive(Debug)]
pub struct Health {
    is_real_clock: bool,
    /// Longest time without a block that is nothing to worry about.
    quiet: Duration,
    last_block: Mutex<Instant>,
}

impl Health {
    /// The health of a node that has just started; `ready_lag_ms` is how far it may fall behind.
    #[must_use]
    pub fn new(genesis: &Genesis, ready_lag_ms: u64) -> Self {
        Self {
            is_real_clock: matches!(genesis.clock, Clock::Real),
            quiet: Duration::from_millis(genesis.parameters.idle_block_ms.saturating_add(ready_lag_ms)),
            last_block: Mutex::new(Instant::now()),
        }
    }

    /// Follows the replica until it is gone.
    pub async fn follow(self: Arc<Self>, replica: Arc<Replica>) {
        let mut blocks = replica.subscribe();
        // The replica would otherwise live as long as its own subscriber.
        drop(replica);
        loop {
            match blocks.recv().await {
                Ok(committed) => count(&committed),
                Err(RecvError::Lagged(missed)) => metrics::counter!("tally_blocks_total").increment(missed),
                Err(RecvError::Closed) => return,
            }
            *self.last_block.lock().expect("no holder of the lock panics") = Instant::now();
        }
    }

    /// How far block time lies behind this node's clock; none under a simulated clock.
    #[must_use]
    pub fn lag_ms(&self, head: &Head) -> Option<u64> {
        self.is_real_clock.then(|| now_ms().saturating_sub(head.time_ms))
    }

    /// The time that what is outside is compared with: this node's clock, under a simulated clock block time.
    fn present_ms(&self, head: &Head) -> u64 {
        if self.is_real_clock { now_ms() } else { head.time_ms }
    }

    /// Time since a block was executed, or since the start.
    fn since_block(&self) -> Duration {
        self.last_block.lock().expect("no holder of the lock panics").elapsed()
    }
}

fn count(committed: &Committed) {
    metrics::counter!("tally_blocks_total").increment(1);
    let transactions = committed.block.transactions();
    metrics::counter!("tally_transactions_total").increment(transactions.len() as u64);
    let mut counts: BTreeMap<(u8, &str), (&'static str, u64)> = BTreeMap::new();
    for (transaction, receipts) in transactions.iter().zip(&committed.executed.receipts) {
        for (operation, receipt) in transaction.transaction().operations.iter().zip(receipts) {
            let outcome = match receipt.outcome {
                Outcome::Applied(_) => "applied",
                Outcome::Duplicate { .. } => "duplicate",
                Outcome::Rejected(_) => "rejected",
            };
            let body = &operation.body;
            counts.entry((body.number(), outcome)).or_insert((body.kind(), 0)).1 += 1;
        }
    }
    for ((_, outcome), (kind, count)) in counts {
        metrics::counter!("tally_operations_total", "kind" => kind, "outcome" => outcome).increment(count);
    }
}

/// Whether the node keeps up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether it does.
    pub ready: bool,
    /// Why it does not.
    pub reasons: Vec<String>,
    /// The last executed block.
    pub height: Height,
    /// How far block time lies behind the node's clock, in ms; none under a simulated clock.
    pub lag_ms: Option<u64>,
    /// Peers that are connected.
    pub peers: usize,
    /// How far anchoring by each operator outside has come; left out where none is configured. No reason to be unready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<OperatorProgress>,
}

/// How far anchoring by one operator outside has come.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OperatorProgress {
    /// The operator, as this node's configuration names it.
    pub operator: String,
    /// The latest checkpoint whose evidence this node brought onto the record; none yet.
    pub height: Option<Height>,
    /// Time since that checkpoint, or since the first that waits where there is none, in ms; by block time under a
    /// simulated clock.
    pub lag_ms: Option<u64>,
    /// Checkpoints that wait for it.
    pub queued: usize,
}

impl OperatorProgress {
    fn of(standing: Standing, present_ms: u64) -> Self {
        let (height, lag_ms) = (standing.anchored.map(|mark| mark.height), standing.lag_ms(present_ms));
        Self { operator: standing.operator, height, lag_ms, queued: standing.queued }
    }
}

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", operation_id = "getLiveness", tag = "node", security(()),
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain")))]
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Whether the node keeps up with the alliance: 200 where it does, else 503 with the reasons.
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness", tag = "node", security(()),
    responses((status = 200, description = "It does.", body = Readiness)))]
pub async fn readyz(State(api): State<Arc<Api>>) -> Response {
    let reasons = api.not_ready();
    let head = api.replica.head();
    let readiness = Readiness {
        ready: reasons.is_empty(),
        reasons,
        height: head.height,
        lag_ms: api.health.lag_ms(&head),
        peers: api.peers(),
        anchors: api.anchors(&head),
    };
    if readiness.ready {
        return ([(header::CACHE_CONTROL, "no-store")], Json(readiness)).into_response();
    }
    Problem::because("not_ready", readiness.reasons.join("; ")).with_all(readiness).into_response()
}

/// Numbers for monitoring, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "node", security(()),
    responses((status = 200, description = "The numbers.", body = String, content_type = "text/plain")))]
pub async fn metrics(State(api): State<Arc<Api>>) -> Response {
    let head = api.replica.head();
    // Exact up to 2^53, far beyond any height or time here.
    let gauges = [
        ("tally_height", head.height.0),
        ("tally_block_time_ms", head.time_ms),
        ("tally_log_size", head.outcome.log_size),
        ("tally_peers", api.peers() as u64),
        ("tally_mempool_transactions", api.mempool.len() as u64),
        ("tally_mempool_bytes", api.mempool.bytes() as u64),
        ("tally_outbox_operations", api.door.as_ref().map_or(0, |door| door.submitter.pending_operations()) as u64),
        ("tally_outbox_bytes", api.door.as_ref().map_or(0, |door| door.submitter.pending_bytes()) as u64),
    ];
    for (name, value) in gauges {
        metrics::gauge!(name).set(value as f64);
    }
    if let Some(lag_ms) = api.health.lag_ms(&head) {
        metrics::gauge!("tally_lag_ms").set(lag_ms as f64);
    }
    for OperatorProgress { operator, lag_ms, .. } in api.anchors(&head) {
        if let Some(lag_ms) = lag_ms {
            metrics::gauge!("tally_anchor_lag_ms", "operator" => operator).set(lag_ms as f64);
        }
    }
    metrics::gauge!("tally_ready").set(if api.not_ready().is_empty() { 1.0 } else { 0.0 });
    api.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], api.metrics.render()).into_response()
}

impl Api {
    /// How far anchoring has come.
    fn anchors(&self, head: &Head) -> Vec<OperatorProgress> {
        let present_ms = self.health.present_ms(head);
        self.anchors.standings().into_iter().map(|standing| OperatorProgress::of(standing, present_ms)).collect()
    }

    /// Why the node should get no traffic just now; nothing where it should.
    pub(super) fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let health = &self.health;
        if self.is_stopping() {
            reasons.push("the node is stopping".to_owned());
        }
        let lag_ms = health.lag_ms(&self.replica.head()).unwrap_or(0);
        if u128::from(lag_ms) > health.quiet.as_millis() {
            reasons.push(format!("block time lies {lag_ms} ms behind this node's clock: it is catching up or cut off"));
        }
        let silent = health.since_block();
        if silent > health.quiet {
            let (peers, validators) = (self.peers(), self.replica.validators(self.replica.head().height.next()));
            let all = validators.validators().len();
            let own = usize::from(self.validates(&validators));
            // With more than two thirds of all validators, this one among them if it is one.
            let needed = all * 2 / 3 + 1 - own;
            reasons.push(format!(
                "no block for {} ms: {peers} of {} peers are connected, a quorum needs {needed}",
                silent.as_millis(),
                all - own
            ));
        }
        reasons
    }
}
