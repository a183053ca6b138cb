//! Which points a bill should take: what a till is advised to redeem, class by class, and why in this order.
//!
//! Advice and no rule: an operation names the one class that it spends, and the ledger never chooses. Whether a class serves
//! at all the contracts say ([`ClassTerms::require_spendable`](tally_contracts::points::ClassTerms::require_spendable)); by
//! whose word, and within which limits, is judged with each operation.

#[cfg(test)]
mod tests;

use serde::Serialize;
use tally_contracts::membership::Merchant;
use tally_contracts::points::{Lot, PointClass, split_last};
use tally_contracts::rejection::Rejection;
use tally_contracts::state::{read, tag};
use tally_contracts::types::{Address, ClassId, Fen, Height, MerchantId, Month, Obligation, Points};
use utoipa::ToSchema;

use super::limits::room_of;
use super::members::{self, Balance};
use super::{Missing, QueryError, Snapshot};

/// What a member is to pay.
#[derive(Clone, Copy, Debug)]
pub struct Bill {
    /// Whose points.
    pub member: Address,
    /// Where it is paid.
    pub merchant: MerchantId,
    /// How much.
    pub amount_fen: Fen,
}

/// Which points a bill should take, in which order, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SpendPlan {
    /// The card code.
    pub member: Address,
    /// Where the bill is paid.
    pub merchant: MerchantId,
    /// The bill, in fen.
    pub amount_fen: Fen,
    /// What to redeem: an operation a step, in this order. A class that the bill does not need is in none.
    pub steps: Vec<SpendStep>,
    /// Classes of which the member has live points that do not serve here, by rising class.
    pub unusable: Vec<UnusablePoints>,
    /// Cash off of all steps together, in fen; never more than the bill.
    pub cash_off_fen: Fen,
    /// What is left to pay with money, in fen.
    pub open_fen: Fen,
    /// The height that the plan is as of.
    pub height: Height,
}

/// Points of one class that the bill takes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SpendStep {
    /// The class.
    pub class: ClassId,
    /// The merchant that issues it.
    pub issuer: MerchantId,
    /// How many, in minor units: the least that give this cash off.
    pub points: Points,
    /// Cash off for them, in fen.
    pub cash_off_fen: Fen,
    /// What is still to pay after it, in fen.
    pub open_fen: Fen,
    /// The lots that the points come from, first-expiring first.
    pub lots: Vec<Lot>,
    /// Why the class stands here in the order.
    pub reason: OrderReason,
    /// How much more the issuer may come to owe before the first step, in fen; none where it is its own merchant that spends.
    pub room_fen: Option<Fen>,
}

/// Why a class comes before those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderReason {
    /// Sub points serve in the fewest places, so they go first.
    SubPoints,
    /// Of the main points, those go first whose earliest live lot ends first.
    EndsFirst,
    /// The earliest lots of several classes end together: of these the lower class goes first.
    LowerClass,
}

/// Points that cannot pay this bill.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnusablePoints {
    /// The class.
    pub class: ClassId,
    /// Live points of it, in minor units.
    pub points: Points,
    /// The rule by which redeeming them here would be refused.
    pub refused_as: Rejection,
}

/// The plan for a bill, as of the head.
///
/// # Errors
/// [`QueryError::NotFound`] for an unknown merchant or member, [`QueryError::Refused`] as `role_missing` for a partner: none
/// of its keys redeems.
///
/// # Panics
/// When points are held of a class that there is not: the store is damaged.
pub fn plan(snapshot: &Snapshot<'_>, bill: &Bill) -> Result<SpendPlan, QueryError> {
    let Bill { member, merchant, amount_fen } = *bill;
    let place: Option<Merchant> = read(snapshot.store, tag::merchants, &merchant);
    let place = place.ok_or(QueryError::NotFound(Missing::Merchant(merchant)))?;
    if place.is_partner {
        return Err(QueryError::Refused(Rejection::RoleMissing));
    }
    let record = members::record(snapshot, &member)?;
    let (mut usable, mut unusable) = (Vec::new(), Vec::new());
    for balance in members::balances_at(snapshot, &member, snapshot.head.height) {
        let Some(ends) = balance.lots.first().map(|lot| lot.expires) else { continue };
        let class: PointClass =
            read(snapshot.store, tag::classes, &balance.class).expect("classes are not deleted, so points have theirs");
        let is_open = if class.end.is_some() { Err(Rejection::ClassClosed) } else { Ok(()) };
        let judged = is_open.and_then(|()| class.terms.require_spendable(&record, merchant, || place.industry));
        match judged.and_then(|()| require_a_fen(class.terms.value(balance.points))) {
            Ok(()) => usable.push(Usable { class, ends, balance }),
            Err(refused_as) => {
                unusable.push(UnusablePoints { class: balance.class, points: balance.points, refused_as });
            }
        }
    }
    usable.sort_by_key(Usable::order);
    let mut open_fen = amount_fen;
    let mut steps = Vec::new();
    for held in &usable {
        let Some(Taken { points, cash_off_fen }) = take(open_fen, held.balance.points, held.unit()) else { continue };
        open_fen = Fen(open_fen.0 - cash_off_fen.0);
        let issuer = held.class.issuer;
        let (lots, _) = split_last(held.balance.lots.clone(), Points(held.balance.points.0 - points.0));
        steps.push(SpendStep {
            class: held.balance.class,
            issuer,
            points,
            cash_off_fen,
            open_fen,
            lots,
            reason: held.reason(&usable),
            room_fen: if issuer == merchant { None } else { room_of(snapshot, issuer) },
        });
    }
    let cash_off_fen = Fen(amount_fen.0 - open_fen.0);
    let height = snapshot.head.height;
    Ok(SpendPlan { member, merchant, amount_fen, steps, unusable, cash_off_fen, open_fen, height })
}

/// # Errors
/// `below_one_fen`.
fn require_a_fen(value: Obligation) -> Result<(), Rejection> {
    if value < Obligation::from_fen(Fen(1)) { Err(Rejection::BelowOneFen) } else { Ok(()) }
}

/// Live points that serve.
struct Usable {
    class: PointClass,
    /// The last month of the earliest lot.
    ends: Month,
    balance: Balance,
}

impl Usable {
    const fn is_sub(&self) -> bool {
        self.class.terms.sub.is_some()
    }

    /// Which goes first: the lower one.
    const fn order(&self) -> (bool, Month, ClassId) {
        (!self.is_sub(), self.ends, self.balance.class)
    }

    fn reason(&self, all: &[Self]) -> OrderReason {
        let ends_with = |other: &&Self| !other.is_sub() && other.ends == self.ends;
        if self.is_sub() {
            OrderReason::SubPoints
        } else if all.iter().filter(ends_with).count() > 1 {
            OrderReason::LowerClass
        } else {
            OrderReason::EndsFirst
        }
    }

    /// What one minor unit is worth, above zero.
    fn unit(&self) -> Obligation {
        self.class.terms.value(Points(1))
    }
}

/// Points that a bill takes, and their cash off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    points: Points,
    cash_off_fen: Fen,
}

/// The most cash off that live points give without passing what is open, and the least points that give it; a minor unit is
/// worth `unit`, above zero. None where no points give as much as a fen, or one already passes what is open.
fn take(open_fen: Fen, balance: Points, unit: Obligation) -> Option<Taken> {
    // Cash off is floored, so it stays within `open_fen` up to just below the next fen.
    let within = (Obligation::from_fen(open_fen).0 + Obligation::PER_FEN - 1) / unit.0;
    let most = within.min(i128::from(balance.0));
    let cash_off_fen = Obligation(most * unit.0).floor_fen().filter(|cash_off| *cash_off > Fen(0))?;
    let least = (Obligation::from_fen(cash_off_fen).0 + unit.0 - 1) / unit.0;
    let points = u64::try_from(least).expect("it is no more than the balance");
    Some(Taken { points: Points(points), cash_off_fen })
}
