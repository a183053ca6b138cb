//! Settlement: what receipts say is owed is booked, once; a cycle's pairs, positions and legs follow from what was booked;
//! everything that someone owes is owed to someone.

use std::collections::BTreeMap;

use tally_contracts::encoding;
use tally_contracts::governance::Schedule;
use tally_contracts::points::{Hold, PointClass};
use tally_contracts::settlement::{Gross, Leg, LegState, PairNet, Position, Statement};
use tally_contracts::state::{MemoryStore, tag};
use tally_contracts::types::{ClassId, MerchantId, Month, Obligation, Points, Reference};

use super::{Flows, equal, rows};

type Pair = (MerchantId, MerchantId);

/// Everything booked, by cycle.
struct Books {
    open_cycle: Month,
    gross: BTreeMap<Month, BTreeMap<Pair, i128>>,
    pairs: BTreeMap<Month, BTreeMap<Pair, PairNet>>,
    legs: BTreeMap<Month, Vec<Leg>>,
}

/// Gives the number of closed cycles and what the pool is owed.
///
/// # Errors
/// The first sum that does not come out.
pub(super) fn check(store: &MemoryStore, flows: &Flows) -> Result<(u64, Obligation), String> {
    let books = Books::of(store)?;
    let booked: i128 = books.gross.values().flat_map(BTreeMap::values).sum();
    equal(|| "the sum of all gross obligations, against the receipts,".into(), &booked, &flows.obligations)?;
    let pool: i128 =
        rows::<MerchantId, Obligation>(store, tag::pool_claims, encoding::decode_own).map(|(_, o)| o.0).sum();
    equal(|| "what the pool is owed, against the receipts,".into(), &pool, &flows.pool)?;

    let mut carries: BTreeMap<Pair, i128> = BTreeMap::new();
    let mut settlements = 0;
    for (cycle, statement) in rows::<Month, Statement>(store, tag::statements, encoding::decode_own) {
        books.check_cycle(cycle, &statement, &mut carries).map_err(|reason| format!("cycle {cycle}: {reason}"))?;
        settlements += 1;
    }
    let kept: BTreeMap<Pair, i128> =
        rows::<Pair, Obligation>(store, tag::carries, encoding::decode_own).map(|(pair, o)| (pair, o.0)).collect();
    if kept != carries {
        return Err("the remainders carried on are not those of the last closed cycle".into());
    }
    books.check_positions(store)?;
    Ok((settlements, Obligation(pool)))
}

impl Books {
    fn of(store: &MemoryStore) -> Result<Self, String> {
        let schedule = rows::<(), Schedule>(store, tag::schedule, encoding::decode_own).next();
        let ((), schedule) = schedule.ok_or("the schedule is missing")?;
        let mut books = Self {
            open_cycle: schedule.open_cycle,
            gross: BTreeMap::new(),
            pairs: BTreeMap::new(),
            legs: BTreeMap::new(),
        };
        type Booked = (Month, MerchantId, MerchantId);
        for ((cycle, debtor, creditor), gross) in rows::<Booked, Gross>(store, tag::gross, encoding::decode_own) {
            books.gross.entry(cycle).or_default().insert((debtor, creditor), gross.total().0);
        }
        for ((cycle, low, high), pair) in rows::<Booked, PairNet>(store, tag::pair_nets, encoding::decode_own) {
            books.pairs.entry(cycle).or_default().insert((low, high), pair);
        }
        for ((cycle, _), leg) in rows::<(Month, u16), Leg>(store, tag::legs, encoding::decode_own) {
            books.legs.entry(cycle).or_default().push(leg);
        }
        Ok(books)
    }

    /// Gross amounts and the remainders of the cycle before make the pairs, the pairs the positions, the legs pay them.
    fn check_cycle(
        &self,
        cycle: Month,
        statement: &Statement,
        carries: &mut BTreeMap<Pair, i128>,
    ) -> Result<(), String> {
        let mut owed = carries.clone();
        for ((debtor, creditor), amount) in self.gross.get(&cycle).into_iter().flatten() {
            let sign = if debtor < creditor { 1 } else { -1 };
            *owed.entry((*debtor.min(creditor), *debtor.max(creditor))).or_default() += sign * amount;
        }
        let mut positions: BTreeMap<MerchantId, i128> = BTreeMap::new();
        let mut closing = BTreeMap::new();
        for ((low, high), net) in &owed {
            let pair = self.pairs.get(&cycle).and_then(|pairs| pairs.get(&(*low, *high)));
            let pair = pair.ok_or_else(|| format!("merchants {low} and {high} owe {net} and have no net"))?;
            equal(|| format!("the net of merchants {low} and {high}"), &pair.net.0, net)?;
            let (fen, rest) = Obligation(*net).split_fen();
            equal(|| format!("the net of merchants {low} and {high} in fen"), &i128::from(pair.net_fen), &fen)?;
            equal(|| format!("the remainder of merchants {low} and {high}"), &pair.closing, &rest)?;
            *positions.entry(*low).or_default() -= fen;
            *positions.entry(*high).or_default() += fen;
            if rest != Obligation(0) {
                closing.insert((*low, *high), rest.0);
            }
        }
        *carries = closing;
        positions.retain(|_, net_fen| *net_fen != 0);
        let stated: BTreeMap<MerchantId, i128> =
            statement.positions.iter().map(|p| (p.merchant, i128::from(p.net_fen))).collect();
        if stated != positions {
            return Err("the positions are not the sums of the pairs".into());
        }
        equal(|| "the sum of the positions".into(), &positions.values().sum(), &0)?;
        let legs = self.legs.get(&cycle).map_or(&[][..], Vec::as_slice);
        equal(|| "the number of legs".into(), &legs.len(), &usize::from(statement.legs))?;
        for leg in legs {
            *positions.entry(leg.payer).or_default() += i128::from(leg.amount_fen.0);
            *positions.entry(leg.payee).or_default() -= i128::from(leg.amount_fen.0);
        }
        match positions.iter().find(|(_, left)| **left != 0) {
            Some((merchant, left)) => Err(format!("the legs leave merchant {merchant} with {left} fen")),
            None => Ok(()),
        }
    }

    /// Positions of the open cycle follow from its gross amounts, the open holds and the open legs, and sum to zero.
    fn check_positions(&self, store: &MemoryStore) -> Result<(), String> {
        let mut expected: BTreeMap<MerchantId, Position> = BTreeMap::new();
        for ((debtor, creditor), amount) in self.gross.get(&self.open_cycle).into_iter().flatten() {
            expected.entry(*debtor).or_default().payable.0 += amount;
            expected.entry(*creditor).or_default().receivable.0 += amount;
        }
        for leg in self.legs.values().flatten().filter(|leg| leg.state == LegState::Open) {
            expected.entry(leg.payer).or_default().unconfirmed_fen.0 += leg.amount_fen.0;
        }
        let classes: BTreeMap<ClassId, PointClass> =
            rows::<ClassId, PointClass>(store, tag::classes, encoding::decode_own).collect();
        for ((merchant, _), hold) in rows::<(MerchantId, Reference), Hold>(store, tag::holds, encoding::decode_own) {
            let class =
                classes.get(&hold.class).ok_or_else(|| format!("a hold is of class {}, of none", hold.class))?;
            if class.issuer != merchant {
                let points = Points(hold.lots.iter().map(|lot| lot.points.0).sum());
                let value = class.terms.value_at(points, hold.anchor);
                expected.entry(class.issuer).or_default().reserved.0 += value.0;
            }
        }
        let mut sum = 0;
        for (merchant, position) in rows::<MerchantId, Position>(store, tag::positions, encoding::decode_own) {
            let expected = expected.remove(&merchant).unwrap_or_default();
            if position != expected {
                return Err(format!("merchant {merchant}: the position is {position:?}, must be {expected:?}"));
            }
            sum += position.receivable.0 - position.payable.0;
        }
        if let Some(merchant) = expected.keys().next() {
            return Err(format!("merchant {merchant} owes or is owed and has no position"));
        }
        equal(|| "the sum of the open positions".into(), &sum, &0)
    }
}
