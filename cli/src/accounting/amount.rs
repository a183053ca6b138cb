//! Money of the books: exact, signed, in units of 10^-8 CNY. Nothing is rounded before it is posted.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use tally_contracts::types::{Fen, Obligation, Rate};

use crate::output::{cny, cny_exact};

/// An amount in units of 10^-8 CNY. On an account: a debit above zero, a credit below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cny(pub i128);

impl Cny {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount of whole fen.
    pub const fn of_fen(fen: Fen) -> Self {
        Self(fen.0 as i128 * Obligation::PER_FEN)
    }

    /// Whole fen, cut toward zero: what of the amount is posted.
    pub const fn whole_fen(self) -> i128 {
        self.0 / Obligation::PER_FEN
    }

    /// What is left below a fen, with the sign of the amount.
    pub const fn below_fen(self) -> Self {
        Self(self.0 % Obligation::PER_FEN)
    }

    /// The floor of `self x part / whole`, for an amount that is not negative and `part <= whole`; the last part takes all.
    ///
    /// # Panics
    /// When the amount is negative or the whole is zero.
    pub fn share(self, part: u64, whole: u64) -> Self {
        Self(mul_div(self.0, i128::from(part), i128::from(whole)))
    }

    /// The floor of `self x rate`, for an amount that is not negative.
    pub fn part(self, rate: Rate) -> Self {
        Self(mul_div(self.0, i128::from(rate.millionths()), i128::from(Rate::ONE)))
    }

    /// With eight decimals: exact.
    pub fn exact(self) -> String {
        cny_exact(&self.0.to_string())
    }

    /// As it stands in a journal: whole fen, with two decimals.
    pub fn posted(self) -> String {
        cny(&self.whole_fen().to_string())
    }
}

/// What of a purchase's price goes to its points, by relative stand-alone values: `P x V / (P + V)`, rounded down.
///
/// # Panics
/// When an amount is negative or both are zero.
pub fn deferred(price: Cny, value: Cny) -> Cny {
    Cny(mul_div(price.0, value.0, price.0 + value.0))
}

impl From<Obligation> for Cny {
    fn from(obligation: Obligation) -> Self {
        Self(obligation.0)
    }
}

impl Add for Cny {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Cny {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Cny {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Cny {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Cny {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Cny {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// The floor of `a x b / c`. The product may need more than 128 bits: a class may hold absurd points, and its books still
/// come out.
fn mul_div(a: i128, b: i128, c: i128) -> i128 {
    assert!(a >= 0 && b >= 0 && c > 0, "only amounts that are not negative are divided");
    let (a, b, c) = (a.unsigned_abs(), b.unsigned_abs(), c.unsigned_abs());
    let quotient = match a.checked_mul(b) {
        Some(product) => product / c,
        None => long_mul_div(a, b, c),
    };
    i128::try_from(quotient).expect("a part is at most the whole")
}

/// The same bit by bit of `b`: a quotient and a rest are doubled and added to, so that nothing grows beyond `2 x c`.
fn long_mul_div(a: u128, b: u128, c: u128) -> u128 {
    let (whole, part) = (a / c, a % c);
    let (mut quotient, mut rest) = (0_u128, 0_u128);
    for bit in (0..u128::BITS - b.leading_zeros()).rev() {
        (quotient, rest) = (quotient * 2 + rest * 2 / c, rest * 2 % c);
        if b >> bit & 1 == 1 {
            (quotient, rest) = (quotient + (rest + part) / c, (rest + part) % c);
        }
    }
    whole * b + quotient
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_yuan_with_points_worth_ten_defer_nine_yuan_nine() {
        let deferred = deferred(Cny::of_fen(Fen(10_000)), Cny::of_fen(Fen(1_000)));
        assert_eq!(deferred.exact(), "9.09090909");
        assert_eq!(deferred.posted(), "9.09");
    }

    #[test]
    fn parts_round_down_and_the_last_takes_all() {
        assert_eq!(Cny(10).share(1, 3), Cny(3));
        assert_eq!(Cny(10).share(3, 3), Cny(10));
        assert_eq!(Cny(999).part(Rate::from_millionths(100_000)), Cny(99));
        assert_eq!((Cny(-1_999_999).whole_fen(), Cny(-1_999_999).below_fen()), (-1, Cny(-999_999)));
    }

    #[test]
    fn products_beyond_128_bits_divide_as_small_ones_do() {
        for (a, b, c) in [(7, 9, 4), (0, 5, 3), (10, 1, 3), (123_456_789, 987_654_321, 1_000_003)] {
            assert_eq!(long_mul_div(a, b, c), a * b / c, "{a} x {b} / {c}");
        }
        let huge = i128::MAX / 2;
        assert_eq!(mul_div(huge, huge, huge), huge);
        assert_eq!(mul_div(huge - 1, 3, 6), (huge - 1) / 2);
        assert_eq!(Cny(huge).share(u64::MAX, u64::MAX), Cny(huge));
    }
}
