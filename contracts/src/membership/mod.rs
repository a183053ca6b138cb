//! Membership: merchants with their keys, and the members in their custody with theirs.

mod add_key;
pub(crate) mod consent;
mod enrol;
mod enrol_wallet;
mod freeze;
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
pub use recover_wallet::{RECOVERY_MS, RecoverWallet};
pub use register_wallet::RegisterWallet;
pub use revoke_key::RevokeKey;
pub use rotate_key::RotateKey;
pub use rotate_wallet::RotateWallet;
pub use state::{HolderKind, KeyRecord, Member, Merchant, Recovery, Wallet};

use crate::crypto::PublicKey;
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
fn require_custody(overlay: &mut Overlay<'_>, address: &Address, merchant: MerchantId) -> Result<Member, Rejection> {
    let member = require_member(overlay, address)?;
    if member.custodian != merchant {
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
