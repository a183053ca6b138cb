//! Disputes: a merchant says that it owes less for an operation than the ledger booked.
//!
//! Open -> accepted by the creditor, or by its silence; or contested -> upheld or, failing a decision, dismissed by the
//! governors. A dispute that succeeds is an adjustment in the open cycle: closed cycles never change.

mod answer;
mod decide;
mod open;
mod state;
mod time_out;

pub use answer::AnswerDispute;
pub use decide::DecideDispute;
pub use open::{MAX_REASON_CHARS, OpenDispute};
pub use state::{Dispute, DisputeState};
pub use time_out::DisputeTimedOut;

pub(crate) use time_out::time_out_disputes;

use super::Debt;
use crate::governance::{self, business_days};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{MerchantId, Obligation, Reference};

/// The operation that a dispute is about: its merchant and reference.
type Subject = (MerchantId, Reference);

/// Refuses to undo so much of an operation that what stays no longer covers what was claimed of it: that would undo it twice.
///
/// # Errors
/// `disputed`.
pub(crate) fn require_covered(overlay: &mut Overlay<'_>, subject: Subject, stays: Obligation) -> Result<(), Rejection> {
    match overlay.disputes.get(&subject) {
        Some(dispute) if dispute.state != DisputeState::Dismissed && dispute.amount > stays => Err(Rejection::Disputed),
        _ => Ok(()),
    }
}

/// Puts a dispute on record whose next clock starts now; gives when that runs out.
fn start_clock(overlay: &mut Overlay<'_>, subject: Subject, dispute: Dispute) -> u64 {
    let days = governance::parameters(overlay).settlement.dispute_business_days;
    let due_ms = business_days::after(overlay, overlay.context.time_ms, days);
    overlay.dispute_deadlines.insert((due_ms, subject.0, subject.1), ());
    overlay.disputes.put(subject, Dispute { due_ms, ..dispute });
    due_ms
}

/// Stops the clock that runs.
fn stop_clock(overlay: &mut Overlay<'_>, subject: Subject, dispute: &Dispute) {
    overlay.dispute_deadlines.delete((dispute.due_ms, subject.0, subject.1));
}

/// What the dispute claims, as the debt that the creditor comes to owe.
fn claim(dispute: &Dispute) -> Debt {
    Debt::adjustment(dispute.creditor, dispute.debtor, dispute.amount)
}

/// The receipt of a dispute whose claim was booked.
const fn adjusted(dispute: &Dispute) -> Applied {
    let Dispute { debtor, creditor, amount: adjustment, .. } = *dispute;
    Applied::DisputeAdjusted { debtor, creditor, adjustment }
}
