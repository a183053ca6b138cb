//! Limits on what happens to a member's points without the member's own word on it, and on what one store does in a day
//! (`docs/rules.md`, sections 1 and 2). Amounts in fen are rounded up, so that nothing below a fen is free.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::standing::sum;
use super::{Charged, Hold, PointClass};
use crate::governance;
use crate::membership::consent::{Consent, GrantInUse};
use crate::rejection::Rejection;
use crate::state::{self, Key, Overlay, Store, Table, tag};
use crate::types::{Address, Calendar, ClassId, Day, Fen, Hash, MerchantId, Points, StoreId};

/// What one store may do in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct StoreLimits {
    /// Redemptions and holds, in fen.
    pub redeem_limit_fen: Fen,
    /// Reversals, in fen.
    pub refund_limit_fen: Fen,
}

/// Points of a member that are spent at a merchant.
pub(crate) struct Spending<'a> {
    pub class_id: ClassId,
    pub class: &'a PointClass,
    pub member: Address,
    pub merchant: MerchantId,
    pub points: Points,
    /// Rounded up.
    pub value: Fen,
}

/// A custodian that profits itself from a member's points of another merchant's class.
pub(crate) struct CustodianGain<'a> {
    pub class_id: ClassId,
    pub class: &'a PointClass,
    pub custodian: MerchantId,
    pub member: Address,
    /// Rounded up.
    pub value: Fen,
}

/// Charges spending to the limit that goes with the consent to it.
///
/// # Errors
/// `grant_exhausted`, `no_consent_limit`, `custodian_member_limit`, `custodian_limit`.
pub(crate) fn charge(
    overlay: &mut Overlay<'_>,
    spending: &Spending<'_>,
    consent: &Consent,
) -> Result<Charged, Rejection> {
    let Spending { class_id, class, member, merchant, points, value } = *spending;
    match consent {
        Consent::Wallet => Ok(Charged::Nothing),
        Consent::Grant(grant) => charge_grant(overlay, grant, points),
        Consent::Custodian if class.issuer == merchant => Ok(Charged::Nothing),
        Consent::Custodian => {
            charge_custodian(overlay, &CustodianGain { class_id, class, custodian: merchant, member, value })?;
            Ok(Charged::Custodian)
        }
        Consent::None => {
            let limit = governance::parameters(overlay).no_consent_limit_fen;
            let key = (overlay.context.day(), member);
            add_within(&mut overlay.no_consent_used, key, value, limit).ok_or(Rejection::NoConsentLimit)?;
            Ok(Charged::NoConsent)
        }
    }
}

fn charge_grant(overlay: &mut Overlay<'_>, grant: &GrantInUse, points: Points) -> Result<Charged, Rejection> {
    let key = grant_key(grant.expires_ms, grant.id);
    let used = overlay.grants_used.get(&key).unwrap_or_default();
    let used = used.checked_add(points).filter(|sum| *sum <= grant.max_points).ok_or(Rejection::GrantExhausted)?;
    overlay.grants_used.put(key, used);
    Ok(Charged::Grant { expires_ms: grant.expires_ms, id: grant.id })
}

/// Charges a custodian's gain against the limits of the class, per member and day and per custodian and day.
///
/// # Errors
/// `custodian_member_limit`, `custodian_limit`.
pub(crate) fn charge_custodian(overlay: &mut Overlay<'_>, gain: &CustodianGain<'_>) -> Result<(), Rejection> {
    let day = overlay.context.day();
    let terms = &gain.class.terms;
    let of_member = (day, gain.class_id, gain.member);
    add_within(&mut overlay.custodian_member_used, of_member, gain.value, terms.custodian_member_limit_fen)
        .ok_or(Rejection::CustodianMemberLimit)?;
    let of_custodian = (day, gain.class_id, gain.custodian);
    add_within(&mut overlay.custodian_used, of_custodian, gain.value, terms.custodian_limit_fen)
        .ok_or(Rejection::CustodianLimit)
}

/// Charges a redemption or hold to its store; gives the store if it has limits.
///
/// # Errors
/// `store_redeem_limit`.
pub(crate) fn charge_store_redeem(
    overlay: &mut Overlay<'_>,
    (merchant, store): (MerchantId, Option<StoreId>),
    value: Fen,
) -> Result<Option<StoreId>, Rejection> {
    let Some((store, limits)) = limits_of(overlay, merchant, store) else { return Ok(None) };
    let key = (overlay.context.day(), merchant, store);
    add_within(&mut overlay.store_redeemed, key, value, limits.redeem_limit_fen).ok_or(Rejection::StoreRedeemLimit)?;
    Ok(Some(store))
}

/// Charges a reversal to its store.
///
/// # Errors
/// `store_refund_limit`.
pub(crate) fn charge_store_refund(
    overlay: &mut Overlay<'_>,
    (merchant, store): (MerchantId, Option<StoreId>),
    value: Fen,
) -> Result<(), Rejection> {
    let Some((store, limits)) = limits_of(overlay, merchant, store) else { return Ok(()) };
    let key = (overlay.context.day(), merchant, store);
    add_within(&mut overlay.store_refunded, key, value, limits.refund_limit_fen).ok_or(Rejection::StoreRefundLimit)
}

/// Gives back what a hold was charged for points that are released, as far as the limits' period still runs.
pub(crate) fn give_back(
    overlay: &mut Overlay<'_>,
    merchant: MerchantId,
    (hold, class): (&Hold, &PointClass),
    captured: Points,
) {
    let whole = sum(&hold.lots);
    let charge = |points| class.terms.value_at(points, hold.anchor).ceil_fen().expect("it was charged when placed");
    let value = Fen(charge(whole).0 - charge(captured).0);
    let is_same_day = overlay.context.day() == hold.day;
    match hold.charged {
        Charged::Grant { expires_ms, id } if overlay.context.time_ms < expires_ms => {
            let key = grant_key(expires_ms, id);
            let used = overlay.grants_used.get(&key).unwrap_or_default();
            // What is given back first: with a full capture, `used` may be all that there can be.
            let left = used.0 - (whole.0 - captured.0);
            overlay.grants_used.put(key, Points(left));
        }
        Charged::NoConsent if is_same_day => take_off(&mut overlay.no_consent_used, (hold.day, hold.member), value),
        Charged::Custodian if is_same_day => {
            take_off(&mut overlay.custodian_member_used, (hold.day, hold.class, hold.member), value);
            take_off(&mut overlay.custodian_used, (hold.day, hold.class, merchant), value);
        }
        _ => {}
    }
    if let Some(store) = hold.store_id.filter(|_| is_same_day) {
        take_off(&mut overlay.store_redeemed, (hold.day, merchant, store), value);
    }
}

/// What was spent of a grant so far, by its end in ms since 1970 and what it is known by; 0 too where no use of it is known.
///
/// # Panics
/// When the end lies after year 11 million (`Calendar::day`).
#[must_use]
pub fn spent_of_grant(store: &dyn Store, expires_ms: u64, id: Hash) -> Points {
    state::read(store, tag::grants_used, &grant_key(expires_ms, id)).unwrap_or_default()
}

/// By UTC day of its end, so that ended grants fall out of the table as ranges.
fn grant_key(expires_ms: u64, id: Hash) -> (Day, Hash) {
    (Calendar::default().day(expires_ms), id)
}

fn limits_of(
    overlay: &mut Overlay<'_>,
    merchant: MerchantId,
    store: Option<StoreId>,
) -> Option<(StoreId, StoreLimits)> {
    let store = store?;
    Some((store, overlay.store_limits.get(&(merchant, store))?))
}

/// Adds to what is used under a key, unless that exceeds the limit.
pub(crate) fn add_within<K: Key>(used: &mut Table<'_, K, Fen>, key: K, more: Fen, limit: Fen) -> Option<()> {
    used.try_change(&key, |used| {
        used.0 = used.0.checked_add(more.0).filter(|sum| *sum <= limit.0)?;
        Some(())
    })
}

fn take_off<K: Key>(used: &mut Table<'_, K, Fen>, key: K, less: Fen) {
    used.change(&key, |used| used.0 -= less.0);
}
