//! Anchors: evidence from outside that merchants brought in, judged by whom the auditor believes.
//!
//! The contracts put evidence on record without judging it (ADR 0012). Here each is held against the text of the
//! checkpoint that it claims to be of. What can be told without trust in anybody is told in any case: a time stamp over
//! something else is a false one whoever made it.

use serde::Serialize;
use tally_contracts::checkpoint::{Anchor, Checkpoint, Evidence, TreeHead, checkpoint_text};
use tally_contracts::types::{ChainId, Height, MerchantId};

use super::checkpoints::MAX_LISTED;
use super::report::{Finding, FindingKind};
use crate::anchor::timestamp::TimeStampError;
use crate::anchor::witness::{cosignature, witness_key};
use crate::anchor::{AnchorError, Anchored, Trust, judge};

/// How far the clocks of an operator and of the validators may lie apart before evidence that is older than its
/// checkpoint is called out, in ms.
pub const MAX_CLOCK_GAP_MS: u64 = 60_000;

/// What became of the anchors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Anchors {
    /// On record, in the blocks that were executed.
    pub count: u64,
    /// Of operators that the auditor believes, and right.
    pub believed: u64,
    /// Of others: nothing is said of them.
    pub untrusted: u64,
    /// That prove nothing, or something else than they claim.
    pub refuted: u64,
    /// The first of them, by the block that brought them; at most [`MAX_LISTED`].
    pub listed: Vec<AnchorRow>,
}

/// One anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnchorRow {
    /// The checkpoint's block.
    pub checkpoint: Height,
    /// The block that brought it.
    pub height: Height,
    /// Who brought it.
    pub merchant: MerchantId,
    /// What it is.
    pub kind: AnchorKind,
    /// What it came to.
    pub verdict: AnchorVerdict,
    /// Who vouches; none where that is not known.
    pub operator: Option<String>,
    /// When the checkpoint existed at the latest, in ms since 1970 by the operator's clock.
    pub time_ms: Option<u64>,
    /// Why it is not believed.
    pub reason: Option<String>,
}

/// The kinds of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// RFC 3161.
    TimeStamp,
    /// C2SP.
    Witness,
}

/// What evidence came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorVerdict {
    /// It is of this checkpoint, by someone who is trusted.
    Believed,
    /// Not judged: by nobody who is trusted.
    Untrusted,
    /// It is of something else, altered, or earlier than what it is said to be of.
    Refuted,
}

impl Anchors {
    /// Judges one more, and gives what is to be reported of it.
    pub fn take_up(
        &mut self,
        (height, merchant): (Height, MerchantId),
        anchor: &Anchor,
        checkpoint: &Checkpoint,
        (chain_id, trust): (&ChainId, &Trust),
    ) -> Option<Finding> {
        let log = TreeHead { size: checkpoint.log_size, root: checkpoint.log_root };
        let row = AnchorRow {
            checkpoint: anchor.checkpoint,
            height,
            merchant,
            kind: match &anchor.evidence {
                Evidence::TimeStamp { .. } => AnchorKind::TimeStamp,
                Evidence::Witness { .. } => AnchorKind::Witness,
            },
            verdict: AnchorVerdict::Believed,
            operator: None,
            time_ms: None,
            reason: None,
        };
        let row = judged(row, &anchor.evidence, &checkpoint_text(chain_id, &log), checkpoint.time_ms, trust);
        self.count += 1;
        match row.verdict {
            AnchorVerdict::Believed => self.believed += 1,
            AnchorVerdict::Untrusted => self.untrusted += 1,
            AnchorVerdict::Refuted => self.refuted += 1,
        }
        let finding = (row.verdict == AnchorVerdict::Refuted).then(|| Finding {
            kind: FindingKind::FalseAnchor,
            height: row.checkpoint,
            merchant,
            reason: format!("brought in by block {height}: {}", row.reason.as_deref().unwrap_or_default()),
        });
        if self.listed.len() < MAX_LISTED {
            self.listed.push(row);
        }
        finding
    }
}

/// The row with its verdict.
fn judged(row: AnchorRow, evidence: &Evidence, text: &str, checkpoint_ms: u64, trust: &Trust) -> AnchorRow {
    match judge(evidence, text, trust) {
        Ok(Anchored { operator, time_ms }) => {
            let is_early = time_ms.saturating_add(MAX_CLOCK_GAP_MS) < checkpoint_ms;
            let reason = is_early.then(|| {
                format!(
                    "{operator} vouches for {time_ms} ms since 1970, the checkpoint's block says {checkpoint_ms} ms"
                )
            });
            let verdict = if is_early { AnchorVerdict::Refuted } else { AnchorVerdict::Believed };
            AnchorRow { verdict, operator: Some(operator), time_ms: Some(time_ms), reason, ..row }
        }
        Err(error) => {
            let refutes = refutation(&error, evidence, text);
            let verdict = if refutes.is_some() { AnchorVerdict::Refuted } else { AnchorVerdict::Untrusted };
            let operator = match evidence {
                Evidence::Witness { key, .. } => witness_key(key).ok().map(|key| key.name().to_owned()),
                Evidence::TimeStamp { .. } => None,
            };
            AnchorRow { verdict, operator, reason: Some(refutes.unwrap_or_else(|| error.to_string())), ..row }
        }
    }
}

/// What is wrong with evidence whomever one trusts; none where it is merely by nobody who is trusted, or made in a way
/// that is not judged here.
fn refutation(error: &AnchorError, evidence: &Evidence, text: &str) -> Option<String> {
    match (error, evidence) {
        (AnchorError::UntrustedWitness(_), Evidence::Witness { key, line }) => {
            let key = witness_key(key).ok()?;
            cosignature(line, text, &key).err().map(|error| AnchorError::Witness(error).to_string())
        }
        (
            AnchorError::TimeStamp(
                TimeStampError::Chain(_)
                | TimeStampError::SignerUnknown
                | TimeStampError::Algorithm(_)
                | TimeStampError::Extension(_)
                | TimeStampError::Usage,
            ),
            _,
        ) => None,
        _ => Some(error.to_string()),
    }
}
