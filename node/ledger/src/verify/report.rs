//! What verification found out, and what it did not look at.

use std::fmt;

use serde::Serialize;
use tally_contracts::governance::Validator;
use tally_contracts::types::{ChainId, Hash, Height, MerchantId};
use wincode::{SchemaRead, SchemaWrite};

use super::anchors::Anchors;
use super::checkpoints::Checkpoints;
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
    /// Validators' signatures that were judged, each verified once, in each block's own certificate and in its child's `last_commit`.
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
    /// What became of the checkpoints.
    pub checkpoints: Checkpoints,
    /// What became of the anchors.
    pub anchors: Anchors,
    /// What somebody put on record that is not so, though the chain itself is right.
    pub findings: Vec<Finding>,
    /// What was checked, what was not, and why.
    pub checks: Vec<Check>,
    /// The block up to which an earlier run verified and this one did not again.
    pub resumed_from: Option<Height>,
    /// Threads that judged signatures and worked out roots.
    pub threads: usize,
    /// Length of the archive.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Operations verified in a second, of those that this run executed.
    pub operations_per_second: f64,
}

/// Something on record that is not so, and who put it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The checkpoint that it is about.
    pub height: Height,
    /// Who signed or submitted it.
    pub merchant: MerchantId,
    /// What is wrong, as a sentence.
    pub reason: String,
}

/// The kinds of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A merchant attested other roots than those of the state, or than the others.
    OtherRoots,
    /// Evidence from outside that is over something else, altered, or too early.
    FalseAnchor,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, height, merchant, reason } = self;
        match kind {
            FindingKind::OtherRoots => write!(f, "checkpoint {height}, merchant {merchant}: other roots: {reason}"),
            FindingKind::FalseAnchor => write!(f, "checkpoint {height}, merchant {merchant}: false anchor, {reason}"),
        }
    }
}

/// Validators, and from which height on they were the ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, SchemaWrite, SchemaRead)]
pub struct Epoch {
    /// The first height.
    pub from_height: Height,
    /// By rising merchant id.
    pub validators: Vec<Validator>,
}

/// Operations by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, SchemaWrite, SchemaRead)]
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
    fn done(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, checked: true, detail: detail.into() }
    }

    fn open(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, checked: false, detail: detail.into() }
    }

    /// The checks of an archive that ends with `head`.
    pub(super) fn list(
        head: &Head,
        resumed_from: Option<Height>,
        checkpoints: &Checkpoints,
        anchors: &Anchors,
    ) -> Vec<Self> {
        let mut checks = Self::of_chain();
        checks.extend(Self::of_checkpoints(checkpoints));
        checks.extend(Self::of_anchors(anchors));
        if let Some(height) = resumed_from {
            let detail = format!(
                "an earlier run verified up to block {height}; of these blocks only the check sums were looked at, and \
                 that the last is the same"
            );
            checks.push(Self::open("blocks before", detail));
        }
        checks.extend(Self::never(head));
        checks
    }

    fn of_chain() -> Vec<Self> {
        vec![
            Self::done("genesis", "the archive's genesis is the one given, byte by byte"),
            Self::done("hash chain", "every block names the id of the one before, back to the chain id"),
            Self::done(
                "certificates",
                "more than two thirds of the validators of each height signed its block; who they are follows from the \
                 blocks before",
            ),
            Self::done("signatures", "every transaction, by ZIP-215"),
            Self::done("log root", "transactions root of every block; log root and size after every block"),
            Self::done(
                "re-execution",
                "every operation; receipts, due work and state hashes follow from the transactions",
            ),
            Self::done(
                "conservation",
                "points of every class, counters, settlement cycles and positions add up over all of state",
            ),
            Self::done("cosignatures", "three of each attestation on record, by the cosigner keys of its height"),
        ]
    }

    fn of_checkpoints(checkpoints: &Checkpoints) -> Vec<Self> {
        let Checkpoints { count, finals, worked_out, compared, .. } = checkpoints;
        let mut checks = Vec::new();
        if *worked_out > 0 {
            let detail =
                format!("of {worked_out} of {count} checkpoints ({finals} final), out of the re-executed state");
            checks.push(Self::done("state roots", detail));
        }
        if *compared > 0 {
            let detail = format!(
                "of {compared} checkpoints the attested roots were compared among the merchants alone; `--roots all` works \
                 out each"
            );
            checks.push(Self::open("other state roots", detail));
        }
        if checks.is_empty() {
            checks.push(Self::open("state roots", format!("nobody attested any of the {count} checkpoints")));
        }
        checks
    }

    fn of_anchors(anchors: &Anchors) -> Vec<Self> {
        let Anchors { count, believed, untrusted, refuted, .. } = anchors;
        let mut checks = Vec::new();
        if believed + refuted > 0 {
            let detail = format!("{believed} of {count} are by operators that are trusted, {refuted} are false");
            checks.push(Self::done("anchors", detail));
        }
        if *untrusted > 0 {
            let detail =
                format!("{untrusted} of {count} are by operators that are not trusted here: name them with `--trust`");
            checks.push(Self::open("other anchors", detail));
        }
        if *count == 0 {
            checks.push(Self::open("anchors", "there are none in these blocks"));
        }
        checks
    }

    /// What no archive can show.
    fn never(head: &Head) -> [Self; 3] {
        let height = head.height;
        [
            Self::open(
                "outcome of the last block",
                format!(
                    "no header after block {height} carries it yet: log root and state hash after it are attested only by \
                     re-execution"
                ),
            ),
            Self::open(
                "completeness",
                format!("whether the chain goes on after block {height}: compare with a node or another archive"),
            ),
            Self::open("authors", "that the keys in the genesis are the merchants': compare the chain id with theirs"),
        ]
    }
}
