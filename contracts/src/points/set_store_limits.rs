//! `set_store_limits`: a merchant bounds what one of its stores may do in a day.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::StoreLimits;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Fen, StoreId};

/// Sets the daily limits of a store of the own merchant, from now on.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetStoreLimits {
    /// The store.
    pub store_id: StoreId,
    /// What it may redeem and hold in a day, in fen.
    pub redeem_limit_fen: Fen,
    /// What it may reverse in a day, in fen.
    pub refund_limit_fen: Fen,
}

impl Verb for SetStoreLimits {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let Self { store_id, redeem_limit_fen, refund_limit_fen } = *self;
        overlay.store_limits.put((caller.merchant, store_id), StoreLimits { redeem_limit_fen, refund_limit_fen });
        Ok(Applied::StoreLimitsSet.into())
    }
}
