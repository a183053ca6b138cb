//! Why a submission was not taken.

use tally_contracts::crypto::SignatureError;
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::MAX_OPERATIONS;
use tally_contracts::types::Reference;

/// Why a submission was not taken. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Too much is pending.
    #[error("too much is pending, try again in {retry_after_ms} ms")]
    Busy {
        /// When to try again, in ms.
        retry_after_ms: u64,
    },
    /// The reference is pending with another body, or twice in an atomic submission.
    #[error("the reference {reference} is pending already, for another operation")]
    ReferenceReused {
        /// The reference.
        reference: Reference,
    },
    /// The reference lies too far ahead of the clock.
    #[error("the reference {reference} lies more than one hour ahead")]
    ReferenceAhead {
        /// The reference.
        reference: Reference,
    },
    /// A rule that the operation's bytes alone decide.
    #[error("operation {index}: {reason}")]
    Malformed {
        /// Its position in the submission.
        index: usize,
        /// The broken rule.
        reason: &'static str,
    },
    /// The signature of the operation's authorization, or its key.
    #[error("authorization: {0}")]
    Authorization(SignatureError),
    /// No operation at all, or too many for one atomic transaction.
    #[error("an atomic submission has 1 to {MAX_OPERATIONS} operations, this one has {0}")]
    OperationCount(usize),
    /// Does not fit into one transaction.
    #[error("the operations take up to {bytes} bytes with their receipts, a transaction has room for {room}")]
    Oversized {
        /// What they take.
        bytes: usize,
        /// What there is.
        room: usize,
    },
    /// A transaction whose key or time execution would refuse.
    #[error("{0}")]
    Refused(Rejection),
    /// The disk failed, or a part of the submitter did: the node is about to stop.
    #[error("the outbox failed, the node is stopping")]
    Fault,
}
