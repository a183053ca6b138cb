//! The submitter's book: every pending entry, where it stands, and what is to be written of it. No I/O, no clock, no task:
//! what happens is told to it, what is to be done is asked of it.
//!
//! An entry is `Syncing` until the outbox has it on disk, `Ready` until it is part of a signed transaction, `InFlight`
//! while that transaction waits for a block. It ends with a receipt, or goes back to `Ready` when the transaction expires.
//!
//! **Invariants.** A reference of this merchant is pending in at most one entry. Entries become ready, and are signed, in
//! the order of acceptance. `operations` and `bytes` are the sums over all entries and never exceed the bounds.

mod outcome;

use std::collections::{BTreeSet, VecDeque, hash_map};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tally_contracts::crypto::PublicKey;
use tally_contracts::encoding;
use tally_contracts::transaction::{CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{Hash, Height, MerchantId, Reference};

use super::Map;
use super::batch::{Room, leaf_bytes};
use super::outbox::{Changes, Entry, EntryId, Expired, MAX_EXPIRED, Recovered};
use super::submitter::SubmitError;
use super::waiters::{TransactionEnd, Waiters};
use crate::pace::{self, Gathering};

pub(super) use outcome::Place;

/// First wait before a transaction is sent again; doubles up to [`MAX_RESEND`].
const MIN_RESEND: Duration = Duration::from_secs(1);
/// Longest wait before a transaction is sent again.
const MAX_RESEND: Duration = Duration::from_secs(30);
/// Blocks that pass a transaction by before it is sent again.
const RESEND_BLOCKS: u64 = 3;
/// So many operations go at once: about half of what a transaction holds.
const FULL_BATCH: usize = 256;
/// Transactions sent again at a time.
const MAX_RESENDS: usize = 64;
/// When to try again after [`SubmitError::Busy`], in ms: about two blocks.
const RETRY_AFTER_MS: u64 = 1_000;

/// Bounds of what may be pending.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub operations: usize,
    pub bytes: usize,
}

/// An operation that is well formed, encoded and measured.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    operation: Operation,
    /// Canonical bytes.
    encoded: Vec<u8>,
}

/// What a caller submits as one.
pub(super) enum Submission {
    /// Each operation for itself.
    Each(Vec<Prepared>),
    /// All or none.
    Group(Vec<Prepared>),
    /// Signed elsewhere.
    Signed(CheckedTransaction),
}

/// What is to be signed or sent next.
pub(super) enum Launch {
    /// Operations for one transaction of this merchant.
    Own { entries: Vec<EntryId>, operations: Vec<Operation>, atomic: bool },
    /// A transaction signed elsewhere.
    Signed { entry: EntryId, transaction: CheckedTransaction },
}

/// A transaction that waits for a block.
pub(super) struct Flight {
    entries: Vec<EntryId>,
    bytes: Bytes,
    valid_until_ms: u64,
    sent_height: Height,
    next_send: Instant,
    pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Syncing,
    Ready,
    /// Popped from the ready ones, about to fly.
    Launching,
    InFlight(Hash),
    /// Not before this block time, in ms.
    Later(u64),
}

struct Slot {
    entry: Entry,
    /// Encoded length of the entry.
    bytes: usize,
    /// What its operations take up in a log entry.
    leaf_bytes: usize,
    /// The transaction signed elsewhere that the entry is.
    signed: Option<CheckedTransaction>,
    stage: Stage,
}

/// See the module.
pub(super) struct Book {
    merchant: MerchantId,
    public_key: PublicKey,
    bounds: Bounds,
    slots: Map<EntryId, Slot>,
    /// Entries of this merchant's operations.
    own: Map<Reference, EntryId>,
    /// Entries of transactions signed elsewhere.
    signed: Map<Hash, EntryId>,
    /// The last entry that names a reference in a transaction signed elsewhere: for questions only.
    elsewhere: Map<(MerchantId, Reference), EntryId>,
    signed_by_expiry: BTreeSet<(u64, EntryId)>,
    ready: BTreeSet<EntryId>,
    later: BTreeSet<(u64, EntryId)>,
    flights: Map<Hash, Flight>,
    /// This merchant's operations in flight.
    flying: usize,
    expired: VecDeque<Expired>,
    operations: usize,
    bytes: usize,
    next_id: u64,
    changes: Changes,
    /// When the first of the changes came, and the last that was accepted.
    changed_at: Option<(Instant, Instant)>,
    /// Whether one of the changes need not wait for others.
    is_urgent: bool,
    /// Until when operations wait for others.
    gathering: Gathering,
    /// Rises with each submission that adds entries; a submission is acknowledged when its ticket is synced.
    ticket: u64,
    pub waiters: Waiters,
}

impl Prepared {
    pub fn new(operation: Operation) -> Self {
        Self { encoded: encoding::encode(&operation), operation }
    }

    /// What it takes up in a log entry at most.
    pub fn leaf_bytes(&self) -> usize {
        leaf_bytes(&self.operation, self.encoded.len())
    }

    pub fn into_operation(self) -> Operation {
        self.operation
    }
}

impl Book {
    /// `linger` is how long operations wait for company where little goes on.
    pub fn new(merchant: MerchantId, public_key: PublicKey, bounds: Bounds, linger: Duration) -> Self {
        Self {
            merchant,
            public_key,
            bounds,
            slots: Map::default(),
            own: Map::default(),
            signed: Map::default(),
            elsewhere: Map::default(),
            signed_by_expiry: BTreeSet::new(),
            ready: BTreeSet::new(),
            later: BTreeSet::new(),
            flights: Map::default(),
            flying: 0,
            expired: VecDeque::new(),
            operations: 0,
            bytes: 0,
            next_id: 1,
            changes: Changes::default(),
            changed_at: None,
            is_urgent: false,
            gathering: Gathering::new(linger),
            ticket: 0,
            waiters: Waiters::default(),
        }
    }

    /// Takes up what an outbox held. Bounds do not hold here: what was acknowledged is never lost.
    ///
    /// `check` reads a transaction signed elsewhere.
    pub fn restore(&mut self, recovered: Recovered, check: impl Fn(Vec<u8>) -> Option<CheckedTransaction>) {
        self.next_id = recovered.next_id;
        self.expired = recovered.expired;
        for (id, entry) in recovered.pending {
            let bytes = encoding::encode(&entry).len();
            let slot = match &entry {
                Entry::Signed(signed) => match check(signed.clone()) {
                    Some(transaction) => Slot { bytes, ..Slot::signed(&transaction) },
                    // Accepted by another version of this code; it could never be executed.
                    None => {
                        tracing::error!(
                            entry = id.0,
                            "a transaction taken by another version cannot be executed: dropped"
                        );
                        self.changes.done.push(id);
                        continue;
                    }
                },
                Entry::Operation(operation) => {
                    let leaf_bytes = Prepared::new(operation.clone()).leaf_bytes();
                    Slot { entry, bytes, leaf_bytes, signed: None, stage: Stage::Syncing }
                }
                Entry::Group(operations) => {
                    let leaf_bytes = operations.iter().map(|o| Prepared::new(o.clone()).leaf_bytes()).sum();
                    Slot { entry, bytes, leaf_bytes, signed: None, stage: Stage::Syncing }
                }
            };
            self.insert(id, slot);
            self.set_stage(id, Stage::Ready);
        }
    }

    /// Accepts a submission; it may be acknowledged once the ticket returned is synced. What is pending already, with the
    /// same till and body, is not accepted twice.
    pub fn accept(&mut self, submission: Submission, now: Instant) -> Result<u64, SubmitError> {
        let goes_alone = !matches!(submission, Submission::Each(_));
        let fresh = match submission {
            Submission::Each(prepared) => self.fresh_operations(prepared)?,
            Submission::Group(prepared) => self.fresh_group(prepared)?.into_iter().collect(),
            Submission::Signed(transaction) if self.signed.contains_key(&transaction.id()) => Vec::new(),
            Submission::Signed(transaction) => {
                let slot = Slot::signed(&transaction);
                let encoded = encoding::encode(&slot.entry);
                vec![(slot, encoded)]
            }
        };
        if fresh.is_empty() {
            return Ok(self.ticket);
        }
        let operations: usize = fresh.iter().map(|(slot, _)| slot.operation_count()).sum();
        let bytes: usize = fresh.iter().map(|(_, encoded)| encoded.len()).sum();
        if self.operations + operations > self.bounds.operations || self.bytes + bytes > self.bounds.bytes {
            return Err(SubmitError::Busy { retry_after_ms: RETRY_AFTER_MS });
        }
        for (slot, encoded) in fresh {
            let id = EntryId(self.next_id);
            self.next_id += 1;
            self.insert(id, Slot { bytes: encoded.len(), ..slot });
            self.changes.accepted.push((id, encoded));
        }
        self.changed_at.get_or_insert((now, now)).1 = now;
        self.is_urgent |= goes_alone || self.changes.accepted.len() >= FULL_BATCH;
        self.ticket += 1;
        Ok(self.ticket)
    }

    /// What is to be written, and the ticket that is synced with it.
    pub fn take_changes(&mut self) -> (Changes, u64) {
        (self.changed_at, self.is_urgent) = (None, false);
        (std::mem::take(&mut self.changes), self.ticket)
    }

    fn has_changes(&self) -> bool {
        !self.changes.accepted.is_empty() || !self.changes.done.is_empty() || !self.changes.expired.is_empty()
    }

    /// When there is something to be written: operations gather before, so that they share one sync and one transaction. A
    /// full batch, a group or a transaction signed elsewhere goes at once; what is done waits for what is accepted.
    pub fn write_at(&self) -> Option<Instant> {
        let (since, last) = self.changed_at?;
        let accepted = self.changes.accepted.len();
        Some(match () {
            () if self.is_urgent => since,
            () if accepted == 0 => since + pace::LINGER,
            // What flies is in the next block too.
            () => self.gathering.ends_at(since, last, accepted + self.flying, self.flying > 0),
        })
    }

    /// Entries are on disk: they may be sent.
    pub fn synced(&mut self, ids: impl Iterator<Item = EntryId>) {
        for id in ids {
            if self.slots.get(&id).is_some_and(|slot| slot.stage == Stage::Syncing) {
                self.set_stage(id, Stage::Ready);
            }
        }
    }

    /// What is to be signed or sent next: as many operations as fit into a transaction, in the order of acceptance.
    pub fn next_launch(&mut self) -> Option<Launch> {
        let mut room = Room::new();
        let (mut entries, mut operations) = (Vec::new(), Vec::new());
        while let Some(&id) = self.ready.first() {
            let slot = &self.slots[&id];
            match &slot.entry {
                Entry::Operation(operation) => {
                    if !room.take(1, slot.leaf_bytes) {
                        break;
                    }
                    operations.push(operation.clone());
                    entries.push(id);
                    self.set_stage(id, Stage::Launching);
                }
                _ if !entries.is_empty() => break,
                Entry::Group(group) => {
                    let operations = group.clone();
                    self.set_stage(id, Stage::Launching);
                    return Some(Launch::Own { entries: vec![id], operations, atomic: true });
                }
                Entry::Signed(_) => {
                    let transaction = slot.signed.clone().expect("an entry of a signed transaction has it checked");
                    self.set_stage(id, Stage::Launching);
                    return Some(Launch::Signed { entry: id, transaction });
                }
            }
        }
        if entries.is_empty() { None } else { Some(Launch::Own { entries, operations, atomic: false }) }
    }

    /// A transaction made of launched entries now waits for a block.
    pub fn fly(&mut self, transaction: &CheckedTransaction, entries: Vec<EntryId>, height: Height, now: Instant) {
        for &id in &entries {
            self.set_stage(id, Stage::InFlight(transaction.id()));
        }
        let flight = Flight {
            entries,
            bytes: Bytes::copy_from_slice(transaction.bytes()),
            valid_until_ms: transaction.transaction().valid_until_ms,
            sent_height: height,
            next_send: now + MIN_RESEND,
            pause: MIN_RESEND,
        };
        self.flights.insert(transaction.id(), flight);
    }

    /// Whether a transaction still waits for a block.
    pub fn is_in_flight(&self, id: &Hash) -> bool {
        self.flights.contains_key(id)
    }

    /// Transactions to be sent again now: blocks passed them by.
    pub fn resends(&mut self, height: Height, now: Instant) -> Vec<Bytes> {
        let due = |f: &&mut Flight| now >= f.next_send && height.0 >= f.sent_height.0 + RESEND_BLOCKS;
        let resend = |flight: &mut Flight| {
            flight.pause = (flight.pause * 2).min(MAX_RESEND);
            flight.next_send = now + flight.pause;
            flight.bytes.clone()
        };
        self.flights.values_mut().filter(due).take(MAX_RESENDS).map(resend).collect()
    }

    /// Every transaction that waits for a block, in the order of acceptance.
    pub fn in_flight(&self) -> Vec<Bytes> {
        let mut flights: Vec<&Flight> = self.flights.values().collect();
        flights.sort_unstable_by_key(|flight| flight.entries.first().copied());
        flights.into_iter().map(|flight| flight.bytes.clone()).collect()
    }

    /// Whether an operation is pending.
    pub fn is_pending(&self, merchant: MerchantId, reference: Reference) -> bool {
        (merchant == self.merchant && self.own.contains_key(&reference))
            || self.elsewhere.contains_key(&(merchant, reference))
    }

    /// Whether a transaction signed elsewhere is pending.
    pub fn is_signed_pending(&self, id: &Hash) -> bool {
        self.signed.contains_key(id)
    }

    /// Whether a transaction signed elsewhere ended as expired, a while ago at most.
    pub fn has_expired(&self, id: &Hash) -> bool {
        self.expired.iter().any(|e| e.transaction_id == *id)
    }

    /// Pending operations.
    pub const fn operations(&self) -> usize {
        self.operations
    }

    /// Bytes of pending entries.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Every pending entry as it is written, by number, and the expired ones.
    pub fn snapshot(&self) -> (Vec<(EntryId, Vec<u8>)>, Vec<Expired>) {
        let mut pending: Vec<_> = self.slots.iter().map(|(id, s)| (*id, encoding::encode(&s.entry))).collect();
        pending.sort_unstable_by_key(|(id, _)| *id);
        (pending, self.expired.iter().copied().collect())
    }

    /// Those of the operations that are not pending yet, as entries.
    fn fresh_operations(&self, prepared: Vec<Prepared>) -> Result<Vec<(Slot, Vec<u8>)>, SubmitError> {
        let mut fresh: Vec<(Slot, Vec<u8>)> = Vec::with_capacity(prepared.len());
        let mut here: Map<Reference, usize> = Map::default();
        for one in prepared {
            let reference = one.operation.reference;
            let pending = match self.own.get(&reference) {
                Some(id) => Some(&self.slots[id]),
                None => here.get(&reference).map(|at| &fresh[*at].0),
            };
            match pending {
                Some(slot) if slot.operations().iter().any(|pending| pending.repeats(&one.operation)) => {}
                Some(_) => return Err(SubmitError::ReferenceReused { reference }),
                None => {
                    here.insert(reference, fresh.len());
                    let leaf_bytes = one.leaf_bytes();
                    let encoded = [&1_u32.to_le_bytes(), one.encoded.as_slice()].concat();
                    let entry = Entry::Operation(one.operation);
                    fresh.push((Slot { entry, bytes: 0, leaf_bytes, signed: None, stage: Stage::Syncing }, encoded));
                }
            }
        }
        Ok(fresh)
    }

    /// The group as an entry, unless it is pending already.
    fn fresh_group(&self, prepared: Vec<Prepared>) -> Result<Option<(Slot, Vec<u8>)>, SubmitError> {
        let leaf_bytes = prepared.iter().map(Prepared::leaf_bytes).sum();
        let operations: Vec<Operation> = prepared.into_iter().map(|p| p.operation).collect();
        let mut here = BTreeSet::new();
        for operation in &operations {
            let reference = operation.reference;
            let pending = self.own.get(&reference).map(|id| &self.slots[id].entry);
            match pending {
                Some(Entry::Group(group)) if is_repeated(group, &operations) => return Ok(None),
                None if here.insert(reference) => {}
                _ => return Err(SubmitError::ReferenceReused { reference }),
            }
        }
        let entry = Entry::Group(operations);
        let encoded = encoding::encode(&entry);
        Ok(Some((Slot { entry, bytes: 0, leaf_bytes, signed: None, stage: Stage::Syncing }, encoded)))
    }

    fn insert(&mut self, id: EntryId, slot: Slot) {
        self.operations += slot.operation_count();
        self.bytes += slot.bytes;
        for operation in slot.operations() {
            self.own.insert(operation.reference, id);
        }
        if let Some(signed) = &slot.signed {
            let Transaction { merchant, valid_until_ms, operations, .. } = signed.transaction();
            self.signed.insert(signed.id(), id);
            self.signed_by_expiry.insert((*valid_until_ms, id));
            self.elsewhere.extend(operations.iter().map(|operation| ((*merchant, operation.reference), id)));
        }
        self.slots.insert(id, slot);
    }

    /// Ends an entry.
    fn finish(&mut self, id: EntryId) {
        self.set_stage(id, Stage::Launching);
        let Some(slot) = self.slots.remove(&id) else { return };
        self.operations -= slot.operation_count();
        self.bytes -= slot.bytes;
        for operation in slot.operations() {
            self.own.remove(&operation.reference);
        }
        if let Some(signed) = &slot.signed {
            let Transaction { merchant, valid_until_ms, operations, .. } = signed.transaction();
            self.signed.remove(&signed.id());
            self.signed_by_expiry.remove(&(*valid_until_ms, id));
            for operation in operations {
                if let hash_map::Entry::Occupied(named) = self.elsewhere.entry((*merchant, operation.reference))
                    && *named.get() == id
                {
                    named.remove();
                }
            }
        }
        self.changes.done.push(id);
    }

    /// Ends a transaction signed elsewhere whose time is over.
    fn expire_signed(&mut self, id: EntryId) {
        let Some(signed) = self.slots.get(&id).and_then(|slot| slot.signed.as_ref()) else { return };
        let (transaction_id, valid_until_ms) = (signed.id(), signed.transaction().valid_until_ms);
        let expired = Expired { transaction_id, valid_until_ms };
        self.expired.push_back(expired);
        if self.expired.len() > MAX_EXPIRED {
            self.expired.pop_front();
        }
        self.changes.expired.push(expired);
        self.flights.remove(&transaction_id);
        self.finish(id);
        self.waiters.answer_transaction(&transaction_id, || TransactionEnd::Expired);
    }

    fn set_stage(&mut self, id: EntryId, stage: Stage) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        match std::mem::replace(&mut slot.stage, stage) {
            Stage::Ready => drop(self.ready.remove(&id)),
            Stage::Later(not_before_ms) => drop(self.later.remove(&(not_before_ms, id))),
            Stage::InFlight(_) => self.flying -= slot.operations().len(),
            Stage::Syncing | Stage::Launching => {}
        }
        match stage {
            Stage::Ready => drop(self.ready.insert(id)),
            Stage::Later(not_before_ms) => drop(self.later.insert((not_before_ms, id))),
            Stage::InFlight(_) => self.flying += slot.operations().len(),
            Stage::Syncing | Stage::Launching => {}
        }
    }
}

impl Slot {
    fn signed(transaction: &CheckedTransaction) -> Self {
        let entry = Entry::Signed(transaction.bytes().to_vec());
        Self { entry, bytes: 0, leaf_bytes: 0, signed: Some(transaction.clone()), stage: Stage::Syncing }
    }

    /// This merchant's operations in it; none in a transaction signed elsewhere.
    fn operations(&self) -> &[Operation] {
        match &self.entry {
            Entry::Operation(operation) => std::slice::from_ref(operation),
            Entry::Group(operations) => operations,
            Entry::Signed(_) => &[],
        }
    }

    fn operation_count(&self) -> usize {
        self.signed.as_ref().map_or(self.operations().len(), |signed| signed.transaction().operations.len())
    }
}

/// Whether a group is a pending one sent again.
fn is_repeated(pending: &[Operation], group: &[Operation]) -> bool {
    pending.len() == group.len() && pending.iter().zip(group).all(|(pending, again)| pending.repeats(again))
}

#[cfg(test)]
mod tests;
