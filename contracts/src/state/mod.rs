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
mod write_set;

pub use key::Key;
pub use overlay::{Cache, Overlay, WORK_LISTS, tag};
pub use read::{read, read_range};
pub use store::{MemoryStore, Store};
pub use table::{Change, Table};
pub use write_set::{Row, WriteSet, Writes, key_prefix};
