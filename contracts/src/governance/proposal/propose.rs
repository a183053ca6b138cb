//! `propose`: a merchant proposes a change, and votes for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Ballot, Proposal, ProposalState, cast, judge, notice_end_ms};
use crate::governance::change::Change;
use crate::governance::electorate::Electorate;
use crate::operation::{Caller, Done, Verb};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::DAY_MS;

/// Furthest that a change may be asked for ahead.
const MAX_AHEAD_MS: u64 = 400 * DAY_MS;

/// Proposes a change. It is known by the merchant and the reference of this operation.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// What is to change.
    pub change: Box<Change>,
    /// From when on, in ms since 1970; 0 for as soon as it may.
    pub effective_ms: u64,
}

/// Approvals, votes against, approvals needed, time.
pub(super) const RECEIPT_BYTES: usize = 2 + 2 + 2 + 1 + 8;

impl Verb for Propose {
    const MAX_RECEIPT_BYTES: usize = RECEIPT_BYTES;

    fn check_stateless(&self) -> Result<(), &'static str> {
        self.change.check_stateless()
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let electorate = Electorate::now(overlay, &[]);
        electorate.require(overlay, caller.merchant)?;
        judge(overlay, &self.change, caller.merchant)?;
        let now_ms = overlay.context.time_ms;
        if self.effective_ms != 0 && self.change.is_adverse(overlay) && self.effective_ms < notice_end_ms(overlay) {
            return Err(Rejection::NoticeTooShort);
        }
        if self.effective_ms > now_ms + MAX_AHEAD_MS {
            return Err(Rejection::NoticeTooLong);
        }
        let days = u64::from(crate::governance::parameters(overlay).governance.voting_days);
        let proposal = Proposal {
            change: (*self.change).clone(),
            proposed_ms: now_ms,
            asked_ms: self.effective_ms,
            voting_ends_ms: now_ms + days * DAY_MS,
            ballots: Vec::new(),
            state: ProposalState::Open,
        };
        let id = (caller.merchant, caller.operation.reference);
        let ballot = Ballot { merchant: caller.merchant, approves: true };
        Ok(cast(overlay, &electorate, id, proposal, ballot).into())
    }
}
