//! `depart`: a wound-up merchant with nothing open leaves, and its node with it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::governance::validators;
use crate::membership::{Merchant, Phase};
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement;
use crate::state::Overlay;
use crate::types::{ClassId, MerchantId};

/// Lets a wound-up merchant go: by its own word, or any merchant's that has a voice.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Depart {
    /// Who leaves.
    pub merchant: MerchantId,
}

impl Verb for Depart {
    /// The height.
    const MAX_RECEIPT_BYTES: usize = 8;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let merchant = overlay.merchants.get(&self.merchant).ok_or(Rejection::UnknownMerchant)?;
        let speaks = overlay.merchants.get(&caller.merchant).is_some_and(|record| record.has_voice());
        if caller.merchant != self.merchant && !speaks {
            return Err(Rejection::WrongParty);
        }
        let successor = match merchant.phase {
            Phase::Staying => return Err(Rejection::NotLeaving),
            Phase::RunningOff { .. } => return Err(Rejection::RunOffRunning),
            Phase::Departed { .. } => return Err(Rejection::MerchantGone),
            Phase::WoundUp { successor } => successor,
        };
        if has_points_out(overlay, self.merchant) || settlement::is_open(overlay, self.merchant) {
            return Err(Rejection::PositionsOpen);
        }
        let from_height = validators::remove(overlay, self.merchant);
        let phase = Phase::Departed { successor, from_height };
        overlay.merchants.put(self.merchant, Merchant { phase, ..merchant });
        Ok(Applied::Departed { from_height }.into())
    }
}

/// Whether points of the merchant's are still to be bought out.
fn has_points_out(overlay: &mut Overlay<'_>, merchant: MerchantId) -> bool {
    let waiting = overlay.buy_outs.scan(&(0, ClassId(0)), &(u64::MAX, ClassId(0)), usize::MAX);
    let mut is_own = |id: &ClassId| overlay.classes.get(id).is_some_and(|class| class.issuer == merchant);
    waiting.iter().any(|((_, id), ())| is_own(id))
}
