//! Golden bytes of the ledger's records and archives: what is hashed, signed or stored must never change unnoticed.
//!
//! After a deliberate change of format, `TALLY_BLESS=1 cargo test --release -p tally-ledger --test golden` writes the files
//! anew; the difference then shows in review. Fixtures of old versions and of damage are made from the same files.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with a message")]

mod common;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use common::*;
use tally_contracts::encoding::{decode, encode};
use tally_contracts::governance::ValidatorSet;
use tally_contracts::types::{Hash, Height, MerchantId};
use tally_ledger::block::{Block, Header, Outcome};
use tally_ledger::certificate::{CommitCertificate, VoteKind, vote_bytes};
use tally_ledger::leaf::Leaf;
use tally_ledger::log::Frontier;
use tally_ledger::verify::{Options, Progress, VerifyError, verify};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("hex")
}

/// Reads a fixture: hexadecimal, 64 digits a line.
fn read(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    hex::decode(text.split_whitespace().collect::<String>()).unwrap()
}

fn golden(name: &str, bytes: &[u8]) {
    if std::env::var_os("TALLY_BLESS").is_some() {
        let text: String = bytes.chunks(32).map(|line| hex::encode(line) + "\n").collect();
        std::fs::write(path(name), text).unwrap();
    }
    assert_eq!(hex::encode(read(name)), hex::encode(bytes), "{name}: the format changed");
}

/// A header in which every byte tells where it belongs.
fn header() -> Header {
    Header {
        version: 1,
        chain_id: Hash([0x10; 32]),
        height: Height(0x0102_0304_0506_0708),
        time_ms: 0x1112_1314_1516_1718,
        parent_hash: Hash([0x20; 32]),
        proposer: MerchantId(0x2122),
        transactions_root: Hash([0x30; 32]),
        validators_hash: Hash([0x40; 32]),
        last_commit_hash: Hash([0x50; 32]),
        outcome: Outcome { log_size: 0x5152_5354, log_root: Hash([0x60; 32]), state_hash: Hash([0x70; 32]) },
    }
}

fn certificate() -> CommitCertificate {
    certify(&Hash([0x10; 32]), Height(7), &header().id(), &[1, 2, 4])
}

fn block() -> Block {
    Block { header: header(), last_commit: Some(certificate()), transactions: vec![vec![1, 2, 3], vec![]] }
}

#[test]
fn header_and_block() {
    golden("header", &encode(&header()));
    golden("block_id", &header().id().0);
    golden("block", &block().encode());
    assert_eq!(decode::<Header>(&read("header")), Ok(header()));
    assert_eq!(Block::decode(&read("block")), Ok(block()));
}

#[test]
fn votes_and_certificates() {
    let vote = |kind, id: Option<&Hash>| vote_bytes(&Hash([0x10; 32]), kind, Height(7), 3, id, MerchantId(0x0102));
    golden("prevote_nil", &vote(VoteKind::Prevote, None));
    golden("precommit", &vote(VoteKind::Precommit, Some(&Hash([0x20; 32]))));
    golden("certificate", &encode(&certificate()));
    golden("certificate_hash", &certificate().hash().0);
    assert_eq!(decode::<CommitCertificate>(&read("certificate")), Ok(certificate()));
}

#[test]
fn validators() {
    let validators = ValidatorSet::of_genesis(&genesis());
    golden("validators", &encode(&validators));
    golden("validators_hash", &validators.hash().0);
}

#[test]
fn leaves_and_frontier() {
    let mut chain = year_in_six_blocks();
    let last = chain.head.clone();
    golden("leaf_header", &encode(&Leaf::Header(&header())));
    golden("frontier", &encode(&last.frontier));
    assert_eq!(decode::<Frontier>(&read("frontier")), Ok(last.frontier));
    // A block with due work and a transaction: their leaves, as the log has them.
    let t = START_MS + 70 * tally_contracts::types::DAY_MS;
    let transaction = chain.transaction(1, t, vec![issue(1, member(1, 1), &[100]), enrol(1)]);
    let block = chain.propose(t, &[transaction]);
    let checked = chain.chain.check(&chain.head, &block.encode()).unwrap();
    let executed = chain.chain.execute(&chain.store, &chain.head, &checked);
    let leaves: Vec<Leaf> = checked.leaves(&executed.due, &executed.receipts).collect();
    golden("leaf_due", &encode(&leaves[0]));
    golden("leaf_transaction", &encode(&leaves[leaves.len() - 2]));
}

#[test]
fn archives() {
    golden("archive", &year_in_six_blocks().archive());
    let options = Options { threads: NonZeroUsize::MIN };
    let ignore = |_: Progress| {};
    let report = verify(read("archive").as_slice(), &genesis(), options, ignore).expect("the golden archive verifies");
    assert_eq!(report.height, Height(6));

    let mut archive = read("archive");
    archive[10] = 0;
    golden("archive_version_0", &archive);
    let fails = |name: &str| match verify(read(name).as_slice(), &genesis(), options, ignore) {
        Err(VerifyError::Failed(failure)) => failure.to_string(),
        other => panic!("{name} is damaged: {other:?}"),
    };
    let text = fails("archive_version_0");
    assert!(text.contains("format version 0, this program reads version 1"), "{text}");

    let mut archive = read("archive");
    archive[3000] ^= 0x40;
    golden("archive_damaged", &archive);
    let text = fails("archive_damaged");
    assert!(text.contains("byte 3000 of the archive reads"), "{text}");
}
