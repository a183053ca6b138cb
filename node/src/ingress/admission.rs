//! What the node makes of a transaction before it lets it wait for a block.

use std::sync::Arc;

use tally_contracts::execute::check_advisory;
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::{CheckedTransaction, Transaction};

use crate::mempool::{Mempool, MempoolError};
use crate::network::{Incoming, Verdict};
use crate::replica::Replica;

/// Judges transactions by the state at head. The state may be stale, so what may still come right is let pass, and
/// execution decides.
#[derive(Clone)]
pub struct Admission {
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
}

impl Admission {
    /// Judges for this node.
    #[must_use]
    pub const fn new(replica: Arc<Replica>, mempool: Arc<Mempool>) -> Self {
        Self { replica, mempool }
    }

    /// Whether key and time of a transaction would be accepted now. Blocks on the store.
    ///
    /// # Errors
    /// `expired`, `valid_until_too_far`, `unknown_key`, `key_revoked`.
    pub fn check(&self, transaction: &Transaction) -> Result<(), Rejection> {
        let genesis = self.replica.chain().genesis();
        self.replica.read(|view| check_advisory(view.store, genesis, view.head.time_ms, transaction))
    }

    /// The verdict on bytes that a peer sent; what is accepted waits in the mempool. Blocks on the store.
    #[must_use]
    pub fn judge(&self, bytes: Vec<u8>) -> Verdict {
        let Ok(transaction) = CheckedTransaction::check(bytes, self.replica.chain().chain_id()) else {
            metrics::counter!("tally_network_transactions", "verdict" => "garbage").increment(1);
            return Verdict::Garbage;
        };
        let (verdict, name) = match self.check(transaction.transaction()) {
            // The sender's head may be far ahead of ours: once we have caught up, it is not too far any more.
            Err(Rejection::ValidUntilTooFar) => (Verdict::Busy, "busy"),
            Err(_) => (Verdict::Refuse, "refused"),
            Ok(()) => match self.mempool.insert(transaction) {
                Ok(()) | Err(MempoolError::Known) => (Verdict::Accept, "accepted"),
                Err(MempoolError::Full { .. }) => (Verdict::Busy, "busy"),
            },
        };
        metrics::counter!("tally_network_transactions", "verdict" => name).increment(1);
        verdict
    }

    /// The handler for [`crate::network::spawn`].
    #[must_use]
    pub fn incoming(self) -> Incoming {
        Arc::new(move |bytes| self.judge(bytes))
    }
}

#[cfg(test)]
mod tests;
