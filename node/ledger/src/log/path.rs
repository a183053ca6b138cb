//! Inclusion and consistency proofs: made from tiles, checked from nothing.
//!
//! Made as RFC 6962 defines them (sections 2.1.1 and 2.1.2), checked by the algorithms of RFC 9162 (sections 2.1.3.2
//! and 2.1.4.2). A proof is a list of subtree roots, from the lowest up. Each is either that of a perfect subtree,
//! folded from one tile, or, once at most, that of the right edge of the tree. So a proof reads at most two tiles of
//! each row: the one above the leaf, and the last.

use std::collections::BTreeMap;
use std::ops::Range;

use tally_contracts::types::Hash;

use super::tile::{TILE_HEIGHT, TILE_WIDTH, TileId};
use super::{empty_root, node_hash};

/// Where the tiles of a log are read from.
pub trait Tiles {
    /// What can go wrong in reading.
    type Error;

    /// The hashes of a tile, exactly [`TileId::width`] of them: `width` neighbours of row `level`, the first of them at
    /// position `index * 256` of the row. Only tiles within the tree that a proof is asked for are read, each once for
    /// a proof.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn tile(&self, id: TileId) -> Result<Vec<Hash>, Self::Error>;
}

/// Why a proof cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError<E> {
    /// The leaf or the earlier tree lies beyond the tree.
    #[error("{wanted} is beyond a tree of {size} leaves; ask again when the log has grown to it")]
    Beyond {
        /// The index of the leaf, or the size of the earlier tree.
        wanted: u64,
        /// Leaves.
        size: u64,
    },
    /// A tile with another number of hashes than asked for.
    #[error("{0} holds another number of hashes than it should; the store of tiles is damaged, restore it")]
    Width(TileId),
    /// A tile could not be read.
    #[error("a tile could not be read")]
    Read(#[source] E),
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// [`PathError`].
pub fn root<T: Tiles>(tiles: &T, size: u64) -> Result<Hash, PathError<T::Error>> {
    if size == 0 { Ok(empty_root()) } else { Reader::new(tiles, size).range(0..size) }
}

/// The inclusion proof of leaf `index` in the tree of the first `size` leaves: at most 64 hashes, the leaf's sibling
/// first.
///
/// # Errors
/// [`PathError`].
pub fn inclusion<T: Tiles>(tiles: &T, index: u64, size: u64) -> Result<Vec<Hash>, PathError<T::Error>> {
    if index >= size {
        return Err(PathError::Beyond { wanted: index, size });
    }
    let mut siblings = Vec::new();
    let mut tree = 0..size;
    while tree.end - tree.start > 1 {
        let split = split(&tree);
        let (keep, sibling) =
            if index < split { (tree.start..split, split..tree.end) } else { (split..tree.end, tree.start..split) };
        siblings.push(sibling);
        tree = keep;
    }
    Reader::new(tiles, size).path(siblings)
}

/// The proof that the tree of `old_size` leaves is the beginning of that of `size`: at most 64 hashes. None are needed
/// where the sizes are equal, or where the older tree is empty.
///
/// # Errors
/// [`PathError`].
pub fn consistency<T: Tiles>(tiles: &T, old_size: u64, size: u64) -> Result<Vec<Hash>, PathError<T::Error>> {
    if old_size > size {
        return Err(PathError::Beyond { wanted: old_size, size });
    }
    if old_size == 0 || old_size == size {
        return Ok(Vec::new());
    }
    let mut subtrees = Vec::new();
    let mut tree = 0..size;
    // Down to the subtree that ends with the older tree.
    while tree.end > old_size {
        let split = split(&tree);
        let (keep, sibling) =
            if old_size <= split { (tree.start..split, split..tree.end) } else { (split..tree.end, tree.start..split) };
        subtrees.push(sibling);
        tree = keep;
    }
    // If it is the whole of the older tree, its root is what the verifier has.
    if tree.start > 0 {
        subtrees.push(tree);
    }
    Reader::new(tiles, size).path(subtrees)
}

/// Where RFC 6962 splits a tree of two leaves or more: its left part has the largest power of two of leaves that is
/// less than all.
const fn split(tree: &Range<u64>) -> u64 {
    tree.start + (1 << (tree.end - tree.start - 1).ilog2())
}

/// Reads the tiles of one tree, each once.
struct Reader<'t, T> {
    tiles: &'t T,
    size: u64,
    read: BTreeMap<TileId, Vec<Hash>>,
}

impl<'t, T: Tiles> Reader<'t, T> {
    const fn new(tiles: &'t T, size: u64) -> Self {
        Self { tiles, size, read: BTreeMap::new() }
    }

    /// The roots of subtrees that were collected from the top down, from the lowest up.
    fn path(mut self, subtrees: Vec<Range<u64>>) -> Result<Vec<Hash>, PathError<T::Error>> {
        subtrees.into_iter().rev().map(|leaves| self.range(leaves)).collect()
    }

    /// The root over one leaf or more, which start at a multiple of the largest power of two within their number.
    fn range(&mut self, leaves: Range<u64>) -> Result<Hash, PathError<T::Error>> {
        let height = (leaves.end - leaves.start).ilog2();
        let left = self.perfect(height, leaves.start >> height)?;
        let rest = leaves.start + (1 << height)..leaves.end;
        if rest.is_empty() {
            return Ok(left);
        }
        Ok(node_hash(&left, &self.range(rest)?))
    }

    /// The root of a perfect subtree of `2^height` leaves, the `index`th of its height: folded from one tile.
    fn perfect(&mut self, height: u32, index: u64) -> Result<Hash, PathError<T::Error>> {
        let above_row = height % TILE_HEIGHT;
        let first = index << above_row;
        let size = self.size;
        let beyond = || PathError::Beyond { wanted: index << height, size };
        let width = u64::from(TILE_WIDTH);
        let id = TileId::in_tree((height / TILE_HEIGHT) as u8, first / width, size).ok_or_else(beyond)?;
        let start = (first % width) as usize;
        let row = self.tile(id)?.get(start..start + (1 << above_row)).ok_or_else(beyond)?;
        let mut nodes = row.to_vec();
        while nodes.len() > 1 {
            nodes = nodes.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
        }
        nodes.pop().ok_or_else(beyond)
    }

    fn tile(&mut self, id: TileId) -> Result<&[Hash], PathError<T::Error>> {
        use std::collections::btree_map::Entry;
        match self.read.entry(id) {
            Entry::Occupied(read) => Ok(read.into_mut()),
            Entry::Vacant(vacant) => {
                let hashes = self.tiles.tile(id).map_err(PathError::Read)?;
                if hashes.len() != usize::from(id.width) {
                    return Err(PathError::Width(id));
                }
                Ok(vacant.insert(hashes))
            }
        }
    }
}

/// A proof that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf or the older tree lies beyond the tree.
    #[error("the proof is about something beyond the tree; ask for one from a later checkpoint")]
    Beyond,
    /// Too few or too many hashes.
    #[error("the proof has not the number of hashes that its position in the tree asks for; ask for it again")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root; what it was made for is not in that tree, keep it as evidence")]
    Root,
}

/// Checks that the leaf with hash `leaf` stands at `index` of a tree of `size` leaves with this root.
///
/// Source: RFC 9162 section 2.1.3.2.
///
/// # Errors
/// [`ProofError`].
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Beyond);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // At the right edge a node without a sibling moves up as it is.
            let up = node.trailing_zeros();
            (node, last) = (node >> up, last >> up);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last, hash == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Checks that a tree of `old_size` leaves with root `old_root` is the beginning of one of `size` leaves with root
/// `root`.
///
/// The empty tree is the beginning of every tree, and a tree of itself, each with an empty proof.
///
/// Source: RFC 9162 section 2.1.4.2.
///
/// # Errors
/// [`ProofError`].
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if old_size > size {
        return Err(ProofError::Beyond);
    }
    if old_size == 0 || old_size == size {
        let expected = if old_size == size { *root } else { empty_root() };
        return match (path.is_empty(), *old_root == expected) {
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
            _ => Err(ProofError::Length),
        };
    }
    // A power of two of leaves is one perfect subtree: the path starts from the root that the verifier has.
    let (start, path) = if old_size.is_power_of_two() {
        (*old_root, path)
    } else {
        let (start, path) = path.split_first().ok_or(ProofError::Length)?;
        (*start, path)
    };
    let up = (old_size - 1).trailing_ones();
    let (mut node, mut last) = ((old_size - 1) >> up, (size - 1) >> up);
    let (mut old, mut new) = (start, start);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            let up = node.trailing_zeros();
            (node, last) = (node >> up, last >> up);
        } else {
            new = node_hash(&new, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last, old == *old_root && new == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}
