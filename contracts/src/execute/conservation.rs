//! Conservation: no block makes or loses a point, or a debt without a creditor. Asserted after every block over what it
//! changed; `verify` and the tests sum over everything.

use std::collections::BTreeMap;

use crate::points::{ClassTotals, Hold, Reason};
use crate::state::Overlay;
use crate::types::{ClassId, Points};

/// # Panics
/// When a counter disagrees with the movements, the counters with each other, or debts with claims. No input may bring
/// this about.
pub(super) fn assert_holds(overlay: &Overlay<'_>) {
    let mut movements = movements(overlay);
    for change in overlay.class_totals.changes() {
        let class = change.key;
        let (before, after) = (change.before.unwrap_or_default(), change.after.unwrap_or_default());
        assert_eq!(
            in_holdings(&after) - i128::from(after.lapsed.0),
            i128::from(after.outstanding.0),
            "class {class}: counters"
        );
        assert!(after.swept <= after.lapsed, "class {class}: no more is swept than lapsed");
        let moved = movements.remove(&class).unwrap_or_default();
        assert_eq!(
            moved.live,
            in_holdings(&after) - in_holdings(&before),
            "class {class}: movements agree with the counters"
        );
        let swept = i128::from(after.swept.0) - i128::from(before.swept.0);
        assert_eq!(-moved.expired, swept, "class {class}: expired movements agree with the counters");
    }
    assert!(movements.is_empty(), "no movement without its counters");
    assert_held(overlay);
    let owed: i128 = overlay
        .positions
        .changes()
        .into_iter()
        .map(|change| (change.before.unwrap_or_default(), change.after.unwrap_or_default()))
        .map(|(b, a)| (a.receivable.0 - a.payable.0) - (b.receivable.0 - b.payable.0))
        .sum();
    assert_eq!(owed, 0, "what one merchant came to owe, others came to be owed");
}

/// The counters of what is held move as the open holds do.
fn assert_held(overlay: &Overlay<'_>) {
    let mut held: BTreeMap<ClassId, i128> = BTreeMap::new();
    for change in overlay.holds.changes() {
        let mut add = |hold: Option<Hold>, sign: i128| {
            let Some(hold) = hold else { return };
            let points: i128 = hold.lots.iter().map(|lot| i128::from(lot.points.0)).sum();
            *held.entry(hold.class).or_default() += sign * points;
        };
        add(change.before, -1);
        add(change.after, 1);
    }
    for change in overlay.class_totals.changes() {
        let (before, after) = (change.before.unwrap_or_default(), change.after.unwrap_or_default());
        let moved = i128::from(after.held.0) - i128::from(before.held.0);
        assert_eq!(moved, held.remove(&change.key).unwrap_or_default(), "class {}: what is held", change.key);
    }
    assert!(held.is_empty(), "no hold without its class's counters");
}

/// Points that a class has put into holdings over its history, less those it has taken out but by lapse.
fn in_holdings(t: &ClassTotals) -> i128 {
    let wide = |points: Points| i128::from(points.0);
    let came = wide(t.issued) + wide(t.imported) + wide(t.redemptions_reversed) + wide(t.exchanged_in);
    let went = wide(t.issues_reversed) + wide(t.redeemed) + wide(t.exchanged_out) + wide(t.bought_out);
    came - went - wide(t.held)
}

/// Sums of a class's movements in a block.
#[derive(Default)]
struct Moved {
    live: i128,
    expired: i128,
}

fn movements(overlay: &Overlay<'_>) -> BTreeMap<ClassId, Moved> {
    let mut sums: BTreeMap<ClassId, Moved> = BTreeMap::new();
    for ((_, class), movement) in overlay.holdings.added() {
        let moved = sums.entry(*class).or_default();
        let side = if movement.reason == Reason::Expired { &mut moved.expired } else { &mut moved.live };
        *side += i128::from(movement.delta);
    }
    sums
}
