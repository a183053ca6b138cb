//! Holdings: the only place where points are added to or taken from a member.
//!
//! **Invariants**: lots stand by rising expiry, one a month, none empty; `outstanding` of a month and class is the sum of
//! its live lots over all holdings; every live or unswept lot has its row in `expiring`. A holding that is touched first
//! sheds what has lapsed, so a lapsed point is never spent, sweep or no sweep.

use std::collections::BTreeMap;

use super::{Lot, Movement, Reason, balance_at, count};
use crate::encoding;
use crate::rejection::Rejection;
use crate::state::{Key, Overlay, Store, Write, tag};
use crate::types::{Address, ClassId, Hash, Height, Month, Points};

/// Whose points of which class.
type Owner = (Address, ClassId);

/// The table of movements. Reading gives the latest of an owner; writing adds one.
pub struct Holdings<'a> {
    store: &'a dyn Store,
    height: Height,
    latest: BTreeMap<Owner, Option<Movement>>,
    added: Vec<(Owner, Movement)>,
    /// For each movement added since the last `keep`, the one before it.
    undo: Vec<(Owner, Option<Movement>)>,
}

impl<'a> Holdings<'a> {
    /// The holdings as of the parent of the block at `height`.
    #[must_use]
    pub const fn new(store: &'a dyn Store, height: Height) -> Self {
        Self { store, height, latest: BTreeMap::new(), added: Vec::new(), undo: Vec::new() }
    }

    /// The latest movement of an owner.
    pub fn latest(&mut self, owner: &Owner) -> Option<Movement> {
        let store = self.store;
        self.latest.entry(*owner).or_insert_with(|| latest_in(store, owner, self.height).map(|(_, m)| m)).clone()
    }

    /// Adds a movement; its statement hash is set here.
    fn add(&mut self, owner: Owner, movement: Movement) {
        let before = self.latest(&owner);
        let index = u32::try_from(self.added.len()).expect("a block has far fewer than 2^32 movements");
        let previous = before.as_ref().map_or(Hash::ZERO, |m| m.statement_hash);
        let movement = movement.chained(&previous, owner, self.height, index);
        self.undo.push((owner, before));
        self.added.push((owner, movement.clone()));
        self.latest.insert(owner, Some(movement));
    }

    /// Movements of this block so far, in order.
    #[must_use]
    pub fn added(&self) -> &[(Owner, Movement)] {
        &self.added
    }

    /// Accepts the movements since the last call.
    pub fn keep(&mut self) {
        self.undo.clear();
    }

    /// Undoes the movements since the last [`Holdings::keep`].
    pub fn undo(&mut self) {
        while let Some((owner, before)) = self.undo.pop() {
            self.added.pop();
            self.latest.insert(owner, before);
        }
    }

    /// Appends this block's movements as canonical bytes.
    pub fn write(&self, to: &mut Vec<Write>) {
        for ((owner, movement), index) in self.added.iter().zip(0_u32..) {
            to.push((movement_key(owner, self.height, index), Some(encoding::encode(movement))));
        }
    }
}

/// The key of a movement: `tag ‖ address ‖ class ‖ !height ‖ !index`, big-endian, so that later movements sort first.
fn movement_key(owner: &Owner, height: Height, index: u32) -> Vec<u8> {
    let mut key = vec![tag::HOLDINGS];
    owner.put(&mut key);
    key.extend_from_slice(&(!height.0).to_be_bytes());
    key.extend_from_slice(&(!index).to_be_bytes());
    key
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
    let mut end = vec![tag::HOLDINGS];
    owner.put(&mut end);
    end.extend_from_slice(&[0xff; 13]);
    let rows = store.scan(&movement_key(owner, from.0, from.1), &end, limit);
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
    overlay.holdings.latest(owner).map_or(Points(0), |m| balance_at(&m.lots, month))
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
    let mut held = overlay.holdings.latest(owner).map_or_else(Vec::new, |m| m.lots);
    let mut delta = Points(0);
    for lot in lots.iter().filter(|lot| lot.points > Points(0)) {
        delta = delta.checked_add(lot.points).ok_or(Rejection::Overflow)?;
        merge(&mut held, *lot).ok_or(Rejection::Overflow)?;
        overlay.expiring.put((lot.expires, owner.1, owner.0), ());
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
    let mut held = overlay.holdings.latest(owner).map_or_else(Vec::new, |m| m.lots);
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
    let mut held = overlay.holdings.latest(owner).map_or_else(Vec::new, |m| m.lots);
    let (mut live, mut expired) = (Points(0), Points(0));
    for lot in lots {
        merge(&mut held, *lot).expect("what is held comes out of what was outstanding");
        if lot.expires < month {
            expired = Points(expired.0 + lot.points.0);
            continue;
        }
        live = Points(live.0 + lot.points.0);
        overlay.expiring.put((lot.expires, owner.1, owner.0), ());
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
    let held = overlay.holdings.latest(owner).map_or_else(Vec::new, |m| m.lots);
    add(overlay, owner, 0, Reason::Captured, held);
}

/// Takes what has lapsed off a holding by an `Expired` movement; the counters moved when the month ended.
pub(crate) fn shed_lapsed(overlay: &mut Overlay<'_>, owner: &Owner) {
    let month = overlay.context.month();
    let Some(movement) = overlay.holdings.latest(owner) else { return };
    let (lapsed, live): (Vec<Lot>, Vec<Lot>) = movement.lots.iter().partition(|lot| lot.expires < month);
    if lapsed.is_empty() {
        return;
    }
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
    overlay.holdings.add(*owner, Movement { operation, delta, reason, lots, statement_hash: Hash::ZERO });
}

/// Puts a lot among lots by rising expiry.
fn merge(held: &mut Vec<Lot>, lot: Lot) -> Option<()> {
    match held.binary_search_by_key(&lot.expires, |l| l.expires) {
        Ok(at) => held[at].points = held[at].points.checked_add(lot.points)?,
        Err(at) => held.insert(at, lot),
    }
    Some(())
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
