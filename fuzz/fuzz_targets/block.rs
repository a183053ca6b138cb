//! Bytes -> block -> verdict against a parent: no panic, one encoding, one verdict in one step and in two; what is
//! accepted runs. The first byte says whether the rest are a block's bytes or choices by which one is forged.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tally_contracts::genesis::MAX_TIME_MS;
use tally_contracts::types::{Hash, Height, MerchantId};
use tally_fuzz::alliance::{Alliance, certify};
use tally_fuzz::codec;
use tally_fuzz::edits::damage;
use tally_fuzz::input::Input;
use tally_fuzz::plan;
use tally_fuzz::world::Start;
use tally_ledger::block::{Block, VERSION, transactions_root};
use tally_ledger::certificate::{CommitCertificate, CommitSignature};

static ALLIANCES: LazyLock<[Alliance; 3]> = LazyLock::new(|| Start::ALL.map(Alliance::start));

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let alliance = &ALLIANCES[usize::from(first >> 1) % ALLIANCES.len()];
    if first % 2 == 0 {
        judge(alliance, rest);
    } else {
        let block = forge(alliance.clone(), &mut Input::new(rest));
        judge(alliance, &block.encode());
    }
});

fn judge(alliance: &Alliance, bytes: &[u8]) {
    let Alliance { chain, head, world, .. } = alliance;
    codec::canonical::<Block>(bytes);
    let at_once = chain.check(head, bytes);
    let in_steps = chain.check_alone(&head.rota, bytes).and_then(|sound| chain.check_successor(head, sound));
    match (at_once, in_steps) {
        (Ok(at_once), Ok(in_steps)) => {
            assert_eq!(at_once.id(), in_steps.id());
            let executed = chain.execute(&world.store, head, &at_once);
            assert_eq!(executed.writes, chain.execute(&world.store, head, &in_steps).writes);
            assert!(executed.head.outcome.log_size > head.outcome.log_size, "a block has a leaf at least");
        }
        (Err(_), Err(_)) => {}
        (at_once, in_steps) => panic!("at once {at_once:?}, in steps {in_steps:?}"),
    }
}

/// A block that follows the head, with something changed that may make it wrong.
fn forge(mut alliance: Alliance, input: &mut Input<'_>) -> Block {
    let time_ms = plan::time_ms(input, &alliance.world);
    let transactions = plan::transactions(input, &mut alliance.world, time_ms);
    let mut block = alliance.propose(time_ms, &transactions);
    for _ in 0..input.below(4) {
        match input.below(3) {
            0 => change_header(input, &mut block),
            1 => change_commit(input, &mut block, &alliance),
            _ => change_transactions(input, &mut block),
        }
    }
    if input.once_in(2) {
        block.header.last_commit_hash = block.last_commit.as_ref().map_or(Hash::ZERO, CommitCertificate::hash);
        let ids = tally_fuzz::execution::ids(&block.transactions, alliance.chain.chain_id());
        block.header.transactions_root = transactions_root(ids);
    }
    block
}

fn change_header(input: &mut Input<'_>, block: &mut Block) {
    let header = &mut block.header;
    let flip = |input: &mut Input<'_>, hash: &mut Hash| hash.0[input.below(32)] ^= 1 << input.below(8);
    match input.below(12) {
        0 => header.version = input.pick(&[0, VERSION - 1, VERSION + 1, u16::MAX]),
        1 => header.height = Height(input.amount_near(header.height.0)),
        2 => {
            let time_ms = input.pick(&[header.time_ms, header.time_ms, MAX_TIME_MS]);
            header.time_ms = input.amount_near(time_ms);
        }
        3 => header.proposer = MerchantId(input.pick(&[0, 1, 2, 3, 4, u16::MAX])),
        4 => flip(input, &mut header.chain_id),
        5 => flip(input, &mut header.parent_hash),
        6 => flip(input, &mut header.transactions_root),
        7 => flip(input, &mut header.validators_hash),
        8 => flip(input, &mut header.last_commit_hash),
        9 => header.outcome.log_size = input.amount_near(header.outcome.log_size),
        10 => flip(input, &mut header.outcome.log_root),
        _ => flip(input, &mut header.outcome.state_hash),
    }
}

fn change_commit(input: &mut Input<'_>, block: &mut Block, alliance: &Alliance) {
    let Some(commit) = &mut block.last_commit else { return };
    let count = commit.signatures.len();
    match input.below(8) {
        0 => block.last_commit = None,
        1 => commit.round = input.pick(&[1, u32::MAX]),
        2 => commit.height = Height(input.pick(&[0, 1, u64::MAX])),
        3 => drop(commit.signatures.pop()),
        4 if count > 1 => commit.signatures.swap(0, 1),
        5 if count > 0 => commit.signatures.push(commit.signatures[0]),
        6 => commit.signatures.push(CommitSignature { merchant: MerchantId(9), signature: Default::default() }),
        // Another set of signers, as good as the one before.
        _ => {
            let (height, id) = (commit.height, commit.block_id);
            *commit = certify(alliance.chain.chain_id(), height, &id, &[2, 3, 4].map(MerchantId));
        }
    }
}

fn change_transactions(input: &mut Input<'_>, block: &mut Block) {
    let transactions = &mut block.transactions;
    let count = transactions.len();
    match input.below(5) {
        0 => drop(transactions.pop()),
        1 if count > 0 => transactions.push(transactions[0].clone()),
        2 if count > 1 => transactions.swap(0, 1),
        3 if count > 0 => damage(input, &mut transactions[0]),
        _ => transactions.push(Vec::new()),
    }
}
