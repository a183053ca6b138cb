//! This node's own clock: the only place that asks the system for the time of day.
//!
//! It decides nothing about the chain, whose only time is that of its blocks. It says when a reference lies ahead, how far
//! block time lags, and which time our own proposals carry; peers judge those by their clocks.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time in ms since 1970; 0 where the system's clock stands before that.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
