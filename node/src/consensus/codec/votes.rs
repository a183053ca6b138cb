//! Votes, proposals and certificates of a round.

use malachitebft_app_channel::app::consensus::LivenessMsg;
use malachitebft_app_channel::app::types::SignedConsensusMsg;
use malachitebft_core_types::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round, RoundCertificate, RoundCertificateType, RoundSignature,
    SignedProposal, SignedVote, VoteType,
};
use tally_contracts::crypto::Signature;
use tally_contracts::types::{Hash, Height, MerchantId};
use tally_ledger::certificate::{CommitCertificate, CommitSignature};
use wincode::{SchemaRead, SchemaWrite};

use super::{CodecError, bounded, defined};
use crate::consensus::context::{Address, Context, EngineHeight, Proposal, Value, Vote};
use crate::consensus::signing::engine_round;

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct VoteMirror {
    kind: KindMirror,
    height: Height,
    round: u32,
    block_id: Option<Hash>,
    merchant: MerchantId,
    signature: Signature,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) enum KindMirror {
    #[wincode(tag = 1)]
    Prevote,
    #[wincode(tag = 2)]
    Precommit,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct ProposalMirror {
    height: Height,
    round: u32,
    block_id: Hash,
    pol_round: Option<u32>,
    merchant: MerchantId,
    signature: Signature,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) enum ConsensusMirror {
    #[wincode(tag = 1)]
    Vote(VoteMirror),
    #[wincode(tag = 2)]
    Proposal(ProposalMirror),
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) enum LivenessMirror {
    #[wincode(tag = 1)]
    Vote(VoteMirror),
    #[wincode(tag = 2)]
    Polka(PolkaMirror),
    #[wincode(tag = 3)]
    Round(RoundMirror),
}

/// The fields of the ledger's certificate, over prevotes instead of precommits.
#[derive(SchemaWrite, SchemaRead)]
pub(super) struct PolkaMirror(CommitCertificate);

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct RoundMirror {
    height: Height,
    round: u32,
    is_precommit: bool,
    signatures: Vec<RoundSignatureMirror>,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct RoundSignatureMirror {
    kind: KindMirror,
    block_id: Option<Hash>,
    merchant: MerchantId,
    signature: Signature,
}

fn block_id(value: &NilOrVal<Value>) -> Option<Hash> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(value) => Some(value.0),
    }
}

fn value(block_id: Option<Hash>) -> NilOrVal<Value> {
    block_id.map_or(NilOrVal::Nil, |id| NilOrVal::Val(Value(id)))
}

impl From<VoteType> for KindMirror {
    fn from(kind: VoteType) -> Self {
        match kind {
            VoteType::Prevote => Self::Prevote,
            VoteType::Precommit => Self::Precommit,
        }
    }
}

impl From<KindMirror> for VoteType {
    fn from(kind: KindMirror) -> Self {
        match kind {
            KindMirror::Prevote => Self::Prevote,
            KindMirror::Precommit => Self::Precommit,
        }
    }
}

impl TryFrom<&SignedVote<Context>> for VoteMirror {
    type Error = CodecError;

    fn try_from(signed: &SignedVote<Context>) -> Result<Self, CodecError> {
        let vote = &signed.message;
        Ok(Self {
            kind: vote.kind.into(),
            height: vote.height.0,
            round: defined(vote.round)?,
            block_id: block_id(&vote.value),
            merchant: vote.address.0,
            signature: signed.signature,
        })
    }
}

impl From<VoteMirror> for SignedVote<Context> {
    fn from(m: VoteMirror) -> Self {
        let vote = Vote {
            kind: m.kind.into(),
            height: EngineHeight(m.height),
            round: Round::new(m.round),
            value: value(m.block_id),
            address: Address(m.merchant),
        };
        Self::new(vote, m.signature)
    }
}

impl TryFrom<&SignedConsensusMsg<Context>> for ConsensusMirror {
    type Error = CodecError;

    fn try_from(message: &SignedConsensusMsg<Context>) -> Result<Self, CodecError> {
        Ok(match message {
            SignedConsensusMsg::Vote(vote) => Self::Vote(vote.try_into()?),
            SignedConsensusMsg::Proposal(signed) => {
                let proposal = &signed.message;
                Self::Proposal(ProposalMirror {
                    height: proposal.height.0,
                    round: defined(proposal.round)?,
                    block_id: proposal.value.0,
                    pol_round: proposal.pol_round.as_u32(),
                    merchant: proposal.address.0,
                    signature: signed.signature,
                })
            }
        })
    }
}

impl TryFrom<ConsensusMirror> for SignedConsensusMsg<Context> {
    type Error = CodecError;

    fn try_from(mirror: ConsensusMirror) -> Result<Self, CodecError> {
        Ok(match mirror {
            ConsensusMirror::Vote(vote) => Self::Vote(vote.into()),
            ConsensusMirror::Proposal(m) => {
                let proposal = Proposal {
                    height: EngineHeight(m.height),
                    round: Round::new(m.round),
                    value: Value(m.block_id),
                    pol_round: engine_round(m.pol_round),
                    address: Address(m.merchant),
                };
                Self::Proposal(SignedProposal::new(proposal, m.signature))
            }
        })
    }
}

impl TryFrom<&LivenessMsg<Context>> for LivenessMirror {
    type Error = CodecError;

    fn try_from(message: &LivenessMsg<Context>) -> Result<Self, CodecError> {
        Ok(match message {
            LivenessMsg::Vote(vote) => Self::Vote(vote.try_into()?),
            LivenessMsg::PolkaCertificate(certificate) => Self::Polka(certificate.try_into()?),
            LivenessMsg::SkipRoundCertificate(certificate) => Self::Round(RoundMirror {
                height: certificate.height.0,
                round: defined(certificate.round)?,
                is_precommit: certificate.cert_type == RoundCertificateType::Precommit,
                signatures: certificate.round_signatures.iter().map(RoundSignatureMirror::from).collect(),
            }),
        })
    }
}

impl TryFrom<LivenessMirror> for LivenessMsg<Context> {
    type Error = CodecError;

    fn try_from(mirror: LivenessMirror) -> Result<Self, CodecError> {
        Ok(match mirror {
            LivenessMirror::Vote(vote) => Self::Vote(vote.into()),
            LivenessMirror::Polka(certificate) => Self::PolkaCertificate(certificate.try_into()?),
            LivenessMirror::Round(m) => Self::SkipRoundCertificate(RoundCertificate {
                height: EngineHeight(m.height),
                round: Round::new(m.round),
                cert_type: if m.is_precommit { RoundCertificateType::Precommit } else { RoundCertificateType::Skip },
                round_signatures: bounded(m.signatures)?.into_iter().map(Into::into).collect(),
            }),
        })
    }
}

impl From<&RoundSignature<Context>> for RoundSignatureMirror {
    fn from(s: &RoundSignature<Context>) -> Self {
        let RoundSignature { vote_type, value_id, address, signature } = s;
        Self { kind: (*vote_type).into(), block_id: block_id(value_id), merchant: address.0, signature: *signature }
    }
}

impl From<RoundSignatureMirror> for RoundSignature<Context> {
    fn from(m: RoundSignatureMirror) -> Self {
        Self::new(m.kind.into(), value(m.block_id), Address(m.merchant), m.signature)
    }
}

impl TryFrom<&PolkaCertificate<Context>> for PolkaMirror {
    type Error = CodecError;

    fn try_from(certificate: &PolkaCertificate<Context>) -> Result<Self, CodecError> {
        let signature = |s: &PolkaSignature<Context>| CommitSignature { merchant: s.address.0, signature: s.signature };
        Ok(Self(CommitCertificate {
            height: certificate.height.0,
            round: defined(certificate.round)?,
            block_id: certificate.value_id.0,
            signatures: certificate.polka_signatures.iter().map(signature).collect(),
        }))
    }
}

impl TryFrom<PolkaMirror> for PolkaCertificate<Context> {
    type Error = CodecError;

    fn try_from(PolkaMirror(m): PolkaMirror) -> Result<Self, CodecError> {
        let signature = |s: CommitSignature| PolkaSignature::new(Address(s.merchant), s.signature);
        Ok(Self {
            height: EngineHeight(m.height),
            round: Round::new(m.round),
            value_id: Value(m.block_id),
            polka_signatures: bounded(m.signatures)?.into_iter().map(signature).collect(),
        })
    }
}
