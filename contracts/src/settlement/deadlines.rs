//! The clocks of a leg: when it is due, when it goes to the governors, and how it ends.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::book::change_position;
use super::{Leg, LegState};
use crate::governance::{self, business_days};
use crate::state::Overlay;
use crate::types::Month;

/// Legs that one block's due work escalates, at most.
const ESCALATIONS_PER_BLOCK: usize = 1_000;

/// A leg that was unconfirmed for too long.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct LegEscalated {
    /// The closed cycle.
    pub cycle: Month,
    /// The leg's number within it.
    pub leg: u16,
}

/// When the legs of a cycle that closes now are due.
pub(super) fn leg_due_ms(overlay: &mut Overlay<'_>) -> u64 {
    let days = governance::parameters(overlay).settlement.payment_business_days;
    business_days::after(overlay, overlay.context.time_ms, days)
}

/// When a leg that is due then goes to the governors. It is due at the end of a day, so that day's last moment counts.
pub(super) fn leg_deadline_ms(overlay: &mut Overlay<'_>, due_ms: u64) -> u64 {
    let days = governance::parameters(overlay).settlement.escalation_business_days;
    business_days::after(overlay, due_ms - 1, days)
}

/// Ends an open leg: it no longer counts against its payer, and no clock runs.
pub(super) fn end_leg(overlay: &mut Overlay<'_>, key: (Month, u16), leg: Leg, state: LegState) {
    change_position(overlay, leg.payer, |p| p.unconfirmed_fen.0 -= leg.amount_fen.0);
    if !leg.is_escalated {
        let deadline_ms = leg.deadline_ms;
        overlay.leg_deadlines.delete((deadline_ms, key.0, key.1));
    }
    overlay.legs.put(key, Leg { state, ..leg });
}

/// Escalates open legs whose deadline has come.
pub(crate) fn escalate_legs(overlay: &mut Overlay<'_>) -> Vec<LegEscalated> {
    let end = (overlay.context.time_ms + 1, Month(0), 0);
    let due = overlay.leg_deadlines.scan(&(0, Month(0), 0), &end, ESCALATIONS_PER_BLOCK);
    let mut escalated = Vec::with_capacity(due.len());
    for ((deadline_ms, cycle, number), ()) in due {
        overlay.leg_deadlines.delete((deadline_ms, cycle, number));
        let leg = overlay.legs.get(&(cycle, number)).expect("a deadline stands for an open leg");
        overlay.legs.put((cycle, number), Leg { is_escalated: true, ..leg });
        escalated.push(LegEscalated { cycle, leg: number });
    }
    escalated
}
