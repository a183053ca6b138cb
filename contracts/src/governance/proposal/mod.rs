//! Proposals: a merchant proposes a change, the merchants vote, and what passed takes effect at its time.
//!
//! Open -> passed by more than two thirds -> active, or void where something stood in its way by then; refused once that many
//! can no longer approve. A change to members' disadvantage takes effect only after the notice that follows its passing.

mod activate;
mod propose;
mod state;
mod vote;

pub use activate::ChangeActivated;
pub use propose::Propose;
pub use state::{Ballot, Proposal, ProposalState};
pub use vote::VoteOn;

pub(crate) use activate::activate;

use super::business_days;
use super::change::Change;
use super::electorate::Electorate;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{MerchantId, Reference};

/// What a proposal is known by: the merchant and the reference that proposed it.
type ProposalId = (MerchantId, Reference);

/// Changes that have passed and wait for their time, at most looked at.
const MAX_WAITING: usize = 10_000;

/// Judges a change at this place in the order.
///
/// # Errors
/// `change_pending`, those of the change.
fn judge(overlay: &mut Overlay<'_>, change: &Change, proposer: MerchantId) -> Result<(), Rejection> {
    let start = (0, MerchantId::POOL, Reference(0));
    let end = (u64::MAX, MerchantId::POOL, Reference(0));
    let waiting = overlay.activations.scan(&start, &end, MAX_WAITING);
    for ((_, merchant, reference), ()) in waiting {
        let passed = overlay.proposals.get(&(merchant, reference)).expect("what waits was proposed");
        if passed.change.subject() == change.subject() {
            return Err(Rejection::ChangePending);
        }
    }
    change.judge(overlay, proposer)
}

/// Puts a vote into a proposal's record and the proposal on record: passed or refused if the vote decides it.
fn cast(
    overlay: &mut Overlay<'_>,
    electorate: &Electorate,
    id: ProposalId,
    mut proposal: Proposal,
    ballot: Ballot,
) -> Applied {
    proposal.ballots.push(ballot);
    let count = |approves| {
        let of_side = proposal.ballots.iter().filter(|ballot| ballot.approves == approves);
        electorate.count(&of_side.map(|ballot| ballot.merchant).collect::<Vec<_>>())
    };
    let (approvals, against, needed) = (count(true), count(false), electorate.needed());
    let mut effective_ms = None;
    if approvals >= needed {
        let at_ms = effective_at_ms(overlay, &proposal);
        overlay.activations.insert((at_ms, id.0, id.1), ());
        proposal.state = ProposalState::Passed { effective_ms: at_ms };
        effective_ms = Some(at_ms);
    } else if electorate.size() - against < needed {
        proposal.state = ProposalState::Refused;
    }
    overlay.proposals.put(id, proposal);
    Applied::Voted { approvals, against, needed, effective_ms }
}

/// When a proposal that passes now takes effect: at the time asked for, but not before the end of a notice that it needs, and
/// not in this block.
fn effective_at_ms(overlay: &mut Overlay<'_>, proposal: &Proposal) -> u64 {
    let now_ms = overlay.context.time_ms;
    let earliest_ms = if proposal.change.is_adverse(overlay) { notice_end_ms(overlay) } else { now_ms + 1 };
    proposal.asked_ms.max(earliest_ms)
}

/// The end of a notice that starts now.
fn notice_end_ms(overlay: &mut Overlay<'_>) -> u64 {
    let days = super::parameters(overlay).notice_business_days;
    business_days::after(overlay, overlay.context.time_ms, days)
}
