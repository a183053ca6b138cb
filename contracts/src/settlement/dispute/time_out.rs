//! What becomes of a dispute when nobody speaks in time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::super::book_if_it_fits;
use super::{Dispute, DisputeState, claim, start_clock};
use crate::state::Overlay;
use crate::types::{MerchantId, Obligation, Reference};

/// Disputes whose clocks one block's due work looks at, at most.
const TIMEOUTS_PER_BLOCK: usize = 1_000;

/// A dispute whose clock ran out.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct DisputeTimedOut {
    /// The merchant that submitted the disputed operation.
    pub merchant: MerchantId,
    /// The reference of the operation.
    pub original: Reference,
    /// Who owed for it.
    pub debtor: MerchantId,
    /// Who was owed for it.
    pub creditor: MerchantId,
    /// What the creditor owes the debtor from now on, exact; zero where the dispute was dismissed.
    pub adjustment: Obligation,
    /// Where it stands now.
    pub state: DisputeState,
}

/// Ends disputes whose clock has run out: one that was not answered is accepted, one that was not decided is dismissed.
pub(crate) fn time_out_disputes(overlay: &mut Overlay<'_>) -> Vec<DisputeTimedOut> {
    let first = (0, MerchantId::POOL, Reference(0));
    let end = (overlay.context.time_ms + 1, MerchantId::POOL, Reference(0));
    let due = overlay.dispute_deadlines.scan(&first, &end, TIMEOUTS_PER_BLOCK);
    let mut ended = Vec::with_capacity(due.len());
    for ((due_ms, merchant, original), ()) in due {
        overlay.dispute_deadlines.delete((due_ms, merchant, original));
        let dispute = overlay.disputes.get(&(merchant, original)).expect("a clock runs for a dispute");
        let (debtor, creditor) = (dispute.debtor, dispute.creditor);
        let (state, adjustment) = time_out(overlay, (merchant, original), dispute);
        ended.push(DisputeTimedOut { merchant, original, debtor, creditor, adjustment, state });
    }
    ended
}

fn time_out(
    overlay: &mut Overlay<'_>,
    subject: (MerchantId, Reference),
    dispute: Dispute,
) -> (DisputeState, Obligation) {
    if dispute.state != DisputeState::Open {
        overlay.disputes.put(subject, Dispute { state: DisputeState::Dismissed, ..dispute });
        return (DisputeState::Dismissed, Obligation(0));
    }
    if !book_if_it_fits(overlay, &claim(&dispute)) {
        // Silence alone does not take a merchant past its cap: an act of people is needed.
        start_clock(overlay, subject, Dispute { state: DisputeState::Contested, ..dispute });
        return (DisputeState::Contested, Obligation(0));
    }
    let amount = dispute.amount;
    overlay.disputes.put(subject, Dispute { state: DisputeState::Accepted, ..dispute });
    (DisputeState::Accepted, amount)
}
