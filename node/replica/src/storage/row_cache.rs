//! What execution asks the database for again and again, kept in memory: rows by key, the latest movement of each holding, that
//! there is none, and how far the references of a day go.
//!
//! A read of RocksDB costs some microseconds, also to find nothing; an operation costs one or two altogether. Memory is
//! bounded: what was not read or written for long goes first.
//!
//! **Invariant**: of what is in memory but not flushed nothing is read here, and it is brought up to date
//! ([`RowCache::update`]) before it is forgotten there. So whatever is read here is what the database has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tally_contracts::state::tag;

use super::layered::holding_of;
use super::memtable::Memtable;
use super::state_db::INDEX_TAGS;

/// What an entry takes besides key and value, roughly, in bytes.
const ENTRY_BYTES: u64 = 96;
/// `tag ‖ day ‖ merchant`: the references of a merchant's day lie side by side, by rising time.
const REFERENCE_PREFIX_BYTES: usize = 1 + 4 + 2;

type Bytes = Box<[u8]>;

/// See the module.
pub struct RowCache {
    rows: Cache<Bytes, Option<Arc<KeptRow>>, Weight>,
    /// The last reference of a merchant's day in the database; empty where there is none.
    last_references: Mutex<BTreeMap<Bytes, Bytes>>,
}

/// A row of the database.
pub struct KeptRow {
    /// Its key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
}

impl KeptRow {
    fn new(key: &[u8], value: &[u8]) -> Arc<Self> {
        Arc::new(Self { key: key.into(), value: value.into() })
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Bytes, Option<Arc<KeptRow>>> for Weight {
    fn weight(&self, name: &Bytes, row: &Option<Arc<KeptRow>>) -> u64 {
        let row_bytes = row.as_ref().map_or(0, |row| row.key.len() + row.value.len());
        (name.len() + row_bytes) as u64 + ENTRY_BYTES
    }
}

impl RowCache {
    /// A cache that takes about so much memory, in bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { rows: Cache::with_weighter(bytes / 256, bytes as u64, Weight), last_references: Mutex::default() }
    }

    /// The value under a key that execution may read again, from the database by `load` where it is not known.
    pub fn get(&self, key: &[u8], load: impl FnOnce() -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        if let Some(known) = self.rows.get(key) {
            return known.map(|row| row.value.to_vec());
        }
        let value = load();
        self.rows.insert(key.into(), value.as_ref().map(|value| KeptRow::new(key, value)));
        value
    }

    /// The row of the latest movement of a holding, if that is known; `Some(None)` where it is known that there is none.
    #[must_use]
    pub fn latest_of(&self, holding: &[u8]) -> Option<Option<Arc<KeptRow>>> {
        self.rows.get(holding)
    }

    /// Keeps the row of the latest movement of a holding, or that there is none.
    pub fn keep_latest(&self, holding: &[u8], row: Option<(&[u8], &[u8])>) {
        self.rows.insert(holding.into(), row.map(|(key, value)| KeptRow::new(key, value)));
    }

    /// Whether a reference lies past all that the database has of its merchant and day, as nearly every new one does.
    /// `load_last` gives the last key of the database with a prefix.
    pub fn is_past_all(&self, reference: &[u8], load_last: impl FnOnce(&[u8]) -> Option<Bytes>) -> bool {
        let prefix = &reference[..REFERENCE_PREFIX_BYTES];
        // Loaded under the lock that `update` takes: a flush in between would be missed.
        let mut known = self.last_references.lock().expect("no thread panics while it holds the last references");
        if let Some(last) = known.get(prefix) {
            return *reference > **last;
        }
        let last = load_last(prefix).unwrap_or_default();
        let is_past = *reference > *last;
        known.insert(prefix.into(), last);
        is_past
    }

    /// Takes over rows that were flushed.
    pub fn update(&self, flushed: &Memtable) {
        let mut last: &[u8] = &[];
        for (key, value) in flushed.range(&[], Some(&[*INDEX_TAGS.start()])).filter(|(key, _)| is_cached(key)) {
            let name = holding_of(key).unwrap_or(key);
            // Of a holding, its latest movement comes first.
            if name != last {
                self.rows.insert(name.into(), value.map(|value| KeptRow::new(key, value)));
            }
            last = name;
        }
        let mut known = self.last_references.lock().expect("no thread panics while it holds the last references");
        for (key, _) in flushed.range(&[tag::references], Some(&[tag::references + 1])) {
            if let Some(last) = known.get_mut(&key[..REFERENCE_PREFIX_BYTES]).filter(|last| ***last < *key) {
                *last = key.into();
            }
        }
    }
}

/// Whether execution may read a row again. A reference is mostly asked for once, to find that it is new; index rows are read
/// by queries.
#[must_use]
pub fn is_cached(key: &[u8]) -> bool {
    key[0] < *INDEX_TAGS.start() && key[0] != tag::references
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTOUCHED: fn() -> Option<Vec<u8>> = || panic!("it is known");

    fn reference(time: u8) -> Vec<u8> {
        vec![tag::references, 0, 0, 0, 1, 0, 7, time]
    }

    #[test]
    fn a_row_is_loaded_once_and_so_is_its_absence() {
        let cache = RowCache::new(1 << 20);
        assert_eq!(cache.get(b"a", || Some(vec![1])), Some(vec![1]));
        assert_eq!(cache.get(b"a", UNTOUCHED), Some(vec![1]));
        assert_eq!(cache.get(b"b", || None), None);
        assert_eq!(cache.get(b"b", UNTOUCHED), None);
    }

    #[test]
    fn a_reference_is_new_for_certain_only_past_the_last() {
        let cache = RowCache::new(1 << 20);
        let last = |_: &[u8]| Some(reference(5).into());
        let known = |_: &[u8]| panic!("it is known");
        assert!(cache.is_past_all(&reference(6), last));
        assert!(!cache.is_past_all(&reference(5), known));
        assert!(!cache.is_past_all(&reference(4), known));
    }
}
