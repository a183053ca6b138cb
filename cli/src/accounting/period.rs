//! What a set of files is about: a month that is over, or all of the chain up to a block.

use std::ops::RangeInclusive;

use anyhow::Context as _;
use tally_contracts::types::{Calendar, Day, Height, Month};

use super::books::Books;

/// A period of a merchant's books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// How its directory is called: `2017-03`, or `to-1234`.
    pub label: String,
    /// The months whose entries belong to it.
    pub months: RangeInclusive<Month>,
    /// Its first local day.
    pub first: Day,
    /// Its last local day.
    pub last: Day,
    /// The last block in it.
    pub height: Height,
    /// The month after its last that is over.
    pub ended_before: Month,
}

impl Period {
    /// A month that is over at the end of what the books have read.
    ///
    /// # Errors
    /// It is not, or it lies before the alliance.
    pub fn month(books: &Books, month: Month) -> anyhow::Result<Self> {
        let genesis = books.first_month();
        let next = month.0.checked_add(1).map(Month);
        let next = next.filter(|next| month >= genesis && books.heights.range(next..).next().is_some());
        let next = next.with_context(|| format!("{month} is no month of the alliance that is over in this archive"))?;
        let height = books.heights.range(..next).next_back().map_or(Height(0), |(_, height)| *height);
        let (first, last) = days(books.calendar, month, next);
        Ok(Self { label: month.to_string(), months: month..=month, first, last, height, ended_before: next })
    }

    /// Everything that the books have read; its last day is that of its last block.
    pub fn whole(books: &Books) -> Self {
        let (month, height) = books
            .heights
            .last_key_value()
            .map_or((books.first_month(), Height(0)), |(month, height)| (*month, *height));
        let (first, last) = (books.calendar.day(books.start_ms), books.calendar.day(books.last_ms));
        let months = Month(0)..=Month(u16::MAX);
        Self { label: format!("to-{height}"), months, first, last, height, ended_before: month }
    }

    /// The months before it, of which its opening balances come; none where it begins with the alliance.
    pub fn before(&self) -> Option<RangeInclusive<Month>> {
        self.months.start().0.checked_sub(1).map(|last| Month(0)..=Month(last))
    }

    /// All months up to its end.
    pub fn through(&self) -> RangeInclusive<Month> {
        Month(0)..=*self.months.end()
    }

    /// The months of the alliance that are over by its end.
    pub fn ended_months(&self, books: &Books) -> impl Iterator<Item = Month> + use<> {
        (books.first_month().0..self.ended_before.0).map(Month)
    }
}

fn days(calendar: Calendar, month: Month, next: Month) -> (Day, Day) {
    (calendar.day(calendar.start_ms(month)), calendar.day(calendar.start_ms(next) - 1))
}
