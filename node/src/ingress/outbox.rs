//! The outbox: what was acknowledged and has no receipt yet, on disk.
//!
//! 202 promises that an operation will be executed or refused by the alliance, whatever happens to the node. So an entry
//! is synced here before it is acknowledged, and stays until a receipt exists. Marks of completion are not synced: one that
//! a crash loses is found again in state, and an operation sent twice is executed once.
//!
//! # Format
//! Frames of a [`Journal`]; each payload is the canonical encoding of one [`Frame`]. Entries have rising numbers; a number
//! names one entry for good among the frames that exist.
//!
//! # Recovery
//! Frames are read in order: an entry stands until its number is marked done. When the journal has grown to several times
//! what is pending, the pending entries are written again at its end, synced, and the segments before are removed; so it
//! stays bounded, and a crash in between only leaves entries written twice.
//!
//! **Invariant**: no frame holds more than [`MAX_FRAME_BYTES`] of entries, so a frame always decodes.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use tally_contracts::encoding::{self, DecodeError};
use tally_contracts::transaction::Operation;
use tally_contracts::types::Hash;
use wincode::{SchemaRead, SchemaWrite};

use crate::storage::disk::Disk;
use crate::storage::journal::{Journal, JournalError, JournalOptions, Position};

/// Most bytes of entries in one frame; a larger submission takes several.
const MAX_FRAME_BYTES: usize = 512 << 10;
/// Small, because only whole segments can be removed.
const SEGMENT_BYTES: u32 = 4 << 20;
/// Below this size the journal is left alone, in bytes.
const MIN_COMPACTION_BYTES: usize = 16 << 20;
/// Expired transactions that are remembered, so that their submitters can ask what became of them.
pub(super) const MAX_EXPIRED: usize = 1_000;

/// Number of an entry, from 1 on, in the order of acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct EntryId(pub u64);

/// What was acknowledged as one.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
#[expect(clippy::large_enum_variant, reason = "nearly every entry is an operation: a box would only cost")]
pub enum Entry {
    /// An operation of this merchant, which the node signs in a batch.
    #[wincode(tag = 1)]
    Operation(Operation),
    /// Operations of this merchant that succeed together or not at all; the node signs them as one transaction.
    #[wincode(tag = 2)]
    Group(Vec<Operation>),
    /// Canonical bytes of a transaction signed elsewhere.
    #[wincode(tag = 3)]
    Signed(Vec<u8>),
}

/// A transaction that could not be signed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Expired {
    /// The transaction.
    pub transaction_id: Hash,
    /// Its end of validity, in ms since 1970.
    pub valid_until_ms: u64,
}

/// One payload of the journal.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
enum Frame {
    /// Acknowledged.
    #[wincode(tag = 1)]
    Accepted(Vec<Numbered>),
    /// No longer pending.
    #[wincode(tag = 2)]
    Done(Vec<EntryId>),
    /// Ended without a receipt.
    #[wincode(tag = 3)]
    Expired(Vec<Expired>),
}

/// An entry and its number.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Numbered {
    /// Its number.
    pub id: EntryId,
    /// What was acknowledged.
    pub entry: Entry,
}

/// Why the outbox cannot be opened or written. All of it means: stop.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The journal failed.
    #[error("the outbox: {0}")]
    Journal(#[from] JournalError),
    /// A frame with a right checksum does not decode: another version wrote it.
    #[error("the outbox: the frame at segment {} offset {} is of no known kind: {source}", at.segment, at.offset)]
    Unreadable {
        /// Where it begins.
        at: Position,
        /// What is wrong.
        source: DecodeError,
    },
}

/// See the module. Blocks on the disk; one thread uses it.
#[derive(Debug)]
pub struct Outbox {
    journal: Journal,
    /// Bytes in the journal since what is pending was last written, or more.
    journal_bytes: usize,
}

/// What an outbox held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Pending entries by number.
    pub pending: BTreeMap<EntryId, Entry>,
    /// Transactions that ended without a receipt, oldest first.
    pub expired: VecDeque<Expired>,
    /// The number for the next entry.
    pub next_id: u64,
}

/// What is written at one time, in this order.
#[derive(Debug, Default)]
pub struct Changes {
    /// New entries, each with its canonical bytes.
    pub accepted: Vec<(EntryId, Vec<u8>)>,
    /// Entries that are complete.
    pub done: Vec<EntryId>,
    /// Transactions that ended without a receipt.
    pub expired: Vec<Expired>,
}

impl Outbox {
    /// Opens the outbox in `dir`, created where it is missing.
    ///
    /// # Errors
    /// When what was acknowledged cannot be read back.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Self, Recovered), OutboxError> {
        let mut recovered = Recovered { next_id: 1, ..Recovered::default() };
        let mut journal_bytes = 0;
        let mut unreadable = None;
        let options = JournalOptions { segment_bytes: SEGMENT_BYTES, replay_from: None };
        let journal = Journal::open(disk, dir, options, |at, payload| {
            journal_bytes += payload.len();
            match encoding::decode(payload) {
                Ok(frame) => recovered.apply(frame),
                Err(source) => unreadable = unreadable.take().or(Some(OutboxError::Unreadable { at, source })),
            }
        })?;
        match unreadable {
            Some(error) => Err(error),
            None => Ok((Self { journal, journal_bytes }, recovered)),
        }
    }

    /// Writes changes; on return new entries are durable.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&mut self, changes: &Changes) -> Result<(), OutboxError> {
        self.append_accepted(changes.accepted.iter().map(|(id, bytes)| (*id, bytes.as_slice())))?;
        for done in changes.done.chunks(MAX_FRAME_BYTES / size_of::<EntryId>()) {
            self.append(&encoding::encode(&Frame::Done(done.to_vec())))?;
        }
        if !changes.expired.is_empty() {
            self.append(&encoding::encode(&Frame::Expired(changes.expired.clone())))?;
        }
        if !changes.accepted.is_empty() {
            self.journal.sync()?;
        }
        Ok(())
    }

    /// Whether the journal holds so much more than `pending_bytes` that [`Outbox::compact`] pays.
    #[must_use]
    pub fn is_bloated(&self, pending_bytes: usize) -> bool {
        self.journal_bytes > MIN_COMPACTION_BYTES + 3 * pending_bytes
    }

    /// Writes what is pending anew and removes what lies before it.
    ///
    /// # Errors
    /// When the disk fails; nothing is lost.
    pub fn compact<'a>(
        &mut self,
        pending: impl Iterator<Item = (EntryId, &'a [u8])>,
        expired: &[Expired],
    ) -> Result<(), OutboxError> {
        let start = self.append(&encoding::encode(&Frame::Expired(expired.to_vec())))?;
        self.journal_bytes = 0;
        self.append_accepted(pending)?;
        self.journal.sync()?;
        self.journal.truncate_before(start)?;
        Ok(())
    }

    /// Appends entries in frames of bounded size, each the encoding of [`Frame::Accepted`].
    fn append_accepted<'a>(&mut self, entries: impl Iterator<Item = (EntryId, &'a [u8])>) -> Result<(), OutboxError> {
        let mut frame = AcceptedFrame::default();
        for (id, bytes) in entries {
            frame.push(id, bytes);
            if frame.bytes.len() >= MAX_FRAME_BYTES {
                self.append(&std::mem::take(&mut frame).finish())?;
            }
        }
        if frame.count > 0 {
            self.append(&frame.finish())?;
        }
        Ok(())
    }

    fn append(&mut self, payload: &[u8]) -> Result<Position, OutboxError> {
        self.journal_bytes += payload.len();
        Ok(self.journal.append(payload)?)
    }
}

impl Recovered {
    fn apply(&mut self, frame: Frame) {
        match frame {
            Frame::Accepted(entries) => {
                for Numbered { id, entry } in entries {
                    self.next_id = self.next_id.max(id.0 + 1);
                    self.pending.insert(id, entry);
                }
            }
            Frame::Done(ids) => {
                for id in ids {
                    self.next_id = self.next_id.max(id.0 + 1);
                    self.pending.remove(&id);
                }
            }
            Frame::Expired(expired) => {
                for one in expired {
                    self.expired.retain(|e| e.transaction_id != one.transaction_id);
                    self.expired.push_back(one);
                }
                while self.expired.len() > MAX_EXPIRED {
                    self.expired.pop_front();
                }
            }
        }
    }
}

/// The encoding of [`Frame::Accepted`], put together from entries that are encoded already: tag u32, count u64, and
/// for each entry its number u64 and its bytes.
#[derive(Debug, Default)]
struct AcceptedFrame {
    bytes: Vec<u8>,
    count: u64,
}

impl AcceptedFrame {
    fn push(&mut self, id: EntryId, entry: &[u8]) {
        self.count += 1;
        self.bytes.extend_from_slice(&id.0.to_le_bytes());
        self.bytes.extend_from_slice(entry);
    }

    fn finish(self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(12 + self.bytes.len());
        frame.extend_from_slice(&1_u32.to_le_bytes());
        frame.extend_from_slice(&self.count.to_le_bytes());
        frame.extend_from_slice(&self.bytes);
        frame
    }
}

#[cfg(test)]
mod tests;
