//! Records of governance.

use serde::Serialize;
use wincode::{SchemaRead, SchemaWrite};

use crate::types::{Height, MerchantId, Month};

/// What due work has been done. All of it follows from block time; nothing here is chosen by anyone.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Schedule {
    /// Every earlier month's points have lapsed.
    pub open_month: Month,
    /// The settlement cycle that is open, by its first month: every earlier one is closed.
    pub open_cycle: Month,
    /// Every holding is swept of points that ended before this month.
    pub swept_before: Month,
}

/// The version of the protocol that the ledger runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize)]
pub struct Protocol {
    /// The version.
    pub version: u16,
    /// The first height that runs it.
    pub from_height: Height,
}

impl Default for Protocol {
    fn default() -> Self {
        Self { version: 1, from_height: Height(1) }
    }
}

/// Merchants that have spoken for one joint act.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize)]
pub struct Voices {
    /// When the first of them spoke, in ms since 1970.
    pub since_ms: u64,
    /// Who, in the order in which they spoke.
    pub merchants: Vec<MerchantId>,
}
