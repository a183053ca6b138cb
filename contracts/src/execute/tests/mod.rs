//! The envelope: time, keys, references, atomic transactions, and what no node accepts at all.

mod envelope;
mod references;
mod malformed;
