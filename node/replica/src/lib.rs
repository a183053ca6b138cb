//! The chain that one node holds: what is decided is made durable, executed, and answered for.
//!
//! Apart from the node, so that no network, no engine and no interface is linked where the time of an operation goes, and
//! what is measured (`tests/src/bin/executor`) is what runs. Data flows down: [`replica`] (the only writer) ->
//! [`executor`] -> [`storage`]; [`query`] reads what is committed.

pub mod replica;
pub mod executor;
pub mod keeper;
pub mod prover;
pub mod storage;
pub mod query;
