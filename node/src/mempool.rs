//! The mempool: transactions that wait for a block.
//!
//! Everything in it is well formed and rightly signed; whether it will be applied is judged at execution. It is bounded
//! in bytes and in number, and the merchants share both evenly, so no merchant can crowd out another: each has a lane in arrival order,
//! and [`Mempool::take`] serves the lanes in turn. However small a share is, one transaction of each may wait. What leaves it is
//! what a block has executed, and what can no longer be executed. It is not stored: what must survive a crash stands in the
//! [outbox](crate::ingress::outbox).
//!
//! **Invariants.** A transaction is in it at most once, and not again for as long as its id is among the
//! [`REMEMBERED_TRANSACTIONS`] executed last. `bytes` and `len` are the sums over the lanes.

use std::collections::btree_map::{self, BTreeMap};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use tally_contracts::crypto::PublicKey;
use tally_contracts::transaction::{Body, CheckedTransaction};
use tally_contracts::types::{Hash, MerchantId};
use tally_ledger::chain::CheckedBlock;
use tokio::sync::watch;

/// Executed transactions whose ids are remembered, so that a copy that arrives late is not proposed again.
pub const REMEMBERED_TRANSACTIONS: usize = 65_536;

/// What a transaction takes up in a block besides its bytes: their length.
const LENGTH_BYTES: usize = 8;

/// When to try again after [`MempoolError::Full`], in ms: about a block.
const RETRY_AFTER_MS: u64 = 500;

/// Bounds of a mempool.
#[derive(Clone, Debug)]
pub struct MempoolOptions {
    /// Most bytes of transactions.
    pub max_bytes: usize,
    /// Most transactions.
    pub max_transactions: usize,
    /// Merchants among whom both are shared out evenly at first, at least 1: nobody takes up another's room.
    pub merchants: usize,
    /// Keys that may set a simulated clock, as the genesis lists them; none under the real clock.
    pub clock_keys: Vec<PublicKey>,
}

impl Default for MempoolOptions {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_transactions: 50_000, merchants: 1, clock_keys: Vec::new() }
    }
}

/// Why a transaction was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    /// It waits already, or was executed a short while ago.
    #[error("the transaction is known")]
    Known,
    /// A bound is reached.
    #[error("the mempool is full, try again in {retry_after_ms} ms")]
    Full {
        /// When to try again, in ms.
        retry_after_ms: u64,
    },
}

/// Transactions that wait for a block. Shared; no call blocks for longer than a walk over what it returns.
#[derive(Debug)]
pub struct Mempool {
    options: MempoolOptions,
    /// Among how many merchants it is shared out.
    shares: AtomicUsize,
    pool: Mutex<Pool>,
    /// Bytes that wait.
    waiting: watch::Sender<usize>,
}

impl Mempool {
    /// An empty mempool.
    #[must_use]
    pub fn new(options: MempoolOptions) -> Self {
        let shares = AtomicUsize::new(options.merchants);
        Self { options, shares, pool: Mutex::default(), waiting: watch::Sender::new(0) }
    }

    /// Shares it out evenly among so many merchants, at least 1, from now on. What waits stays.
    pub fn share_among(&self, merchants: usize) {
        self.shares.store(merchants, Ordering::Relaxed);
    }

    /// Takes a transaction in.
    ///
    /// # Errors
    /// [`MempoolError`].
    pub fn insert(&self, transaction: CheckedTransaction) -> Result<(), MempoolError> {
        let lane = self.lane_of(&transaction);
        let mut pool = self.lock();
        if pool.places.contains_key(&transaction.id()) || pool.executed.ids.contains(&transaction.id()) {
            return Err(MempoolError::Known);
        }
        let bytes = transaction.bytes().len();
        let (lane_bytes, lane_count) = pool.lanes.get(&lane).map_or((0, 0), |l| (l.bytes, l.transactions.len()));
        let MempoolOptions { max_bytes, max_transactions, .. } = self.options;
        let merchants = self.shares.load(Ordering::Relaxed);
        let fits = pool.bytes + bytes <= max_bytes
            && pool.places.len() < max_transactions
            && (lane_count == 0 || lane_bytes + bytes <= max_bytes / merchants)
            && lane_count < max_transactions.div_ceil(merchants);
        if !fits {
            return Err(MempoolError::Full { retry_after_ms: RETRY_AFTER_MS });
        }
        pool.insert(lane, transaction);
        self.waiting.send_replace(pool.bytes);
        Ok(())
    }

    /// The transactions for the next block: at most `max_bytes` encoded, the merchants in turn, each in the order of
    /// arrival. Another merchant comes first each time. They stay in the mempool until a block has executed them.
    ///
    /// A transaction that sets the clock is returned alone, before all others: it must be the only one of its block.
    #[must_use]
    pub fn take(&self, max_bytes: usize) -> Vec<CheckedTransaction> {
        self.lock().take(max_bytes)
    }

    /// Drops what a block has executed.
    pub fn remove_committed(&self, block: &CheckedBlock) {
        let mut pool = self.lock();
        for transaction in block.transactions() {
            pool.remove(&transaction.id());
            pool.executed.insert(transaction.id());
        }
        self.waiting.send_replace(pool.bytes);
    }

    /// Drops what can no longer be executed: every block to come is later than `block_time_ms`.
    pub fn expire(&self, block_time_ms: u64) {
        let mut pool = self.lock();
        while let Some(&(valid_until_ms, id)) = pool.by_expiry.first() {
            if valid_until_ms > block_time_ms {
                break;
            }
            pool.remove(&id);
        }
        self.waiting.send_replace(pool.bytes);
    }

    /// Returns as soon as a transaction waits; at once if one does.
    pub async fn wait_nonempty(&self) {
        self.wait_for_bytes(1).await;
    }

    /// Returns as soon as transactions of so many bytes wait; at once if they do.
    pub async fn wait_for_bytes(&self, bytes: usize) {
        let enough = self.waiting.subscribe().wait_for(|waiting| *waiting >= bytes).await.map(|_| ());
        enough.expect("the channel is open because the mempool holds its sender");
    }

    /// Whether a transaction waits.
    #[must_use]
    pub fn contains(&self, id: &Hash) -> bool {
        self.lock().places.contains_key(id)
    }

    /// A transaction that waits.
    #[must_use]
    pub fn get(&self, id: &Hash) -> Option<CheckedTransaction> {
        let pool = self.lock();
        let Place { lane, arrival } = pool.places.get(id)?;
        pool.lanes.get(lane)?.transactions.get(arrival).cloned()
    }

    /// Transactions that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().places.len()
    }

    /// Whether no transaction waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the transactions that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lane_of(&self, transaction: &CheckedTransaction) -> Lane {
        let t = transaction.transaction();
        let sets_clock = matches!(t.operations.as_slice(), [operation] if matches!(operation.body, Body::SetClock(_)));
        if sets_clock && t.merchant == MerchantId::POOL && self.options.clock_keys.contains(&t.public_key) {
            return Lane::Clock;
        }
        Lane::Merchant(t.merchant)
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().expect("the lock is sound because no holder panics")
    }
}

/// Whose turn a transaction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    /// Sets the simulated clock; before all others.
    Clock,
    /// Any other of a merchant, or of what claims to be one.
    Merchant(MerchantId),
}

#[derive(Debug, Default)]
struct Pool {
    lanes: BTreeMap<Lane, Queue>,
    places: HashMap<Hash, Place>,
    by_expiry: BTreeSet<(u64, Hash)>,
    executed: Remembered,
    bytes: usize,
    arrivals: u64,
    turn: Option<Lane>,
}

/// Where a transaction waits.
#[derive(Clone, Copy, Debug)]
struct Place {
    lane: Lane,
    arrival: u64,
}

/// One lane's transactions by arrival.
#[derive(Debug, Default)]
struct Queue {
    transactions: BTreeMap<u64, CheckedTransaction>,
    bytes: usize,
}

impl Pool {
    fn insert(&mut self, lane: Lane, transaction: CheckedTransaction) {
        let (id, bytes) = (transaction.id(), transaction.bytes().len());
        self.arrivals += 1;
        self.bytes += bytes;
        self.places.insert(id, Place { lane, arrival: self.arrivals });
        self.by_expiry.insert((transaction.transaction().valid_until_ms, id));
        let queue = self.lanes.entry(lane).or_default();
        queue.bytes += bytes;
        queue.transactions.insert(self.arrivals, transaction);
    }

    fn remove(&mut self, id: &Hash) {
        let Some(Place { lane, arrival }) = self.places.remove(id) else { return };
        let queue = self.lanes.get_mut(&lane).expect("a place names a lane that exists");
        let transaction = queue.transactions.remove(&arrival).expect("a place names a transaction that waits");
        let bytes = transaction.bytes().len();
        queue.bytes -= bytes;
        self.bytes -= bytes;
        self.by_expiry.remove(&(transaction.transaction().valid_until_ms, *id));
        if queue.transactions.is_empty() {
            self.lanes.remove(&lane);
        }
    }

    fn take(&mut self, max_bytes: usize) -> Vec<CheckedTransaction> {
        if let Some(clock) = self.lanes.get(&Lane::Clock) {
            return clock.transactions.values().take(1).cloned().collect();
        }
        let mut turns = turns(&self.lanes, self.turn);
        self.turn = turns.front().map(|(lane, _)| *lane);
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some((lane, mut waiting)) = turns.pop_front() {
            let Some(transaction) = waiting.next() else { continue };
            let with_it = bytes + LENGTH_BYTES + transaction.bytes().len();
            // A lane whose next transaction does not fit has had its share: to skip it would break arrival order.
            if with_it <= max_bytes {
                bytes = with_it;
                taken.push(transaction.clone());
                turns.push_back((lane, waiting));
            }
        }
        taken
    }
}

/// The lanes in the order in which they are served: from the one after the last to be first, and round.
fn turns(
    lanes: &BTreeMap<Lane, Queue>,
    last: Option<Lane>,
) -> VecDeque<(Lane, btree_map::Values<'_, u64, CheckedTransaction>)> {
    let served = |lane: &Lane| last.is_some_and(|last| *lane <= last);
    let ahead = lanes.iter().filter(|(lane, _)| !served(lane));
    let behind = lanes.iter().filter(|(lane, _)| served(lane));
    ahead.chain(behind).map(|(lane, queue)| (*lane, queue.transactions.values())).collect()
}

/// Ids of the transactions executed last, bounded.
#[derive(Debug, Default)]
struct Remembered {
    ids: HashSet<Hash>,
    order: VecDeque<Hash>,
}

impl Remembered {
    fn insert(&mut self, id: Hash) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED_TRANSACTIONS {
            let oldest = self.order.pop_front().expect("it holds more than its bound");
            self.ids.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
