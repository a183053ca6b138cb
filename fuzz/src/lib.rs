//! What the fuzz targets share: an alliance whose keys are known, and blocks that follow from a fuzzer's bytes.
//!
//! [`input`] turns bytes into choices; [`bodies`], [`word`] and [`plan`] make operations, members' words and transactions of
//! them, right ones and wrong ones, for the [`world`] as it stands ([`keys`], [`founding`]); [`execution`] runs blocks of them and asserts what must hold of every block;
//! [`alliance`] makes whole chains. [`codec`] holds what a decoder owes, [`golden`] the pinned bytes, [`edits`] damage,
//! [`vouching`] what merchants sign for checkpoints, and proofs under it.

#![forbid(unsafe_code)]

pub mod input;
pub mod keys;
pub mod founding;
pub mod world;
pub mod bodies;
pub mod word;
pub mod plan;
pub mod records;
pub mod first_blocks;
pub mod execution;
pub mod alliance;
pub mod codec;
pub mod edits;
pub mod golden;
pub mod vouching;
