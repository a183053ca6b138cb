//! Who waits for which receipt.

use std::future::Future;
use std::hash::Hash as Hashable;

use tally_contracts::receipt::Receipt;
use tally_contracts::types::{Hash, Height, MerchantId, Reference};
use tokio::sync::oneshot;

use super::Map;

/// The receipt of one operation, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The block.
    pub height: Height,
    /// Position of the operation in the block, over all its transactions.
    pub index: u32,
    /// The transaction; none where the receipt was not seen as it was made but found in state, as after a restart.
    pub transaction_id: Option<Hash>,
    /// The receipt. Where it was found in state, it says `Duplicate` with the same place.
    pub receipt: Receipt,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// It stands in a block.
    Executed {
        /// The block.
        height: Height,
        /// Position of its first operation in the block, over all its transactions.
        first_index: u32,
        /// One for each of its operations, in order.
        receipts: Vec<Receipt>,
    },
    /// All its operations have their outcome already, by other transactions or seen by a node that was restarted since.
    Known,
    /// Block time passed the end of its validity. It will not be executed.
    Expired,
}

/// Waiting callers; dropped ones are forgotten by [`Waiters::prune`].
#[derive(Debug, Default)]
pub(super) struct Waiters {
    operations: Map<(MerchantId, Reference), Vec<oneshot::Sender<Found>>>,
    transactions: Map<Hash, Vec<oneshot::Sender<TransactionEnd>>>,
}

impl Waiters {
    pub fn wait(&mut self, merchant: MerchantId, reference: Reference) -> impl Future<Output = Found> + Send + use<> {
        wait_in(&mut self.operations, (merchant, reference))
    }

    pub fn wait_transaction(&mut self, id: Hash) -> impl Future<Output = TransactionEnd> + Send + use<> {
        wait_in(&mut self.transactions, id)
    }

    pub fn is_awaited(&self, merchant: MerchantId, reference: Reference) -> bool {
        !self.operations.is_empty() && self.operations.contains_key(&(merchant, reference))
    }

    pub fn answer(&mut self, merchant: MerchantId, reference: Reference, found: &Found) {
        answer_in(&mut self.operations, &(merchant, reference), || found.clone());
    }

    /// `end` is made for each that waits for it.
    pub fn answer_transaction(&mut self, id: &Hash, end: impl Fn() -> TransactionEnd) {
        answer_in(&mut self.transactions, id, end);
    }

    /// Forgets callers that no longer wait.
    pub fn prune(&mut self) {
        prune_in(&mut self.operations);
        prune_in(&mut self.transactions);
    }
}

/// A future that never ends where nobody is left to answer: its caller has its own limit of time.
fn wait_in<K: Eq + Hashable, T: Send + 'static>(
    waiting: &mut Map<K, Vec<oneshot::Sender<T>>>,
    key: K,
) -> impl Future<Output = T> + Send + use<K, T> {
    let (sender, receiver) = oneshot::channel();
    waiting.entry(key).or_default().push(sender);
    async move {
        match receiver.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

fn answer_in<K: Eq + Hashable, T>(waiting: &mut Map<K, Vec<oneshot::Sender<T>>>, key: &K, answer: impl Fn() -> T) {
    for sender in waiting.remove(key).unwrap_or_default() {
        // Fails only where the caller has gone.
        let _ = sender.send(answer());
    }
}

fn prune_in<K: Eq + Hashable, T>(waiting: &mut Map<K, Vec<oneshot::Sender<T>>>) {
    waiting.retain(|_, senders| {
        senders.retain(|s| !s.is_closed());
        !senders.is_empty()
    });
}
