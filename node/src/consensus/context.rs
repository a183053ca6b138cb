//! What the engine is to know of us: addresses, heights, values, votes, proposals and their parts.
//!
//! The engine is generic over a "context"; this is ours. Each type here wraps a type of the ledger and adds nothing to it:
//! an address is a merchant, a value is a block id, every validator has one vote, and the proposer is the ledger's choice,
//! so that all nodes and auditors agree about it. None of these types leaves the module.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use malachitebft_core_types::{self as engine, NilOrVal, Round, SignedExtension, VoteType, VotingPower};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::governance;
use tally_contracts::types::{Height, MerchantId};
use tally_ledger::block::BlockId;

/// The address of a validator: its merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address(pub MerchantId);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl engine::Address for Address {}

/// A height, as the engine counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EngineHeight(pub Height);

impl fmt::Display for EngineHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl engine::Height for EngineHeight {
    const ZERO: Self = Self(Height(0));
    const INITIAL: Self = Self(Height(1));

    fn increment_by(&self, n: u64) -> Self {
        Self(Height(self.0.0 + n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.0.checked_sub(n).map(|height| Self(Height(height)))
    }

    fn as_u64(&self) -> u64 {
        self.0.0
    }
}

/// What is voted on: the id of a block, whose bytes travel as parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Value(pub BlockId);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl engine::Value for Value {
    type Id = Self;

    fn id(&self) -> Self {
        *self
    }
}

/// Ed25519 as the ledger judges it (ZIP-215).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ed25519;

impl engine::SigningScheme for Ed25519 {
    type DecodingError = &'static str;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ed25519_dalek::SigningKey;

    fn decode_signature(bytes: &[u8]) -> Result<Signature, Self::DecodingError> {
        bytes.try_into().map(Signature).map_err(|_| "a signature has 64 bytes")
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, Self::DecodingError> {
        bytes.try_into().map(PublicKey).map_err(|_| "a public key has 32 bytes")
    }

    fn encode_public_key(public_key: &PublicKey) -> Vec<u8> {
        public_key.0.to_vec()
    }
}

/// A vote. What of it is signed is the ledger's [`vote_bytes`](tally_ledger::certificate::vote_bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vote {
    pub kind: VoteType,
    pub height: EngineHeight,
    pub round: Round,
    pub value: NilOrVal<Value>,
    pub address: Address,
}

impl engine::Vote<Context> for Vote {
    fn height(&self) -> EngineHeight {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<Value> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<Value> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }

    fn extension(&self) -> Option<&SignedExtension<Context>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Context>> {
        None
    }

    fn extend(self, _extension: SignedExtension<Context>) -> Self {
        self
    }
}

/// A proposal: the proposer of a round names a block, and the earlier round in which it saw it prevoted, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub height: EngineHeight,
    pub round: Round,
    pub value: Value,
    pub pol_round: Round,
    pub address: Address,
}

impl engine::Proposal<Context> for Proposal {
    fn height(&self) -> EngineHeight {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }
}

/// One piece of a proposed block. Every part says what it is part of and is signed for itself, so that not one byte of a
/// stranger's is ever kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub of: PartOf,
    /// Position of the part, from 0 on.
    pub index: u32,
    pub data: Bytes,
    /// By the proposer of the round, over [`super::signing::part_bytes`].
    pub signature: Signature,
}

/// What a part is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartOf {
    pub height: Height,
    pub round: u32,
    /// The round in which the block was prevoted before, if it is proposed again.
    pub pol_round: Option<u32>,
    /// The proposer of `round`, who need not be the block's own.
    pub proposer: MerchantId,
    pub block_id: BlockId,
    /// Length of the whole block.
    pub total_bytes: u32,
}

impl engine::ProposalPart<Context> for Part {
    fn is_first(&self) -> bool {
        self.index == 0
    }

    fn is_last(&self) -> bool {
        self.index + 1 == super::streams::part_count(self.of.total_bytes)
    }
}

/// A validator with its one vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validator {
    pub address: Address,
    pub public_key: PublicKey,
}

impl engine::Validator<Context> for Validator {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn voting_power(&self) -> VotingPower {
        1
    }
}

/// The validators of a height; cheap to clone, since the engine clones it per message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValidatorSet(Arc<Members>);

#[derive(Debug, PartialEq, Eq)]
struct Members {
    set: governance::ValidatorSet,
    list: Vec<Validator>,
}

impl ValidatorSet {
    pub fn new(set: &governance::ValidatorSet) -> Self {
        let member = |v: &governance::Validator| Validator { address: Address(v.merchant), public_key: v.public_key };
        Self(Arc::new(Members { set: set.clone(), list: set.validators().iter().map(member).collect() }))
    }
}

impl engine::ValidatorSet<Context> for ValidatorSet {
    fn count(&self) -> usize {
        self.0.list.len()
    }

    fn total_voting_power(&self) -> VotingPower {
        self.0.list.len() as VotingPower
    }

    fn get_by_address(&self, address: &Address) -> Option<&Validator> {
        self.0.list.iter().find(|v| v.address == *address)
    }

    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.0.list.get(index)
    }
}

/// The engine's window on Tally.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context;

impl engine::Context for Context {
    type Address = Address;
    type Height = EngineHeight;
    type ProposalPart = Part;
    type Proposal = Proposal;
    type Validator = Validator;
    type ValidatorSet = ValidatorSet;
    type Timeouts = engine::LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = NoExtension;
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, set: &'a ValidatorSet, height: EngineHeight, round: Round) -> &'a Validator {
        let round = round.as_u32().expect("the engine asks for the proposer of a round that is");
        let chosen = Address(set.0.set.proposer(height.0, round).merchant);
        set.0.list.iter().find(|v| v.address == chosen).expect("the proposer is one of the set it was chosen from")
    }

    fn new_proposal(
        &self,
        height: EngineHeight,
        round: Round,
        value: Value,
        pol_round: Round,
        address: Address,
    ) -> Proposal {
        Proposal { height, round, value, pol_round, address }
    }

    fn new_prevote(&self, height: EngineHeight, round: Round, value: NilOrVal<Value>, address: Address) -> Vote {
        Vote { kind: VoteType::Prevote, height, round, value, address }
    }

    fn new_precommit(&self, height: EngineHeight, round: Round, value: NilOrVal<Value>, address: Address) -> Vote {
        Vote { kind: VoteType::Precommit, height, round, value, address }
    }
}

/// Votes carry nothing besides the vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoExtension {}

impl engine::Extension for NoExtension {
    fn size_bytes(&self) -> usize {
        match *self {}
    }
}
