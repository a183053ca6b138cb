//! What makes a block invalid, and whether its id says so: then nobody may ever vote for it, and a node to which it was decided
//! has diverged.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with a message")]

mod common;

use common::*;
use tally_contracts::transaction::transaction_id;
use tally_contracts::types::Hash;
use tally_ledger::block::{Block, transactions_root};
use tally_ledger::chain::InvalidBlock;

/// What is done to a block that was valid.
type Change = fn(&mut Block);

/// A chain of one block, and a second one that is valid.
fn second_block() -> (TestChain, Block) {
    let mut chain = TestChain::new(genesis());
    let t = START_MS + 1_000;
    let first = chain.transaction(1, t, vec![enrol(1)]);
    chain.extend(t, &[first]);
    let second = chain.transaction(1, t, vec![issue(1, member(1, 1), &[12_850])]);
    let block = chain.propose(t + 10, &[second]);
    (chain, block)
}

/// Changes the last byte of the only transaction, which is its signature's.
fn spoil(block: &mut Block) {
    *block.transactions[0].last_mut().unwrap() ^= 1;
}

fn names_its_content(block: &mut Block) {
    block.header.transactions_root = transactions_root(block.transactions.iter().map(|bytes| transaction_id(bytes)));
}

#[test]
fn an_id_pins_what_its_header_speaks_of() {
    let cases: [(&str, Change, bool); 7] = [
        ("another parent", |block| block.header.parent_hash = Hash::ZERO, true),
        ("a time that is over", |block| block.header.time_ms = START_MS, true),
        (
            "a transaction that is wrongly signed",
            |block| {
                spoil(block);
                names_its_content(block);
            },
            true,
        ),
        ("a transaction that was spoilt on its way", spoil, false),
        ("a transaction left out on the way", |block| block.transactions.clear(), false),
        ("a certificate left out on the way", |block| block.last_commit = None, false),
        (
            "a certificate that nobody signed",
            |block| {
                let certificate = block.last_commit.as_mut().unwrap();
                certificate.signatures.clear();
                block.header.last_commit_hash = certificate.hash();
            },
            true,
        ),
    ];
    let (chain, valid) = second_block();
    chain.chain.check(&chain.head, &valid.encode()).expect("an honest block is valid");
    for (what, change, is_pinned) in cases {
        let mut block = valid.clone();
        change(&mut block);
        let refusal: InvalidBlock = chain.chain.check(&chain.head, &block.encode()).expect_err(what);
        assert_eq!(refusal.is_pinned(&block), is_pinned, "{what}: {refusal}");
    }
}
