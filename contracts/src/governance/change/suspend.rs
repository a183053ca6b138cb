//! A merchant or partner is suspended, and reinstated: meanwhile it issues and imports nothing and has no voice. It redeems
//! and validates on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::governance::electorate::Electorate;
use crate::membership::{Merchant, require_participant};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::MerchantId;

/// Suspends a merchant or partner.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Whom.
    pub merchant: MerchantId,
}

/// Ends a suspension.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reinstate {
    /// Whose.
    pub merchant: MerchantId,
}

impl Act for Suspend {
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }

    /// # Errors
    /// `unknown_merchant`, `merchant_gone`, `merchant_suspended` (already), `last_merchant` (nobody else has a voice).
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        if require_participant(overlay, self.merchant)?.is_suspended {
            return Err(Rejection::MerchantSuspended);
        }
        let others = Electorate::now(overlay, &[self.merchant]);
        if others.size() == 0 { Err(Rejection::LastMerchant) } else { Ok(()) }
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        set(overlay, self.merchant, true);
    }
}

impl Act for Reinstate {
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }

    /// # Errors
    /// `unknown_merchant`, `merchant_gone`, `not_suspended`.
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        let is_suspended = require_participant(overlay, self.merchant)?.is_suspended;
        if is_suspended { Ok(()) } else { Err(Rejection::NotSuspended) }
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        set(overlay, self.merchant, false);
    }
}

fn set(overlay: &mut Overlay<'_>, id: MerchantId, is_suspended: bool) {
    let merchant = overlay.merchants.get(&id).expect("it was judged just before");
    overlay.merchants.put(id, Merchant { is_suspended, ..merchant });
}
