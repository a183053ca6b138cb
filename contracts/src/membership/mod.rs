//! Membership: merchants with their keys, and the members in their custody with theirs.

mod add_key;
pub(crate) mod consent;
mod enrol;
mod enrol_wallet;
mod freeze;
mod leaving;
mod recover_wallet;
mod register_wallet;
mod revoke_key;
mod rotate_key;
mod rotate_wallet;
mod state;

pub use add_key::AddKey;
pub use consent::MAX_GRANT_MS;
pub use enrol::{Enrol, member_address};
pub use enrol_wallet::{EnrolWallet, wallet_address};
pub use freeze::{Freeze, Unfreeze};
pub use leaving::{Depart, RunOff, WoundUp};
pub use recover_wallet::{RECOVERY_MS, RecoverWallet};
pub use register_wallet::RegisterWallet;
pub use revoke_key::RevokeKey;
pub use rotate_key::RotateKey;
pub use rotate_wallet::RotateWallet;
pub use state::{Admission, Criteria, HolderKind, KeyRecord, Member, Merchant, Phase, Recovery, Wallet};

pub(crate) use leaving::wind_up;

use crate::crypto::PublicKey;
use crate::genesis::{OperatorKey, Role};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, MerchantId};

/// The member behind an address.
///
/// # Errors
/// `unknown_member`.
pub(crate) fn require_member(overlay: &mut Overlay<'_>, address: &Address) -> Result<Member, Rejection> {
    overlay.members.get(address).ok_or(Rejection::UnknownMember)
}

/// The member behind an address, in the merchant's own custody.
///
/// # Errors
/// `unknown_member`, `foreign_custodian`.
pub(crate) fn require_custody(
    overlay: &mut Overlay<'_>,
    address: &Address,
    merchant: MerchantId,
) -> Result<Member, Rejection> {
    let member = require_member(overlay, address)?;
    if custodian_of(overlay, &member) != merchant {
        return Err(Rejection::ForeignCustodian);
    }
    Ok(member)
}

/// An operator key of the merchant that is not revoked.
///
/// # Errors
/// `unknown_operator_key`, `key_already_revoked`.
fn require_key(overlay: &mut Overlay<'_>, key: &(MerchantId, PublicKey)) -> Result<KeyRecord, Rejection> {
    let record = overlay.operator_keys.get(key).ok_or(Rejection::UnknownOperatorKey)?;
    if record.revoked.is_some() {
        return Err(Rejection::KeyAlreadyRevoked);
    }
    Ok(record)
}

/// A merchant that is in the alliance.
///
/// # Errors
/// `unknown_merchant` (also a partner), `merchant_gone`.
pub(crate) fn require_merchant(overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<Merchant, Rejection> {
    let record = require_participant(overlay, merchant)?;
    if record.is_partner { Err(Rejection::UnknownMerchant) } else { Ok(record) }
}

/// A merchant or partner that is in the alliance.
///
/// # Errors
/// `unknown_merchant`, `merchant_gone`.
pub(crate) fn require_participant(overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<Merchant, Rejection> {
    let record = overlay.merchants.get(&merchant).ok_or(Rejection::UnknownMerchant)?;
    if matches!(record.phase, Phase::Departed { .. }) { Err(Rejection::MerchantGone) } else { Ok(record) }
}

/// Refuses new points of a merchant that is suspended or leaves.
///
/// # Errors
/// `merchant_suspended`, `merchant_leaving`.
pub(crate) fn require_issuing(overlay: &mut Overlay<'_>, issuer: MerchantId) -> Result<(), Rejection> {
    let record = overlay.merchants.get(&issuer).expect("an issuer is on record");
    if record.is_suspended {
        return Err(Rejection::MerchantSuspended);
    }
    if record.phase == Phase::Staying { Ok(()) } else { Err(Rejection::MerchantLeaving) }
}

/// The merchant that acts for a member: the one that enrolled it or, once that is wound up, the one that its members passed to.
pub(crate) fn custodian_of(overlay: &mut Overlay<'_>, member: &Member) -> MerchantId {
    let mut custodian = member.custodian;
    // A successor stays when it is named, so the way never comes back.
    while let Phase::WoundUp { successor } | Phase::Departed { successor, .. } =
        overlay.merchants.get(&custodian).expect("a custodian is on record").phase
    {
        custodian = successor;
    }
    custodian
}

/// Puts a participant and its keys on record.
pub(crate) fn found(overlay: &mut Overlay<'_>, id: MerchantId, keys: &[OperatorKey], participant: Merchant) {
    let governors = keys.iter().filter(|key| key.roles.contains(&Role::Governor)).count();
    let governor_keys = u32::try_from(governors).expect("a merchant is founded with few keys");
    overlay.merchants.put(id, Merchant { governor_keys, ..participant });
    for OperatorKey { public_key, roles, store_id } in keys {
        let record = KeyRecord { roles: roles.clone(), store_id: *store_id, revoked: None };
        overlay.operator_keys.put((id, *public_key), record);
    }
}

/// The own record of the merchant that submits.
pub(crate) fn own_record(overlay: &mut Overlay<'_>, merchant: MerchantId) -> Merchant {
    overlay.merchants.get(&merchant).expect("its key is on record, so the merchant is")
}

/// Whether a public key can sign at all; a rule on bytes alone.
fn check_key(key: &PublicKey) -> Result<(), &'static str> {
    key.check().map_err(|_| "the new key is not a usable Ed25519 key")
}

#[cfg(test)]
mod tests;
