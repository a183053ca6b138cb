//! Tables that hardly have a row at a time, kept whole beside the database: what members owe, for which most operations ask, and
//! the lists of what falls due, which each block looks through.
//!
//! From such a list much goes soon after it came, as with holds that are captured. The database keeps a mark of each until it
//! compacts to the bottom, and a look for the first entry goes past all of them.
//!
//! **Invariant**: while rows of a table are kept at all, they are those that the database has.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{RwLock, RwLockReadGuard};

use tally_contracts::state::{Row, WORK_LISTS, tag};

/// Rows kept of a table, at most, of some 100 bytes each; of one that had more none are, until the next start.
const MAX_KEPT: usize = 1 << 18;

type Rows = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// See the module.
pub struct RareRows(RwLock<BTreeMap<u8, Rows>>);

impl RareRows {
    /// So many rows of a table tell that there are too many.
    pub const ENOUGH: usize = MAX_KEPT + 1;

    /// Of a database with these rows under each of [`Self::tags`], or [`Self::ENOUGH`] of them.
    pub fn new(tables: impl IntoIterator<Item = (u8, Rows)>) -> Self {
        Self(RwLock::new(tables.into_iter().filter(|(_, rows)| is_bounded(rows)).collect()))
    }

    /// The tables.
    pub fn tags() -> impl Iterator<Item = u8> {
        WORK_LISTS.into_iter().chain([tag::owed])
    }

    /// The value that the database has under a key, if any, where its table is kept.
    pub fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let tables = self.tables_with(key[0])?;
        let rows = tables.get(&key[0])?;
        Some(rows.get(key).map(|value| value.to_vec()))
    }

    /// What `read` makes of the database's rows with `start <= key < end`, where they are of one table that is kept.
    pub fn range<T>(
        &self,
        start: &[u8],
        end: &[u8],
        read: impl FnOnce(&mut dyn Iterator<Item = (&[u8], &[u8])>) -> T,
    ) -> Option<T> {
        let tables = self.tables_with(start[0])?;
        let rows = tables.get(&start[0]).filter(|_| end <= &[start[0] + 1][..])?;
        let found = rows.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        Some(read(&mut found.map(|(key, value)| (&**key, &**value))))
    }

    /// Takes over rows that were flushed, which come by rising key.
    pub fn update(&self, flushed: &[Row<'_>]) {
        let mut tables = self.0.write().expect("no thread panics while it holds the rare rows");
        for (tag, rows) in tables.iter_mut() {
            let from = flushed.partition_point(|(key, _)| key[0] < *tag);
            for (key, value) in flushed[from..].iter().take_while(|(key, _)| key[0] == *tag) {
                match value {
                    Some(value) => rows.insert((*key).into(), (*value).into()),
                    None => rows.remove(*key),
                };
            }
        }
        tables.retain(|_, rows| is_bounded(rows));
    }

    /// All tables, if this is one of them: most rows are of others, and are told from these without the lock.
    fn tables_with(&self, tag: u8) -> Option<RwLockReadGuard<'_, BTreeMap<u8, Rows>>> {
        let is_rare = Self::tags().any(|rare| rare == tag);
        is_rare.then(|| self.0.read().expect("no thread panics while it holds the rare rows"))
    }
}

fn is_bounded(rows: &Rows) -> bool {
    rows.len() <= MAX_KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: u8 = tag::hold_timeouts;
    const ABSENT: Option<Option<Vec<u8>>> = Some(None);

    fn key(number: u32) -> Vec<u8> {
        [&[TAG][..], &number.to_be_bytes()].concat()
    }

    fn table(numbers: impl IntoIterator<Item = u32>) -> (u8, Rows) {
        (TAG, numbers.into_iter().map(|number| (key(number).into(), [7].into())).collect())
    }

    #[test]
    fn a_row_is_absent_until_it_is_flushed_and_again_once_it_is_deleted() {
        let rare = RareRows::new([table([1])]);
        assert_eq!((rare.get(&key(1)), rare.get(&key(2))), (Some(Some(vec![7])), ABSENT));
        assert_eq!(rare.get(&[TAG + 1, 0]), None, "of other tables nothing is known");
        rare.update(&[(&[TAG - 1, 9], None), (&key(1), None), (&key(2), Some(&[8])), (&[TAG + 1], Some(&[9]))]);
        assert_eq!((rare.get(&key(1)), rare.get(&key(2))), (ABSENT, Some(Some(vec![8]))));
    }

    #[test]
    fn a_range_has_the_rows_of_one_table() {
        let rare = RareRows::new([table([1, 2, 3])]);
        let keys =
            |start: &[u8], end: &[u8]| rare.range(start, end, |rows| rows.map(|(key, _)| key.to_vec()).collect());
        assert_eq!(keys(&key(2), &key(3)), Some(vec![key(2)]));
        assert_eq!(keys(&[TAG], &[TAG + 1]), Some(vec![key(1), key(2), key(3)]));
        assert_eq!(keys(&[TAG], &[TAG + 1, 0]), None::<Vec<_>>, "part of it lies in another table");
    }

    #[test]
    fn of_too_many_rows_nothing_is_known() {
        let many = MAX_KEPT as u32;
        let rare = RareRows::new([table(0..many)]);
        assert_eq!(rare.get(&key(u32::MAX)), ABSENT);
        rare.update(&[(&key(many), Some(&[]))]);
        assert_eq!(rare.get(&key(u32::MAX)), None);
        rare.update(&[(&key(many), None)]);
        assert_eq!(rare.get(&key(u32::MAX)), None, "what came meanwhile was not noted");
        assert_eq!(RareRows::new([table(0..=many)]).get(&key(0)), None);
    }
}
