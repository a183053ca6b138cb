//! What the alliance pool gave a merchant and took of its claim, month by month; and what of a rebate a quarter has accrued
//! so far, which is told and not booked (docs/accounting.md).

use serde_json::{Value, json};
use tally_contracts::types::Month;

use crate::output::{Lang, Table};

use super::amount::Cny;
use super::books::Books;
use super::period::Period;

/// Months of a quarter.
const QUARTER: u16 = 3;

/// One merchant's side of the distribution for a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolMonth {
    /// What of the pool's claim on us was passed on.
    pub passed_on: Cny,
    /// Our share.
    pub share: Cny,
    /// The rebate that we were paid; nothing within a quarter.
    pub rebate: Cny,
    /// What we honoured for others in the quarter so far, in whole fen.
    pub volume: Cny,
    /// The rebate on that volume.
    pub rebate_due: Cny,
    /// The rebates due to all merchants together.
    pub due_to_all: Cny,
    /// What the pool keeps for them; nothing at a quarter's end.
    pub reserved: Cny,
}

impl PoolMonth {
    /// What we were due at the quarter's end and the pool did not have.
    fn shortfall(&self, month: Month) -> Cny {
        if ends_quarter(month) { self.rebate_due - self.rebate } else { Cny::ZERO }
    }

    /// The rebate that stands to come if the quarter goes on: contingent.
    fn accrued(&self, month: Month) -> Cny {
        if ends_quarter(month) { Cny::ZERO } else { self.rebate_due }
    }
}

const fn ends_quarter(month: Month) -> bool {
    (month.0 + 1).is_multiple_of(QUARTER)
}

/// For programs: the distributions of a period, and the rebate that is contingent at its end.
pub fn json(books: &Books, period: &Period) -> Value {
    let months = books.distributions.range(period.months.clone());
    let distributions = months.map(|(month, ours)| {
        json!({
            "month": month,
            "passed_on_cny": ours.passed_on.exact(),
            "share_cny": ours.share.exact(),
            "rebate_cny": ours.rebate.exact(),
            "rebate_shortfall_cny": ours.shortfall(*month).exact(),
            "quarter_volume_cny": ours.volume.exact(),
        })
    });
    json!({ "distributions": distributions.collect::<Vec<_>>(), "contingent_rebate": contingent(books, period) })
}

/// What the last month that was over by the period's end left to come.
fn contingent(books: &Books, period: &Period) -> Option<Value> {
    let month = Month(period.ended_before.0.checked_sub(1)?);
    let ours = books.distributions.get(&month).filter(|ours| ours.accrued(month) > Cny::ZERO)?;
    Some(json!({
        "as_of": month,
        "accrued_cny": ours.accrued(month).exact(),
        "accrued_by_all_cny": ours.due_to_all.exact(),
        "reserved_cny": ours.reserved.exact(),
    }))
}

/// For people; nothing where the pool gave and took nothing.
pub fn text(books: &Books, period: &Period, lang: Lang) -> Option<String> {
    let headings = [
        lang.pick("alliance pool", "聯盟資金池"),
        lang.pick("#of our claim passed on, CNY", "#已轉出應付（元）"),
        lang.pick("#share, CNY", "#分成（元）"),
        lang.pick("#rebate, CNY", "#返點（元）"),
        lang.pick("#rebate accrued, not booked, CNY", "#累計返點，未入帳（元）"),
    ];
    let mut table = Table::new(&headings);
    let mut is_empty = true;
    for (month, ours) in books.distributions.range(period.months.clone()) {
        let amounts = [ours.passed_on, ours.share, ours.rebate, ours.accrued(*month)];
        if amounts.iter().any(|amount| *amount != Cny::ZERO) {
            table.row([month.to_string()].into_iter().chain(amounts.map(Cny::posted)));
            is_empty = false;
        }
    }
    (!is_empty).then(|| table.text().trim_end().to_owned())
}
