//! Records of points: classes and their counters, lots, and the movements that are the holdings.

use serde::Serialize;
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::ClassTerms;
use crate::encoding::{self, Domain};
use crate::types::{Address, ClassId, Hash, Height, MerchantId, Month, Points, Rate};

const MOVEMENT: Domain = Domain::new("tally/movement/v1\0");

/// One kind of points of one issuer.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct PointClass {
    /// The merchant that issues it and owes for it.
    pub issuer: MerchantId,
    /// What its points are.
    pub terms: ClassTerms,
    /// An anchor that is announced and not in effect yet.
    pub announced: Option<AnnouncedAnchor>,
    /// Set once its issuer is wound up: its points serve no more.
    pub end: Option<ClassEnd>,
}

/// What becomes of the points of a closed class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct ClassEnd {
    /// The class whose points they become; none: they are bought out.
    pub into: Option<ClassId>,
}

/// An anchor to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct AnnouncedAnchor {
    /// CNY per point.
    pub anchor: Rate,
    /// From the first block at or past this time on, in ms since 1970.
    pub effective_ms: u64,
}

impl PointClass {
    /// A class without an announcement.
    #[must_use]
    pub const fn new(issuer: MerchantId, terms: ClassTerms) -> Self {
        Self { issuer, terms, announced: None, end: None }
    }

    /// What points that change into another class count for: the lower of the present and an announced anchor, so that
    /// nobody profits from knowing it beforehand (docs/rules.md, 3).
    #[must_use]
    pub fn given_anchor(&self) -> Rate {
        self.announced.map_or(self.terms.anchor, |to_come| to_come.anchor.min(self.terms.anchor))
    }

    /// What points that come out of another class count for: the higher of the two.
    #[must_use]
    pub fn received_anchor(&self) -> Rate {
        self.announced.map_or(self.terms.anchor, |to_come| to_come.anchor.max(self.terms.anchor))
    }
}

/// Counters of a class over the whole history, in minor units.
///
/// **Invariant** (conservation, asserted after every block): `issued - issues_reversed - redeemed + redemptions_reversed -
/// lapsed + imported + exchanged_in - exchanged_out - bought_out - held` equals the live points, and `swept <= lapsed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct ClassTotals {
    /// Earned from purchases.
    pub issued: Points,
    /// Clawed back from refunded purchases. What a member owes counts when it is repaid.
    pub issues_reversed: Points,
    /// Spent for cash off.
    pub redeemed: Points,
    /// Of those, how many came back.
    pub redemptions_reversed: Points,
    /// Not spent in time; counted the moment their month ends.
    pub lapsed: Points,
    /// Of those lapsed, how many an `Expired` movement has taken off a holding so far.
    pub swept: Points,
    /// Made of partners' points.
    pub imported: Points,
    /// Received from other classes, by exchange or split.
    pub exchanged_in: Points,
    /// Given into other classes, by exchange or split.
    pub exchanged_out: Points,
    /// Bought out when their class was closed.
    pub bought_out: Points,
    /// Set aside in open holds.
    pub held: Points,
    /// Live points in all holdings.
    pub outstanding: Points,
}

/// Points that end together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Lot {
    /// The last month in which they can be spent.
    pub expires: Month,
    /// How many, more than zero.
    pub points: Points,
}

/// Why a holding changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Earned from a purchase.
    #[wincode(tag = 1)]
    Issued,
    /// Given to another member.
    #[wincode(tag = 2)]
    TransferredOut,
    /// Given by another member.
    #[wincode(tag = 3)]
    TransferredIn,
    /// Spent for cash off.
    #[wincode(tag = 4)]
    Redeemed,
    /// Turned into another class.
    #[wincode(tag = 5)]
    ExchangedOut,
    /// Received for points of another class.
    #[wincode(tag = 6)]
    ExchangedIn,
    /// Lapsed at a month's end.
    #[wincode(tag = 7)]
    Expired,
    /// Set aside by a hold.
    #[wincode(tag = 8)]
    Held,
    /// A hold was spent: a line of 0 points, for they had left the holding before.
    #[wincode(tag = 9)]
    Captured,
    /// Given back by a hold.
    #[wincode(tag = 10)]
    Released,
    /// Clawed back, or taken to repay owed points.
    #[wincode(tag = 11)]
    IssueReversed,
    /// Came back from a sale that was undone.
    #[wincode(tag = 12)]
    RedemptionReversed,
    /// Turned into points of a sub class.
    #[wincode(tag = 13)]
    SplitOut,
    /// Received for points of the main class.
    #[wincode(tag = 14)]
    SplitIn,
    /// Made of a partner's points.
    #[wincode(tag = 15)]
    Imported,
    /// Bought out: the custodian pays the member.
    #[wincode(tag = 16)]
    BoughtOut,
}

/// One change of a holding, with what was left after it: the row that serves the balance, every past balance and the
/// statement (docs/rules.md, 2). Stored under `(address, class, !height, !index)`, so that the latest comes first.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Movement {
    /// The operation that caused it, by its position in the block; none for due work.
    pub operation: Option<u32>,
    /// Points gained or lost, in minor units.
    pub delta: i64,
    /// Why.
    pub reason: Reason,
    /// What is held after it, by rising expiry, one lot a month; at most 25, but for what a hold has just given back. Lapsed
    /// lots that no movement has taken off yet are among them: whether a lot counts is judged by time.
    pub lots: Vec<Lot>,
    /// Chains all movements of the holding: a statement between two of them is complete if the hashes meet.
    pub statement_hash: Hash,
}

/// A line of a statement: what a movement's statement hash is over, after the hash of the movement before.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct StatementLine {
    /// Whose points.
    pub address: Address,
    /// Of which class.
    pub class: ClassId,
    /// The block.
    pub height: Height,
    /// The movement's position among the block's.
    pub index: u32,
    /// See [`Movement`].
    pub operation: Option<u32>,
    /// See [`Movement`].
    pub delta: i64,
    /// See [`Movement`].
    pub reason: Reason,
    /// See [`Movement`].
    pub lots: Vec<Lot>,
}

impl StatementLine {
    /// The statement hash after a line: SHA-256 over `tally/movement/v1\0`, the hash before it (zero for the first line) and
    /// the line's canonical bytes.
    #[must_use]
    pub fn chain(previous: &Hash, line: &[u8]) -> Hash {
        MOVEMENT.hash(&[&previous.0, line])
    }
}

impl Movement {
    /// Sets the statement hash, which follows from the previous movement's (zero for the first) and this one's line.
    #[must_use]
    pub fn chained(self, previous: &Hash, owner: (Address, ClassId), height: Height, index: u32) -> Self {
        let line = self.into_line(owner, height, index);
        let statement_hash = StatementLine::chain(previous, &encoding::encode(&line));
        let StatementLine { operation, delta, reason, lots, .. } = line;
        Self { operation, delta, reason, lots, statement_hash }
    }

    /// What its statement hash is over, after the hash before it.
    #[must_use]
    pub fn into_line(self, (address, class): (Address, ClassId), height: Height, index: u32) -> StatementLine {
        let Self { operation, delta, reason, lots, .. } = self;
        StatementLine { address, class, height, index, operation, delta, reason, lots }
    }
}

/// Live points among lots in a month: those whose last month has not passed.
#[must_use]
pub fn balance_at(lots: &[Lot], month: Month) -> Points {
    Points(lots.iter().filter(|lot| lot.expires >= month).map(|lot| lot.points.0).sum())
}
