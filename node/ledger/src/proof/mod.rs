//! Proofs as files: one fact, and all that shows it, in one small JSON file (ADR 0012; `docs/formats.md`).
//!
//! A proof is believed on the word of more than two thirds of the merchants, by their cosigner keys: whoever checks it needs
//! those keys from a source of his own, as a [`Policy`], and nothing else. Everything else in a file is untrusted until
//! [`ProofFile::verify`] has said what it shows. The formats inside are those of others: `.tlog-proof`, signed notes, RLP.
//!
//! **Invariant**: no bytes from outside reach a panic.

mod anchored;
mod balance;
mod operation;
mod record;
mod settlement;
mod signed;
mod statement;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tally_contracts::types::{ChainId, Height};
use utoipa::ToSchema;

pub use anchored::AnchoredProof;
pub use balance::{BalanceProof, ProvedBalance};
pub use operation::{OperationProof, ProvedOperation};
pub use record::RecordPart;
pub use settlement::{ProvedSettlement, SettlementProof};
pub use signed::{GrowthProof, SignedProof};
pub use statement::{ProvedStatement, StatementProof};

use crate::anchor::{AnchorError, Anchored, Trust};
use crate::log::ProofError;
use crate::note::{NoteError, Policy, Refusal, SignedNote, TlogProofError};
use crate::roots::state_tree::InvalidRecordProof;
use crate::roots::trie::InvalidStorageProof;

/// The format's name and version.
pub const FORMAT: &str = "tally-proof/1";

/// A fact with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    /// [`FORMAT`].
    pub format: String,
    /// The alliance: SHA-256 of its genesis.
    pub chain_id: ChainId,
    /// The policy that its maker says the notes satisfy, as C2SP `tlog-policy`. Checked by nobody: take it from elsewhere.
    pub policy: String,
    /// The fact.
    pub fact: Fact,
}

/// What is proved, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// An operation with its receipt is in the ledger.
    Operation(OperationProof),
    /// More than two thirds of the merchants vouch for a checkpoint.
    Signed(SignedProof),
    /// The ledger at a checkpoint begins with the ledger at an earlier one.
    Growth(GrowthProof),
    /// What a holder has of a class at a checkpoint; also nothing.
    Balance(BalanceProof),
    /// Every movement of a holding up to a checkpoint, from the beginning or from an earlier checkpoint.
    Statement(StatementProof),
    /// A closed settlement cycle with its legs, as of a checkpoint.
    Settlement(SettlementProof),
    /// A checkpoint existed before a time, by the word of someone outside.
    Anchored(AnchoredProof),
}

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Proved {
    /// See [`Fact::Operation`].
    Operation(Box<ProvedOperation>),
    /// See [`Fact::Signed`].
    Signed(Vouched),
    /// See [`Fact::Growth`].
    Growth {
        /// The earlier log.
        from: Vouched,
        /// The later one.
        to: Vouched,
    },
    /// See [`Fact::Balance`].
    Balance(ProvedBalance),
    /// See [`Fact::Statement`].
    Statement(ProvedStatement),
    /// See [`Fact::Settlement`].
    Settlement(ProvedSettlement),
    /// See [`Fact::Anchored`].
    Anchored {
        /// Leaves of the log that existed.
        log_size: u64,
        /// Who vouches for the time.
        operator: String,
        /// Before this time, in ms since 1970.
        time_ms: u64,
    },
}

/// Who vouches for what moment of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vouched {
    /// Leaves of the log then.
    pub log_size: u64,
    /// The block, where the note is one of state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
    /// The block's time in ms since 1970, where it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// Names of the keys that signed, in the policy's order.
    pub signers: Vec<String>,
}

/// A proof that shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofFault {
    /// Written by another version.
    #[error("the file's format is `{0}`, this version reads {FORMAT}: use the `tally` of the node that made it")]
    Format(String),
    /// Of another alliance.
    #[error("the proof is of the alliance {found}, not of {expected}")]
    OtherAlliance {
        /// The file's.
        found: ChainId,
        /// The one asked about.
        expected: ChainId,
    },
    /// A note.
    #[error("the note: {0}")]
    Note(#[from] NoteError),
    /// A note that the policy refuses.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The entry of the log.
    #[error("the log entry: {0}")]
    Entry(#[from] TlogProofError),
    /// The log's growth.
    #[error("the log: {0}")]
    Log(#[from] ProofError),
    /// A balance.
    #[error(transparent)]
    Storage(#[from] InvalidStorageProof),
    /// A record.
    #[error(transparent)]
    Record(#[from] InvalidRecordProof),
    /// Evidence from outside.
    #[error("the anchor: {0}")]
    Anchor(#[from] AnchorError),
    /// Parts that are of different things.
    #[error("{0}: the file was put together from parts of different proofs, get it again")]
    Mismatch(&'static str),
    /// Bytes that are not what the fact says they are.
    #[error("{0} cannot be read: the file is damaged, get it again")]
    Unreadable(&'static str),
}

impl ProofFile {
    /// A file of a fact.
    #[must_use]
    pub fn new(chain_id: ChainId, policy: &Policy, fact: Fact) -> Self {
        Self { format: FORMAT.to_owned(), chain_id, policy: policy.to_string(), fact }
    }

    /// What the file proves about an alliance to whoever trusts `policy`, and for anchors `trust`.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn verify(&self, chain_id: &ChainId, policy: &Policy, trust: &Trust) -> Result<Proved, ProofFault> {
        if self.format != FORMAT {
            return Err(ProofFault::Format(self.format.clone()));
        }
        if self.chain_id != *chain_id {
            return Err(ProofFault::OtherAlliance { found: self.chain_id, expected: *chain_id });
        }
        Ok(match &self.fact {
            Fact::Operation(proof) => Proved::Operation(proof.verify(policy)?.into()),
            Fact::Signed(proof) => Proved::Signed(proof.verify(policy)?),
            Fact::Growth(proof) => {
                let (from, to) = proof.verify(policy)?;
                Proved::Growth { from, to }
            }
            Fact::Balance(proof) => Proved::Balance(proof.verify(policy)?),
            Fact::Statement(proof) => Proved::Statement(proof.verify(policy)?),
            Fact::Settlement(proof) => Proved::Settlement(proof.verify(policy)?),
            Fact::Anchored(proof) => {
                let (log_size, Anchored { operator, time_ms }) = proof.verify(policy, trust)?;
                Proved::Anchored { log_size, operator, time_ms }
            }
        })
    }
}

/// Bytes, as hexadecimal text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Hex(#[serde(with = "hex::serde")] pub Vec<u8>);

/// A signed note as it travels in a file: its text, read when it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct NoteText(pub String);

impl NoteText {
    fn read(&self) -> Result<SignedNote, NoteError> {
        SignedNote::from_str(&self.0)
    }
}

impl From<&SignedNote> for NoteText {
    fn from(note: &SignedNote) -> Self {
        Self(note.to_string())
    }
}

impl fmt::Display for NoteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
