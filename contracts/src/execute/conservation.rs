//! Conservation: no block makes or loses a point, or a debt without a creditor. Asserted after every block over what it
//! changed; `verify` and the tests sum over everything.

use std::collections::BTreeMap;

use crate::points::{ClassTotals, Reason};
use crate::state::Overlay;
use crate::types::ClassId;

/// # Panics
/// When a counter disagrees with the movements, the counters with each other, or debts with claims. No input may bring
/// this about.
pub(super) fn assert_holds(overlay: &Overlay<'_>) {
    let mut movements = movements(overlay);
    for change in overlay.class_totals.changes() {
        let class = change.key;
        let (before, after) = (change.before.unwrap_or_default(), change.after.unwrap_or_default());
        assert_eq!(
            made(&after) - i128::from(after.lapsed.0),
            i128::from(after.outstanding.0),
            "class {class}: counters"
        );
        assert!(after.swept <= after.lapsed, "class {class}: no more is swept than lapsed");
        let moved = movements.remove(&class).unwrap_or_default();
        assert_eq!(moved.live, made(&after) - made(&before), "class {class}: movements agree with the counters");
        let swept = i128::from(after.swept.0) - i128::from(before.swept.0);
        assert_eq!(-moved.expired, swept, "class {class}: expired movements agree with the counters");
    }
    assert!(movements.is_empty(), "no movement without its counters");
    let owed: i128 = overlay
        .positions
        .changes()
        .into_iter()
        .map(|change| (change.before.unwrap_or_default(), change.after.unwrap_or_default()))
        .map(|(b, a)| (a.receivable.0 - a.payable.0) - (b.receivable.0 - b.payable.0))
        .sum();
    assert_eq!(owed, 0, "what one merchant came to owe, others came to be owed");
}

/// Points that a class has made over its history, less those it has destroyed but by lapse.
fn made(t: &ClassTotals) -> i128 {
    i128::from(t.issued.0) - i128::from(t.redeemed.0) + i128::from(t.exchanged_in.0) - i128::from(t.exchanged_out.0)
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
