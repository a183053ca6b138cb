//! Which lots an operation or a buy-out moved: the movements of a block against what each holding held before.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context as _, ensure};

use tally_contracts::encoding;
use tally_contracts::points::{Lot, Movement, Reason, latest_in};
use tally_contracts::state::{Key as _, WriteSet, tag};
use tally_contracts::types::{Address, ClassId, Height, Month, Points};
use tally_ledger::verify::Executed;

/// Lots that an operation moved for one reason.
struct Moved {
    class: ClassId,
    reason: Reason,
    lots: Vec<Lot>,
}

/// The lots that a block moved, of some classes.
pub struct Moves {
    /// By the position of the operation in the block.
    operations: BTreeMap<u32, Vec<Moved>>,
    /// Of buy-outs, by class, one holding after the other: a closed class only gives, an open one only receives.
    buy_outs: BTreeMap<ClassId, VecDeque<Vec<Lot>>>,
}

impl Moves {
    /// Reads the movements of a block of classes that are `wanted`.
    pub fn of(block: &Executed<'_>, wanted: impl Fn(ClassId) -> bool) -> Self {
        let mut movements: Vec<(u32, (Address, ClassId), Movement)> = Vec::new();
        for (mut key, value) in rows(block.writes, tag::HOLDINGS) {
            let owner = <(Address, ClassId)>::take(&mut key);
            if !wanted(owner.1) {
                continue;
            }
            // The rest of the key is height and index, inverted.
            let _ = Height::take(&mut key);
            let index = !u32::take(&mut key);
            let movement = encoding::decode_own(value.expect("movements are never deleted"));
            movements.push((index, owner, movement));
        }
        movements.sort_unstable_by_key(|(index, ..)| *index);
        let mut held: BTreeMap<(Address, ClassId), Vec<Lot>> = BTreeMap::new();
        let mut moves = Self { operations: BTreeMap::new(), buy_outs: BTreeMap::new() };
        for (_, owner, movement) in movements {
            let before = held.entry(owner).or_insert_with(|| {
                latest_in(block.before, &owner, block.height).map_or_else(Vec::new, |(_, latest)| latest.lots)
            });
            let lots = difference(before, &movement.lots);
            *before = movement.lots;
            let (class, reason) = (owner.1, movement.reason);
            match movement.operation {
                Some(operation) => moves.operations.entry(operation).or_default().push(Moved { class, reason, lots }),
                None if matches!(reason, Reason::BoughtOut | Reason::ExchangedOut | Reason::ExchangedIn) => {
                    moves.buy_outs.entry(class).or_default().push_back(lots);
                }
                None => {}
            }
        }
        moves
    }

    /// The lots that an operation moved of a class for a reason, by rising expiry.
    pub fn lots(&self, operation: u32, class: ClassId, reason: Reason) -> Vec<Lot> {
        let moved = self.operations.get(&operation).into_iter().flatten();
        moved.filter(|moved| (moved.class, moved.reason) == (class, reason)).flat_map(|m| m.lots.clone()).collect()
    }

    /// The lots of the next holdings that buy-outs of the block took from a class or gave into it, so many points in all, by
    /// rising expiry.
    ///
    /// # Errors
    /// No holdings come to so many: the due record and the movements disagree.
    pub fn take_bought_out(&mut self, class: ClassId, points: Points) -> anyhow::Result<Vec<Lot>> {
        let (mut sum, mut by_month) = (0, BTreeMap::<Month, u64>::new());
        while sum < points.0 {
            let next = self.buy_outs.get_mut(&class).and_then(VecDeque::pop_front);
            for lot in next.with_context(|| format!("class {class}: {points} points of a buy-out, moved are {sum}"))? {
                *by_month.entry(lot.expires).or_default() += lot.points.0;
                sum += lot.points.0;
            }
        }
        ensure!(sum == points.0, "class {class}: {points} points of a buy-out, moved are {sum}");
        Ok(by_month.into_iter().map(|(expires, points)| Lot { expires, points: Points(points) }).collect())
    }
}

/// By how much lots differ, up or down.
fn difference(before: &[Lot], after: &[Lot]) -> Vec<Lot> {
    let mut changes: BTreeMap<Month, (u64, u64)> = BTreeMap::new();
    before.iter().for_each(|lot| changes.entry(lot.expires).or_default().0 += lot.points.0);
    after.iter().for_each(|lot| changes.entry(lot.expires).or_default().1 += lot.points.0);
    let lot = |(expires, (before, after)): (Month, (u64, u64))| Lot { expires, points: Points(before.abs_diff(after)) };
    changes.into_iter().map(lot).filter(|lot| lot.points > Points(0)).collect()
}

/// What a block wrote to a table: keys without their tag, and records; none where one was deleted.
pub fn rows(writes: &WriteSet, tag: u8) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let range = writes.lower_bound(&[tag])..writes.lower_bound(&[tag + 1]);
    range.map(|at| writes.row(at)).map(|(key, value)| (&key[1..], value))
}
