//! Validators join and leave: what is signed for at the boundaries, and that an archive over them verifies.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with a message")]

mod common;

use std::num::NonZeroUsize;

use common::*;
use ed25519_dalek::SigningKey;
use tally_contracts::crypto::{PublicKey, Signature, sign};
use tally_contracts::genesis::{AdmissionParameters, Genesis, OperatorKey, Role};
use tally_contracts::governance::change::{Admit, Change, Exit, PROTOCOL_VERSION, Upgrade, attested_bytes};
use tally_contracts::governance::{NOTICE_BLOCKS, Propose, VoteOn};
use tally_contracts::membership::{Criteria, Depart};
use tally_contracts::transaction::Body;
use tally_contracts::types::{ChainId, DAY_MS, Fen, HOUR_MS, Height, MerchantId};
use tally_ledger::certificate::CertificateError;
use tally_ledger::chain::InvalidBlock;
use tally_ledger::verify::{CheckKind, Failure, Options, Report, VerifyError, verify};

const FIFTH: MerchantId = MerchantId(5);

fn attester_key() -> SigningKey {
    SigningKey::from_bytes(&[90; 32])
}

/// Four merchants that admit a fifth on hardly anything.
fn open_genesis() -> Genesis {
    let mut genesis = genesis();
    genesis.parameters.admission = AdmissionParameters {
        min_annual_revenue_fen: Fen(1),
        min_members: 1,
        attesters: vec![PublicKey::of(&attester_key())],
    };
    genesis
}

fn admission(chain_id: &ChainId) -> Change {
    let mut admit = Admit {
        merchant: FIFTH,
        name: "merchant 5".into(),
        validator_key: PublicKey::of(&validator_key(5)),
        cosigner_key: PublicKey::of(&cosigner_key(5)),
        network_key: PublicKey::of(&SigningKey::from_bytes(&[230; 32])),
        operator_keys: vec![OperatorKey {
            public_key: PublicKey::of(&operator_key(5)),
            roles: vec![Role::Issuer, Role::Acceptor, Role::Governor],
            store_id: None,
        }],
        net_debit_cap_fen: Fen(100_000_000),
        base_share: 1,
        criteria: Criteria { annual_revenue_fen: Fen(1), members: 1, industry: 0 },
        attester: PublicKey::of(&attester_key()),
        attestation: Signature::default(),
    };
    admit.attestation = sign(&attester_key(), &attested_bytes(chain_id, &admit));
    Change::Admit(admit)
}

/// The next block, a moment later.
fn extend(chain: &mut TestChain, merchant: u16, bodies: Vec<Body>) {
    let now_ms = chain.head.time_ms + 10;
    let transactions = if bodies.is_empty() { vec![] } else { vec![chain.transaction(merchant, now_ms, bodies)] };
    let executed = chain.extend(now_ms, &transactions);
    let outcomes: Vec<_> = executed.receipts.iter().flatten().map(|receipt| &receipt.outcome).collect();
    let is_applied = |outcome: &&_| matches!(outcome, tally_contracts::receipt::Outcome::Applied(_));
    assert!(outcomes.iter().all(is_applied), "{outcomes:?}");
}

/// Has merchant 1 and `voters` decide on a change, which takes effect with the last block of these.
fn decide(chain: &mut TestChain, change: Change, voters: &[u16]) {
    let now_ms = chain.head.time_ms + 10;
    let propose = Body::Propose(Propose { change: Box::new(change), effective_ms: 0 });
    let proposal = chain.transaction(1, now_ms, vec![propose]);
    let reference = proposal.operations[0].reference;
    chain.extend(now_ms, &[proposal]);
    for merchant in voters {
        let vote = VoteOn { merchant: MerchantId(1), proposal: reference, approves: true };
        extend(chain, *merchant, vec![Body::Vote(vote)]);
    }
    extend(chain, 1, vec![]);
}

/// The height from which validators that were announced last are to validate.
fn announced(chain: &TestChain) -> u64 {
    chain.head.rota.coming(chain.head.height).last().expect("a change was announced").0.0
}

/// A chain in which a fifth merchant joins and leaves, and the first heights with and without it.
fn join_and_leave() -> (TestChain, u64, u64) {
    let mut chain = TestChain::new(open_genesis());
    chain.extend(START_MS + HOUR_MS, &[]);
    let admission = admission(chain.chain.chain_id());
    decide(&mut chain, admission, &[2, 3]);
    let joined = announced(&chain);
    assert_eq!(joined, chain.head.height.0 + NOTICE_BLOCKS);
    while chain.head.height.0 < joined + 5 {
        refuses_what_others_signed(&chain);
        extend(&mut chain, 1, vec![]);
    }
    let exit = Change::Exit(Exit { merchant: FIFTH, successor: MerchantId(1), exchanges: vec![] });
    decide(&mut chain, exit, &[2, 3, 4]);
    let later = chain.head.time_ms + 100 * DAY_MS;
    chain.extend(later, &[]);
    extend(&mut chain, 5, vec![Body::Depart(Depart { merchant: FIFTH })]);
    let left = announced(&chain);
    while chain.head.height.0 < left + 2 {
        refuses_what_others_signed(&chain);
        extend(&mut chain, 1, vec![]);
    }
    (chain, joined, left)
}

/// Validators that make no certificate of a height: of four, one is a stranger; of five, three are too few.
fn wrong_signers(chain: &TestChain, height: Height) -> Vec<u16> {
    if chain.head.rota.of(height).validators().len() == 4 { vec![1, 2, 5] } else { vec![1, 2, 3] }
}

/// No block follows the head of a chain that carries another certificate than one of the validators of the head's height.
fn refuses_what_others_signed(chain: &TestChain) {
    let (height, block_id) = (chain.head.height, chain.head.block_id);
    let signers = wrong_signers(chain, height);
    let mut block = chain.propose(chain.head.time_ms + 10, &[]);
    let certificate = certify(chain.chain.chain_id(), height, &block_id, &signers);
    block.header.last_commit_hash = certificate.hash();
    block.last_commit = Some(certificate);
    let refusal = chain.chain.check(&chain.head, &block.encode()).expect_err("no quorum of the validators signed");
    let expected = if signers.contains(&5) {
        CertificateError::Stranger { index: 2, merchant: FIFTH }
    } else {
        CertificateError::Quorum { signed: 3, validators: 5 }
    };
    assert_eq!(refusal, InvalidBlock::Certificate(expected), "height {height}");
}

fn run(archive: &[u8], threads: usize) -> Result<Report, Box<Failure>> {
    let options = Options { threads: NonZeroUsize::new(threads).unwrap() };
    verify(archive, &open_genesis(), options, |_| {}).map_err(|error| match error {
        VerifyError::Failed(failure) => failure,
        other => panic!("nothing but the archive is wrong here: {other}"),
    })
}

#[test]
fn a_chain_whose_validators_change_verifies_for_any_number_of_threads() {
    let (chain, joined, left) = join_and_leave();
    let proposed: Vec<u64> = chain
        .blocks
        .iter()
        .map(|(block, _)| &block.header)
        .filter(|h| h.proposer == FIFTH)
        .map(|h| h.height.0)
        .collect();
    assert!(proposed.first().is_some_and(|first| *first >= joined), "{proposed:?} from {joined}");
    assert!(proposed.last().is_some_and(|last| *last < left), "{proposed:?} until {left}");
    let archive = chain.archive();
    let seen = [1, 2, 16].map(|threads| {
        let report = run(&archive, threads).unwrap_or_else(|failure| panic!("{threads} threads: {failure}"));
        let epochs = report.epochs.iter().map(|epoch| (epoch.from_height.0, epoch.validators.len()));
        assert_eq!(epochs.collect::<Vec<_>>(), [(1, 4), (joined, 5), (left, 4)]);
        (report.block_id, report.state_hash, report.vote_signatures)
    });
    assert_eq!(seen[0].0, chain.head.block_id);
    assert_eq!(seen, [seen[0]; 3]);
}

#[test]
fn a_certificate_is_judged_by_the_validators_of_its_own_height() {
    let (chain, joined, left) = join_and_leave();
    let start = TestChain::new(open_genesis());
    for height in [joined - 1, joined, joined + 1, left - 1, left, left + 1] {
        let is_member = (joined..left).contains(&height);
        let signers: &[u16] = if is_member { &[1, 2, 3] } else { &[1, 2, 5] };
        let mut blocks = chain.blocks[..height as usize].to_vec();
        let (block, certificate) = blocks.last_mut().unwrap();
        *certificate = certify(start.chain.chain_id(), block.header.height, &block.header.id(), signers);
        let archive = archive_of(&open_genesis(), &blocks);
        let failure = run(&archive, 16).expect_err("no quorum of the validators signed");
        assert_eq!(failure.check, CheckKind::Certificate, "height {height}: {failure}");
        assert_eq!(failure.place.height, Some(Height(height)), "{failure}");
        assert_eq!(run(&archive, 1).expect_err("for any number of threads"), failure);
    }
}

#[test]
fn nobody_proposes_before_its_time() {
    let (chain, joined, _) = join_and_leave();
    for (height, is_valid) in [(joined - 1, false), (joined, true)] {
        let mut replayed = TestChain::new(open_genesis());
        for (block, _) in &chain.blocks[..height as usize - 1] {
            replayed.commit(block.clone());
        }
        let mut block = chain.blocks[height as usize - 1].0.clone();
        block.header.proposer = FIFTH;
        let verdict = replayed.chain.check(&replayed.head, &block.encode());
        let is_refused = matches!(verdict, Err(InvalidBlock::Header { field: "proposer", .. }));
        assert_eq!((verdict.is_ok(), is_refused), (is_valid, !is_valid), "height {height}: {verdict:?}");
    }
}

#[test]
fn what_follows_an_upgrade_is_left_to_newer_software() {
    let mut chain = TestChain::new(open_genesis());
    chain.extend(START_MS + HOUR_MS, &[]);
    decide(&mut chain, Change::Upgrade(Upgrade { version: PROTOCOL_VERSION + 1 }), &[2, 3]);
    let from = chain.head.height.0 + NOTICE_BLOCKS;
    while chain.head.height.0 + 1 < from {
        extend(&mut chain, 1, vec![]);
    }
    run(&chain.archive(), 2).expect("the old rules hold up to here");
    extend(&mut chain, 1, vec![]);
    let judged = verify(chain.archive().as_slice(), &open_genesis(), Options::default(), |_| {});
    assert!(
        matches!(judged, Err(VerifyError::Outdated(Height(at), version)) if (at, version) == (from, PROTOCOL_VERSION + 1)),
        "{judged:?}"
    );
}
