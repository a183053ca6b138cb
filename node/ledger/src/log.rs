//! The transparency log: one RFC 6962 Merkle tree over the whole history.
//!
//! Leaf hash `SHA-256(0x00 ‖ leaf)`, node hash `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962 section 2.1). A node keeps only the
//! right frontier of the tree, which is all that appending needs.

use sha2::{Digest, Sha256};
use tally_contracts::types::Hash;
use wincode::{SchemaRead, SchemaWrite};

/// Hash of a leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut digest = Sha256::new();
    digest.update([0x00]);
    digest.update(leaf);
    Hash(digest.finalize().into())
}

/// Hash of an inner node.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut digest = Sha256::new();
    digest.update([0x01]);
    digest.update(left.0);
    digest.update(right.0);
    Hash(digest.finalize().into())
}

/// The right frontier of a tree: the roots of its perfect subtrees, largest first; at most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
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
        let mut root = leaf;
        // A perfect subtree of 2^k leaves is complete where bit k of the size is set: carry as in binary addition.
        for _ in 0..self.size.trailing_ones() {
            let left = self.roots.pop().expect("a set bit of the size has its subtree");
            root = node_hash(&left, &root);
        }
        self.roots.push(root);
        self.size += 1;
    }

    /// The root; of the empty tree, the hash of nothing (RFC 6962).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => Hash(Sha256::digest([]).into()),
            Some(last) => roots.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 section 2.1, as it stands there.
    fn by_definition(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => Hash(Sha256::digest([]).into()),
            [leaf] => leaf_hash(leaf),
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&by_definition(&leaves[..split]), &by_definition(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_frontier_gives_the_root_that_the_rfc_defines() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        assert_eq!(frontier.root(), by_definition(&leaves));
        for n in 0_u32..70 {
            frontier.append(&n.to_le_bytes());
            leaves.push(n.to_le_bytes().to_vec());
            assert_eq!(frontier.root(), by_definition(&leaves), "{} leaves", leaves.len());
        }
    }
}
