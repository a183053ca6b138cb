//! The block log: block bytes, each written once by id, and decisions; the write-ahead log of all derived state.
//!
//! A block is synced before the node votes for it, a decision before its execution shows. What else is known of either can be
//! computed again, so this log is all that must never be lost.
//!
//! # Format
//! Frames of a [`Journal`], integers little-endian.
//!
//! | record | bytes |
//! |---|---|
//! | block | `1`, block id 32, height u64, canonical bytes of the block |
//! | decision | `2`, position of the block record u64, canonical bytes of the commit certificate |
//!
//! # Recovery
//! The derived state keeps, by height, the position of each decision up to its own head, and a position from which on
//! everything newer lies. Opening reads from there only.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tally_contracts::encoding;
use tally_contracts::types::{Hash, Height};
use tally_ledger::block::BlockId;
use tally_ledger::certificate::CommitCertificate;

use super::StorageError;
use super::disk::Disk;
use super::journal::{Journal, JournalError, JournalOptions, Position};

const BLOCK: u8 = 1;
const DECISION: u8 = 2;
const BLOCK_PREFIX_BYTES: usize = 1 + 32 + 8;
const DECISION_PREFIX_BYTES: usize = 1 + 8;

/// See the module.
#[derive(Debug)]
pub struct BlockLog {
    journal: Journal,
    pending: Mutex<BTreeMap<BlockId, Pending>>,
}

/// A block that is not decided, and may never be.
#[derive(Debug)]
struct Pending {
    height: Height,
    position: Position,
    bytes: Bytes,
}

/// A decision found in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Where its record is.
    pub position: Position,
    /// Where the record of the block is.
    pub block: Position,
    /// What decided it.
    pub certificate: CommitCertificate,
}

/// What opening found after the derived state's head.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: BlockLog,
    /// Decisions above the head, by rising height without a gap.
    pub decisions: Vec<Decision>,
}

impl Decision {
    /// Before this nothing belongs to this decision or a later one: a block is stored only once its parent is decided.
    #[must_use]
    pub fn first(&self) -> Position {
        self.block.min(self.position)
    }
}

impl BlockLog {
    /// Opens the log in `dir`. `head` is the derived state's; `replay_from` the position it keeps.
    ///
    /// # Errors
    /// When the log is damaged, or the disk fails.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        head: Height,
        replay_from: Option<Position>,
    ) -> Result<Opened, StorageError> {
        let options = JournalOptions { replay_from, ..JournalOptions::default() };
        let mut blocks = BTreeMap::new();
        let mut decisions = BTreeMap::new();
        let mut unreadable = None;
        let journal = Journal::open(disk, dir, options, |position, payload| {
            if let Some((id, height, _)) = decode_block(payload) {
                blocks.insert(id, (height, position));
            } else if let Some((block, certificate)) = decode_decision(payload) {
                decisions.insert(certificate.height, Decision { position, block, certificate });
            } else {
                unreadable = unreadable.or(Some(position));
            }
        })?;
        if let Some(position) = unreadable {
            return Err(StorageError::Record(position));
        }
        let decisions: Vec<Decision> = decisions.into_values().filter(|d| d.certificate.height > head).collect();
        let last = decisions.last().map_or(head, |d| d.certificate.height);
        for (decision, after) in decisions.iter().zip(head.0..) {
            if decision.certificate.height.0 != after + 1 {
                return Err(StorageError::NotNext { height: decision.certificate.height, head: Height(after) });
            }
        }
        let log = Self { journal, pending: Mutex::default() };
        for (id, (height, position)) in blocks.into_iter().filter(|(_, (height, _))| *height > last) {
            let (_, bytes) = log.read_block(position)?;
            log.pending().insert(id, Pending { height, position, bytes });
        }
        Ok(Opened { log, decisions })
    }

    /// Writes a block and syncs it; nothing happens where it is there already. It is the caller's to hand in only blocks
    /// whose bytes are what their id says.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn store(&self, id: BlockId, height: Height, bytes: &Bytes) -> Result<(), StorageError> {
        {
            // Held while appending, so that `replay_from` never passes a block on its way into `pending`.
            let mut pending = self.pending();
            if let Entry::Vacant(entry) = pending.entry(id) {
                let position = self.journal.append(&encode_block(&id, height, bytes))?;
                entry.insert(Pending { height, position, bytes: bytes.clone() });
            }
        }
        Ok(self.journal.sync()?)
    }

    /// Writes the decision for a stored block and syncs it.
    ///
    /// # Errors
    /// [`StorageError::UnknownBlock`], or when the disk fails.
    pub fn decide(&self, certificate: &CommitCertificate) -> Result<Position, StorageError> {
        let id = certificate.block_id;
        let block = self.pending().get(&id).ok_or(StorageError::UnknownBlock(id))?.position;
        let position = self.journal.append(&encode_decision(block, certificate))?;
        self.journal.sync()?;
        Ok(position)
    }

    /// Forgets undecided blocks up to the executed height; the decided one is found by its decision from now on.
    pub fn forget_until(&self, executed: Height) {
        self.pending().retain(|_, block| block.height > executed);
    }

    /// An undecided block.
    #[must_use]
    pub fn pending_block(&self, id: &BlockId) -> Option<Bytes> {
        self.pending().get(id).map(|block| block.bytes.clone())
    }

    /// The undecided blocks of a height.
    #[must_use]
    pub fn undecided(&self, height: Height) -> Vec<(BlockId, Bytes)> {
        let pending = self.pending();
        let here = pending.iter().filter(|(_, block)| block.height == height);
        here.map(|(id, block)| (*id, block.bytes.clone())).collect()
    }

    /// A decided block and its certificate, by the position of the decision.
    ///
    /// # Errors
    /// When the log is damaged there, or the disk fails.
    pub fn read_decided(&self, decision: Position) -> Result<(Bytes, CommitCertificate), StorageError> {
        let payload = self.journal.read(decision)?;
        let (block, certificate) = decode_decision(&payload).ok_or(StorageError::Record(decision))?;
        let (id, bytes) = self.read_block(block)?;
        if id != certificate.block_id {
            return Err(StorageError::Record(block));
        }
        Ok((bytes, certificate))
    }

    /// From where on everything lies that is neither indexed by the derived state nor passed by it.
    ///
    /// # Errors
    /// When the journal has failed before.
    pub fn replay_from(&self) -> Result<Position, JournalError> {
        let pending = self.pending();
        let end = self.journal.end()?;
        Ok(pending.values().map(|block| block.position).min().map_or(end, |first| first.min(end)))
    }

    fn read_block(&self, position: Position) -> Result<(BlockId, Bytes), StorageError> {
        let payload = Bytes::from(self.journal.read(position)?);
        let (id, _, _) = decode_block(&payload).ok_or(StorageError::Record(position))?;
        Ok((id, payload.slice(BLOCK_PREFIX_BYTES..)))
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<BlockId, Pending>> {
        self.pending.lock().expect("no thread panics while it holds the pending blocks")
    }
}

fn encode_block(id: &BlockId, height: Height, bytes: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(BLOCK_PREFIX_BYTES + bytes.len());
    payload.push(BLOCK);
    payload.extend_from_slice(&id.0);
    payload.extend_from_slice(&height.0.to_le_bytes());
    payload.extend_from_slice(bytes);
    payload
}

fn decode_block(payload: &[u8]) -> Option<(BlockId, Height, &[u8])> {
    let (prefix, bytes) = payload.split_at_checked(BLOCK_PREFIX_BYTES)?;
    let (id, height) = prefix.strip_prefix(&[BLOCK])?.split_first_chunk::<32>()?;
    Some((Hash(*id), Height(u64::from_le_bytes(height.try_into().ok()?)), bytes))
}

fn encode_decision(block: Position, certificate: &CommitCertificate) -> Vec<u8> {
    let mut payload = vec![DECISION];
    payload.extend_from_slice(&block.to_u64().to_le_bytes());
    payload.extend_from_slice(&encoding::encode(certificate));
    payload
}

fn decode_decision(payload: &[u8]) -> Option<(Position, CommitCertificate)> {
    let (prefix, certificate) = payload.split_at_checked(DECISION_PREFIX_BYTES)?;
    let block = prefix.strip_prefix(&[DECISION])?.try_into().ok()?;
    Some((Position::from_u64(u64::from_le_bytes(block)), encoding::decode(certificate).ok()?))
}
