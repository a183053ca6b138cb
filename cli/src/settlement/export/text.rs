//! Texts that any of the formats takes: names, days and times, amounts.

use tally_contracts::genesis::MAX_TIME_MS;
use tally_contracts::types::{Calendar, DAY_MS, Fen, Month, Obligation};

use crate::output::{cny, cny_exact};

/// A text on one line, of characters that XML knows, without space around it: what people called something may hold
/// anything.
pub fn clean(text: &str) -> String {
    let is_bad = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
    let text: String = text.chars().map(|c| if is_bad(c) { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most so many characters of a text.
pub fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect::<String>().trim_end().to_owned()
}

/// A block time's local day, such as `2017-03-31`.
pub fn date(calendar: Calendar, time_ms: u64) -> String {
    let (month, within_ms) = month_and_rest(calendar, time_ms);
    format!("{month}-{:02}", within_ms / DAY_MS + 1)
}

/// A block time as local time with its offset (ISO 8601), such as `2017-04-01T00:00:00.000-05:00`.
pub fn date_time(calendar: Calendar, time_ms: u64) -> String {
    let of_day_ms = month_and_rest(calendar, time_ms).1 % DAY_MS;
    let (seconds, ms) = (of_day_ms / 1000, of_day_ms % 1000);
    let offset = calendar.utc_offset_minutes;
    let sign = if offset < 0 { '-' } else { '+' };
    format!(
        "{}T{:02}:{:02}:{:02}.{ms:03}{sign}{:02}:{:02}",
        date(calendar, time_ms),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        offset.abs() / 60,
        offset.abs() % 60
    )
}

/// The local month, and the time since its start. A node may answer any number; what lies after all block times counts
/// as the last of them.
fn month_and_rest(calendar: Calendar, time_ms: u64) -> (Month, u64) {
    let time_ms = time_ms.min(MAX_TIME_MS);
    let month = calendar.month(time_ms);
    (month, time_ms.saturating_sub(calendar.start_ms(month)))
}

/// CNY with two decimals.
pub fn yuan(fen: Fen) -> String {
    cny(&fen.to_string())
}

/// CNY with eight decimals: exact.
pub fn exact(amount: Obligation) -> String {
    cny_exact(&amount.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_on_one_line_and_within_their_length() {
        assert_eq!(clean("  Café\tNo. 9\r\n; <&> \u{0}\u{2028}便利店 "), "Café No. 9 ; <&> 便利店");
        assert_eq!(clean("\n\u{7}"), "");
        assert_eq!(cut("便利店 9", 4), "便利店");
        assert_eq!(cut("cafe", 70), "cafe");
    }

    #[test]
    fn times_are_local() {
        let ohio = Calendar { utc_offset_minutes: -300 };
        assert_eq!(date(ohio, 1_491_022_800_000), "2017-04-01");
        assert_eq!(date(ohio, 1_491_022_799_999), "2017-03-31");
        assert_eq!(date_time(ohio, 1_491_022_799_999), "2017-03-31T23:59:59.999-05:00");
        let nepal = Calendar { utc_offset_minutes: 345 };
        assert_eq!(date_time(nepal, 1_491_022_800_000), "2017-04-01T10:45:00.000+05:45");
        assert_eq!(date_time(Calendar::default(), 1_456_747_200_000), "2016-02-29T12:00:00.000+00:00");
        assert_eq!((date(ohio, 0), date(ohio, u64::MAX)), ("1970-01-01".into(), "5999-12-31".into()));
    }

    #[test]
    fn amounts_are_exact_on_both_sides_of_zero() {
        assert_eq!(yuan(Fen(u64::MAX)), "184467440737095516.15");
        assert_eq!(exact(Obligation(-1)), "-0.00000001");
        assert_eq!(exact(Obligation(1_000_000_000_000_000_000_001)), "10000000000000.00000001");
    }
}
