//! `tallyd`, a merchant's node of a Tally alliance.
//!
//! The way of a purchase: `ingress` (acknowledge durably) -> `mempool` -> `network` (to all validators) -> `consensus`
//! (order) -> `replica` (run the contracts, commit) -> `http` (receipts, balances, statements, proofs).
pub mod config;
pub mod query;
