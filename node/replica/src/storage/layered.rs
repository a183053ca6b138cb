//! Records as of one block's end: what is not flushed, over what is being flushed, over what is kept of the database, over the
//! database.

use rocksdb::{DB, Direction, IteratorMode, ReadOptions};
use tally_contracts::state::{Row, Store, tag};
use tally_contracts::types::Height;

use super::memtable::{Memtable, range_of};
use super::row_cache::{RowCache, is_kept_by_key};

/// `tag ‖ address ‖ class`: the movements of one holding lie side by side.
pub const HOLDING_BYTES: usize = 1 + 20 + 4;

/// See the module.
pub struct Layered<'a> {
    /// What was flushed.
    pub db: &'a DB,
    /// What of it is in memory.
    pub cache: &'a RowCache,
    /// What was not flushed.
    pub rows: &'a Memtable,
    /// What is being flushed.
    pub flushing: Option<&'a Memtable>,
    /// The last block whose rows are in.
    pub head: Height,
}

impl Layered<'_> {
    /// The latest movement of a holding up to the one with the key `start`, as far as memory can tell: `Some(None)` where
    /// there is none.
    fn latest_of(&self, holding: &[u8], start: &[u8]) -> Option<Option<(Vec<u8>, Vec<u8>)>> {
        // An earlier one is asked for where the latest lies before `start`: that is for a scan to find.
        if let Some((key, value)) = self.latest_in_memory(holding) {
            return (key >= start).then(|| Some((key.to_vec(), value.unwrap_or_default().to_vec())));
        }
        let kept = self.cache.latest_of(holding)?;
        match kept.row() {
            (key, Some(value)) => (key >= start).then(|| Some((key.to_vec(), value.to_vec()))),
            (_, None) => Some(None),
        }
    }

    /// The row of the latest movement of a holding, if any is not flushed yet.
    fn latest_in_memory(&self, holding: &[u8]) -> Option<Row<'_>> {
        self.rows.latest_of(holding).or_else(|| self.flushing?.latest_of(holding))
    }

    /// The last key in the database that starts with a prefix.
    fn last_with(&self, prefix: &[u8]) -> Option<Box<[u8]>> {
        let mut end = prefix.to_vec();
        end.extend_from_slice(&[0xff; 32]);
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        let mut rows = self.db.iterator_opt(IteratorMode::From(&end, Direction::Reverse), options);
        let (key, _) = rows.next()?.unwrap_or_else(|error| halt(&error));
        key.starts_with(prefix).then_some(key)
    }

    fn load(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.db.get(key).unwrap_or_else(|error| halt(&error))
    }
}

impl Store for Layered<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.rows.get(key).or_else(|| self.flushing?.get(key)) {
            Some(value) => value.map(<[u8]>::to_vec),
            None if is_kept_by_key(key) => self.cache.get(key, || self.load(key)),
            None if key[0] == tag::references && self.cache.is_new(key, |prefix| self.last_with(prefix)) => None,
            None => self.load(key),
        }
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        if start >= end || limit == 0 {
            return Vec::new();
        }
        let tables = || self.flushing.into_iter().chain([self.rows]);
        // The database would go past a mark of each row that went from such a table.
        let kept = self.cache.rare().range(start, end, |rows| {
            let lower = rows.map(|(key, value)| Ok((key.into(), value.into())));
            over(range_of(tables(), start, Some(end)), lower, limit)
        });
        if let Some(found) = kept {
            return found;
        }
        let holding = holding_of(start).filter(|_| is_one_holding(start, end));
        let newest = holding.filter(|_| limit == 1);
        if let Some(latest) = newest.and_then(|holding| self.latest_of(holding, start)) {
            return latest.into_iter().collect();
        }
        // To look into each run for a holding that none has would cost more than the database.
        let is_waiting = holding.is_none_or(|holding| self.latest_in_memory(holding).is_some());
        let upper = range_of(is_waiting.then(tables).into_iter().flatten(), start, Some(end));
        let lower = self.db.iterator_opt(IteratorMode::From(start, Direction::Forward), read_options(start, end));
        let found = over(upper, lower, limit);
        // Nothing of the holding waits in memory and `start` is past all it has: what was found is its latest movement.
        if let Some(holding) = newest.filter(|_| !is_waiting)
            && height_of_movement(start) >= Some(self.head)
        {
            self.cache.keep_latest(holding, found.first().map(|(key, value)| (&key[..], &value[..])));
        }
        found
    }
}

/// Up to `limit` rows of what is in memory over what is in the database, by rising key; what was deleted is gone.
pub fn over<'a>(
    mut upper: impl Iterator<Item = Row<'a>>,
    lower: impl Iterator<Item = Result<(Box<[u8]>, Box<[u8]>), rocksdb::Error>>,
    limit: usize,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut lower = lower.map(|row| row.unwrap_or_else(|error| halt(&error)));
    let (mut next_upper, mut next_lower) = (upper.next(), lower.next());
    let mut found = Vec::new();
    while found.len() < limit {
        let upper_first = match (&next_upper, &next_lower) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((key, _)), Some((below, _))) => {
                if *key == below.as_ref() {
                    // Written anew in memory: what lies below is past.
                    next_lower = lower.next();
                    continue;
                }
                *key < below.as_ref()
            }
        };
        if upper_first {
            if let Some((key, Some(value))) = next_upper {
                found.push((key.to_vec(), value.to_vec()));
            }
            next_upper = upper.next();
        } else {
            found.extend(next_lower.map(|(key, value)| (key.into_vec(), value.into_vec())));
            next_lower = lower.next();
        }
    }
    found
}

fn is_one_holding(start: &[u8], end: &[u8]) -> bool {
    holding_of(start).is_some_and(|holding| holding_of(end) == Some(holding))
}

/// Within one holding the filters tell which files to look at; any other scan looks at all.
pub fn read_options(start: &[u8], end: &[u8]) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(end);
    let one_holding = is_one_holding(start, end);
    options.set_total_order_seek(!one_holding);
    options.set_prefix_same_as_start(one_holding);
    options
}

/// The holding that a movement's key is of.
#[must_use]
pub fn holding_of(key: &[u8]) -> Option<&[u8]> {
    key.get(..HOLDING_BYTES).filter(|holding| holding[0] == tag::HOLDINGS)
}

/// The height in a movement's key.
#[must_use]
pub fn height_of_movement(key: &[u8]) -> Option<Height> {
    let inverted = key.get(HOLDING_BYTES..)?.first_chunk()?;
    Some(Height(!u64::from_be_bytes(*inverted)))
}

/// Contracts have no answer for a disk that cannot be read, and half a block must never be applied.
pub fn halt(error: &rocksdb::Error) -> ! {
    tracing::error!(%error, "the state database cannot be read: stopping at once");
    std::process::abort()
}
