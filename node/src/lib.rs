//! The node of one merchant: orders transactions with its peers, executes them, keeps and serves the ledger.
//!
//! Modules in the order of a purchase's way through the node (`docs/architecture.md`).

pub mod ingress;
pub mod mempool;
pub mod network;

pub mod consensus;
