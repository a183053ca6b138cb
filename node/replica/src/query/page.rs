//! Pages of lists: how many items, and where to go on.
//!
//! A cursor is the hexadecimal text of `list u8 ‖ question 8 ‖ height u64 ‖ position`: what list it belongs to and what was
//! asked of it, so that it is taken for no other; the height that the first page was answered at, so that later pages show
//! the same list; and the store position of the next item. To users it is opaque.

use serde::Serialize;
use sha2::{Digest, Sha256};
use tally_contracts::types::Height;
use utoipa::ToSchema;

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
    /// A merchant's open holds.
    Holds = 5,
    /// A merchant's operator keys.
    Keys = 6,
    /// A merchant's stores that have limits.
    Stores = 7,
    /// Disputes.
    Disputes = 8,
    /// Proposals.
    Proposals = 9,
    /// Checkpoints.
    Checkpoints = 10,
}

/// Bytes of the hash that stands for what was asked.
const QUESTION_BYTES: usize = 8;

/// What a cursor belongs to: a list, and all that was asked of it besides the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    list: List,
    question: [u8; QUESTION_BYTES],
}

impl Scope {
    /// The scope of a question, given as bytes that differ where the question does.
    #[must_use]
    pub fn new(list: List, question: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(question).into();
        let (question, _) = digest.split_first_chunk().expect("a digest is longer");
        Self { list, question: *question }
    }
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where to go on; none after the last item.
    pub next_cursor: Option<String>,
    /// The height that the list is as of.
    pub height: Height,
}

impl<T> Page<T> {
    /// The same page of what each item becomes.
    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, next_cursor, height } = self;
        Page { items: items.into_iter().map(view).collect(), next_cursor, height }
    }
}

impl Cursor {
    /// The text of a cursor.
    #[must_use]
    pub fn encode(&self, scope: Scope) -> String {
        let mut bytes = vec![scope.list as u8];
        bytes.extend_from_slice(&scope.question);
        bytes.extend_from_slice(&self.height.0.to_be_bytes());
        bytes.extend_from_slice(&self.position);
        hex::encode(bytes)
    }

    /// Reads a cursor of a scope.
    ///
    /// # Errors
    /// [`QueryError::Cursor`].
    pub fn decode(text: &str, scope: Scope) -> Result<Self, QueryError> {
        let bytes = hex::decode(text).map_err(|_| QueryError::Cursor)?;
        let (list, rest) = bytes.split_first().ok_or(QueryError::Cursor)?;
        let (question, rest) = rest.split_first_chunk::<QUESTION_BYTES>().ok_or(QueryError::Cursor)?;
        let (height, position) = rest.split_first_chunk::<8>().ok_or(QueryError::Cursor)?;
        if *list != scope.list as u8 || *question != scope.question {
            return Err(QueryError::Cursor);
        }
        Ok(Self { height: Height(u64::from_be_bytes(*height)), position: position.to_vec() })
    }
}

impl PageRequest {
    /// The height the list is as of and the position to go on from: those of the cursor, else the head and none.
    ///
    /// # Errors
    /// [`QueryError::Cursor`] for a cursor of another scope, [`QueryError::HeightAhead`].
    pub fn start(&self, snapshot: &Snapshot<'_>, scope: Scope) -> Result<(Height, Option<Vec<u8>>), QueryError> {
        match &self.cursor {
            None => Ok((snapshot.head.height, None)),
            Some(text) => {
                let cursor = Cursor::decode(text, scope)?;
                Ok((snapshot.height(Some(cursor.height))?, Some(cursor.position)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_for_its_own_question_alone() {
        let cursor = Cursor { height: Height(7), position: vec![1, 2, 3] };
        let scope = Scope::new(List::Statement, b"one");
        let text = cursor.encode(scope);
        assert_eq!(Cursor::decode(&text, scope), Ok(cursor));
        for other in [Scope::new(List::Statement, b"two"), Scope::new(List::Days, b"one")] {
            assert_eq!(Cursor::decode(&text, other), Err(QueryError::Cursor));
        }
        for wrong in ["", "01", "zz", &text[..text.len() - 8]] {
            assert_eq!(Cursor::decode(wrong, scope), Err(QueryError::Cursor), "{wrong}");
        }
    }
}
