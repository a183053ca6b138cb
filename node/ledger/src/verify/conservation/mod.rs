//! Conservation in full: no point and no fen is made or lost, summed over every record of state and every receipt.
//!
//! The contracts assert the same after every block over what the block changed. Here nothing is taken over from there:
//! counters are compared with the receipts of the whole history on one side and with every single holding on the other,
//! settlement cycles with their pairs, their gross amounts and their legs.

mod points;
mod settlement;

pub use points::ClassSums;

use std::collections::BTreeMap;

use tally_contracts::due::DueRecord;
use tally_contracts::points::{BoughtOut, TimedOut};
use tally_contracts::pool::Distributed;
use tally_contracts::receipt::{Applied, Outcome, Receipt};
use tally_contracts::state::{Key, MemoryStore};
use tally_contracts::transaction::{Body, Transaction};
use tally_contracts::types::{ClassId, Fen, Obligation, Points};
use wincode::{SchemaRead, SchemaWrite};

/// What receipts say was moved, over the whole history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    classes: BTreeMap<ClassId, ClassFlows>,
    obligations: i128,
    pool: i128,
}

/// Of one class, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead)]
struct ClassFlows {
    issued: u128,
    issues_reversed: u128,
    redeemed: u128,
    redemptions_reversed: u128,
    held: u128,
    no_longer_held: u128,
    imported: u128,
    exchanged_in: u128,
    exchanged_out: u128,
    bought_out: u128,
}

/// The same as a list, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct FlowsRecord {
    classes: Vec<(ClassId, ClassFlows)>,
    obligations: i128,
    pool: i128,
}

impl From<&Flows> for FlowsRecord {
    fn from(flows: &Flows) -> Self {
        let Flows { classes, obligations, pool } = flows;
        let classes = classes.iter().map(|(class, flows)| (*class, *flows)).collect();
        Self { classes, obligations: *obligations, pool: *pool }
    }
}

impl From<FlowsRecord> for Flows {
    fn from(record: FlowsRecord) -> Self {
        let FlowsRecord { classes, obligations, pool } = record;
        Self { classes: classes.into_iter().collect(), obligations, pool }
    }
}

impl Flows {
    /// Adds what a transaction's receipts say was moved.
    pub fn add(&mut self, transaction: &Transaction, receipts: &[Receipt]) {
        for (operation, receipt) in transaction.operations.iter().zip(receipts) {
            let Outcome::Applied(applied) = &receipt.outcome else { continue };
            match (&operation.body, applied) {
                (Body::Issue(o), Applied::Issued { points, repaid, pool_obligation, .. }) => {
                    self.pool += pool_obligation.0;
                    self.class(o.class).issued += wide(*points);
                    self.class(o.class).issues_reversed += wide(*repaid);
                }
                (Body::Redeem(o), Applied::Redeemed { obligation, .. }) => {
                    self.class(o.class).redeemed += wide(o.points);
                    self.obligations += obligation.0;
                }
                (Body::Hold(o), Applied::Held { .. }) => self.class(o.class).held += wide(o.points),
                (Body::Capture(o), Applied::Captured { class, obligation, released, expired, .. }) => {
                    self.class(*class).redeemed += wide(o.points);
                    self.class(*class).no_longer_held += wide(o.points) + wide(*released) + wide(*expired);
                    self.obligations += obligation.0;
                }
                (Body::Void(_), Applied::Voided { class, released, expired, .. }) => {
                    self.class(*class).no_longer_held += wide(*released) + wide(*expired);
                }
                (Body::ReverseRedeem(o), Applied::RedemptionReversed { class, obligation, .. }) => {
                    self.class(*class).redemptions_reversed += wide(o.points);
                    self.obligations += obligation.0;
                }
                (Body::ReverseIssue(_), Applied::IssueReversed { class, points, owed, pool_obligation, .. }) => {
                    self.pool += pool_obligation.0;
                    self.class(*class).issues_reversed += wide(*points) - wide(*owed);
                }
                (Body::Exchange(o), Applied::Exchanged { points_out, obligation, pool_obligation, .. }) => {
                    self.class(o.from_class).exchanged_out += wide(o.points);
                    self.class(o.to_class).exchanged_in += wide(*points_out);
                    self.obligations += obligation.0;
                    self.pool += pool_obligation.0;
                }
                (Body::Split(o), Applied::Split { points_out, pool_obligation, .. }) => {
                    self.class(o.from_class).exchanged_out += wide(o.points);
                    self.class(o.to_class).exchanged_in += wide(*points_out);
                    self.pool += pool_obligation.0;
                }
                (Body::Import(o), Applied::Imported { points, obligation, .. }) => {
                    self.class(o.class).imported += wide(*points);
                    self.obligations += obligation.0;
                }
                (_, Applied::DisputeAdjusted { adjustment, .. }) => self.obligations += adjustment.0,
                _ => {}
            }
        }
    }

    /// Adds what due work moved.
    pub fn add_due(&mut self, due: &[DueRecord]) {
        for record in due {
            match record {
                DueRecord::TimedOut(TimedOut { class, released, expired, .. }) => {
                    self.class(*class).no_longer_held += wide(*released) + wide(*expired);
                }
                DueRecord::DisputeTimedOut(ended) => self.obligations += ended.adjustment.0,
                DueRecord::Distributed(Distributed { shares_fen, rebates_fen, debts, .. }) => {
                    self.pool -= Obligation::from_fen(Fen(shares_fen.0 + rebates_fen.0)).0;
                    self.obligations += debts.iter().map(|debt| Obligation::from_fen(debt.amount_fen).0).sum::<i128>();
                }
                DueRecord::BoughtOut(bought) => self.add_bought_out(bought),
                _ => {}
            }
        }
    }

    fn add_bought_out(&mut self, bought: &BoughtOut) {
        match bought.into {
            None => self.class(bought.class).bought_out += wide(bought.points),
            Some(into) => {
                self.class(bought.class).exchanged_out += wide(bought.points);
                self.class(into).exchanged_in += wide(bought.points_out);
            }
        }
        self.obligations += bought.debts.iter().map(|debt| debt.amount.0).sum::<i128>();
        self.pool += bought.pool_obligation.0;
    }

    fn class(&mut self, class: ClassId) -> &mut ClassFlows {
        self.classes.entry(class).or_default()
    }
}

/// What the sums came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Of each class, by rising id.
    pub classes: Vec<ClassSums>,
    /// Closed cycles.
    pub settlements: u64,
    /// What the alliance pool is owed.
    pub pool: Obligation,
}

/// Sums up all of state.
///
/// # Errors
/// The first sum that does not come out, as a sentence.
pub fn check(store: &MemoryStore, flows: &Flows) -> Result<Sums, String> {
    let classes = points::check(store, flows)?;
    let (settlements, pool) = settlement::check(store, flows)?;
    Ok(Sums { classes, settlements, pool })
}

/// The records of a table, by rising key.
fn rows<'s, K: Key, V>(store: &'s MemoryStore, tag: u8, decode: fn(&[u8]) -> V) -> impl Iterator<Item = (K, V)> + 's
where
    V: 's,
{
    let of_table = store.iter().skip_while(move |(key, _)| key[0] < tag).take_while(move |(key, _)| key[0] == tag);
    of_table.map(move |(key, value)| (K::take(&mut &key[1..]), decode(value)))
}

/// Fails with a sentence unless two sums are equal.
fn equal<T: PartialEq + std::fmt::Display>(
    what: impl FnOnce() -> String,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{} is {found}, must be {expected}", what())) }
}

const fn wide(points: Points) -> u128 {
    points.0 as u128
}
