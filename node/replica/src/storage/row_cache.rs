//! What execution and queries ask the database for again and again, kept in memory: rows by key, the latest movement of each
//! holding, that there is none, and which references are new.
//!
//! A read of RocksDB costs some microseconds, also to find nothing; an operation costs one or two altogether. Memory is
//! bounded: what was not read or written for long goes first.
//!
//! **Invariant**: of what is in memory but not flushed nothing is read here, and it is brought up to date
//! ([`RowCache::update`]) before it is forgotten there. So whatever is read here is what the database has.

use std::fs;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tally_contracts::state::{Row, tag};

use super::layered::holding_of;
use super::rare_rows::RareRows;
use super::recent_references::RecentReferences;
use super::state_db::INDEX_TAGS;

/// Memory that is always there for it, in bytes.
const MIN_BYTES: usize = 512 << 20;
/// Of the machine's memory one part of so many, where that is more.
const PART_OF_MEMORY: usize = 8;
/// What an entry takes besides key and value, roughly, in bytes.
const ENTRY_BYTES: u64 = 64;

type Bytes = Box<[u8]>;

/// See the module.
pub struct RowCache {
    /// By the hash of its name. Of two names with one hash the later is kept.
    rows: Cache<u64, KeptRow, Weight>,
    hasher: RandomState,
    references: Mutex<RecentReferences>,
    rare: RareRows,
}

/// A row of the database, or that there is none: in one piece, for there are many and they are small.
#[derive(Clone)]
pub struct KeptRow {
    /// Key, and value where there is one.
    bytes: Arc<[u8]>,
    key_bytes: u16,
    is_there: bool,
}

impl KeptRow {
    fn new(key: &[u8], value: Option<&[u8]>, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        scratch.extend_from_slice(key);
        scratch.extend_from_slice(value.unwrap_or_default());
        let key_bytes = u16::try_from(key.len()).expect("keys are far shorter than 64 KiB");
        Self { bytes: scratch.as_slice().into(), key_bytes, is_there: value.is_some() }
    }

    /// Key and value; without a value it is known that there is no such row.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        let (key, value) = self.bytes.split_at(usize::from(self.key_bytes));
        (key, self.is_there.then_some(value))
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<u64, KeptRow> for Weight {
    fn weight(&self, _: &u64, row: &KeptRow) -> u64 {
        row.bytes.len() as u64 + ENTRY_BYTES
    }
}

/// How many bytes of memory a node gives it that was not told: then some 250 bytes for each member fit where there is memory.
#[must_use]
pub fn default_bytes() -> usize {
    (memory_bytes().unwrap_or(0) / PART_OF_MEMORY).max(MIN_BYTES)
}

/// The memory of this machine, or what of it a container of cgroup v2 may use.
fn memory_bytes() -> Option<usize> {
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let total = machine.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?;
    let total = total.trim().parse::<usize>().ok()? << 10;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|limit| limit.trim().parse().ok());
    Some(limit.unwrap_or(total).min(total))
}

impl RowCache {
    /// A cache that takes about so much memory, in bytes; `rare` is what the database has of those.
    #[must_use]
    pub fn new(bytes: usize, rare: RareRows) -> Self {
        let rows = Cache::with_weighter(bytes / 256, bytes as u64, Weight);
        Self { rows, hasher: RandomState::default(), references: Mutex::default(), rare }
    }

    /// The value under a key that execution may read again, from the database by `load` where it is not known.
    pub fn get(&self, key: &[u8], load: impl FnOnce() -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        if let Some(known) = self.rare.get(key) {
            return known;
        }
        if let Some(known) = self.find(key) {
            return known.row().1.map(<[u8]>::to_vec);
        }
        let value = load();
        self.keep((key, value.as_deref()), &mut Vec::new());
        value
    }

    /// Tables that are kept whole.
    #[must_use]
    pub const fn rare(&self) -> &RareRows {
        &self.rare
    }

    /// The row of the latest movement of a holding, if that is known; one without a value where it is known that there is none.
    #[must_use]
    pub fn latest_of(&self, holding: &[u8]) -> Option<KeptRow> {
        self.find(holding)
    }

    /// Keeps the row of the latest movement of a holding, or that there is none.
    pub fn keep_latest(&self, holding: &[u8], row: Option<(&[u8], &[u8])>) {
        self.keep(row.map_or((holding, None), |(key, value)| (key, Some(value))), &mut Vec::new());
    }

    fn find(&self, name: &[u8]) -> Option<KeptRow> {
        let found = self.rows.get(&self.hasher.hash_one(name))?;
        (name_of(found.row().0) == name).then_some(found)
    }

    fn keep(&self, (key, value): Row<'_>, scratch: &mut Vec<u8>) {
        self.rows.insert(self.hasher.hash_one(name_of(key)), KeptRow::new(key, value, scratch));
    }

    /// Whether the database is known not to have a reference, as is the case for nearly every new one. `load_last` gives the
    /// last key of the database with a prefix.
    pub fn is_new(&self, reference: &[u8], load_last: impl FnOnce(&[u8]) -> Option<Bytes>) -> bool {
        // Loaded under the lock that `update` takes: a flush in between would be missed.
        self.references().is_new(reference, load_last)
    }

    /// Takes over rows that were flushed, which come by rising key.
    pub fn update(&self, flushed: &[Row<'_>]) {
        let (mut last, mut scratch): (&[u8], Vec<u8>) = (&[], Vec::new());
        let records = flushed.iter().take_while(|(key, _)| key[0] < *INDEX_TAGS.start());
        for row in records.filter(|(key, _)| is_kept(key)) {
            let name = name_of(row.0);
            // Of a holding, its latest movement comes first.
            if name != last {
                self.keep(*row, &mut scratch);
            }
            last = name;
        }
        let references = flushed.partition_point(|(key, _)| key[0] < tag::references)
            ..flushed.partition_point(|(key, _)| key[0] <= tag::references);
        self.references().update(&flushed[references]);
        self.rare.update(flushed);
    }

    fn references(&self) -> MutexGuard<'_, RecentReferences> {
        self.references.lock().expect("no thread panics while it holds the references")
    }
}

/// What a row is asked for by: a movement by its holding, any other by its key.
fn name_of(key: &[u8]) -> &[u8] {
    holding_of(key).unwrap_or(key)
}

/// Whether execution may read a row again. A reference is mostly asked for once, to find that it is new; index rows are read
/// by queries.
fn is_kept(key: &[u8]) -> bool {
    key[0] < *INDEX_TAGS.start() && key[0] != tag::references
}

/// Whether a row that is asked for by its key is kept: of movements, the latest of a holding is.
#[must_use]
pub fn is_kept_by_key(key: &[u8]) -> bool {
    is_kept(key) && holding_of(key).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTOUCHED: fn() -> Option<Vec<u8>> = || panic!("it is known");

    #[test]
    fn a_row_is_loaded_once_and_so_is_its_absence() {
        let cache = RowCache::new(1 << 20, RareRows::new([]));
        assert_eq!(cache.get(b"a", || Some(vec![1])), Some(vec![1]));
        assert_eq!(cache.get(b"a", UNTOUCHED), Some(vec![1]));
        assert_eq!(cache.get(b"b", || None), None);
        assert_eq!(cache.get(b"b", UNTOUCHED), None);
    }
}
