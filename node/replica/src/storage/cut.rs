//! Into which files a flush is cut.
//!
//! RocksDB puts a file that overlaps nothing straight to the bottom, where compaction leaves it alone unless something later
//! falls between its keys. More than half of what blocks write can go there: it belongs to tables that grow at one end, by day
//! or by height. So rows of such a table become files of their own where they are enough for one; what lies between them is
//! lumped together and goes through compaction. Under load a flush has one such file, of movements for the most part, whose
//! keys come in no order.
//!
//! References rise within a merchant's day. Of a merchant with many they are a file; those of all others together are one
//! that compaction merges with the files of that day alone. They are the first table: a compaction of level 0 rewrites all that
//! lies between the first and the last key there, and would take them with it.
//!
//! **Invariant**: the files of a flush hold all its rows, each once, and no two overlap: RocksDB takes them in as one.

use std::ops::Range;

use tally_contracts::state::{Row, tag};

use super::recent_references::DAY_BYTES;
use crate::query::index;

const _: () = assert!(tag::references == 1, "no table comes before references: see above");

/// Bytes of keys and values that are enough for a file. Few in tests, whose flushes are small.
const MIN_BYTES: usize = if cfg!(test) { 256 } else { 1 << 20 };

/// Cuts rows, which come by rising key, into files.
#[must_use]
pub fn cut(rows: &[Row<'_>]) -> Vec<Range<usize>> {
    let mut files = Vec::new();
    for file in set_apart(rows, 0..rows.len(), table_that_grows) {
        if rows[file.clone()].iter().all(|(key, _)| key[0] == tag::references) {
            files.extend(set_apart(rows, file, |key| Some(&key[..DAY_BYTES])));
        } else {
            files.push(file);
        }
    }
    files
}

/// Cuts some of the rows: those with one `name` are a file where they are enough for it, what lies between such files is one.
fn set_apart(rows: &[Row<'_>], within: Range<usize>, name: fn(&[u8]) -> Option<&[u8]>) -> Vec<Range<usize>> {
    let (mut files, mut start, mut is_open) = (Vec::<Range<usize>>::new(), within.start, false);
    for stretch in rows[within].chunk_by(|(a, _), (b, _)| name(a) == name(b)) {
        let end = start + stretch.len();
        let is_apart = name(stretch[0].0).is_some() && bytes(stretch) >= MIN_BYTES;
        match files.last_mut().filter(|_| is_open && !is_apart) {
            Some(last) => last.end = end,
            None => files.push(start..end),
        }
        (start, is_open) = (end, !is_apart);
    }
    files
}

/// The table of a key, if it is one that grows at one end.
fn table_that_grows(key: &[u8]) -> Option<&[u8]> {
    (key[0] == tag::references || index::BY_HEIGHT.contains(&key[0])).then_some(&key[..1])
}

fn bytes(rows: &[Row<'_>]) -> usize {
    rows.iter().map(|(key, value)| key.len() + value.map_or(0, <[u8]>::len)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The key of a reference of a merchant, on some day.
    fn reference(merchant: u16, number: u8) -> Vec<u8> {
        [&[tag::references, 0, 0, 0, 1][..], &merchant.to_be_bytes(), &[0; 15], &[number]].concat()
    }

    fn cut_keys(mut keys: Vec<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
        keys.sort_unstable();
        keys.dedup();
        let rows: Vec<Row<'_>> = keys.iter().map(|key| (&key[..], None)).collect();
        cut(&rows).into_iter().map(|file| keys[file].to_vec()).collect()
    }

    #[test]
    fn many_references_of_a_merchant_are_a_file_those_of_the_others_another_and_all_else_a_third() {
        let many = MIN_BYTES.div_ceil(reference(0, 0).len()) as u8;
        let of = |merchant, count| (0..count).map(move |number| reference(merchant, number));
        let others = || [vec![tag::HOLDINGS, 9], vec![index::FIRST_TAG], vec![0xf0]].into_iter();
        let heads = |references: &mut dyn Iterator<Item = Vec<u8>>| -> Vec<_> {
            cut_keys(references.chain(others()).collect())
                .into_iter()
                .map(|file| (file[0].clone(), file.len()))
                .collect()
        };
        let few = 4;
        assert_eq!(heads(&mut of(1, few)), [(reference(1, 0), 3 + usize::from(few))]);
        let rest = (vec![tag::HOLDINGS, 9], 3);
        let lump = (reference(1, 0), 5 * usize::from(few));
        assert_eq!(heads(&mut (1..6).flat_map(|merchant| of(merchant, few))), [lump, rest.clone()]);
        let uneven = [(1, few), (2, few), (3, many), (4, many), (5, few)].into_iter();
        let expected = [
            (reference(1, 0), 2 * usize::from(few)),
            (reference(3, 0), many.into()),
            (reference(4, 0), many.into()),
            (reference(5, 0), few.into()),
            rest,
        ];
        assert_eq!(heads(&mut uneven.flat_map(|(merchant, count)| of(merchant, count))), expected);
    }

    #[test]
    fn rows_by_height_come_last_so_that_all_else_is_one_file() {
        let all = (1..=u8::MAX).map(|table| [&[table][..], &[0; MIN_BYTES]].concat());
        let rest = all.filter(|key| key[0] > tag::references && !index::BY_HEIGHT[..1].contains(&key[0]));
        let files = cut_keys(rest.collect());
        let lone: Vec<_> = files.iter().filter(|file| file.len() == 1).map(|file| file[0][0]).collect();
        assert_eq!(lone, index::BY_HEIGHT[1..]);
        assert_eq!(files.len(), lone.len() + 2, "and after them nothing that there is");
    }

    proptest! {
        /// Merchants with many references and few, and rows of any table.
        #[test]
        fn files_hold_every_row_once_and_in_order(
            references in prop::collection::vec((0_u16..4, any::<u8>()), 0..200),
            others in prop::collection::vec(any::<[u8; 9]>(), 1..200),
        ) {
            let others = others.iter().filter(|key| key[0] != tag::references).map(|key| key.to_vec());
            let keys: Vec<_> = references.into_iter().map(|(merchant, number)| reference(merchant, number)).chain(others).collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            expected.dedup();
            let files = cut_keys(keys);
            prop_assert!(files.iter().all(|file| !file.is_empty()));
            prop_assert_eq!(files.concat(), expected);
        }
    }
}
