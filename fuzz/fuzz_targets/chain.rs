//! Chains of blocks of any operations: each is a valid successor of the one before, and the archive of all verifies.

#![no_main]

use std::num::NonZeroUsize;

use libfuzzer_sys::fuzz_target;
use tally_contracts::genesis::MAX_TIME_MS;
use tally_fuzz::alliance::Alliance;
use tally_fuzz::input::Input;
use tally_fuzz::plan;
use tally_fuzz::world::Start;
use tally_ledger::verify::{Options, verify};

/// Blocks after the first two, at most.
const MAX_BLOCKS: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mut alliance = Alliance::start(input.pick(&Start::ALL));
    for _ in 0..MAX_BLOCKS {
        let time_ms = plan::time_ms(&mut input, &alliance.world);
        if input.is_empty() || time_ms > MAX_TIME_MS {
            break;
        }
        let transactions = plan::transactions(&mut input, &mut alliance.world, time_ms);
        let block = alliance.propose(time_ms, &transactions);
        alliance.commit(block);
    }
    let archive = alliance.archive();
    let options = Options { threads: NonZeroUsize::MIN };
    let report =
        verify(archive.as_slice(), alliance.chain.genesis(), options, |_| {}).expect("an honest chain verifies");
    assert_eq!((report.height, report.block_id), (alliance.head.height, alliance.head.block_id));
    assert_eq!(report.state_hash, alliance.head.outcome.state_hash);
    assert_eq!((report.operations.total(), report.operations.applied), alliance.operations);
});
