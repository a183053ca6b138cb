//! The transparency log: its tiles, its leaves' bytes, and proofs under a size (ADR 0012).
//!
//! Hashes come from the index. The bytes of leaves are made again of block, receipts and due work: nothing is stored twice.

use std::convert::Infallible;
use std::ops::Range;

use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::receipt::Receipt;
use tally_contracts::types::{Hash, Height};
use tally_ledger::block::Block;
use tally_ledger::leaf::Leaf;
use tally_ledger::log::tile::TILE_WIDTH;
use tally_ledger::log::{PathError, TileId, Tiles, path};

use super::index::{self, LeavesRow, Place};
use super::{Missing, QueryError, Snapshot};

/// The log as a node's index has it.
pub struct Log<'a>(pub &'a Snapshot<'a>);

impl Tiles for Log<'_> {
    type Error = Infallible;

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, Infallible> {
        let start = id.index * u64::from(TILE_WIDTH);
        let range = start..start + u64::from(id.width);
        Ok(if id.level == 0 { self.leaves(range) } else { index::subtrees(self.0.store, id.level, range) })
    }
}

impl Log<'_> {
    fn leaves(&self, range: Range<u64>) -> Vec<Hash> {
        let mut hashes = Vec::new();
        for (first, row) in index::leaves(self.0.store, range.clone()).into_iter().rev() {
            let in_range = row.hashes.into_iter().zip(first..).filter(|(_, index)| range.contains(index));
            hashes.extend(in_range.map(|(hash, _)| hash));
        }
        hashes
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    /// `NotFound` where the log does not have all of it yet.
    pub fn hashes(&self, id: TileId) -> Result<Vec<Hash>, QueryError> {
        if !id.is_within(self.0.head.outcome.log_size) {
            return Err(QueryError::NotFound(Missing::Tile(id)));
        }
        let Ok(hashes) = self.tile(id);
        Ok(hashes)
    }

    /// The blocks that some leaves are of: for each the height, and which of its leaves.
    ///
    /// # Errors
    /// `NotFound` where the log does not have all of them yet.
    pub fn blocks(&self, range: Range<u64>) -> Result<Vec<LeavesOf>, QueryError> {
        if range.end > self.0.head.outcome.log_size {
            return Err(QueryError::NotFound(Missing::Entry(range.end - 1)));
        }
        let of_block = |(first, row): (u64, LeavesRow)| {
            let (start, end) = (range.start.max(first), range.end.min(first + row.hashes.len() as u64));
            let within = |index: u64| usize::try_from(index - first).expect("a block's leaves are bounded");
            LeavesOf {
                height: row.height,
                first,
                wanted: within(start)..within(end),
                parts: Parts::of(self.0, row.height),
            }
        };
        Ok(index::leaves(self.0.store, range.clone()).into_iter().rev().map(of_block).collect())
    }

    /// The leaf of a transaction, by the place of one of its operations.
    #[must_use]
    pub fn leaf_of(&self, place: Place) -> Option<u64> {
        let rows = index::transactions_at(self.0.store, place.height);
        let mut first = 0;
        let has_place = |row: &index::TransactionRow| {
            first += u32::try_from(row.receipts.len()).expect("a transaction's operations are bounded");
            place.index < first
        };
        let transaction = rows.iter().position(has_place)? as u64;
        let due = index::due_at(self.0.store, place.height).len() as u64;
        Some(self.first_leaf(place.height)? + due + transaction)
    }

    /// The leaf of a due record, by its number in the block.
    #[must_use]
    pub fn leaf_of_due(&self, height: Height, number: u64) -> Option<u64> {
        Some(self.first_leaf(height)? + number)
    }

    /// The first leaf of a block: there are as many before it as its parent led to.
    fn first_leaf(&self, height: Height) -> Option<u64> {
        // The block's row is found from any of its leaves; by bisection, for heights rise with leaves.
        let (mut low, mut high) = (0, self.0.head.outcome.log_size);
        while low < high {
            let middle = low + (high - low) / 2;
            let (first, row) = index::leaves(self.0.store, middle..middle + 1).pop()?;
            match row.height.cmp(&height) {
                std::cmp::Ordering::Equal => return Some(first),
                std::cmp::Ordering::Less => low = first + row.hashes.len() as u64,
                std::cmp::Ordering::Greater => high = first,
            }
        }
        None
    }

    /// Hashes that prove that a leaf is in the log of some size.
    ///
    /// # Errors
    /// `Parameters` where the leaf or the size lies beyond the log.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, QueryError> {
        self.within(size)?;
        path::inclusion(self, index, size).map_err(|error| beyond(&error))
    }

    /// Hashes that prove that the log of a size begins with the log of an earlier one.
    ///
    /// # Errors
    /// `Parameters` where a size lies beyond the log.
    pub fn consistency(&self, old_size: u64, size: u64) -> Result<Vec<Hash>, QueryError> {
        self.within(size)?;
        path::consistency(self, old_size, size).map_err(|error| beyond(&error))
    }

    fn within(&self, size: u64) -> Result<(), QueryError> {
        let has = self.0.head.outcome.log_size;
        if size <= has { Ok(()) } else { Err(QueryError::Parameters(format!("the log has {has} leaves, not {size}"))) }
    }
}

fn beyond(error: &PathError<Infallible>) -> QueryError {
    QueryError::Parameters(error.to_string())
}

/// Leaves that are of one block.
pub struct LeavesOf {
    /// The block.
    pub height: Height,
    /// The index of its first leaf.
    pub first: u64,
    /// Which of its leaves are wanted.
    wanted: Range<usize>,
    parts: Parts,
}

/// What a block's leaves are made of, besides the block.
struct Parts {
    due: Vec<DueRecord>,
    receipts: Vec<Vec<Receipt>>,
}

impl Parts {
    fn of(snapshot: &Snapshot<'_>, height: Height) -> Self {
        let rows = index::transactions_at(snapshot.store, height);
        let due = index::due_at(snapshot.store, height);
        Self { due, receipts: rows.into_iter().map(|row| row.receipts).collect() }
    }
}

impl LeavesOf {
    /// The bytes of the leaves wanted, made with the block of that height.
    #[must_use]
    pub fn entries(&self, block: &Block) -> Vec<Vec<u8>> {
        let Self { height, wanted, parts, .. } = self;
        let due = parts.due.iter().map(|record| Leaf::Due { height: *height, record });
        let transactions = block.transactions.iter().zip(&parts.receipts).zip(0_u32..);
        let transactions = transactions.map(|((bytes, receipts), index)| Leaf::Transaction {
            height: *height,
            index,
            bytes,
            receipts,
        });
        let leaves = due.chain(transactions).chain([Leaf::Header(&block.header)]);
        leaves.skip(wanted.start).take(wanted.len()).map(|leaf| encoding::encode(&leaf)).collect()
    }
}
