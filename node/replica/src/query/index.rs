//! The query index: what a block adds so that questions need not walk the chain.
//!
//! Derived from blocks and receipts alone and never hashed: any node may drop it and build it again. It is written with
//! every operation, so rows are few: two a transaction, for its receipts and for its merchant's list, one an obligation; day
//! totals are summed in memory first and written once a block.
//!
//! # Format
//! Tag bytes from [`FIRST_TAG`] on, which no contract table has. Integers of keys are big-endian, `!x` is the complement;
//! values are canonical bytes (`contracts::encoding`).
//!
//! | tag | key | value |
//! |---|---|---|
//! | C1 | transaction id 32 | [`Place`] of its first operation |
//! | C2 | merchant u16, store 5, height u64, first operation u32 | [`ListedOperation`]s of the transaction at that store |
//! | C3 | merchant u16, store 5, day u32, kind u8, class 5 | [`DayTotal`] |
//! | C4 | cycle u16, debtor u16, creditor u16, height u64, operation u32 (or 2^31 and the number of a due record) | [`ObligationRow`] |
//! | C5 | height u64 | block time in ms u64 |
//! | C6 | merchant u16, reference u128 | [`Place`] of the latest refusal that the chain does not keep |
//! | C7 | height u64 | due records of a block that has any |
//! | C8 | !first leaf u64 | [`LeavesRow`]: a block's leaves of the transparency log |
//! | C9 | level u8 from 1 on, index u64 | root of a perfect subtree of `256^level` leaves of the log |
//! | F8 | height u64, first movement u32 | [`MovementsRow`]: whose points of which class moved, up to 65,536 |
//! | F9 | height u64, !first operation u32 | [`TransactionRow`] |
//!
//! "store 5" and "class 5" are a byte 0 and four zero bytes for none, else a byte 1 and the number. "operation" is the
//! position in the block over all its transactions, "first operation" that of a transaction's first. A transaction whose key or time was refused is listed by its id alone:
//! nothing shows that it is the merchant's.

mod write;

pub use write::{add_log, index_writes, is_listed};

use std::ops::Range;

use serde::Serialize;
use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::receipt::Receipt;
use tally_contracts::state::Store;
use tally_contracts::transaction::Body;
use tally_contracts::types::{
    Address, ClassId, Day, Fen, Hash, Height, MerchantId, Month, Obligation, Points, Reference, StoreId,
};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use wincode::{SchemaRead, SchemaWrite};

/// The first tag byte of the index; below are the contracts' tables.
pub const FIRST_TAG: u8 = 0xC0;

/// Tags of the tables whose rows come by height, rising or falling, and are more than a few bytes a block. The largest come
/// last, so that what else blocks write lies together ([`crate::storage::cut`]).
pub const BY_HEIGHT: [u8; 3] = [LEAVES, MOVEMENTS, TRANSACTIONS];

/// Places from here on are a block's due records, by number, where an obligation has no operation.
pub const DUE_PLACES: u32 = 1 << 31;

const TRANSACTION_IDS: u8 = 0xC1;
const OPERATIONS: u8 = 0xC2;
const DAYS: u8 = 0xC3;
const OBLIGATIONS: u8 = 0xC4;
const TIMES: u8 = 0xC5;
const UNKEPT: u8 = 0xC6;
const DUE: u8 = 0xC7;
const LEAVES: u8 = 0xC8;
const SUBTREES: u8 = 0xC9;
const MOVEMENTS: u8 = 0xF8;
const TRANSACTIONS: u8 = 0xF9;

/// An operation by its position in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Place {
    /// The block.
    pub height: Height,
    /// The position in the block, over all its transactions.
    pub index: u32,
}

/// A transaction's receipts; written as a slice of the block's own.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct TransactionRow<R = Vec<Receipt>> {
    /// The transaction's position in the block.
    pub position: u32,
    /// Who submitted it.
    pub merchant: MerchantId,
    /// What it is known by.
    pub id: Hash,
    /// Whether all of it was to succeed, or nothing.
    pub is_atomic: bool,
    /// One for each operation, in order.
    pub receipts: R,
}

/// Whose points of which class a block moved.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct MovementsRow {
    /// The block's id.
    pub block_id: Hash,
    /// Holder and class of each movement, in order: with height and position they are the key of the movement itself.
    pub owners: Vec<(Address, ClassId)>,
}

/// The leaves that a block added to the transparency log.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct LeavesRow {
    /// The block.
    pub height: Height,
    /// Their hashes, in order.
    pub hashes: Vec<Hash>,
}

/// An operation in its merchant's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct ListedOperation {
    /// Its position in its transaction.
    pub within: u16,
    /// Number of the kind, by [`Body::number`].
    pub kind: u8,
}

/// What a merchant's operations of one day, store, kind and class came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct DayTotal {
    /// How many were applied. An exchange counts in the class given up.
    pub operations: u64,
    /// How many were refused.
    pub rejected: u64,
    /// Purchases of issues, cash off of redemptions and captures, what reversals took back of either.
    pub amount_fen: Fen,
    /// Points of the class that went into holdings; also what a hold gave back.
    pub points_in: Points,
    /// Points of the class that left holdings; also into holds, to repay owed points, or taken back by a refund.
    pub points_out: Points,
}

/// What one operation added to what a debtor owes a creditor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct ObligationRow {
    /// Number of the kind, by [`Body::number`].
    pub kind: u8,
    /// How much, exact.
    pub amount: Obligation,
}

/// The stable name of a kind, for schemas.
pub struct KindName;

impl PartialSchema for KindName {
    fn schema() -> RefOr<Schema> {
        let names = Body::KINDS.iter().map(|(_, name)| *name);
        let text = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        text.description(Some("A kind of operation.")).into()
    }
}

impl ToSchema for KindName {}

/// The number of a kind by its stable name.
#[must_use]
pub fn kind_number(name: &str) -> Option<u8> {
    Body::KINDS.iter().find(|(_, n)| *n == name).map(|(number, _)| *number)
}

/// The stable name of a kind by its number.
#[must_use]
pub fn kind_name(number: u8) -> &'static str {
    Body::KINDS.iter().find(|(n, _)| *n == number).map_or("unknown", |(_, name)| *name)
}

/// What comes first when rows sort: none, then the numbers.
fn put_option(key: &mut Vec<u8>, number: Option<u32>) {
    key.push(u8::from(number.is_some()));
    key.extend_from_slice(&number.unwrap_or(0).to_be_bytes());
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*head)
}

fn take_option(from: &mut &[u8]) -> Option<Option<u32>> {
    let [is_some] = take(from)?;
    match (is_some, u32::from_be_bytes(take(from)?)) {
        (0, 0) => Some(None),
        (1, number) => Some(Some(number)),
        _ => None,
    }
}

fn row_key(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(48);
    key.push(tag);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

fn transaction_key(place: Place) -> Vec<u8> {
    row_key(TRANSACTIONS, &[&place.height.0.to_be_bytes(), &(!place.index).to_be_bytes()])
}

fn transaction_id_key(id: &Hash) -> Vec<u8> {
    row_key(TRANSACTION_IDS, &[&id.0])
}

fn time_key(height: Height) -> Vec<u8> {
    row_key(TIMES, &[&height.0.to_be_bytes()])
}

fn due_key(height: Height) -> Vec<u8> {
    row_key(DUE, &[&height.0.to_be_bytes()])
}

fn unkept_key(merchant: MerchantId, reference: Reference) -> Vec<u8> {
    row_key(UNKEPT, &[&merchant.0.to_be_bytes(), &reference.0.to_be_bytes()])
}

/// The key of a transaction's operations at one store in their merchant's list; `first` is where the transaction's first
/// operation stands.
#[must_use]
pub fn operations_key(merchant: MerchantId, store_id: Option<StoreId>, first: Place) -> Vec<u8> {
    let mut key = row_key(OPERATIONS, &[&merchant.0.to_be_bytes()]);
    put_option(&mut key, store_id.map(|s| s.0));
    key.extend_from_slice(&first.height.0.to_be_bytes());
    key.extend_from_slice(&first.index.to_be_bytes());
    key
}

/// What [`operations_key`] was made of, of a key that may come from a cursor.
#[must_use]
pub fn parse_operations_key(key: &[u8]) -> Option<(MerchantId, Option<StoreId>, Place)> {
    let mut rest = key.strip_prefix(&[OPERATIONS])?;
    let merchant = MerchantId(u16::from_be_bytes(take(&mut rest)?));
    let store_id = take_option(&mut rest)?.map(StoreId);
    let first = take_place(&mut rest)?;
    rest.is_empty().then_some((merchant, store_id, first))
}

fn take_place(rest: &mut &[u8]) -> Option<Place> {
    let height = Height(u64::from_be_bytes(take(rest)?));
    Some(Place { height, index: u32::from_be_bytes(take(rest)?) })
}

/// What a day total is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayKey {
    /// Who submitted.
    pub merchant: MerchantId,
    /// Where; none without a till.
    pub store_id: Option<StoreId>,
    /// The local day of the block.
    pub day: Day,
    /// Number of the kind.
    pub kind: u8,
    /// The class whose points moved, or that the operation is about.
    pub class: Option<ClassId>,
}

impl DayKey {
    /// The row's key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut key = row_key(DAYS, &[&self.merchant.0.to_be_bytes()]);
        put_option(&mut key, self.store_id.map(|s| s.0));
        key.extend_from_slice(&self.day.0.to_be_bytes());
        key.push(self.kind);
        put_option(&mut key, self.class.map(|c| c.0));
        key
    }

    /// What a row's key says, of a key that may come from a cursor.
    #[must_use]
    pub fn parse(key: &[u8]) -> Option<Self> {
        let mut rest = key.strip_prefix(&[DAYS])?;
        let merchant = MerchantId(u16::from_be_bytes(take(&mut rest)?));
        let store_id = take_option(&mut rest)?.map(StoreId);
        let day = Day(u32::from_be_bytes(take(&mut rest)?));
        let [kind] = take(&mut rest)?;
        let class = take_option(&mut rest)?.map(ClassId);
        rest.is_empty().then_some(Self { merchant, store_id, day, kind, class })
    }
}

/// Who owes whom in which cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairKey {
    /// The cycle.
    pub cycle: Month,
    /// Who owes.
    pub debtor: MerchantId,
    /// Who is owed; 0 for the alliance pool.
    pub creditor: MerchantId,
}

impl PairKey {
    /// The key of an operation's row.
    #[must_use]
    pub fn encode(&self, place: Place) -> Vec<u8> {
        let Self { cycle, debtor, creditor } = self;
        let pair = [&cycle.0.to_be_bytes()[..], &debtor.0.to_be_bytes(), &creditor.0.to_be_bytes()];
        let mut key = row_key(OBLIGATIONS, &pair);
        key.extend_from_slice(&place.height.0.to_be_bytes());
        key.extend_from_slice(&place.index.to_be_bytes());
        key
    }

    /// Where the operation of a row's key stands, if the row is of this pair.
    #[must_use]
    pub fn parse(&self, key: &[u8]) -> Option<Place> {
        let prefix = self.encode(Place { height: Height(0), index: 0 });
        let mut rest = key.strip_prefix(&prefix[..prefix.len() - 12])?;
        let place = take_place(&mut rest)?;
        rest.is_empty().then_some(place)
    }
}

/// The time of an executed block in ms since 1970.
#[must_use]
pub fn block_time_ms(store: &dyn Store, height: Height) -> Option<u64> {
    store.get(&time_key(height)).map(|value| encoding::decode_own(&value))
}

/// The transaction that an operation belongs to, and the operation's position in it.
#[must_use]
pub fn transaction_of(store: &dyn Store, place: Place) -> Option<(TransactionRow, usize)> {
    let end = row_key(TRANSACTIONS, &[&(place.height.0 + 1).to_be_bytes()]);
    let (key, value) = store.scan(&transaction_key(place), &end, 1).pop()?;
    let first = !u32::from_be_bytes(*key.last_chunk::<4>()?);
    let row: TransactionRow = encoding::decode_own(&value);
    let at = (place.index - first) as usize;
    (at < row.receipts.len()).then_some((row, at))
}

/// The transactions of a block, in order.
#[must_use]
pub fn transactions_at(store: &dyn Store, height: Height) -> Vec<TransactionRow> {
    let start = row_key(TRANSACTIONS, &[&height.0.to_be_bytes()]);
    let end = row_key(TRANSACTIONS, &[&(height.0 + 1).to_be_bytes()]);
    let rows = store.scan(&start, &end, usize::MAX);
    rows.iter().rev().map(|(_, value)| encoding::decode_own(value)).collect()
}

/// How many operations a block has.
#[must_use]
pub fn operations_at(store: &dyn Store, height: Height) -> u32 {
    // The row of the last transaction comes first.
    let last = Place { height, index: u32::MAX };
    let end = row_key(TRANSACTIONS, &[&(height.0 + 1).to_be_bytes()]);
    let Some((key, value)) = store.scan(&transaction_key(last), &end, 1).pop() else { return 0 };
    let first = key.last_chunk::<4>().map_or(0, |bytes| !u32::from_be_bytes(*bytes));
    let row: TransactionRow = encoding::decode_own(&value);
    first + u32::try_from(row.receipts.len()).expect("a transaction's operations are bounded")
}

/// Where a transaction's first operation stands.
#[must_use]
pub fn place_of_transaction(store: &dyn Store, id: &Hash) -> Option<Place> {
    store.get(&transaction_id_key(id)).map(|value| encoding::decode_own(&value))
}

/// Where an operation was last refused for a reason that the chain does not keep.
#[must_use]
pub fn place_of_unkept(store: &dyn Store, merchant: MerchantId, reference: Reference) -> Option<Place> {
    store.get(&unkept_key(merchant, reference)).map(|value| encoding::decode_own(&value))
}

/// The work that fell due in a block.
#[must_use]
pub fn due_at(store: &dyn Store, height: Height) -> Vec<DueRecord> {
    store.get(&due_key(height)).map(|value| encoding::decode_own(&value)).unwrap_or_default()
}

/// The leaves of the blocks that hold any of some leaves, the last block first, each with the index of its first leaf.
pub(super) fn leaves(store: &dyn Store, range: Range<u64>) -> Vec<(u64, LeavesRow)> {
    let mut found: Vec<(u64, LeavesRow)> = Vec::new();
    let mut last = range.end;
    while last > range.start {
        // The block that holds the leaf before `last` is the first whose own first leaf is not past it.
        let start = leaves_key(last - 1);
        let Some((key, value)) = store.scan(&start, &[SUBTREES], 1).pop() else { break };
        let first = !u64::from_be_bytes(key[1..].try_into().expect("a row of leaves is keyed by its first leaf"));
        found.push((first, encoding::decode_own(&value)));
        last = first;
    }
    found
}

/// Roots of perfect subtrees that are neighbours in a row of tiles above the leaves.
pub(super) fn subtrees(store: &dyn Store, level: u8, range: Range<u64>) -> Vec<Hash> {
    let limit = usize::try_from(range.end - range.start).expect("a tile is 256 hashes wide");
    let rows = store.scan(&subtree_key(level, range.start), &subtree_key(level, range.end), limit);
    rows.into_iter().map(|(_, value)| encoding::decode_own(&value)).collect()
}

/// The first block from one height to another, both among them, that moved points.
#[must_use]
pub fn movements_from(store: &dyn Store, from: Height, to: Height) -> Option<(Height, MovementsRow)> {
    if from > to {
        return None;
    }
    let (key, _) = store.scan(&movements_key(from, 0), &movements_end(to), 1).pop()?;
    let height =
        key.get(1..9).and_then(|bytes| bytes.first_chunk::<8>()).copied().map(u64::from_be_bytes).map(Height)?;
    let rows = store.scan(&movements_key(height, 0), &movements_end(height), usize::MAX);
    let rows = rows.iter().map(|(_, value)| encoding::decode_own::<MovementsRow>(value));
    let whole = rows.reduce(|mut whole, more| {
        whole.owners.extend(more.owners);
        whole
    });
    Some((height, whole?))
}

fn movements_key(height: Height, first: u32) -> Vec<u8> {
    row_key(MOVEMENTS, &[&height.0.to_be_bytes(), &first.to_be_bytes()])
}

/// What sorts after all rows of a height.
fn movements_end(height: Height) -> Vec<u8> {
    row_key(MOVEMENTS, &[&height.0.to_be_bytes(), &[0xff; 5]])
}

fn leaves_key(first: u64) -> Vec<u8> {
    [&[LEAVES][..], &(!first).to_be_bytes()].concat()
}

fn subtree_key(level: u8, index: u64) -> Vec<u8> {
    [&[SUBTREES, level][..], &index.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads keys of which one byte is another, as they may come from a cursor.
    fn assert_one_form<T>(key: &[u8], parse: impl Fn(&[u8]) -> Option<T>, encode: impl Fn(&T) -> Vec<u8>) {
        assert_eq!(parse(key).as_ref().map(&encode).as_deref(), Some(key));
        for at in 0..key.len() {
            for byte in 0..=u8::MAX {
                let mut changed = key.to_vec();
                changed[at] = byte;
                if let Some(read) = parse(&changed) {
                    assert_eq!(encode(&read), changed, "byte {at} is {byte}");
                }
            }
        }
    }

    #[test]
    fn a_key_is_read_in_the_one_form_in_which_it_is_written() {
        let first = Place { height: Height(7), index: 3 };
        for number in [None, Some(0), Some(9)] {
            let key = operations_key(MerchantId(2), number.map(StoreId), first);
            assert_one_form(&key, parse_operations_key, |(merchant, store, first)| {
                operations_key(*merchant, *store, *first)
            });
            let (store_id, class) = (number.map(StoreId), number.map(ClassId));
            let key = DayKey { merchant: MerchantId(2), store_id, day: Day(20_000), kind: 16, class };
            assert_one_form(&key.encode(), DayKey::parse, DayKey::encode);
        }
    }
}
