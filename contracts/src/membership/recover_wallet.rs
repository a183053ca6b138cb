//! `recover_wallet`: the custodian replaces the key of a lost phone, after 7 days in which everyone can see it coming.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Recovery, Wallet, check_key, require_custody};
use crate::crypto::PublicKey;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, DAY_MS};

/// From the start of a recovery to its effect (docs/rules.md, 5).
pub const RECOVERY_MS: u64 = 7 * DAY_MS;

/// Starts a recovery, or starts it over with another key.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverWallet {
    /// Whose.
    pub member: Address,
    /// The new key.
    pub wallet_key: PublicKey,
}

impl Verb for RecoverWallet {
    /// The time of effect.
    const MAX_RECEIPT_BYTES: usize = 8;

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn check_stateless(&self) -> Result<(), &'static str> {
        check_key(&self.wallet_key)
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let mut member = require_custody(overlay, &self.member, caller.merchant)?;
        let time_ms = overlay.context.time_ms;
        let current = member.wallet_key(time_ms).ok_or(Rejection::WalletMissing)?;
        if self.wallet_key == current {
            return Err(Rejection::SameParty);
        }
        let effective_ms = time_ms + RECOVERY_MS;
        let recovery = Some(Recovery { key: self.wallet_key, effective_ms });
        member.wallet = Some(Wallet { key: current, recovery });
        overlay.members.put(self.member, member);
        Ok(Applied::RecoveryStarted { effective_ms }.into())
    }
}
