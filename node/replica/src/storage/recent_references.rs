//! Which references the database has, as far as it takes to tell that a new one is new without asking it.
//!
//! Nearly every operation's reference is new, and among the latest of its merchant's day: tills number them by time. So of
//! each merchant's day only what lies past a floor is kept; whatever is asked for below it is looked up in the database.
//!
//! **Invariant**: past the floor of a merchant's day, the database has the references that are kept here and no other.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;
use tally_contracts::state::Row;

/// `tag ‖ day ‖ merchant`: the references of a merchant's day lie side by side, by rising time.
pub const DAY_BYTES: usize = 1 + 4 + 2;
/// References kept of one merchant's day, at most; then the earlier half is let go.
const MAX_OF_A_DAY: usize = 1 << 16;
/// References kept altogether, at most; then all are let go.
const MAX_KEPT: usize = 1 << 20;

type Bytes = Box<[u8]>;

/// See the module.
#[derive(Default)]
pub struct RecentReferences {
    days: BTreeMap<Bytes, Recent>,
}

/// References of one merchant's day.
struct Recent {
    floor: u128,
    above: HashSet<u128, RandomState>,
}

impl RecentReferences {
    /// Whether the database is known not to have a reference. `load_last` gives the last key of the database with a prefix.
    pub fn is_new(&mut self, key: &[u8], load_last: impl FnOnce(&[u8]) -> Option<Bytes>) -> bool {
        let (day, reference) = split(key);
        if let Some(recent) = self.days.get(day) {
            return reference > recent.floor && !recent.above.contains(&reference);
        }
        let floor = load_last(day).map_or(0, |last| split(&last).1);
        self.days.insert(day.into(), Recent { floor, above: HashSet::default() });
        // Of an empty day even the smallest reference is new, but none of that time is ever made.
        reference > floor
    }

    /// Takes over what was flushed: rows of references by rising key.
    pub fn update(&mut self, flushed: &[Row<'_>]) {
        for of_a_day in flushed.chunk_by(|(a, _), (b, _)| split(a).0 == split(b).0) {
            // A day that nobody asked about is loaded when somebody does.
            let Some(recent) = self.days.get_mut(split(of_a_day[0].0).0) else { continue };
            let references = of_a_day.iter().map(|(key, _)| split(key).1);
            recent.above.extend(references.filter(|reference| *reference > recent.floor));
            recent.trim();
        }
        if self.days.values().map(|recent| 1 + recent.above.len()).sum::<usize>() > MAX_KEPT {
            self.days.clear();
        }
    }
}

impl Recent {
    fn trim(&mut self) {
        if self.above.len() <= MAX_OF_A_DAY {
            return;
        }
        let mut kept: Vec<u128> = self.above.drain().collect();
        kept.sort_unstable();
        let let_go = kept.len() - MAX_OF_A_DAY / 2;
        self.floor = kept[let_go - 1];
        self.above.extend(&kept[let_go..]);
    }
}

/// The merchant's day of a reference's key, and the reference.
fn split(key: &[u8]) -> (&[u8], u128) {
    let (day, reference) = key.split_at(DAY_BYTES);
    let reference = reference.try_into().expect("a reference's key ends in its sixteen bytes");
    (day, u128::from_be_bytes(reference))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tally_contracts::state::tag;

    use super::*;

    fn key(merchant: u8, reference: u128) -> Vec<u8> {
        [&[tag::references, 0, 0, 0, 1, 0, merchant][..], &reference.to_be_bytes()].concat()
    }

    /// A database of references.
    #[derive(Default)]
    struct Database(BTreeSet<Vec<u8>>);

    impl Database {
        fn flush(&mut self, recent: &mut RecentReferences, mut keys: Vec<Vec<u8>>) {
            keys.sort_unstable();
            recent.update(&keys.iter().map(|key| (&key[..], Some(&[][..]))).collect::<Vec<_>>());
            self.0.extend(keys);
        }

        fn is_new(&self, recent: &mut RecentReferences, key: &[u8]) -> bool {
            recent.is_new(key, |day| self.0.iter().rfind(|key| key.starts_with(day)).map(|last| last.as_slice().into()))
        }
    }

    #[test]
    fn what_is_called_new_is_not_in_the_database() {
        let (mut recent, mut database) = (RecentReferences::default(), Database::default());
        database.flush(&mut recent, vec![key(7, 5)]);
        assert!(database.is_new(&mut recent, &key(7, 6)));
        assert!(!database.is_new(&mut recent, &key(7, 5)), "it is there");
        assert!(!database.is_new(&mut recent, &key(7, 4)), "below the floor nobody knows");
        database.flush(&mut recent, vec![key(7, 8), key(7, 10), key(8, 9)]);
        for (reference, is_new) in [(7, true), (8, false), (9, true), (10, false), (11, true)] {
            assert_eq!(database.is_new(&mut recent, &key(7, reference)), is_new, "{reference}");
        }
        assert!(!database.is_new(&mut recent, &key(8, 9)));
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_latest() {
        let (mut recent, mut database) = (RecentReferences::default(), Database::default());
        assert!(database.is_new(&mut recent, &key(7, 1)));
        let last = 3 * MAX_OF_A_DAY as u128;
        for some in (1..=last).collect::<Vec<_>>().chunks(10_000) {
            database.flush(&mut recent, some.iter().map(|reference| key(7, 2 * reference)).collect());
            assert!(recent.days.values().all(|recent| recent.above.len() <= MAX_OF_A_DAY));
        }
        for reference in [2 * last - 1, 2 * last + 1] {
            assert!(database.is_new(&mut recent, &key(7, reference)));
        }
        for reference in [2 * last, 2 * last - 2, 3, 2] {
            assert!(!database.is_new(&mut recent, &key(7, reference)));
        }
    }
}
