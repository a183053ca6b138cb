//! Validators' votes, and the certificate that commits a block.
//!
//! The signed bytes of a vote are fixed and few, so that an auditor rebuilds them with any Ed25519 library:
//! `"tally/vote/v1\0" ‖ chain id 32 ‖ type u8 (1 prevote, 2 precommit) ‖ height u64 ‖ round u32 ‖ 1 ‖ block id 32` (for nil:
//! `0` and 32 zero bytes) `‖ merchant u16`, integers little-endian.

use serde::{Deserialize, Serialize};
use tally_contracts::crypto::Signature;
use tally_contracts::encoding::{self, Domain};
use tally_contracts::governance::ValidatorSet;
use tally_contracts::types::{ChainId, Hash, Height, MerchantId};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::block::BlockId;

const VOTE: Domain = Domain::new("tally/vote/v1\0");
const COMMIT: Domain = Domain::new("tally/commit/v1\0");

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
            validator.public_key.verify(&bytes, signature).map_err(|_| CertificateError::Signature(index))?;
        }
        let (signed, validators) = (self.signatures.len(), validators.validators().len());
        if signed * 3 <= validators * 2 {
            return Err(CertificateError::Quorum { signed, validators });
        }
        Ok(())
    }
}
