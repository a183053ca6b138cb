//! Blocks and their headers.
//!
//! The block id hashes the header alone; the header commits to the transactions by the root over their ids. So a proposal
//! may name transactions whose bytes have travelled before. Layout: `docs/formats.md`.

use serde::Serialize;
use tally_contracts::encoding::{self, DecodeError, Domain};
use tally_contracts::types::{ChainId, Hash, Height, MerchantId};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::certificate::CommitCertificate;
use crate::log;

const BLOCK: Domain = Domain::new("tally/block/v1\0");

/// The version of header, transactions and contracts that this code runs.
pub const VERSION: u16 = 7;

/// Largest encoded block, in bytes. A block beyond what one sync response may hold could never be synced again, so the
/// node asserts its engine's limits against this.
pub const MAX_BLOCK_BYTES: usize = 4 << 20;

/// The hash of a header: what validators vote for.
pub type BlockId = Hash;

/// What execution of a block led to; stands in the next block's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
#[schema(as = BlockOutcome)]
pub struct Outcome {
    /// Leaves of the transparency log after the block.
    pub log_size: u64,
    /// RFC 6962 root of the log after the block.
    pub log_root: Hash,
    /// Chained hash over the writes of every block so far.
    pub state_hash: Hash,
}

/// A block's header.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Header {
    /// [`VERSION`].
    pub version: u16,
    /// The alliance.
    pub chain_id: ChainId,
    /// From 1 on.
    pub height: Height,
    /// Block time in ms since 1970, later than the parent's.
    pub time_ms: u64,
    /// Id of the block before; the chain id for height 1.
    pub parent_hash: BlockId,
    /// The merchant whose validator made the block.
    pub proposer: MerchantId,
    /// RFC 6962 root over the transaction ids in order.
    pub transactions_root: Hash,
    /// Hash of the validator set of this height.
    pub validators_hash: Hash,
    /// Hash of `last_commit`; zero for height 1.
    pub last_commit_hash: Hash,
    /// What the parent led to.
    pub outcome: Outcome,
}

impl Header {
    /// The block's id.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BLOCK.hash(&[&encoding::encode(self)])
    }
}

/// A block as it travels and is stored.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Block {
    /// What is voted for.
    pub header: Header,
    /// The parent's commit certificate; none for height 1.
    pub last_commit: Option<CommitCertificate>,
    /// Canonical bytes of each transaction, in order.
    pub transactions: Vec<Vec<u8>>,
}

impl Block {
    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encoding::encode(self)
    }

    /// Reads a block that takes up all of `bytes`.
    ///
    /// # Errors
    /// When the bytes are no such block. Nothing of what the block says is checked yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        encoding::decode(bytes)
    }
}

/// RFC 6962 root over transaction ids.
#[must_use]
pub fn transactions_root(ids: impl IntoIterator<Item = Hash>) -> Hash {
    let mut tree = log::Frontier::default();
    for id in ids {
        tree.append(&id.0);
    }
    tree.root()
}
