//! State as it was right after an earlier block, as far as the rows of today tell: movements all stay, each under its
//! block, so holdings are exact; every other record is as it is now. Whoever needs more than holdings compares what
//! comes of it with what is on record of that block.

use tally_contracts::state::Store;
use tally_contracts::types::Height;

use super::layered::{height_of_movement, holding_of};

/// See the module.
pub struct AsOf<'a> {
    /// State after the block or a later one.
    pub store: &'a dyn Store,
    /// The block.
    pub height: Height,
}

impl AsOf<'_> {
    fn is_younger(&self, key: &[u8]) -> bool {
        holding_of(key).is_some() && height_of_movement(key) > Some(self.height)
    }
}

impl Store for AsOf<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        if self.is_younger(key) { None } else { self.store.get(key) }
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let (mut rows, mut from) = (Vec::new(), start.to_vec());
        while rows.len() < limit {
            let page = self.store.scan(&from, end, limit);
            let is_last = page.len() < limit;
            if let Some((last, _)) = page.last() {
                from = [last, &[0][..]].concat();
            }
            rows.extend(page.into_iter().filter(|(key, _)| !self.is_younger(key)));
            if is_last {
                break;
            }
        }
        rows.truncate(limit);
        rows
    }
}

#[cfg(test)]
mod tests {
    use tally_contracts::state::{Key as _, MemoryStore, WriteSet, tag};
    use tally_contracts::types::{Address, ClassId};

    use super::*;

    fn key(owner: u8, height: u64) -> Vec<u8> {
        let mut key = vec![tag::HOLDINGS];
        ((Address([owner; 20]), ClassId(1)), (!height, !0_u32)).put(&mut key);
        key
    }

    #[test]
    fn movements_of_later_blocks_are_not_there_and_the_rest_is() {
        let mut store = MemoryStore::default();
        let other = vec![tag::HOLDINGS + 1, 7];
        // Owner 2 is younger than the block, owner 3 has moved often since.
        let later = (6..200).map(|height| key(3, height));
        let kept = [key(1, 5), key(1, 4), key(3, 5), key(3, 1), other.clone()];
        let mut all: Vec<_> = kept.iter().cloned().chain([key(1, 6), key(2, 7)]).chain(later).collect();
        all.sort_unstable();
        store.apply(&WriteSet::from_sorted(all.iter().map(|key| (key.as_slice(), Some(&[1][..]))), 0));
        let as_of = AsOf { store: &store, height: Height(5) };
        for limit in [1, 2, 3, 128, usize::MAX] {
            let found: Vec<_> =
                as_of.scan(&[tag::HOLDINGS], &[tag::HOLDINGS + 2], limit).into_iter().map(|(key, _)| key).collect();
            assert_eq!(found, kept[..limit.min(kept.len())], "{limit}");
        }
        assert_eq!((as_of.get(&key(1, 5)), as_of.get(&key(1, 6))), (Some(vec![1]), None));
        assert_eq!(as_of.get(&other), Some(vec![1]));
    }
}
