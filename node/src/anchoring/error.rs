//! Why a checkpoint could not be anchored just now.

use reqwest::Url;
use tally_contracts::rejection::Rejection;
use tally_ledger::anchor::AnchorError;
use tally_ledger::anchor::timestamp::TimeStampError;
use tally_ledger::anchor::witness::WitnessError;

use crate::ingress::submitter::SubmitError;
use crate::query::QueryError;

/// Why a checkpoint could not be anchored just now. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No answer.
    #[error("{url} does not answer: {reason}. Check the address, and that this node may connect to it")]
    Unreachable { url: Url, reason: String },
    /// More than is judged.
    #[error("{url} answered with more than {limit} bytes. Check the address")]
    Oversized { url: Url, limit: usize },
    /// Not by RFC 3161 section 3.4.
    #[error("{url} answered with status {status} and content type `{content_type}`, no time stamp. Check the address")]
    NoTimeStamp { url: Url, status: u16, content_type: String },
    /// A response that proves nothing.
    #[error("{0}")]
    TimeStamp(#[from] TimeStampError),
    /// An answer that proves nothing.
    #[error("{0}")]
    Witness(#[from] WitnessError),
    /// Evidence that an auditor would not accept.
    #[error("{0}")]
    Evidence(#[from] AnchorError),
    /// 404.
    #[error("the witness does not know the log `{0}`. Give its operator this origin and the merchants' cosigner keys")]
    UnknownLog(String),
    /// 403.
    #[error("the witness trusts no key that signed for the log `{0}`. Give its operator the merchants' cosigner keys")]
    UntrustedKeys(String),
    /// It has seen more than there is.
    #[error(
        "the witness has seen {witness} leaves of this log, which has {own} here. Wait until this node has caught up; if it \
         has, ask the witness's operator for its checkpoint, for then there is another log of this name"
    )]
    Ahead { witness: u64, own: u64 },
    /// Others anchor at the same moment.
    #[error("the witness told another size with each answer. It is tried again")]
    Busy,
    /// No proof.
    #[error("no consistency proof: {0}")]
    Proof(#[from] QueryError),
    /// The node does not take the operation.
    #[error("the evidence was not taken: {0}")]
    Submit(#[from] SubmitError),
    /// No block holds it yet.
    #[error("the evidence is submitted and has no receipt yet. If blocks stand still, see /readyz")]
    NoReceipt,
    /// A rule of the ledger.
    #[error(
        "the ledger refuses the evidence: {0}. The node's operator key must be in force and have the role acceptor"
    )]
    Rejected(Rejection),
    /// The same evidence was refused before, and is not looked at again.
    #[error("the ledger refused the same evidence before. Other evidence is asked for")]
    RefusedBefore,
}

impl Failure {
    /// Whether other evidence may fare better.
    pub fn is_of_evidence(&self) -> bool {
        matches!(self, Self::Evidence(_) | Self::Rejected(_) | Self::RefusedBefore)
    }
}
