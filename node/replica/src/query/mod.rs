//! Queries: pure reads over committed state and the index. Nothing here knows HTTP or waits for anything.
//!
//! Every read goes through a [`Snapshot`]: one store as of one head, so that what one answer says fits together. What lies
//! in versioned rows (balances, statements, operations) can be asked for as of an earlier height; the rest is as of the head.

pub mod blocks;
pub mod checkpoints;
pub mod classes;
pub mod disputes;
pub mod dry_run;
pub mod erc1155;
pub mod events;
pub mod governance;
pub mod index;
pub mod limits;
pub mod log;
pub mod members;
pub mod merchants;
mod missing;
pub mod operations;
pub mod page;
pub mod pool;
pub mod rates;
pub mod settlements;
pub mod spend_plan;
pub mod statements;

use tally_contracts::execute::BlockContext;
use tally_contracts::genesis::Genesis;
use tally_contracts::rejection::Rejection;
use tally_contracts::state::Store;
use tally_contracts::types::{Calendar, Height};
use tally_ledger::chain::Head;

pub use missing::Missing;

/// State as of a head, and the founding agreement it follows from.
#[derive(Clone, Copy)]
pub struct Snapshot<'a> {
    /// The last executed block.
    pub head: &'a Head,
    /// Records and index rows as of the head.
    pub store: &'a dyn Store,
    /// The founding agreement.
    pub genesis: &'a Genesis,
}

/// A question that has no answer: the asker's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A height that no block has yet.
    #[error("height {asked} is ahead of this node, which stands at {head}")]
    HeightAhead {
        /// The height asked for.
        asked: Height,
        /// The head's.
        head: Height,
    },
    /// What it names is not there.
    #[error("{0}")]
    NotFound(Missing),
    /// A cursor that this question did not give.
    #[error("the cursor does not belong to this list")]
    Cursor,
    /// Parameters that do not go together.
    #[error("{0}")]
    Parameters(String),
    /// It is about operations that a rule refuses, whatever they say.
    #[error("{0}")]
    Refused(Rejection),
}

impl Snapshot<'_> {
    /// The alliance's calendar.
    #[must_use]
    pub const fn calendar(&self) -> Calendar {
        self.genesis.calendar()
    }

    /// A block at the head's time, for what the contracts work out without one.
    #[must_use]
    pub fn context(&self) -> BlockContext<'_> {
        BlockContext::new(self.genesis, self.genesis.chain_id(), self.head.height, self.head.time_ms)
    }

    /// The height a question is about: the head's where none is asked for.
    ///
    /// # Errors
    /// [`QueryError::HeightAhead`].
    pub fn height(&self, asked: Option<Height>) -> Result<Height, QueryError> {
        match asked {
            None => Ok(self.head.height),
            Some(asked) if asked <= self.head.height => Ok(asked),
            Some(asked) => Err(QueryError::HeightAhead { asked, head: self.head.height }),
        }
    }

    /// The time of a block up to the head, in ms since 1970.
    ///
    /// # Panics
    /// When the index has no row for it: the store is damaged.
    #[must_use]
    pub fn time_ms(&self, height: Height) -> u64 {
        if height == Height(0) {
            return self.genesis.time_ms;
        }
        index::block_time_ms(self.store, height).expect("every executed block has its row in the index")
    }

    /// The first height from 1 on whose block is not earlier than a time; past the head where there is none.
    #[must_use]
    pub fn first_height_from(&self, time_ms: u64) -> Height {
        let (mut low, mut high) = (1, self.head.height.0 + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time_ms(Height(middle)) < time_ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Height(low)
    }
}
