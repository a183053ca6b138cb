//! Blocks under way: their parts, what became of them, and what sync carries.

use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::app::types::sync::{RawDecidedValue, Request, Response, Status};
use malachitebft_app_channel::app::types::{PeerId, ProposedValue};
use malachitebft_core_types::{ExtendedCommitCertificate, ExtendedCommitSignature, Round, ValidatorProof, Validity};
use malachitebft_sync::{ValueRequest, ValueResponse};
use tally_contracts::crypto::Signature;
use tally_contracts::types::{Hash, Height, MerchantId};
use tally_ledger::certificate::{CommitCertificate, CommitSignature};
use wincode::{SchemaRead, SchemaWrite};

use super::{CodecError, bounded, defined};
use crate::consensus::context::{Address, Context, EngineHeight, Part, PartOf, Value};
use crate::consensus::signing::engine_round;
use crate::consensus::streams::PART_BYTES;

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct PartMirror {
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
pub(super) struct StreamMirror {
    stream_id: Vec<u8>,
    sequence: u64,
    part: Option<PartMirror>,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct ProofMirror {
    public_key: Vec<u8>,
    peer_id: Vec<u8>,
    signature: Signature,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct ProposedMirror {
    height: Height,
    round: u32,
    valid_round: Option<u32>,
    proposer: MerchantId,
    block_id: Hash,
    is_valid: bool,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct StatusMirror {
    peer_id: Vec<u8>,
    tip_height: Height,
    history_min_height: Height,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct RequestMirror {
    start: Height,
    end: Height,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct ResponseMirror {
    start_height: Height,
    values: Vec<ValueMirror>,
}

#[derive(SchemaWrite, SchemaRead)]
pub(super) struct ValueMirror {
    bytes: Vec<u8>,
    certificate: CommitCertificate,
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
pub(in crate::consensus) fn engine_certificate(certificate: &CommitCertificate) -> ExtendedCommitCertificate<Context> {
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
