//! One kind of record: read through, changed in memory, undone or written as a whole.

use std::collections::BTreeMap;
use std::ops::Bound;

use wincode::config::DefaultConfig;
use wincode::{SchemaReadOwned, SchemaWrite};

use super::{Key, Store, Write};
use crate::encoding;

/// A table of records of type `V` under keys of type `K`, under one tag byte in the store.
///
/// **Invariant**: `rows` holds whatever was read or written in this block; a row is dirty once written; `undo` leads
/// back to the state at the last [`Table::keep`].
pub struct Table<'a, K, V> {
    store: &'a dyn Store,
    tag: u8,
    rows: BTreeMap<K, Row<V>>,
    undo: Vec<(K, Row<V>)>,
}

/// A record that a block changed.
#[derive(Clone, Debug)]
pub struct Change<K, V> {
    /// Its key.
    pub key: K,
    /// As of the parent.
    pub before: Option<V>,
    /// As of now.
    pub after: Option<V>,
}

#[derive(Clone, Debug)]
struct Row<V> {
    value: Option<V>,
    dirty: bool,
}

impl<'a, K, V> Table<'a, K, V>
where
    K: Key,
    V: Clone + SchemaWrite<DefaultConfig, Src = V> + SchemaReadOwned<DefaultConfig, Dst = V>,
{
    /// An unchanged table.
    #[must_use]
    pub const fn new(store: &'a dyn Store, tag: u8) -> Self {
        Self { store, tag, rows: BTreeMap::new(), undo: Vec::new() }
    }

    /// The record under a key, as this block has left it.
    pub fn get(&mut self, key: &K) -> Option<V> {
        self.row(key).value.clone()
    }

    /// The record under a key as of the parent, whatever this block has done to it.
    #[must_use]
    pub fn committed(&self, key: &K) -> Option<V> {
        self.store.get(&self.key_bytes(key)).map(|bytes| encoding::decode_own(&bytes))
    }

    /// Writes a record.
    pub fn put(&mut self, key: K, value: V) {
        self.set(key, Some(value));
    }

    /// Deletes a record.
    pub fn delete(&mut self, key: K) {
        self.set(key, None);
    }

    /// Up to `limit` records with `start <= key < end`, by rising key, as this block has left them.
    pub fn scan(&mut self, start: &K, end: &K, limit: usize) -> Vec<(K, V)> {
        let end_bytes = self.key_bytes(end);
        let mut from = self.key_bytes(start);
        let mut live = 0;
        // Up to here every committed record is among the rows.
        let covered = loop {
            let batch = self.store.scan(&from, &end_bytes, limit);
            let is_last = batch.len() < limit;
            let mut last = None;
            for (key_bytes, value) in batch {
                let key = K::take(&mut &key_bytes[1..]);
                let row = self.rows.entry(key.clone());
                let row = row.or_insert_with(|| Row { value: Some(encoding::decode_own(&value)), dirty: false });
                live += usize::from(row.value.is_some());
                from = key_bytes;
                last = Some(key);
            }
            match last {
                Some(key) if !is_last && live >= limit => break Bound::Included(key),
                Some(_) if !is_last => from.push(0),
                _ => break Bound::Excluded(end.clone()),
            }
        };
        let rows = self.rows.range((Bound::Included(start.clone()), covered));
        rows.filter_map(|(key, row)| row.value.clone().map(|value| (key.clone(), value))).take(limit).collect()
    }

    /// Accepts the changes since the last call: they can no longer be undone.
    pub fn keep(&mut self) {
        self.undo.clear();
    }

    /// Undoes the changes since the last [`Table::keep`].
    pub fn undo(&mut self) {
        while let Some((key, row)) = self.undo.pop() {
            self.rows.insert(key, row);
        }
    }

    /// What the block changed: key, and the record before and after it.
    pub fn changes(&self) -> Vec<Change<K, V>> {
        let changed = self.rows.iter().filter(|(_, row)| row.dirty);
        changed
            .map(|(key, row)| Change { key: key.clone(), before: self.committed(key), after: row.value.clone() })
            .collect()
    }

    /// Appends what the block changed, as canonical bytes.
    pub fn write(&self, to: &mut Vec<Write>) {
        for (key, row) in self.rows.iter().filter(|(_, row)| row.dirty) {
            to.push((self.key_bytes(key), row.value.as_ref().map(encoding::encode)));
        }
    }

    fn row(&mut self, key: &K) -> &mut Row<V> {
        let (store, tag) = (self.store, self.tag);
        self.rows.entry(key.clone()).or_insert_with(|| {
            let value = store.get(&key_bytes(tag, key)).map(|bytes| encoding::decode_own(&bytes));
            Row { value, dirty: false }
        })
    }

    fn set(&mut self, key: K, value: Option<V>) {
        let row = self.row(&key);
        let before = std::mem::replace(row, Row { value, dirty: true });
        self.undo.push((key, before));
    }

    fn key_bytes(&self, key: &K) -> Vec<u8> {
        key_bytes(self.tag, key)
    }
}

pub(super) fn key_bytes<K: Key>(tag: u8, key: &K) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(48);
    bytes.push(tag);
    key.put(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{MemoryStore, WriteSet};

    #[test]
    fn a_scan_sees_what_the_block_created_changed_and_deleted() {
        let mut store = MemoryStore::default();
        let row = |key: u16, value: u64| (key_bytes(7, &key), Some(encoding::encode(&value)));
        store.apply(&WriteSet::new(vec![row(1, 10), row(3, 30), row(5, 50), row(7, 70)]));
        let mut table = Table::<u16, u64>::new(&store, 7);
        table.put(4, 40);
        table.put(5, 55);
        table.delete(3);
        table.put(9, 90);
        assert_eq!(table.scan(&1, &9, 10), [(1, 10), (4, 40), (5, 55), (7, 70)]);
        for limit in 1..4 {
            assert_eq!(table.scan(&1, &9, limit), [(1, 10), (4, 40), (5, 55)][..limit], "limit {limit}");
        }
        table.undo();
        assert_eq!(table.scan(&0, &9, 10), [(1, 10), (3, 30), (5, 50), (7, 70)]);
    }
}
