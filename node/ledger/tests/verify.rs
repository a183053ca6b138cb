//! Whole archives verify; every damaged byte is named; what was forged is refused at its place.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with a message")]

mod common;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use common::*;
use proptest::prelude::*;
use tally_contracts::genesis::Genesis;
use tally_contracts::state::{MemoryStore, Store as _};
use tally_contracts::transaction::CheckedTransaction;
use tally_contracts::types::{Height, MerchantId};
use tally_ledger::archive::{ArchiveReader, FRAME_HEAD_BYTES, Frame, Kind, PREAMBLE_BYTES};
use tally_ledger::block::{Outcome, transactions_root};
use tally_ledger::certificate::CommitCertificate;
use tally_ledger::verify::{CheckKind, Failure, Options, Report, VerifyError, replay, verify};

fn run(archive: &[u8], genesis: &Genesis, threads: usize) -> Result<Report, Box<Failure>> {
    let options = Options { threads: NonZeroUsize::new(threads).unwrap() };
    verify(archive, genesis, options, |_| {}).map_err(|error| match error {
        VerifyError::Failed(failure) => failure,
        other => panic!("nothing but the archive is wrong here: {other}"),
    })
}

fn fails(archive: &[u8]) -> Failure {
    let failure = run(archive, &genesis(), 2).expect_err("this archive is wrong");
    assert_eq!(run(archive, &genesis(), 1).expect_err("for any number of threads"), failure);
    *failure
}

fn frames(archive: &[u8]) -> Vec<Frame> {
    let mut reader = ArchiveReader::new(archive).unwrap();
    std::iter::from_fn(|| reader.frame().unwrap()).collect()
}

/// The archive with a frame's payload rewritten, all check sums right: what a forger would write.
fn forged(archive: &[u8], frame: &Frame, forge: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut payload = frame.payload.clone();
    forge(&mut payload);
    let start = frame.offset as usize;
    let mut head = archive[start..start + 12].to_vec();
    head.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    let sum = crc32fast::hash(&payload).to_le_bytes();
    [&archive[..start], &head, &payload, &sum, &archive[start + frame.length() as usize..]].concat()
}

#[test]
fn an_archive_of_honest_blocks_verifies() {
    let chain = year_in_six_blocks();
    let mut heights = Vec::new();
    let archive = chain.archive();
    let report = verify(archive.as_slice(), &genesis(), Options::default(), |p| heights.push(p.height.0)).unwrap();
    assert_eq!(heights, [1, 2, 3, 4, 5, 6]);
    assert_eq!(report.height, Height(6));
    assert_eq!(report.transactions, 7);
    let counts = report.operations;
    assert_eq!((counts.applied, counts.duplicate, counts.rejected), (8, 2, 1));
    assert_eq!(report.settlements, 2);
    assert_eq!(report.vote_signatures, (6 + 5) * 3);
    assert_eq!(report.leaves, chain.head.outcome.log_size);
    assert_eq!(report.state_hash, chain.head.outcome.state_hash);
    assert_eq!(report.bytes, archive.len() as u64);
    assert!(report.classes.iter().all(|c| c.totals.lapsed.0 > 0 && c.totals.swept == c.totals.lapsed), "{report:#?}");
    assert!(report.checks.iter().any(|c| !c.checked && c.detail.contains("attested only by re-execution")));
}

#[test]
fn a_replay_shows_every_block_on_the_state_before_it_until_it_is_broken_off() {
    let chain = year_in_six_blocks();
    let (archive, genesis) = (chain.archive(), chain.chain.genesis());
    for last in [3, 6, 9] {
        let (mut store, mut shown) = (MemoryStore::default(), Vec::new());
        store.apply(&chain.chain.start().1);
        let end = replay(&archive[..], genesis, Options::default(), |block, progress| {
            assert_eq!((block.height, block.time_ms), (progress.height, chain.blocks[shown.len()].0.header.time_ms));
            assert_eq!(block.before.scan(&[], &[0xff], usize::MAX), store.scan(&[], &[0xff], usize::MAX));
            store.apply(block.writes);
            shown.push(block.height.0);
            if block.height.0 == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(end.is_ok());
        assert_eq!(shown, (1..=last.min(6)).collect::<Vec<_>>());
    }
}

#[test]
fn an_archive_without_blocks_verifies() {
    let report = run(&TestChain::new(genesis()).archive(), &genesis(), 2).unwrap();
    assert_eq!((report.height, report.operations.total()), (Height(0), 0));
}

#[test]
fn every_damaged_byte_is_named() {
    let archive = &three_blocks();
    let fields = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..2).map(|lane| scope.spawn(move || damage(archive, lane))).collect();
        lanes.into_iter().flat_map(|lane| lane.join().expect("every byte is named")).collect::<BTreeSet<_>>()
    });
    for field in [
        (false, None, "magic"),
        (false, None, "version"),
        (false, None, "genesis.merchants[3].validator_key"),
        (false, None, "frame height"),
        (false, None, "frame length"),
        (false, None, "frame head check sum"),
        (false, None, "frame check sum"),
        (false, None, "header.time_ms"),
        (false, None, "header.outcome.state_hash"),
        (false, None, "last_commit.signatures[2].signature"),
        (false, None, "last_commit (present)"),
        (false, None, "transactions (length)"),
        (false, None, "certificate.round"),
        (false, None, "certificate.signatures (length)"),
        (false, None, "closing frame, block id"),
        (true, None, "valid_until_ms"),
        (true, None, "signature"),
        (true, Some(0), "issue.lines[1].amount_fen"),
        (true, Some(0), "body (kind)"),
        (true, Some(0), "till.store_id"),
        (true, Some(1), "transfer.to"),
        (true, Some(0), "exchange.min_out"),
        (true, Some(1), "reference"),
    ] {
        let (transaction, operation, name) = field;
        assert!(fields.contains(&(transaction, operation, name.to_owned())), "no byte of {field:?}: {fields:#?}");
    }
}

/// An archive with every kind of field in it, and no more than that, for it is verified once for each of its bytes.
fn three_blocks() -> Vec<u8> {
    let mut chain = year_in_six_blocks();
    chain.blocks.truncate(3);
    chain.archive()
}

/// Damages every other byte, one at a time; gives the fields that were named.
fn damage(archive: &[u8], first: usize) -> Vec<(bool, Option<usize>, String)> {
    let mut archive = archive.to_vec();
    let mut fields = Vec::new();
    for at in (first..archive.len()).step_by(2) {
        let right = archive[at];
        archive[at] ^= u8::try_from(at % 255).unwrap() + 1;
        let failure = run(&archive, &genesis(), 1).expect_err("a damaged byte is found");
        let byte = failure.byte.unwrap_or_else(|| panic!("byte {at}: not named: {failure}"));
        assert_eq!((byte.offset, byte.found, byte.expected), (at as u64, archive[at], right), "{failure}");
        let place = failure.place;
        assert!((place.offset..place.offset + place.bytes).contains(&byte.offset), "byte {at}: {place:?}");
        archive[at] = right;
        fields.push((place.transaction.is_some(), place.operation, place.field));
    }
    fields
}

#[test]
fn an_archive_cut_off_anywhere_fails_there() {
    let archive = three_blocks();
    for length in 0..archive.len() {
        let failure = run(&archive[..length], &genesis(), 1).expect_err("cut off");
        assert_eq!((failure.check, failure.place.offset), (CheckKind::Format, length as u64), "{failure}");
    }
}

#[test]
fn nothing_may_follow_the_closing_frame() {
    let mut archive = year_in_six_blocks().archive();
    let end = archive.len() as u64;
    archive.push(0);
    assert_eq!((fails(&archive).check, fails(&archive).place.offset), (CheckKind::Format, end));
}

#[test]
fn two_damaged_bytes_name_the_block_and_what_fails_first() {
    let mut archive = year_in_six_blocks().archive();
    let frame = &frames(&archive)[3];
    let start = frame.payload_offset() as usize;
    archive[start + 10] ^= 1;
    archive[start + frame.payload.len() - 3] ^= 1;
    let failure = fails(&archive);
    assert_eq!((failure.check, failure.place.height, failure.byte), (CheckKind::CheckSum, Some(Height(3)), None));
    assert_eq!((failure.place.offset, failure.verified), (frame.offset, Height(2)));
    assert!(failure.reason.contains("chain_id"), "{failure}");
}

#[test]
fn the_first_of_two_damaged_blocks_is_reported() {
    let mut archive = year_in_six_blocks().archive();
    let offsets: Vec<usize> = frames(&archive).iter().map(|f| f.payload_offset() as usize + 60).collect();
    archive[offsets[5]] ^= 1;
    archive[offsets[2]] ^= 1;
    assert_eq!(fails(&archive).byte.unwrap().offset, offsets[2] as u64);
}

#[test]
fn the_genesis_must_be_the_auditors() {
    let mut other = genesis();
    other.parameters.no_consent_limit_fen.0 += 1;
    let failure = run(&year_in_six_blocks().archive(), &other, 1).unwrap_err();
    assert_eq!(
        (failure.check, failure.place.field.as_str()),
        (CheckKind::Genesis, "genesis.parameters.no_consent_limit_fen")
    );
    assert!(failure.reason.contains(&genesis().chain_id().to_string()), "{failure}");
    let archive = year_in_six_blocks().archive();
    let longer = forged(&archive, &frames(&archive)[0], |p| p.extend_from_slice(&crc32fast::hash(p).to_le_bytes()));
    assert_eq!(fails(&longer).check, CheckKind::Genesis);
}

#[test]
fn swapped_blocks_are_refused() {
    let chain = year_in_six_blocks();
    let archive = chain.archive();
    let parts = frames(&archive);
    let cut = |f: &Frame| archive[f.offset as usize..(f.offset + f.length()) as usize].to_vec();
    let (a, b) = (&parts[2], &parts[3]);
    let (before, after) = (&archive[..a.offset as usize], &archive[(b.offset + b.length()) as usize..]);
    let failure = fails(&[before, &cut(b), &cut(a), after].concat());
    assert_eq!((failure.check, failure.place.offset), (CheckKind::Format, a.offset), "{failure}");
    assert_eq!(failure.place.field, "frame head");

    // Renumbered, too: only the frames' heads, then the certificates.
    let mut blocks = chain.blocks.clone();
    let (second, third) = (blocks[1].clone(), blocks[2].clone());
    blocks[1] = (third.0, second.1);
    blocks[2] = (second.0, third.1);
    let failure = fails(&archive_of(&genesis(), &blocks));
    assert_eq!((failure.check, failure.place.field.as_str()), (CheckKind::Header, "header.height"), "{failure}");
}

#[test]
fn a_missing_block_is_missed() {
    let archive = year_in_six_blocks().archive();
    let f = &frames(&archive)[4];
    let without = [&archive[..f.offset as usize], &archive[(f.offset + f.length()) as usize..]].concat();
    let failure = fails(&without);
    assert_eq!((failure.place.height, failure.verified), (Some(Height(5)), Height(3)), "{failure}");
}

#[test]
fn an_outcome_that_all_validators_forged_is_refused() {
    let mut chain = year_in_six_blocks();
    let mut blocks = chain.blocks.split_off(3);
    blocks[0].0.header.outcome.state_hash.0[5] ^= 1;
    resign(&chain, &mut blocks);
    chain.blocks.extend(blocks);
    let failure = fails(&chain.archive());
    assert_eq!(failure.check, CheckKind::Outcome);
    assert_eq!(failure.place.to_string(), "block 4, header.outcome.state_hash");
    assert!(failure.reason.contains("re-executing block 3"), "{failure}");
}

/// Makes forged blocks a chain again, with certificates that the validators sign as if all of them were in it.
fn resign(chain: &TestChain, blocks: &mut [(tally_ledger::block::Block, CommitCertificate)]) {
    let mut last = chain.blocks.last().unwrap().1.clone();
    for (block, certificate) in blocks {
        block.header.parent_hash = last.block_id;
        block.header.last_commit_hash = last.hash();
        block.last_commit = Some(last);
        *certificate = certify(chain.chain.chain_id(), block.header.height, &block.header.id(), &[1, 2, 3, 4]);
        last = certificate.clone();
    }
}

#[test]
fn a_forged_amount_breaks_its_transactions_signature() {
    let archive = year_in_six_blocks().archive();
    let frame = &frames(&archive)[2];
    let amount = 12_850_u64.to_le_bytes();
    let at = frame.payload.windows(8).position(|w| w == amount).unwrap();
    let failure = fails(&forged(&archive, frame, |p| p[at] ^= 1));
    assert_eq!(failure.check, CheckKind::Transaction);
    assert_eq!(failure.place.to_string(), "block 2, transaction 0, signature");
    assert_eq!(failure.place.bytes, 64);
}

#[test]
fn a_forged_operation_is_named_even_if_signed() {
    let mut chain = year_in_six_blocks();
    let mut blocks = chain.blocks.split_off(1);
    let mut bad: tally_contracts::transaction::Transaction =
        tally_contracts::encoding::decode(&blocks[0].0.transactions[0]).unwrap();
    bad.operations[1].reference.0 = 5;
    bad.sign(&operator_key(1));
    blocks[0].0.transactions[0] = tally_contracts::encoding::encode(&bad);
    resign(&chain, &mut blocks);
    chain.blocks.extend(blocks);
    let failure = fails(&chain.archive());
    assert_eq!(failure.place.to_string(), "block 2, transaction 0, operation 1, operation");
    assert!(failure.reason.contains("UUIDv7"), "{failure}");
}

#[test]
fn a_forged_header_no_longer_is_the_certified_one() {
    let archive = year_in_six_blocks().archive();
    let frame = &frames(&archive)[3];
    let time = 4 + 2 + 32 + 8;
    let failure = fails(&forged(&archive, frame, |p| p[time] ^= 1));
    assert_eq!(
        (failure.check, failure.place.to_string().as_str()),
        (CheckKind::Certificate, "block 3, certificate.block_id")
    );
    assert!(failure.reason.contains("the header hashes to"), "{failure}");
}

#[test]
fn certificates_without_a_quorum_are_refused() {
    let chain = year_in_six_blocks();
    let (block, right) = chain.blocks[5].clone();
    let id = block.header.id();
    let certificate = |merchants: &[u16]| certify(chain.chain.chain_id(), Height(6), &id, merchants);
    let with = |certificate: CommitCertificate| {
        let mut blocks = chain.blocks.clone();
        blocks[5].1 = certificate;
        let failure = fails(&archive_of(&genesis(), &blocks));
        assert_eq!((failure.check, failure.verified), (CheckKind::Certificate, Height(5)), "{failure}");
        failure.place.to_string()
    };
    assert_eq!(with(certificate(&[1, 2])), "block 6, certificate.signatures");
    assert_eq!(with(certificate(&[])), "block 6, certificate.signatures");
    assert_eq!(with(certificate(&[1, 2, 2])), "block 6, certificate.signatures[2].merchant");
    assert_eq!(with(certificate(&[1, 3, 2])), "block 6, certificate.signatures[2].merchant");
    assert_eq!(with(certificate(&[1, 2, 9])), "block 6, certificate.signatures[2].merchant");
    let mut foreign = certificate(&[1, 2, 9]);
    foreign.signatures[2].merchant = MerchantId(4);
    assert_eq!(with(foreign), "block 6, certificate.signatures[2].signature");
    let mut other_round = right;
    other_round.round = 1;
    assert_eq!(with(other_round), "block 6, certificate.signatures[0].signature");
}

#[test]
fn a_dropped_or_reordered_transaction_is_no_longer_the_headers() {
    let edits: [fn(&mut Vec<Vec<u8>>); 4] = [
        |transactions| drop(transactions.remove(0)),
        |transactions| drop(transactions.pop()),
        |transactions| transactions.swap(0, 1),
        |transactions| transactions.push(transactions[0].clone()),
    ];
    for edit in edits {
        let chain = year_in_six_blocks();
        let mut blocks = chain.blocks.clone();
        edit(&mut blocks[1].0.transactions);
        let failure = fails(&archive_of(&genesis(), &blocks));
        assert_eq!(failure.place.to_string(), "block 2, header.transactions_root");
        assert_eq!((failure.check, failure.verified), (CheckKind::Header, Height(1)), "{failure}");

        // With a header that fits, it is another block than the one that was signed.
        let ids = blocks[1]
            .0
            .transactions
            .iter()
            .map(|bytes| CheckedTransaction::check(bytes.clone(), chain.chain.chain_id()).unwrap().id());
        blocks[1].0.header.transactions_root = transactions_root(ids);
        let failure = fails(&archive_of(&genesis(), &blocks));
        assert_eq!(failure.place.to_string(), "block 2, certificate.block_id");
    }
}

#[test]
fn a_wrong_root_in_a_header_needs_more_than_two_thirds_to_sign_it_and_even_then_is_refused() {
    let forge: [fn(&mut Outcome); 3] = [
        |outcome| outcome.log_root.0[0] ^= 1,
        |outcome| outcome.state_hash.0[31] ^= 1,
        |outcome| outcome.log_size += 1,
    ];
    for (forge, field) in forge.into_iter().zip(["log_root", "state_hash", "log_size"]) {
        let chain = year_in_six_blocks();
        let mut blocks = chain.blocks.clone();
        forge(&mut blocks[5].0.header.outcome);
        let id = blocks[5].0.header.id();
        let with = |signers: &[u16]| {
            let mut blocks = blocks.clone();
            blocks[5].1 = certify(chain.chain.chain_id(), Height(6), &id, signers);
            fails(&archive_of(&genesis(), &blocks))
        };
        for signers in [&[1, 2][..], &[1, 2, 3, 4]] {
            let failure = with(signers);
            assert_eq!(failure.place.to_string(), format!("block 6, header.outcome.{field}"), "{signers:?}");
            assert_eq!((failure.check, failure.verified), (CheckKind::Outcome, Height(5)));
        }
    }
    // A time is the proposer's word: there nothing but the signatures tells.
    let chain = year_in_six_blocks();
    let mut blocks = chain.blocks.clone();
    blocks[5].0.header.time_ms += 1;
    let id = blocks[5].0.header.id();
    blocks[5].1 = certify(chain.chain.chain_id(), Height(6), &id, &[1, 2]);
    let failure = fails(&archive_of(&genesis(), &blocks));
    assert_eq!(failure.place.to_string(), "block 6, certificate.signatures");
    assert!(failure.reason.contains("2 of 4 validators signed"), "{failure}");
}

/// A year's archive and where each frame lies in it, made once.
static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| year_in_six_blocks().archive());

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of every kind of position in a frame: its head, block, certificate and check sum; and the preamble.
    #[test]
    fn a_flipped_byte_anywhere_is_named(part in 0_usize..5, frame in 0_usize..8, at in 0_usize..1 << 20, mask in 1_u8..) {
        let frames = frames(&WHOLE);
        let frame = &frames[frame];
        let (start, payload) = (frame.offset as usize, frame.payload_offset() as usize);
        let end = payload + frame.payload.len();
        let block_end = Frame::block_parts(&frame.payload).filter(|_| frame.kind == Kind::Block)
            .map_or(end, |parts| payload + 4 + parts.block.len());
        let range = match part {
            0 => 0..PREAMBLE_BYTES as usize,
            1 => start..payload,
            2 => payload..block_end,
            3 => block_end.min(end - 1)..end,
            _ => end..end + 4,
        };
        let at = range.start + at % range.len();
        let mut damaged = WHOLE.clone();
        damaged[at] ^= mask;
        let failure = run(&damaged, &genesis(), 2).expect_err("a damaged byte is found");
        let byte = failure.byte.expect("and named");
        prop_assert_eq!((byte.offset, byte.found, byte.expected), (at as u64, damaged[at], WHOLE[at]));
    }
}

#[test]
fn a_parents_certificate_in_a_block_counts_too() {
    let mut chain = year_in_six_blocks();
    let (mut block, _) = chain.blocks.pop().unwrap();
    let few = certify(chain.chain.chain_id(), Height(5), &block.header.parent_hash, &[1, 2]);
    block.header.last_commit_hash = few.hash();
    block.last_commit = Some(few);
    let id = block.header.id();
    chain.blocks.push((block, certify(chain.chain.chain_id(), Height(6), &id, &[1, 2, 3, 4])));
    let failure = fails(&chain.archive());
    assert_eq!(failure.place.to_string(), "block 6, last_commit.signatures");
}

#[test]
fn a_closing_frame_must_name_the_last_block() {
    let archive = year_in_six_blocks().archive();
    let last = frames(&archive).pop().unwrap();
    let failure = fails(&forged(&archive, &last, |p| p[33] ^= 1));
    assert_eq!(failure.place.field, "closing frame, number of blocks");
    let failure = fails(&forged(&archive, &last, |p| p.truncate(32)));
    assert_eq!((failure.check, failure.byte.is_some()), (CheckKind::Format, true), "{failure}");
}

#[test]
fn what_a_length_claims_takes_no_memory() {
    let archive = year_in_six_blocks().archive();
    let start = frames(&archive)[1].offset as usize;
    let head = |kind: u32, height: u64, length: u32| {
        let mut head = [kind.to_le_bytes().as_slice(), &height.to_le_bytes(), &length.to_le_bytes()].concat();
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        [&archive[..start], &head].concat()
    };
    let failure = fails(&head(2, 1, u32::MAX));
    assert_eq!((failure.place.field.as_str(), failure.place.offset), ("frame length", start as u64 + 12));
    let failure = fails(&head(2, 1, 5 << 20));
    assert_eq!((failure.place.field.as_str(), failure.place.offset), ("end of file", start as u64 + FRAME_HEAD_BYTES));
    let failure = fails(&head(4, 1, 10));
    assert!(failure.reason.contains("of unknown kind 4"), "{failure}");
    assert_eq!(PREAMBLE_BYTES, 12);
    // A block that claims more than its frame has.
    let failure = fails(&forged(&archive, &frames(&archive)[1], |p| p[3] = 0xff));
    assert_eq!(failure.place.to_string(), "block 1, block (length)");
    // A block whose inner lengths are absurd: a transaction of 2^56 bytes.
    let frame = &frames(&archive)[1];
    let header = tally_contracts::encoding::encode(&year_in_six_blocks().blocks[0].0.header).len();
    let failure = fails(&forged(&archive, frame, |p| p[4 + header + 1 + 8 + 7] = 0xff));
    assert_eq!((failure.check, failure.place.to_string().as_str()), (CheckKind::Header, "block 1, block"), "{failure}");
}
