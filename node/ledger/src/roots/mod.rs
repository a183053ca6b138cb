//! The two roots of a checkpoint and the proofs under them (ADR 0012).
//!
//! `erc1155_root` proves live balances and their absence to anyone who reads Ethereum: [`erc1155`] lays them out,
//! [`trie`] hashes them. `state_root` proves holdings and settlement records with SHA-256 alone: [`records`] orders
//! them, [`state_tree`] hashes them. Both come of one pass over a snapshot, beside consensus; all of it is pure.

use std::ops::ControlFlow;

use tally_contracts::points::balance_at;
use tally_contracts::state::Store;
use tally_contracts::types::Month;

pub mod erc1155;
pub mod trie;
pub mod records;
pub mod state_tree;

use erc1155::{Balances, BalancesBuilder};
use records::{Record, RecordId, visit_records};
use state_tree::StateTree;
use trie::StorageTrie;

/// The state at a checkpoint as it is attested, with what proofs need beside the snapshot.
#[derive(Clone, Debug)]
pub struct Roots {
    /// All records; its root is `state_root`.
    pub state: StateTree,
    /// Live balances by key in the trie: what [`StorageTrie::prove`] reads from.
    pub balances: Balances,
    /// The trie over them; its root is `erc1155_root`.
    pub storage: StorageTrie,
}

/// Builds the roots of the state in `store`, a snapshot right after the checkpoint's block. `month` is that of the
/// block's time, by which points are live or lapsed; `uri` is what the contract of ERC-1155 is constructed with.
/// Hashing takes so many threads, of which nothing but the time depends.
#[must_use]
pub fn checkpoint_roots(store: &dyn Store, month: Month, uri: &str, threads: usize) -> Roots {
    let mut state = StateTree::default();
    let mut balances = BalancesBuilder::default();
    visit_records(store, &RecordId::FIRST, |record| {
        state.push(record);
        if let Record::Holding { address, class, lots, .. } = record {
            balances.push(address, *class, balance_at(lots, month));
        }
        ControlFlow::Continue(())
    });
    let balances = balances.finish(uri, threads);
    let storage = StorageTrie::new(&balances, threads);
    Roots { state, balances, storage }
}

#[cfg(test)]
mod tests;
