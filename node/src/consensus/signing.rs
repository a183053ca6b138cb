//! Signatures of consensus: what is signed, by whom, and how it is judged.
//!
//! Votes sign exactly the ledger's [`vote_bytes`], which an auditor rebuilds. Everything else that validators sign lives
//! only on the wire, each thing under a domain of its own; integers are little-endian, a round that may be absent is
//! `1 ‖ u32` or five zero bytes:
//!
//! | thing | bytes |
//! |---|---|
//! | proposal | `tally/proposal/v1\0` ‖ chain id 32 ‖ height u64 ‖ round u32 ‖ pol round 5 ‖ block id 32 ‖ merchant u16 |
//! | part | `tally/proposal-part/v1\0` ‖ chain id 32 ‖ height u64 ‖ round u32 ‖ pol round 5 ‖ block id 32 ‖ merchant u16 ‖ total u32 ‖ index u32 ‖ SHA-256 of the data 32 |
//! | validator proof | `tally/validator-proof/v1\0` ‖ chain id 32 ‖ the engine's preimage over key and peer id |
//!
//! **Invariant**: validity is [`PublicKey::verify`] (ZIP-215), the same on every path of every node.

use std::sync::Arc;

use async_trait::async_trait;
use malachitebft_core_types::{NilOrVal, Round, SignedMessage, ValidatorProof, VoteExtensionScope, VoteType};
use malachitebft_signing::{Error, VerificationResult};
use sha2::{Digest, Sha256};
use tally_contracts::crypto::{self, PublicKey, Signature};
use tally_contracts::encoding::Domain;
use tally_contracts::types::ChainId;
use tally_ledger::certificate::{VerifiedVotes, VoteKind, vote_bytes};
use tally_ledger::chain::Chain;

use super::context::{Context, NoExtension, Part, PartOf, Proposal, Vote};

const PROPOSAL: Domain = Domain::new("tally/proposal/v1\0");
const PART: Domain = Domain::new("tally/proposal-part/v1\0");
const VALIDATOR_PROOF: Domain = Domain::new("tally/validator-proof/v1\0");

/// Signs as one validator of one alliance.
#[derive(Clone)]
pub(super) struct Signer {
    pub chain_id: ChainId,
    pub key: ed25519_dalek::SigningKey,
}

impl Signer {
    /// A signed part of a block that this validator proposes.
    pub fn part(&self, of: PartOf, index: u32, data: bytes::Bytes) -> Part {
        let signature = crypto::sign(&self.key, &part_bytes(&self.chain_id, &of, index, &data));
        Part { of, index, data, signature }
    }

    /// The proof that this validator runs the peer `peer_id`.
    pub fn validator_proof(&self, peer_id: Vec<u8>) -> ValidatorProof<Context> {
        let public_key = PublicKey::of(&self.key).0.to_vec();
        let signature = crypto::sign(&self.key, &proof_bytes(&self.chain_id, &public_key, &peer_id));
        ValidatorProof::new(public_key, peer_id, signature)
    }
}

#[async_trait]
impl malachitebft_signing::Signer<Context> for Signer {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<Context, Vote>, Error> {
        let bytes = bytes_of_vote(&self.chain_id, &vote).ok_or_else(Error::new)?;
        let signature = crypto::sign(&self.key, &bytes);
        Ok(SignedMessage::new(vote, signature))
    }

    async fn sign_proposal(&self, proposal: Proposal) -> Result<SignedMessage<Context, Proposal>, Error> {
        let bytes = bytes_of_proposal(&self.chain_id, &proposal).ok_or_else(Error::new)?;
        let signature = crypto::sign(&self.key, &bytes);
        Ok(SignedMessage::new(proposal, signature))
    }

    async fn sign_vote_extension(
        &self,
        _scope: VoteExtensionScope<Context>,
        extension: NoExtension,
    ) -> Result<SignedMessage<Context, NoExtension>, Error> {
        match extension {}
    }

    async fn sign_validator_proof(
        &self,
        _public_key: Vec<u8>,
        peer_id: Vec<u8>,
    ) -> Result<ValidatorProof<Context>, Error> {
        Ok(self.validator_proof(peer_id))
    }
}

/// Judges signatures for one alliance.
#[derive(Clone, Debug, Default)]
pub(super) struct Verifier {
    pub chain_id: ChainId,
    /// Votes that come again in certificates.
    pub votes: Arc<VerifiedVotes>,
}

impl Verifier {
    /// The judge of an alliance, which remembers votes with its chain.
    pub fn of(chain: &Chain) -> Self {
        Self { chain_id: *chain.chain_id(), votes: chain.votes().clone() }
    }

    /// Whether `key` signed the part.
    pub fn is_part_signed(&self, part: &Part, key: &PublicKey) -> bool {
        let bytes = part_bytes(&self.chain_id, &part.of, part.index, &part.data);
        key.verify(&bytes, &part.signature).is_ok()
    }
}

#[async_trait]
impl malachitebft_signing::Verifier<Context> for Verifier {
    async fn verify_signed_vote(
        &self,
        vote: &Vote,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        let is_signed = |bytes: Vec<u8>| self.votes.verify(key, &bytes, signature).is_ok();
        Ok(VerificationResult::from_bool(bytes_of_vote(&self.chain_id, vote).is_some_and(is_signed)))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(verdict(key, bytes_of_proposal(&self.chain_id, proposal), signature))
    }

    async fn verify_signed_vote_extension(
        &self,
        _scope: &VoteExtensionScope<Context>,
        extension: &NoExtension,
        _signature: &Signature,
        _key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        match *extension {}
    }

    async fn verify_validator_proof(&self, proof: &ValidatorProof<Context>) -> Result<VerificationResult, Error> {
        let Ok(key) = proof.decoded_public_key() else { return Ok(VerificationResult::Invalid) };
        let bytes = proof_bytes(&self.chain_id, &proof.public_key, &proof.peer_id);
        Ok(verdict(&key, Some(bytes), &proof.signature))
    }
}

fn verdict(key: &PublicKey, bytes: Option<Vec<u8>>, signature: &Signature) -> VerificationResult {
    let is_signed = bytes.is_some_and(|bytes| key.verify(&bytes, signature).is_ok());
    VerificationResult::from_bool(is_signed)
}

/// `None` for a vote of no round, which nobody may cast.
fn bytes_of_vote(chain_id: &ChainId, vote: &Vote) -> Option<Vec<u8>> {
    let kind = match vote.kind {
        VoteType::Prevote => VoteKind::Prevote,
        VoteType::Precommit => VoteKind::Precommit,
    };
    let block_id = match &vote.value {
        NilOrVal::Nil => None,
        NilOrVal::Val(value) => Some(&value.0),
    };
    let round = vote.round.as_u32()?;
    Some(vote_bytes(chain_id, kind, vote.height.0, round, block_id, vote.address.0))
}

/// `None` for a proposal of no round, which nobody may make.
fn bytes_of_proposal(chain_id: &ChainId, proposal: &Proposal) -> Option<Vec<u8>> {
    let Proposal { height, round, value, pol_round, address } = proposal;
    let mut bytes = PROPOSAL.bytes().to_vec();
    bytes.extend_from_slice(&chain_id.0);
    bytes.extend_from_slice(&height.0.0.to_le_bytes());
    bytes.extend_from_slice(&round.as_u32()?.to_le_bytes());
    bytes.extend_from_slice(&optional_round(pol_round.as_u32()));
    bytes.extend_from_slice(&value.0.0);
    bytes.extend_from_slice(&address.0.0.to_le_bytes());
    Some(bytes)
}

/// What the proposer signs of each part.
pub(super) fn part_bytes(chain_id: &ChainId, of: &PartOf, index: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = PART.bytes().to_vec();
    bytes.extend_from_slice(&chain_id.0);
    bytes.extend_from_slice(&of.height.0.to_le_bytes());
    bytes.extend_from_slice(&of.round.to_le_bytes());
    bytes.extend_from_slice(&optional_round(of.pol_round));
    bytes.extend_from_slice(&of.block_id.0);
    bytes.extend_from_slice(&of.proposer.0.to_le_bytes());
    bytes.extend_from_slice(&of.total_bytes.to_le_bytes());
    bytes.extend_from_slice(&index.to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(data));
    bytes
}

fn proof_bytes(chain_id: &ChainId, public_key: &[u8], peer_id: &[u8]) -> Vec<u8> {
    let mut bytes = VALIDATOR_PROOF.bytes().to_vec();
    bytes.extend_from_slice(&chain_id.0);
    bytes.extend_from_slice(&ValidatorProof::<Context>::signing_bytes(public_key, peer_id));
    bytes
}

fn optional_round(round: Option<u32>) -> [u8; 5] {
    let mut bytes = [0; 5];
    if let Some(round) = round {
        bytes[0] = 1;
        bytes[1..].copy_from_slice(&round.to_le_bytes());
    }
    bytes
}

/// A round as the engine has it: the absent round is its nil.
pub(super) fn engine_round(round: Option<u32>) -> Round {
    round.map_or(Round::Nil, Round::new)
}
