//! What a block adds to the index.

use std::collections::{BTreeMap, BTreeSet};

use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::execute::BlockRun;
use tally_contracts::points::PointClass;
use tally_contracts::pool::DistributedDebt;
use tally_contracts::receipt::{Applied, Outcome, Receipt};
use tally_contracts::rejection::Rejection;
use tally_contracts::state::{self, Key, Store, WriteSet, Writes, tag};
use tally_contracts::transaction::{Body, CheckedTransaction, Operation};
use tally_contracts::types::{
    Address, ClassId, Day, Fen, Hash, Height, MerchantId, Month, Obligation, Points, Reference, StoreId,
};
use tally_ledger::chain::{Chain, CheckedBlock};
use tally_ledger::log::Subtree;
use wincode::SchemaWrite;
use wincode::config::DefaultConfig;

use super::{
    DayKey, DayTotal, LeavesRow, ListedOperation, MovementsRow, ObligationRow, PairKey, Place, TransactionRow,
};

/// In place of a kind's number: no operation did it.
const NO_KIND: u8 = 0;
/// Number of the kind `open_dispute`, which an adjustment by silence goes back to.
const OPEN_DISPUTE: u8 = 43;
/// Movements of one row: a block may have more than one row can hold.
const MOVEMENTS_PER_ROW: usize = 1 << 16;

/// The rows that what contracts did adds to the index, each key once; they are to be stored together with the block's writes.
/// Day totals add up on what `store` holds, which must be the state of the parent.
#[must_use]
pub fn index_writes(chain: &Chain, store: &dyn Store, block: &CheckedBlock, run: &BlockRun) -> Writes {
    let (header, calendar) = (block.header(), chain.genesis().calendar());
    let mut index = BlockIndex {
        store,
        state: &run.writes,
        height: header.height,
        day: calendar.day(header.time_ms),
        cycle: chain.genesis().parameters.settlement.cycle_of(calendar.month(header.time_ms)),
        days: BTreeMap::new(),
        ids: BTreeSet::new(),
        unkept: BTreeMap::new(),
        issuers: BTreeMap::new(),
        rows: Writes::default(),
    };
    index.put(super::time_key(header.height), &header.time_ms);
    index.add_movements(block.id());
    if !run.due.is_empty() {
        index.put(super::due_key(header.height), &run.due);
        index.add_due(&run.due);
    }
    let mut first = 0_u32;
    for ((transaction, receipts), position) in block.transactions().iter().zip(&run.receipts).zip(0_u32..) {
        index.add_transaction(transaction, receipts, position, first);
        first += u32::try_from(receipts.len()).expect("a transaction's operations are bounded");
    }
    index.finish()
}

/// Adds the rows of the transparency log: the block's leaves as one, for there are as many as it has transactions.
pub fn add_log(rows: &mut Writes, height: Height, subtrees: &[Subtree]) {
    let hashes = subtrees.iter().filter(|subtree| subtree.level == 0).map(|leaf| leaf.hash).collect();
    if let Some(first) = subtrees.first() {
        put(rows, super::leaves_key(first.index), &LeavesRow { height, hashes });
    }
    for Subtree { level, index, hash } in subtrees.iter().filter(|subtree| subtree.level > 0) {
        put(rows, super::subtree_key(*level, *index), hash);
    }
}

fn put<V: SchemaWrite<DefaultConfig, Src = V>>(rows: &mut Writes, key: Vec<u8>, value: &V) {
    rows.put(|to| to.extend_from_slice(&key), Some(value));
}

/// The index of one block under way.
struct BlockIndex<'a> {
    store: &'a dyn Store,
    state: &'a WriteSet,
    height: Height,
    day: Day,
    cycle: Month,
    days: BTreeMap<DayKey, DayTotal>,
    /// Transactions of the block so far.
    ids: BTreeSet<Hash>,
    /// The latest refusals that the chain does not keep.
    unkept: BTreeMap<(MerchantId, Reference), Place>,
    /// Issuers that were looked up.
    issuers: BTreeMap<ClassId, MerchantId>,
    rows: Writes,
}

/// An operation with what the index needs to know of where it stands.
struct Entry<'a> {
    merchant: MerchantId,
    operation: &'a Operation,
    place: Place,
    kind: u8,
    is_atomic: bool,
}

/// What an operation moved in its class: out of and into holdings, and the money that it was about.
#[derive(Default)]
struct Moved {
    amount_fen: Fen,
    points_in: Points,
    points_out: Points,
}

impl Moved {
    fn of(body: &Body, applied: &Applied) -> Self {
        let moved = |amount_fen, points_in, points_out| Self { amount_fen, points_in, points_out };
        let (no_fen, none) = (Fen(0), Points(0));
        match (body, applied) {
            (Body::Issue(o), Applied::Issued { points, repaid, .. }) => {
                moved(o.amount().unwrap_or_default(), *points, *repaid)
            }
            (Body::Transfer(o), _) => moved(no_fen, o.points, o.points),
            (Body::Redeem(o), Applied::Redeemed { cash_off_fen, .. }) => moved(*cash_off_fen, none, o.points),
            (Body::Hold(o), _) => moved(no_fen, none, o.points),
            (Body::Capture(_), Applied::Captured { cash_off_fen, released, .. }) => {
                moved(*cash_off_fen, *released, none)
            }
            (Body::Void(_), Applied::Voided { released, .. }) => moved(no_fen, *released, none),
            (Body::ReverseRedeem(o), Applied::RedemptionReversed { cash_off_fen, .. }) => {
                moved(*cash_off_fen, o.points, none)
            }
            (Body::ReverseIssue(o), Applied::IssueReversed { points, owed, .. }) => {
                moved(o.amount_fen, none, Points(points.0 - owed.0))
            }
            (Body::Exchange(o), _) => moved(no_fen, none, o.points),
            (Body::Split(o), _) => moved(no_fen, none, o.points),
            (Body::Import(_), Applied::Imported { points, .. }) => moved(no_fen, *points, none),
            _ => Self::default(),
        }
    }
}

impl BlockIndex<'_> {
    fn put<V: SchemaWrite<DefaultConfig, Src = V>>(&mut self, key: Vec<u8>, value: &V) {
        put(&mut self.rows, key, value);
    }

    fn add_transaction(&mut self, transaction: &CheckedTransaction, receipts: &[Receipt], position: u32, first: u32) {
        let merchant = transaction.transaction().merchant;
        let place = Place { height: self.height, index: first };
        let (id, is_atomic) = (transaction.id(), transaction.transaction().atomic);
        let row = TransactionRow { position, merchant, id, is_atomic, receipts };
        self.put(super::transaction_key(place), &row);
        // The same transaction may come again, when its receipts are duplicates: the first place tells more.
        let id_key = super::transaction_id_key(&transaction.id());
        if self.ids.insert(transaction.id()) && self.store.get(&id_key).is_none() {
            self.put(id_key, &place);
        }
        self.add_to_list(transaction, receipts, place);
        // Of a failed atomic transaction nothing is kept, its cause included.
        for ((operation, receipt), index) in transaction.transaction().operations.iter().zip(receipts).zip(first..) {
            let kind = operation.body.number();
            let entry = Entry { merchant, operation, place: Place { height: self.height, index }, kind, is_atomic };
            self.add_operation(&entry, &receipt.outcome);
        }
    }

    fn add_operation(&mut self, entry: &Entry<'_>, outcome: &Outcome) {
        if !is_listed(outcome) {
            return;
        }
        match outcome {
            Outcome::Duplicate { .. } => {}
            Outcome::Applied(applied) => self.add_applied(entry, applied),
            Outcome::Rejected(rejection) => {
                self.day(entry, entry.operation.body.class()).rejected += 1;
                if entry.is_atomic || !rejection.is_kept() {
                    self.unkept.insert((entry.merchant, entry.operation.reference), entry.place);
                }
            }
        }
    }

    /// Lists whose points moved, by what the block wrote: movements are numbered from 0 on, without a gap.
    fn add_movements(&mut self, block_id: Hash) {
        let rows = self.state.lower_bound(&[tag::HOLDINGS])..self.state.lower_bound(&[tag::HOLDINGS + 1]);
        let mut owners: Vec<(Address, ClassId)> = vec![Default::default(); rows.len()];
        for (key, _) in rows.map(|at| self.state.row(at)) {
            let index = key.last_chunk::<4>().expect("a movement's key ends in its index");
            owners[!u32::from_be_bytes(*index) as usize] = Key::take(&mut &key[1..]);
        }
        for (owners, first) in owners.chunks(MOVEMENTS_PER_ROW).zip((0..).step_by(MOVEMENTS_PER_ROW)) {
            let row = MovementsRow { block_id, owners: owners.to_vec() };
            self.put(super::movements_key(self.height, first), &row);
        }
    }

    /// Lists a transaction's operations, by store.
    fn add_to_list(&mut self, transaction: &CheckedTransaction, receipts: &[Receipt], first: Place) {
        let mut stores: BTreeMap<Option<StoreId>, Vec<ListedOperation>> = BTreeMap::new();
        let operations = transaction.transaction().operations.iter().zip(receipts).zip(0_u16..);
        for ((operation, _), within) in operations.filter(|((_, receipt), _)| is_listed(&receipt.outcome)) {
            let listed = ListedOperation { within, kind: operation.body.number() };
            stores.entry(operation.till.map(|till| till.store_id)).or_default().push(listed);
        }
        for (store_id, listed) in stores {
            self.put(super::operations_key(transaction.transaction().merchant, store_id, first), &listed);
        }
    }

    /// Sums of a day saturate, far beyond all money there is.
    fn add_applied(&mut self, entry: &Entry<'_>, applied: &Applied) {
        let class = entry.operation.body.class().or(applied.holding().map(|(_, class)| class));
        let moved = Moved::of(&entry.operation.body, applied);
        let total = self.day(entry, class);
        total.operations += 1;
        total.amount_fen.0 = total.amount_fen.0.saturating_add(moved.amount_fen.0);
        total.points_in.0 = total.points_in.0.saturating_add(moved.points_in.0);
        total.points_out.0 = total.points_out.0.saturating_add(moved.points_out.0);
        if let Applied::DisputeAdjusted { debtor, creditor, adjustment } = applied {
            self.add_obligation((entry.place, entry.kind), (*creditor, *debtor), *adjustment);
        }
        let Some(class) = class else { return };
        let (issuer, at) = (self.issuer(class), (entry.place, entry.kind));
        match (&entry.operation.body, applied) {
            (
                _,
                Applied::Redeemed { obligation, .. }
                | Applied::Captured { obligation, .. }
                | Applied::RedemptionReversed { obligation, .. },
            ) => self.add_obligation(at, (issuer, entry.merchant), *obligation),
            (Body::Exchange(exchange), Applied::Exchanged { points_out, obligation, pool_obligation, .. }) => {
                self.receive(entry, exchange.to_class, *points_out);
                let creditor = self.issuer(exchange.to_class);
                self.add_obligation(at, (issuer, creditor), *obligation);
                self.add_obligation(at, (issuer, MerchantId::POOL), *pool_obligation);
            }
            (Body::Split(split), Applied::Split { points_out, pool_obligation, .. }) => {
                self.receive(entry, split.to_class, *points_out);
                self.add_obligation(at, (issuer, MerchantId::POOL), *pool_obligation);
            }
            (_, Applied::Issued { pool_obligation, .. } | Applied::IssueReversed { pool_obligation, .. }) => {
                self.add_obligation(at, (issuer, MerchantId::POOL), *pool_obligation);
            }
            (Body::Import(_), Applied::Imported { obligation, .. }) => {
                self.add_obligation(at, (entry.merchant, issuer), *obligation);
            }
            _ => {}
        }
    }

    /// Counts points that an operation on another class put into this one.
    fn receive(&mut self, entry: &Entry<'_>, class: ClassId, points: Points) {
        let received = self.day(entry, Some(class));
        received.points_in.0 = received.points_in.0.saturating_add(points.0);
    }

    /// Adds what came to be owed because time had passed.
    fn add_due(&mut self, due: &[DueRecord]) {
        for (record, number) in due.iter().zip(0_u32..) {
            let place = Place { height: self.height, index: super::DUE_PLACES + number };
            match record {
                DueRecord::DisputeTimedOut(ended) => {
                    self.add_obligation((place, OPEN_DISPUTE), (ended.creditor, ended.debtor), ended.adjustment);
                }
                DueRecord::Distributed(distributed) => {
                    for DistributedDebt { debtor, creditor, amount_fen } in &distributed.debts {
                        let amount = Obligation::from_fen(*amount_fen);
                        self.add_obligation((place, NO_KIND), (*debtor, *creditor), amount);
                    }
                }
                DueRecord::BoughtOut(bought) => {
                    let issuer = self.issuer(bought.class);
                    for debt in &bought.debts {
                        self.add_obligation((place, NO_KIND), (issuer, debt.creditor), debt.amount);
                    }
                    self.add_obligation((place, NO_KIND), (issuer, MerchantId::POOL), bought.pool_obligation);
                }
                _ => {}
            }
        }
    }

    /// Adds what someone came to owe by an operation of some kind.
    fn add_obligation(
        &mut self,
        (place, kind): (Place, u8),
        (debtor, creditor): (MerchantId, MerchantId),
        amount: Obligation,
    ) {
        if amount != Obligation(0) {
            let pair = PairKey { cycle: self.cycle, debtor, creditor };
            self.put(pair.encode(place), &ObligationRow { kind, amount });
        }
    }

    /// The issuer of a class that points were taken of; the block itself may have opened it.
    fn issuer(&mut self, class: ClassId) -> MerchantId {
        let (state, store) = (self.state, self.store);
        *self.issuers.entry(class).or_insert_with(|| {
            let mut key = vec![tag::classes];
            class.put(&mut key);
            let record: PointClass = match state.get(&key).flatten() {
                Some(value) => encoding::decode_own(value),
                None => state::read(store, tag::classes, &class).expect("an applied operation's class exists"),
            };
            record.issuer
        })
    }

    fn day(&mut self, entry: &Entry<'_>, class: Option<ClassId>) -> &mut DayTotal {
        let store_id = entry.operation.till.map(|t| t.store_id);
        let key = DayKey { merchant: entry.merchant, store_id, day: self.day, kind: entry.kind, class };
        let store = self.store;
        self.days
            .entry(key)
            .or_insert_with(|| store.get(&key.encode()).map(|value| encoding::decode_own(&value)).unwrap_or_default())
    }

    fn finish(mut self) -> Writes {
        for (key, total) in std::mem::take(&mut self.days) {
            self.put(key.encode(), &total);
        }
        for ((merchant, reference), place) in std::mem::take(&mut self.unkept) {
            self.put(super::unkept_key(merchant, reference), &place);
        }
        self.rows
    }
}

/// Whether an outcome makes its operation one of its merchant's list: a duplicate stands where its first receipt stands.
#[must_use]
pub fn is_listed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Applied(_) => true,
        Outcome::Duplicate { .. } => false,
        Outcome::Rejected(rejection) => !is_unauthorized(*rejection),
    }
}

/// Whether nothing shows that the transaction is the merchant's: time and key are judged before anything else.
fn is_unauthorized(rejection: Rejection) -> bool {
    matches!(
        rejection,
        Rejection::Expired
            | Rejection::ValidUntilTooFar
            | Rejection::Departed
            | Rejection::UnknownKey
            | Rejection::KeyRevoked
    )
}
