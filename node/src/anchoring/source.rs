//! Where checkpoints come from: the chain, as this node has it.

use std::sync::Arc;

use tally_contracts::checkpoint::{AnchorPlace, Checkpoint, checkpoint_text};
use tally_contracts::genesis::Parameters;
use tally_contracts::state::{read, tag};
use tally_contracts::types::{Hash, Height};

use super::error::Failure;
use super::queue::Mark;
use crate::clock::now_ms;
use crate::query::checkpoints::{Attested, latest_final};
use crate::query::log::Log;
use crate::query::{QueryError, Snapshot};
use crate::replica::Replica;

/// See the module.
pub(super) struct Source {
    pub replica: Arc<Replica>,
    /// As of the options.
    pub every_checkpoints: u64,
    /// As of the options.
    pub max_lag_ms: Option<u64>,
}

/// A checkpoint that more than two thirds attested.
pub(super) struct FinalCheckpoint {
    /// Leaves of the log.
    pub log_size: u64,
    /// What is stamped: origin, size, root.
    pub text: String,
    /// The text with the merchants' signatures.
    pub note: String,
}

impl FinalCheckpoint {
    /// The log's name.
    pub fn origin(&self) -> String {
        self.text.lines().next().unwrap_or_default().to_owned()
    }
}

impl Source {
    /// The latest final checkpoint, where it is due after the one enqueued last: each period of so many checkpoint intervals,
    /// counted from 1970 in block time, has its first final checkpoint anchored. So all nodes with the same setting anchor the
    /// same ones, as long as they see them become final in order.
    pub fn due(&self, last: Option<Mark>) -> Option<Mark> {
        self.replica.read(|view| {
            let height = latest_final(view.store)?;
            let is_behind = |max_lag_ms| now_ms().saturating_sub(view.head.time_ms) > max_lag_ms;
            if last.is_some_and(|last| height <= last.height) || self.max_lag_ms.is_some_and(is_behind) {
                return None;
            }
            let Checkpoint { time_ms, .. } = read(view.store, tag::checkpoints, &height)?;
            let parameters: Parameters = read(view.store, tag::parameters, &())?;
            let period_ms = parameters.checkpoint_interval_ms.saturating_mul(self.every_checkpoints);
            let period = |time_ms: u64| time_ms.checked_div(period_ms);
            let is_due = last.is_none_or(|last| period(last.time_ms) < period(time_ms));
            is_due.then_some(Mark { height, time_ms })
        })
    }

    /// A checkpoint; none where the chain has no such one that is final.
    ///
    /// # Errors
    /// [`Failure::Proof`] where reading broke off.
    pub async fn checkpoint(&self, height: Height) -> Result<Option<FinalCheckpoint>, Failure> {
        self.ask(move |snapshot| {
            let chain_id = snapshot.genesis.chain_id();
            let attested = Attested::read(snapshot.store, height).filter(Attested::is_final);
            Ok(attested.and_then(|attested| {
                let log = attested.log();
                let note = attested.log_note(&chain_id)?.to_string();
                Some(FinalCheckpoint { log_size: log.size, text: checkpoint_text(&chain_id, &log), note })
            }))
        })
        .await
    }

    /// The proof that the log of one size begins with that of another.
    ///
    /// # Errors
    /// [`Failure::Proof`].
    pub async fn consistency(&self, old_size: u64, size: u64) -> Result<Vec<Hash>, Failure> {
        self.ask(move |snapshot| Log(snapshot).consistency(old_size, size)).await
    }

    /// Whether some evidence for a checkpoint is on record.
    pub fn is_on_record(&self, height: Height, evidence: Hash) -> bool {
        let place: Option<AnchorPlace> = self.replica.read(|view| read(view.store, tag::anchors, &(height, evidence)));
        place.is_some()
    }

    /// Leaves of the log at the head.
    pub fn log_size(&self) -> u64 {
        self.replica.head().outcome.log_size
    }

    /// Reads on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Snapshot<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Failure> {
        let replica = self.replica.clone();
        let ask = move || {
            let genesis = replica.chain().genesis();
            replica.read(|view| question(&Snapshot { head: view.head, store: view.store, genesis }))
        };
        let broke_off = |_| QueryError::Parameters("reading the log broke off; the node's log says where".to_owned());
        Ok(tokio::task::spawn_blocking(ask).await.map_err(broke_off)??)
    }
}
