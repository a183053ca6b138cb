//! Points: counters against receipts, counters against every holding, every holding against its own movements.

use std::collections::BTreeMap;

use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::governance::Schedule;
use tally_contracts::points::{ClassTotals, Hold, Movement};
use tally_contracts::state::{Key, MemoryStore, tag};
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Month, Points, Reference};

use super::{ClassFlows, Flows, equal, rows, wide};

/// What the points of a class came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassSums {
    /// The class.
    pub class: ClassId,
    /// Its counters.
    pub totals: ClassTotals,
    /// Holdings that ever were.
    pub holdings: u64,
    /// Movements of them.
    pub movements: u64,
}

/// What all holdings of a class hold, and what of it is set aside.
#[derive(Default)]
struct Held {
    holdings: u64,
    movements: u64,
    points: u128,
    set_aside: u128,
}

/// The key of a movement: height and index stand inverted, so that the latest comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct MovementKey {
    owner: (Address, ClassId),
    id: (Height, u32),
}

impl Key for MovementKey {
    fn put(&self, to: &mut Vec<u8>) {
        self.owner.put(to);
        to.extend_from_slice(&(!self.id.0.0).to_be_bytes());
        to.extend_from_slice(&(!self.id.1).to_be_bytes());
    }

    fn take(from: &mut &[u8]) -> Self {
        let owner = Key::take(from);
        let (height, index) = (Height::take(from), ClassId::take(from));
        Self { owner, id: (Height(!height.0), !index.0) }
    }
}

/// # Errors
/// The first sum that does not come out.
pub(super) fn check(store: &MemoryStore, flows: &Flows) -> Result<Vec<ClassSums>, String> {
    let schedule = rows::<(), Schedule>(store, tag::schedule, encoding::decode_own).next();
    let ((), schedule) = schedule.ok_or("the schedule is missing")?;
    let mut held: BTreeMap<ClassId, Held> = BTreeMap::new();
    let mut live: BTreeMap<(Month, ClassId), u128> = BTreeMap::new();
    for_each_holding(store, |class, movements| {
        let of_class = held.entry(class).or_default();
        of_class.holdings += 1;
        of_class.movements += movements.len() as u64;
        for lot in movements.first().map_or(&[][..], |(_, latest)| &latest.lots) {
            of_class.points += wide(lot.points);
            if lot.expires >= schedule.open_month {
                *live.entry((lot.expires, class)).or_default() += wide(lot.points);
            }
        }
    })?;
    for (_, hold) in rows::<(MerchantId, Reference), Hold>(store, tag::holds, encoding::decode_own) {
        held.entry(hold.class).or_default().set_aside += hold.lots.iter().map(|lot| wide(lot.points)).sum::<u128>();
    }
    let outstanding: BTreeMap<(Month, ClassId), u128> =
        rows::<(Month, ClassId), Points>(store, tag::outstanding, encoding::decode_own)
            .map(|(key, points)| (key, wide(points)))
            .collect();
    if live != outstanding {
        return Err("live points by month and class are not the sum of the holdings' lots".into());
    }
    let totals: BTreeMap<ClassId, ClassTotals> =
        rows::<ClassId, ClassTotals>(store, tag::class_totals, encoding::decode_own).collect();
    if let Some(class) = held.keys().find(|class| !totals.contains_key(class)) {
        return Err(format!("class {class} has holdings and no counters"));
    }
    let sums = |(class, totals): (ClassId, ClassTotals)| {
        let held = held.remove(&class).unwrap_or_default();
        check_class(class, &totals, &held, &flows.classes.get(&class).copied().unwrap_or_default())?;
        Ok(ClassSums { class, totals, holdings: held.holdings, movements: held.movements })
    };
    totals.into_iter().map(sums).collect()
}

fn check_class(class: ClassId, totals: &ClassTotals, held: &Held, flows: &ClassFlows) -> Result<(), String> {
    let name = |what: &'static str| move || format!("class {class}: {what}");
    let t = totals;
    equal(name("`issued`, against the receipts,"), &wide(t.issued), &flows.issued)?;
    equal(name("`issues_reversed`, against the receipts,"), &wide(t.issues_reversed), &flows.issues_reversed)?;
    equal(name("`redeemed`, against the receipts,"), &wide(t.redeemed), &flows.redeemed)?;
    let reversed = wide(t.redemptions_reversed);
    equal(name("`redemptions_reversed`, against the receipts,"), &reversed, &flows.redemptions_reversed)?;
    equal(name("`imported`, against the receipts,"), &wide(t.imported), &flows.imported)?;
    equal(name("`exchanged_in`, against the receipts,"), &wide(t.exchanged_in), &flows.exchanged_in)?;
    equal(name("`exchanged_out`, against the receipts,"), &wide(t.exchanged_out), &flows.exchanged_out)?;
    equal(name("`bought_out`, against the receipts,"), &wide(t.bought_out), &flows.bought_out)?;
    equal(name("`held`, against the receipts,"), &(wide(t.held) + flows.no_longer_held), &flows.held)?;
    equal(name("`held`, against the open holds,"), &wide(t.held), &held.set_aside)?;
    let gained = wide(t.issued) + wide(t.imported) + wide(t.exchanged_in) + reversed;
    let lost = wide(t.issues_reversed) + wide(t.redeemed) + wide(t.lapsed) + wide(t.exchanged_out) + wide(t.held);
    let lost = lost + wide(t.bought_out);
    equal(name("`outstanding`, with all that was lost,"), &(wide(t.outstanding) + lost), &gained)?;
    equal(
        name("the sum of all holdings, with what was swept,"),
        &(held.points + wide(t.swept)),
        &(wide(t.outstanding) + wide(t.lapsed)),
    )
}

/// Calls `each` with every holding's class and movements, latest first, after checking that the movements lead to one
/// another: the deltas to the lots, the statement hashes along the whole chain.
fn for_each_holding(
    store: &MemoryStore,
    mut each: impl FnMut(ClassId, &[((Height, u32), Movement)]),
) -> Result<(), String> {
    let mut rows = rows::<MovementKey, Movement>(store, tag::HOLDINGS, encoding::decode_own).peekable();
    while let Some((first, movement)) = rows.next() {
        let owner = first.owner;
        let mut movements = vec![(first.id, movement)];
        while let Some((key, movement)) = rows.next_if(|(key, _)| key.owner == owner) {
            movements.push((key.id, movement));
        }
        check_holding(owner, &movements)?;
        each(owner.1, &movements);
    }
    Ok(())
}

fn check_holding(owner: (Address, ClassId), movements: &[((Height, u32), Movement)]) -> Result<(), String> {
    let (mut points, mut previous) = (0_i128, Hash::ZERO);
    for ((height, index), movement) in movements.iter().rev() {
        let name = |what: &'static str| {
            move || format!("holding {} of class {}, movement {index} of block {height}: {what}", owner.0, owner.1)
        };
        points += i128::from(movement.delta);
        let lots: i128 = movement.lots.iter().map(|lot| i128::from(lot.points.0)).sum();
        equal(name("the sum of its lots"), &lots, &points)?;
        let chained = movement.clone().chained(&previous, owner, *height, *index);
        equal(name("the statement hash"), &movement.statement_hash, &chained.statement_hash)?;
        previous = movement.statement_hash;
    }
    Ok(())
}
