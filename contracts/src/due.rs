//! Due work: what happens because block time has passed, not because anyone asked.
//!
//! It runs at the start of the first block past its time: first the close of each ended cycle with the lapse of its
//! month's points, oldest first, then a bounded part of the lapse sweep. What it did stands in the transparency log.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use crate::encoding;
use crate::governance::Schedule;
use crate::points::{Lapsed, lapse};
use crate::settlement::{CycleClosed, close_cycle};
use crate::state::{Overlay, Store, tag};
use crate::types::Calendar;

/// One piece of due work done.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
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
}

/// Runs what is due at the block's time.
pub(crate) fn run(overlay: &mut Overlay<'_>) -> Vec<DueRecord> {
    let mut done = Vec::new();
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

/// The block time from which on a block has due work: that of the open cycle's end, or 0 while a sweep is under way.
#[must_use]
pub fn due_at_ms(store: &dyn Store, calendar: Calendar) -> u64 {
    let bytes = store.get(&[tag::schedule]).expect("genesis wrote the schedule");
    let schedule: Schedule = encoding::decode_own(&bytes);
    if schedule.swept_before < schedule.open_cycle { 0 } else { calendar.start_ms(schedule.open_cycle.plus(1)) }
}
