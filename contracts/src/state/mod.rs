//! State: what the contracts read and write, as typed tables over a byte-keyed store.
//!
//! Data flows one way: a table reads from the [`Store`], keeps what the block changed, and at the end of the block yields
//! its writes in canonical bytes. An operation's changes are undone as one when it is refused. What is written lies under
//! `tag ‖ big-endian key`, so that the byte order of keys is their meaning's order; `docs/formats.md` lists the tables.

mod key;
mod overlay;
mod read;
mod store;
mod table;

pub use key::Key;
pub use overlay::{Overlay, tag};
pub use read::{read, read_range};
pub use store::{MemoryStore, Store};
pub use table::{Change, Table};

use crate::encoding::Domain;
use crate::types::Hash;

const STATE: Domain = Domain::new("tally/state/v1\0");

/// One record written by a block: its key and its new bytes, or `None` where it was deleted.
pub type Write = (Vec<u8>, Option<Vec<u8>>);

/// What a block wrote, sorted by key, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSet(Vec<Write>);

impl WriteSet {
    /// Sorts writes into a set.
    ///
    /// # Panics
    /// When a key appears twice: two tables share a tag, which is a bug.
    #[must_use]
    pub fn new(mut writes: Vec<Write>) -> Self {
        writes.sort_unstable();
        assert!(writes.is_sorted_by(|a, b| a.0 < b.0), "each record is written once because each table has its tag");
        Self(writes)
    }

    /// The writes, sorted by key.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.0
    }

    /// The state hash after this set: `SHA-256("tally/state/v1\0" ‖ parent ‖ for each write: u32 key length ‖ key ‖
    /// 1 ‖ u32 value length ‖ value, or 0 where deleted)`, lengths little-endian. One write that differs between two nodes
    /// shows in the very next header.
    #[must_use]
    pub fn state_hash(&self, parent: &Hash) -> Hash {
        let mut bytes = Vec::with_capacity(self.0.len() * 128);
        for (key, value) in &self.0 {
            put_bytes(&mut bytes, key);
            match value {
                None => bytes.push(0),
                Some(value) => {
                    bytes.push(1);
                    put_bytes(&mut bytes, value);
                }
            }
        }
        STATE.hash(&[&parent.0, &bytes])
    }
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a record is far below 4 GiB");
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(bytes);
}
