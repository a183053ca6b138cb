//! Storage: the block log, which is the write-ahead log of everything, and the state derived from it.
//!
//! Data goes down: [`disk`] (files) <- [`journal`] (checksummed frames) <- block log (blocks and decisions), and beside it
//! the state database, which may lag behind or be deleted: it is rebuilt from the block log. A fault (disk full, damaged
//! file) comes back as an error, and the node stops; nothing here repairs by guessing.

pub mod disk;
pub mod journal;
#[cfg(test)]
pub mod lossy;
