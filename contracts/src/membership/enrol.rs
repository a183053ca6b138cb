//! `enrol`: takes a customer into the merchant's custody under an address that says nothing about the person.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use super::Member;
use crate::encoding::Domain;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, Hash, MerchantId};

const ADDRESS: Domain = Domain::new("tally/address/v1\0");

/// Enrols a member.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// A salted commitment to the member number, 32 bytes. The salt (128 random bits or more) and the number stay with
    /// the merchant: destroying them erases the person from the ledger.
    pub commitment: Hash,
}

/// The address that an enrolment gives: the last 20 bytes of the domain-separated SHA-256 over the enrolling merchant
/// (big-endian) and the commitment.
#[must_use]
pub fn member_address(merchant: MerchantId, commitment: &Hash) -> Address {
    let hash = ADDRESS.hash(&[&merchant.0.to_be_bytes(), &commitment.0]);
    let (_, last) = hash.0.split_last_chunk::<20>().expect("32 bytes have 20");
    Address(*last)
}

impl Enrol {
    /// Most bytes of its `Applied`.
    pub const MAX_RECEIPT_BYTES: usize = 20;

    /// # Errors
    /// `member_exists`.
    pub(crate) fn execute(&self, overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<Applied, Rejection> {
        let member = member_address(merchant, &self.commitment);
        if overlay.members.get(&member).is_some() {
            return Err(Rejection::MemberExists);
        }
        overlay.members.put(member, Member { custodian: merchant });
        Ok(Applied::Enrolled { member })
    }
}
