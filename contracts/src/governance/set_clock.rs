//! `set_clock`: moves a simulated clock forward.
//!
//! The block that holds it as its only operation takes its time (the ledger's rule on block time sees to that), so here
//! it only remains to say whether it did.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;

/// Sets the time of its block.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetClock {
    /// The new block time in ms since 1970; later than the parent's.
    pub time_ms: u64,
}

impl Verb for SetClock {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn execute(&self, overlay: &mut Overlay<'_>, _: &Caller<'_>) -> Result<Done, Rejection> {
        if overlay.context.time_ms != self.time_ms {
            return Err(Rejection::ClockBackwards);
        }
        Ok(Applied::ClockSet.into())
    }
}
