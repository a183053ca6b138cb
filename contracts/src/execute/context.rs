//! What a block knows of itself.

use crate::checkpoint::TreeHead;
use crate::crypto::PublicKey;
use crate::genesis::{Clock, Genesis};
use crate::types::{Calendar, ChainId, Day, Height, Month};

/// The block being executed, as the contracts see it.
#[derive(Clone, Copy, Debug)]
pub struct BlockContext<'a> {
    /// Its height.
    pub height: Height,
    /// Its time in ms since 1970: the only time there is.
    pub time_ms: u64,
    /// The alliance.
    pub chain_id: ChainId,
    /// The alliance's calendar.
    pub calendar: Calendar,
    /// The transparency log after the parent, as the block's header has it.
    pub parent_log: TreeHead,
    /// Who may set the clock, if it is a simulated one.
    pub clock_keys: Option<&'a [PublicKey]>,
    /// The local month and day, asked for with every operation.
    month: Month,
    day: Day,
    /// The operation being executed, by its position in the block; none during due work.
    pub(crate) operation: Option<u32>,
}

impl<'a> BlockContext<'a> {
    /// The context of a block of an alliance; `chain_id` is the genesis's own, which costs a hash to work out.
    #[must_use]
    pub fn new(genesis: &'a Genesis, chain_id: ChainId, height: Height, time_ms: u64) -> Self {
        let clock_keys = match &genesis.clock {
            Clock::Real => None,
            Clock::Simulated { keys } => Some(keys.as_slice()),
        };
        let calendar = genesis.calendar();
        let (month, day) = (calendar.month(time_ms), calendar.day(time_ms));
        let parent_log = TreeHead::default();
        Self { height, time_ms, chain_id, calendar, parent_log, clock_keys, month, day, operation: None }
    }

    /// The same block, after a log. Without one it is as if nothing had been logged before.
    #[must_use]
    pub const fn after_log(self, parent_log: TreeHead) -> Self {
        Self { parent_log, ..self }
    }

    /// The local month of the block: the settlement cycle, and the month of expiry.
    #[must_use]
    pub const fn month(&self) -> Month {
        self.month
    }

    /// The local day of the block, by which daily limits go.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }
}
