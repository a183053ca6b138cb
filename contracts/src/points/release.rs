//! How a hold ends: what was captured of it is spent, the rest returns to the member, what it reserved is free again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::standing::{split_last, sum};
use super::{Hold, HoldState, Lot, Released, Standing, count, give_back, note_capture, release, require_class};
use crate::execute;
use crate::settlement;
use crate::state::Overlay;
use crate::types::{Address, ClassId, MerchantId, Points, Reference};

/// Holds that one block's due work times out, at most.
pub(crate) const TIMEOUTS_PER_BLOCK: usize = 1_000;

/// A hold that time released.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct TimedOut {
    /// The merchant that placed it.
    pub merchant: MerchantId,
    /// The reference of the hold.
    pub hold: Reference,
    /// Whose points.
    pub member: Address,
    /// Which points.
    pub class: ClassId,
    /// Live points given back.
    pub released: Points,
    /// Points given back that had lapsed.
    pub expired: Points,
}

/// Ends an open hold, `captured` of whose points are spent; gives the lots spent, and what was released.
pub(super) fn end(
    overlay: &mut Overlay<'_>,
    (merchant, reference): (MerchantId, Reference),
    hold: &Hold,
    (state, captured): (HoldState, Points),
) -> (Vec<Lot>, Released) {
    let class = require_class(overlay, hold.class).expect("a hold's class exists because classes are not deleted");
    let whole = sum(&hold.lots);
    if class.issuer != merchant {
        settlement::unreserve(overlay, class.issuer, class.terms.value_at(whole, hold.anchor));
    }
    give_back(overlay, merchant, (hold, &class), captured);
    count(overlay, hold.class, |t| {
        t.held = t.held.checked_sub(whole)?;
        Some(())
    })
    .expect("what a hold holds is held");
    overlay.holds.delete((merchant, reference));
    overlay.hold_timeouts.delete((hold.release_ms, merchant, reference));
    execute::set_standing(overlay, merchant, reference, Standing::Hold(state));
    let owner = (hold.member, hold.class);
    if state == HoldState::Captured {
        note_capture(overlay, &owner);
    }
    let (spent, rest) = split_last(hold.lots.clone(), Points(whole.0 - captured.0));
    let released = release(overlay, &owner, &rest);
    (spent, released)
}

/// Releases holds whose time is over, up to [`TIMEOUTS_PER_BLOCK`].
pub(crate) fn time_out(overlay: &mut Overlay<'_>) -> Vec<TimedOut> {
    let first = (0, MerchantId::POOL, Reference(0));
    let end_ms = (overlay.context.time_ms + 1, MerchantId::POOL, Reference(0));
    let due = overlay.hold_timeouts.scan(&first, &end_ms, TIMEOUTS_PER_BLOCK);
    let mut timed_out = Vec::with_capacity(due.len());
    for ((_, merchant, reference), ()) in due {
        let hold = overlay.holds.get(&(merchant, reference)).expect("a time-out stands for an open hold");
        let (_, released) = end(overlay, (merchant, reference), &hold, (HoldState::TimedOut, Points(0)));
        timed_out.push(TimedOut {
            merchant,
            hold: reference,
            member: hold.member,
            class: hold.class,
            released: released.live,
            expired: released.expired,
        });
    }
    timed_out
}
