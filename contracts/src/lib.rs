//! The deterministic state machine of Tally.
//!
//! Every node of an alliance runs this crate over the same ordered transactions and must reach the same bytes. So there
//! is no clock, no I/O, no thread, no float and no unordered iteration in it (`clippy.toml` refuses them), and what a
//! node may see of the outside is handed in: the [`state::Store`] it reads and the [`execute::BlockContext`] it runs in.
//!
//! The way of a transaction: bytes -> [`transaction::Transaction`] -> [`transaction::CheckedTransaction`] (everything
//! that its bytes alone decide) -> [`execute::execute_block`] (everything that state decides) -> receipts and writes.
//! One folder a contract, one file a verb; [`rejection::Rejection`] lists every business rule.

#![deny(clippy::float_arithmetic)]

pub mod types;
pub mod encoding;
pub mod crypto;
pub mod genesis;
pub mod authorization;
mod operation;
pub mod transaction;
pub mod rejection;
pub mod receipt;
pub mod state;
pub mod execute;
pub mod due;

pub mod membership;
pub mod points;
pub mod pool;
pub mod exchange;
pub mod settlement;
pub mod governance;
pub mod checkpoint;

#[cfg(test)]
mod testing;
