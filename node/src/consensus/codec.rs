//! The bytes of every engine message: on the wire, in the engine's write-ahead log and in sync.
//!
//! One encoding for all of them, the ledger's canonical one. Each message has a mirror here whose fields are the ledger's
//! own types; the mirror is decoded exactly (no byte may remain) and turned into the engine's type, where what the engine
//! cannot hold is refused.
//!
//! **Invariants.** Whatever arrives is bounded before it is decoded (`pubsub_max_size`, `rpc_max_size`), sequences by
//! wincode's preallocation limit, and lists of signatures by [`MAX_SIGNATURES`]. Decoding never panics.

use bytes::Bytes;
use malachitebft_app_channel::app::consensus::LivenessMsg;
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::app::types::codec::{Codec, HasEncodedLen};
use malachitebft_app_channel::app::types::sync::{RawDecidedValue, Request, Response, Status};
use malachitebft_app_channel::app::types::{PeerId, ProposedValue, SignedConsensusMsg};
use malachitebft_core_types::{
    ExtendedCommitCertificate, ExtendedCommitSignature, NilOrVal, PolkaCertificate, PolkaSignature, Round,
    RoundCertificate, RoundCertificateType, RoundSignature, SignedProposal, SignedVote, ValidatorProof, Validity,
    VoteType,
};
use malachitebft_sync::{ValueRequest, ValueResponse};
use tally_contracts::crypto::Signature;
use tally_contracts::encoding::{self, DecodeError};
use tally_contracts::types::{Hash, Height, MerchantId};
use tally_ledger::block::MAX_BLOCK_BYTES;
use tally_ledger::certificate::{CommitCertificate, CommitSignature};
use wincode::{SchemaRead, SchemaWrite};

use super::context::{Address, Context, EngineHeight, Part, PartOf, Proposal, Value, Vote};
use super::signing::engine_round;
use super::streams::PART_BYTES;

/// Most signatures in one certificate: more validators than an alliance will have.
const MAX_SIGNATURES: usize = 4_096;

/// The codec of all messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct TallyCodec;

/// Bytes that are no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodecError {
    #[error(transparent)]
    Encoding(#[from] DecodeError),
    #[error("{0}")]
    Content(&'static str),
}

/// Implements the engine's codec of a message through its mirror.
macro_rules! codec {
    ($message:ty, $mirror:ty) => {
        impl Codec<$message> for TallyCodec {
            type Error = CodecError;

            fn encode(&self, message: &$message) -> Result<Bytes, CodecError> {
                Ok(encoding::encode(&<$mirror>::try_from(message)?).into())
            }

            fn decode(&self, bytes: Bytes) -> Result<$message, CodecError> {
                encoding::decode::<$mirror>(&bytes)?.try_into()
            }
        }
    };
}

codec!(SignedConsensusMsg<Context>, ConsensusMirror);
codec!(LivenessMsg<Context>, LivenessMirror);
codec!(Part, PartMirror);
codec!(StreamMessage<Part>, StreamMirror);
codec!(ValidatorProof<Context>, ProofMirror);
codec!(ProposedValue<Context>, ProposedMirror);
codec!(PolkaCertificate<Context>, PolkaMirror);
codec!(Status<Context>, StatusMirror);
codec!(Request<Context>, RequestMirror);
codec!(Response<Context>, ResponseMirror);

impl HasEncodedLen<Response<Context>> for TallyCodec {
    fn encoded_len(&self, response: &Response<Context>) -> Result<usize, CodecError> {
        let Response::ValueResponse(response) = response;
        let value = |v: &RawDecidedValue<Context>| {
            VALUE_BYTES + v.value_bytes.len() + v.certificate.commit_signatures.len() * COMMIT_SIGNATURE_BYTES
        };
        Ok(RESPONSE_BYTES + response.values.iter().map(value).sum::<usize>())
    }
}

/// A response without values: start height and count.
const RESPONSE_BYTES: usize = 8 + 8;
/// A value without its bytes and signatures: length, height, round, block id, count.
const VALUE_BYTES: usize = 8 + 8 + 4 + 32 + 8;
/// A signature of a commit certificate: merchant and signature.
const COMMIT_SIGNATURE_BYTES: usize = 2 + 64;
/// The longest answer about one height.
pub(super) const MAX_ONE_VALUE_RESPONSE_BYTES: usize =
    RESPONSE_BYTES + VALUE_BYTES + MAX_BLOCK_BYTES + MAX_SIGNATURES * COMMIT_SIGNATURE_BYTES;

/// Whose signature, and over which of the values it may be.
#[derive(SchemaWrite, SchemaRead)]
struct VoteMirror {
    kind: KindMirror,
    height: Height,
    round: u32,
    block_id: Option<Hash>,
    merchant: MerchantId,
    signature: Signature,
}

#[derive(SchemaWrite, SchemaRead)]
enum KindMirror {
    #[wincode(tag = 1)]
    Prevote,
    #[wincode(tag = 2)]
    Precommit,
}

#[derive(SchemaWrite, SchemaRead)]
struct ProposalMirror {
    height: Height,
    round: u32,
    block_id: Hash,
    pol_round: Option<u32>,
    merchant: MerchantId,
    signature: Signature,
}

#[derive(SchemaWrite, SchemaRead)]
enum ConsensusMirror {
    #[wincode(tag = 1)]
    Vote(VoteMirror),
    #[wincode(tag = 2)]
    Proposal(ProposalMirror),
}

#[derive(SchemaWrite, SchemaRead)]
enum LivenessMirror {
    #[wincode(tag = 1)]
    Vote(VoteMirror),
    #[wincode(tag = 2)]
    Polka(PolkaMirror),
    #[wincode(tag = 3)]
    Round(RoundMirror),
}

/// The fields of the ledger's certificate, over prevotes instead of precommits.
#[derive(SchemaWrite, SchemaRead)]
struct PolkaMirror(CommitCertificate);

#[derive(SchemaWrite, SchemaRead)]
struct RoundMirror {
    height: Height,
    round: u32,
    is_precommit: bool,
    signatures: Vec<RoundSignatureMirror>,
}

#[derive(SchemaWrite, SchemaRead)]
struct RoundSignatureMirror {
    kind: KindMirror,
    block_id: Option<Hash>,
    merchant: MerchantId,
    signature: Signature,
}

#[derive(SchemaWrite, SchemaRead)]
struct PartMirror {
    height: Height,
    round: u32,
    pol_round: Option<u32>,
    proposer: MerchantId,
    block_id: Hash,
    total_bytes: u32,
    index: u32,
    data: Vec<u8>,
    signature: Signature,
}

#[derive(SchemaWrite, SchemaRead)]
struct StreamMirror {
    stream_id: Vec<u8>,
    sequence: u64,
    part: Option<PartMirror>,
}

#[derive(SchemaWrite, SchemaRead)]
struct ProofMirror {
    public_key: Vec<u8>,
    peer_id: Vec<u8>,
    signature: Signature,
}

#[derive(SchemaWrite, SchemaRead)]
struct ProposedMirror {
    height: Height,
    round: u32,
    valid_round: Option<u32>,
    proposer: MerchantId,
    block_id: Hash,
    is_valid: bool,
}

#[derive(SchemaWrite, SchemaRead)]
struct StatusMirror {
    peer_id: Vec<u8>,
    tip_height: Height,
    history_min_height: Height,
}

#[derive(SchemaWrite, SchemaRead)]
struct RequestMirror {
    start: Height,
    end: Height,
}

#[derive(SchemaWrite, SchemaRead)]
struct ResponseMirror {
    start_height: Height,
    values: Vec<ValueMirror>,
}

#[derive(SchemaWrite, SchemaRead)]
struct ValueMirror {
    bytes: Vec<u8>,
    certificate: CommitCertificate,
}

fn defined(round: Round) -> Result<u32, CodecError> {
    round.as_u32().ok_or(CodecError::Content("a message of no round"))
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

fn bounded<T>(signatures: Vec<T>) -> Result<Vec<T>, CodecError> {
    if signatures.len() > MAX_SIGNATURES {
        return Err(CodecError::Content("a certificate has too many signatures"));
    }
    Ok(signatures)
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

impl TryFrom<&Part> for PartMirror {
    type Error = CodecError;

    fn try_from(part: &Part) -> Result<Self, CodecError> {
        let PartOf { height, round, pol_round, proposer, block_id, total_bytes } = part.of;
        let (index, data, signature) = (part.index, part.data.to_vec(), part.signature);
        Ok(Self { height, round, pol_round, proposer, block_id, total_bytes, index, data, signature })
    }
}

impl TryFrom<PartMirror> for Part {
    type Error = CodecError;

    fn try_from(m: PartMirror) -> Result<Self, CodecError> {
        let PartMirror { height, round, pol_round, proposer, block_id, total_bytes, index, data, signature } = m;
        if data.len() > PART_BYTES {
            return Err(CodecError::Content("a proposal part is too large"));
        }
        let of = PartOf { height, round, pol_round, proposer, block_id, total_bytes };
        Ok(Self { of, index, data: data.into(), signature })
    }
}

impl TryFrom<&StreamMessage<Part>> for StreamMirror {
    type Error = CodecError;

    fn try_from(message: &StreamMessage<Part>) -> Result<Self, CodecError> {
        let part = message.content.as_data().map(PartMirror::try_from).transpose()?;
        Ok(Self { stream_id: message.stream_id.to_bytes().to_vec(), sequence: message.sequence, part })
    }
}

impl TryFrom<StreamMirror> for StreamMessage<Part> {
    type Error = CodecError;

    fn try_from(m: StreamMirror) -> Result<Self, CodecError> {
        let content = match m.part {
            Some(part) => StreamContent::Data(part.try_into()?),
            None => StreamContent::Fin,
        };
        Ok(Self::new(StreamId::new(m.stream_id.into()), m.sequence, content))
    }
}

impl TryFrom<&ValidatorProof<Context>> for ProofMirror {
    type Error = CodecError;

    fn try_from(proof: &ValidatorProof<Context>) -> Result<Self, CodecError> {
        let ValidatorProof { public_key, peer_id, signature } = proof;
        Ok(Self { public_key: public_key.clone(), peer_id: peer_id.clone(), signature: *signature })
    }
}

impl TryFrom<ProofMirror> for ValidatorProof<Context> {
    type Error = CodecError;

    fn try_from(m: ProofMirror) -> Result<Self, CodecError> {
        Ok(Self::new(m.public_key, m.peer_id, m.signature))
    }
}

impl TryFrom<&ProposedValue<Context>> for ProposedMirror {
    type Error = CodecError;

    fn try_from(proposed: &ProposedValue<Context>) -> Result<Self, CodecError> {
        Ok(Self {
            height: proposed.height.0,
            round: defined(proposed.round)?,
            valid_round: proposed.valid_round.as_u32(),
            proposer: proposed.proposer.0,
            block_id: proposed.value.0,
            is_valid: proposed.validity.is_valid(),
        })
    }
}

impl TryFrom<ProposedMirror> for ProposedValue<Context> {
    type Error = CodecError;

    fn try_from(m: ProposedMirror) -> Result<Self, CodecError> {
        Ok(Self {
            height: EngineHeight(m.height),
            round: Round::new(m.round),
            valid_round: engine_round(m.valid_round),
            proposer: Address(m.proposer),
            value: Value(m.block_id),
            validity: Validity::from_bool(m.is_valid),
        })
    }
}

impl TryFrom<&Status<Context>> for StatusMirror {
    type Error = CodecError;

    fn try_from(status: &Status<Context>) -> Result<Self, CodecError> {
        let Status { peer_id, tip_height, history_min_height } = status;
        let (tip_height, history_min_height) = (tip_height.0, history_min_height.0);
        Ok(Self { peer_id: peer_id.to_bytes(), tip_height, history_min_height })
    }
}

impl TryFrom<StatusMirror> for Status<Context> {
    type Error = CodecError;

    fn try_from(m: StatusMirror) -> Result<Self, CodecError> {
        let peer_id = PeerId::from_bytes(&m.peer_id).map_err(|_| CodecError::Content("not a peer id"))?;
        let (tip_height, history_min_height) = (EngineHeight(m.tip_height), EngineHeight(m.history_min_height));
        Ok(Self { peer_id, tip_height, history_min_height })
    }
}

impl TryFrom<&Request<Context>> for RequestMirror {
    type Error = CodecError;

    fn try_from(request: &Request<Context>) -> Result<Self, CodecError> {
        let Request::ValueRequest(request) = request;
        Ok(Self { start: request.range.start().0, end: request.range.end().0 })
    }
}

impl TryFrom<RequestMirror> for Request<Context> {
    type Error = CodecError;

    fn try_from(m: RequestMirror) -> Result<Self, CodecError> {
        Ok(Self::ValueRequest(ValueRequest::new(EngineHeight(m.start)..=EngineHeight(m.end))))
    }
}

impl TryFrom<&Response<Context>> for ResponseMirror {
    type Error = CodecError;

    fn try_from(response: &Response<Context>) -> Result<Self, CodecError> {
        let Response::ValueResponse(response) = response;
        let value = |v: &RawDecidedValue<Context>| {
            Ok(ValueMirror { bytes: v.value_bytes.to_vec(), certificate: ledger_certificate(&v.certificate)? })
        };
        let values = response.values.iter().map(value).collect::<Result<_, CodecError>>()?;
        Ok(Self { start_height: response.start_height.0, values })
    }
}

impl TryFrom<ResponseMirror> for Response<Context> {
    type Error = CodecError;

    fn try_from(m: ResponseMirror) -> Result<Self, CodecError> {
        let value = |v: ValueMirror| {
            let ValueMirror { bytes, mut certificate } = v;
            certificate.signatures = bounded(certificate.signatures)?;
            Ok(RawDecidedValue::new(bytes.into(), engine_certificate(&certificate)))
        };
        let values = m.values.into_iter().map(value).collect::<Result<_, CodecError>>()?;
        Ok(Self::ValueResponse(ValueResponse::new(EngineHeight(m.start_height), values)))
    }
}

/// The engine's certificate as sync carries it, from the ledger's.
pub(super) fn engine_certificate(certificate: &CommitCertificate) -> ExtendedCommitCertificate<Context> {
    let signature = |s: &CommitSignature| ExtendedCommitSignature::new(Address(s.merchant), s.signature, None);
    ExtendedCommitCertificate {
        height: EngineHeight(certificate.height),
        round: Round::new(certificate.round),
        value_id: Value(certificate.block_id),
        commit_signatures: certificate.signatures.iter().map(signature).collect(),
    }
}

fn ledger_certificate(certificate: &ExtendedCommitCertificate<Context>) -> Result<CommitCertificate, CodecError> {
    let signature =
        |s: &ExtendedCommitSignature<Context>| CommitSignature { merchant: s.address.0, signature: s.signature };
    Ok(CommitCertificate {
        height: certificate.height.0,
        round: defined(certificate.round)?,
        block_id: certificate.value_id.0,
        signatures: certificate.commit_signatures.iter().map(signature).collect(),
    })
}
