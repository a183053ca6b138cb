//! The marketing budget's guard: what redeeming the merchant's points costs in a month, against a budget of a month.

use tally_contracts::types::{Fen, Month, Rate};

use super::amount::Cny;
use super::books::Books;
use super::period::Period;

/// What a month may cost, and the part of it from which on there is an alert.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// In fen, more than zero.
    pub budget_fen: Fen,
    /// From 0 to 1.
    pub alert: Rate,
}

/// A month against the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Which.
    pub month: Month,
    /// What redemptions cost; below zero where reversals of earlier months outweigh them.
    pub cost: Cny,
    /// Whether it reached the part that alerts.
    pub is_alert: bool,
}

impl Budget {
    /// Each month of a period that the alliance has.
    pub fn judge(&self, books: &Books, period: &Period) -> Vec<Spent> {
        let last = books.heights.last_key_value().map_or(books.first_month(), |(month, _)| *month);
        let (first, last) = (books.first_month().max(*period.months.start()), last.min(*period.months.end()));
        let spent = |month| {
            let cost = books.supplies.cost(month);
            Spent { month, cost, is_alert: self.is_reached(cost) }
        };
        (first.0..=last.0).map(Month).map(spent).collect()
    }

    /// `cost >= budget x alert`, exactly; nothing alerts a month that cost nothing.
    pub fn is_reached(&self, cost: Cny) -> bool {
        let line = i128::from(self.budget_fen.0) * i128::from(self.alert.millionths());
        // One fen is as many units of 10^-8 CNY as one is millionths: the scales meet.
        cost > Cny::ZERO && cost.0 >= line
    }

    /// The part of the budget that a cost is, with four decimals, cut toward zero.
    pub fn used(&self, cost: Cny) -> String {
        let parts = cost.0 / (i128::from(self.budget_fen.0) * 100).max(1);
        let sign = if parts < 0 { "-" } else { "" };
        format!("{sign}{}.{:04}", parts.unsigned_abs() / 10_000, parts.unsigned_abs() % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_percent_alerts_and_a_unit_less_does_not() {
        let budget = Budget { budget_fen: Fen(10_000), alert: "0.15".parse().unwrap() };
        let line = Cny::of_fen(Fen(1_500));
        assert!(budget.is_reached(line));
        assert!(!budget.is_reached(line - Cny(1)));
        assert_eq!((budget.used(line), budget.used(line - Cny(1))), ("0.1500".into(), "0.1499".into()));
        assert_eq!(budget.used(-line), "-0.1500");
        let all = Budget { alert: Rate::ZERO, ..budget };
        assert!(!all.is_reached(Cny::ZERO) && all.is_reached(Cny(1)));
    }
}
