//! The contract liability: points with the amount that their purchases left for them, by class and last month of use.
//!
//! A pool changes only under a [`Row`] of the roll-forward, so the two cannot part. **Invariant**: a pool without points
//! has no amount, and none is negative.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use anyhow::{Context as _, ensure};
use tally_contracts::points::ClassTotals;
use tally_contracts::types::{ClassId, Month};

use super::amount::Cny;

/// Points with their carrying amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// In minor units.
    pub points: u128,
    /// Carrying amount.
    pub amount: Cny,
}

/// Why points came into a pool or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Earned from purchases.
    Issued,
    /// Made of a partner's points.
    Imported,
    /// Received from other classes.
    ExchangedIn,
    /// Spent before, and came back.
    RedemptionsReversed,
    /// Clawed back from refunded purchases, or taken to repay owed points.
    IssuesReversed,
    /// Spent for cash off.
    Redeemed,
    /// Not spent in time.
    Expired,
    /// Given into other classes.
    ExchangedOut,
    /// Paid for when their class was closed.
    BoughtOut,
}

impl Row {
    /// In the order of a roll-forward.
    pub const ALL: [Self; 9] = [
        Self::Issued,
        Self::Imported,
        Self::ExchangedIn,
        Self::RedemptionsReversed,
        Self::IssuesReversed,
        Self::Redeemed,
        Self::Expired,
        Self::ExchangedOut,
        Self::BoughtOut,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Imported => "imported",
            Self::ExchangedIn => "exchanged_in",
            Self::RedemptionsReversed => "redemptions_reversed",
            Self::IssuesReversed => "issues_reversed",
            Self::Redeemed => "redeemed",
            Self::Expired => "expired",
            Self::ExchangedOut => "exchanged_out",
            Self::BoughtOut => "bought_out",
        }
    }

    /// Whether it adds to what is outstanding.
    pub const fn comes_in(self) -> bool {
        matches!(self, Self::Issued | Self::Imported | Self::ExchangedIn | Self::RedemptionsReversed)
    }

    /// What the ledger counts of it.
    const fn counted(self, totals: &ClassTotals) -> u64 {
        match self {
            Self::Issued => totals.issued.0,
            Self::Imported => totals.imported.0,
            Self::ExchangedIn => totals.exchanged_in.0,
            Self::RedemptionsReversed => totals.redemptions_reversed.0,
            Self::IssuesReversed => totals.issues_reversed.0,
            Self::Redeemed => totals.redeemed.0,
            Self::Expired => totals.lapsed.0,
            Self::ExchangedOut => totals.exchanged_out.0,
            Self::BoughtOut => totals.bought_out.0,
        }
    }
}

/// Where and when points move: the month in which it is booked, the class, the last month of their use.
pub type Place = (Month, ClassId, Month);

/// All pools of one issuer, and how they came about.
#[derive(Clone, Debug, Default)]
pub struct Liability {
    pools: BTreeMap<(ClassId, Month), Pool>,
    /// By month of booking, class, row and last month of use.
    moves: BTreeMap<(Month, ClassId, Row, Month), Pool>,
    /// Points in open holds, by class and last month of use.
    held: BTreeMap<(ClassId, Month), u128>,
    /// By how much they rose, by month of booking and class.
    held_moves: BTreeMap<(Month, ClassId), i128>,
    /// Points of all months together, to be compared with the ledger's counters.
    counts: BTreeMap<(ClassId, Row), u128>,
}

impl Liability {
    /// Puts points with their amount into a pool.
    pub fn add(&mut self, (booked, class, expires): Place, row: Row, points: u64, amount: Cny) {
        let pool = self.pools.entry((class, expires)).or_default();
        pool.points += u128::from(points);
        pool.amount += amount;
        self.note((booked, class, expires), row, points, amount);
    }

    /// Takes points out of a pool, with their part of its amount: rounded down, the last point takes all.
    ///
    /// # Errors
    /// The pool has fewer: the rules and the ledger disagree.
    pub fn take(&mut self, (booked, class, expires): Place, row: Row, points: u64) -> anyhow::Result<Cny> {
        let pool = self.pools.entry((class, expires)).or_default();
        let short = || format!("class {class}: {points} points of {expires} leave a pool of fewer");
        let left = pool.points.checked_sub(u128::from(points)).with_context(short)?;
        let whole = u64::try_from(pool.points).context("the ledger keeps what is outstanding below 2^64")?;
        let amount = if points == 0 { Cny::ZERO } else { pool.amount.share(points, whole) };
        *pool = Pool { points: left, amount: pool.amount - amount };
        if left == 0 {
            self.pools.remove(&(class, expires));
        }
        self.note((booked, class, expires), row, points, amount);
        Ok(amount)
    }

    /// Sets points aside for a hold, or gives them back where `points` is negative. The pool keeps them.
    pub fn hold(&mut self, (booked, class, expires): Place, points: i128) {
        let held = self.held.entry((class, expires)).or_default();
        *held = held.checked_add_signed(points).expect("no more is given back than is held");
        *self.held_moves.entry((booked, class)).or_default() += points;
    }

    fn note(&mut self, (booked, class, expires): Place, row: Row, points: u64, amount: Cny) {
        let sum = self.moves.entry((booked, class, row, expires)).or_default();
        sum.points += u128::from(points);
        sum.amount += amount;
        *self.counts.entry((class, row)).or_default() += u128::from(points);
    }

    /// The sum of a row over months of booking.
    pub fn sum(&self, months: &RangeInclusive<Month>, class: ClassId, row: Row) -> Pool {
        let mut sum = Pool::default();
        for ((_, of, at, _), moved) in self.moves_in(months) {
            if (*of, *at) == (class, row) {
                sum.points += moved.points;
                sum.amount += moved.amount;
            }
        }
        sum
    }

    /// The pools of a class as they stood after months of booking from the first on, by last month of use.
    pub fn pools_after(&self, months: &RangeInclusive<Month>, class: ClassId) -> BTreeMap<Month, Pool> {
        let mut pools: BTreeMap<Month, Pool> = BTreeMap::new();
        // What comes in first: a pool is never below zero on the way.
        for comes_in in [true, false] {
            for ((_, of, row, expires), moved) in self.moves_in(months) {
                if *of != class || row.comes_in() != comes_in {
                    continue;
                }
                let pool = pools.entry(*expires).or_default();
                if comes_in {
                    *pool = Pool { points: pool.points + moved.points, amount: pool.amount + moved.amount };
                } else {
                    *pool = Pool { points: pool.points - moved.points, amount: pool.amount - moved.amount };
                }
            }
        }
        pools.retain(|_, pool| *pool != Pool::default());
        pools
    }

    /// Points of a class in open holds after months of booking from the first on.
    pub fn held_after(&self, months: &RangeInclusive<Month>, class: ClassId) -> i128 {
        let months = (*months.start(), ClassId(0))..=(*months.end(), ClassId(u32::MAX));
        self.held_moves.range(months).filter(|((_, of), _)| *of == class).map(|(_, points)| points).sum()
    }

    /// Of lots that ended before a month, how many points were spent, given away or bought out, and how many expired.
    pub fn ended(&self, months: &RangeInclusive<Month>, class: ClassId, before: Month) -> (u128, u128) {
        let (mut spent, mut back, mut expired) = (0, 0, 0);
        for ((_, of, row, expires), moved) in self.moves_in(months) {
            if *of != class || *expires >= before {
                continue;
            }
            match row {
                Row::Redeemed | Row::ExchangedOut | Row::BoughtOut => spent += moved.points,
                Row::RedemptionsReversed => back += moved.points,
                Row::Expired => expired += moved.points,
                _ => {}
            }
        }
        (spent.saturating_sub(back), expired)
    }

    fn moves_in(&self, months: &RangeInclusive<Month>) -> impl Iterator<Item = (&(Month, ClassId, Row, Month), &Pool)> {
        let first = (*months.start(), ClassId(0), Row::Issued, Month(0));
        let last = (*months.end(), ClassId(u32::MAX), Row::BoughtOut, Month(u16::MAX));
        self.moves.range(first..=last)
    }

    /// Compares a class with what the ledger counts of it.
    ///
    /// # Errors
    /// They differ: the roll-forward would not be that of the ledger.
    pub fn tie(&self, class: ClassId, totals: &ClassTotals) -> anyhow::Result<()> {
        for row in Row::ALL {
            let ours = self.counts.get(&(class, row)).copied().unwrap_or_default();
            let theirs = row.counted(totals);
            ensure!(ours == u128::from(theirs), "class {class}: {} is {ours}, on the ledger {theirs}", row.name());
        }
        let pools = self.pools.range((class, Month(0))..=(class, Month(u16::MAX)));
        let ours: u128 = pools.map(|(_, pool)| pool.points).sum();
        let theirs = u128::from(totals.outstanding.0) + u128::from(totals.held.0);
        ensure!(ours == theirs, "class {class}: {ours} points are outstanding, on the ledger {theirs}");
        Ok(())
    }

    /// Compares a pool with the live points that the ledger has for it.
    ///
    /// # Errors
    /// They differ.
    pub fn tie_month(&self, class: ClassId, expires: Month, live: u64) -> anyhow::Result<()> {
        let pool = self.pools.get(&(class, expires)).copied().unwrap_or_default();
        let held = self.held.get(&(class, expires)).copied().unwrap_or_default();
        let theirs = u128::from(live) + held;
        ensure!(
            pool.points == theirs,
            "class {class}: {} points of {expires} are outstanding, on the ledger {theirs}",
            pool.points
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tally_contracts::types::Points;

    use super::*;

    const CLASS: ClassId = ClassId(7);
    const PLACE: Place = (Month(560), CLASS, Month(562));

    #[test]
    fn points_take_their_part_and_the_last_take_all() {
        let mut liability = Liability::default();
        liability.add(PLACE, Row::Issued, 3, Cny(100));
        assert_eq!(liability.take(PLACE, Row::Redeemed, 1).unwrap(), Cny(33));
        assert_eq!(liability.take(PLACE, Row::Expired, 2).unwrap(), Cny(67));
        assert!(liability.take(PLACE, Row::Redeemed, 1).unwrap_err().to_string().contains("class 7"));
        assert!(liability.pools_after(&(Month(0)..=Month(600)), CLASS).is_empty());
    }

    #[test]
    fn a_class_that_differs_from_the_ledger_is_named() {
        let mut liability = Liability::default();
        liability.add(PLACE, Row::Issued, 10, Cny(1));
        liability.hold(PLACE, 4);
        let totals =
            ClassTotals { issued: Points(10), outstanding: Points(6), held: Points(4), ..ClassTotals::default() };
        assert!(liability.tie(CLASS, &totals).is_ok());
        assert!(liability.tie_month(CLASS, PLACE.2, 6).is_ok());
        let others = [
            ClassTotals { issued: Points(11), ..totals.clone() },
            ClassTotals { lapsed: Points(1), ..totals.clone() },
            ClassTotals { outstanding: Points(5), ..totals },
        ];
        for totals in others {
            assert!(liability.tie(CLASS, &totals).unwrap_err().to_string().starts_with("class 7: "));
        }
        assert!(liability.tie_month(CLASS, PLACE.2, 5).unwrap_err().to_string().starts_with("class 7: "));
    }
}
