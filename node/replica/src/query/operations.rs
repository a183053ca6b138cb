//! Operations: one by its reference, a merchant's by store and time, and what its days came to.

use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::execute::known_reference;
use tally_contracts::genesis::MAX_TIME_MS;
use tally_contracts::points::StoreLimits;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::state::{Store, read, tag};
use tally_contracts::types::{
    Calendar, ClassId, DAY_MS, Day, Fen, Hash, Height, MerchantId, Points, Reference, StoreId,
};
use utoipa::ToSchema;

use super::index::{self, DayKey, DayTotal, KindName, ListedOperation, Place, TransactionRow, kind_name};
use super::merchants::require_participant;
use super::page::{Cursor, List, Page, PageRequest, Scope};
use super::{Missing, QueryError, Snapshot};

/// Rows, or operations in them, that one page looks at, at most: a filter that few pass yields a short page and a cursor.
const MAX_ROWS: usize = 10_000;
/// Rows read at once; one of a list may hold a whole transaction's operations.
const ROWS_PER_SCAN: usize = 64;

/// An operation with its final receipt.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Final {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
    /// The transaction it came in.
    pub transaction_id: Hash,
    /// The transaction's position in the block, and the operation's in the transaction.
    #[serde(skip)]
    pub within: (u32, usize),
    /// Who submitted it.
    pub merchant: MerchantId,
    /// Its outcome.
    pub receipt: Receipt,
}

/// A receipt, and the first one where it says that the operation was known.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReceiptView {
    /// The outcome.
    pub receipt: Receipt,
    /// Of a duplicate: the receipt that the operation had first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Receipt>,
}

/// An operation in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Listed {
    /// What it was.
    #[schema(value_type = KindName)]
    pub kind: &'static str,
    /// Where; none without a till.
    pub store_id: Option<StoreId>,
    /// The rest.
    #[serde(flatten)]
    pub operation: Final,
}

/// Which of a merchant's operations are asked for.
#[derive(Clone, Debug)]
pub struct OperationsQuery {
    /// Who submitted them.
    pub merchant: MerchantId,
    /// In which store; in all where none is named.
    pub store_id: Option<StoreId>,
    /// Block time from here on, in ms since 1970.
    pub from_ms: u64,
    /// Block time before this, in ms since 1970.
    pub to_ms: u64,
    /// Number of the kind; all where none is named.
    pub kind: Option<u8>,
}

/// What a merchant's operations of one day, store, kind and class came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DayLine {
    /// The local day, `2017-03-09`.
    pub day: Day,
    /// Who submitted.
    pub merchant: MerchantId,
    /// Where; none without a till.
    pub store_id: Option<StoreId>,
    /// What they were.
    #[schema(value_type = KindName)]
    pub kind: &'static str,
    /// The class; none where the kind has none.
    pub class: Option<ClassId>,
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

/// The final receipt of an operation by its reference: its first outcome that is kept, else its latest refusal.
#[must_use]
pub fn by_reference(snapshot: &Snapshot<'_>, merchant: MerchantId, reference: Reference) -> Option<Final> {
    let known = known_reference(snapshot.store, merchant, reference);
    let place = known.map(|k| Place { height: k.height, index: k.index });
    let place = place.or_else(|| index::place_of_unkept(snapshot.store, merchant, reference))?;
    at(snapshot, place)
}

/// The operation at a place.
#[must_use]
pub fn at(snapshot: &Snapshot<'_>, place: Place) -> Option<Final> {
    let (row, at) = index::transaction_of(snapshot.store, place)?;
    Some(final_of(snapshot, place, &row, at))
}

/// Receipts of one transaction, each duplicate with the first receipt of its operation.
#[must_use]
pub fn with_first(snapshot: &Snapshot<'_>, receipts: Vec<Receipt>) -> Vec<ReceiptView> {
    let mut rows = Rows::new(snapshot);
    let view = |receipt: Receipt| {
        let first = match receipt.outcome {
            Outcome::Duplicate { height, index } => rows.get(Place { height, index }).map(|found| found.receipt),
            Outcome::Applied(_) | Outcome::Rejected(_) => None,
        };
        ReceiptView { receipt, first }
    };
    receipts.into_iter().map(view).collect()
}

fn final_of(snapshot: &Snapshot<'_>, place: Place, row: &TransactionRow, at: usize) -> Final {
    Final {
        place,
        time_ms: snapshot.time_ms(place.height),
        transaction_id: row.id,
        within: (row.position, at),
        merchant: row.merchant,
        receipt: row.receipts[at].clone(),
    }
}

/// A page of a merchant's operations, by store (those without a till first), then in the order of the chain.
///
/// # Errors
/// [`QueryError`].
pub fn list(snapshot: &Snapshot<'_>, query: &OperationsQuery, page: &PageRequest) -> Result<Page<Listed>, QueryError> {
    query.require_known(snapshot)?;
    let scope = query.scope(List::Operations);
    let (height, position) = page.start(snapshot, scope)?;
    let from = snapshot.first_height_from(query.from_ms);
    let end = snapshot.first_height_from(query.to_ms).min(height.next());
    let key = |store_id, height| index::operations_key(query.merchant, store_id, Place { height, index: 0 });
    let (start, mut skip) = match &position {
        None => (key(query.store_id, from), 0),
        Some(position) => parse_position(position, query.merchant).ok_or(QueryError::Cursor)?,
    };
    let last = index::operations_key(
        query.merchant,
        Some(StoreId(u32::MAX)),
        Place { height: Height(u64::MAX), index: u32::MAX },
    );
    let mut rows = Rows::new(snapshot);
    let (mut items, mut looked_at, mut next_within) = (Vec::new(), 0, 0);
    let next = walk(snapshot.store, start, &last, |found, value| {
        let (_, store_id, first) = index::parse_operations_key(found).expect("a row of the list has the list's key");
        if query.store_id.is_some() && store_id != query.store_id {
            return Step::Stop;
        }
        if first.height < from {
            return Step::Jump(key(store_id, from));
        }
        if first.height >= end {
            // On to the next store.
            return Step::Jump(key(store_id, Height(u64::MAX)));
        }
        let listed: Vec<ListedOperation> = encoding::decode_own(value);
        let skipped = std::mem::take(&mut skip);
        for ListedOperation { within, kind } in listed.into_iter().filter(|listed| listed.within >= skipped) {
            let is_asked_for = query.kind.is_none_or(|wanted| wanted == kind);
            if looked_at == MAX_ROWS || (is_asked_for && items.len() == page.limit) {
                next_within = within;
                return Step::Full;
            }
            looked_at += 1;
            if is_asked_for {
                let place = Place { height: first.height, index: first.index + u32::from(within) };
                items.push(Listed { kind: kind_name(kind), store_id, operation: rows.at(place) });
            }
        }
        Step::Next
    });
    let position = next.map(|key| [&key[..], &next_within.to_be_bytes()].concat());
    let next_cursor = position.map(|position| Cursor { height, position }.encode(scope));
    Ok(Page { items, next_cursor, height })
}

/// Where a page of a merchant's list begins, of a cursor's position: the key of a row, and how far into its transaction.
fn parse_position(position: &[u8], merchant: MerchantId) -> Option<(Vec<u8>, u16)> {
    let (key, within) = position.split_last_chunk::<2>()?;
    let (of_merchant, ..) = index::parse_operations_key(key)?;
    (of_merchant == merchant).then(|| (key.to_vec(), u16::from_be_bytes(*within)))
}

/// What to do after a row.
enum Step {
    /// Look at the next one.
    Next,
    /// Go on at a later key.
    Jump(Vec<u8>),
    /// The page ends before this row.
    Full,
    /// The list ends before this row.
    Stop,
}

/// Looks at rows with `start <= key < end`, up to [`MAX_ROWS`]; gives the row at which a next page begins, if there is one.
fn walk(store: &dyn Store, start: Vec<u8>, end: &[u8], mut visit: impl FnMut(&[u8], &[u8]) -> Step) -> Option<Vec<u8>> {
    let (mut next, mut looked_at) = (start, 0);
    loop {
        let rows = store.scan(&next, end, ROWS_PER_SCAN);
        let is_last = rows.len() < ROWS_PER_SCAN;
        let mut jump = None;
        for (key, value) in rows {
            if looked_at == MAX_ROWS {
                return Some(key);
            }
            looked_at += 1;
            match visit(&key, &value) {
                Step::Next => next = [key.as_slice(), &[0]].concat(),
                Step::Jump(to) => {
                    jump = Some(to);
                    break;
                }
                Step::Full => return Some(key),
                Step::Stop => return None,
            }
        }
        match jump {
            Some(to) => next = to,
            None if is_last => return None,
            None => {}
        }
    }
}

/// Transactions read one after the other: the operations of a list mostly share them.
pub(super) struct Rows<'a> {
    pub snapshot: &'a Snapshot<'a>,
    last: Option<(Place, TransactionRow)>,
}

impl<'a> Rows<'a> {
    pub const fn new(snapshot: &'a Snapshot<'a>) -> Self {
        Self { snapshot, last: None }
    }

    /// The operation at a place of the index.
    pub fn at(&mut self, place: Place) -> Final {
        self.get(place).expect("an indexed operation's transaction is in the index")
    }

    /// The operation at a place; none where there is no operation.
    pub fn get(&mut self, place: Place) -> Option<Final> {
        if let Some((first, row)) = &self.last {
            let at = place.index.wrapping_sub(first.index) as usize;
            if place.height == first.height && at < row.receipts.len() {
                return Some(final_of(self.snapshot, place, row, at));
            }
        }
        let (row, at) = index::transaction_of(self.snapshot.store, place)?;
        let found = final_of(self.snapshot, place, &row, at);
        let position = u32::try_from(at).expect("a transaction's operations are bounded");
        self.last = Some((Place { height: place.height, index: place.index - position }, row));
        Some(found)
    }
}

/// A page of day totals of a merchant, by store, day, kind and class. Totals of the day under way still grow.
///
/// # Errors
/// [`QueryError`].
pub fn days(snapshot: &Snapshot<'_>, query: &OperationsQuery, page: &PageRequest) -> Result<Page<DayLine>, QueryError> {
    query.require_known(snapshot)?;
    let scope = query.scope(List::Days);
    let (_, position) = page.start(snapshot, scope)?;
    let (from, to) = whole_days(snapshot.calendar(), query)?;
    let key = |store_id, day| DayKey { merchant: query.merchant, store_id, day, kind: 0, class: None }.encode();
    let start = match &position {
        None => key(query.store_id, from),
        Some(position) => match DayKey::parse(position) {
            Some(parsed) if parsed.merchant == query.merchant => position.clone(),
            _ => return Err(QueryError::Cursor),
        },
    };
    let last = key(Some(StoreId(u32::MAX)), Day(u32::MAX));
    let mut items = Vec::new();
    let next = walk(snapshot.store, start, &last, |found, value| {
        let parsed = DayKey::parse(found).expect("a row of the list has the list's key");
        if query.store_id.is_some() && parsed.store_id != query.store_id {
            return Step::Stop;
        }
        if parsed.day < from {
            return Step::Jump(key(parsed.store_id, from));
        }
        if parsed.day > to {
            return Step::Jump(key(parsed.store_id, Day(u32::MAX)));
        }
        if query.kind.is_none_or(|kind| kind == parsed.kind) {
            if items.len() == page.limit {
                return Step::Full;
            }
            items.push(day_line(&parsed, &encoding::decode_own(value)));
        }
        Step::Next
    });
    let height = snapshot.head.height;
    let next_cursor = next.map(|position| Cursor { height, position }.encode(scope));
    Ok(Page { items, next_cursor, height })
}

fn day_line(key: &DayKey, total: &DayTotal) -> DayLine {
    DayLine {
        day: key.day,
        merchant: key.merchant,
        store_id: key.store_id,
        kind: kind_name(key.kind),
        class: key.class,
        operations: total.operations,
        rejected: total.rejected,
        amount_fen: total.amount_fen,
        points_in: total.points_in,
        points_out: total.points_out,
    }
}

/// The first and the last day of a period, which must be of whole local days: there are no totals of parts.
fn whole_days(calendar: Calendar, query: &OperationsQuery) -> Result<(Day, Day), QueryError> {
    let offset_ms = i128::from(calendar.utc_offset_minutes) * 60_000;
    let day = |name: &str, ms: u64, is_open: bool| {
        let bounded_ms = ms.min(MAX_TIME_MS);
        let past_ms = (i128::from(bounded_ms) + offset_ms).rem_euclid(i128::from(DAY_MS));
        if past_ms == 0 || is_open {
            return Ok(calendar.day(bounded_ms));
        }
        let start_ms = i128::from(bounded_ms) - past_ms;
        let reason = format!("{name} is {ms}: day totals are of whole local days, and that day starts at {start_ms}");
        Err(QueryError::Parameters(reason))
    };
    let from = day("from_ms", query.from_ms, query.from_ms == 0)?;
    let end = day("to_ms", query.to_ms, query.to_ms >= MAX_TIME_MS)?;
    Ok((from, if query.to_ms >= MAX_TIME_MS { end } else { Day(end.0.saturating_sub(1)) }))
}

/// Refuses a store that the chain does not know: the merchant has no operation of it and has set no limits for it.
pub(super) fn require_store(
    snapshot: &Snapshot<'_>,
    merchant: MerchantId,
    store_id: StoreId,
) -> Result<(), QueryError> {
    let key = |height, index| index::operations_key(merchant, Some(store_id), Place { height, index });
    let rows = snapshot.store.scan(&key(Height(0), 0), &key(Height(u64::MAX), u32::MAX), 1);
    let limits: Option<StoreLimits> = read(snapshot.store, tag::store_limits, &(merchant, store_id));
    let is_known = !rows.is_empty() || limits.is_some();
    if is_known { Ok(()) } else { Err(QueryError::NotFound(Missing::Store(merchant, store_id))) }
}

impl OperationsQuery {
    /// Refuses a merchant that is none (the pool has a list too: whoever sets a simulated clock acts in its name), and a
    /// store that is not its.
    fn require_known(&self, snapshot: &Snapshot<'_>) -> Result<(), QueryError> {
        require_participant(snapshot, self.merchant)?;
        self.store_id.map_or(Ok(()), |store_id| require_store(snapshot, self.merchant, store_id))
    }

    fn scope(&self, list: List) -> Scope {
        let Self { merchant, store_id, from_ms, to_ms, kind } = self;
        Scope::new(list, &encoding::encode(&((*merchant, *store_id), (*from_ms, *to_ms), *kind)))
    }
}
