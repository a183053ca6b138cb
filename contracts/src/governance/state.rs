//! Records of governance.

use wincode::{SchemaRead, SchemaWrite};

use crate::types::Month;

/// What due work has been done. All of it follows from block time; nothing here is chosen by anyone.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Schedule {
    /// The settlement cycle that is open: every earlier one is closed, every earlier month's points have lapsed.
    pub open_cycle: Month,
    /// Every holding is swept of points that ended before this month.
    pub swept_before: Month,
}
