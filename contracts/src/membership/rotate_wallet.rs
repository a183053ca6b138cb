//! `rotate_wallet`: a member replaces its wallet key by the old one's word, at any merchant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Wallet, check_key, consent, require_member};
use crate::crypto::PublicKey;
use crate::operation::{Caller, Done, Takes, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::Address;

/// Replaces the wallet key; a recovery under way ends, for the old key has shown that it is not lost.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateWallet {
    /// Whose.
    pub member: Address,
    /// The new key.
    pub wallet_key: PublicKey,
}

impl Verb for RotateWallet {
    const MAX_RECEIPT_BYTES: usize = 0;
    const TAKES: Takes = Takes::WalletAlways;

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn check_stateless(&self) -> Result<(), &'static str> {
        check_key(&self.wallet_key)
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let mut member = require_member(overlay, &self.member)?;
        let current = member.wallet_key(overlay.context.time_ms).ok_or(Rejection::WalletMissing)?;
        if member.is_frozen {
            return Err(Rejection::MemberFrozen);
        }
        consent::require_wallet(overlay, caller, current)?;
        if self.wallet_key == current {
            return Err(Rejection::SameParty);
        }
        member.wallet = Some(Wallet { key: self.wallet_key, recovery: None });
        overlay.members.put(self.member, member);
        Ok(Applied::WalletRotated.into())
    }
}
