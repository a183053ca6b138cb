//! `register_wallet`: puts a member's first wallet key on record; from then on the custodian no longer acts alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Wallet, check_key, consent, require_custody};
use crate::crypto::PublicKey;
use crate::operation::{Caller, Done, Takes, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::Address;

/// Registers a first wallet key; submitted by the custodian, authorized by that key.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterWallet {
    /// Whose.
    pub member: Address,
    /// The key.
    pub wallet_key: PublicKey,
}

impl Verb for RegisterWallet {
    const MAX_RECEIPT_BYTES: usize = 0;
    const TAKES: Takes = Takes::WalletAlways;

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn check_stateless(&self) -> Result<(), &'static str> {
        check_key(&self.wallet_key)
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let mut member = require_custody(overlay, &self.member, caller.merchant)?;
        if member.wallet.is_some() {
            return Err(Rejection::WalletExists);
        }
        consent::require_wallet(overlay, caller, self.wallet_key)?;
        member.wallet = Some(Wallet { key: self.wallet_key, recovery: None });
        overlay.members.put(self.member, member);
        Ok(Applied::WalletRegistered.into())
    }
}
