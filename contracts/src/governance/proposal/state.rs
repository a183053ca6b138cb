//! Records of proposals.

use serde::Serialize;
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::governance::change::Change;
use crate::rejection::Rejection;
use crate::types::{Height, MerchantId};

/// A change that was proposed, and what the merchants said to it. Kept for ever.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Proposal {
    /// What is to change.
    pub change: Change,
    /// When it was proposed, in ms since 1970.
    pub proposed_ms: u64,
    /// From when on its proposer wants it to count, in ms since 1970.
    pub asked_ms: u64,
    /// The end of the vote, in ms since 1970.
    pub voting_ends_ms: u64,
    /// Votes, in order; the proposer's is the first.
    pub ballots: Vec<Ballot>,
    /// What became of it.
    pub state: ProposalState,
}

/// One merchant's vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Ballot {
    /// Who voted.
    pub merchant: MerchantId,
    /// For it, or against.
    pub approves: bool,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// Not decided; past the end of the vote it never will be.
    #[wincode(tag = 1)]
    Open,
    /// Decided, and announced for a time.
    #[wincode(tag = 2)]
    Passed {
        /// In the first block at or past this time it takes effect, in ms since 1970.
        effective_ms: u64,
    },
    /// More than two thirds can no longer approve it.
    #[wincode(tag = 3)]
    Refused,
    /// In effect since a block.
    #[wincode(tag = 4)]
    Active {
        /// The block.
        height: Height,
    },
    /// It passed, but something stood in its way when its time came.
    #[wincode(tag = 5)]
    Void {
        /// What.
        rejection: Rejection,
    },
}
