//! Validators' votes, and the certificate that commits a block.
//!
//! The signed bytes of a vote are fixed and few, so that an auditor rebuilds them with any Ed25519 library:
//! `"tally/vote/v1\0" ‖ chain id 32 ‖ type u8 (1 prevote, 2 precommit) ‖ height u64 ‖ round u32 ‖ 1 ‖ block id 32` (for nil:
//! `0` and 32 zero bytes) `‖ merchant u16`, integers little-endian.

use std::collections::HashSet;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use tally_contracts::crypto::{PublicKey, Signature, SignatureError};
use tally_contracts::encoding::{self, Domain};
use tally_contracts::genesis::MAX_MERCHANTS;
use tally_contracts::governance::ValidatorSet;
use tally_contracts::types::{ChainId, Hash, Height, MerchantId};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::block::BlockId;

const VOTE: Domain = Domain::new("tally/vote/v1\0");
const COMMIT: Domain = Domain::new("tally/commit/v1\0");
/// Only for [`VerifiedVotes`]: no record holds such a hash.
const VERIFIED: Domain = Domain::new("tally/verified-vote/v1\0");

/// Votes that [`VerifiedVotes`] remembers at least: those of two blocks of the largest alliance.
const REMEMBERED_VOTES: usize = 4_096;
const _: () = assert!(REMEMBERED_VOTES >= 4 * MAX_MERCHANTS);

/// The two kinds of vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteKind {
    /// First step.
    Prevote,
    /// Second step; more than two thirds of these commit a block.
    Precommit,
}

/// The bytes a validator signs to vote; `None` is a vote for no block.
#[must_use]
pub fn vote_bytes(
    chain_id: &ChainId,
    kind: VoteKind,
    height: Height,
    round: u32,
    block_id: Option<&BlockId>,
    merchant: MerchantId,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(94);
    bytes.extend_from_slice(VOTE.bytes());
    bytes.extend_from_slice(&chain_id.0);
    bytes.push(match kind {
        VoteKind::Prevote => 1,
        VoteKind::Precommit => 2,
    });
    bytes.extend_from_slice(&height.0.to_le_bytes());
    bytes.extend_from_slice(&round.to_le_bytes());
    bytes.push(u8::from(block_id.is_some()));
    bytes.extend_from_slice(&block_id.copied().unwrap_or(Hash::ZERO).0);
    bytes.extend_from_slice(&merchant.0.to_le_bytes());
    bytes
}

/// Votes whose signature was found to be valid, so that each is verified once: a vote comes by itself, in the certificate
/// that it helps to make, and with that in the next block. Of the others nothing is remembered.
#[derive(Debug, Default)]
pub struct VerifiedVotes {
    /// The latest, and those before them, which are dropped once the latest are so many.
    votes: Mutex<[HashSet<Hash>; 2]>,
}

impl VerifiedVotes {
    /// Verifies a signature over [`vote_bytes`], unless it was before.
    ///
    /// # Errors
    /// [`SignatureError`].
    ///
    /// # Panics
    /// Never: nobody panics while holding the lock.
    pub fn verify(&self, key: &PublicKey, vote: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let id = VERIFIED.hash(&[&key.0, &signature.0, vote]);
        let votes = || self.votes.lock().expect("no holder of the lock panics");
        if votes().iter().any(|verified| verified.contains(&id)) {
            return Ok(());
        }
        key.verify(vote, signature)?;
        let [latest, before] = &mut *votes();
        if latest.len() == REMEMBERED_VOTES {
            *before = std::mem::take(latest);
        }
        latest.insert(id);
        Ok(())
    }
}

/// One validator's precommit in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct CommitSignature {
    /// Who voted.
    pub merchant: MerchantId,
    /// Over [`vote_bytes`] of a precommit.
    pub signature: Signature,
}

/// Proof that more than two thirds of the validators committed a block.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct CommitCertificate {
    /// The committed height.
    pub height: Height,
    /// The round it was decided in.
    pub round: u32,
    /// The committed block.
    pub block_id: BlockId,
    /// By rising merchant id, each once.
    pub signatures: Vec<CommitSignature>,
}

/// A certificate that does not commit its block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// For another height or block.
    #[error("the certificate is for block {block_id} of height {height}")]
    Subject {
        /// The height it names.
        height: Height,
        /// The block it names.
        block_id: BlockId,
    },
    /// Not by rising merchant id, each once.
    #[error("signature {0} is out of order")]
    Order(usize),
    /// By no validator of the height.
    #[error("signature {index} is by merchant {merchant}, no validator of this height")]
    Stranger {
        /// Its position.
        index: usize,
        /// Who it claims to be by.
        merchant: MerchantId,
    },
    /// Not valid for the vote.
    #[error("signature {0} is not valid")]
    Signature(usize),
    /// Two thirds of the validators or fewer.
    #[error("{signed} of {validators} validators signed, more than two thirds must")]
    Quorum {
        /// Valid signatures.
        signed: usize,
        /// Validators of the height.
        validators: usize,
    },
}

impl CommitCertificate {
    /// What the next header says of the certificate.
    #[must_use]
    pub fn hash(&self) -> Hash {
        COMMIT.hash(&[&encoding::encode(self)])
    }

    /// Checks that it commits `block_id` at `height` under the validators of that height.
    ///
    /// # Errors
    /// The first [`CertificateError`].
    pub fn verify(
        &self,
        votes: &VerifiedVotes,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        height: Height,
        block_id: &BlockId,
    ) -> Result<(), CertificateError> {
        if self.height != height || self.block_id != *block_id {
            return Err(CertificateError::Subject { height: self.height, block_id: self.block_id });
        }
        let mut last = None;
        for (index, CommitSignature { merchant, signature }) in self.signatures.iter().enumerate() {
            if last >= Some(*merchant) {
                return Err(CertificateError::Order(index));
            }
            last = Some(*merchant);
            let validator =
                validators.get(*merchant).ok_or(CertificateError::Stranger { index, merchant: *merchant })?;
            let bytes = vote_bytes(chain_id, VoteKind::Precommit, height, self.round, Some(block_id), *merchant);
            votes.verify(&validator.public_key, &bytes, signature).map_err(|_| CertificateError::Signature(index))?;
        }
        let (signed, validators) = (self.signatures.len(), validators.validators().len());
        if signed * 3 <= validators * 2 {
            return Err(CertificateError::Quorum { signed, validators });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tally_contracts::crypto::sign;

    use super::*;

    #[test]
    fn a_vote_is_remembered_with_its_key_and_signature() {
        let [key, other] = [1, 2].map(|secret| ed25519_dalek::SigningKey::from_bytes(&[secret; 32]));
        let vote = vote_bytes(&Hash([9; 32]), VoteKind::Precommit, Height(4), 0, None, MerchantId(1));
        let (signature, of_other) = (sign(&key, &vote), sign(&other, &vote));
        let (key, other) = (PublicKey::of(&key), PublicKey::of(&other));
        let votes = VerifiedVotes::default();
        for _ in 0..2 {
            assert_eq!(votes.verify(&key, &vote, &signature), Ok(()));
            assert_eq!(votes.verify(&key, &vote, &of_other), Err(SignatureError::Mismatch));
            assert_eq!(votes.verify(&other, &vote, &signature), Err(SignatureError::Mismatch));
            assert_eq!(votes.verify(&key, &vote[1..], &signature), Err(SignatureError::Mismatch));
        }
        assert_eq!(votes.votes.lock().unwrap()[0].len(), 1, "what is wrong is not remembered, nor anything twice");
    }
}
