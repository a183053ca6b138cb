//! Buying out: the points of a closed class leave their holdings, as money that the issuer owes or as points of another class.
//!
//! Due work, bounded per block. Points in open holds follow once the holds have ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::holding::live_points;
use super::terms::MAX_LIFE_MONTHS;
use super::{PointClass, Reason, count, debit, require_class};
use crate::exchange::{Conversion, change_class, convert};
use crate::membership::{custodian_of, require_member};
use crate::rejection::Rejection;
use crate::settlement::{self, Debt};
use crate::state::Overlay;
use crate::types::{Address, ClassId, DAY_MS, MerchantId, Month, Obligation, Points, Rate};

/// Holdings that one block buys out, at most.
pub(crate) const PER_BLOCK: usize = 1_000;

/// Points of a closed class that left their holdings.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct BoughtOut {
    /// The class.
    pub class: ClassId,
    /// Whose points they became; none: the custodians pay the members.
    pub into: Option<ClassId>,
    /// How many holdings.
    pub holdings: u32,
    /// How many points.
    pub points: Points,
    /// How many points of the other class they became.
    pub points_out: Points,
    /// What the issuer came to owe for them, by rising creditor: custodians, or the other class's issuer.
    pub debts: Vec<BoughtOutDebt>,
    /// What the issuer came to owe the alliance pool, exact.
    pub pool_obligation: Obligation,
}

/// What is owed for points that were bought out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct BoughtOutDebt {
    /// Who is owed.
    pub creditor: MerchantId,
    /// How much, exact.
    pub amount: Obligation,
}

/// What one holding came to.
struct TakenOut {
    creditor: MerchantId,
    obligation: Obligation,
    points_out: Points,
    pool_obligation: Obligation,
}

/// Buys out holdings of closed classes.
pub(crate) fn buy_out(overlay: &mut Overlay<'_>) -> Vec<BoughtOut> {
    let now_ms = overlay.context.time_ms;
    let due = overlay.buy_outs.scan(&(0, ClassId(0)), &(now_ms + 1, ClassId(0)), PER_BLOCK);
    let mut left = PER_BLOCK;
    let mut done = Vec::new();
    for ((due_ms, id), ()) in due {
        if left == 0 {
            break;
        }
        let class = require_class(overlay, id).expect("classes are not deleted");
        let target = open_target(overlay, &class);
        let mut bought = BoughtOut {
            class: id,
            into: target.as_ref().map(|(id, _)| *id),
            holdings: 0,
            points: Points(0),
            points_out: Points(0),
            debts: Vec::new(),
            pool_obligation: Obligation(0),
        };
        let mut owed: BTreeMap<MerchantId, i128> = BTreeMap::new();
        let holders = holders(overlay, id, left);
        left -= holders.len();
        let mut has_room = true;
        for address in holders {
            overlay.keep();
            let points = live_points(overlay, &(address, id));
            let Ok(taken) = take_out(overlay, (address, id, &class), target.as_ref(), points) else {
                // A total of the cycle has no room for it: the next cycle has.
                overlay.undo();
                has_room = false;
                break;
            };
            bought.holdings += 1;
            // Both sums fit: the counters of the classes have taken them.
            bought.points.0 += points.0;
            bought.points_out.0 += taken.points_out.0;
            bought.pool_obligation.0 += taken.pool_obligation.0;
            *owed.entry(taken.creditor).or_default() += taken.obligation.0;
        }
        bought.debts =
            owed.into_iter().map(|(creditor, sum)| BoughtOutDebt { creditor, amount: Obligation(sum) }).collect();
        if let Some(next_ms) = next_ms(overlay, id, has_room, left) {
            overlay.buy_outs.delete((due_ms, id));
            next_ms.into_iter().for_each(|next_ms| overlay.buy_outs.put((next_ms, id), ()));
        }
        if bought.holdings > 0 {
            done.push(bought);
        }
    }
    done
}

/// When a class is looked at again: `None`, in the next block; `Some(None)`, never more.
fn next_ms(overlay: &mut Overlay<'_>, class: ClassId, has_room: bool, left: usize) -> Option<Option<u64>> {
    let (calendar, month) = (overlay.context.calendar, overlay.context.month());
    if !has_room {
        return Some(Some(calendar.start_ms(month.plus(1))));
    }
    if left == 0 {
        return None;
    }
    let totals = overlay.class_totals.get(&class).unwrap_or_default();
    let is_done = totals.outstanding == Points(0) && totals.held == Points(0);
    Some((!is_done).then(|| overlay.context.time_ms + DAY_MS))
}

/// The class that points become, while it is open itself.
fn open_target(overlay: &mut Overlay<'_>, class: &PointClass) -> Option<(ClassId, PointClass)> {
    let into = class.end.as_ref()?.into?;
    let target = overlay.classes.get(&into)?;
    target.end.is_none().then(|| (into, (*target).clone()))
}

/// Up to `limit` holders of live points of a class, each once, by rising month of their first lot and address.
fn holders(overlay: &mut Overlay<'_>, class: ClassId, limit: usize) -> Vec<Address> {
    let month = overlay.context.month();
    let mut found: Vec<Address> = Vec::new();
    for ahead in 0..=MAX_LIFE_MONTHS {
        let expires: Month = month.plus(ahead);
        let start = (expires, class, Address([0; 20]));
        let end = (expires, ClassId(class.0.saturating_add(1)), Address([0; 20]));
        let rows = overlay.expiring.scan(&start, &end, limit);
        for ((_, _, address), ()) in rows {
            if found.len() < limit && !found.contains(&address) {
                found.push(address);
            }
        }
        if found.len() == limit {
            break;
        }
    }
    found
}

/// # Errors
/// `overflow`.
fn take_out(
    overlay: &mut Overlay<'_>,
    (address, id, class): (Address, ClassId, &PointClass),
    target: Option<&(ClassId, PointClass)>,
    points: Points,
) -> Result<TakenOut, Rejection> {
    let value = class.terms.value(points);
    let Some((into, target)) = target else {
        debit(overlay, &(address, id), points, Reason::BoughtOut)?;
        count(overlay, id, |t| {
            t.bought_out = t.bought_out.checked_add(points)?;
            Some(())
        })?;
        let member = require_member(overlay, &address)?;
        let custodian = custodian_of(overlay, &member);
        settlement::book_uncapped(overlay, &Debt::buy_out(class.issuer, custodian, value))?;
        return Ok(TakenOut {
            creditor: custodian,
            obligation: value,
            points_out: Points(0),
            pool_obligation: Obligation(0),
        });
    };
    let (given, _) = debit(overlay, &(address, id), points, Reason::ExchangedOut)?;
    let conversion = convert(points, class, target, Rate::ZERO).ok_or(Rejection::Overflow)?;
    change_class(overlay, address, (id, &given), (*into, conversion.points_out, Reason::ExchangedIn))?;
    let Conversion { points_out, obligation, pool_obligation } = conversion;
    settlement::book_pool(overlay, class.issuer, pool_obligation);
    settlement::book_uncapped(overlay, &Debt::exchange(class.issuer, target.issuer, obligation))?;
    Ok(TakenOut { creditor: target.issuer, obligation, points_out, pool_obligation })
}
