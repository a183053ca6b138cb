//! The ledger goes on under another version of the protocol.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::governance::{NOTICE_BLOCKS, Protocol};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Height, MerchantId};

/// The version that this code runs. A node whose code runs a lower one than the ledger's stops before the height from which
/// on that counts.
pub const PROTOCOL_VERSION: u16 = 1;

/// Raises the version of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// The new version, one above the present.
    pub version: u16,
}

impl Act for Upgrade {
    fn subject(&self) -> Subject {
        Subject::Protocol
    }

    /// # Errors
    /// `change_superseded`: it is not the version that follows.
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        let present = overlay.protocol.get(&()).unwrap_or_default().version;
        if present.checked_add(1) == Some(self.version) { Ok(()) } else { Err(Rejection::ChangeSuperseded) }
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        let from_height = Height(overlay.context.height.0 + NOTICE_BLOCKS);
        overlay.protocol.put((), Protocol { version: self.version, from_height });
    }
}
