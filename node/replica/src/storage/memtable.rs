//! What blocks wrote since the last flush: sorted runs of rows, and hash tables that tell where the newest version of a
//! record is, and the latest movement of a holding.
//!
//! A block hands over its rows sorted, and they are kept as they come: a record that contracts ask for is one probe away, a
//! scan and a flush merge the runs, and so does a query for a row of its index. For scans, runs of small blocks are merged as
//! they arrive, so that an idle alliance has few of them; those of big blocks are not, for a flush comes soon.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use tally_contracts::state::{Row, WriteSet, key_prefix};

use super::layered::holding_of;
use super::state_db::INDEX_TAGS;

/// So many neighbouring runs that were merged equally often are merged into one.
const MERGED_AT_ONCE: usize = 4;
/// Runs of so many rows are not merged any more.
const BIG_RUN_ROWS: usize = 16_384;

/// See the module.
#[derive(Clone, Default)]
pub struct Memtable {
    /// What blocks wrote, the oldest first.
    written: Vec<Arc<WriteSet>>,
    /// The same rows in fewer runs, the oldest first.
    scanned: Vec<Run>,
    /// By key, the newest version of a contracts' record, but for movements.
    newest: HashTable<At>,
    /// By holding, its latest movement, which of all its rows has the smallest key.
    latest: HashTable<At>,
    /// First bytes of the keys in `newest`, a bit each: of some tables that are asked for, hardly ever is a row written.
    tags: [u128; 2],
    hasher: RandomState,
    bytes: usize,
}

/// Rows of one block, or of several that follow each other.
#[derive(Clone)]
struct Run {
    rows: Arc<WriteSet>,
    /// How often they were merged; none for a run so big that a flush comes before merging it would pay.
    merges: Option<u8>,
}

impl Run {
    fn new(rows: Arc<WriteSet>, merges: u8) -> Self {
        Self { merges: (rows.len() < BIG_RUN_ROWS).then_some(merges), rows }
    }
}

/// A row that was written.
#[derive(Clone, Copy)]
struct At {
    run: u32,
    row: u32,
}

impl Memtable {
    /// An empty one, with room for as many rows.
    #[must_use]
    pub fn sized_like(other: &Self) -> Self {
        let (newest, latest) =
            (HashTable::with_capacity(other.newest.len()), HashTable::with_capacity(other.latest.len()));
        Self { newest, latest, ..Self::default() }
    }

    /// Adds rows; they stand before older ones of the same key.
    pub fn push(&mut self, rows: Arc<WriteSet>) {
        self.bytes += rows.bytes();
        let run = u32::try_from(self.written.len()).expect("a flush comes before there are so many runs");
        // Rows of the index come after all others, and none of them is noted.
        let records = rows.lower_bound(&[*INDEX_TAGS.start()]);
        let records = u32::try_from(records).expect("a run is far below 2^32 rows");
        self.written.push(rows.clone());
        (0..records).for_each(|row| self.note(At { run, row }));
        self.scanned.push(Run::new(rows, 0));
        while let Some((merged, first)) = self.merge_last() {
            self.scanned.truncate(first);
            self.scanned.push(merged);
        }
    }

    /// The last runs as one, and the position of the first of them, if they are small and were merged equally often: so a row is
    /// moved but a few times.
    fn merge_last(&self) -> Option<(Run, usize)> {
        let first = self.scanned.len().checked_sub(MERGED_AT_ONCE)?;
        let runs = &self.scanned[first..];
        let merges = runs[0].merges?;
        if runs.iter().any(|run| run.merges != Some(merges)) {
            return None;
        }
        let bytes = runs.iter().map(|run| run.rows.bytes()).sum();
        let rows = merge(runs.iter().map(|run| (&*run.rows, 0..run.rows.len())));
        Some((Run::new(Arc::new(WriteSet::from_sorted(rows, bytes)), merges + 1), first))
    }

    /// Notes where a row is that was just written.
    fn note(&mut self, at: At) {
        let Self { written, newest, latest, tags, hasher, .. } = self;
        let key_of = |at: &At| key_at(written, at);
        let key = key_of(&at);
        if let Some(holding) = holding_of(key) {
            let same = |other: &At| holding_of(key_of(other)) == Some(holding);
            match latest.entry(hasher.hash_one(holding), same, |other| {
                hasher.hash_one(holding_of(key_of(other)).unwrap_or_default())
            }) {
                Entry::Occupied(earlier) if key_of(earlier.get()) < key => {}
                Entry::Occupied(mut earlier) => *earlier.get_mut() = at,
                Entry::Vacant(new) => drop(new.insert(at)),
            }
        } else {
            let (half, bit) = bit_of(key[0]);
            tags[half] |= bit;
            let same = |other: &At| key_of(other) == key;
            match newest.entry(hasher.hash_one(key), same, |other| hasher.hash_one(key_of(other))) {
                Entry::Occupied(mut older) => *older.get_mut() = at,
                Entry::Vacant(new) => drop(new.insert(at)),
            }
        }
    }

    /// What was written under a key; `None` where nothing was, `Some(None)` where the record was deleted.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        if !is_record(key) {
            return self.scanned.iter().rev().find_map(|run| run.rows.get(key));
        }
        let (half, bit) = bit_of(*key.first()?);
        if self.tags[half] & bit == 0 {
            return None;
        }
        let at = self.newest.find(self.hasher.hash_one(key), |at| key_at(&self.written, at) == key)?;
        Some(row_at(&self.written, at).1)
    }

    /// The row of the latest movement of a holding, if any was written.
    #[must_use]
    pub fn latest_of(&self, holding: &[u8]) -> Option<Row<'_>> {
        let same = |at: &At| holding_of(key_at(&self.written, at)) == Some(holding);
        let at = self.latest.find(self.hasher.hash_one(holding), same)?;
        Some(row_at(&self.written, at))
    }

    /// The newest rows with `start <= key`, and `key < end` where there is an end, by rising key, deletions among them.
    pub fn range<'a>(&'a self, start: &[u8], end: Option<&[u8]>) -> impl Iterator<Item = Row<'a>> {
        range_of([self], start, end)
    }

    /// Bytes of keys and values that were written, each version counted.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The newest rows of several tables, the oldest first, as [`Memtable::range`].
pub fn range_of<'a>(
    tables: impl IntoIterator<Item = &'a Memtable>,
    start: &[u8],
    end: Option<&[u8]>,
) -> impl Iterator<Item = Row<'a>> {
    let within = |run: &WriteSet| run.lower_bound(start)..end.map_or(run.len(), |end| run.lower_bound(end));
    merge(tables.into_iter().flat_map(|table| &table.scanned).map(|run| (&*run.rows, within(&run.rows))))
}

/// Where the bit of a tag stands.
const fn bit_of(tag: u8) -> (usize, u128) {
    ((tag / 128) as usize, 1 << (tag % 128))
}

/// Whether contracts ask for a row by its key: movements are found by their holding, index rows mostly by ranges.
fn is_record(key: &[u8]) -> bool {
    key.first().is_some_and(|tag| tag < INDEX_TAGS.start()) && holding_of(key).is_none()
}

fn row_at<'a>(written: &'a [Arc<WriteSet>], at: &At) -> Row<'a> {
    written[at.run as usize].row(at.row as usize)
}

fn key_at<'a>(written: &'a [Arc<WriteSet>], at: &At) -> &'a [u8] {
    row_at(written, at).0
}

/// The rows of runs, the oldest first, by rising key; of rows with one key the newest run's alone.
fn merge<'a>(runs: impl IntoIterator<Item = (&'a WriteSet, Range<usize>)>) -> Merge<'a> {
    let mut merge = Merge { runs: runs.into_iter().collect(), heap: BinaryHeap::new() };
    merge.heap = (0..merge.runs.len()).filter_map(|run| merge.next_of(run)).collect();
    merge
}

/// The next row of a run: the front of its key and the key, the run's position and the row's value.
type Head<'a> = (u128, &'a [u8], Reverse<usize>, Option<&'a [u8]>);

/// See [`merge`].
struct Merge<'a> {
    /// With what is still to come of each.
    runs: Vec<(&'a WriteSet, Range<usize>)>,
    /// The next row of each run, smallest key first, of equal keys the newest run's.
    heap: BinaryHeap<Reverse<Head<'a>>>,
}

impl<'a> Merge<'a> {
    fn next_of(&mut self, run: usize) -> Option<Reverse<Head<'a>>> {
        let (rows, left) = &mut self.runs[run];
        let (key, value) = rows.row(left.next()?);
        Some(Reverse((key_prefix(key), key, Reverse(run), value)))
    }

    /// Takes the first row of all, and puts the next one of its run in its place.
    fn pop(&mut self) -> Option<Row<'a>> {
        let &Reverse((_, key, Reverse(run), value)) = self.heap.peek()?;
        match self.next_of(run) {
            Some(next) => *self.heap.peek_mut()? = next,
            None => drop(self.heap.pop()),
        }
        Some((key, value))
    }
}

impl<'a> Iterator for Merge<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        let row = self.pop()?;
        while self.heap.peek().is_some_and(|next| next.0.1 == row.0) {
            self.pop();
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tally_contracts::state::Writes;

    use super::*;

    fn key_bytes(tag: u8, key: u16) -> [u8; 3] {
        let [high, low] = key.to_be_bytes();
        [tag, high, low]
    }

    fn run(tag: u8, rows: &BTreeMap<u16, Option<u64>>) -> Arc<WriteSet> {
        let mut writes = Writes::default();
        rows.iter().for_each(|(key, value)| {
            writes.put(|to| to.extend_from_slice(&key_bytes(tag, *key)), value.as_ref());
        });
        Arc::new(WriteSet::new(&writes))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Small runs and big ones, of records and of index rows, beside a map that simply takes the writes.
        #[test]
        fn the_newest_version_is_read_found_and_scanned(
            blocks in prop::collection::vec((prop::collection::btree_map(0_u16..500, any::<Option<u64>>(), 0..40), any::<bool>()), 1..12),
            (start, end) in (0_u16..600, 0_u16..600),
            tag in prop::sample::select(vec![3_u8, *INDEX_TAGS.start()]),
        ) {
            let mut table = Memtable::default();
            let mut model: BTreeMap<u16, Option<u64>> = BTreeMap::new();
            for (mut rows, is_big) in blocks {
                if is_big {
                    rows.extend((1_000..6_000).map(|key| (key, Some(u64::from(key)))));
                }
                model.extend(rows.iter().map(|(key, value)| (*key, *value)));
                table.push(run(tag, &rows));
            }
            let decode = |value: Option<&[u8]>| value.map(|v| u64::from_le_bytes(v.try_into().expect("eight bytes")));
            for key in 0..700_u16 {
                prop_assert_eq!(table.get(&key_bytes(tag, key)).map(decode), model.get(&key).copied());
            }
            let end = end.max(start);
            let found: Vec<_> = table
                .range(&key_bytes(tag, start), Some(&key_bytes(tag, end)))
                .map(|(key, value)| (u16::from_be_bytes(key[1..].try_into().expect("two bytes")), decode(value)))
                .collect();
            let expected: Vec<_> = model.range(start..end).map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(table.range(&[], None).count(), model.len());
        }
    }
}
