//! Ingress: how operations and transactions come into the node, and what it promises of them.
//!
//! From its own merchant: operations, which the [`submitter`] acknowledges when they are synced in the [`outbox`], signs
//! in batches and sends until a receipt exists. From anyone with a token: transactions signed elsewhere, acknowledged in
//! the same way. From peers: transactions that [`Admission`] checks before they wait in the mempool.

mod admission;
mod batch;
mod book;
pub mod outbox;
pub mod submitter;
mod waiters;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::HashMap;

pub use admission::Admission;
pub use batch::fits_alone;

/// Two lookups of each operation: std's hash took longer than the rest of them. Seeded at random, like that.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
