//! How long operations wait for company.
//!
//! A transaction and a block cost every node much by themselves, so under load a few full ones carry more than many small
//! ones; and whoever got a receipt by a block is about to send the next operation. What comes alone waits for nothing.

use std::time::Duration;

/// A block of so many operations is a busy one.
pub const BUSY_OPERATIONS: usize = 32;

/// How long operations gather for a transaction after a busy block, or while own transactions wait for a block: they could
/// hardly be in an earlier one. A full batch, a group or a transaction signed elsewhere goes at once.
pub const LINGER: Duration = Duration::from_millis(20);

/// How long after a busy block transactions gather for the next, at most: long enough for what lingered to come.
pub const GATHER: Duration = Duration::from_millis(30);
const _: () = assert!(LINGER.as_millis() < GATHER.as_millis());

/// Bytes of transactions that wait for no others.
pub const ENOUGH_BYTES: usize = 256 << 10;
