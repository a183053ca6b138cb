//! The tables of a period, as CSV: roll-forward, liability by expiry, supplies by kind.

use std::ops::RangeInclusive;

use tally_contracts::types::{ClassId, Month};

use crate::settlement::export::summary::Table;
use crate::settlement::export::text::clean;

use super::amount::Cny;
use super::books::{Books, Class};
use super::liability::{Pool, Row};
use super::period::Period;

/// The roll-forward of one class over a period.
#[derive(Clone, Debug)]
pub struct RollForward {
    /// The class.
    pub class: ClassId,
    /// Before the period.
    pub opening: Pool,
    /// What moved in it.
    pub rows: Vec<(Row, Pool)>,
    /// After it: what the ledger has outstanding and held.
    pub closing: Pool,
    /// Of those, points in open holds.
    pub held: i128,
}

impl RollForward {
    /// Of every class that the merchant issues by the period's end.
    pub fn all(books: &Books, period: &Period) -> Vec<Self> {
        let is_there = |class: &Class| class.issuer == books.merchant && class.since <= *period.months.end();
        let ours = books.classes.iter().filter(|(_, class)| is_there(class));
        ours.map(|(class, _)| Self::of(books, period, *class)).collect()
    }

    fn of(books: &Books, period: &Period, class: ClassId) -> Self {
        let sum = |months: &RangeInclusive<Month>| -> Pool {
            books.liability.pools_after(months, class).into_values().fold(Pool::default(), |sum, pool| Pool {
                points: sum.points + pool.points,
                amount: sum.amount + pool.amount,
            })
        };
        let (opening, closing) =
            (period.before().map_or_else(Pool::default, |months| sum(&months)), sum(&period.through()));
        let rows: Vec<(Row, Pool)> =
            Row::ALL.iter().map(|row| (*row, books.liability.sum(&period.months, class, *row))).collect();
        let (mut points, mut amount) = (i128::try_from(opening.points).expect("points fit"), opening.amount);
        for (row, moved) in &rows {
            let sign = if row.comes_in() { 1 } else { -1 };
            points += sign * i128::try_from(moved.points).expect("points fit");
            amount += Cny(sign * moved.amount.0);
        }
        assert_eq!(
            (points, amount),
            (i128::try_from(closing.points).expect("points fit"), closing.amount),
            "class {class}"
        );
        Self { class, opening, rows, closing, held: books.liability.held_after(&period.through(), class) }
    }
}

/// Points in whole points with the decimals of their class.
pub fn points_text(books: &Books, class: ClassId, minor: i128) -> String {
    let decimals = books.classes.get(&class).map_or(0, |class| usize::from(class.terms.decimals));
    if decimals == 0 {
        return minor.to_string();
    }
    let (sign, minor) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    let scale = 10_u128.pow(u32::try_from(decimals).expect("a class has at most 2"));
    format!("{sign}{}.{:0decimals$}", minor / scale, minor % scale)
}

/// `roll-forward.csv`: from opening to closing, points and amount, by class.
pub fn roll_forward(books: &Books, period: &Period) -> String {
    let mut table = Table::new(&["period", "class", "class_name", "row", "points", "amount_cny", "posted_cny"]);
    for class in RollForward::all(books, period) {
        let name = class_name(books, class.class);
        let mut row = |row: &str, points: i128, amount: Option<Cny>, posted: String| {
            let cells = [period.label.clone(), class.class.to_string(), name.clone(), row.to_owned()];
            let points = points_text(books, class.class, points);
            table.row(cells.into_iter().chain([points, amount.map(Cny::exact).unwrap_or_default(), posted]));
        };
        let points = |pool: &Pool, sign: i128| sign * i128::try_from(pool.points).expect("points fit");
        row("opening", points(&class.opening, 1), Some(class.opening.amount), class.opening.amount.posted());
        for (kind, moved) in &class.rows {
            let sign = if kind.comes_in() { 1 } else { -1 };
            row(kind.name(), points(moved, sign), Some(Cny(sign * moved.amount.0)), String::new());
        }
        row("closing", points(&class.closing, 1), Some(class.closing.amount), class.closing.amount.posted());
        row("of_which_held", class.held, None, String::new());
    }
    table.text()
}

/// `liability-by-expiry.csv`: what may still be spent at the period's end, by last month of use.
pub fn by_expiry(books: &Books, period: &Period) -> String {
    let mut table = Table::new(&["period", "class", "class_name", "expires", "points", "amount_cny"]);
    for (class, _) in books.classes.iter().filter(|(_, class)| class.issuer == books.merchant) {
        for (expires, pool) in books.liability.pools_after(&period.through(), *class) {
            let points = points_text(books, *class, i128::try_from(pool.points).expect("points fit"));
            let cells = [period.label.clone(), class.to_string(), class_name(books, *class), expires.to_string()];
            table.row(cells.into_iter().chain([points, pool.amount.exact()]));
        }
    }
    table.text()
}

/// `vat.csv`: what was supplied for points, its kinds kept apart.
pub fn vat(books: &Books, period: &Period) -> String {
    let headings = ["period", "kind", "class", "class_name", "counterparty", "points", "cash_off_cny", "amount_cny"];
    let mut table = Table::new(&headings);
    for ((supply, class, merchant), supplied) in books.supplies.sum(&period.months) {
        let cells = [period.label.clone(), supply.name().to_owned(), class.to_string(), class_name(books, class)];
        let cash_off = crate::output::cny(&supplied.cash_off_fen.to_string());
        let points = points_text(books, class, supplied.points);
        table.row(cells.into_iter().chain([merchant.to_string(), points, cash_off, supplied.amount.exact()]));
    }
    table.text()
}

/// A class's name, such as no spreadsheet takes for a formula.
fn class_name(books: &Books, class: ClassId) -> String {
    let name = clean(books.classes.get(&class).map_or("", |class| class.name.as_str()));
    if name.starts_with(['=', '+', '-', '@']) { format!("'{name}") } else { name }
}
