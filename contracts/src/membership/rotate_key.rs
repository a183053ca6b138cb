//! `rotate_key`: a new operator key takes the place of an old one, in one step.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{KeyRecord, check_key, require_key};
use crate::crypto::PublicKey;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;

/// Gives a new key the roles and the store of an old one, which is revoked.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// The old key.
    pub public_key: PublicKey,
    /// The new one.
    pub new_key: PublicKey,
}

impl Verb for RotateKey {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn check_stateless(&self) -> Result<(), &'static str> {
        check_key(&self.new_key)
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let (old, new) = ((caller.merchant, self.public_key), (caller.merchant, self.new_key));
        let record = require_key(overlay, &old)?;
        if overlay.operator_keys.get(&new).is_some() {
            return Err(Rejection::KeyExists);
        }
        let revoked = Some(overlay.context.height);
        overlay.operator_keys.put(new, record.clone());
        overlay.operator_keys.put(old, KeyRecord { revoked, ..record });
        Ok(Applied::KeyRotated.into())
    }
}
