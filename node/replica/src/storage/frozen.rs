//! State as of one block's end that stays as it is while blocks go on: what checkpoints are worked out from, and proofs.
//!
//! It holds on to a snapshot of the database and to the rows that were not flushed, so it costs nothing to make. What the
//! database would drop meanwhile it keeps: let go of a frozen state once the next one is there.

use std::sync::Arc;

use rocksdb::{DB, Direction, IteratorMode, SnapshotWithThreadMode};
use tally_contracts::state::Store;

use super::layered::{halt, over, read_options};
use super::memtable::{Memtable, range_of};

/// See the module.
pub struct Frozen<'a> {
    /// What was flushed.
    pub db: SnapshotWithThreadMode<'a, DB>,
    /// What was being flushed.
    pub flushing: Option<Arc<Memtable>>,
    /// What was not flushed.
    pub rows: Memtable,
}

impl Store for Frozen<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.rows.get(key).or_else(|| self.flushing.as_ref()?.get(key)) {
            Some(value) => value.map(<[u8]>::to_vec),
            None => self.db.get(key).unwrap_or_else(|error| halt(&error)),
        }
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        if start >= end || limit == 0 {
            return Vec::new();
        }
        let upper = range_of(self.flushing.as_deref().into_iter().chain([&self.rows]), start, Some(end));
        let lower = self.db.iterator_opt(IteratorMode::From(start, Direction::Forward), read_options(start, end));
        over(upper, lower, limit)
    }
}
