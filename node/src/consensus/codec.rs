//! The bytes of every engine message: on the wire, in the engine's write-ahead log and in sync.
//!
//! One encoding for all of them, the ledger's canonical one. Each message has a mirror here whose fields are the ledger's
//! own types; the mirror is decoded exactly (no byte may remain) and turned into the engine's type, where what the engine
//! cannot hold is refused.
//!
//! **Invariants.** Whatever arrives is bounded before it is decoded (`pubsub_max_size`, `rpc_max_size`), sequences by
//! wincode's preallocation limit, and lists of signatures by [`MAX_SIGNATURES`]. Decoding never panics.

mod blocks;
mod votes;

use bytes::Bytes;
use malachitebft_app_channel::app::consensus::LivenessMsg;
use malachitebft_app_channel::app::streaming::StreamMessage;
use malachitebft_app_channel::app::types::codec::{Codec, HasEncodedLen};
use malachitebft_app_channel::app::types::sync::{RawDecidedValue, Request, Response, Status};
use malachitebft_app_channel::app::types::{ProposedValue, SignedConsensusMsg};
use malachitebft_core_types::{PolkaCertificate, Round, ValidatorProof};
use tally_contracts::encoding::{self, DecodeError};
use tally_ledger::block::MAX_BLOCK_BYTES;

pub(super) use blocks::engine_certificate;
use blocks::{PartMirror, ProofMirror, ProposedMirror, RequestMirror, ResponseMirror, StatusMirror, StreamMirror};
use votes::{ConsensusMirror, LivenessMirror, PolkaMirror};

use super::context::{Context, Part};

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

/// The kinds of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the engine's own names")]
pub enum MessageKind {
    Consensus,
    Liveness,
    Part,
    Stream,
    Proof,
    Proposed,
    Polka,
    Status,
    Request,
    Response,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Consensus,
        Self::Liveness,
        Self::Part,
        Self::Stream,
        Self::Proof,
        Self::Proposed,
        Self::Polka,
        Self::Status,
        Self::Request,
        Self::Response,
    ];
}

/// Reads a message and writes it again; `None` where the bytes are no message of that kind.
#[must_use]
pub fn reread(kind: MessageKind, bytes: &[u8]) -> Option<Vec<u8>> {
    fn again<T>(bytes: &[u8]) -> Option<Vec<u8>>
    where
        TallyCodec: Codec<T, Error = CodecError>,
    {
        let message = TallyCodec.decode(Bytes::copy_from_slice(bytes)).ok()?;
        Some(TallyCodec.encode(&message).expect("what was decoded encodes").into())
    }
    match kind {
        MessageKind::Consensus => again::<SignedConsensusMsg<Context>>(bytes),
        MessageKind::Liveness => again::<LivenessMsg<Context>>(bytes),
        MessageKind::Part => again::<Part>(bytes),
        MessageKind::Stream => again::<StreamMessage<Part>>(bytes),
        MessageKind::Proof => again::<ValidatorProof<Context>>(bytes),
        MessageKind::Proposed => again::<ProposedValue<Context>>(bytes),
        MessageKind::Polka => again::<PolkaCertificate<Context>>(bytes),
        MessageKind::Status => again::<Status<Context>>(bytes),
        MessageKind::Request => again::<Request<Context>>(bytes),
        MessageKind::Response => again::<Response<Context>>(bytes),
    }
}

fn defined(round: Round) -> Result<u32, CodecError> {
    round.as_u32().ok_or(CodecError::Content("a message of no round"))
}

fn bounded<T>(signatures: Vec<T>) -> Result<Vec<T>, CodecError> {
    if signatures.len() > MAX_SIGNATURES {
        return Err(CodecError::Content("a certificate has too many signatures"));
    }
    Ok(signatures)
}
