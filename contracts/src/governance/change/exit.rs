//! A merchant leaves: from then on it gives no new points, and its run-off starts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::governance;
use crate::membership::{Merchant, Phase, RunOff, require_merchant};
use crate::points::require_open_class;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ClassId, DAY_MS, MerchantId};

/// Classes that one exit names, at most.
const MAX_EXCHANGES: usize = 64;

/// Lets a merchant go, by its own wish or the others'.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Who leaves.
    pub merchant: MerchantId,
    /// The merchant that its members pass to when the run-off ends: one that accepts them, or one that the others name.
    pub successor: MerchantId,
    /// Its classes whose points become another merchant's when the run-off ends, by rising class; points of the others are
    /// bought out.
    pub exchanges: Vec<ClassExchange>,
}

/// Points of which class become points of which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassExchange {
    /// A class of the leaving merchant.
    pub from_class: ClassId,
    /// A main class of a merchant that stays.
    pub to_class: ClassId,
}

impl Act for Exit {
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }

    fn check_stateless(&self) -> Result<(), &'static str> {
        if self.exchanges.len() > MAX_EXCHANGES {
            return Err("an exit names at most 64 classes");
        }
        let is_rising = self.exchanges.is_sorted_by(|a, b| a.from_class < b.from_class);
        if is_rising { Ok(()) } else { Err("classes must rise, each once") }
    }

    /// # Errors
    /// `unknown_merchant`, `merchant_gone`, `merchant_leaving` (already); of the successor `same_party`, `unknown_merchant`,
    /// `merchant_gone`, `merchant_leaving`; of an exchange `unknown_class` and `class_closed` of either side,
    /// `not_exchangeable`.
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        require_staying(overlay, self.merchant)?;
        if self.successor == self.merchant {
            return Err(Rejection::SameParty);
        }
        require_staying(overlay, self.successor)?;
        for ClassExchange { from_class, to_class } in &self.exchanges {
            let from = require_open_class(overlay, *from_class)?;
            let to = require_open_class(overlay, *to_class)?;
            let is_staying = require_staying(overlay, to.issuer).is_ok();
            if from.issuer != self.merchant || to.issuer == self.merchant || !is_staying || to.terms.sub.is_some() {
                return Err(Rejection::NotExchangeable);
            }
        }
        Ok(())
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        let merchant = overlay.merchants.get(&self.merchant).expect("it was judged just before");
        let days = u64::from(governance::parameters(overlay).governance.run_off_days);
        let until_ms = overlay.context.time_ms + days * DAY_MS;
        let phase = Phase::RunningOff { until_ms, successor: self.successor };
        overlay.merchants.put(self.merchant, Merchant { phase, ..merchant });
        overlay.run_offs.insert((until_ms, self.merchant), RunOff { exchanges: self.exchanges.clone() });
    }
}

fn require_staying(overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<(), Rejection> {
    let is_staying = require_merchant(overlay, merchant)?.phase == Phase::Staying;
    if is_staying { Ok(()) } else { Err(Rejection::MerchantLeaving) }
}
