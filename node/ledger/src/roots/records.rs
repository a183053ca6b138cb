//! The records that `state_root` is over, in their order: holdings, then the statements, legs and pairs of settlement.
//!
//! A leaf is the canonical bytes of a [`Record`] (`docs/formats.md`): it names itself, so a proof of a leaf says which
//! holding or leg it is. A holding is its latest movement: statement hash and all, so whoever has the statement sees
//! that it is complete.

use std::ops::ControlFlow;

use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::points::{Lot, Movement};
use tally_contracts::settlement::{Leg, PairNet, Statement};
use tally_contracts::state::{Key, Store, tag};
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Month};
use wincode::{SchemaRead, SchemaWrite};

/// Rows that are read at once. A holding that has more movements costs a page and no more, for what is left of it is
/// skipped.
const PAGE: usize = 128;
/// The tables, in the order of their records.
const TABLES: [u8; 4] = [tag::HOLDINGS, tag::statements, tag::legs, tag::pair_nets];
/// Bytes of a movement's key that name the holding: tag, address, class.
const OWNER_BYTES: usize = 25;
/// Bytes of a movement's key that say which of the holding's it is: height and index, inverted.
const MOVEMENT_BYTES: usize = 12;

/// A leaf of the tree under `state_root`.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// What a member holds of a class.
    #[wincode(tag = 1)]
    Holding {
        /// Who.
        address: Address,
        /// Of which class.
        class: ClassId,
        /// The block of its latest movement.
        height: Height,
        /// That movement's position among the block's.
        index: u32,
        /// Lots by rising expiry, lapsed ones that no movement has taken off among them.
        lots: Vec<Lot>,
        /// Chains all movements of the holding, up to the latest.
        statement_hash: Hash,
    },
    /// A closed cycle.
    #[wincode(tag = 2)]
    Statement {
        /// Which.
        cycle: Month,
        /// What came of it.
        statement: Statement,
    },
    /// A payment of a closed cycle.
    #[wincode(tag = 3)]
    Leg {
        /// Which cycle.
        cycle: Month,
        /// Its number, from 0 on.
        number: u16,
        /// The payment.
        leg: Leg,
    },
    /// How a pair of merchants came out of a closed cycle.
    #[wincode(tag = 4)]
    Pair {
        /// Which cycle.
        cycle: Month,
        /// The merchant with the lower id.
        low: MerchantId,
        /// The other.
        high: MerchantId,
        /// The net and what made it.
        pair: PairNet,
    },
}

/// Which record; ids are ordered as the leaves are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordId {
    /// A holding.
    Holding(Address, ClassId),
    /// A closed cycle.
    Statement(Month),
    /// A payment of a closed cycle, by number.
    Leg(Month, u16),
    /// A pair of merchants, the lower id first, in a closed cycle.
    Pair(Month, MerchantId, MerchantId),
}

impl Record {
    /// Which record it is.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        match *self {
            Self::Holding { address, class, .. } => RecordId::Holding(address, class),
            Self::Statement { cycle, .. } => RecordId::Statement(cycle),
            Self::Leg { cycle, number, .. } => RecordId::Leg(cycle, number),
            Self::Pair { cycle, low, high, .. } => RecordId::Pair(cycle, low, high),
        }
    }
}

impl RecordId {
    /// No record comes before it.
    pub const FIRST: Self = Self::Holding(Address([0; 20]), ClassId(0));

    /// Its table, as a position in [`TABLES`], and where in the table it starts.
    fn place(&self) -> (usize, Vec<u8>) {
        let mut key = Vec::new();
        let table = match self {
            Self::Holding(address, class) => {
                (*address, *class).put(&mut key);
                0
            }
            Self::Statement(cycle) => {
                cycle.put(&mut key);
                1
            }
            Self::Leg(cycle, number) => {
                (*cycle, *number).put(&mut key);
                2
            }
            Self::Pair(cycle, low, high) => {
                (*cycle, *low, *high).put(&mut key);
                3
            }
        };
        key.insert(0, TABLES[table]);
        (table, key)
    }
}

/// Visits the records of a store from `from` on, in order, until `visit` breaks. Settlement records are kept as they
/// are now and not as they were, so the store is a snapshot right after the checkpoint's block.
pub fn visit_records(store: &dyn Store, from: &RecordId, mut visit: impl FnMut(&Record) -> ControlFlow<()>) {
    let (first, mut start) = from.place();
    for table in &TABLES[first..] {
        let flow = visit_rows(store, start, *table, |key, value| match *table {
            tag::HOLDINGS => visit_holding(key, value, &mut visit),
            tag::statements => {
                let (cycle, statement) = (Month::take(&mut &key[1..]), encoding::decode_own(value));
                visit(&Record::Statement { cycle, statement })
            }
            tag::legs => {
                let (cycle, number) = <(Month, u16)>::take(&mut &key[1..]);
                visit(&Record::Leg { cycle, number, leg: encoding::decode_own(value) })
            }
            _ => {
                let (cycle, low, high) = <(Month, MerchantId, MerchantId)>::take(&mut &key[1..]);
                visit(&Record::Pair { cycle, low, high, pair: encoding::decode_own(value) })
            }
        });
        if flow.is_break() {
            return;
        }
        start = Vec::new();
    }
}

/// Visits the latest row of each holding, or each row of another table, by rising key from `start` on.
fn visit_rows(
    store: &dyn Store,
    start: Vec<u8>,
    table: u8,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut start = if start.is_empty() { vec![table] } else { start };
    // What two rows of one holding have in common, and two rows of another table never.
    let name_of = |key: &[u8]| key[..if table == tag::HOLDINGS { OWNER_BYTES } else { key.len() }].to_vec();
    let mut last = Vec::new();
    loop {
        let rows = store.scan(&start, &[table + 1], PAGE);
        for (key, value) in &rows {
            let name = name_of(key);
            // Of a holding's rows the latest comes first.
            if name != last {
                visit(key, value)?;
                last = name;
            }
        }
        if rows.len() < PAGE {
            return ControlFlow::Continue(());
        }
        start.clone_from(&last);
        // Past every row of that name.
        start.extend_from_slice(&[0xff; MOVEMENT_BYTES + 1]);
    }
}

fn visit_holding(key: &[u8], value: &[u8], visit: &mut impl FnMut(&Record) -> ControlFlow<()>) -> ControlFlow<()> {
    let ((address, class), (height, index)) = <((Address, ClassId), (u64, u32))>::take(&mut &key[1..]);
    let Movement { lots, statement_hash, .. } = encoding::decode_own(value);
    visit(&Record::Holding { address, class, height: Height(!height), index: !index, lots, statement_hash })
}
