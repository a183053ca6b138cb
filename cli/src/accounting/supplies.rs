//! What of the points is a supply for value-added tax, its kinds kept apart: own goods, and goods of third parties.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tally_contracts::types::{ClassId, MerchantId, Month};

use super::amount::Cny;

/// The kinds. An exchange and an import are changes of who owes for points, not supplies; breakage is no supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Supply {
    /// Our goods for our points: what of the contract liability became revenue.
    OwnGoods,
    /// Our goods for another's points: what the issuer owes us for them.
    ThirdPartyHonoured,
    /// Another's goods for our points: what we owe for them.
    ThirdPartyBought,
}

impl Supply {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OwnGoods => "own_goods",
            Self::ThirdPartyHonoured => "third_party_honoured",
            Self::ThirdPartyBought => "third_party_bought",
        }
    }

    /// Whether it is a cost of redeeming our points, which a marketing budget bears.
    pub const fn is_cost(self) -> bool {
        matches!(self, Self::OwnGoods | Self::ThirdPartyBought)
    }
}

/// Sums; reversals count against them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supplied {
    /// In minor units of the class.
    pub points: i128,
    /// What customers were given off at the till, in fen.
    pub cash_off_fen: i128,
    /// The amount of the kind.
    pub amount: Cny,
}

impl Supplied {
    fn add(&mut self, more: &Self) {
        self.points += more.points;
        self.cash_off_fen += more.cash_off_fen;
        self.amount += more.amount;
    }
}

/// What was supplied, by kind, class and counterparty (ourselves for own goods).
pub type Supplies = BTreeMap<(Supply, ClassId, MerchantId), Supplied>;

/// The same by the month in which it is booked.
#[derive(Clone, Debug, Default)]
pub struct SuppliesByMonth(BTreeMap<Month, Supplies>);

impl SuppliesByMonth {
    /// Adds an act.
    pub fn add(&mut self, month: Month, key: (Supply, ClassId, MerchantId), supplied: &Supplied) {
        self.0.entry(month).or_default().entry(key).or_default().add(supplied);
    }

    /// What was supplied in months.
    pub fn sum(&self, months: &RangeInclusive<Month>) -> Supplies {
        let mut sums = Supplies::new();
        for (key, supplied) in self.0.range(months.clone()).flat_map(|(_, supplies)| supplies) {
            sums.entry(*key).or_default().add(supplied);
        }
        sums
    }

    /// What redeeming our points cost in a month: the contract liability that our goods took, and what others are owed.
    pub fn cost(&self, month: Month) -> Cny {
        let supplies = self.0.get(&month).into_iter().flatten();
        supplies.filter(|((supply, ..), _)| supply.is_cost()).map(|(_, supplied)| supplied.amount).sum()
    }
}
