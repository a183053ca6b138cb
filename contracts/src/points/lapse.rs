//! Lapse: points whose last month has passed.
//!
//! The counters move at once when the month ends; the holdings follow in a sweep that is bounded per block and delays
//! nothing, for whether a lot counts is judged by time alone (docs/rules.md, 2).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::count;
use super::holding::shed_lapsed;
use crate::state::Overlay;
use crate::types::{Address, ClassId, Month, Points};

/// Holdings that one block's sweep looks at, at most; their records stay below a log leaf.
pub(crate) const SWEEP_PER_BLOCK: usize = 1_000;

/// What lapsed of a class when a month ended.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct Lapsed {
    /// The class.
    pub class: ClassId,
    /// The month that ended.
    pub month: Month,
    /// How many points.
    pub points: Points,
}

/// Moves the counters of everything that could last be spent in `month`.
pub(crate) fn lapse_month(overlay: &mut Overlay<'_>, month: Month) -> Vec<Lapsed> {
    let (start, end) = ((month, ClassId(0)), (month.plus(1), ClassId(0)));
    let due = overlay.outstanding.scan(&start, &end, usize::MAX);
    let lapse = |((month, class), points): ((Month, ClassId), Points)| {
        count(overlay, class, |t| {
            t.lapsed = t.lapsed.checked_add(points)?;
            t.outstanding = t.outstanding.checked_sub(points)?;
            Some(())
        })
        .expect("what lapses was outstanding");
        overlay.outstanding.delete((month, class));
        Lapsed { class, month, points }
    };
    due.into_iter().map(lapse).collect()
}

/// Takes lapsed lots of ended months off up to [`SWEEP_PER_BLOCK`] holdings; gives how many it looked at.
pub(crate) fn sweep(overlay: &mut Overlay<'_>) -> u32 {
    let mut schedule = overlay.schedule.get(&()).expect("genesis wrote the schedule");
    if schedule.swept_before >= schedule.open_month {
        return 0;
    }
    let start = (schedule.swept_before, ClassId(0), Address([0; 20]));
    let end = (schedule.open_month, ClassId(0), Address([0; 20]));
    let due = overlay.expiring.scan(&start, &end, SWEEP_PER_BLOCK);
    for ((_, class, address), ()) in &due {
        shed_lapsed(overlay, &(*address, *class));
    }
    schedule.swept_before = match due.last() {
        Some(((month, _, _), ())) if due.len() == SWEEP_PER_BLOCK => *month,
        _ => schedule.open_month,
    };
    overlay.schedule.put((), schedule);
    u32::try_from(due.len()).expect("the sweep is bounded")
}
