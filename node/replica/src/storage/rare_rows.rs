//! Which rows the database has of a table that hardly has any, though most operations ask for one: that a member owes nothing
//! is known without a read, and without an entry of the cache for each of millions.
//!
//! **Invariant**: while keys are kept at all, they are those that the database has.

use std::collections::HashSet;
use std::sync::{RwLock, RwLockReadGuard};

use foldhash::fast::RandomState;
use tally_contracts::state::{Row, tag};

/// The table: points that members owe.
const TAG: u8 = tag::owed;
/// Keys kept, at most, of some 60 bytes each; with more than that none are, until the next start.
const MAX_KEPT: usize = 1 << 18;

type Keys = HashSet<Box<[u8]>, RandomState>;

/// See the module.
pub struct RareRows(RwLock<Option<Keys>>);

impl RareRows {
    /// The first and, exclusively, the last key that the table may have.
    pub const RANGE: ([u8; 1], [u8; 1]) = ([TAG], [TAG + 1]);
    /// So many keys tell that there are too many.
    pub const ENOUGH: usize = MAX_KEPT + 1;

    /// Of a database with these keys in [`Self::RANGE`], or [`Self::ENOUGH`] of them.
    pub fn new(keys: impl IntoIterator<Item = Box<[u8]>>) -> Self {
        Self(RwLock::new(Some(keys.into_iter().collect()).filter(is_bounded)))
    }

    /// Whether the database is known not to have a row.
    pub fn is_absent(&self, key: &[u8]) -> bool {
        key[0] == TAG && self.keys().as_ref().is_some_and(|keys| !keys.contains(key))
    }

    /// Takes over rows that were flushed, which come by rising key.
    pub fn update(&self, flushed: &[Row<'_>]) {
        let of_table =
            flushed.partition_point(|(key, _)| key[0] < TAG)..flushed.partition_point(|(key, _)| key[0] <= TAG);
        let mut kept = self.0.write().expect("no thread panics while it holds the rare rows");
        let Some(keys) = kept.as_mut() else { return };
        for (key, value) in &flushed[of_table] {
            match value {
                Some(_) => keys.insert((*key).into()),
                None => keys.remove(*key),
            };
        }
        *kept = kept.take().filter(is_bounded);
    }

    fn keys(&self) -> RwLockReadGuard<'_, Option<Keys>> {
        self.0.read().expect("no thread panics while it holds the rare rows")
    }
}

fn is_bounded(keys: &Keys) -> bool {
    keys.len() <= MAX_KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(owner: u32) -> Vec<u8> {
        [&[TAG][..], &owner.to_be_bytes()].concat()
    }

    #[test]
    fn a_row_is_absent_until_it_is_flushed_and_again_once_it_is_deleted() {
        let rare = RareRows::new([key(1).into()]);
        assert!(rare.is_absent(&key(2)) && !rare.is_absent(&key(1)));
        assert!(!rare.is_absent(&[TAG + 1, 0]), "of other tables nothing is known");
        rare.update(&[(&[TAG - 1, 9], None), (&key(1), None), (&key(2), Some(&[7])), (&[TAG + 1], None)]);
        assert!(!rare.is_absent(&key(2)) && rare.is_absent(&key(1)));
    }

    #[test]
    fn of_too_many_rows_nothing_is_known() {
        let all = || (0..MAX_KEPT as u32).map(key);
        let rare = RareRows::new(all().map(Into::into));
        assert!(rare.is_absent(&key(u32::MAX)));
        rare.update(&[(&key(MAX_KEPT as u32), Some(&[]))]);
        assert!(!rare.is_absent(&key(u32::MAX)));
        rare.update(&[(&key(MAX_KEPT as u32), None)]);
        assert!(!rare.is_absent(&key(u32::MAX)), "what came meanwhile was not noted");
        assert!(!RareRows::new(all().chain([key(u32::MAX)]).map(Into::into)).is_absent(&key(0)));
    }
}
