//! Random choices that a seed repeats on every machine: SplitMix64 (Steele, Lea, Flood 2014).

/// A generator of choices.
pub struct Random(u64);

impl Random {
    /// The choices of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number of 64 bits.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number with `low <= number <= high`.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        if low >= high { low } else { low + self.number() % (high - low + 1) }
    }

    /// A number below a limit, which is more than zero.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// Whether something happens that happens so many times in a thousand.
    pub const fn chance(&mut self, per_mille: u64) -> bool {
        self.number() % 1000 < per_mille
    }

    /// A number from 1 to `high` of which every order of magnitude is as likely as any other.
    pub const fn magnitude(&mut self, high: u64) -> u64 {
        let bits = 64 - high.leading_zeros() as u64;
        let reach = 1 << (self.between(1, bits) - 1);
        let number = self.between(reach, reach.saturating_mul(2).saturating_sub(1));
        if number > high { high } else { number }
    }

    /// The position of something among so many, if there are any.
    pub const fn position(&mut self, count: usize) -> Option<usize> {
        if count == 0 { None } else { Some(self.between(0, count as u64 - 1) as usize) }
    }

    /// One of several.
    pub fn one<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        self.position(among.len()).map(|at| &among[at])
    }

    /// One of several, each as likely as its weight says.
    ///
    /// # Panics
    /// When the weights sum to zero.
    pub fn weighted<T: Copy>(&mut self, among: &[(T, u64)]) -> T {
        let total: u64 = among.iter().map(|(_, weight)| weight).sum();
        let mut left = self.between(1, total);
        for (what, weight) in among {
            if left <= *weight {
                return *what;
            }
            left -= weight;
        }
        unreachable!("the weights sum to the total")
    }
}
