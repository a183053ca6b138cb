//! The frontier, the tiles and the proofs against the recursive definitions of RFC 6962.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::path::{self, PathError};
use super::tile::{self, MAX_ENTRY_BYTES, TILE_WIDTH, TileError, decode_bundle, encode_bundle};
use super::*;

/// The definitions of RFC 6962 section 2.1 as they stand there, over leaf hashes; roots are remembered.
struct Definition {
    leaves: Vec<Hash>,
    roots: RefCell<BTreeMap<(usize, usize), Hash>>,
}

impl Definition {
    fn new(size: u64) -> Self {
        Self { leaves: (0..size).map(leaf).collect(), roots: RefCell::default() }
    }

    fn root(&self, start: usize, end: usize) -> Hash {
        if let Some(root) = self.roots.borrow().get(&(start, end)) {
            return *root;
        }
        let root = match end - start {
            0 => Hash(Sha256::digest([]).into()),
            1 => self.leaves[start],
            n => {
                let k = start + n.next_power_of_two() / 2;
                node_hash(&self.root(start, k), &self.root(k, end))
            }
        };
        self.roots.borrow_mut().insert((start, end), root);
        root
    }

    fn inclusion(&self, index: usize, start: usize, end: usize) -> Vec<Hash> {
        if end - start == 1 {
            return Vec::new();
        }
        let k = start + (end - start).next_power_of_two() / 2;
        let (mut path, sibling) = if index < k {
            (self.inclusion(index, start, k), self.root(k, end))
        } else {
            (self.inclusion(index, k, end), self.root(start, k))
        };
        path.push(sibling);
        path
    }

    fn consistency(&self, old: usize, start: usize, end: usize, whole: bool) -> Vec<Hash> {
        if old == end {
            return if whole { Vec::new() } else { vec![self.root(start, end)] };
        }
        let k = start + (end - start).next_power_of_two() / 2;
        let (mut path, sibling) = if old <= k {
            (self.consistency(old, start, k, whole), self.root(k, end))
        } else {
            (self.consistency(old, k, end, false), self.root(start, k))
        };
        path.push(sibling);
        path
    }
}

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_le_bytes())
}

/// Rows as an appender notes them.
#[derive(Default)]
struct Rows {
    rows: Vec<Vec<Hash>>,
    read: RefCell<Vec<TileId>>,
}

impl Rows {
    fn append(&mut self, frontier: &mut Frontier, leaf: Hash) {
        frontier.append_hash_noting(leaf, &mut |Subtree { level, index, hash }| {
            let level = usize::from(level);
            self.rows.resize_with(self.rows.len().max(level + 1), Vec::new);
            assert_eq!(self.rows[level].len() as u64, index, "rows grow without a gap");
            self.rows[level].push(hash);
        });
    }

    fn grown(size: u64) -> (Self, Frontier) {
        let (mut rows, mut frontier) = (Self::default(), Frontier::default());
        (0..size).for_each(|index| rows.append(&mut frontier, leaf(index)));
        (rows, frontier)
    }
}

impl Tiles for Rows {
    type Error = String;

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, String> {
        self.read.borrow_mut().push(id);
        let start = id.index as usize * usize::from(TILE_WIDTH);
        let row = self.rows.get(usize::from(id.level)).ok_or("no such row")?;
        Ok(row.get(start..start + usize::from(id.width)).ok_or("no such tile")?.to_vec())
    }
}

#[test]
fn the_frontier_gives_the_root_that_the_rfc_defines() {
    let definition = Definition::new(600);
    let mut frontier = Frontier::default();
    for size in 0..600 {
        assert_eq!(frontier.root(), definition.root(0, size), "{size} leaves");
        frontier.append(&(size as u64).to_le_bytes());
    }
}

#[test]
fn rows_hold_every_perfect_subtree_and_nothing_else() {
    let (rows, frontier) = Rows::grown(66_000);
    assert_eq!(rows.rows.iter().map(Vec::len).collect::<Vec<_>>(), [66_000, 257, 1]);
    assert_eq!(frontier.size(), 66_000);
    let definition = Definition::new(66_000);
    assert_eq!(rows.rows[1][256], definition.root(65_536, 65_792));
    assert_eq!(rows.rows[2][0], definition.root(0, 65_536));
}

#[test]
fn proofs_are_those_of_the_rfc_at_every_size() {
    let definition = Definition::new(600);
    let (rows, _) = Rows::grown(600);
    for size in 1..=600_usize {
        let root = definition.root(0, size);
        assert_eq!(path::root(&rows, size as u64), Ok(root), "{size} leaves");
        // Ends, the neighbours of each split, and a few between.
        let places = [0, 127, 255, 256, 511, size / 3, size - 1];
        for at in places.into_iter().filter(|at| *at < size).collect::<BTreeSet<_>>() {
            let proof = path::inclusion(&rows, at as u64, size as u64).unwrap();
            assert_eq!(proof, definition.inclusion(at, 0, size), "leaf {at} of {size}");
            verify_inclusion(&definition.leaves[at], at as u64, size as u64, &proof, &root).unwrap();
            let old = at + 1;
            let proof = path::consistency(&rows, old as u64, size as u64).unwrap();
            assert_eq!(proof, definition.consistency(old, 0, size, true), "{old} of {size}");
            verify_consistency(old as u64, &definition.root(0, old), size as u64, &root, &proof).unwrap();
        }
    }
}

#[test]
fn proofs_hold_beyond_the_second_row_and_read_two_tiles_of_a_row_at_most() {
    let size = 66_000;
    let (rows, frontier) = Rows::grown(size);
    let definition = Definition::new(size);
    let mut sizes: Vec<u64> = vec![size, 65_536, 65_537, 65_535, 65_792, 65_793, 40_000];
    sizes.extend((0..20).map(|n| 1 + n * 7_919 % size));
    for size in sizes {
        let root = definition.root(0, size as usize);
        for at in (0..10).map(|n| n * 6_151 % size).chain([size - 1]) {
            rows.read.borrow_mut().clear();
            let proof = path::inclusion(&rows, at, size).unwrap();
            let read = rows.read.take();
            assert!((0..3).all(|level| read.iter().filter(|id| id.level == level).count() <= 2), "{read:?}");
            assert_eq!(proof, definition.inclusion(at as usize, 0, size as usize), "leaf {at} of {size}");
            verify_inclusion(&leaf(at), at, size, &proof, &root).unwrap();
            let proof = path::consistency(&rows, at, size).unwrap();
            verify_consistency(at, &definition.root(0, at as usize), size, &root, &proof).unwrap();
        }
    }
    assert_eq!(path::root(&rows, size), Ok(frontier.root()));
}

#[test]
fn what_lies_beyond_the_tree_cannot_be_proved() {
    let (rows, frontier) = Rows::grown(300);
    let root = frontier.root();
    assert_eq!(path::inclusion(&rows, 300, 300), Err(PathError::Beyond { wanted: 300, size: 300 }));
    assert_eq!(path::consistency(&rows, 301, 300), Err(PathError::Beyond { wanted: 301, size: 300 }));
    assert_eq!(path::inclusion(&rows, 5, 301), Err(PathError::Read("no such tile".to_owned())));
    assert_eq!(verify_inclusion(&leaf(0), 300, 300, &[], &root), Err(ProofError::Beyond));
    assert_eq!(verify_inclusion(&leaf(0), 0, 0, &[], &empty_root()), Err(ProofError::Beyond));
    assert_eq!(verify_consistency(301, &root, 300, &root, &[]), Err(ProofError::Beyond));
}

#[test]
fn a_store_that_gives_short_tiles_is_found_out() {
    struct Short;
    impl Tiles for Short {
        type Error = String;
        fn tile(&self, _: TileId) -> Result<Vec<Hash>, String> {
            Ok(vec![Hash::ZERO; 3])
        }
    }
    let id = TileId { level: 0, index: 0, width: 5 };
    assert_eq!(path::inclusion(&Short, 2, 5), Err(PathError::Width(id)));
}

#[test]
fn the_empty_tree_and_the_same_tree_need_no_proof() {
    let root = leaf(0);
    assert_eq!(verify_consistency(0, &empty_root(), 1, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(1, &root, 1, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &root, 1, &root, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(1, &root, 1, &empty_root(), &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(0, &empty_root(), 1, &root, &[root]), Err(ProofError::Length));
    assert_eq!(verify_consistency(1, &root, 1, &root, &[root]), Err(ProofError::Length));
}

#[test]
fn a_tree_of_70_000_leaves_has_the_tiles_of_the_specification() {
    let tiles: Vec<TileId> = TileId::all(70_000).collect();
    let of = |level| tiles.iter().filter(move |id| id.level == level);
    let full = |level| of(level).filter(|id| id.width == TILE_WIDTH).count();
    assert_eq!([full(0), full(1), full(2)], [273, 1, 0]);
    let partial: Vec<String> = tiles.iter().filter(|id| id.width < TILE_WIDTH).map(ToString::to_string).collect();
    assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    assert_eq!(tiles.len(), 273 + 1 + 3);
    let edge: Vec<String> = TileId::all(256).map(|id| id.to_string()).collect();
    assert_eq!(edge, ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(TileId::all(0).count(), 0);
    assert!(tiles.iter().all(|id| id.is_within(70_000)));
    for (id, within) in [
        (TileId { level: 0, index: 273, width: 111 }, true),
        (TileId { level: 0, index: 273, width: 113 }, false),
        (TileId { level: 0, index: 273, width: 0 }, false),
        (TileId { level: 0, index: 274, width: 1 }, false),
        (TileId { level: 0, index: u64::MAX, width: 1 }, false),
        (TileId { level: 3, index: 0, width: 1 }, false),
        (TileId { level: 63, index: 0, width: 1 }, false),
    ] {
        assert_eq!(id.is_within(70_000), within, "{id}");
    }
    assert_eq!(tile::row_len(7, u64::MAX), 255);
}

#[test]
fn paths_are_read_in_their_only_form() {
    let index = 1_234_067;
    for (text, path) in [
        ("tile/0/x001/x234/067", TilePath::Hashes(TileId { level: 0, index, width: 256 })),
        ("tile/63/000.p/255", TilePath::Hashes(TileId { level: 63, index: 0, width: 255 })),
        ("tile/entries/x001/x234/067.p/1", TilePath::Entries { index, width: 1 }),
        ("tile/entries/x001/000", TilePath::Entries { index: 1000, width: 256 }),
        (
            "tile/1/x018/x446/x744/x073/x709/x551/615",
            TilePath::Hashes(TileId { level: 1, index: u64::MAX, width: 256 }),
        ),
    ] {
        assert_eq!(text.parse(), Ok(path));
        assert_eq!(path.to_string(), text);
    }
    for text in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/0/x001/x001",
        "tile/0/1000",
        "tile/0/x1/000",
        "tile/0/001/",
        "/tile/0/001",
        "tile/00/001",
        "tile/+1/001",
        "tile/64/001",
        "tile/256/001",
        "tile/-1/001",
        "tile/8/0/001",
        "tile/0/+01",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000.P/1",
        "tile/data/000",
        "tile/Entries/000",
        "tile/0/00a",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/000 ",
    ] {
        assert_eq!(text.parse::<TilePath>(), Err(tile::TilePathError), "{text}");
    }
}

#[test]
fn tiles_and_bundles_of_another_width_are_refused() {
    let id = TileId { level: 0, index: 0, width: 2 };
    assert_eq!(id.encode(&[Hash::ZERO]), Err(TileError::Length));
    for bytes in [0, 32, 63, 65, 96] {
        assert_eq!(id.decode(&vec![0; bytes]), Err(TileError::Length), "{bytes} bytes");
    }
    assert_eq!(encode_bundle::<&[u8]>(&[]), Err(TileError::Length));
    assert_eq!(encode_bundle(&[&[]; 257]), Err(TileError::Length));
    assert_eq!(encode_bundle(&[vec![0; MAX_ENTRY_BYTES + 1]]), Err(TileError::EntryTooLong));
    let longest = encode_bundle(&[vec![7; MAX_ENTRY_BYTES]]).unwrap();
    assert_eq!(decode_bundle(&longest, 1).unwrap(), [vec![7; MAX_ENTRY_BYTES]]);
    let bundle = encode_bundle(&[&b"ab"[..], b"", b"c"]).unwrap();
    assert_eq!(bundle, b"\0\x02ab\0\0\0\x01c");
    for width in [0, 1, 2, 4] {
        assert_eq!(decode_bundle(&bundle, width), Err(TileError::Length), "{width} entries");
    }
    for cut in 0..bundle.len() {
        assert_eq!(decode_bundle(&bundle[..cut], 3), Err(TileError::Length), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn every_path_is_read_back(level in 0_u8..=63, index: u64, shift in 0_u32..64, width in 1_u16..=256) {
        let index = index >> shift;
        for path in [TilePath::Hashes(TileId { level, index, width }), TilePath::Entries { index, width }] {
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn no_text_makes_the_reader_of_paths_panic(text in "(tile|entries|x[0-9]{3}|[0-9]{1,4}|/|\\.p/|.){0,12}") {
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn bundles_and_tiles_are_read_back(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=256),
    ) {
        let width = entries.len() as u16;
        let bytes = encode_bundle(&entries).unwrap();
        prop_assert_eq!(decode_bundle(&bytes, width).unwrap(), entries.clone());
        let id = TileId { level: 0, index: 0, width };
        let hashes: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        prop_assert_eq!(id.decode(&id.encode(&hashes).unwrap()).unwrap(), hashes);
    }

    #[test]
    fn a_changed_proof_is_refused(size in 2_u64..600, at: u64, flip in 0_usize..1 << 16, change in 1_u8..) {
        let (rows, frontier) = Rows::grown(size);
        let (root, at) = (frontier.root(), at % size);
        let proof = path::inclusion(&rows, at, size).unwrap();
        let old_size = at.max(1);
        let old_root = path::root(&rows, old_size).unwrap();
        let grown = path::consistency(&rows, old_size, size).unwrap();
        prop_assert_eq!(verify_consistency(old_size, &old_root, size, &root, &grown), Ok(()));
        let damage = |proof: &[Hash]| {
            let mut proof = proof.to_vec();
            let byte = flip % (proof.len() * 32);
            proof[byte / 32].0[byte % 32] ^= change;
            proof
        };
        prop_assert_eq!(verify_inclusion(&leaf(at), at, size, &damage(&proof), &root), Err(ProofError::Root));
        prop_assert_eq!(verify_inclusion(&leaf(at + 1), at, size, &proof, &root), Err(ProofError::Root));
        prop_assert!(verify_inclusion(&leaf(at), (at + 1) % size, size, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&leaf(at), at, size, &proof[1..], &root).is_err());
        prop_assert!(verify_inclusion(&leaf(at), at, size, &[&proof[..], &[root]].concat(), &root).is_err());
        let refused = verify_consistency(old_size, &old_root, size, &root, &damage(&grown));
        prop_assert_eq!(refused, Err(ProofError::Root));
        prop_assert!(verify_consistency(old_size, &root, size, &root, &grown).is_err());
        prop_assert!(verify_consistency(old_size, &old_root, size, &old_root, &grown).is_err());
        prop_assert!(verify_consistency(old_size, &old_root, size, &root, &grown[1..]).is_err());
        prop_assert!(verify_consistency(old_size, &old_root, size, &root, &[&grown[..], &[root]].concat()).is_err());
    }

    #[test]
    fn no_proof_makes_the_verifiers_panic(
        small: u64, large: u64, path in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..70),
    ) {
        for (small, large) in [(small, large), (small, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, u64::MAX)] {
            prop_assert!(verify_inclusion(&Hash::ZERO, small, large, &path, &Hash::ZERO).is_err());
            let refused = verify_consistency(small, &Hash::ZERO, large, &Hash([1; 32]), &path);
            prop_assert!(refused.is_err());
        }
    }
}
