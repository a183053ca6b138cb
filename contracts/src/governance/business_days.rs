//! Business days: Monday to Friday, but for the days that the calendar on record names.

use crate::state::{Overlay, Store, read, tag};
use crate::types::Day;

/// The end of the `count`-th business day after the day of a time: the block time at which the day that follows it starts.
/// With 0 the end of that day itself.
pub(crate) fn after(overlay: &mut Overlay<'_>, time_ms: u64, count: u16) -> u64 {
    let calendar = overlay.context.calendar;
    let mut day = calendar.day(time_ms);
    let mut left = count;
    while left > 0 {
        day = day.plus(1);
        let named = overlay.business_days.get(&day);
        left -= u16::from(named.unwrap_or_else(|| is_weekday(day)));
    }
    calendar.day_start_ms(day.plus(1))
}

/// Whether a day is a business day by the calendar on record.
#[must_use]
pub fn is_business_day(store: &dyn Store, day: Day) -> bool {
    read(store, tag::business_days, &day).unwrap_or_else(|| is_weekday(day))
}

const fn is_weekday(day: Day) -> bool {
    day.weekday() <= 5
}
