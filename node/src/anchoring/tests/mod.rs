//! Anchoring against a real replica and submitter, with operators that answer over HTTP on the loopback.

mod queues;
mod support;
mod time_stamps;
mod witnesses;

// The authority made of `openssl` that the judge of time stamps is tested with; not all of it is needed here.
#[path = "../../../ledger/tests/authority/mod.rs"]
mod authority;
