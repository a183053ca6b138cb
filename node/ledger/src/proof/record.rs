//! A record of state at a checkpoint: a leaf under `state_root`, and the note with that root.

use serde::{Deserialize, Serialize};
use tally_contracts::encoding;
use tally_contracts::points::Lot;
use tally_contracts::settlement::{Leg, PairNet, Statement};
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Month};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::signed::of_state;
use super::{Hex, NoteText, ProofFault, Vouched};
use crate::note::{Policy, StateNote};
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

/// A record of state, as its leaf has it ([`Record`](crate::roots::records::Record) borrows, this owns).
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StateRecord {
    /// What a member holds of a class.
    #[wincode(tag = 1)]
    Holding {
        /// Who.
        address: Address,
        /// Of which class.
        class: ClassId,
        /// The block of its latest movement.
        height: Height,
        /// That movement's position among the block's.
        index: u32,
        /// Lots by rising expiry.
        lots: Vec<Lot>,
        /// Chains all movements of the holding.
        statement_hash: Hash,
    },
    /// A closed cycle.
    #[wincode(tag = 2)]
    Statement {
        /// Which.
        cycle: Month,
        /// What came of it.
        statement: Statement,
    },
    /// A payment of a closed cycle.
    #[wincode(tag = 3)]
    Leg {
        /// Which cycle.
        cycle: Month,
        /// Its number, from 0.
        number: u16,
        /// The payment.
        leg: Leg,
    },
    /// How a pair of merchants came out of a closed cycle.
    #[wincode(tag = 4)]
    Pair {
        /// Which cycle.
        cycle: Month,
        /// The merchant with the lower id.
        low: MerchantId,
        /// The other.
        high: MerchantId,
        /// The net and what made it.
        pair: PairNet,
    },
}

impl RecordPart {
    /// A record's proof under a state note.
    #[must_use]
    pub fn new(proof: RecordProof, state: NoteText) -> Self {
        let RecordProof { leaf, index, size, path } = proof;
        Self { leaf: Hex(leaf), index, size, path, state }
    }

    /// The record, and who vouches for the state that it is in.
    pub(super) fn verify(&self, policy: &Policy) -> Result<(StateRecord, Vouched), ProofFault> {
        let (note, signers) = StateNote::open(&self.state.read()?, policy)?;
        let Self { index, size, .. } = *self;
        let proof = RecordProof { leaf: self.leaf.0.clone(), index, size, path: self.path.clone() };
        proof.verify(&note.state.state_root)?;
        let record = encoding::decode(&self.leaf.0).map_err(|_| ProofFault::Unreadable("the record"))?;
        Ok((record, of_state(&note, signers)))
    }
}
