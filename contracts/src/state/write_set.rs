//! What a block wrote, as the very bytes that the state hash is over.
//!
//! # Format
//! Rows by rising key, each key once: `u32 key length ‖ key ‖ 1 ‖ u32 value length ‖ value`, or `u32 key length ‖ key ‖ 0`
//! where the record was deleted; lengths little-endian. One buffer holds them all: a block writes tens of thousands of
//! small records, and an allocation for each costs more than what is in it.

use std::collections::BTreeMap;

use wincode::SchemaWrite;
use wincode::config::DefaultConfig;

use crate::encoding::{self, Domain};
use crate::types::Hash;

const STATE: Domain = Domain::new("tally/state/v1\0");

/// Bytes of a length.
const LENGTH: usize = size_of::<u32>();
/// Bytes of a key that are compared at once when rows are sorted.
const PREFIX: usize = size_of::<u128>();

/// Bytes of a row with some to spare, for a buffer that grows is copied: half of what a block writes is references and
/// movements.
const USUAL_ROW_BYTES: usize = 192;
const RISING: &str = "each record is written once because each table has its tag";

/// A record under its key; `None` where it was deleted.
pub type Row<'a> = (&'a [u8], Option<&'a [u8]>);

/// Rows in the order in which they are put, to be sorted into a [`WriteSet`].
#[derive(Clone, Debug, Default)]
pub struct Writes {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

/// What a block wrote, sorted by key, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSet {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Writes {
    /// Adds a record: `key` appends its key, and its value is stored as canonical bytes; without a value it is deleted.
    pub fn put<V>(&mut self, key: impl FnOnce(&mut Vec<u8>), value: Option<&V>)
    where
        V: SchemaWrite<DefaultConfig, Src = V>,
    {
        self.starts.push(position(self.bytes.len()));
        put_row(&mut self.bytes, key, value);
    }
}

impl WriteSet {
    /// An empty set with room for so many rows of usual size.
    #[must_use]
    pub fn with_room_for(rows: usize) -> Self {
        Self { bytes: Vec::with_capacity(rows * USUAL_ROW_BYTES), starts: Vec::with_capacity(rows) }
    }

    /// Adds a record whose key lies past all keys of the set, as [`Writes::put`].
    ///
    /// # Panics
    /// When it does not: two tables share a tag or come in the wrong order, which is a bug.
    pub fn push<V>(&mut self, key: impl FnOnce(&mut Vec<u8>), value: Option<&V>)
    where
        V: SchemaWrite<DefaultConfig, Src = V>,
    {
        let start = position(self.bytes.len());
        put_row(&mut self.bytes, key, value);
        let last = self.starts.last().map(|last| key_at(&self.bytes, *last));
        assert!(last.is_none_or(|last| last < key_at(&self.bytes, start)), "{RISING}");
        self.starts.push(start);
    }

    /// Sorts rows into a set.
    ///
    /// # Panics
    /// When a key appears twice: two tables share a tag, which is a bug.
    #[must_use]
    pub fn new(writes: &Writes) -> Self {
        let order = sorted_starts(writes);
        let mut sorted =
            Self { bytes: Vec::with_capacity(writes.bytes.len()), starts: Vec::with_capacity(writes.starts.len()) };
        for start in order {
            sorted.starts.push(position(sorted.bytes.len()));
            sorted.bytes.extend_from_slice(&writes.bytes[start as usize..row_end(&writes.bytes, start)]);
        }
        sorted
    }

    /// A set of rows that come by rising key, each key once; it has room for so many bytes of them before it grows.
    #[must_use]
    pub fn from_sorted<'a>(rows: impl Iterator<Item = Row<'a>>, bytes: usize) -> Self {
        let mut sorted = Self { bytes: Vec::with_capacity(bytes), starts: Vec::new() };
        for (key, value) in rows {
            sorted.starts.push(position(sorted.bytes.len()));
            put_sized(&mut sorted.bytes, |bytes| bytes.extend_from_slice(key));
            sorted.bytes.push(u8::from(value.is_some()));
            if let Some(value) = value {
                put_sized(&mut sorted.bytes, |bytes| bytes.extend_from_slice(value));
            }
        }
        sorted
    }

    /// The rows, by rising key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> + DoubleEndedIterator {
        self.starts.iter().map(|start| row_at(&self.bytes, *start))
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Bytes of all rows.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The row at a position.
    ///
    /// # Panics
    /// When there are not so many.
    #[must_use]
    #[inline]
    pub fn row(&self, at: usize) -> Row<'_> {
        row_at(&self.bytes, self.starts[at])
    }

    /// The first position whose key is not below `key`.
    #[must_use]
    pub fn lower_bound(&self, key: &[u8]) -> usize {
        self.starts.partition_point(|start| key_at(&self.bytes, *start) < key)
    }

    /// What was written under a key; `None` where nothing was, `Some(None)` where the record was deleted.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        let at = self.lower_bound(key);
        let (found, value) = (at < self.len()).then(|| self.row(at))?;
        (found == key).then_some(value)
    }

    /// The state hash after this set: `SHA-256("tally/state/v1\0" ‖ parent ‖ the rows as they are stored here)`. One write
    /// that differs between two nodes shows in the very next header.
    #[must_use]
    pub fn state_hash(&self, parent: &Hash) -> Hash {
        STATE.hash(&[&parent.0, &self.bytes])
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("what a block writes is far below 4 GiB")
}

fn put_row<V>(to: &mut Vec<u8>, key: impl FnOnce(&mut Vec<u8>), value: Option<&V>)
where
    V: SchemaWrite<DefaultConfig, Src = V>,
{
    put_sized(to, key);
    to.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put_sized(to, |bytes| encoding::encode_into(value, bytes));
    }
}

/// Appends bytes after their length.
fn put_sized(to: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend_from_slice(&[0; LENGTH]);
    append(to);
    let length = position(to.len() - start - LENGTH);
    to[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

#[inline]
fn sized_at(bytes: &[u8], start: usize) -> &[u8] {
    let (length, rest) = bytes[start..].split_first_chunk::<LENGTH>().expect("a row starts with a length");
    &rest[..u32::from_le_bytes(*length) as usize]
}

#[inline]
fn key_at(bytes: &[u8], start: u32) -> &[u8] {
    sized_at(bytes, start as usize)
}

#[inline]
fn row_at(bytes: &[u8], start: u32) -> Row<'_> {
    let key = key_at(bytes, start);
    let flag = start as usize + LENGTH + key.len();
    (key, (bytes[flag] == 1).then(|| sized_at(bytes, flag + 1)))
}

fn row_end(bytes: &[u8], start: u32) -> usize {
    let (key, value) = row_at(bytes, start);
    start as usize + LENGTH + key.len() + 1 + value.map_or(0, |value| LENGTH + value.len())
}

/// The front of a key as a number that compares as its bytes do.
#[must_use]
#[inline]
pub fn key_prefix(key: &[u8]) -> u128 {
    let mut front = [0; PREFIX];
    let length = key.len().min(PREFIX);
    front[..length].copy_from_slice(&key[..length]);
    u128::from_be_bytes(front)
}

/// The starts of rows by rising key. Rows of one table, which share the first byte, are sorted by the first bytes in which
/// any two of them differ, and only rows that agree in those are compared as a whole.
fn sorted_starts(writes: &Writes) -> Vec<u32> {
    let key = |start: u32| key_at(&writes.bytes, start);
    // Half of a prefix tells nearly all apart, and half as much is moved while sorting.
    let front_of = |bytes: &[u8]| (key_prefix(bytes) >> u64::BITS) as u64;
    let mut tables: BTreeMap<Option<u8>, Vec<u32>> = BTreeMap::new();
    for start in &writes.starts {
        tables.entry(key(*start).first().copied()).or_default().push(*start);
    }
    let mut sorted = Vec::with_capacity(writes.starts.len());
    for starts in tables.into_values() {
        let first = key(starts[0]);
        let shared = starts.iter().fold(first.len(), |shared, start| shared.min(common_bytes(first, key(*start))));
        let mut rows: Vec<(u64, u32)> = starts.iter().map(|start| (front_of(&key(*start)[shared..]), *start)).collect();
        let compare = |a: &(u64, u32), b: &(u64, u32)| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(key(b.1)));
        rows.sort_unstable_by(compare);
        let is_rising = rows.is_sorted_by(|a, b| compare(a, b).is_lt());
        assert!(is_rising, "{RISING}");
        sorted.extend(rows.into_iter().map(|(_, start)| start));
    }
    sorted
}

fn common_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rows: &[(&[u8], Option<u64>)]) -> WriteSet {
        let mut writes = Writes::default();
        rows.iter().for_each(|(key, value)| writes.put(|to| to.extend_from_slice(key), value.as_ref()));
        WriteSet::new(&writes)
    }

    #[test]
    fn rows_are_sorted_and_found() {
        let long = [9; 40];
        let mut longer = long;
        longer[39] = 10;
        let set =
            set(&[(&longer, None), (b"b", Some(2)), (&long, Some(3)), (b"", Some(0)), (b"ab", None), (b"a", Some(1))]);
        let keys: Vec<&[u8]> = set.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [&b""[..], &long, &longer, b"a", b"ab", b"b"]);
        assert_eq!(set.get(b"b"), Some(Some(&2_u64.to_le_bytes()[..])));
        assert_eq!((set.get(b"ab"), set.get(b"c"), set.get(b"aa")), (Some(None), None, None));
        assert_eq!((set.lower_bound(b"aa"), set.len(), set.is_empty()), (4, 6, false));
    }

    #[test]
    #[should_panic(expected = "each record is written once")]
    fn a_key_that_is_written_twice_is_a_bug() {
        set(&[(b"a", Some(1)), (b"a", None)]);
    }
}
