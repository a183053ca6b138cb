//! More than two thirds of the merchants vouch for a checkpoint; and the log of one begins with the log of another.

use serde::{Deserialize, Serialize};
use tally_contracts::types::Hash;
use utoipa::ToSchema;

use super::{NoteText, ProofFault, Vouched};
use crate::log::verify_consistency;
use crate::note::{Checkpoint, Policy, Signer, StateNote};

/// A checkpoint as merchants signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedProof {
    /// The checkpoint of the log.
    pub checkpoint: NoteText,
    /// The note of the state at the same moment.
    pub state: NoteText,
}

/// Two checkpoints, and hashes that join them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrowthProof {
    /// The earlier one.
    pub from: NoteText,
    /// The later one.
    pub to: NoteText,
    /// The consistency proof of RFC 6962 section 2.1.2.
    pub path: Vec<Hash>,
}

impl SignedProof {
    pub(super) fn verify(&self, policy: &Policy) -> Result<Vouched, ProofFault> {
        let (checkpoint, _) = Checkpoint::open(&self.checkpoint.read()?, policy)?;
        let state = open_state(&self.state, policy)?;
        if state.log_size != checkpoint.log.size {
            return Err(ProofFault::Mismatch("checkpoint and state note are of different moments"));
        }
        Ok(state)
    }
}

impl GrowthProof {
    pub(super) fn verify(&self, policy: &Policy) -> Result<(Vouched, Vouched), ProofFault> {
        let (from, from_signers) = Checkpoint::open(&self.from.read()?, policy)?;
        let (to, to_signers) = Checkpoint::open(&self.to.read()?, policy)?;
        verify_consistency(from.log.size, &from.log.root, to.log.size, &to.log.root, &self.path)?;
        Ok((of_log(&from, from_signers), of_log(&to, to_signers)))
    }
}

/// Who vouches for a log.
pub(super) fn of_log(checkpoint: &Checkpoint, signers: Vec<Signer>) -> Vouched {
    Vouched { log_size: checkpoint.log.size, height: None, time_ms: None, signers: names(signers) }
}

/// Who vouches for a state.
pub(super) fn of_state(note: &StateNote, signers: Vec<Signer>) -> Vouched {
    let state = &note.state;
    let (height, time_ms) = (Some(state.height), Some(state.time_ms));
    Vouched { log_size: state.log_size, height, time_ms, signers: names(signers) }
}

fn open_state(note: &NoteText, policy: &Policy) -> Result<Vouched, ProofFault> {
    let (state, signers) = StateNote::open(&note.read()?, policy)?;
    Ok(of_state(&state, signers))
}

fn names(signers: Vec<Signer>) -> Vec<String> {
    signers.into_iter().map(|signer| signer.name).collect()
}
