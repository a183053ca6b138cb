//! What blocks say of pending entries.
//!
//! Anyone can make a transaction that names our merchant and our references: signed by a key that is not ours it is
//! rejected, and that rejection says nothing of our entry. So a receipt ends an entry only if the operation is the very
//! same and the outcome is one that the index of references keeps, or one of our own signature.

use std::time::Instant;

use tally_contracts::execute::KnownReference;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::{CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{HOUR_MS, Hash, Height, MerchantId, Reference};

use super::{Book, Stage};
use crate::ingress::outbox::{Entry, EntryId};
use crate::ingress::waiters::{Found, TransactionEnd};

/// Where an executed transaction stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::ingress) struct Place {
    /// The block.
    pub height: Height,
    /// Position of its first operation in the block.
    pub first_index: u32,
    /// The transaction.
    pub id: Hash,
}

/// What an outcome means for the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It ends the entry.
    Final,
    /// The signature came too late or too early: sign again.
    SignAgain,
    /// Not before this block time, in ms.
    Later(u64),
    /// It says nothing of the entry.
    Nothing,
}

impl Book {
    /// A block holds a transaction, with these receipts.
    pub fn on_transaction(&mut self, place: Place, transaction: &Transaction, receipts: &[Receipt]) {
        if let Some(&id) = self.signed.get(&place.id) {
            self.finish(id);
        }
        let Place { height, first_index, id } = place;
        let end = || TransactionEnd::Executed { height, first_index, receipts: receipts.to_vec() };
        self.waiters.answer_transaction(&id, end);
        if transaction.merchant == self.merchant {
            if transaction.atomic {
                self.on_group(&place, transaction, receipts);
            } else {
                for (operation, receipt) in transaction.operations.iter().zip(receipts) {
                    self.on_operation(&place, transaction, operation, receipt);
                }
            }
        }
        self.answer_operations(&place, transaction, receipts);
        self.land(&id);
    }

    /// A block holds so many operations, so many of them this merchant's: for how long operations wait for others.
    pub fn note_block(&mut self, operations: usize, own: usize, now: Instant) {
        self.gathering.note_block(operations, own, now);
    }

    /// A block is complete: what can no longer be executed is signed again, or ends.
    pub fn on_block_end(&mut self, time_ms: u64, now: Instant) {
        while let Some(&(valid_until_ms, id)) = self.signed_by_expiry.first() {
            if valid_until_ms > time_ms {
                break;
            }
            self.expire_signed(id);
        }
        let over = self.flights.iter().filter(|(_, f)| f.valid_until_ms <= time_ms).map(|(id, _)| *id);
        for id in over.collect::<Vec<_>>() {
            self.land(&id);
        }
        while let Some(&(not_before_ms, id)) = self.later.first() {
            if not_before_ms > time_ms {
                break;
            }
            self.set_stage(id, Stage::Ready);
        }
        if self.has_changes() {
            self.changed_at.get_or_insert((now, now));
        }
    }

    /// The references of every pending entry, to be looked up in state.
    pub fn lookups(&self) -> Vec<(EntryId, MerchantId, Vec<Operation>)> {
        let of_slot = |(id, slot): (&EntryId, &super::Slot)| match &slot.signed {
            Some(signed) => (*id, signed.transaction().merchant, signed.transaction().operations.clone()),
            None => (*id, self.merchant, slot.operations().to_vec()),
        };
        self.slots.iter().map(of_slot).collect()
    }

    /// State knows all operations of an entry, with the same bodies, at these places.
    pub fn on_known(&mut self, id: EntryId, merchant: MerchantId, known: &[(Reference, KnownReference)]) {
        let Some(slot) = self.slots.get(&id) else { return };
        let signed = slot.signed.as_ref().map(CheckedTransaction::id);
        self.finish(id);
        for (reference, KnownReference { height, index, .. }) in known {
            let outcome = Outcome::Duplicate { height: *height, index: *index };
            let receipt = Receipt { reference: *reference, outcome };
            let found = Found { height: *height, index: *index, transaction_id: None, receipt };
            self.waiters.answer(merchant, *reference, &found);
        }
        if let Some(id) = signed {
            self.flights.remove(&id);
            self.waiters.answer_transaction(&id, || TransactionEnd::Known);
        }
    }

    fn on_operation(&mut self, place: &Place, transaction: &Transaction, operation: &Operation, receipt: &Receipt) {
        let Some(&id) = self.own.get(&operation.reference) else { return };
        if !matches!(&self.slots[&id].entry, Entry::Operation(own) if own == operation) {
            return;
        }
        let is_ours = transaction.public_key == self.public_key;
        self.decide(id, place, fate(operation, receipt.outcome.clone(), is_ours, false));
    }

    fn on_group(&mut self, place: &Place, transaction: &Transaction, receipts: &[Receipt]) {
        let is_ours = transaction.public_key == self.public_key;
        let operations = &transaction.operations;
        let fates = operations.iter().zip(receipts).map(|(o, r)| fate(o, r.outcome.clone(), is_ours, true));
        let fates: Vec<Fate> = fates.collect();
        for (operation, fate) in operations.iter().zip(&fates) {
            let Some(&id) = self.own.get(&operation.reference) else { continue };
            match &self.slots[&id].entry {
                Entry::Group(own) if own == operations => return self.decide(id, place, group_fate(&fates)),
                // Executed as part of a transaction that was signed elsewhere. Were that one aborted, nothing is kept.
                Entry::Operation(own) if own == operation && group_applied(receipts) => {
                    self.decide(id, place, *fate);
                }
                _ => {}
            }
        }
    }

    fn decide(&mut self, id: EntryId, place: &Place, fate: Fate) {
        match fate {
            Fate::Final => self.finish(id),
            Fate::Later(not_before_ms) if self.slots[&id].stage == Stage::InFlight(place.id) => {
                self.set_stage(id, Stage::Later(not_before_ms));
            }
            // What is not decided goes back to the ready ones as its transaction lands.
            Fate::SignAgain | Fate::Later(_) | Fate::Nothing => {}
        }
    }

    /// Tells whoever waits for an operation, unless ours is still pending under its reference.
    fn answer_operations(&mut self, place: &Place, transaction: &Transaction, receipts: &[Receipt]) {
        for (receipt, index) in receipts.iter().zip(place.first_index..) {
            let (merchant, reference) = (transaction.merchant, receipt.reference);
            let is_pending = merchant == self.merchant && self.own.contains_key(&reference);
            if is_pending || !self.waiters.is_awaited(merchant, reference) {
                continue;
            }
            let transaction_id = Some(place.id);
            let found = Found { height: place.height, index, transaction_id, receipt: receipt.clone() };
            self.waiters.answer(merchant, reference, &found);
        }
    }

    /// A transaction no longer waits for a block: what it left undecided is ready again.
    fn land(&mut self, id: &Hash) {
        let Some(flight) = self.flights.remove(id) else { return };
        for entry in flight.entries {
            if self.slots.get(&entry).is_some_and(|slot| slot.stage == Stage::InFlight(*id)) {
                self.set_stage(entry, Stage::Ready);
            }
        }
    }
}

/// What an outcome means, if our key signed it or not, in an atomic transaction or not.
fn fate(operation: &Operation, outcome: Outcome, is_ours: bool, atomic: bool) -> Fate {
    match outcome {
        Outcome::Applied(_) | Outcome::Duplicate { .. } => Fate::Final,
        Outcome::Rejected(rejection) if rejection.is_kept() && !atomic => Fate::Final,
        Outcome::Rejected(_) if !is_ours => Fate::Nothing,
        Outcome::Rejected(Rejection::Expired | Rejection::ValidUntilTooFar) => Fate::SignAgain,
        Outcome::Rejected(Rejection::ReferenceAhead) => {
            Fate::Later(operation.reference.time_ms().saturating_sub(HOUR_MS))
        }
        // Whoever rotated the key restarts the node with the new one, and the entry is signed with that.
        Outcome::Rejected(Rejection::KeyRevoked) => {
            tracing::error!(reference = %operation.reference, "keys.operator is revoked: give the new key and restart");
            Fate::Later(u64::MAX)
        }
        Outcome::Rejected(_) => Fate::Final,
    }
}

/// A group's fate: that of its cause, for what one operation lacks makes all of them wait.
fn group_fate(fates: &[Fate]) -> Fate {
    let later = fates.iter().filter_map(|f| if let Fate::Later(at) = f { Some(*at) } else { None }).max();
    if fates.contains(&Fate::Nothing) {
        Fate::Nothing
    } else if fates.contains(&Fate::SignAgain) {
        Fate::SignAgain
    } else {
        later.map_or(Fate::Final, Fate::Later)
    }
}

/// Whether an atomic transaction had its effect, now or before.
fn group_applied(receipts: &[Receipt]) -> bool {
    receipts.iter().all(|r| !matches!(r.outcome, Outcome::Rejected(_)))
}
