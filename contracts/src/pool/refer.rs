//! `refer`: a merchant sends a member of its own to another merchant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Referral, contribute};
use crate::membership::{require_custody, require_merchant};
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, MerchantId};

/// Refers a member, once to each merchant.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refer {
    /// Whom.
    pub member: Address,
    /// To which merchant.
    pub merchant: MerchantId,
}

impl Verb for Refer {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        require_custody(overlay, &self.member, caller.merchant)?;
        require_merchant(overlay, self.merchant)?;
        if self.merchant == caller.merchant {
            return Err(Rejection::SameParty);
        }
        let key = (self.merchant, self.member);
        if overlay.referrals.get(&key).is_some() {
            return Err(Rejection::ReferralExists);
        }
        let referral = Referral { by: caller.merchant, time_ms: overlay.context.time_ms, is_converted: false };
        overlay.referrals.put(key, referral);
        contribute(overlay, caller.merchant, |c| c.referrals += 1);
        Ok(Applied::Referred.into())
    }
}
