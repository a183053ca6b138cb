//! `vote`: a merchant says yes or no to a proposal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::propose::RECEIPT_BYTES;
use super::{Ballot, ProposalState, cast, judge};
use crate::governance::electorate::Electorate;
use crate::operation::{Caller, Done, Verb};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{MerchantId, Reference};

/// Votes, once for all.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteOn {
    /// Who proposed.
    pub merchant: MerchantId,
    /// The reference under which it did.
    pub proposal: Reference,
    /// For it, or against.
    pub approves: bool,
}

impl Verb for VoteOn {
    const MAX_RECEIPT_BYTES: usize = RECEIPT_BYTES;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let id = (self.merchant, self.proposal);
        let proposal = overlay.proposals.get(&id).ok_or(Rejection::UnknownProposal)?;
        if proposal.state != ProposalState::Open || proposal.voting_ends_ms <= overlay.context.time_ms {
            return Err(Rejection::VotingClosed);
        }
        let electorate = Electorate::now(overlay, &[]);
        electorate.require(overlay, caller.merchant)?;
        if proposal.ballots.iter().any(|ballot| ballot.merchant == caller.merchant) {
            return Err(Rejection::VoicedAlready);
        }
        if self.approves {
            judge(overlay, &proposal.change, self.merchant)?;
        }
        let ballot = Ballot { merchant: caller.merchant, approves: self.approves };
        Ok(cast(overlay, &electorate, id, proposal, ballot).into())
    }
}
