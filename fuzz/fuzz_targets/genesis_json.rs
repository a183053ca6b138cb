//! JSON -> genesis -> check: no panic, one encoding; and an alliance that checks can start and go on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tally_contracts::genesis::Genesis;
use tally_contracts::state::MemoryStore;
use tally_contracts::types::DAY_MS;
use tally_fuzz::codec;
use tally_ledger::chain::{Chain, Proposal};

fuzz_target!(|text: &[u8]| {
    let Ok(genesis) = serde_json::from_slice::<Genesis>(text) else {
        if let Some(genesis) = codec::canonical::<Genesis>(text) {
            start(genesis);
        }
        return;
    };
    codec::speaks_json(&genesis);
    codec::encodes(&genesis);
    start(genesis);
});

/// Runs two empty blocks, a month apart.
fn start(genesis: Genesis) {
    if genesis.check().is_err() {
        return;
    }
    let chain = Chain::new(genesis);
    let (mut head, writes) = chain.start();
    let mut store = MemoryStore::default();
    store.apply(&writes);
    for days in [0, 31] {
        let height = head.height.next();
        let proposer = head.rota.of(height).proposer(height, 0).merchant;
        let now_ms = head.time_ms + 1 + days * DAY_MS;
        let block = chain.propose(&head, Proposal { proposer, now_ms, last_commit: None, transactions: Vec::new() });
        // Past the end of time no block is valid; the second one has no certificate.
        let Ok(block) = chain.check(&head, &block.encode()) else { return };
        let executed = chain.execute(&store, &head, &block);
        store.apply(&executed.writes);
        head = executed.head;
    }
}
