//! The tree under `state_root`: RFC 6962 over the records in their order, and proofs of inclusion.
//!
//! Of each [`BLOCK`] leaves one hash is kept, with which record is the first: all that a proof needs beside the
//! snapshot, from which the one block around the record is hashed again. A block's leaves make a subtree of the tree of
//! RFC 6962, for that splits at powers of two; so the tree over the blocks' hashes has the same root.

use std::ops::ControlFlow;

use tally_contracts::encoding;
use tally_contracts::state::Store;
use tally_contracts::types::Hash;

use super::records::{Record, RecordId, visit_records};
use crate::log::{Frontier, leaf_hash, verify_inclusion};

/// Leaves of a block: a power of two.
const BLOCK: u64 = 256;
const _: () = assert!(BLOCK.is_power_of_two());

/// The tree over the records of state.
#[derive(Clone, Debug, Default)]
pub struct StateTree {
    size: u64,
    /// The first record of each block.
    firsts: Vec<RecordId>,
    /// Roots of the blocks that are full.
    roots: Vec<Hash>,
    /// The block that is not full yet.
    open: Frontier,
}

/// A proof that a record is in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof {
    /// The canonical bytes of the record.
    pub leaf: Vec<u8>,
    /// Its position among all records, from 0 on.
    pub index: u64,
    /// How many records there are.
    pub size: u64,
    /// Hashes beside the way from the leaf to the root, the leaf's sibling first (RFC 6962 section 2.1.1).
    pub path: Vec<Hash>,
}

/// Why there is no proof of a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecordProof {
    /// No such record.
    #[error("the state has no such record at this checkpoint, ask for a later one")]
    Missing,
    /// The store holds another state.
    #[error("the store is not the state that the tree was built over, open the snapshot of the checkpoint's height")]
    OtherState,
}

/// A proof that does not lead to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record's path does not lead to the state root, take the proof from the source again")]
pub struct InvalidRecordProof;

impl StateTree {
    /// Adds the record that comes next.
    pub fn push(&mut self, record: &Record) {
        if self.open.size() == 0 {
            self.firsts.push(record.id());
        }
        self.open.append(&encoding::encode(record));
        self.size += 1;
        if self.open.size() == BLOCK {
            self.roots.push(std::mem::take(&mut self.open).root());
        }
    }

    /// How many records there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// `state_root`; of no records, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        root_of(&self.block_roots())
    }

    /// Proves that a record is in the state. `store` is the snapshot that the tree was built over.
    ///
    /// # Errors
    /// [`NoRecordProof`].
    pub fn prove(&self, store: &dyn Store, id: &RecordId) -> Result<RecordProof, NoRecordProof> {
        let block = self.firsts.partition_point(|first| first <= id).checked_sub(1).ok_or(NoRecordProof::Missing)?;
        let mut hashes = Vec::new();
        let mut found = None;
        visit_records(store, &self.firsts[block], |record| {
            let leaf = encoding::encode(record);
            hashes.push(leaf_hash(&leaf));
            if record.id() == *id {
                found = Some((hashes.len() - 1, leaf));
            }
            if hashes.len() as u64 == BLOCK { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let roots = self.block_roots();
        if root_of(&hashes) != roots[block] {
            return Err(NoRecordProof::OtherState);
        }
        let (at, leaf) = found.ok_or(NoRecordProof::Missing)?;
        let mut path = Vec::new();
        put_path(&hashes, at, &mut path);
        put_path(&roots, block, &mut path);
        Ok(RecordProof { leaf, index: block as u64 * BLOCK + at as u64, size: self.size, path })
    }

    fn block_roots(&self) -> Vec<Hash> {
        let open = (self.open.size() > 0).then(|| self.open.root());
        self.roots.iter().copied().chain(open).collect()
    }
}

impl RecordProof {
    /// Whether the leaf is one of the records under a state root.
    ///
    /// # Errors
    /// [`InvalidRecordProof`].
    pub fn verify(&self, root: &Hash) -> Result<(), InvalidRecordProof> {
        verify_inclusion(&leaf_hash(&self.leaf), self.index, self.size, &self.path, root)
            .map_err(|_| InvalidRecordProof)
    }
}

/// Root of the tree over leaves with these hashes.
fn root_of(hashes: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    hashes.iter().for_each(|hash| tree.append_hash(*hash));
    tree.root()
}

/// Appends the path of the leaf at a position, as RFC 6962 section 2.1.1 defines it.
fn put_path(hashes: &[Hash], at: usize, to: &mut Vec<Hash>) {
    if hashes.len() < 2 {
        return;
    }
    let (left, right) = hashes.split_at(hashes.len().next_power_of_two() / 2);
    if at < left.len() {
        put_path(left, at, to);
        to.push(root_of(right));
    } else {
        put_path(right, at - left.len(), to);
        to.push(root_of(left));
    }
}
