//! `enrol_wallet`: enrols a customer that comes with a key of its own, under an address that follows from the key.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{HolderKind, Member, Phase, Wallet, check_key, consent, own_record};
use crate::crypto::PublicKey;
use crate::encoding::Domain;
use crate::operation::{Caller, Done, Takes, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::Address;

const WALLET_ADDRESS: Domain = Domain::new("tally/wallet-address/v1\0");

/// Enrols a member by its wallet key, which authorizes it: nobody can take an address in another's place.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolWallet {
    /// Which kind of holder.
    #[serde(default)]
    pub holder: HolderKind,
    /// The member's first wallet key.
    pub wallet_key: PublicKey,
}

/// The address of a first wallet key: the last 20 bytes of its domain-separated SHA-256. It stays when the key changes.
#[must_use]
pub fn wallet_address(wallet_key: &PublicKey) -> Address {
    Address::of_hash(&WALLET_ADDRESS.hash(&[&wallet_key.0]))
}

impl Verb for EnrolWallet {
    /// The address.
    const MAX_RECEIPT_BYTES: usize = 20;
    const TAKES: Takes = Takes::WalletAlways;

    fn check_stateless(&self) -> Result<(), &'static str> {
        check_key(&self.wallet_key)
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        if own_record(overlay, caller.merchant).phase != Phase::Staying {
            return Err(Rejection::MerchantLeaving);
        }
        consent::require_wallet(overlay, caller, self.wallet_key)?;
        let address = wallet_address(&self.wallet_key);
        if overlay.members.get(&address).is_some() {
            return Err(Rejection::MemberExists);
        }
        let wallet = Some(Wallet { key: self.wallet_key, recovery: None });
        let member = Member::new(caller.merchant, self.holder, wallet);
        overlay.members.put(address, member);
        Ok(Applied::Enrolled { member: address }.into())
    }
}
