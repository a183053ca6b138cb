//! What lies below state: committed records by key.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::WriteSet;

/// Committed records, as of the parent of the block being executed.
///
/// A store that cannot read must stop the process: state has no answer for a fault, and a stopped replica is safe.
pub trait Store {
    /// The record under a key.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Up to `limit` records with `start <= key < end`, by rising key.
    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)>;
}

/// A store in memory: for verification, models and tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl MemoryStore {
    /// Applies a block's writes.
    pub fn apply(&mut self, writes: &WriteSet) {
        for (key, value) in writes.iter() {
            match value {
                Some(value) => self.records.insert(key.to_vec(), value.to_vec()),
                None => self.records.remove(key),
            };
        }
    }

    /// Every record, by rising key.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.records.iter().map(|(k, v)| (k.as_slice(), v.as_slice()))
    }

    /// Records with `start <= key < end`, by rising key.
    pub fn range<'s>(&'s self, start: &[u8], end: &[u8]) -> impl Iterator<Item = (&'s [u8], &'s [u8])> + use<'s> {
        let range = (Bound::Included(start), Bound::Excluded(end));
        self.records.range::<[u8], _>(range).map(|(k, v)| (k.as_slice(), v.as_slice()))
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for MemoryStore {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(records: I) -> Self {
        Self { records: records.into_iter().collect() }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.records.get(key).cloned()
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.range(start, end).take(limit).map(|(k, v)| (k.to_vec(), v.to_vec())).collect()
    }
}
