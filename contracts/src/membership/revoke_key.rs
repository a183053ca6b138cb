//! `revoke_key`: an operator key signs nothing from the next block on, and never comes back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{own_record, require_key};
use crate::crypto::PublicKey;
use crate::genesis::Role;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;

/// Revokes an operator key of the own merchant.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {
    /// The key.
    pub public_key: PublicKey,
}

impl Verb for RevokeKey {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let key = (caller.merchant, self.public_key);
        let mut record = require_key(overlay, &key)?;
        if record.roles.contains(&Role::Governor) {
            let mut merchant = own_record(overlay, caller.merchant);
            if merchant.governor_keys <= 1 {
                return Err(Rejection::LastGovernorKey);
            }
            merchant.governor_keys -= 1;
            overlay.merchants.put(caller.merchant, merchant);
        }
        record.revoked = Some(overlay.context.height);
        overlay.operator_keys.put(key, record);
        Ok(Applied::KeyRevoked.into())
    }
}
