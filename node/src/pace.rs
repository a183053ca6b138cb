//! How long operations wait for company.
//!
//! A transaction and a block cost every node much by themselves, so under load a few full ones carry more than many small
//! ones; and whoever got a receipt by a block is about to send the next operation. What comes alone waits for nothing, and
//! nobody waits for more than usually comes.

use std::time::Duration;

/// A block of so many operations is a busy one.
pub const BUSY_OPERATIONS: usize = 32;

/// How long operations gather for a transaction after a busy block, at most, or while own transactions wait for a block: they
/// could hardly be in an earlier one. A full batch, a group or a transaction signed elsewhere goes at once.
pub const LINGER: Duration = Duration::from_millis(20);

/// How long after a busy block transactions gather for the next, at most: long enough for what lingered to come.
pub const GATHER: Duration = Duration::from_millis(30);
const _: () = assert!(LINGER.as_millis() < GATHER.as_millis());

/// Bytes of transactions that wait for no others.
pub const ENOUGH_BYTES: usize = 256 << 10;

/// How much usually comes between two blocks: as much as lately, where an older block counts a quarter less each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usual(pub usize);

impl Usual {
    /// Takes a block into account in which there was so much.
    pub fn note(&mut self, amount: usize) {
        self.0 = amount.max(self.0 - self.0.div_ceil(4));
    }

    /// Whether so much has come, if anything usually comes.
    #[must_use]
    pub const fn is_reached(self, amount: usize) -> bool {
        self.0 > 0 && amount >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_usually_comes_rises_at_once_and_falls_to_nothing_by_and_by() {
        let mut usual = Usual::default();
        let seen = [100, 40, 80, 0, 0, 0].map(|amount| {
            usual.note(amount);
            usual.0
        });
        assert_eq!(seen, [100, 75, 80, 60, 45, 33]);
        assert!(usual.is_reached(33) && !usual.is_reached(32));
        (0..20).for_each(|_| usual.note(0));
        assert!(usual.0 == 0 && !usual.is_reached(0));
    }
}
