//! `freeze` and `unfreeze`: the custodian stops what a member gives, say after a card was lost, and lets it go on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::require_custody;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::Address;

/// Freezes a member: it receives, and gives nothing.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Whom.
    pub member: Address,
}

/// Unfreezes a member.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unfreeze {
    /// Whom.
    pub member: Address,
}

impl Verb for Freeze {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let mut member = require_custody(overlay, &self.member, caller.merchant)?;
        if member.is_frozen {
            return Err(Rejection::MemberFrozen);
        }
        member.is_frozen = true;
        overlay.members.put(self.member, member);
        Ok(Applied::Frozen.into())
    }
}

impl Verb for Unfreeze {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let mut member = require_custody(overlay, &self.member, caller.merchant)?;
        if !member.is_frozen {
            return Err(Rejection::MemberNotFrozen);
        }
        member.is_frozen = false;
        overlay.members.put(self.member, member);
        Ok(Applied::Unfrozen.into())
    }
}
