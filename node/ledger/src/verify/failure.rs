//! What verification found wrong, and where.

use std::fmt;
use std::io;

use serde::Serialize;
use tally_contracts::types::Height;

use super::Place;

/// Why an archive could not be shown to be right.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The archive is wrong.
    #[error(transparent)]
    Failed(Box<Failure>),
    /// It could not be read: nothing is said of what it holds.
    #[error("cannot read the archive at byte {offset}: {source}")]
    Read {
        /// Bytes read before.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The ledger went on under rules that this code does not know: nothing is said of what follows.
    #[error(
        "block {0} and those after it run version {1} of the protocol, which this software does not know: verify with a newer one"
    )]
    Outdated(Height, u16),
    /// The state file of an earlier run does not go with the archive: nothing is said of what it holds.
    #[error("the state file: {0}")]
    Saved(String),
    /// The auditor's own genesis is none that an alliance can start from.
    #[error("the genesis file given: {0}")]
    Genesis(String),
}

/// The first thing that is wrong with an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Failure {
    /// Which check failed.
    pub check: CheckKind,
    /// Where.
    pub place: Place,
    /// The one byte that is wrong, where one byte explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<BadByte>,
    /// What is wrong, as a sentence.
    pub reason: String,
    /// The last block up to which everything was verified and executed; 0 for none.
    pub verified: Height,
}

/// A byte that is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BadByte {
    /// Its position in the file, from 0 on.
    pub offset: u64,
    /// What it reads.
    pub found: u8,
    /// What it must read.
    pub expected: u8,
}

/// The checks, by what they show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// The file is a whole archive: magic, version, frames in order, closing frame.
    Format,
    /// Check sums: bytes are as they were written.
    CheckSum,
    /// The genesis is the auditor's.
    Genesis,
    /// The block is one, and its header follows from its parent.
    Header,
    /// What the parent's execution led to is what the header says it did.
    Outcome,
    /// More than two thirds of the validators of the height signed.
    Certificate,
    /// A transaction is well formed and rightly signed.
    Transaction,
    /// Sums over all of state.
    Conservation,
    /// The roots of a final checkpoint are those of state.
    Checkpoint,
    /// The archive goes on from the block that an earlier run ended with.
    Resumption,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, byte, reason, .. } = self;
        write!(f, "{place}: ")?;
        match byte {
            Some(BadByte { offset, found, expected }) => {
                write!(f, "byte {offset} of the archive reads {found:#04x}, must read {expected:#04x}: {reason}")
            }
            None if place.bytes == 0 => f.write_str(reason),
            None => write!(f, "{reason} (bytes {}..{} of the archive)", place.offset, place.offset + place.bytes),
        }
    }
}

impl From<Failure> for VerifyError {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}
