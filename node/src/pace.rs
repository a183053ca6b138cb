//! How long operations wait for company.
//!
//! A sync, a transaction and a block cost much by themselves, so under load a few full ones carry more than many small ones;
//! and whoever got a receipt by a block is about to send the next operation. Where little goes on, what comes waits for two
//! milliseconds; after a busy block for as much as usually comes, for twenty milliseconds at most, and where half of it has come
//! only until nothing more comes for two. Beside own operations that wait for a block it waits twenty milliseconds.

use std::time::{Duration, Instant};

/// A block of so many operations is a busy one.
pub const BUSY_OPERATIONS: usize = 32;

/// How long operations gather for a transaction after a busy block, at most, or while own transactions wait for a block: they
/// could hardly be in an earlier one.
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

    /// What is close to it: how much the same number of operations is varies a little.
    #[must_use]
    pub const fn nearly(self) -> usize {
        self.0 - self.0 / 8
    }

    /// Whether so much has come, if anything usually comes.
    #[must_use]
    pub const fn is_reached(self, amount: usize) -> bool {
        self.0 > 0 && amount >= self.0
    }
}

/// Until when a node's own operations gather, to be written, signed and sent as one.
#[derive(Clone, Copy, Debug)]
pub struct Gathering {
    /// How long operations gather where little goes on, or nothing more comes.
    linger: Duration,
    /// After a busy block; none after a quiet one.
    until: Option<Instant>,
    /// Own operations that blocks lately had.
    usual: Usual,
}

impl Gathering {
    /// Nothing has happened yet.
    #[must_use]
    pub const fn new(linger: Duration) -> Self {
        Self { linger, until: None, usual: Usual(0) }
    }

    /// Takes a block into account with so many operations, so many of them the node's own.
    pub fn note_block(&mut self, operations: usize, own: usize, now: Instant) {
        self.usual.note(own);
        self.until = (operations >= BUSY_OPERATIONS).then(|| now + LINGER);
    }

    /// When operations go, of which the first came at `since` and the last at `last`, whatever blocks come meanwhile: after
    /// [`LINGER`] at the latest. With them the next block has so many of the node's own; `is_flying` where some of those wait
    /// for it already.
    #[must_use]
    pub fn ends_at(&self, since: Instant, last: Instant, operations: usize, is_flying: bool) -> Instant {
        match self.until.filter(|until| since < *until) {
            Some(_) if self.usual.is_reached(operations) => since,
            // The rest may not come at all, and the block waits for this.
            Some(until) if 2 * operations >= self.usual.0 => until.min(since + LINGER).min(last + self.linger),
            Some(until) => until.min(since + LINGER),
            None if is_flying => since + LINGER,
            None => since + self.linger,
        }
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

    #[test]
    fn operations_gather_for_as_long_as_more_may_come() {
        let (linger, start) = (Duration::from_millis(2), Instant::now());
        let ms = |ms| start + Duration::from_millis(ms);
        let mut gathering = Gathering::new(linger);
        assert_eq!(gathering.ends_at(ms(0), ms(1), 9, false), ms(2));
        assert_eq!(gathering.ends_at(ms(0), ms(1), 9, true), ms(20), "they could hardly be in the block that is made");
        gathering.note_block(BUSY_OPERATIONS, 10, ms(100));
        assert_eq!(gathering.ends_at(ms(105), ms(107), 4, false), ms(120), "less than half of what usually comes");
        assert_eq!(gathering.ends_at(ms(105), ms(107), 5, false), ms(109), "half, and then nothing for a moment");
        assert_eq!(gathering.ends_at(ms(105), ms(119), 9, false), ms(120), "however many still come");
        assert_eq!(gathering.ends_at(ms(105), ms(107), 10, true), ms(105), "as many as usual");
        assert_eq!(gathering.ends_at(ms(120), ms(121), 9, false), ms(122), "what comes later waits for itself");
        gathering.note_block(BUSY_OPERATIONS - 1, 10, ms(130));
        assert_eq!(gathering.ends_at(ms(131), ms(132), 9, false), ms(133), "little goes on");
    }

    #[test]
    fn busy_blocks_of_others_do_not_put_off_what_waits() {
        let start = Instant::now();
        let mut gathering = Gathering::new(Duration::from_millis(2));
        for block in 0..10 {
            gathering.note_block(BUSY_OPERATIONS, 0, start + Duration::from_millis(15 * block));
            assert!(gathering.ends_at(start, start, 1, false) <= start + LINGER, "after block {block}");
        }
    }
}
