//! Ethereum's storage trie over sorted entries: its root, and proofs after EIP-1186 that cost a small part of a
//! rebuild.
//!
//! A modified Merkle-Patricia trie (Ethereum yellow paper, appendix D) over keys of 32 bytes. Of the whole trie only
//! the top is kept, down to subtries of at most [`BUCKET`] entries; a proof rebuilds the one subtrie that its path
//! leads into, from entries that the caller has in memory or in a file. The encoding of nodes and the verification of
//! proofs are those of `alloy-trie`; its `HashBuilder`, which gives root and proofs in one pass over all entries, is
//! the oracle of the tests.

use std::ops::Range;
use std::thread;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::nodes::{BranchNodeRef, ExtensionNodeRef, LeafNodeRef, RlpNode, TrieNode};
use alloy_trie::proof::{ProofVerificationError, verify_proof};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieMask};
use tally_contracts::types::Hash;

use super::erc1155::{Balances, Entry, Slot, Word};

/// Entries of the largest subtrie of which nothing but the reference is kept: a proof rebuilds so many at most.
pub const BUCKET: usize = 2048;
/// Fewer entries than this are hashed by one thread.
const MIN_PARALLEL: usize = 1 << 14;
/// Nibbles of a key.
const KEY_NIBBLES: usize = 64;

/// The trie over a contract's storage.
#[derive(Clone, Debug)]
pub struct StorageTrie {
    words: Vec<Word>,
    root: Hash,
    top: Option<Subtrie>,
}

/// All entries that share a path.
#[derive(Clone, Debug)]
enum Subtrie {
    /// Entries at these positions, of which nothing more is kept.
    Bucket(Range<usize>),
    /// A branch, below an extension where its entries share more nibbles.
    Branch {
        shared: Nibbles,
        /// Which nibbles come next.
        mask: TrieMask,
        /// How the branch refers to each child.
        references: Vec<RlpNode>,
        children: Vec<Subtrie>,
    },
}

/// A proof of what a slot holds, or that it holds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProof {
    /// The slot; its Keccak-256 is the key in the trie.
    pub slot: Slot,
    /// What it holds; zero where it is not there.
    pub value: U256,
    /// The nodes on the way, from the root on, in RLP. Nodes that stand within their parent are not listed again.
    pub nodes: Vec<Bytes>,
}

/// A proof that does not prove what it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStorageProof {
    /// Nodes that do not lead from the root to what is claimed.
    #[error("the storage proof does not lead from the root to the value, take it from the source again: {0}")]
    Nodes(#[from] ProofVerificationError),
    /// A path that is longer than any key.
    #[error("the storage proof has a path of more than {KEY_NIBBLES} nibbles, which no storage trie has")]
    Path,
}

impl StorageTrie {
    /// Builds the trie on so many threads; the result does not depend on their number.
    #[must_use]
    pub fn new(balances: &Balances, threads: usize) -> Self {
        Self::with_buckets(balances, threads, BUCKET)
    }

    fn with_buckets(balances: &Balances, threads: usize, bucket: usize) -> Self {
        let words = balances.words().to_vec();
        let (root, top) = match balances.entries() {
            [] => (EMPTY_ROOT_HASH, None),
            entries => {
                let (reference, top) = Builder { words: &words, bucket }.whole(entries, threads);
                (reference.as_hash().unwrap_or_else(|| keccak256(&reference)), Some(top))
            }
        };
        Self { words, root: Hash(root.0), top }
    }

    /// The storage root.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Proves what a slot holds. `read` gives the entries at positions of those that the trie was built over, at most
    /// [`BUCKET`]; it is called once or not at all.
    ///
    /// # Panics
    /// When `read` gives no entries.
    #[must_use]
    pub fn prove(&self, slot: &Slot, read: impl FnOnce(Range<usize>) -> Vec<Entry>) -> StorageProof {
        let mut proof = StorageProof { slot: *slot, value: U256::ZERO, nodes: Vec::new() };
        let value = self.prove_key(&Nibbles::unpack(keccak256(slot)), &mut proof, read);
        proof.value = value.unwrap_or_default();
        proof
    }

    /// Adds the nodes on the way to a key; gives what lies there.
    fn prove_key(
        &self,
        path: &Nibbles,
        proof: &mut StorageProof,
        read: impl FnOnce(Range<usize>) -> Vec<Entry>,
    ) -> Option<U256> {
        let (range, depth) = self.top.as_ref()?.walk(path, 0, proof)?;
        let entries = read(range);
        let builder = Builder { words: &self.words, bucket: 1 };
        let mut rlp = Vec::new();
        let (_, bucket) = builder.subtrie(0, &entries, depth, &mut rlp);
        let (leaf, depth) = bucket.walk(path, depth, proof)?;
        let entry = &entries[leaf.start];
        builder.leaf(entry, depth, &mut rlp);
        proof.add(&rlp);
        (Nibbles::unpack(entry.key) == *path).then(|| builder.value(entry))
    }
}

impl StorageProof {
    /// Whether the trie with this root holds the value at the slot, or nothing where the value is zero.
    ///
    /// # Errors
    /// [`InvalidStorageProof`].
    pub fn verify(&self, root: &Hash) -> Result<(), InvalidStorageProof> {
        check_lengths(&self.nodes)?;
        let value = (!self.value.is_zero()).then(|| alloy_rlp::encode(self.value));
        Ok(verify_proof(B256::from(root.0), Nibbles::unpack(keccak256(self.slot)), value, &self.nodes)?)
    }

    /// Adds a node; one of less than 32 bytes stands within its parent.
    fn add(&mut self, rlp: &[u8]) {
        if self.nodes.is_empty() || rlp.len() >= 32 {
            self.nodes.push(Bytes::copy_from_slice(rlp));
        }
    }
}

/// `verify_proof` panics where the nodes' paths add up to more than a key has.
fn check_lengths(nodes: &[Bytes]) -> Result<(), InvalidStorageProof> {
    let mut depth = 0;
    for node in nodes.iter().filter(|node| node[..] != [alloy_rlp::EMPTY_STRING_CODE]) {
        let node = TrieNode::decode(&mut &node[..]).map_err(ProofVerificationError::from)?;
        if depth + longest(&node)? > KEY_NIBBLES {
            return Err(InvalidStorageProof::Path);
        }
        depth += match &node {
            TrieNode::Branch(_) => 1,
            TrieNode::Extension(extension) => extension.key.len(),
            TrieNode::Leaf(_) | TrieNode::EmptyRoot => 0,
        };
    }
    Ok(())
}

/// Nibbles of the longest path through a node and those that stand within it.
fn longest(node: &TrieNode) -> Result<usize, InvalidStorageProof> {
    let within = |child: &RlpNode| {
        if child.len() > 32 {
            return Ok(0);
        }
        longest(&TrieNode::decode(&mut &child[..]).map_err(ProofVerificationError::from)?)
    };
    match node {
        TrieNode::EmptyRoot => Ok(0),
        TrieNode::Leaf(leaf) => Ok(leaf.key.len()),
        TrieNode::Extension(extension) => Ok(extension.key.len() + within(&extension.child)?),
        TrieNode::Branch(branch) => {
            branch.stack.iter().try_fold(1, |most: usize, child| Ok(most.max(1 + within(child)?)))
        }
    }
}

impl Subtrie {
    /// Follows a path from this depth on and adds the nodes that it meets: down to a bucket, whose positions and depth
    /// it gives, or to where the path leaves the trie.
    fn walk(&self, path: &Nibbles, mut depth: usize, proof: &mut StorageProof) -> Option<(Range<usize>, usize)> {
        let mut node = self;
        loop {
            let (shared, mask, references, children) = match node {
                Self::Bucket(range) => return Some((range.clone(), depth)),
                Self::Branch { shared, mask, references, children } => (shared, mask, references, children),
            };
            let mut branch = Vec::new();
            let reference = BranchNodeRef::new(references, *mask).rlp(&mut branch);
            if !shared.is_empty() {
                proof.add(&alloy_rlp::encode(ExtensionNodeRef::new(shared, &reference)));
                if !path.slice(depth..).starts_with(shared) {
                    return None;
                }
                depth += shared.len();
            }
            proof.add(&branch);
            let nibble = path.get_unchecked(depth);
            if !mask.is_bit_set(nibble) {
                return None;
            }
            let before = (0..nibble).filter(|nibble| mask.is_bit_set(*nibble)).count();
            node = &children[before];
            depth += 1;
        }
    }
}

/// Makes subtries out of entries that share a path.
#[derive(Clone, Copy)]
struct Builder<'a> {
    words: &'a [Word],
    /// Entries of the largest subtrie of which nothing is kept.
    bucket: usize,
}

/// Entries that have the next nibble in common.
struct Run<'e> {
    nibble: u8,
    /// Position of the first.
    start: usize,
    entries: &'e [Entry],
}

impl Builder<'_> {
    /// The whole trie over at least one entry.
    fn whole(&self, entries: &[Entry], threads: usize) -> (RlpNode, Subtrie) {
        if threads < 2 || entries.len() < MIN_PARALLEL {
            return self.subtrie(0, entries, 0, &mut Vec::new());
        }
        let shared = shared_nibbles(entries, 0);
        let runs = runs(0, entries, shared);
        let mut children: Vec<_> = thread::scope(|scope| {
            let work = |turn: usize| {
                let runs = runs.iter().enumerate().skip(turn).step_by(threads);
                runs.map(|(at, run)| (at, self.subtrie(run.start, run.entries, shared + 1, &mut Vec::new())))
                    .collect::<Vec<_>>()
            };
            let workers: Vec<_> = (0..threads).map(|turn| scope.spawn(move || work(turn))).collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("hashing does not panic")).collect()
        });
        children.sort_unstable_by_key(|(at, _)| *at);
        let children = runs.iter().zip(children).map(|(run, (_, child))| (run.nibble, child));
        self.branch((0, entries), (0, shared), children, &mut Vec::new())
    }

    /// The subtrie at a depth over entries that share the path so far, and how its parent refers to it. `start` is the
    /// position of the first entry; `rlp` is room to write in.
    fn subtrie(&self, start: usize, entries: &[Entry], depth: usize, rlp: &mut Vec<u8>) -> (RlpNode, Subtrie) {
        if let [entry] = entries {
            self.leaf(entry, depth, rlp);
            return (RlpNode::from_rlp(rlp), Subtrie::Bucket(start..start + 1));
        }
        let end = shared_nibbles(entries, depth);
        let mut children = Vec::with_capacity(16);
        for run in runs(start, entries, end) {
            children.push((run.nibble, self.subtrie(run.start, run.entries, end + 1, rlp)));
        }
        self.branch((start, entries), (depth, end), children.into_iter(), rlp)
    }

    /// A branch at nibble `end`, under an extension where that lies beyond `depth`.
    fn branch(
        &self,
        (start, entries): (usize, &[Entry]),
        (depth, end): (usize, usize),
        parts: impl ExactSizeIterator<Item = (u8, (RlpNode, Subtrie))>,
        rlp: &mut Vec<u8>,
    ) -> (RlpNode, Subtrie) {
        let mut mask = TrieMask::default();
        let mut references = Vec::with_capacity(parts.len());
        let mut children = Vec::with_capacity(parts.len());
        for (nibble, (reference, child)) in parts {
            mask.set_bit(nibble);
            references.push(reference);
            children.push(child);
        }
        rlp.clear();
        let mut reference = BranchNodeRef::new(&references, mask).rlp(rlp);
        let shared = Nibbles::unpack(entries[0].key).slice(depth..end);
        if !shared.is_empty() {
            rlp.clear();
            reference = ExtensionNodeRef::new(&shared, &reference).rlp(rlp);
        }
        let subtrie = if entries.len() <= self.bucket {
            Subtrie::Bucket(start..start + entries.len())
        } else {
            Subtrie::Branch { shared, mask, references, children }
        };
        (reference, subtrie)
    }

    /// Writes the leaf of an entry at a depth.
    fn leaf(&self, entry: &Entry, depth: usize, rlp: &mut Vec<u8>) {
        rlp.clear();
        let value = alloy_rlp::encode_fixed_size(&self.value(entry));
        LeafNodeRef::new(&Nibbles::unpack(entry.key).slice(depth..), &value).encode(rlp);
    }

    /// What an entry holds.
    fn value(&self, entry: &Entry) -> U256 {
        if entry.value > 0 {
            return U256::from(entry.value);
        }
        let at = self.words.binary_search_by_key(&entry.key, |word| word.key);
        self.words[at.expect("an entry of value 0 stands for a word")].value
    }
}

/// Entries by the nibble at `depth`; `start` is the position of the first.
fn runs<'e>(start: usize, entries: &'e [Entry], depth: usize) -> Vec<Run<'e>> {
    let mut next = start;
    let by_nibble = entries.chunk_by(|a, b| nibble(a, depth) == nibble(b, depth));
    by_nibble
        .map(|entries| {
            let start = next;
            next += entries.len();
            Run { nibble: nibble(&entries[0], depth), start, entries }
        })
        .collect()
}

/// Where the keys of sorted entries, which agree up to `depth`, first differ.
fn shared_nibbles(entries: &[Entry], depth: usize) -> usize {
    let (first, last) = (&entries[0], &entries[entries.len() - 1]);
    (depth..KEY_NIBBLES).find(|at| nibble(first, *at) != nibble(last, *at)).expect("no two entries have the same key")
}

const fn nibble(entry: &Entry, at: usize) -> u8 {
    let byte = entry.key[at / 2];
    if at.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
}

#[cfg(test)]
mod tests;
