//! Membership: merchants with their keys, and the members in their custody.

mod enrol;
mod state;

pub use enrol::{Enrol, member_address};
pub use state::{KeyRoles, Member, Merchant};

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

/// The member behind an address, for whom only the custodian may act while no wallet key is on record (DESIGN 5).
///
/// # Errors
/// `unknown_member`, `foreign_custodian`.
pub(crate) fn require_custody(
    overlay: &mut Overlay<'_>,
    address: &Address,
    merchant: MerchantId,
) -> Result<Member, Rejection> {
    let member = require_member(overlay, address)?;
    if member.custodian != merchant {
        return Err(Rejection::ForeignCustodian);
    }
    Ok(member)
}

#[cfg(test)]
mod tests;
