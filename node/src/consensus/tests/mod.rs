//! Consensus under test: the bytes alone, and whole alliances of engines in one process over loopback.

mod alliance;
mod support;
mod validators;
mod wire;
