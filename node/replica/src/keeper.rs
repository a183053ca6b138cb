//! The keeper of checkpoints: works out their roots beside the blocks, and makes proofs under the latest of them.
//!
//! At each checkpoint a thread holds on to the state, hashes it, and then waits for questions. Two of them are kept, so
//! that one is final while the next is under way; a third lets go of the first. Where blocks come faster than roots,
//! checkpoints are passed over. A start begins with the latest final one: its state is had back from what the rows
//! tell, and is kept only if it comes to the roots that the merchants attested. **Invariant**: nothing here is waited
//! for by the one who commits, but for the moment in which state is held on to.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tally_contracts::checkpoint::{Roots, token_uri};
use tally_contracts::state::Store;
use tally_contracts::types::{Address, ClassId, Height};
use tally_ledger::chain::Chain;
use tally_ledger::roots::erc1155::{Slot, balance_slot};
use tally_ledger::roots::records::RecordId;
use tally_ledger::roots::state_tree::{NoRecordProof, RecordProof};
use tally_ledger::roots::trie::StorageProof;
use tally_ledger::roots::{self, checkpoint_roots};
use tokio::sync::watch;

use crate::storage::StorageError;
use crate::storage::as_of::AsOf;
use crate::storage::state_db::StateDb;

/// Checkpoints that proofs can be had of.
const MAX_KEPT: usize = 2;
/// Threads that hash: consensus needs the others.
const THREADS: usize = 1;

/// See the module.
pub struct Keeper {
    is_building: AtomicBool,
    kept: Mutex<VecDeque<Arc<Kept>>>,
    latest: watch::Sender<Option<Arc<Kept>>>,
}

/// A checkpoint whose state is held on to.
pub struct Kept {
    /// The block.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// What its state came to.
    pub roots: Roots,
    /// How long that took.
    pub took: Duration,
    /// Closed first of all, which ends the thread.
    questions: Mutex<Option<mpsc::Sender<Question>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A checkpoint that enough merchants attested.
#[derive(Clone, Copy, Debug)]
pub struct FinalCheckpoint {
    /// The block.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// What they attested.
    pub roots: Roots,
}

/// What is worked out.
enum What {
    /// The checkpoint at the head.
    Head(Building),
    /// A final one before it.
    Again(FinalCheckpoint),
}

/// That a checkpoint is being worked out; no more once it is dropped, also by a panic.
struct Building(Arc<Keeper>);

impl Drop for Building {
    fn drop(&mut self) {
        self.0.is_building.store(false, Ordering::Release);
    }
}

/// What is asked of the state at a checkpoint, and where the answer goes.
enum Question {
    Slot(Slot, mpsc::Sender<StorageProof>),
    Record(RecordId, mpsc::Sender<Result<RecordProof, NoRecordProof>>),
}

impl Default for Keeper {
    fn default() -> Self {
        let (is_building, kept, latest) = Default::default();
        Self { is_building, kept, latest: watch::Sender::new(latest) }
    }
}

impl Keeper {
    /// Takes up the checkpoint at the head, unless one is still being worked out.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn take_up(self: &Arc<Self>, state: &StateDb, chain: &Chain) -> Result<(), StorageError> {
        if self.is_building.swap(true, Ordering::AcqRel) {
            tracing::warn!("the checkpoint before is still being worked out: this one is passed over");
            return Ok(());
        }
        self.hold(state, chain, What::Head(Building(Arc::clone(self))))
    }

    /// Takes up a final checkpoint before the head, beside one that may come meanwhile. Where settlement has gone on
    /// since, its state is not to be had any more, and nothing is kept.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn take_up_again(
        self: &Arc<Self>,
        state: &StateDb,
        chain: &Chain,
        checkpoint: FinalCheckpoint,
    ) -> Result<(), StorageError> {
        self.hold(state, chain, What::Again(checkpoint))
    }

    /// Works out the checkpoint at the head, or an earlier one again, on a thread of its own.
    fn hold(self: &Arc<Self>, state: &StateDb, chain: &Chain, what: What) -> Result<(), StorageError> {
        let (keeper, calendar) = (Arc::clone(self), chain.genesis().calendar());
        let uri = token_uri(chain.chain_id());
        let (handle, own) = mpsc::channel();
        let frozen = state.freeze(move |view| {
            let (building, again) = match what {
                What::Head(building) => (Some(building), None),
                What::Again(checkpoint) => (None, Some(checkpoint)),
            };
            let started = Instant::now();
            let head = (view.head.height, view.head.time_ms);
            let (height, time_ms) = again.map_or(head, |again| (again.height, again.time_ms));
            let as_of = AsOf { store: view.store, height };
            let store: &dyn Store = if again.is_some() { &as_of } else { view.store };
            let built = checkpoint_roots(store, calendar.month(time_ms), &uri, THREADS);
            let took = started.elapsed();
            let roots = Roots { state_root: built.state.root(), erc1155_root: built.storage.root() };
            tracing::debug!(%height, records = built.state.size(), ms = took.as_millis(), "worked out a checkpoint");
            if again.is_some_and(|again| again.roots != roots) {
                tracing::info!(%height, "settlement has gone on since: no state is proved until the next checkpoint");
                return;
            }
            let (sender, questions) = mpsc::channel();
            let (sender, thread) = (Mutex::new(Some(sender)), Mutex::new(own.recv().ok()));
            keeper.keep(Kept { height, time_ms, roots, took, questions: sender, thread });
            // What follows lives only as long as it is kept.
            drop((building, keeper));
            for question in questions {
                question.answer(store, &built);
            }
        });
        // The thread takes it before anyone can ask for it.
        frozen.map(|thread| drop(handle.send(thread)))
    }

    /// Keeps a checkpoint among the latest, by rising height.
    fn keep(&self, kept: Kept) {
        let kept = Arc::new(kept);
        let mut all = self.kept();
        let at = all.partition_point(|other| other.height < kept.height);
        let is_latest = at == all.len();
        all.insert(at, Arc::clone(&kept));
        if all.len() > MAX_KEPT {
            all.pop_front();
        }
        if is_latest {
            self.latest.send_replace(Some(kept));
        }
    }

    /// The latest checkpoint that was worked out, now and whenever there is a new one.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Kept>>> {
        self.latest.subscribe()
    }

    /// A checkpoint, where it is kept.
    #[must_use]
    pub fn at(&self, height: Height) -> Option<Arc<Kept>> {
        self.kept().iter().find(|kept| kept.height == height).cloned()
    }

    /// Heights of the checkpoints that are kept, rising.
    #[must_use]
    pub fn heights(&self) -> Vec<Height> {
        self.kept().iter().map(|kept| kept.height).collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Kept>>> {
        self.kept.lock().expect("no thread panics while it holds the checkpoints")
    }
}

impl Question {
    /// Whoever asked may be gone.
    fn answer(self, store: &dyn Store, built: &roots::Roots) {
        match self {
            Self::Slot(slot, to) => {
                let _ = to.send(built.storage.prove(&slot, |range| built.balances.entries()[range].to_vec()));
            }
            Self::Record(id, to) => drop(to.send(built.state.prove(store, &id))),
        }
    }
}

impl Kept {
    /// Proves what a holder has of a class, also where that is nothing. None where the node is stopping. Waits for the
    /// proof: off the threads that serve.
    #[must_use]
    pub fn balance(&self, holder: Address, class: ClassId) -> Option<StorageProof> {
        self.slot(balance_slot(&holder, class))
    }

    /// Proves what the contract of ERC-1155 stores at a slot. As above.
    #[must_use]
    pub fn slot(&self, slot: Slot) -> Option<StorageProof> {
        self.ask(|to| Question::Slot(slot, to))
    }

    /// Proves a record of state. As above.
    #[must_use]
    pub fn record(&self, id: RecordId) -> Option<Result<RecordProof, NoRecordProof>> {
        self.ask(|to| Question::Record(id, to))
    }

    fn ask<T>(&self, question: impl FnOnce(mpsc::Sender<T>) -> Question) -> Option<T> {
        let (to, answer) = mpsc::channel();
        self.questions().as_ref()?.send(question(to)).ok()?;
        answer.recv().ok()
    }

    fn questions(&self) -> MutexGuard<'_, Option<mpsc::Sender<Question>>> {
        self.questions.lock().expect("no thread panics while it asks")
    }
}

/// The database is free once no thread holds on to it.
impl Drop for Kept {
    fn drop(&mut self) {
        self.questions().take();
        let thread = self.thread.get_mut().ok().and_then(Option::take);
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // It has nothing left to do.
            let _ = thread.join();
        }
    }
}
