//! Pages of lists: how many items, and where to go on.
//!
//! A cursor is the hexadecimal text of `list u8 ‖ height u64 ‖ position`: the height that the first page was answered at,
//! so that later pages show the same list, and the store position of the next item. To users it is opaque.

use serde::Serialize;
use tally_contracts::types::Height;

use super::{QueryError, Snapshot};

/// Most items of a page.
pub const MAX_LIMIT: usize = 1_000;
/// Items of a page where none are asked for.
pub const DEFAULT_LIMIT: usize = 100;

/// Which list a cursor belongs to, so that none is taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// A holding's statement.
    Statement = 1,
    /// A merchant's operations.
    Operations = 2,
    /// The operations behind an obligation.
    Obligation = 3,
    /// A merchant's day totals.
    Days = 4,
}

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The height that the list is as of.
    pub height: Height,
    /// The store position of the next item, of the list's own making.
    pub position: Vec<u8>,
}

/// What is asked of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Most items, 1 to [`MAX_LIMIT`].
    pub limit: usize,
    /// Where to go on, as an earlier page said.
    pub cursor: Option<String>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where to go on; none after the last item.
    pub next_cursor: Option<String>,
    /// The height that the list is as of.
    pub height: Height,
}

impl Cursor {
    /// The text of a cursor.
    #[must_use]
    pub fn encode(&self, list: List) -> String {
        let mut bytes = vec![list as u8];
        bytes.extend_from_slice(&self.height.0.to_be_bytes());
        bytes.extend_from_slice(&self.position);
        hex::encode(bytes)
    }

    /// Reads a cursor of a list.
    ///
    /// # Errors
    /// [`QueryError::Cursor`].
    pub fn decode(text: &str, list: List) -> Result<Self, QueryError> {
        let bytes = hex::decode(text).map_err(|_| QueryError::Cursor)?;
        let (head, position) = bytes.split_first_chunk::<9>().ok_or(QueryError::Cursor)?;
        let (kind, height) = head.split_first_chunk::<1>().ok_or(QueryError::Cursor)?;
        if kind[0] != list as u8 {
            return Err(QueryError::Cursor);
        }
        let height = u64::from_be_bytes(height.try_into().map_err(|_| QueryError::Cursor)?);
        Ok(Self { height: Height(height), position: position.to_vec() })
    }
}

impl PageRequest {
    /// The height the list is as of and the position to go on from: those of the cursor, else the head and none.
    ///
    /// # Errors
    /// [`QueryError::Cursor`] for a cursor of another list, [`QueryError::HeightAhead`].
    pub fn start(&self, snapshot: &Snapshot<'_>, list: List) -> Result<(Height, Option<Vec<u8>>), QueryError> {
        match &self.cursor {
            None => Ok((snapshot.head.height, None)),
            Some(text) => {
                let cursor = Cursor::decode(text, list)?;
                Ok((snapshot.height(Some(cursor.height))?, Some(cursor.position)))
            }
        }
    }
}
