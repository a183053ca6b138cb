//! What a holder has of a class at a checkpoint, by a storage proof of EIP-1186; also that it has nothing.

use alloy_primitives::{Bytes, U256};
use serde::{Deserialize, Serialize};
use tally_contracts::types::{Address, ClassId, Points};
use utoipa::ToSchema;

use super::signed::of_state;
use super::{Hex, NoteText, ProofFault, Vouched};
use crate::note::{Policy, StateNote};
use crate::roots::erc1155::balance_slot;
use crate::roots::trie::StorageProof;

/// The storage proof, and the note with its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BalanceProof {
    /// Whose.
    pub holder: Address,
    /// Of which class.
    pub class: ClassId,
    /// Live points, in minor units; 0 for a slot that is not there.
    pub points: Points,
    /// The storage slot: `keccak(pad32(holder) ‖ keccak(pad32(class) ‖ pad32(0)))`.
    pub slot: Hex,
    /// Nodes of the trie from the root on, in RLP.
    pub nodes: Vec<Hex>,
    /// The state note with the root.
    pub state: NoteText,
}

/// A balance that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvedBalance {
    /// Whose.
    pub holder: Address,
    /// Of which class.
    pub class: ClassId,
    /// Live points, in minor units.
    pub points: Points,
    /// Who vouches.
    pub vouched: Vouched,
}

impl BalanceProof {
    /// The proof of a balance under a state note.
    #[must_use]
    pub fn new(holder: Address, class: ClassId, proof: StorageProof, state: NoteText) -> Self {
        // A balance is made of 64 bits.
        let points = Points(proof.value.to());
        let nodes = proof.nodes.into_iter().map(|node| Hex(node.to_vec())).collect();
        Self { holder, class, points, slot: Hex(proof.slot.to_vec()), nodes, state }
    }

    pub(super) fn verify(&self, policy: &Policy) -> Result<ProvedBalance, ProofFault> {
        let Self { holder, class, points, .. } = *self;
        let (note, signers) = StateNote::open(&self.state.read()?, policy)?;
        let slot = balance_slot(&holder, class);
        if self.slot.0 != slot {
            return Err(ProofFault::Mismatch("the slot is not that of the holder and the class"));
        }
        let nodes = self.nodes.iter().map(|node| Bytes::copy_from_slice(&node.0)).collect();
        StorageProof { slot, value: U256::from(points.0), nodes }.verify(&note.state.erc1155_root)?;
        Ok(ProvedBalance { holder, class, points, vouched: of_state(&note, signers) })
    }
}
