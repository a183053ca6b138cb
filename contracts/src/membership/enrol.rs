//! `enrol`: takes a customer into the merchant's custody under an address that says nothing about the person.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{HolderKind, Member, Phase, own_record};
use crate::encoding::Domain;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, Hash, MerchantId};

const ADDRESS: Domain = Domain::new("tally/address/v1\0");

/// Enrols a member.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Which kind of holder.
    #[serde(default)]
    pub holder: HolderKind,
    /// A salted commitment to the member number, 32 bytes. The salt (128 random bits or more) and the number stay with
    /// the merchant: destroying them erases the person from the ledger.
    pub commitment: Hash,
}

/// The address that an enrolment gives: the last 20 bytes of the domain-separated SHA-256 over the enrolling merchant
/// (big-endian) and the commitment.
#[must_use]
pub fn member_address(merchant: MerchantId, commitment: &Hash) -> Address {
    Address::of_hash(&ADDRESS.hash(&[&merchant.0.to_be_bytes(), &commitment.0]))
}

impl Verb for Enrol {
    /// The address.
    const MAX_RECEIPT_BYTES: usize = 20;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        if own_record(overlay, caller.merchant).phase != Phase::Staying {
            return Err(Rejection::MerchantLeaving);
        }
        let address = member_address(caller.merchant, &self.commitment);
        if overlay.members.get(&address).is_some() {
            return Err(Rejection::MemberExists);
        }
        overlay.members.put(address, Member::new(caller.merchant, self.holder, None));
        Ok(Applied::Enrolled { member: address }.into())
    }
}
