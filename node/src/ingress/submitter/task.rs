//! The submitter's task: signs, sends, and follows the blocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tally_contracts::execute::{KnownReference, known_reference};
use tally_contracts::state::Store;
use tally_contracts::transaction::{CheckedTransaction, Operation};
use tally_contracts::types::{Height, MerchantId, Reference};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{debug, warn};

use super::{Alarm, Shared};
use crate::ingress::batch::Content;
use crate::ingress::book::{Launch, Place};
use crate::ingress::outbox::EntryId;
use crate::mempool::MempoolError;
use crate::network::PeerId;
use crate::replica::{Committed, Replica};

/// How often what was passed by is sent again, and a full mempool is tried again.
const TICK: Duration = Duration::from_millis(100);

/// Callers that have gone are forgotten every so many ticks.
const TICKS_A_PRUNE: u32 = 10;
/// Entries looked up while state stands still.
const LOOKUPS_AT_A_TIME: usize = 500;

/// What the task knows.
struct Task {
    shared: Arc<Shared>,
    /// Height and time of the last block seen.
    head: (Height, u64),
    /// A signed transaction for which the mempool had no room; nothing else is signed until it has.
    stalled: Option<CheckedTransaction>,
    /// Peers that have returned and are to be sent everything.
    returned: Vec<PeerId>,
    ticks: u32,
}

/// Runs until the submitter stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let watched = shared.clone();
    let _alarm = Alarm(&watched);
    let mut stop = shared.stop.subscribe();
    let replica = shared.node.replica.clone();
    // In this order: a block that is executed between the two is seen by both.
    let mut blocks = replica.subscribe();
    let head = replica.head();
    let mut joined = shared.node.network.as_ref().map(crate::network::NetworkHandle::joined);
    let mut task = Task { shared, head: (head.height, head.time_ms), stalled: None, returned: Vec::new(), ticks: 0 };
    task.look_up().await;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return,
            block = blocks.recv() => match block {
                Ok(block) => task.on_block(&block),
                Err(RecvError::Lagged(missed)) => {
                    warn!(missed, "blocks were missed, receipts are looked up in state");
                    task.look_up().await;
                }
                Err(RecvError::Closed) => return,
            },
            peer = next_joined(&mut joined) => task.returned.push(peer),
            () = task.shared.ready.notified() => {}
            _ = tick.tick() => task.on_tick(),
        }
        task.greet_returned();
        task.launch_ready().await;
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Fails only where the sender is gone, and with it everything.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The next peer that connects; never where there is no network.
async fn next_joined(joined: &mut Option<Receiver<PeerId>>) -> PeerId {
    let Some(receiver) = joined else { return std::future::pending().await };
    loop {
        match receiver.recv().await {
            Ok(peer) => return peer,
            // What is missed is sent by and by, as anything that blocks pass by.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
        }
    }
}

impl Task {
    fn on_block(&mut self, committed: &Committed) {
        let header = committed.block.header();
        self.head = (header.height, header.time_ms);
        self.shared.change(|book| {
            let (mut first_index, mut own) = (0, 0);
            for (transaction, receipts) in committed.block.transactions().iter().zip(&committed.executed.receipts) {
                let place = Place { height: header.height, first_index, id: transaction.id() };
                book.on_transaction(place, transaction.transaction(), receipts);
                first_index += u32::try_from(receipts.len()).expect("a transaction's operations are bounded");
                if transaction.transaction().merchant == self.shared.signer.merchant {
                    own += receipts.len();
                }
            }
            let now = Instant::now();
            book.note_block(first_index as usize, own, now);
            book.on_block_end(header.time_ms, now);
        });
    }

    /// Finds in state what was executed while nobody looked.
    async fn look_up(&mut self) {
        let replica = self.shared.node.replica.clone();
        let lookups = self.shared.book().lookups();
        let looked_up = tokio::task::spawn_blocking(move || look_up_all(&replica, &lookups)).await;
        let (head, known) = looked_up.expect("a look into the store does not panic");
        self.head = self.head.max(head);
        self.shared.change(|book| {
            for Known { id, merchant, references } in known {
                book.on_known(id, merchant, &references);
            }
            // By the head before the look: what it executed has been found.
            book.on_block_end(head.1, Instant::now());
        });
    }

    fn on_tick(&mut self) {
        self.ticks = self.ticks.wrapping_add(1);
        let resends = {
            let mut book = self.shared.book();
            if self.ticks.is_multiple_of(TICKS_A_PRUNE) {
                book.waiters.prune();
            }
            book.resends(self.head.0, Instant::now())
        };
        for bytes in resends {
            self.broadcast(bytes);
        }
    }

    /// Sends to peers that have returned what they may have missed.
    fn greet_returned(&mut self) {
        let Some(network) = &self.shared.node.network else { return };
        if self.returned.is_empty() {
            return;
        }
        let pending = self.shared.book().in_flight();
        self.returned.retain(|peer| !pending.is_empty() && network.send(*peer, pending.clone()).is_err());
    }

    /// Signs and sends what is ready, as far as the mempool has room.
    async fn launch_ready(&mut self) {
        if let Some(transaction) = self.stalled.take() {
            // It may have expired while it waited; then its operations are ready again.
            if self.shared.book().is_in_flight(&transaction.id()) && !self.send(transaction) {
                return;
            }
        }
        loop {
            let launch = self.shared.book().next_launch();
            let Some((transaction, entries)) = launch.map(|launch| self.sign(launch)) else { return };
            self.shared.change(|book| book.fly(&transaction, entries, self.head.0, Instant::now()));
            if !self.send(transaction) {
                return;
            }
            // A long queue must not keep the runtime's thread.
            tokio::task::yield_now().await;
        }
    }

    fn sign(&self, launch: Launch) -> (CheckedTransaction, Vec<EntryId>) {
        match launch {
            Launch::Own { entries, operations, atomic } => {
                let valid_until_ms = self.shared.valid_until_ms(self.head.1);
                (self.shared.signer.sign(Content { operations, atomic, valid_until_ms }), entries)
            }
            Launch::Signed { entry, transaction } => (transaction, vec![entry]),
        }
    }

    /// Puts a transaction into the mempool and sends it to the peers. Where the mempool is full it is kept, and the answer
    /// is no.
    fn send(&mut self, transaction: CheckedTransaction) -> bool {
        let bytes = Bytes::copy_from_slice(transaction.bytes());
        match self.shared.node.mempool.insert(transaction.clone()) {
            Ok(()) => metrics::counter!("tally_submitter_transactions").increment(1),
            Err(MempoolError::Known) => {}
            Err(MempoolError::Full { .. }) => {
                self.stalled = Some(transaction);
                return false;
            }
        }
        self.broadcast(bytes);
        true
    }

    fn broadcast(&self, bytes: Bytes) {
        let Some(network) = &self.shared.node.network else { return };
        if network.broadcast(bytes).is_err() {
            debug!("a transaction is sent later: the network is busy");
        }
    }
}

/// An entry whose operations state knows.
struct Known {
    id: EntryId,
    merchant: MerchantId,
    references: Vec<(Reference, KnownReference)>,
}

/// The entries among `lookups` whose operations are all known with the same bodies, at this head or later.
fn look_up_all(replica: &Replica, lookups: &[(EntryId, MerchantId, Vec<Operation>)]) -> ((Height, u64), Vec<Known>) {
    let head = replica.read(|view| (view.head.height, view.head.time_ms));
    let mut known = Vec::new();
    for some in lookups.chunks(LOOKUPS_AT_A_TIME) {
        known.extend(
            replica.read(|view| some.iter().filter_map(|one| look_up_one(view.store, one)).collect::<Vec<_>>()),
        );
    }
    (head, known)
}

fn look_up_one(store: &dyn Store, lookup: &(EntryId, MerchantId, Vec<Operation>)) -> Option<Known> {
    let (id, merchant, operations) = lookup;
    let known = |operation: &Operation| {
        let known = known_reference(store, *merchant, operation.reference)?;
        (known.body_hash == operation.body_hash()).then_some((operation.reference, known))
    };
    let references = operations.iter().map(known).collect::<Option<Vec<_>>>()?;
    Some(Known { id: *id, merchant: *merchant, references })
}
