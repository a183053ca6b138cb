//! Messages and parts: every encoding reads back, nothing else is read, and what is kept is bounded.

use bytes::Bytes;
use libp2p::identity::Keypair;
use malachitebft_app_channel::app::consensus::LivenessMsg;
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::app::types::codec::{Codec, HasEncodedLen};
use malachitebft_app_channel::app::types::sync::{RawDecidedValue, Request, Response, Status};
use malachitebft_app_channel::app::types::{PeerId, ProposedValue, SignedConsensusMsg};
use malachitebft_core_types::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round, RoundCertificate, RoundCertificateType, RoundSignature,
    SignedProposal, SignedVote, ValidatorProof, Validity, VoteType,
};
use malachitebft_signing::{Signer as _, Verifier as _};
use malachitebft_sync::{ValueRequest, ValueResponse};
use proptest::prelude::*;
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::governance::ValidatorSet;
use tally_contracts::types::{Hash, Height, MerchantId};
use tally_ledger::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_bytes};

use super::support::{genesis, key};
use crate::consensus::codec::{TallyCodec, engine_certificate};
use crate::consensus::context::{Address, Context, EngineHeight, Part, PartOf, Proposal, Value, Vote};
use crate::consensus::signing::{Signer, Verifier};
use crate::consensus::streams::{MAX_STREAMS_PER_PROPOSER, PART_BYTES, PartError, Streams, cut};

const CHAIN: Hash = Hash([7; 32]);
const SIGNATURE: Signature = Signature([9; 64]);

fn signer(merchant: MerchantId) -> Signer {
    Signer { chain_id: CHAIN, key: key("validator", merchant) }
}

fn vote(kind: VoteType, value: NilOrVal<Value>) -> Vote {
    let (height, round) = (EngineHeight(Height(5)), Round::new(2));
    Vote { kind, height, round, value, address: Address(MerchantId(3)) }
}

fn proposal() -> Proposal {
    Proposal {
        height: EngineHeight(Height(5)),
        round: Round::new(2),
        value: Value(Hash([1; 32])),
        pol_round: Round::new(1),
        address: Address(MerchantId(3)),
    }
}

fn part_of(height: u64, round: u32, total_bytes: usize) -> PartOf {
    let set = ValidatorSet::of_genesis(&genesis(4));
    let proposer = set.proposer(Height(height), round).merchant;
    let total_bytes = u32::try_from(total_bytes).unwrap();
    PartOf { height: Height(height), round, pol_round: None, proposer, block_id: Hash([4; 32]), total_bytes }
}

/// Reads back as what it was; one byte less or more is refused.
fn assert_round_trip<T: PartialEq + std::fmt::Debug>(message: T)
where
    TallyCodec: Codec<T>,
{
    let bytes = TallyCodec.encode(&message).unwrap();
    assert_eq!(TallyCodec.decode(bytes.clone()).unwrap(), message);
    let short: Result<T, _> = TallyCodec.decode(bytes.slice(..bytes.len() - 1));
    assert!(short.is_err(), "a message without its last byte was read");
    let long: Result<T, _> = TallyCodec.decode([&bytes[..], &[0]].concat().into());
    assert!(long.is_err(), "a message with a byte too many was read");
}

#[test]
fn every_message_reads_back() {
    let value = NilOrVal::Val(Value(Hash([1; 32])));
    for vote in [vote(VoteType::Prevote, NilOrVal::Nil), vote(VoteType::Precommit, value)] {
        assert_round_trip(SignedConsensusMsg::Vote(SignedVote::new(vote.clone(), SIGNATURE)));
        assert_round_trip(LivenessMsg::Vote(SignedVote::new(vote, SIGNATURE)));
    }
    assert_round_trip(SignedConsensusMsg::Proposal(SignedProposal::new(proposal(), SIGNATURE)));
    let polka = PolkaCertificate::<Context> {
        height: EngineHeight(Height(5)),
        round: Round::new(0),
        value_id: Value(Hash([1; 32])),
        polka_signatures: vec![PolkaSignature::new(Address(MerchantId(1)), SIGNATURE)],
    };
    assert_round_trip(polka.clone());
    assert_round_trip(LivenessMsg::PolkaCertificate(polka));
    for cert_type in [RoundCertificateType::Skip, RoundCertificateType::Precommit] {
        assert_round_trip(LivenessMsg::<Context>::SkipRoundCertificate(RoundCertificate {
            height: EngineHeight(Height(5)),
            round: Round::new(3),
            cert_type,
            round_signatures: vec![RoundSignature::new(VoteType::Prevote, value, Address(MerchantId(1)), SIGNATURE)],
        }));
    }
    let part = signer(MerchantId(1)).part(part_of(5, 0, 3), 0, Bytes::from_static(b"abc"));
    assert_round_trip(part.clone());
    let id = StreamId::new(Bytes::from_static(b"stream"));
    assert_round_trip(StreamMessage::new(id.clone(), 0, StreamContent::Data(part)));
    assert_round_trip(StreamMessage::<Part>::new(id, 1, StreamContent::Fin));
    assert_round_trip(ValidatorProof::<Context>::new(vec![1; 32], vec![2; 38], SIGNATURE));
    for validity in [Validity::Valid, Validity::Invalid] {
        assert_round_trip(ProposedValue::<Context> {
            height: EngineHeight(Height(5)),
            round: Round::new(1),
            valid_round: Round::Nil,
            proposer: Address(MerchantId(1)),
            value: Value(Hash([1; 32])),
            validity,
        });
    }
    let (tip_height, history_min_height) = (EngineHeight(Height(9)), EngineHeight(Height(1)));
    let mut secret = key("network", MerchantId(1)).to_bytes();
    let peer = Keypair::ed25519_from_bytes(&mut secret).unwrap().public().to_peer_id();
    let peer_id = PeerId::from_bytes(&peer.to_bytes()).unwrap();
    assert_round_trip(Status::<Context> { peer_id, tip_height, history_min_height });
    assert_round_trip(Request::ValueRequest(ValueRequest::<Context>::new(history_min_height..=tip_height)));
}

#[test]
fn a_sync_response_reads_back_and_its_length_is_known_beforehand() {
    let signature = |merchant| CommitSignature { merchant: MerchantId(merchant), signature: SIGNATURE };
    let value = |height: u64, bytes: &'static [u8]| {
        let signatures = (1..=3).map(signature).collect();
        let certificate = CommitCertificate { height: Height(height), round: 1, block_id: CHAIN, signatures };
        RawDecidedValue::new(Bytes::from_static(bytes), engine_certificate(&certificate))
    };
    let values = vec![value(3, b"three"), value(4, b"")];
    let response = Response::ValueResponse(ValueResponse::<Context>::new(EngineHeight(Height(3)), values));
    assert_eq!(TallyCodec.encoded_len(&response).unwrap(), TallyCodec.encode(&response).unwrap().len());
    assert_round_trip(response);
}

proptest! {
    #[test]
    fn garbage_is_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        let _ = Codec::<SignedConsensusMsg<Context>>::decode(&TallyCodec, bytes.clone());
        let _ = Codec::<LivenessMsg<Context>>::decode(&TallyCodec, bytes.clone());
        let _ = Codec::<StreamMessage<Part>>::decode(&TallyCodec, bytes.clone());
        let _ = Codec::<Status<Context>>::decode(&TallyCodec, bytes.clone());
        let _ = Codec::<Request<Context>>::decode(&TallyCodec, bytes.clone());
        let _ = Codec::<Response<Context>>::decode(&TallyCodec, bytes);
    }
}

#[tokio::test]
async fn a_vote_signs_exactly_what_an_auditor_rebuilds() {
    let signer = signer(MerchantId(3));
    let public = PublicKey::of(&signer.key);
    let block_id = Hash([1; 32]);
    let signed = signer.sign_vote(vote(VoteType::Precommit, NilOrVal::Val(Value(block_id)))).await.unwrap();
    let bytes = vote_bytes(&CHAIN, VoteKind::Precommit, Height(5), 2, Some(&block_id), MerchantId(3));
    public.verify(&bytes, &signed.signature).unwrap();

    let verifier = Verifier { chain_id: CHAIN, ..Verifier::default() };
    let prevote = vote(VoteType::Prevote, NilOrVal::Val(Value(block_id)));
    assert!(verifier.verify_signed_vote(&signed.message, &signed.signature, &public).await.unwrap().is_valid());
    assert!(verifier.verify_signed_vote(&prevote, &signed.signature, &public).await.unwrap().is_invalid());
    let elsewhere = Verifier { chain_id: Hash([8; 32]), ..verifier.clone() };
    assert!(elsewhere.verify_signed_vote(&signed.message, &signed.signature, &public).await.unwrap().is_invalid());
}

#[tokio::test]
async fn proposals_and_proofs_are_signed_each_for_itself() {
    let signer = signer(MerchantId(3));
    let public = PublicKey::of(&signer.key);
    let verifier = Verifier { chain_id: CHAIN, ..Verifier::default() };
    let signed = signer.sign_proposal(proposal()).await.unwrap();
    assert!(verifier.verify_signed_proposal(&signed.message, &signed.signature, &public).await.unwrap().is_valid());
    let other = Proposal { pol_round: Round::Nil, ..proposal() };
    assert!(verifier.verify_signed_proposal(&other, &signed.signature, &public).await.unwrap().is_invalid());
    let mut proof = signer.validator_proof(vec![1, 2, 3]);
    assert!(verifier.verify_validator_proof(&proof).await.unwrap().is_valid());
    proof.peer_id.push(4);
    assert!(verifier.verify_validator_proof(&proof).await.unwrap().is_invalid());
}

#[test]
fn a_block_is_put_together_from_its_parts_in_any_order() {
    let set = ValidatorSet::of_genesis(&genesis(4));
    for length in [1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES] {
        let mut streams = Streams::new(Verifier { chain_id: CHAIN, ..Verifier::default() });
        let block: Bytes = (0..length).map(|i| (i % 251) as u8).collect();
        let of = part_of(1, 0, length);
        let mut parts = cut(&signer(of.proposer), of, &block);
        parts.reverse();
        let last = parts.pop().unwrap();
        for part in parts.clone() {
            assert_eq!(streams.add(Height(0), &set, part.clone()), Ok(None));
            assert_eq!(streams.add(Height(0), &set, part), Ok(None), "twice the same part");
        }
        let received = streams.add(Height(0), &set, last.clone()).unwrap().unwrap();
        assert_eq!((received.of, &received.bytes), (of, &block));
        assert_eq!(streams.add(Height(0), &set, last), Ok(None), "a finished block is not judged twice");
        let again = streams.again(Height(1), 0, of.block_id, &block);
        assert_eq!(again.len(), parts.len() + 1);
        let mut others = Streams::new(Verifier { chain_id: CHAIN, ..Verifier::default() });
        let passed_on = again.into_iter().map(|part| others.add(Height(0), &set, part).unwrap());
        assert_eq!(passed_on.last().unwrap().unwrap().bytes, block);
    }
}

#[test]
fn a_part_that_is_not_the_proposers_is_dropped() {
    let set = ValidatorSet::of_genesis(&genesis(4));
    let mut streams = Streams::new(Verifier { chain_id: CHAIN, ..Verifier::default() });
    let of = part_of(1, 0, 3);
    let data = Bytes::from_static(b"abc");
    let mut add = |part: Part| streams.add(Height(0), &set, part);

    let stranger = MerchantId(of.proposer.0 % 4 + 1);
    let claimed = PartOf { proposer: stranger, ..of };
    assert_eq!(add(signer(stranger).part(claimed, 0, data.clone())), Err(PartError::Proposer));
    assert_eq!(add(signer(stranger).part(of, 0, data.clone())), Err(PartError::Signature));
    let proposer = signer(of.proposer);
    assert_eq!(add(proposer.part(of, 1, data.clone())), Err(PartError::Shape), "there is no second part");
    assert_eq!(add(proposer.part(of, 0, data.slice(..2))), Err(PartError::Shape), "a part too short");
    assert_eq!(add(proposer.part(PartOf { total_bytes: 0, ..of }, 0, data.slice(..0))), Err(PartError::Shape));
    assert_eq!(add(proposer.part(PartOf { total_bytes: u32::MAX, ..of }, 0, data.clone())), Err(PartError::Shape));
    let past = part_of(0, 0, 3);
    assert_eq!(add(signer(past.proposer).part(past, 0, data.clone())), Err(PartError::Height));
    let ahead = part_of(3, 0, 3);
    assert_eq!(add(signer(ahead.proposer).part(ahead, 0, data.clone())), Err(PartError::Height));
    assert!(add(proposer.part(of, 0, data)).unwrap().is_some(), "the proposer's own is taken");
}

#[test]
fn a_proposer_that_starts_many_blocks_keeps_only_its_last_ones_open() {
    let set = ValidatorSet::of_genesis(&genesis(4));
    let mut streams = Streams::new(Verifier { chain_id: CHAIN, ..Verifier::default() });
    let block: Bytes = vec![1; PART_BYTES + 1].into();
    streams.started(Height(1), 40);
    let starts: Vec<PartOf> = (0..40).step_by(4).map(|round| part_of(1, round, block.len())).collect();
    for of in &starts {
        let parts = cut(&signer(of.proposer), *of, &block);
        assert_eq!(streams.add(Height(0), &set, parts[0].clone()), Ok(None));
    }
    let finish = |streams: &mut Streams, of: &PartOf| {
        streams.add(Height(0), &set, cut(&signer(of.proposer), *of, &block).remove(1)).unwrap().is_some()
    };
    let (dropped, kept) = starts.split_at(starts.len() - MAX_STREAMS_PER_PROPOSER);
    assert!(kept.iter().all(|of| finish(&mut streams, of)), "the last ones are open");
    assert!(!dropped.iter().any(|of| finish(&mut streams, of)), "the first ones gave way");
}

#[test]
fn a_round_has_two_blocks_at_most_and_lies_near() {
    let set = ValidatorSet::of_genesis(&genesis(4));
    let mut streams = Streams::new(Verifier { chain_id: CHAIN, ..Verifier::default() });
    let data = Bytes::from_static(b"abc");
    let part = |round, block: u8| {
        let of = PartOf { block_id: Hash([block; 32]), ..part_of(1, round, data.len()) };
        signer(of.proposer).part(of, 0, data.clone())
    };
    for block in 1..=2 {
        assert!(streams.add(Height(0), &set, part(0, block)).unwrap().is_some(), "block {block}");
    }
    assert_eq!(streams.add(Height(0), &set, part(0, 3)), Err(PartError::TooMany));
    let other = PartOf { pol_round: Some(0), ..part(0, 1).of };
    let again = signer(other.proposer).part(other, 0, data.clone());
    assert_eq!(streams.add(Height(0), &set, again), Err(PartError::TooMany), "whatever else is said of a block");
    assert!(streams.add(Height(0), &set, part(8, 3)).unwrap().is_some(), "two turns of four validators ahead");
    assert_eq!(streams.add(Height(0), &set, part(9, 3)), Err(PartError::Round));
    streams.started(Height(1), 1);
    assert!(streams.add(Height(0), &set, part(9, 3)).unwrap().is_some(), "the rounds have gone on");
}
