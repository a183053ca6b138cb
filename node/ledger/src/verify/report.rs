//! What verification found out, and what it did not look at.

use serde::Serialize;
use tally_contracts::governance::Validator;
use tally_contracts::types::{ChainId, Hash, Height};

use super::conservation::ClassSums;
use crate::block::BlockId;
use crate::chain::Head;

/// An archive in which everything is right.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The alliance.
    pub chain_id: ChainId,
    /// Its name.
    pub name: String,
    /// Height of the last block, and number of blocks.
    pub height: Height,
    /// Id of the last block.
    pub block_id: BlockId,
    /// Transactions, each with a valid signature.
    pub transactions: u64,
    /// Operations by what became of them.
    pub operations: OperationCounts,
    /// Validators' signatures that were verified, in each block's own certificate and in its child's `last_commit`.
    pub vote_signatures: u64,
    /// Who validated, from the first block on: one entry for each time that it changed.
    pub epochs: Vec<Epoch>,
    /// Leaves of the transparency log.
    pub leaves: u64,
    /// Its root.
    pub log_root: Hash,
    /// State hash after the last block.
    pub state_hash: Hash,
    /// Settlement cycles closed.
    pub settlements: u64,
    /// What each class's points came to.
    pub classes: Vec<ClassSums>,
    /// What was checked, what was not, and why.
    pub checks: Vec<Check>,
    /// Length of the archive.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Operations verified in a second.
    pub operations_per_second: f64,
}

/// Validators, and from which height on they were the ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Epoch {
    /// The first height.
    pub from_height: Height,
    /// By rising merchant id.
    pub validators: Vec<Validator>,
}

/// Operations by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperationCounts {
    /// Changed state as told.
    pub applied: u64,
    /// Had been executed before.
    pub duplicate: u64,
    /// Refused by a rule.
    pub rejected: u64,
}

impl OperationCounts {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.applied + self.duplicate + self.rejected
    }
}

/// One thing that was checked, or was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it was.
    pub checked: bool,
    /// How, or why not.
    pub detail: String,
}

impl Check {
    /// The checks of an archive that ends with `head`.
    pub(super) fn list(head: &Head) -> Vec<Self> {
        let done = |name, detail: &str| Self { name, checked: true, detail: detail.to_owned() };
        let open = |name, detail: String| Self { name, checked: false, detail };
        vec![
            done("genesis", "the archive's genesis is the one given, byte by byte"),
            done("hash chain", "every block names the id of the one before, back to the chain id"),
            done(
                "certificates",
                "more than two thirds of the validators of each height signed its block; who they are follows from the blocks \
                 before",
            ),
            done("signatures", "every transaction, by ZIP-215"),
            done("roots", "transactions root of every block; log root and size after every block"),
            done("re-execution", "every operation; receipts, due work and state hashes follow from the transactions"),
            done(
                "conservation",
                "points of every class, counters, settlement cycles and positions add up over all of state",
            ),
            open(
                "outcome of the last block",
                format!(
                    "no header after block {} carries it yet: log root and state hash after it are attested only by \
                     re-execution",
                    head.height
                ),
            ),
            open(
                "completeness",
                format!(
                    "whether the chain goes on after block {}: compare with a node or another archive",
                    head.height
                ),
            ),
            open(
                "authors",
                "that the keys in the genesis are the merchants': compare the chain id with theirs".to_owned(),
            ),
        ]
    }
}
