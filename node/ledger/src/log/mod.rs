//! The transparency log: one RFC 6962 Merkle tree over the whole history.
//!
//! Leaf hash `SHA-256(0x00 ‖ leaf)`, node hash `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962 section 2.1). Appending needs
//! only the right [`frontier`] of the tree. What is kept of it besides are the rows of its tiles ([`tile`], C2SP
//! `tlog-tiles`): every eighth level, from the leaf hashes up. Proofs ([`path`]) are computed from those.
//!
//! **Invariant**: nothing here reads a file or a clock; tiles come through the trait [`Tiles`].

pub mod frontier;
pub mod tile;
pub mod path;

pub use frontier::{Frontier, Subtree};
pub use path::{PathError, ProofError, Tiles, verify_consistency, verify_inclusion};
pub use tile::{TileId, TilePath};

use sha2::{Digest, Sha256};
use tally_contracts::types::Hash;

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

/// Root of the tree without leaves: the hash of nothing (RFC 6962 section 2.1).
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

#[cfg(test)]
mod tests;
