//! Holdings: the only place where points are added to or taken from a member.
//!
//! **Invariants**: lots stand by rising expiry, one a month, none empty; `outstanding` of a month and class is the sum of
//! its live lots over all holdings; every live or unswept lot has its row in `expiring`; a member's `classes` are those of its
//! movements. A holding that is touched first sheds what has lapsed, so a lapsed point is never spent, sweep or no sweep.

use std::cmp::Reverse;

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use super::{Lot, Movement, Reason, balance_at, count};
use crate::encoding;
use crate::membership::Member;
use crate::rejection::Rejection;
use crate::state::{Key, Overlay, Store, Table, WriteSet, tag};
use crate::types::{Address, ClassId, Hash, Height, Month, Points};

/// Whose points of which class.
type Owner = (Address, ClassId);
/// The owners' records.
type Members<'a> = Table<'a, Address, Member>;

/// The table of movements. Reading gives the latest of an owner; writing adds one.
pub struct Holdings<'a> {
    store: &'a dyn Store,
    height: Height,
    owners: IndexMap<Owner, Latest, RandomState>,
    /// The position of the owner that was asked for last: an operation asks for the same one several times.
    last: usize,
    /// Movements of this block, in order.
    added: Vec<Added>,
    /// Empty but while they are written: the front of the owner's address, owner, and position among the movements.
    order: Vec<(u64, Owner, Reverse<u32>)>,
    /// For each movement added since the last `keep`, its owner's position, and what was the latest before it.
    undo: Vec<(usize, Option<usize>)>,
}

/// Owners that were met, with their latest movement.
#[derive(Clone, Debug, Default)]
pub struct LatestMovements {
    owners: IndexMap<Owner, Latest, RandomState>,
    /// Empty, with the room that the last block took: to ask for it anew costs a block more than to fill it.
    added: Vec<Added>,
    /// As `added`.
    order: Vec<(u64, Owner, Reverse<u32>)>,
}

impl LatestMovements {
    /// Forgets all of it where it is more than so many.
    pub(crate) fn trim(&mut self, max: usize) {
        if self.owners.len() > max {
            self.owners.clear();
        }
    }
}

/// A movement of the block.
#[derive(Clone, Debug)]
struct Added {
    owner: Owner,
    /// The owner's position.
    at: usize,
    movement: Movement,
}

/// The latest movement of an owner.
#[derive(Clone, Debug)]
struct Latest {
    /// As of the parent.
    committed: Option<Movement>,
    /// Position among the block's movements, if there is one.
    added: Option<usize>,
}

impl<'a> Holdings<'a> {
    /// The holdings as of the parent of the block at `height`; of some owners the latest movement is known.
    #[must_use]
    pub fn new(store: &'a dyn Store, height: Height, latest: LatestMovements) -> Self {
        let LatestMovements { owners, added, order } = latest;
        Self { store, height, owners, last: 0, added, order, undo: Vec::new() }
    }

    /// The owners that were met, as the block leaves them.
    #[must_use]
    pub fn into_latest(mut self) -> LatestMovements {
        for Added { at, movement, .. } in self.added.drain(..) {
            // A later movement of the same owner replaces it.
            self.owners[at] = Latest { committed: Some(movement), added: None };
        }
        LatestMovements { owners: self.owners, added: self.added, order: self.order }
    }

    /// The latest movement of an owner.
    pub fn latest(&mut self, owner: &Owner, members: &mut Members<'_>) -> Option<&Movement> {
        let at = self.position(owner, members);
        self.latest_at(at)
    }

    /// Live and unswept lots of an owner, with room for one more.
    fn lots(&mut self, owner: &Owner, members: &mut Members<'_>) -> Vec<Lot> {
        let lots = self.latest(owner, members).map_or(&[][..], |movement| &movement.lots);
        let mut held = Vec::with_capacity(lots.len() + 1);
        held.extend_from_slice(lots);
        held
    }

    /// Adds a movement; its statement hash is set here, and the first of a class is noted with the member.
    fn add(&mut self, owner: Owner, movement: Movement, members: &mut Members<'_>) {
        let at = self.position(&owner, members);
        let previous = self.latest_at(at).map(|movement| movement.statement_hash);
        if previous.is_none() {
            let mut member = members.get(&owner.0).expect("whoever gets points is a member");
            member.add_class(owner.1);
            members.put(owner.0, member);
        }
        let index = u32::try_from(self.added.len()).expect("a block has far fewer than 2^32 movements");
        let added = self.owners[at].added.replace(self.added.len());
        self.undo.push((at, added));
        let movement = movement.chained(&previous.unwrap_or(Hash::ZERO), owner, self.height, index);
        self.added.push(Added { owner, at, movement });
    }

    /// Movements of this block so far, in order.
    pub fn added(&self) -> impl ExactSizeIterator<Item = (&Owner, &Movement)> {
        self.added.iter().map(|added| (&added.owner, &added.movement))
    }

    /// Accepts the movements since the last call.
    pub fn keep(&mut self) {
        self.undo.clear();
    }

    /// Undoes the movements since the last [`Holdings::keep`].
    pub fn undo(&mut self) {
        while let Some((at, before)) = self.undo.pop() {
            self.added.pop();
            self.owners[at].added = before;
        }
    }

    /// Appends this block's movements, by rising key.
    ///
    /// # Panics
    /// When the set has rows of a later table already.
    pub fn write(&mut self, to: &mut WriteSet) {
        let Self { height, added, order, .. } = self;
        // The front tells nearly all addresses apart, at a fraction of the cost.
        let entry = |(added, index): (&Added, u32)| (front_of(&added.owner.0), added.owner, Reverse(index));
        order.extend(added.iter().zip(0..).map(entry));
        order.sort_unstable();
        for (_, owner, Reverse(index)) in order.drain(..) {
            let movement = &added[index as usize].movement;
            to.push(|key| put_movement_key(key, &owner, *height, index), Some(movement));
        }
    }

    fn position(&mut self, owner: &Owner, members: &mut Members<'_>) -> usize {
        if self.owners.get_index(self.last).is_some_and(|(last, _)| last == owner) {
            return self.last;
        }
        self.last = self.owners.get_index_of(owner).unwrap_or_else(|| {
            // To find that there is no movement takes a store longer than to find one.
            let has_had = members.get(&owner.0).is_some_and(|member| member.has_had(owner.1));
            let committed = if has_had { latest_in(self.store, owner, self.height) } else { None };
            let committed = committed.map(|(_, movement)| movement);
            self.owners.insert_full(*owner, Latest { committed, added: None }).0
        });
        self.last
    }

    fn latest_at(&self, at: usize) -> Option<&Movement> {
        let Latest { committed, added } = &self.owners[at];
        added.map_or(committed.as_ref(), |added| Some(&self.added[added].movement))
    }
}

/// The first bytes of an address as a number that compares as they do.
fn front_of(address: &Address) -> u64 {
    let (front, _) = address.0.split_first_chunk().expect("an address has 20 bytes");
    u64::from_be_bytes(*front)
}

/// The key of a movement: `tag ‖ address ‖ class ‖ !height ‖ !index`, big-endian, so that later movements sort first.
fn put_movement_key(to: &mut Vec<u8>, owner: &Owner, height: Height, index: u32) {
    to.push(tag::HOLDINGS);
    owner.put(to);
    to.extend_from_slice(&(!height.0).to_be_bytes());
    to.extend_from_slice(&(!index).to_be_bytes());
}

/// Where a movement stands: block and position among the block's movements.
pub type MovementId = (Height, u32);

/// The latest movement of an owner up to and including a height.
#[must_use]
pub fn latest_in(store: &dyn Store, owner: &Owner, height: Height) -> Option<(MovementId, Movement)> {
    history(store, owner, (height, u32::MAX), 1).pop()
}

/// Up to `limit` movements of an owner from `from` backwards, latest first: a page of its statement.
#[must_use]
pub fn history(store: &dyn Store, owner: &Owner, from: MovementId, limit: usize) -> Vec<(MovementId, Movement)> {
    let mut start = Vec::with_capacity(48);
    put_movement_key(&mut start, owner, from.0, from.1);
    let mut end = Vec::with_capacity(48);
    put_movement_key(&mut end, owner, Height(0), 0);
    end.push(0);
    let rows = store.scan(&start, &end, limit);
    let parse = |(key, value): (Vec<u8>, Vec<u8>)| {
        let (rest, index) = key.split_last_chunk::<4>().expect("a movement's key ends in its index");
        let (_, height) = rest.split_last_chunk::<8>().expect("a movement's key holds its height");
        let id = (Height(!u64::from_be_bytes(*height)), !u32::from_be_bytes(*index));
        (id, encoding::decode_own(&value))
    };
    rows.into_iter().map(parse).collect()
}

/// Every holding of a member as of a height: its latest movement per class, by rising class.
#[must_use]
pub fn holdings_of(store: &dyn Store, address: &Address, height: Height) -> Vec<(ClassId, Movement)> {
    let mut found = Vec::new();
    let mut next = Some(ClassId(0));
    while let Some(class) = next {
        let mut start = vec![tag::HOLDINGS];
        (*address, class).put(&mut start);
        let mut end = vec![tag::HOLDINGS];
        address.put(&mut end);
        end.extend_from_slice(&[0xff; 17]);
        let Some((key, _)) = store.scan(&start, &end, 1).pop() else { break };
        let class = ClassId::take(&mut &key[21..]);
        found.extend(latest_in(store, &(*address, class), height).map(|(_, movement)| (class, movement)));
        next = class.0.checked_add(1).map(ClassId);
    }
    found
}

/// Live points of an owner at the block's time.
pub(crate) fn live_points(overlay: &mut Overlay<'_>, owner: &Owner) -> Points {
    let month = overlay.context.month();
    overlay.holdings.latest(owner, &mut overlay.members).map_or(Points(0), |movement| balance_at(&movement.lots, month))
}

/// Adds live lots to a holding; gives its live points after it. No lot at all is no movement.
///
/// # Errors
/// `overflow`.
pub(crate) fn credit(
    overlay: &mut Overlay<'_>,
    owner: &Owner,
    lots: &[Lot],
    reason: Reason,
) -> Result<Points, Rejection> {
    shed_lapsed(overlay, owner);
    let mut held = overlay.holdings.lots(owner, &mut overlay.members);
    let mut delta = Points(0);
    for lot in lots.iter().filter(|lot| lot.points > Points(0)) {
        delta = delta.checked_add(lot.points).ok_or(Rejection::Overflow)?;
        if merge(&mut held, *lot).ok_or(Rejection::Overflow)? {
            overlay.expiring.insert((lot.expires, owner.1, owner.0), ());
        }
        change_outstanding(overlay, owner.1, lot.expires, |p| p.checked_add(lot.points)).ok_or(Rejection::Overflow)?;
    }
    count(overlay, owner.1, |t| {
        t.outstanding = t.outstanding.checked_add(delta)?;
        // What is held comes back one day and may not find the room taken.
        let alive = t.outstanding.checked_add(t.held).filter(|p| p.0 <= i64::MAX as u64)?;
        // All of it may lapse one day, and must then fit the counter.
        t.lapsed.checked_add(alive).map(|_| ())
    })?;
    let balance = Points(held.iter().map(|lot| lot.points.0).sum());
    if delta > Points(0) {
        let delta = i64::try_from(delta.0).map_err(|_| Rejection::Overflow)?;
        add(overlay, owner, delta, reason, held);
    }
    Ok(balance)
}

/// Takes live points off a holding, first-expiring first; gives the lots taken and the live points left.
///
/// # Errors
/// `insufficient_points`.
pub(crate) fn debit(
    overlay: &mut Overlay<'_>,
    owner: &Owner,
    points: Points,
    reason: Reason,
) -> Result<(Vec<Lot>, Points), Rejection> {
    let balance = live_points(overlay, owner);
    let left = balance.checked_sub(points).ok_or(Rejection::InsufficientPoints)?;
    Ok((take(overlay, owner, (points, None), reason), left))
}

/// Takes back what a purchase had earned, as far as live points suffice: first from the lot that ends with `first`. Gives
/// what was taken, and the live points left.
///
/// # Errors
/// `overflow`.
pub(crate) fn claw_back(
    overlay: &mut Overlay<'_>,
    owner: &Owner,
    points: Points,
    first: Month,
) -> Result<(Points, Points), Rejection> {
    let balance = live_points(overlay, owner);
    let taken = points.min(balance);
    if taken > Points(0) {
        take(overlay, owner, (taken, Some(first)), Reason::IssueReversed);
        count(overlay, owner.1, |t| {
            t.issues_reversed = t.issues_reversed.checked_add(taken)?;
            Some(())
        })?;
    }
    Ok((taken, Points(balance.0 - taken.0)))
}

/// Takes live points that are there off a holding: from the lot that ends with `first`, then by rising expiry.
fn take(
    overlay: &mut Overlay<'_>,
    owner: &Owner,
    (points, first): (Points, Option<Month>),
    reason: Reason,
) -> Vec<Lot> {
    shed_lapsed(overlay, owner);
    let mut held = overlay.holdings.lots(owner, &mut overlay.members);
    let mut taken = Vec::new();
    let mut wanted = points;
    while wanted > Points(0) {
        let at = held.iter().position(|lot| Some(lot.expires) == first).unwrap_or(0);
        let lot = held.get_mut(at).expect("the balance sufficed, so a lot is left");
        let part = Lot { expires: lot.expires, points: lot.points.min(wanted) };
        lot.points = Points(lot.points.0 - part.points.0);
        wanted = Points(wanted.0 - part.points.0);
        if lot.points == Points(0) {
            held.remove(at);
            overlay.expiring.delete((part.expires, owner.1, owner.0));
        }
        change_outstanding(overlay, owner.1, part.expires, |p| p.checked_sub(part.points))
            .expect("a live lot is part of what is outstanding");
        taken.push(part);
    }
    count(overlay, owner.1, |t| {
        t.outstanding = t.outstanding.checked_sub(points)?;
        Some(())
    })
    .expect("a live lot is part of what is outstanding");
    let delta = i64::try_from(points.0).expect("what is outstanding fits an i64, so what is held does");
    add(overlay, owner, -delta, reason, held);
    taken
}

/// What a hold gave back.
pub(crate) struct Released {
    /// Live points.
    pub live: Points,
    /// Points that had lapsed while they were held.
    pub expired: Points,
    /// Live points of the holding after it.
    pub balance: Points,
}

/// Gives held lots back, of which those that have lapsed go at once by an `Expired` movement. The caller has taken them
/// off the counter of what is held; [`credit`] has kept room for them.
pub(crate) fn release(overlay: &mut Overlay<'_>, owner: &Owner, lots: &[Lot]) -> Released {
    shed_lapsed(overlay, owner);
    let month = overlay.context.month();
    let mut held = overlay.holdings.lots(owner, &mut overlay.members);
    let (mut live, mut expired) = (Points(0), Points(0));
    for lot in lots {
        let is_new = merge(&mut held, *lot).expect("what is held comes out of what was outstanding");
        if lot.expires < month {
            expired = Points(expired.0 + lot.points.0);
            continue;
        }
        live = Points(live.0 + lot.points.0);
        if is_new {
            overlay.expiring.insert((lot.expires, owner.1, owner.0), ());
        }
        change_outstanding(overlay, owner.1, lot.expires, |p| p.checked_add(lot.points))
            .expect("what is held comes out of what was outstanding");
    }
    count(overlay, owner.1, |t| {
        t.outstanding = t.outstanding.checked_add(live)?;
        t.lapsed = t.lapsed.checked_add(expired)?;
        Some(())
    })
    .expect("what is held was kept room for");
    let delta = i64::try_from(live.0 + expired.0).expect("what is held fits an i64");
    if delta > 0 {
        add(overlay, owner, delta, Reason::Released, held);
    }
    shed_lapsed(overlay, owner);
    Released { live, expired, balance: live_points(overlay, owner) }
}

/// Adds a line to the statement that says that held points were spent.
pub(crate) fn note_capture(overlay: &mut Overlay<'_>, owner: &Owner) {
    shed_lapsed(overlay, owner);
    let held = overlay.holdings.lots(owner, &mut overlay.members);
    add(overlay, owner, 0, Reason::Captured, held);
}

/// Takes what has lapsed off a holding by an `Expired` movement; the counters moved when the month ended.
pub(crate) fn shed_lapsed(overlay: &mut Overlay<'_>, owner: &Owner) {
    let month = overlay.context.month();
    let lots = overlay.holdings.latest(owner, &mut overlay.members).map_or(&[][..], |movement| &movement.lots);
    let (lapsed, live) = lots.split_at(lots.partition_point(|lot| lot.expires < month));
    if lapsed.is_empty() {
        return;
    }
    let (lapsed, live) = (lapsed.to_vec(), live.to_vec());
    for lot in &lapsed {
        overlay.expiring.delete((lot.expires, owner.1, owner.0));
    }
    let points = Points(lapsed.iter().map(|lot| lot.points.0).sum());
    count(overlay, owner.1, |t| {
        t.swept = t.swept.checked_add(points)?;
        Some(())
    })
    .expect("what lapses was outstanding, so its sum fits");
    let delta = i64::try_from(points.0).expect("what was outstanding fits an i64");
    add(overlay, owner, -delta, Reason::Expired, live);
}

fn add(overlay: &mut Overlay<'_>, owner: &Owner, delta: i64, reason: Reason, lots: Vec<Lot>) {
    let operation = overlay.context.operation;
    let movement = Movement { operation, delta, reason, lots, statement_hash: Hash::ZERO };
    overlay.holdings.add(*owner, movement, &mut overlay.members);
}

/// Puts a lot among lots by rising expiry; tells whether none of its month was there.
fn merge(held: &mut Vec<Lot>, lot: Lot) -> Option<bool> {
    match held.binary_search_by_key(&lot.expires, |l| l.expires) {
        Ok(at) => {
            held[at].points = held[at].points.checked_add(lot.points)?;
            Some(false)
        }
        Err(at) => {
            held.insert(at, lot);
            Some(true)
        }
    }
}

fn change_outstanding(
    overlay: &mut Overlay<'_>,
    class: ClassId,
    month: Month,
    change: impl FnOnce(Points) -> Option<Points>,
) -> Option<()> {
    let key = (month, class);
    let points = change(overlay.outstanding.get(&key).unwrap_or_default())?;
    if points == Points(0) {
        overlay.outstanding.delete(key);
    } else {
        overlay.outstanding.put(key, points);
    }
    Some(())
}
