//! The right frontier of the tree: all that appending needs.

use tally_contracts::types::Hash;
use wincode::{SchemaRead, SchemaWrite};

use super::tile::TILE_HEIGHT;
use super::{empty_root, leaf_hash, node_hash};

/// The right frontier of a tree: the roots of its perfect subtrees, largest first; at most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

/// A perfect subtree whose root stands in a row of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtree {
    /// Level of the row, 0 to 7: the subtree has `256^level` leaves.
    pub level: u8,
    /// Its position in the row, from 0.
    pub index: u64,
    /// Its root; at level 0 the leaf's hash.
    pub hash: Hash,
}

impl Frontier {
    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn append(&mut self, leaf: &[u8]) {
        self.append_hash(leaf_hash(leaf));
    }

    /// Appends a leaf by its hash.
    pub fn append_hash(&mut self, leaf: Hash) {
        self.append_hash_noting(leaf, &mut |_| {});
    }

    /// Appends a leaf by its hash, and hands `note` what the rows of tiles gain by it, lowest level first: the leaf's
    /// hash, then the root of each perfect subtree of `256^level` leaves that it completes.
    pub fn append_hash_noting(&mut self, leaf: Hash, note: &mut impl FnMut(Subtree)) {
        note(Subtree { level: 0, index: self.size, hash: leaf });
        let mut root = leaf;
        // A perfect subtree of 2^k leaves is complete where bit k of the size is set: carry as in binary addition.
        let mut index = self.size;
        for height in 1..=self.size.trailing_ones() {
            let left = self.roots.pop().expect("a set bit of the size has its subtree");
            root = node_hash(&left, &root);
            index >>= 1;
            if height % TILE_HEIGHT == 0 {
                note(Subtree { level: (height / TILE_HEIGHT) as u8, index, hash: root });
            }
        }
        self.roots.push(root);
        self.size += 1;
    }

    /// The root; of the empty tree, the hash of nothing (RFC 6962).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => empty_root(),
            Some(last) => roots.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}
