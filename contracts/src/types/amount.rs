//! Amounts. Integers only: points in minor units, money in fen, obligations in 10^-8 CNY, rates in millionths.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use wincode::{SchemaRead, SchemaWrite};

use super::id::serde_as_text;

/// An amount of points in minor units of its class (a class has 0 to 2 decimals). JSON: an integer as a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Points(pub u64);

/// An amount of money in fen (0.01 CNY), never negative. JSON: an integer as a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Fen(pub u64);

/// What one participant owes another, exactly: signed, in units of 10^-8 CNY. JSON: an integer as a string.
///
/// Points of at most 2 decimals times an anchor of at most 6 decimals always fit without rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Obligation(pub i128);

impl Obligation {
    /// Units of 10^-8 CNY in one fen.
    pub const PER_FEN: i128 = 1_000_000;

    /// The exact obligation of an amount of money.
    #[must_use]
    pub const fn from_fen(fen: Fen) -> Self {
        Self(fen.0 as i128 * Self::PER_FEN)
    }

    /// Whole fen, rounded up, of a value that is not negative: what a limit is charged, so that nothing below a fen is
    /// free. `None` past what fits.
    #[must_use]
    pub fn ceil_fen(self) -> Option<Fen> {
        let (fen, rest) = self.split_fen();
        u64::try_from(fen + i128::from(rest.0 > 0)).ok().map(Fen)
    }

    /// Whole fen, rounded down, of a value that is not negative: cash off. `None` past what fits.
    #[must_use]
    pub fn floor_fen(self) -> Option<Fen> {
        u64::try_from(self.split_fen().0).ok().map(Fen)
    }

    /// Whole fen and the signed remainder, truncated toward zero: `self = fen x 10^6 + remainder`.
    #[must_use]
    pub const fn split_fen(self) -> (i128, Self) {
        (self.0 / Self::PER_FEN, Self(self.0 % Self::PER_FEN))
    }
}

macro_rules! integer_amount {
    ($($name:ident($inner:ty)),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let error = |why: String| format!("`{text}` is not a whole number as a string: {why}");
                let amount: $inner = text.parse().map_err(|e: ParseIntError| error(e.to_string()))?;
                // An amount has one text: no plus, no leading zero, no zero below zero.
                if amount.to_string() == text { Ok(Self(amount)) } else { Err(error(format!("write `{amount}`"))) }
            }
        }
    )+};
}
integer_amount!(Points(u64), Fen(u64), Obligation(i128));
serde_as_text! {
    Points: "An amount of points, in minor units of their class; a whole number as text.",
        "^(0|[1-9][0-9]{0,19})$";
    Fen: "An amount of money in fen (0.01 CNY); a whole number as text.", "^(0|[1-9][0-9]{0,19})$";
    Obligation: "What one participant owes another, exactly: in units of 10^-8 CNY, signed; a whole number as text.",
        "^(0|-?[1-9][0-9]{0,38})$";
}

impl Points {
    /// The sum, or `None` past 2^64 - 1.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

/// A rate, an anchor value, a spread or a weight: a non-negative number in millionths.
///
/// Written and read as a decimal (`0.015`) through `rust_decimal`; held as an integer, so that a value has one encoding
/// and the arithmetic that moves value never rounds behind one's back (ADR 0002).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Rate {
    millionths: u64,
}

/// Why a text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal from 0 up to 18446744073709 with at most 6 decimals")]
pub struct RateError(String);

impl Rate {
    /// Millionths in one.
    pub const ONE: u64 = 1_000_000;
    /// Nothing.
    pub const ZERO: Self = Self { millionths: 0 };

    /// A rate of so many millionths.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Self {
        Self { millionths }
    }

    /// The rate in millionths.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.millionths
    }
}

impl TryFrom<Decimal> for Rate {
    type Error = RateError;
    fn try_from(value: Decimal) -> Result<Self, RateError> {
        let error = || RateError(value.to_string());
        let scaled = value.checked_mul(Decimal::from(Self::ONE)).ok_or_else(error)?;
        if !scaled.fract().is_zero() || value.is_sign_negative() && !value.is_zero() {
            return Err(error());
        }
        scaled.to_u64().map(Self::from_millionths).ok_or_else(error)
    }
}

impl From<Rate> for Decimal {
    fn from(rate: Rate) -> Self {
        Decimal::from_i128_with_scale(i128::from(rate.millionths), 6).normalize()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from(*self).fmt(f)
    }
}

impl FromStr for Rate {
    type Err = RateError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || RateError(text.to_owned());
        // `rust_decimal` reads signs, underscores and a missing digit on either side of the point as well.
        if !is_plain_decimal(text) {
            return Err(error());
        }
        Self::try_from(Decimal::from_str_exact(text).map_err(|_| error())?)
    }
}

/// Digits without a leading zero, and perhaps a point and 1 to 6 digits more.
fn is_plain_decimal(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = text.split_once('.').map_or((text, None), |(whole, decimals)| (whole, Some(decimals)));
    let is_whole = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    is_whole && decimals.is_none_or(|decimals| is_digits(decimals) && decimals.len() <= 6)
}

serde_as_text! {
    Rate: "A number from 0 on with at most 6 decimals, as text.", "^(0|[1-9][0-9]*)([.][0-9]{1,6})?$";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_one_text() {
        assert_eq!(serde_json::from_str::<Points>("\"0\"").ok(), Some(Points(0)));
        assert_eq!("18446744073709551615".parse(), Ok(Fen(u64::MAX)));
        assert_eq!("-10".parse(), Ok(Obligation(-10)));
        for wrong in ["", "+0", "+5", "-0", "00", "05", " 5", "5 ", "5.0", "0x5", "5_0", "1e3", "18446744073709551616"]
        {
            assert!(wrong.parse::<Points>().is_err(), "{wrong:?}");
            assert!(serde_json::from_str::<Fen>(&format!("\"{wrong}\"")).is_err(), "{wrong:?}");
        }
        for wrong in ["+1", "-0", "-01", "01", "--1"] {
            assert!(wrong.parse::<Obligation>().is_err(), "{wrong:?}");
        }
        let error = "+5".parse::<Points>().expect_err("a plus is no digit");
        assert_eq!(error, "`+5` is not a whole number as a string: write `5`");
        assert!(serde_json::from_str::<Points>("5").is_err(), "a JSON number may have lost digits on its way");
    }

    #[test]
    fn a_rate_is_digits_and_a_point() {
        for (text, millionths) in [("0", 0), ("0.015", 15_000), ("10.50", 10_500_000), ("0.000001", 1)] {
            assert_eq!(text.parse(), Ok(Rate::from_millionths(millionths)), "{text}");
        }
        for wrong in ["", "+1", "-0", "-0.1", ".5", "5.", "00.5", "01", "1_0", "1e2", "0.0000001", "0.0000000", "1,5"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong:?}");
        }
    }
}
