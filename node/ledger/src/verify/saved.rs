//! What a verified archive leaves behind, so that a longer one of the same chain is verified from there on.
//!
//! # Format, version 1
//!
//! On disk the command line packs it with Zstandard. Integers are little-endian; records are canonical bytes. Keys are those of state, rows stand by rising key.
//!
//! | bytes | what |
//! |---|---|
//! | 15 | magic: `tally-verified` and a newline |
//! | 2 | version, 1 |
//! | 2 | version of headers and contracts, as in a block |
//! | 4 | length of the summary |
//! | length | summary: chain id, head, counts, validators, flows, numbers of rows and versions |
//! | | for each row of state: bytes that its key shares with the row before (1), bytes of the rest of the key (1), the rest, length of the value (4), the value |
//! | | for each version of a settlement record: bytes of the key (1), the key, height (8), 1 and length (4) and value, or 0 for a deleted one |
//! | 32 | SHA-256 of everything before |
//!
//! The file is the auditor's own: it is believed as the genesis is. The check sum finds damage; whoever can write the
//! file decides what a later run starts from.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use tally_contracts::encoding;
use tally_contracts::state::MemoryStore;
use tally_contracts::types::{ChainId, Height};
use wincode::{SchemaRead, SchemaWrite};

use super::conservation::{Flows, FlowsRecord};
use super::history::Versions;
use super::report::{Epoch, OperationCounts};
use crate::block;
use crate::chain::Head;

/// First bytes of the file.
const MAGIC: [u8; 15] = *b"tally-verified\n";
/// Version of the format.
const VERSION: u16 = 1;
/// Longest summary or value, in bytes: far more than any there is.
const MAX_BYTES: usize = 16 << 20;

/// A verified chain up to its head.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedState {
    pub(super) chain_id: ChainId,
    pub(super) head: Head,
    pub(super) tallies: Tallies,
    pub(super) store: MemoryStore,
    pub(super) versions: Versions,
}

/// What is counted over all blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tallies {
    pub transactions: u64,
    pub votes: u64,
    pub counts: OperationCounts,
    pub epochs: Vec<Epoch>,
    pub flows: Flows,
}

/// A file that nothing can go on from.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It cannot be read.
    #[error("cannot read the state file: {0}")]
    Read(#[from] io::Error),
    /// It is none.
    #[error("this is no state file of `tally verify`; name another one, or one that does not exist yet")]
    Magic,
    /// Written by other software.
    #[error(
        "the state file is of version {file} (contracts {contracts}), this program's is {VERSION} ({}): remove it and \
         verify from the first block",
        block::VERSION
    )]
    Version {
        /// Of the format.
        file: u16,
        /// Of headers and contracts.
        contracts: u16,
    },
    /// Its bytes are not as they were written.
    #[error("the state file is damaged: remove it and verify from the first block")]
    Damaged,
}

#[derive(SchemaWrite, SchemaRead)]
struct Summary {
    chain_id: ChainId,
    head: Head,
    transactions: u64,
    votes: u64,
    counts: OperationCounts,
    epochs: Vec<Epoch>,
    flows: FlowsRecord,
    rows: u64,
    versions: u64,
}

impl SavedState {
    /// The alliance.
    #[must_use]
    pub const fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The last verified block.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.head.height
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When `to` cannot be written to.
    ///
    /// # Panics
    /// Never: keys are shorter than 256 bytes, values than 4 GiB.
    pub fn write(&self, to: impl Write) -> io::Result<()> {
        let mut to = Hashing { inner: to, digest: Sha256::new() };
        let Tallies { transactions, votes, counts, epochs, flows } = &self.tallies;
        let summary = encoding::encode(&Summary {
            chain_id: self.chain_id,
            head: self.head.clone(),
            transactions: *transactions,
            votes: *votes,
            counts: *counts,
            epochs: epochs.clone(),
            flows: flows.into(),
            rows: self.store.iter().count() as u64,
            versions: self.versions.iter().count() as u64,
        });
        to.write_all(&[MAGIC.as_slice(), &VERSION.to_le_bytes(), &block::VERSION.to_le_bytes()].concat())?;
        to.put_value(&summary)?;
        let mut last: &[u8] = &[];
        for (key, value) in self.store.iter() {
            let shared = key.iter().zip(last).take_while(|(a, b)| a == b).count();
            to.write_all(&[byte(shared), byte(key.len() - shared)])?;
            to.write_all(&key[shared..])?;
            to.put_value(value)?;
            last = key;
        }
        for (key, (height, value)) in self.versions.iter() {
            to.write_all(&[byte(key.len())])?;
            to.write_all(key)?;
            to.write_all(&height.0.to_le_bytes())?;
            to.write_all(&[u8::from(value.is_some())])?;
            value.iter().try_for_each(|value| to.put_value(value))?;
        }
        let digest = to.digest.finalize();
        to.inner.write_all(&digest)?;
        to.inner.flush()
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`SavedError`].
    pub fn read(from: impl Read) -> Result<Self, SavedError> {
        let mut from = Hashing { inner: from, digest: Sha256::new() };
        if from.array::<15>()? != MAGIC {
            return Err(SavedError::Magic);
        }
        let [file, contracts] = [from.array()?, from.array()?].map(u16::from_le_bytes);
        if (file, contracts) != (VERSION, block::VERSION) {
            return Err(SavedError::Version { file, contracts });
        }
        let summary: Summary = encoding::decode(&from.value()?).map_err(|_| SavedError::Damaged)?;
        let store = from.rows(summary.rows)?;
        let versions = from.versions(summary.versions)?;
        let digest: [u8; 32] = from.digest.clone().finalize().into();
        let mut rest = Vec::new();
        from.inner.take(33).read_to_end(&mut rest)?;
        if rest != digest {
            return Err(SavedError::Damaged);
        }
        let Summary { chain_id, head, transactions, votes, counts, epochs, flows, .. } = summary;
        let tallies = Tallies { transactions, votes, counts, epochs, flows: flows.into() };
        Ok(Self { chain_id, head, tallies, store, versions })
    }
}

/// Hashes what passes through.
struct Hashing<T> {
    inner: T,
    digest: Sha256,
}

impl<W: Write> Hashing<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.inner.write_all(bytes)
    }

    fn put_value(&mut self, value: &[u8]) -> io::Result<()> {
        let length = u32::try_from(value.len()).expect("a record is bounded far below 4 GiB");
        self.write_all(&length.to_le_bytes())?;
        self.write_all(value)
    }
}

impl<R: Read> Hashing<R> {
    /// So many bytes; memory is taken as they arrive.
    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, SavedError> {
        let mut bytes = Vec::new();
        self.inner.by_ref().take(count as u64).read_to_end(&mut bytes)?;
        self.digest.update(&bytes);
        if bytes.len() == count { Ok(bytes) } else { Err(SavedError::Damaged) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SavedError> {
        self.bytes(N)?.try_into().map_err(|_| SavedError::Damaged)
    }

    fn value(&mut self) -> Result<Vec<u8>, SavedError> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        if length > MAX_BYTES {
            return Err(SavedError::Damaged);
        }
        self.bytes(length)
    }

    fn rows(&mut self, count: u64) -> Result<MemoryStore, SavedError> {
        let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for _ in 0..count {
            let [shared, rest] = self.array()?.map(usize::from);
            let last = rows.last().map_or(&[][..], |(key, _)| key.as_slice());
            let mut key = last.get(..shared).ok_or(SavedError::Damaged)?.to_vec();
            key.extend(self.bytes(rest)?);
            rows.push((key, self.value()?));
        }
        Ok(rows.into_iter().collect())
    }

    fn versions(&mut self, count: u64) -> Result<Versions, SavedError> {
        let mut versions = Versions::default();
        for _ in 0..count {
            let [length] = self.array()?.map(usize::from);
            let key = self.bytes(length)?;
            let height = Height(u64::from_le_bytes(self.array()?));
            let value = match self.array()? {
                [0] => None,
                _ => Some(self.value()?),
            };
            versions.push(key, (height, value));
        }
        Ok(versions)
    }
}

fn byte(length: usize) -> u8 {
    u8::try_from(length).expect("a key of state is shorter than 256 bytes")
}
