//! Calendar time. State knows only block time in milliseconds; days and months are those of the alliance's own offset
//! from UTC, fixed at genesis. Every period is half-open: `[start, end)`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use wincode::{SchemaRead, SchemaWrite};

use super::id::serde_as_text;

/// Milliseconds in an hour.
pub const HOUR_MS: u64 = 3_600_000;
/// Milliseconds in a day.
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// A local day: whole days since 1970-01-01 in the alliance's offset. As text, `2017-03-31`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Day(pub u32);

impl Day {
    /// 6000-01-01, as far as block time goes.
    pub const MAX: Self = Self(1_471_927);

    /// The day `count` later.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0 + count)
    }

    /// 1 for Monday to 7 for Sunday (ISO 8601); 1970-01-01 was a Thursday.
    #[must_use]
    pub const fn weekday(self) -> u8 {
        ((self.0 + 3) % 7 + 1) as u8
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(i64::from(self.0));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Why a text is not a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a day is written as year, month and day from 1970 to 9999, such as 2017-03-31")]
pub struct DayError;

impl FromStr for Day {
    type Err = DayError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = text.split('-').collect();
        let [year, month, day] = fields[..] else { return Err(DayError) };
        let is_written = |field: &str, digits| field.len() == digits && field.bytes().all(|b| b.is_ascii_digit());
        if !is_written(year, 4) || !is_written(month, 2) || !is_written(day, 2) {
            return Err(DayError);
        }
        let number = |field: &str| field.parse::<i64>().map_err(|_| DayError);
        let (year, month, day) = (number(year)?, number(month)?, number(day)?);
        if !(1..=12).contains(&month) {
            return Err(DayError);
        }
        let days = days_from_civil(year, month) + day - 1;
        if days < 0 || civil_from_days(days) != (year, month, day) {
            return Err(DayError);
        }
        u32::try_from(days).map(Self).map_err(|_| DayError)
    }
}

/// A local calendar month: whole months since 1970-01. As text, `2017-03`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Month(pub u16);

impl Month {
    /// The month `count` later.
    #[must_use]
    pub const fn plus(self, count: u16) -> Self {
        Self(self.0 + count)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", 1970 + self.0 / 12, self.0 % 12 + 1)
    }
}

/// Why a text is not a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a month is written as year and month from 1970 on, such as 2017-03")]
pub struct MonthError;

impl FromStr for Month {
    type Err = MonthError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        if year.len() != 4 || month.len() != 2 || !text.bytes().all(|b| b == b'-' || b.is_ascii_digit()) {
            return Err(MonthError);
        }
        let year: u32 = year.parse().map_err(|_| MonthError)?;
        let month: u32 = month.parse().map_err(|_| MonthError)?;
        if year < 1970 || !(1..=12).contains(&month) {
            return Err(MonthError);
        }
        u16::try_from((year - 1970) * 12 + month - 1).map(Self).map_err(|_| MonthError)
    }
}
serde_as_text! {
    Day: "A local day, as year, month and day.", "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";
    Month: "A local calendar month, as year and month.", "^[0-9]{4}-(0[1-9]|1[0-2])$";
}

/// The alliance's calendar: turns block time into local days and months.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Calendar {
    /// Minutes east of UTC, from -720 to 840.
    pub utc_offset_minutes: i32,
}

impl Calendar {
    /// The local day of a block time.
    ///
    /// # Panics
    /// When the time lies before 1970 or after year 11 million: block time is bounded long before.
    #[must_use]
    pub fn day(self, time_ms: u64) -> Day {
        let days = self.local_ms(time_ms).div_euclid(DAY_MS as i64);
        Day(u32::try_from(days.max(0)).expect("a day fits because block time is bounded"))
    }

    /// The local month of a block time.
    #[must_use]
    pub fn month(self, time_ms: u64) -> Month {
        month_of_day(i64::from(self.day(time_ms).0))
    }

    /// The block time at which a local month starts, in milliseconds since 1970.
    #[must_use]
    pub fn start_ms(self, month: Month) -> u64 {
        let local = days_from_civil(1970 + i64::from(month.0 / 12), i64::from(month.0 % 12) + 1) * DAY_MS as i64;
        (local - i64::from(self.utc_offset_minutes) * 60_000).max(0) as u64
    }

    /// The block time at which a local day starts, in milliseconds since 1970.
    #[must_use]
    pub const fn day_start_ms(self, day: Day) -> u64 {
        let local = day.0 as i64 * DAY_MS as i64 - self.utc_offset_minutes as i64 * 60_000;
        if local < 0 { 0 } else { local as u64 }
    }

    fn local_ms(self, time_ms: u64) -> i64 {
        i64::try_from(time_ms).unwrap_or(i64::MAX / 2) + i64::from(self.utc_offset_minutes) * 60_000
    }
}

/// Days from 1970-01-01 to the first of a month (Hinnant, "chrono-compatible low-level date algorithms").
const fn days_from_civil(year: i64, month: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The month a day lies in.
fn month_of_day(day: i64) -> Month {
    let (year, month, _) = civil_from_days(day);
    Month(u16::try_from((year - 1970) * 12 + month - 1).expect("a month fits because block time is bounded"))
}

/// Year, month and day; the inverse of [`days_from_civil`], from the same source.
const fn civil_from_days(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEAR_2017_UTC_MS: u64 = 1_483_228_800_000;

    #[test]
    fn every_month_prints_as_what_reads_as_the_same() {
        for month in (0..=u16::MAX).map(Month) {
            assert_eq!(month.to_string().parse(), Ok(month), "{month}");
        }
        assert_eq!(Month(u16::MAX).to_string(), "7431-04");
        for text in ["1969-12", "7431-05", "9999-12", "2017-00", "2017-13", "2017-1", "02017-01", "+201-01"] {
            assert_eq!(text.parse::<Month>(), Err(MonthError), "{text}");
        }
    }

    #[test]
    fn every_day_of_a_century_prints_as_what_reads_as_the_same() {
        for day in (0..36_525).map(Day) {
            assert_eq!(day.to_string().parse(), Ok(day), "{day}");
        }
        assert_eq!(Day(17_166).to_string(), "2016-12-31");
        assert_eq!((Day(17_166).weekday(), Day(11_016).weekday()), (6, 2), "a Saturday, and 29 February 2000");
        for text in ["1969-12-31", "2017-02-29", "2017-13-01", "2017-00-01", "2017-01-00", "2017-1-01", "2017-01-32"] {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
    }

    #[test]
    fn months_start_at_local_midnight() {
        let ohio = Calendar { utc_offset_minutes: -300 };
        let january: Month = "2017-01".parse().expect("a month");
        assert_eq!(ohio.start_ms(january), NEW_YEAR_2017_UTC_MS + 5 * HOUR_MS);
        assert_eq!(ohio.month(NEW_YEAR_2017_UTC_MS).to_string(), "2016-12");
        assert_eq!(ohio.month(ohio.start_ms(january)), january);
    }

    #[test]
    fn every_month_of_a_century_starts_where_the_one_before_ends() {
        let shanghai = Calendar { utc_offset_minutes: 480 };
        for n in 1..1200 {
            let start_ms = shanghai.start_ms(Month(n));
            assert_eq!(shanghai.month(start_ms), Month(n));
            assert_eq!(shanghai.month(start_ms - 1), Month(n - 1));
        }
    }
}
