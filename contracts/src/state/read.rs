//! Reading committed records outside a block: queries, due times, tests. Nothing here writes.

use wincode::SchemaReadOwned;
use wincode::config::DefaultConfig;

use super::table::key_bytes;
use super::{Key, Store};
use crate::encoding;

/// The record of a table under a key; `tag` is the table's, of [`super::tag`].
#[must_use]
pub fn read<K, V>(store: &dyn Store, tag: u8, key: &K) -> Option<V>
where
    K: Key,
    V: SchemaReadOwned<DefaultConfig, Dst = V>,
{
    store.get(&key_bytes(tag, key)).map(|bytes| encoding::decode_own(&bytes))
}

/// Up to `limit` records of a table with `start <= key < end`, by rising key; without an end, to the end of the table.
#[must_use]
pub fn read_range<K, V>(store: &dyn Store, tag: u8, start: &K, end: Option<&K>, limit: usize) -> Vec<(K, V)>
where
    K: Key,
    V: SchemaReadOwned<DefaultConfig, Dst = V>,
{
    let end = end.map_or_else(|| vec![tag + 1], |end| key_bytes(tag, end));
    let rows = store.scan(&key_bytes(tag, start), &end, limit);
    rows.into_iter().map(|(key, value)| (K::take(&mut &key[1..]), encoding::decode_own(&value))).collect()
}
