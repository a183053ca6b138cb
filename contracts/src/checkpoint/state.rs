//! Records of checkpoints.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::Signature;
use crate::types::{Hash, Height, MerchantId};

/// How far checkpoints have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct CheckpointClock {
    /// Time of the last block that is one, in ms since 1970; of genesis before the first.
    pub last_ms: u64,
    /// Whether that block is the parent, whose outcome is not on record yet.
    pub is_pending: bool,
    /// The highest that is final.
    pub latest_final: Option<Height>,
}

/// A block that is a checkpoint, and the transparency log after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Checkpoint {
    /// The block's time in ms since 1970.
    pub time_ms: u64,
    /// Leaves of the log.
    pub log_size: u64,
    /// RFC 6962 root of the log.
    pub log_root: Hash,
}

/// What state came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Roots {
    /// RFC 6962 root over the sorted records of state.
    pub state_root: Hash,
    /// Root of the balances in the storage layout of ERC-1155.
    pub erc1155_root: Hash,
}

/// What a merchant vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Attestation {
    /// The roots that its node worked out.
    pub roots: Roots,
    /// By its cosigner key.
    pub signatures: CheckpointSignatures,
}

/// A merchant's signatures for a checkpoint, each over one of the [`attested_texts`](super::attested_texts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointSignatures {
    /// Over the checkpoint's text, for the log.
    pub log: Signature,
    /// Over the cosigned text, at the checkpoint's time in seconds.
    pub cosigner: Signature,
    /// Over the state note.
    pub state: Signature,
}

/// Evidence from outside, by where the operation stands that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct AnchorPlace {
    /// Who submitted it.
    pub merchant: MerchantId,
    /// The block.
    pub height: Height,
    /// The operation's position in the block, over all its transactions.
    pub index: u32,
}
