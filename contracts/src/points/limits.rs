//! Daily limits on what happens to a member's points without the member's own signature (DESIGN 5, "Authority").

use super::PointClass;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, ClassId, Fen, MerchantId};

/// A custodian that profits itself from a member's points of another merchant's class.
pub(crate) struct CustodianGain<'a> {
    pub class_id: ClassId,
    pub class: &'a PointClass,
    pub custodian: MerchantId,
    pub member: Address,
    /// Rounded up.
    pub value: Fen,
}

/// Charges a custodian's gain against the limits of the class, per member and day and per custodian and day.
///
/// # Errors
/// `custodian_member_limit`, `custodian_limit`.
pub(crate) fn charge_custodian(overlay: &mut Overlay<'_>, gain: &CustodianGain<'_>) -> Result<(), Rejection> {
    let day = overlay.context.day();
    let terms = &gain.class.terms;
    let key = (day, gain.class_id, gain.member);
    let used = overlay.custodian_member_used.get(&key).unwrap_or_default();
    let used = within(used, gain.value, terms.custodian_member_limit_fen).ok_or(Rejection::CustodianMemberLimit)?;
    overlay.custodian_member_used.put(key, used);
    let key = (day, gain.class_id, gain.custodian);
    let used = overlay.custodian_used.get(&key).unwrap_or_default();
    let used = within(used, gain.value, terms.custodian_limit_fen).ok_or(Rejection::CustodianLimit)?;
    overlay.custodian_used.put(key, used);
    Ok(())
}

/// Charges a redemption that nobody but the acceptor consented to, over all acceptors.
///
/// # Errors
/// `no_consent_limit`.
pub(crate) fn charge_no_consent(overlay: &mut Overlay<'_>, member: Address, value: Fen) -> Result<(), Rejection> {
    let limit = overlay.parameters.get(&()).expect("genesis wrote the parameters").no_consent_limit_fen;
    let key = (overlay.context.day(), member);
    let used = overlay.no_consent_used.get(&key).unwrap_or_default();
    let used = within(used, value, limit).ok_or(Rejection::NoConsentLimit)?;
    overlay.no_consent_used.put(key, used);
    Ok(())
}

fn within(used: Fen, more: Fen, limit: Fen) -> Option<Fen> {
    used.0.checked_add(more.0).filter(|sum| *sum <= limit.0).map(Fen)
}
