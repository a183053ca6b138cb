//! `add_key`: a merchant adds an operator key of its own, say one for a till.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{KeyRecord, check_key, own_record};
use crate::crypto::PublicKey;
use crate::genesis::Role;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::StoreId;

/// Adds an operator key, which signs from the next block on.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddKey {
    /// The key.
    pub public_key: PublicKey,
    /// What it may sign: at least one role, each once, in the order of [`Role`].
    pub roles: Vec<Role>,
    /// The store that it acts for, and no other; none for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_id: Option<StoreId>,
}

impl Verb for AddKey {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn check_stateless(&self) -> Result<(), &'static str> {
        check_key(&self.public_key)?;
        if !Role::is_set(&self.roles) {
            return Err("a key has at least one role, each once and in order");
        }
        Ok(())
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let mut merchant = own_record(overlay, caller.merchant);
        if merchant.is_partner && self.roles.contains(&Role::Acceptor) {
            return Err(Rejection::WrongParty);
        }
        let key = (caller.merchant, self.public_key);
        if overlay.operator_keys.get(&key).is_some() {
            return Err(Rejection::KeyExists);
        }
        if self.roles.contains(&Role::Governor) {
            merchant.governor_keys = merchant.governor_keys.checked_add(1).ok_or(Rejection::Overflow)?;
            overlay.merchants.put(caller.merchant, merchant);
        }
        let record = KeyRecord { roles: self.roles.clone(), store_id: self.store_id, revoked: None };
        overlay.operator_keys.put(key, record);
        Ok(Applied::KeyAdded.into())
    }
}
