//! Events: what happened, in the order of the chain, each under an id that says how far a reader has come.
//!
//! A block's events are its due work, its operations and, last, the block itself; their positions count from 0 on, whatever
//! a filter leaves out, so an id means the same to every reader. Operations are those that `/v1/operations` lists: a
//! duplicate was told where it first stood, and what no key of the merchant signed is not the merchant's.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::membership::Member;
use tally_contracts::receipt::{Applied, Outcome, Receipt};
use tally_contracts::state::{read, tag};
use tally_contracts::transaction::{Operation, Transaction};
use tally_contracts::types::{Address, Hash, Height, MerchantId, StoreId};
use tally_ledger::block::{Block, BlockId};
use utoipa::ToSchema;

use super::index::{self, KindName, Place, TransactionRow, is_listed};
use super::merchants::require_participant;
use super::operations::require_store;
use super::{Missing, QueryError, Snapshot};

/// The place of an event: its block, and its position among the block's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    /// The block, from 1 on.
    pub height: Height,
    /// The position, from 0 on.
    pub index: u32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.height, self.index)
    }
}

/// Why a text is not the id of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event's id is a height and a position, such as 1205-0")]
pub struct EventIdError;

impl FromStr for EventId {
    type Err = EventIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (height, index) = text.split_once('-').ok_or(EventIdError)?;
        let height = Height(height.parse().map_err(|_| EventIdError)?);
        let id = Self { height, index: index.parse().map_err(|_| EventIdError)? };
        // One id, one text.
        if height == Height(0) || id.to_string() != text { Err(EventIdError) } else { Ok(id) }
    }
}

/// What a reader may be told.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place.
    pub id: EventId,
    /// What it is: `operation`, `due` or `block`.
    pub name: &'static str,
    /// [`OperationEvent`], [`DueEvent`] or [`BlockEvent`] as JSON, on one line.
    pub data: String,
}

/// An operation was applied or rejected.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OperationEvent<'a> {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
    /// The transaction it came in.
    pub transaction_id: Hash,
    /// Who submitted it.
    pub merchant: MerchantId,
    /// What it was.
    #[schema(value_type = KindName)]
    pub kind: &'static str,
    /// The operation as submitted.
    pub operation: &'a Operation,
    /// Its outcome.
    pub receipt: &'a Receipt,
}

/// Work that fell due was done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DueEvent<'a> {
    /// The block.
    pub height: Height,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
    /// What was done.
    pub due: &'a DueRecord,
}

/// A block is complete: nothing more comes of its height.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BlockEvent {
    /// The block.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// The hash of its header.
    pub block_id: BlockId,
    /// The block before.
    pub parent_hash: BlockId,
    /// The merchant whose validator made it.
    pub proposer: MerchantId,
    /// How many transactions it has.
    pub transactions: usize,
    /// How many operations they have.
    pub operations: u32,
}

/// Which operations a reader wants; due work and blocks are everybody's.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter {
    /// Submitted by this merchant.
    pub merchant: Option<MerchantId>,
    /// At a till of this store of the merchant.
    pub store_id: Option<StoreId>,
    /// Number of the kind.
    pub kind: Option<u8>,
    /// About this member.
    pub member: Option<Address>,
}

impl EventFilter {
    /// Refuses what names nothing, for its events would never come.
    ///
    /// # Errors
    /// [`QueryError::NotFound`]; [`QueryError::Parameters`] for a store without its merchant.
    pub fn check(&self, snapshot: &Snapshot<'_>) -> Result<(), QueryError> {
        self.merchant.map_or(Ok(()), |merchant| require_participant(snapshot, merchant))?;
        match (self.store_id, self.merchant) {
            (None, _) => {}
            (Some(store_id), Some(merchant)) => require_store(snapshot, merchant, store_id)?,
            (Some(_), None) => {
                let reason = "store_id needs merchant: a store's number is its merchant's own";
                return Err(QueryError::Parameters(reason.into()));
            }
        }
        match self.member {
            Some(member) if read::<_, Member>(snapshot.store, tag::members, &member).is_none() => {
                Err(QueryError::NotFound(Missing::Member(member)))
            }
            _ => Ok(()),
        }
    }

    fn takes(&self, merchant: MerchantId, operation: &Operation, receipt: &Receipt) -> bool {
        is_listed(&receipt.outcome)
            && self.merchant.is_none_or(|wanted| wanted == merchant)
            && self.store_id.is_none_or(|wanted| operation.till.is_some_and(|till| till.store_id == wanted))
            && self.kind.is_none_or(|wanted| wanted == operation.body.number())
            && self.member.is_none_or(|wanted| is_about(wanted, operation, receipt))
    }
}

fn is_about(member: Address, operation: &Operation, receipt: &Receipt) -> bool {
    let is_receipts = match &receipt.outcome {
        Outcome::Applied(Applied::Enrolled { member: enrolled }) => *enrolled == member,
        Outcome::Applied(applied) => applied.holding().is_some_and(|(holder, _)| holder == member),
        Outcome::Duplicate { .. } | Outcome::Rejected(_) => false,
    };
    is_receipts || operation.body.members().contains(&member)
}

/// How many events a block has.
#[must_use]
pub fn events_at(snapshot: &Snapshot<'_>, height: Height) -> u32 {
    let due = index::due_at(snapshot.store, height).len();
    u32::try_from(due).expect("due work is bounded") + index::operations_at(snapshot.store, height) + 1
}

/// A block whose events are being told.
pub struct OpenBlock {
    block: Block,
    block_id: BlockId,
    due: Vec<DueRecord>,
    /// Position of the next event.
    next_event: u32,
    next_transaction: usize,
    next_operation: u32,
}

impl OpenBlock {
    /// Before its first event; `due` is the work that fell due in it.
    #[must_use]
    pub fn new(block: Block, due: Vec<DueRecord>) -> Self {
        let block_id = block.header.id();
        Self { block, block_id, due, next_event: 0, next_transaction: 0, next_operation: 0 }
    }

    /// Where the receipts of the next transaction stand; none after the last.
    #[must_use]
    pub fn next_place(&self) -> Option<Place> {
        let place = Place { height: self.block.header.height, index: self.next_operation };
        (self.next_transaction < self.block.transactions.len()).then_some(place)
    }

    /// Tells the due work.
    pub fn tell_due(&mut self, events: &mut Vec<Event>) {
        let (height, time_ms) = (self.block.header.height, self.block.header.time_ms);
        for due in std::mem::take(&mut self.due) {
            let data = json(&DueEvent { height, time_ms, due: &due });
            events.push(Event { id: self.next_id(), name: "due", data });
        }
    }

    /// Tells those operations of the next transaction that the filter takes; `row` is the one at [`Self::next_place`].
    pub fn tell_transaction(&mut self, row: &TransactionRow, filter: &EventFilter, events: &mut Vec<Event>) {
        let transaction: Transaction = encoding::decode_own(&self.block.transactions[self.next_transaction]);
        let (height, time_ms) = (self.block.header.height, self.block.header.time_ms);
        for (operation, receipt) in transaction.operations.iter().zip(&row.receipts) {
            let (id, index) = (self.next_id(), self.next_operation);
            self.next_operation += 1;
            if filter.takes(row.merchant, operation, receipt) {
                let data = json(&OperationEvent {
                    place: Place { height, index },
                    time_ms,
                    transaction_id: row.id,
                    merchant: row.merchant,
                    kind: operation.body.kind(),
                    operation,
                    receipt,
                });
                events.push(Event { id, name: "operation", data });
            }
        }
        self.next_transaction += 1;
    }

    /// Tells the block itself, after all else.
    #[must_use]
    pub fn tell_end(mut self) -> Event {
        let header = &self.block.header;
        let data = json(&BlockEvent {
            height: header.height,
            time_ms: header.time_ms,
            block_id: self.block_id,
            parent_hash: header.parent_hash,
            proposer: header.proposer,
            transactions: self.block.transactions.len(),
            operations: self.next_operation,
        });
        Event { id: self.next_id(), name: "block", data }
    }

    fn next_id(&mut self) -> EventId {
        let id = EventId { height: self.block.header.height, index: self.next_event };
        self.next_event += 1;
        id
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("an event has a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text() {
        let id = EventId { height: Height(1_205), index: 3 };
        assert_eq!("1205-3".parse(), Ok(id));
        assert_eq!(id.to_string(), "1205-3");
        for wrong in ["", "1205", "1205-", "-3", "0-0", "01205-3", "+1205-3", "1205-03", "1205-3 ", "1205-3-1", "x-y"] {
            assert_eq!(wrong.parse::<EventId>(), Err(EventIdError), "{wrong}");
        }
        assert!("18446744073709551616-0".parse::<EventId>().is_err());
    }
}
