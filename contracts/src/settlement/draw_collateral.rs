//! `draw_collateral`: the merchants jointly pay an overdue leg from what its payer has posted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::LegState;
use super::deadlines::end_leg;
use crate::governance::joint;
use crate::membership::Merchant;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Fen, Month};

/// Draws the collateral of a leg's payer. The money itself is handed over beside the ledger, as it was posted.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawCollateral {
    /// The closed cycle.
    pub cycle: Month,
    /// The leg's number within it.
    pub leg: u16,
}

impl Verb for DrawCollateral {
    /// Voices, and how many are needed.
    const MAX_RECEIPT_BYTES: usize = 2 + 2;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let key = (self.cycle, self.leg);
        let leg = overlay.legs.get(&key).ok_or(Rejection::UnknownLeg)?;
        if leg.state != LegState::Open {
            return Err(Rejection::LegConfirmed);
        }
        if !leg.is_escalated {
            return Err(Rejection::LegNotEscalated);
        }
        let payer = overlay.merchants.get(&leg.payer).expect("a leg's payer is a participant");
        let left = payer.collateral_fen.0.checked_sub(leg.amount_fen.0).ok_or(Rejection::CollateralShort)?;
        if let Some(counted) = joint::speak(overlay, caller, &[leg.payer, leg.payee])? {
            return Ok(counted.into());
        }
        overlay.merchants.put(leg.payer, Merchant { collateral_fen: Fen(left), ..payer });
        let state = LegState::Drawn { height: overlay.context.height };
        end_leg(overlay, key, leg, state);
        Ok(Applied::CollateralDrawn.into())
    }
}
