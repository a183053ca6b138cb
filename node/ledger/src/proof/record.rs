//! A record of state at a checkpoint: a leaf under `state_root`, and the note with that root.

use serde::{Deserialize, Serialize};
use tally_contracts::encoding;
use tally_contracts::types::Hash;
use utoipa::ToSchema;

use super::signed::of_state;
use super::{Hex, NoteText, ProofFault, Vouched};
use crate::note::{Policy, StateNote};
use crate::roots::records::Record;
use crate::roots::state_tree::RecordProof;

/// A record and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordPart {
    /// The canonical bytes of the record.
    pub leaf: Hex,
    /// Its position among all records, from 0.
    pub index: u64,
    /// How many records there are.
    pub size: u64,
    /// The inclusion path, the leaf's sibling first.
    pub path: Vec<Hash>,
    /// The state note with the root.
    pub state: NoteText,
}

impl RecordPart {
    /// A record's proof under a state note.
    #[must_use]
    pub fn new(proof: RecordProof, state: NoteText) -> Self {
        let RecordProof { leaf, index, size, path } = proof;
        Self { leaf: Hex(leaf), index, size, path, state }
    }

    /// The record, and who vouches for the state that it is in.
    pub(super) fn verify(&self, policy: &Policy) -> Result<(Record, Vouched), ProofFault> {
        let (note, signers) = StateNote::open(&self.state.read()?, policy)?;
        let Self { index, size, .. } = *self;
        let proof = RecordProof { leaf: self.leaf.0.clone(), index, size, path: self.path.clone() };
        proof.verify(&note.state.state_root)?;
        let record = encoding::decode(&self.leaf.0).map_err(|_| ProofFault::Unreadable("the record"))?;
        Ok((record, of_state(&note, signers)))
    }
}
