//! A checkpoint existed before a time, by evidence from outside the alliance.

use serde::{Deserialize, Serialize};
use tally_contracts::checkpoint::Evidence;
use utoipa::ToSchema;

use super::{NoteText, ProofFault};
use crate::anchor::{self, Anchored, Trust};
use crate::note::{Checkpoint, Policy};

/// The checkpoint, and the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnchoredProof {
    /// The checkpoint of the log. The evidence is about its text, whoever signed it.
    pub checkpoint: NoteText,
    /// A time stamp, or a witness's cosignature.
    pub evidence: Evidence,
}

impl AnchoredProof {
    /// Leaves of the log that existed, and who says when.
    pub(super) fn verify(&self, policy: &Policy, trust: &Trust) -> Result<(u64, Anchored), ProofFault> {
        let note = self.checkpoint.read()?;
        let (checkpoint, _) = Checkpoint::open(&note, policy)?;
        Ok((checkpoint.log.size, anchor::judge(&self.evidence, note.text(), trust)?))
    }
}
