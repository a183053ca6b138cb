//! The replica: the one chain this node holds, and its only writer.
//!
//! A block is durable before it is voted for, a decision before its execution shows, and only then is it published. Derived
//! state is flushed now and then; on opening, what is decided and not flushed is executed again. So a crash at any point
//! costs time, never data.
//!
//! Calls that write wait for the disk: async callers use `spawn_blocking`. A call that returns a fault
//! ([`StorageError::is_fault`]) or panics has stopped the replica; the process must end, and is safe to start again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tally_contracts::governance::change::PROTOCOL_VERSION;
use tally_contracts::governance::{Protocol, ValidatorSet};
use tally_contracts::state::{WriteSet, Writes, read, tag};
use tally_contracts::transaction::Known;
use tally_contracts::types::Height;
use tally_ledger::block::{Block, BlockId};
use tally_ledger::certificate::CommitCertificate;
use tally_ledger::chain::{Chain, CheckedBlock, ExecutedBlock, Head, InvalidBlock};
use tokio::sync::{broadcast, watch};

use crate::executor::{Executor, IndexWrites, Run};
use crate::keeper::{FinalCheckpoint, Keeper};
use crate::query::checkpoints::{self, Attested};
use crate::storage::StorageError;
use crate::storage::block_log::{BlockLog, Decision, Opened};
use crate::storage::disk::{Disk, RealDisk};
use crate::storage::journal::Position;
use crate::storage::row_cache::default_bytes;
pub use crate::storage::state_db::View;
use crate::storage::state_db::{Applying, StateDb, is_index_tag};

/// Executed blocks kept whole, for the engine may ask for the last ones to be committed again. A large one takes some 20 MB.
const MAX_RECENT: usize = 4;
/// Executed blocks a subscriber may lag behind before it misses some: those are kept whole too.
const MAX_UNREAD: usize = 8;
/// Checked successors of the head kept, so that a block is not checked twice.
const MAX_CHECKED: usize = 8;

/// What a replica is opened with.
#[derive(Debug)]
pub struct ReplicaOptions {
    /// Where its files are; created where missing.
    pub data_dir: PathBuf,
    /// The alliance's chain.
    pub chain: Chain,
    /// Where the block log is written.
    pub disk: Arc<dyn Disk>,
    /// When derived state is flushed.
    pub flush: FlushOptions,
    /// The query index, but for the rows of the transparency log.
    pub index: IndexWrites,
    /// Memory for rows of the database that execution asks for again, in bytes.
    pub cache_bytes: usize,
    /// Whether roots are worked out at checkpoints, for attestations and proofs.
    pub keeps_checkpoints: bool,
}

/// Derived state is flushed once either of these is reached. What is not flushed is executed again after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushOptions {
    /// Blocks since the last flush.
    pub blocks: u64,
    /// Bytes written by them.
    pub bytes: usize,
}

/// One executed block.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What commits it.
    pub certificate: CommitCertificate,
    /// The block.
    pub block: CheckedBlock,
    /// What it led to.
    pub executed: ExecutedBlock,
}

/// See the module.
pub struct Replica {
    chain: Arc<Chain>,
    log: BlockLog,
    state: Arc<StateDb>,
    executor: Executor,
    flush: FlushOptions,
    keeper: Option<Arc<Keeper>>,
    /// Held by the one who commits or flushes.
    writing: Mutex<()>,
    checked: Mutex<VecDeque<Remembered>>,
    recent: Mutex<VecDeque<Arc<Committed>>>,
    published: broadcast::Sender<Arc<Committed>>,
    height: watch::Sender<Height>,
}

/// A block that passed its check, with the bytes that did.
struct Remembered {
    bytes: Bytes,
    block: CheckedBlock,
}

impl Default for FlushOptions {
    fn default() -> Self {
        Self { blocks: 256, bytes: 64 << 20 }
    }
}

impl ReplicaOptions {
    /// On the real disk, flushed by default, with the transparency log's rows alone for an index.
    #[must_use]
    pub fn new(data_dir: PathBuf, chain: Chain) -> Self {
        Self {
            data_dir,
            chain,
            disk: Arc::new(RealDisk),
            flush: FlushOptions::default(),
            index: |_, _, _, _| Writes::default(),
            cache_bytes: default_bytes(),
            keeps_checkpoints: false,
        }
    }
}

impl Replica {
    /// Opens the replica and executes again what is decided and not flushed.
    ///
    /// # Errors
    /// Any fault of [`StorageError`]: the files are damaged, another alliance's, in use by another process, or the disk
    /// fails.
    pub fn open(options: ReplicaOptions) -> Result<Self, StorageError> {
        let ReplicaOptions { data_dir, chain, disk, flush, index, cache_bytes, keeps_checkpoints } = options;
        let start = || {
            let (head, writes) = chain.start();
            Applying { head, certificate: None, decision: None, records: writes.into(), index: WriteSet::default() }
        };
        let (state, replay_from) = StateDb::open(&data_dir.join("state"), *chain.chain_id(), cache_bytes, start)?;
        let head = state.read(|view| view.head.height);
        let Opened { log, decisions } = BlockLog::open(disk, &data_dir.join("blocks"), head, replay_from)?;
        let (chain, state) = (Arc::new(chain), Arc::new(state));
        let executor = Executor::new(Arc::clone(&chain), Arc::clone(&state), index)
            .map_err(|source| StorageError::Disk { path: data_dir, source })?;
        let replica = Self {
            executor,
            chain,
            log,
            state,
            flush,
            keeper: keeps_checkpoints.then(Arc::default),
            writing: Mutex::default(),
            checked: Mutex::default(),
            recent: Mutex::default(),
            published: broadcast::channel(MAX_UNREAD).0,
            height: watch::Sender::new(head),
        };
        if replay_from.is_none() {
            // From now on the directory says whose it is.
            replica.flush_held(decisions.first().map(Decision::first))?;
            replica.state.finish_flush()?;
        }
        replica.replay(decisions)?;
        replica.take_up_final();
        replica.height.send_replace(replica.head().height);
        Ok(replica)
    }

    /// The rules of the chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The last executed block.
    #[must_use]
    pub fn head(&self) -> Head {
        self.state.read(|view| view.head.clone())
    }

    /// The validators of a height, from the head's to the second after it.
    #[must_use]
    pub fn validators(&self, height: Height) -> ValidatorSet {
        self.state.read(|view| view.head.rota.of(height).clone())
    }

    /// The version of the protocol that the ledger runs, or will from a height on.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.state.read(|view| read(view.store, tag::protocol, &())).unwrap_or_default()
    }

    /// Whether this code knows the rules of the height after the head.
    ///
    /// # Errors
    /// [`StorageError::Outdated`]. Everything up to the head stands; a newer version goes on from there.
    pub fn check_protocol(&self) -> Result<(), StorageError> {
        let (Protocol { version, from_height }, next) = (self.protocol(), self.head().height.next());
        if version > PROTOCOL_VERSION && next >= from_height {
            return Err(StorageError::Outdated { version, from_height });
        }
        Ok(())
    }

    /// The certificate of the head; `None` at height 0.
    #[must_use]
    pub fn last_certificate(&self) -> Option<CommitCertificate> {
        self.state.read(|view| view.certificate.cloned())
    }

    /// Makes a valid successor of the head durable and tells its id; beside that it is executed, for it is likely to be decided.
    /// A block at the head or below is decided or will never be: nothing is written. One that is stored already is not
    /// written again.
    ///
    /// # Errors
    /// [`StorageError::Encoding`] or [`StorageError::Invalid`] where it is no successor of the head, a fault when the disk
    /// fails.
    pub fn store_block(&self, bytes: &Bytes) -> Result<BlockId, StorageError> {
        let block = match self.remembered(&self.head(), bytes) {
            Some(block) => block,
            None => {
                let header = Block::decode(bytes)?.header;
                if header.height <= self.head().height {
                    return Ok(header.id());
                }
                self.check(bytes)?
            }
        };
        self.executor.start(&block);
        // By its check, the bytes are what the id says: no other bytes can take their place under it.
        self.log.store(block.id(), block.header().height, bytes)?;
        Ok(block.id())
    }

    /// Judges a block that is to follow the head. What passed is remembered until the next commit.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, bytes: &Bytes) -> Result<CheckedBlock, InvalidBlock> {
        self.check_new(bytes, &|_| None)
    }

    /// The same, where some of the block's transactions may have been checked before for this alliance: `known` gives
    /// those, by id.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_new(&self, bytes: &Bytes, known: Known<'_>) -> Result<CheckedBlock, InvalidBlock> {
        let head = self.head();
        if let Some(block) = self.remembered(&head, bytes) {
            return Ok(block);
        }
        let block = self.chain.check_new(&head, bytes, known)?;
        let mut checked = self.checked();
        if checked.len() == MAX_CHECKED {
            checked.pop_front();
        }
        checked.push_back(Remembered { bytes: bytes.clone(), block: block.clone() });
        Ok(block)
    }

    /// A successor of the head with these bytes that passed its check.
    fn remembered(&self, head: &Head, bytes: &Bytes) -> Option<CheckedBlock> {
        let is_same = |known: &&Remembered| known.bytes == *bytes && known.block.header().parent_hash == head.block_id;
        self.checked().iter().find(is_same).map(|known| known.block.clone())
    }

    /// A block by id, undecided or decided.
    #[must_use]
    pub fn block(&self, id: &BlockId) -> Option<Bytes> {
        let pending = self.log.pending_block(id);
        pending.or_else(|| Some(self.committed(self.state.height_of(id)?)?.0))
    }

    /// The height of a decided block by id.
    #[must_use]
    pub fn height_of(&self, id: &BlockId) -> Option<Height> {
        self.state.height_of(id)
    }

    /// The stored blocks of a height that is not decided.
    #[must_use]
    pub fn undecided(&self, height: Height) -> Vec<(BlockId, Bytes)> {
        self.log.undecided(height)
    }

    /// Commits a stored block: the decision is made durable, and what its execution led to published.
    ///
    /// Committing a height again gives the same, as long as it is among the recent ones.
    ///
    /// # Errors
    /// [`StorageError::UnknownBlock`], [`StorageError::NotNext`] or [`StorageError::Certificate`] where nothing happened;
    /// [`StorageError::AlreadyCommitted`] where the height is no recent one; else a fault. State is flushed beside the blocks:
    /// a fault of that comes back with a later block, which is committed and published all the same.
    ///
    /// # Panics
    /// When the contracts break conservation.
    pub fn commit(&self, certificate: CommitCertificate) -> Result<Arc<Committed>, StorageError> {
        let _writing = self.writing.lock().expect("a replica that failed to commit stays stopped");
        let head = self.head();
        let height = certificate.height;
        if height <= head.height {
            return self.commit_again(&certificate);
        }
        if height != head.height.next() {
            return Err(StorageError::NotNext { height, head: head.height });
        }
        let id = certificate.block_id;
        self.chain.check_certificate(&certificate, head.rota.of(height), height, &id)?;
        let bytes = self.log.pending_block(&id).ok_or(StorageError::UnknownBlock(id))?;
        let block = self.check_decided(&id, &bytes)?;
        let position = self.log.decide(&certificate)?;
        let committed = self.apply(block, certificate, position);
        if committed.executed.is_checkpoint {
            self.take_up_checkpoint(height);
        }
        // Nobody may listen.
        let _ = self.published.send(committed.clone());
        self.height.send_replace(height);
        self.state.check_flush()?;
        if self.is_flush_due() {
            self.flush_held(None)?;
        }
        Ok(committed)
    }

    /// Without its roots a checkpoint is one that this node does not attest; blocks go on.
    fn take_up_checkpoint(&self, height: Height) {
        let taken_up = self.keeper.as_ref().map(|keeper| keeper.take_up(&self.state, &self.chain));
        if let Some(Err(error)) = taken_up {
            tracing::error!(%height, %error, "cannot work out the checkpoint");
        }
    }

    /// At the start: the latest final checkpoint, so that state can be proved before the next one comes.
    fn take_up_final(&self) {
        let Some(keeper) = &self.keeper else { return };
        let last = self.read(|view| {
            let attested = Attested::read(view.store, checkpoints::latest_final(view.store)?)?;
            let (height, time_ms) = (attested.height, attested.checkpoint.time_ms);
            Some(FinalCheckpoint { height, time_ms, roots: attested.roots()? })
        });
        let Some(checkpoint) = last else { return };
        if let Err(error) = keeper.take_up_again(&self.state, &self.chain, checkpoint) {
            tracing::error!(height = %checkpoint.height, %error, "cannot work out the last checkpoint again");
        }
    }

    /// What works out the roots at checkpoints and proves under them, where the replica was told to.
    #[must_use]
    pub const fn keeper(&self) -> Option<&Arc<Keeper>> {
        self.keeper.as_ref()
    }

    /// A decided block with its own certificate, of any height up to the head. `None` where there is none, or where the
    /// log is damaged there, which is logged.
    #[must_use]
    pub fn committed(&self, height: Height) -> Option<(Bytes, CommitCertificate)> {
        let position = self.state.decision(height)?;
        self.log.read_decided(position).map_err(|error| tracing::error!(%height, %error, "cannot read a block")).ok()
    }

    /// An executed block, where it is among the recent ones.
    #[must_use]
    pub fn recent(&self, height: Height) -> Option<Arc<Committed>> {
        self.recent_blocks().iter().find(|c| c.certificate.height == height).cloned()
    }

    /// Executed blocks from the next on, in order.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.published.subscribe()
    }

    /// The height of the head, now and whenever it rises: for whoever reads blocks at a pace of its own.
    #[must_use]
    pub fn watch_height(&self) -> watch::Receiver<Height> {
        self.height.subscribe()
    }

    /// Runs `f` on state at the head, which stands still meanwhile: keep it short, and call nothing of the replica in it,
    /// which could wait for a block that waits for `f`.
    pub fn read<T>(&self, f: impl FnOnce(&View<'_>) -> T) -> T {
        self.state.read(f)
    }

    /// Flushes derived state, so that the next start has nothing to execute: for a shutdown in order.
    ///
    /// # Errors
    /// A fault of the disk.
    pub fn flush(&self) -> Result<(), StorageError> {
        let _writing = self.writing.lock().expect("a replica that failed to commit stays stopped");
        if self.state.waiting().blocks > 0 {
            self.flush_held(None)?;
        }
        self.state.finish_flush()
    }

    fn replay(&self, decisions: Vec<Decision>) -> Result<(), StorageError> {
        let mut decisions = decisions.into_iter().peekable();
        while let Some(Decision { position, certificate, .. }) = decisions.next() {
            let (bytes, _) = self.log.read_decided(position)?;
            let block = self.check_decided(&certificate.block_id, &bytes)?;
            self.apply(block, certificate, position);
            if self.is_flush_due() {
                self.flush_held(decisions.peek().map(Decision::first))?;
            }
        }
        Ok(())
    }

    fn is_flush_due(&self) -> bool {
        let waiting = self.state.waiting();
        waiting.blocks >= self.flush.blocks || waiting.bytes >= self.flush.bytes
    }

    fn check_decided(&self, id: &BlockId, bytes: &[u8]) -> Result<CheckedBlock, StorageError> {
        self.check_protocol()?;
        let known = self.checked().iter().find(|known| known.block.id() == *id).map(|known| known.block.clone());
        let head = self.head();
        let invalid = |reason| StorageError::DecidedInvalid { height: head.height.next(), block_id: *id, reason };
        known.map_or_else(|| self.chain.check(&head, bytes).map_err(invalid), Ok)
    }

    /// Executes a decided block, or takes what was executed ahead; from then on it is the head.
    fn apply(&self, block: CheckedBlock, certificate: CommitCertificate, decision: Position) -> Arc<Committed> {
        // To let go of a big block takes milliseconds: beside the execution of this one, if that is still under way.
        drop(self.make_room());
        let Run { executed, index } = self.executor.finish(&block);
        assert!(index.iter().all(|(key, _)| is_index_tag(key[0])), "the query index keeps to its tags");
        self.state.apply(Applying {
            head: executed.head.clone(),
            certificate: Some(certificate.clone()),
            decision: Some(decision),
            records: executed.writes.clone(),
            index,
        });
        self.log.forget_until(certificate.height);
        self.checked().clear();
        let committed = Arc::new(Committed { certificate, block, executed });
        self.recent_blocks().push_back(committed.clone());
        committed
    }

    /// Takes out the recent block that the next one replaces.
    fn make_room(&self) -> Option<Arc<Committed>> {
        let mut recent = self.recent_blocks();
        if recent.len() == MAX_RECENT { recent.pop_front() } else { None }
    }

    fn commit_again(&self, certificate: &CommitCertificate) -> Result<Arc<Committed>, StorageError> {
        let height = certificate.height;
        if let Some((_, own)) = self.committed(height) {
            let (committed, other) = (own.block_id, certificate.block_id);
            if committed != other {
                return Err(StorageError::Fork { height, committed, other });
            }
        }
        self.recent(height).ok_or(StorageError::AlreadyCommitted(height))
    }

    /// Starts a flush; the caller holds `writing`. `replay_from` is given where the log runs ahead of the state.
    fn flush_held(&self, replay_from: Option<Position>) -> Result<(), StorageError> {
        let (height, time_ms) = self.state.read(|view| (view.head.height, view.head.time_ms));
        let waiting = self.state.waiting();
        let replay_from = match replay_from {
            Some(position) => position,
            None => self.log.replay_from()?,
        };
        self.state.start_flush(replay_from, self.chain.genesis().calendar().day(time_ms))?;
        tracing::debug!(%height, blocks = waiting.blocks, bytes = waiting.bytes, "flushing state");
        Ok(())
    }

    fn checked(&self) -> MutexGuard<'_, VecDeque<Remembered>> {
        self.checked.lock().expect("no thread panics while it holds the checked blocks")
    }

    fn recent_blocks(&self) -> MutexGuard<'_, VecDeque<Arc<Committed>>> {
        self.recent.lock().expect("no thread panics while it holds the recent blocks")
    }
}

#[cfg(test)]
mod tests;
