//! Choices, read off the fuzzer's bytes: one byte for most of them, so that small changes of the bytes are small changes
//! of what is done. When the bytes are used up, every choice is the first one.

use arbitrary::{Arbitrary, Unstructured};

/// Amounts at which rules turn: zero, rounding, the limits and caps of the test genesis, and the ends of the types.
const AMOUNTS: [u64; 32] = [
    0,
    1,
    2,
    3,
    9,
    33,
    99,
    100,
    101,
    1_000,
    1_250,
    9_999,
    10_000,
    10_001,
    15_000,
    15_001,
    20_000,
    20_001,
    100_000,
    1_000_000,
    1_000_001,
    100_000_000,
    u32::MAX as u64,
    1 << 53,
    MAX_CAP_FEN,
    MAX_CAP_FEN + 1,
    10_000_000_000_000_000_000,
    i64::MAX as u64 - 1,
    i64::MAX as u64,
    i64::MAX as u64 + 1,
    u64::MAX - 1,
    u64::MAX,
];

const MAX_CAP_FEN: u64 = tally_contracts::genesis::MAX_CAP_FEN.0;

/// The fuzzer's bytes, as a source of choices.
#[derive(Debug)]
pub struct Input<'a>(Unstructured<'a>);

impl<'a> Input<'a> {
    /// Choices from `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Whether the bytes are used up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number from 0 up to, not including, `count`; 0 where there is none.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.int_in_range(0..=count.saturating_sub(1)).unwrap_or(0)
    }

    /// One of some, of which there is at least one. What stands more than once is chosen more often.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// Any value.
    pub fn any<T: Arbitrary<'a> + Default>(&mut self) -> T {
        self.0.arbitrary().unwrap_or_default()
    }

    /// An amount: one where rules turn, a small one, or any.
    pub fn amount(&mut self) -> u64 {
        match self.below(AMOUNTS.len() + 16) {
            n if n < AMOUNTS.len() => AMOUNTS[n],
            n if n % 4 == 0 => self.any(),
            _ => self.any::<u16>().into(),
        }
    }

    /// An amount that is likely `value`, or one less or more.
    pub fn amount_near(&mut self, value: u64) -> u64 {
        match self.below(8) {
            0 => value,
            1 => value.saturating_sub(1),
            2 => value.saturating_add(1),
            3 => value / 2,
            _ => self.amount(),
        }
    }

    /// What is left of the bytes.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0.take_rest()
    }
}
