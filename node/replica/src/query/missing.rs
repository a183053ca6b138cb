//! What a question named and the ledger does not have: one variant for each kind of thing, so that every answer is a
//! sentence that names what was asked. `Display` is English; whoever speaks another language words the variants itself.

use std::fmt;

use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Month, Reference, StoreId};
use tally_ledger::log::TileId;

/// What there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A merchant or partner.
    Merchant(MerchantId),
    /// A member.
    Member(Address),
    /// A point class.
    Class(ClassId),
    /// A store with limits or operations on record, of a merchant.
    Store(MerchantId, StoreId),
    /// A final operation of a merchant, by its reference.
    Operation(MerchantId, Reference),
    /// An executed transaction.
    Transaction(Hash),
    /// A settlement cycle, open or closed.
    Cycle(Month),
    /// A settlement cycle that has closed.
    ClosedCycle(Month),
    /// A month in which the pool shared something out.
    Distribution(Month),
    /// A checkpoint of a height.
    Checkpoint(Height),
    /// Any final checkpoint.
    FinalCheckpoint,
    /// A holding in the state of the checkpoint that proves.
    Holding(Address, ClassId),
    /// An anchor with this evidence, of the checkpoint of this height; any, where none is named.
    Anchor(Option<Hash>, Option<Height>),
    /// An entry of the log, from 0.
    Entry(u64),
    /// A tile of the log.
    Tile(TileId),
    /// The bytes of a block that was executed.
    Block(Height),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant(id) => write!(f, "there is no merchant `{id}`"),
            Self::Member(address) => write!(f, "there is no member `{address}`"),
            Self::Class(id) => write!(f, "there is no class `{id}`"),
            Self::Store(merchant, store) => write!(f, "merchant {merchant} has no store `{store}` on record"),
            Self::Operation(merchant, reference) => {
                write!(f, "merchant {merchant} has no final operation `{reference}`")
            }
            Self::Transaction(id) => write!(f, "no transaction `{id}` was executed"),
            Self::Cycle(cycle) => write!(f, "there is no settlement cycle `{cycle}`"),
            Self::ClosedCycle(cycle) => write!(f, "no settlement cycle `{cycle}` has closed"),
            Self::Distribution(month) => write!(f, "the pool shared nothing out for month `{month}`"),
            Self::Checkpoint(height) => write!(f, "block {height} is no checkpoint that a merchant attested"),
            Self::FinalCheckpoint => write!(f, "no checkpoint is final yet"),
            Self::Holding(holder, class) => {
                write!(f, "member `{holder}` has no holding of class {class} in the state of the checkpoint")
            }
            Self::Anchor(None, None) => write!(f, "no checkpoint has an anchor yet"),
            Self::Anchor(None, Some(height)) => write!(f, "the checkpoint of block {height} has no anchor"),
            Self::Anchor(Some(evidence), None) => write!(f, "no checkpoint has an anchor with evidence `{evidence}`"),
            Self::Anchor(Some(evidence), Some(height)) => {
                write!(f, "the checkpoint of block {height} has no anchor with evidence `{evidence}`")
            }
            Self::Entry(index) => write!(f, "the log has no entry {index} yet"),
            Self::Tile(id) => write!(f, "the log has no {id} yet"),
            Self::Block(height) => write!(f, "block {height} cannot be read here"),
        }
    }
}
