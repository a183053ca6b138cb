//! `confirm_leg`: the payee says that a leg was paid.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::LegState;
use super::deadlines::end_leg;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Fen, Month};

/// Confirms a leg; signed by a treasurer key of the payee.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmLeg {
    /// The closed cycle.
    pub cycle: Month,
    /// The leg's number within it, from 0 on.
    pub leg: u16,
    /// What was received; must be the leg's amount.
    pub amount_fen: Fen,
}

impl Verb for ConfirmLeg {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let key = (self.cycle, self.leg);
        let leg = overlay.legs.get(&key).ok_or(Rejection::UnknownLeg)?;
        if leg.payee != caller.merchant {
            return Err(Rejection::WrongParty);
        }
        if leg.state != LegState::Open {
            return Err(Rejection::LegConfirmed);
        }
        if leg.amount_fen != self.amount_fen {
            return Err(Rejection::LegAmount);
        }
        let state = LegState::Confirmed { height: overlay.context.height };
        end_leg(overlay, key, leg, state);
        Ok(Applied::LegConfirmed.into())
    }
}
