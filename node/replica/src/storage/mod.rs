//! Storage: the block log, which is the write-ahead log of everything, and the state derived from it.
//!
//! Data goes down: [`disk`] (files) <- [`journal`] (checksummed frames) <- [`block_log`] (blocks and decisions); beside it
//! [`state_db`], which may lag behind or be deleted, for it is rebuilt from the block log. It reads ([`layered`]) from
//! [`memtable`], [`row_cache`] with what else spares reads (`recent_references`, `rare_rows`), and RocksDB (`options`), into
//! which flushes go as files (`cut`). A fault (disk full, damaged file) comes back as an error and the node stops; nothing here
//! repairs by guessing.

use std::io;
use std::path::PathBuf;

use tally_contracts::encoding::DecodeError;
use tally_contracts::governance::change::PROTOCOL_VERSION;
use tally_contracts::types::{ChainId, Height};
use tally_ledger::block::BlockId;
use tally_ledger::certificate::CertificateError;
use tally_ledger::chain::InvalidBlock;

pub mod as_of;
pub mod block_log;
mod cut;
pub mod disk;
mod frozen;
pub mod journal;
pub mod lossy;
pub mod layered;
pub mod memtable;
mod options;
mod rare_rows;
mod recent_references;
pub mod row_cache;
pub mod state_db;

use journal::{JournalError, Position};

/// Why storage did not do what it was asked. See [`StorageError::is_fault`].
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Not the bytes of a block.
    #[error(transparent)]
    Encoding(#[from] DecodeError),
    /// No valid successor of the head.
    #[error(transparent)]
    Invalid(#[from] InvalidBlock),
    /// A certificate that does not commit its block.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The block was never stored.
    #[error("block {0} is not in the block log")]
    UnknownBlock(BlockId),
    /// A decision must be for the height after the head.
    #[error("a decision of height {height} cannot follow head {head}")]
    NotNext {
        /// The decision's.
        height: Height,
        /// The head's.
        head: Height,
    },
    /// Committed before and no longer at hand as executed: nothing is left to do.
    #[error("height {0} is committed already")]
    AlreadyCommitted(Height),
    /// Two certificates for two blocks of one height: more than a third of the validators are faulty.
    #[error("height {height} is committed as {committed}, a certificate commits {other}")]
    Fork {
        /// The height.
        height: Height,
        /// What this replica committed.
        committed: BlockId,
        /// What the other certificate is for.
        other: BlockId,
    },
    /// The validators decided a block that is none to this replica: it has diverged, or its version is too old.
    #[error("block {block_id} of height {height} is decided, yet not valid here: {reason}")]
    DecidedInvalid {
        /// The height.
        height: Height,
        /// The block.
        block_id: BlockId,
        /// What is wrong with it.
        reason: InvalidBlock,
    },
    /// The alliance goes on under a version of the protocol that this code does not know.
    #[error(
        "from height {from_height} on the ledger runs version {version} of the protocol, this software knows {known}: \
         install a newer one and start again; nothing is lost",
        known = PROTOCOL_VERSION
    )]
    Outdated {
        /// The ledger's version.
        version: u16,
        /// The first height that runs it.
        from_height: Height,
    },
    /// The block log's files.
    #[error("block log: {0}")]
    Journal(#[from] JournalError),
    /// The frame at a position of the block log is no record of it.
    #[error("block log: no such record at {0}")]
    Record(Position),
    /// The state database.
    #[error("state database: {0}")]
    Database(#[from] rocksdb::Error),
    /// A file or directory of the state database.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// An earlier flush failed, which was told then: state is not written any more.
    #[error("state database: an earlier flush failed")]
    Unflushed,
    /// The data directory is another alliance's.
    #[error("the data belongs to the alliance {found}, this node serves {expected}: choose another data directory")]
    OtherAlliance {
        /// Whose data it is.
        found: ChainId,
        /// The configured one.
        expected: ChainId,
    },
    /// The state database was written by another version of the format.
    #[error("the state database has format {0}, not {format}: delete it, it is rebuilt from the block log", format = state_db::FORMAT)]
    Format(u32),
}

impl StorageError {
    /// Whether the replica itself is at fault, so that it must stop; otherwise only what it was handed was refused.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Encoding(_)
                | Self::Invalid(_)
                | Self::Certificate(_)
                | Self::UnknownBlock(_)
                | Self::NotNext { .. }
                | Self::AlreadyCommitted(_)
        )
    }
}
