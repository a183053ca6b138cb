//! One kind of record: read through, changed in memory, undone or written as a whole.

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use wincode::config::DefaultConfig;
use wincode::{SchemaReadOwned, SchemaWrite};

use super::{Key, Store, WriteSet};
use crate::encoding;

/// A table of records of type `V` under keys of type `K`, under one tag byte in the store.
///
/// **Invariant**: `rows` holds whatever was read or written in this block, and may hold more as of the parent; a row is dirty
/// once written; `undo` leads back to the state at the last [`Table::keep`]. Rows lie in the order in which they were met,
/// whatever the seed of the hash is, and leave sorted: nothing depends on the seed, and nobody can craft keys that collide.
pub struct Table<'a, K, V> {
    store: &'a dyn Store,
    tag: u8,
    rows: IndexMap<K, Row<V>, RandomState>,
    /// The position of the row that was asked for last: operations of one merchant ask for the same few again and again.
    last: usize,
    touched: Touched<V>,
    /// Empty but while they are written: dirty rows by key, with their positions.
    order: Vec<(K, usize)>,
    /// Position in `rows`, and what was there.
    undo: Vec<(usize, Row<V>)>,
}

/// Rows that were dirty at some time, each once: position among the rows, and the record as of the parent. Boxed, for most
/// had none.
type Touched<V> = Vec<(usize, Option<Box<V>>)>;

/// Records that were met: as of the end of a block, they spare the next one the store.
#[derive(Clone, Debug)]
pub struct Rows<K, V> {
    met: IndexMap<K, Row<V>, RandomState>,
    /// Empty, with the room that the last block took: to ask for it anew costs a block more than to fill it.
    touched: Touched<V>,
    /// As `touched`.
    order: Vec<(K, usize)>,
}

impl<K, V> Rows<K, V> {
    /// Forgets all of them where they are more than so many.
    pub(super) fn trim(&mut self, max: usize) {
        if self.met.len() > max {
            self.met.clear();
        }
    }
}

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self { met: IndexMap::default(), touched: Vec::new(), order: Vec::new() }
    }
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

/// A record that was met, or that there is none.
#[derive(Clone, Debug)]
pub struct Row<V> {
    value: Option<V>,
    dirty: bool,
    /// Whether it is among the touched ones.
    touched: bool,
}

impl<'a, K, V> Table<'a, K, V>
where
    K: Key,
    V: Clone + SchemaWrite<DefaultConfig, Src = V> + SchemaReadOwned<DefaultConfig, Dst = V>,
{
    /// An unchanged table; `rows` are some of its records.
    #[must_use]
    pub fn new(store: &'a dyn Store, tag: u8, rows: Rows<K, V>) -> Self {
        let Rows { met, touched, order } = rows;
        Self { store, tag, rows: met, last: 0, touched, order, undo: Vec::new() }
    }

    /// The records that were met, as the block leaves them.
    #[must_use]
    pub fn into_rows(mut self) -> Rows<K, V> {
        for (at, _) in self.touched.drain(..) {
            self.rows[at].dirty = false;
            self.rows[at].touched = false;
        }
        Rows { met: self.rows, touched: self.touched, order: self.order }
    }

    /// The record under a key, as this block has left it.
    pub fn get(&mut self, key: &K) -> Option<V> {
        let at = self.position(key);
        self.rows[at].value.clone()
    }

    /// The same, of a record that is hardly ever asked for twice: what the store has is not kept for later.
    pub fn peek(&self, key: &K) -> Option<V> {
        match self.rows.get(key) {
            Some(row) => row.value.clone(),
            None => self.committed(key),
        }
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

    /// Writes a record that is known not to be there, without asking the store.
    pub fn insert(&mut self, key: K, value: V) {
        let row = self.rows.entry(key);
        let at = row.index();
        row.or_insert_with(|| Row::read(None));
        self.write_at(at, Some(value));
    }

    /// Changes a record, from the default where there is none.
    pub fn change(&mut self, key: &K, change: impl FnOnce(&mut V))
    where
        V: Default,
    {
        let at = self.position(key);
        let mut value = self.rows[at].value.clone().unwrap_or_default();
        change(&mut value);
        self.write_at(at, Some(value));
    }

    /// The same, unless the change comes to nothing: then nothing is written.
    pub fn try_change(&mut self, key: &K, change: impl FnOnce(&mut V) -> Option<()>) -> Option<()>
    where
        V: Default,
    {
        let at = self.position(key);
        let mut value = self.rows[at].value.clone().unwrap_or_default();
        change(&mut value)?;
        self.write_at(at, Some(value));
        Some(())
    }

    /// Deletes a record.
    pub fn delete(&mut self, key: K) {
        self.set(key, None);
    }

    /// Up to `limit` records with `start <= key < end`, by rising key, as this block has left them. It looks at every row
    /// that was met: for tables of which few are, or that are met anew by each block.
    pub fn scan(&mut self, start: &K, end: &K, limit: usize) -> Vec<(K, V)> {
        let end_bytes = self.key_bytes(end);
        let mut from = self.key_bytes(start);
        let mut live = 0;
        // Up to here every committed record is among the rows.
        let mut covered = None;
        loop {
            let batch = self.store.scan(&from, &end_bytes, limit);
            let is_last = batch.len() < limit;
            let mut last = None;
            for (key_bytes, value) in batch {
                let key = K::take(&mut &key_bytes[1..]);
                let row = self.rows.entry(key.clone());
                let row = row.or_insert_with(|| Row::read(Some(encoding::decode_own(&value))));
                live += usize::from(row.value.is_some());
                from = key_bytes;
                last = Some(key);
            }
            if is_last || last.is_none() {
                break;
            }
            if live >= limit {
                covered = last;
                break;
            }
            from.push(0);
        }
        let is_in = |key: &K| key >= start && key < end && covered.as_ref().is_none_or(|last| key <= last);
        let rows = self.rows.iter().filter(|(key, _)| is_in(key));
        let mut found: Vec<(K, V)> =
            rows.filter_map(|(key, row)| row.value.clone().map(|value| (key.clone(), value))).collect();
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        found.truncate(limit);
        found
    }

    /// Accepts the changes since the last call: they can no longer be undone.
    pub fn keep(&mut self) {
        self.undo.clear();
    }

    /// Undoes the changes since the last [`Table::keep`].
    pub fn undo(&mut self) {
        while let Some((at, row)) = self.undo.pop() {
            self.rows[at] = Row { touched: true, ..row };
        }
    }

    /// What the block changed: key, and the record before and after it.
    pub fn changes(&self) -> Vec<Change<K, V>> {
        let change = |(key, row, before): (&K, &Row<V>, &Option<Box<V>>)| Change {
            key: key.clone(),
            before: before.as_deref().cloned(),
            after: row.value.clone(),
        };
        self.dirty().map(change).collect()
    }

    /// How many records the block changed, at most.
    pub const fn touched(&self) -> usize {
        self.touched.len()
    }

    /// Appends what the block changed, by rising key.
    ///
    /// # Panics
    /// When the set has rows of a later table already.
    pub fn write(&mut self, to: &mut WriteSet) {
        // With their keys beside them, for each look at a row may miss the processor's caches. A stable sort makes use of the
        // runs in which references come.
        let Self { rows, touched, order, .. } = self;
        for (at, _) in touched {
            let (key, row) = rows.get_index(*at).expect("a row that was met stays");
            if row.dirty {
                order.push((key.clone(), *at));
            }
        }
        order.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, at) in order.drain(..) {
            let put_key = |bytes: &mut Vec<u8>| {
                bytes.push(self.tag);
                key.put(bytes);
            };
            to.push(put_key, rows[at].value.as_ref());
        }
    }

    /// Where the row of a key lies; it is read where the block has not met it yet.
    fn position(&mut self, key: &K) -> usize {
        if self.rows.get_index(self.last).is_some_and(|(last, _)| last == key) {
            return self.last;
        }
        self.last = self.rows.get_index_of(key).unwrap_or_else(|| {
            let value = self.committed(key);
            self.rows.insert_full(key.clone(), Row::read(value)).0
        });
        self.last
    }

    fn dirty(&self) -> impl Iterator<Item = (&K, &Row<V>, &Option<Box<V>>)> {
        let rows = self.touched.iter().filter_map(|(at, before)| {
            let (key, row) = self.rows.get_index(*at)?;
            Some((key, row, before))
        });
        rows.filter(|(_, row, _)| row.dirty)
    }

    fn set(&mut self, key: K, value: Option<V>) {
        let at = self.position(&key);
        self.write_at(at, value);
    }

    fn write_at(&mut self, at: usize, value: Option<V>) {
        let row = &mut self.rows[at];
        if !row.touched {
            self.touched.push((at, row.value.clone().map(Box::new)));
        }
        let before = std::mem::replace(row, Row { value, dirty: true, touched: true });
        // Written twice in a row, as counters are, it goes back to what it was first.
        if self.undo.last().is_none_or(|(noted, _)| *noted != at) {
            self.undo.push((at, before));
        }
    }

    fn key_bytes(&self, key: &K) -> Vec<u8> {
        key_bytes(self.tag, key)
    }
}

impl<V> Row<V> {
    const fn read(value: Option<V>) -> Self {
        Self { value, dirty: false, touched: false }
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
    use crate::state::MemoryStore;

    #[test]
    fn a_scan_sees_what_the_block_created_changed_and_deleted() {
        let mut store = MemoryStore::default();
        let mut writes = WriteSet::default();
        for (key, value) in [(1_u16, 10_u64), (3, 30), (5, 50), (7, 70)] {
            writes.push(|bytes| bytes.extend_from_slice(&key_bytes(7, &key)), Some(&value));
        }
        store.apply(&writes);
        let mut table = Table::<u16, u64>::new(&store, 7, Rows::default());
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

    #[test]
    fn what_was_changed_several_times_is_undone_to_what_was_kept() {
        let store = MemoryStore::default();
        let mut table = Table::<u16, u64>::new(&store, 7, Rows::default());
        table.change(&1, |sum| *sum += 10);
        table.keep();
        for (key, more) in [(1, 1), (1, 2), (2, 20), (1, 4), (1, 8)] {
            table.change(&key, |sum| *sum += more);
        }
        assert_eq!((table.get(&1), table.get(&2)), (Some(25), Some(20)));
        let half_done = |sum: &mut u64| {
            *sum = 0;
            None
        };
        assert_eq!(table.try_change(&1, half_done), None);
        assert_eq!(table.get(&1), Some(25), "a change that comes to nothing changes nothing");
        table.undo();
        assert_eq!((table.get(&1), table.get(&2)), (Some(10), None));
        let changes: Vec<_> = table.changes().into_iter().map(|c| (c.key, c.before, c.after)).collect();
        assert_eq!(changes, [(1, None, Some(10))]);
    }
}
