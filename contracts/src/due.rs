//! Due work: what happens because block time has passed, not because anyone asked.
//!
//! It runs at the start of the first block past its time: first a bounded number of holds that time out, then the close of
//! each ended cycle with the lapse of its month's points, oldest first, then a bounded part of the lapse sweep. What it did
//! stands in the transparency log. A close never waits: whether a hold can be captured, and whether a lot counts, is judged
//! by time alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::encoding;
use crate::governance::Schedule;
use crate::points::{Lapsed, TimedOut, lapse, release};
use crate::settlement::{CycleClosed, close_cycle};
use crate::state::{Overlay, Store, read_range, tag};
use crate::types::{Calendar, MerchantId, Reference};

/// One piece of due work done.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DueRecord {
    /// A settlement cycle was closed.
    #[wincode(tag = 1)]
    Closed(CycleClosed),
    /// Points of a class lapsed with their month.
    #[wincode(tag = 2)]
    Lapsed(Lapsed),
    /// The sweep took lapsed points off this many holdings.
    #[wincode(tag = 3)]
    Swept {
        /// Holdings.
        holdings: u32,
    },
    /// A hold was released by time.
    #[wincode(tag = 4)]
    TimedOut(TimedOut),
}

/// Runs what is due at the block's time.
pub(crate) fn run(overlay: &mut Overlay<'_>) -> Vec<DueRecord> {
    let mut done: Vec<DueRecord> = release::time_out(overlay).into_iter().map(DueRecord::TimedOut).collect();
    let month = overlay.context.month();
    let mut schedule = overlay.schedule.get(&()).expect("genesis wrote the schedule");
    while schedule.open_cycle < month {
        let cycle = schedule.open_cycle;
        done.push(DueRecord::Closed(close_cycle(overlay, cycle)));
        done.extend(lapse::lapse_month(overlay, cycle).into_iter().map(DueRecord::Lapsed));
        schedule.open_cycle = cycle.plus(1);
        overlay.schedule.put((), schedule.clone());
    }
    let holdings = lapse::sweep(overlay);
    if holdings > 0 {
        done.push(DueRecord::Swept { holdings });
    }
    overlay.keep();
    done
}

/// The block time from which on a block has due work: that of the open cycle's end or of the next hold's time-out, or 0
/// while a sweep is under way.
#[must_use]
pub fn due_at_ms(store: &dyn Store, calendar: Calendar) -> u64 {
    let bytes = store.get(&[tag::schedule]).expect("genesis wrote the schedule");
    let schedule: Schedule = encoding::decode_own(&bytes);
    if schedule.swept_before < schedule.open_cycle {
        return 0;
    }
    let first = (0, MerchantId::POOL, Reference(0));
    let timeouts: Vec<((u64, MerchantId, Reference), ())> = read_range(store, tag::hold_timeouts, &first, None, 1);
    let close_ms = calendar.start_ms(schedule.open_cycle.plus(1));
    timeouts.first().map_or(close_ms, |((release_ms, _, _), ())| close_ms.min(*release_ms))
}
