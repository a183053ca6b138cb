//! `claim_referral`: a merchant names the purchase that converted a referral of its.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Referral, contribute};
use crate::execute;
use crate::governance;
use crate::operation::{Caller, Done, Verb};
use crate::points::{Purchase, Standing};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, DAY_MS, MerchantId, Reference};

/// Says that a referred member has bought something.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimReferral {
    /// Who was referred.
    pub member: Address,
    /// To which merchant.
    pub merchant: MerchantId,
    /// The reference of that merchant's `issue` for the purchase.
    pub original: Reference,
}

impl Verb for ClaimReferral {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let key = (self.merchant, self.member);
        let referral = overlay.referrals.get(&key).ok_or(Rejection::UnknownReferral)?;
        if referral.by != caller.merchant {
            return Err(Rejection::WrongParty);
        }
        if referral.is_converted {
            return Err(Rejection::ReferralConverted);
        }
        let standing = execute::standing(overlay, self.merchant, self.original).ok_or(Rejection::UnknownOriginal)?;
        let Standing::Purchase(purchase) = standing else { return Err(Rejection::NotConverting) };
        let days = u64::from(governance::parameters(overlay).pool.referral_days);
        let bought_ms = self.original.time_ms();
        let is_in_time = (referral.time_ms..referral.time_ms + days * DAY_MS).contains(&bought_ms);
        if purchase.member != self.member || !is_in_time || purchase.kept_fen.0 == 0 || purchase.referred_by.is_some() {
            return Err(Rejection::NotConverting);
        }
        let claimed = Purchase { referred_by: Some(caller.merchant), ..purchase };
        execute::set_standing(overlay, self.merchant, self.original, Standing::Purchase(claimed));
        overlay.referrals.put(key, Referral { is_converted: true, ..referral });
        contribute(overlay, caller.merchant, |c| c.converted += 1);
        Ok(Applied::ReferralConverted.into())
    }
}
