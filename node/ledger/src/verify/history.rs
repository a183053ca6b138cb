//! State as it was after an earlier block, out of the state at the end.
//!
//! What a checkpoint's roots are over can be had back. A holding's movements are all kept, each under its block. Of the
//! settlement records, which are changed in place, the versions are noted here as blocks are executed; they are few. So
//! roots are worked out once it is known which are asked for, on as many threads as there are, without a copy of state
//! for each checkpoint.

use std::collections::BTreeMap;
use std::ops::Bound;

use tally_contracts::state::{Key as _, MemoryStore, Store, WriteSet, tag};
use tally_contracts::types::Height;

/// The tables whose records are changed in place.
const TABLES: [u8; 3] = [tag::statements, tag::pair_nets, tag::legs];
/// Bytes of a movement's key that name the holding: tag, address, class. Its height, inverted, follows.
const OWNER_BYTES: usize = 25;

/// A record's value from a height on; none where it was deleted.
pub type Version = (Height, Option<Vec<u8>>);

/// Versions of the settlement records, by key and rising height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions(BTreeMap<Vec<u8>, Vec<Version>>);

/// State right after a block, as far as checkpoints are over it: movements and settlement records.
pub struct AsOf<'a> {
    /// State after that block or a later one.
    pub store: &'a MemoryStore,
    /// All versions up to that later block.
    pub versions: &'a Versions,
    /// The block.
    pub height: Height,
}

impl Versions {
    /// Notes what a block wrote.
    pub fn note(&mut self, height: Height, writes: &WriteSet) {
        for (key, value) in writes.iter().filter(|(key, _)| TABLES.contains(&key[0])) {
            self.push(key.to_vec(), (height, value.map(<[u8]>::to_vec)));
        }
    }

    /// Appends a version of a record.
    pub fn push(&mut self, key: Vec<u8>, version: Version) {
        self.0.entry(key).or_default().push(version);
    }

    /// Every version, by rising key and height.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Version)> {
        self.0.iter().flat_map(|(key, versions)| versions.iter().map(move |version| (key.as_slice(), version)))
    }
}

impl AsOf<'_> {
    /// A key at which to go on past the movements of a holding that are younger; none where this one is not.
    fn past_younger(&self, key: &[u8]) -> Option<Vec<u8>> {
        let inverted = Height::take(&mut &key[OWNER_BYTES..]);
        let first = !self.height.0;
        (inverted.0 < first).then(|| [&key[..OWNER_BYTES], &first.to_be_bytes()].concat())
    }

    fn movements(&self, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        let mut next = Some(start.to_vec());
        while let Some(from) = next.take() {
            for (key, value) in self.store.range(&from, end) {
                if rows.len() == limit {
                    break;
                }
                next = self.past_younger(key);
                if next.is_some() {
                    break;
                }
                rows.push((key.to_vec(), value.to_vec()));
            }
        }
        rows
    }

    fn version(&self, versions: &[Version]) -> Option<Vec<u8>> {
        let count = versions.partition_point(|(height, _)| *height <= self.height);
        versions[..count].last()?.1.clone()
    }
}

/// Other tables than those of checkpoints are empty here.
impl Store for AsOf<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let end = [key, &[0]].concat();
        self.scan(key, &end, 1).pop().map(|(_, value)| value)
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        match start.first() {
            Some(&tag::HOLDINGS) => self.movements(start, end, limit),
            Some(table) if TABLES.contains(table) => {
                let rows = self.versions.0.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
                let rows = rows.filter_map(|(key, versions)| Some((key.clone(), self.version(versions)?)));
                rows.take(limit).collect()
            }
            _ => Vec::new(),
        }
    }
}
