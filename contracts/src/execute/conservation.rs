//! Conservation: no block makes or loses a point. Asserted after every block over the counters and movements it changed;
//! `verify` and the tests sum over everything.

use std::collections::{BTreeMap, BTreeSet};

use crate::encoding;
use crate::points::{ClassTotals, Reason};
use crate::state::{Key, Overlay, Store, tag};
use crate::types::ClassId;

/// # Panics
/// When a counter disagrees with the movements, or the counters with each other. No input may bring this about.
pub(super) fn assert_holds(store: &dyn Store, overlay: &mut Overlay<'_>) {
    let mut moved: BTreeMap<ClassId, i128> = BTreeMap::new();
    let mut expired: BTreeMap<ClassId, i128> = BTreeMap::new();
    let mut touched: BTreeSet<ClassId> = BTreeSet::new();
    for ((_, class), movement) in overlay.holdings.added() {
        let side = if movement.reason == Reason::Expired { &mut expired } else { &mut moved };
        *side.entry(*class).or_default() += i128::from(movement.delta);
        touched.insert(*class);
    }
    for class in touched {
        let before = committed_totals(store, class);
        let after = overlay.class_totals.get(&class).unwrap_or_default();
        let made = |t: &ClassTotals| {
            i128::from(t.issued.0) - i128::from(t.redeemed.0) + i128::from(t.exchanged_in.0)
                - i128::from(t.exchanged_out.0)
        };
        let live = made(&after) - i128::from(after.lapsed.0);
        assert_eq!(live, i128::from(after.outstanding.0), "class {class}: the counters balance");
        assert!(after.swept <= after.lapsed, "class {class}: no more is swept than lapsed");
        let moved = moved.get(&class).copied().unwrap_or(0);
        assert_eq!(moved, made(&after) - made(&before), "class {class}: movements agree with the counters");
        let swept = i128::from(after.swept.0) - i128::from(before.swept.0);
        let expired = expired.get(&class).copied().unwrap_or(0);
        assert_eq!(-expired, swept, "class {class}: expired movements agree with the counters");
    }
}

fn committed_totals(store: &dyn Store, class: ClassId) -> ClassTotals {
    let mut key = vec![tag::class_totals];
    class.put(&mut key);
    store.get(&key).map(|bytes| encoding::decode_own(&bytes)).unwrap_or_default()
}
