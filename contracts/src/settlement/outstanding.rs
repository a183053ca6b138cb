//! Whether anything is still to be settled with a participant.

use super::LegState;
use crate::state::Overlay;
use crate::types::{MerchantId, Month, Obligation, Reference};

/// Whether a merchant owes or is owed anything but remainders below a fen: booked in the open cycle, reserved, in a leg that is
/// not confirmed, in a dispute, or to the pool.
pub(crate) fn is_open(overlay: &mut Overlay<'_>, merchant: MerchantId) -> bool {
    let position = overlay.positions.get(&merchant).unwrap_or_default();
    let booked = [position.payable, position.receivable, position.reserved];
    booked.iter().any(|amount| *amount != Obligation(0))
        || has_open_leg(overlay, merchant)
        || has_dispute(overlay, merchant)
        || overlay.pool_claims.get(&merchant).unwrap_or_default().split_fen().0 != 0
}

fn has_open_leg(overlay: &mut Overlay<'_>, merchant: MerchantId) -> bool {
    let legs = overlay.legs.scan(&(Month(0), 0), &(Month(u16::MAX), 0), usize::MAX);
    let is_party = |payer: MerchantId, payee: MerchantId| payer == merchant || payee == merchant;
    legs.iter().any(|(_, leg)| leg.state == LegState::Open && is_party(leg.payer, leg.payee))
}

/// Every dispute that is not over has a clock that runs.
fn has_dispute(overlay: &mut Overlay<'_>, merchant: MerchantId) -> bool {
    let (start, end) = ((0, MerchantId::POOL, Reference(0)), (u64::MAX, MerchantId::POOL, Reference(0)));
    let running = overlay.dispute_deadlines.scan(&start, &end, usize::MAX);
    running.into_iter().any(|((_, owner, reference), ())| {
        let dispute = overlay.disputes.get(&(owner, reference)).expect("a clock stands for a dispute");
        dispute.debtor == merchant || dispute.creditor == merchant
    })
}
