//! The node of one merchant: orders transactions with its peers, executes them, keeps and serves the ledger.
//!
//! Modules in the order of a purchase's way: [`http`] and [`ingress`] (acknowledge durably) -> [`mempool`] -> [`network`] (to
//! all validators) -> [`consensus`] (order) -> [`replica`] (run the contracts, commit, in [`storage`]) -> [`query`] and
//! [`http`] (receipts, balances, statements). Beside it, [`anchoring`] takes checkpoints outside. [`node`] starts and stops the parts (`docs/architecture.md`).

pub mod clock;
pub mod config;
pub mod logging;
pub mod guests;
pub mod attesting;
pub mod anchoring;
pub mod node;

pub mod http;
pub mod ingress;
pub mod mempool;
pub mod network;
mod pace;
pub mod consensus;

pub use tally_replica::{keeper, prover, query, replica, storage};
