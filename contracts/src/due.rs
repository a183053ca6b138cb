//! Due work: what happens because block time has passed, not because anyone asked.
//!
//! It runs at the start of the first block past its time: first a bounded number of holds that time out, then the ended
//! months, oldest first, each with the close of the cycle that ends with it and the lapse of its points, then the
//! distribution of the pool for each, anchors that take effect, legs that go to the governors, disputes whose clock ran out,
//! run-offs that end, changes that take effect, then a bounded part of the buy-outs and of the lapse sweep.
//! What it did stands in the transparency log. A close never waits: whether a hold can be captured, and whether a lot
//! counts, is judged by time alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::encoding;
use crate::exchange::{AnchorChanged, change_anchors};
use crate::governance::{self, ChangeActivated, Schedule, activate};
use crate::membership::{WoundUp, wind_up};
use crate::points::{BoughtOut, Lapsed, TimedOut, buy_out, lapse, release};
use crate::pool::{Distributed, distribute};
use crate::settlement::{CycleClosed, DisputeTimedOut, LegEscalated, close_cycle, escalate_legs, time_out_disputes};
use crate::state::{Overlay, Store, WORK_LISTS, tag};
use crate::types::Calendar;

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
    /// An announced anchor took effect.
    #[wincode(tag = 5)]
    AnchorChanged(AnchorChanged),
    /// A leg was unconfirmed for too long.
    #[wincode(tag = 6)]
    LegEscalated(LegEscalated),
    /// A dispute's clock ran out.
    #[wincode(tag = 7)]
    DisputeTimedOut(DisputeTimedOut),
    /// The pool was shared out.
    #[wincode(tag = 8)]
    Distributed(Distributed),
    /// A run-off is over.
    #[wincode(tag = 9)]
    WoundUp(WoundUp),
    /// The time of a change that passed has come.
    #[wincode(tag = 10)]
    ChangeActivated(ChangeActivated),
    /// Points of a closed class were bought out or exchanged.
    #[wincode(tag = 11)]
    BoughtOut(BoughtOut),
}

/// Runs what is due at the block's time.
pub(crate) fn run(overlay: &mut Overlay<'_>) -> Vec<DueRecord> {
    let mut done: Vec<DueRecord> = release::time_out(overlay).into_iter().map(DueRecord::TimedOut).collect();
    let month = overlay.context.month();
    let mut ended_months = Vec::new();
    let mut schedule = overlay.schedule.get(&()).expect("genesis wrote the schedule");
    while schedule.open_month < month {
        let ended = schedule.open_month;
        schedule.open_month = ended.plus(1);
        let cycle = governance::parameters(overlay).settlement.cycle_of(schedule.open_month);
        if cycle != schedule.open_cycle {
            done.push(DueRecord::Closed(close_cycle(overlay, schedule.open_cycle)));
            schedule.open_cycle = cycle;
        }
        done.extend(lapse::lapse_month(overlay, ended).into_iter().map(DueRecord::Lapsed));
        overlay.schedule.put((), schedule.clone());
        ended_months.push(ended);
    }
    done.extend(ended_months.into_iter().filter_map(|month| distribute(overlay, month)).map(DueRecord::Distributed));
    done.extend(change_anchors(overlay).into_iter().map(DueRecord::AnchorChanged));
    done.extend(escalate_legs(overlay).into_iter().map(DueRecord::LegEscalated));
    done.extend(time_out_disputes(overlay).into_iter().map(DueRecord::DisputeTimedOut));
    done.extend(wind_up(overlay).into_iter().map(DueRecord::WoundUp));
    done.extend(activate(overlay).into_iter().map(DueRecord::ChangeActivated));
    done.extend(buy_out(overlay).into_iter().map(DueRecord::BoughtOut));
    let holdings = lapse::sweep(overlay);
    if holdings > 0 {
        done.push(DueRecord::Swept { holdings });
    }
    overlay.keep();
    done
}

/// The block time from which on a block has due work: the end of the open month or the first entry of a work list, or 0
/// while a sweep is under way; `latest_ms` where all of that comes later.
#[must_use]
pub fn due_at_ms(store: &dyn Store, calendar: Calendar, latest_ms: u64) -> u64 {
    let bytes = store.get(&[tag::schedule]).expect("genesis wrote the schedule");
    let schedule: Schedule = encoding::decode_own(&bytes);
    if schedule.swept_before < schedule.open_month {
        return 0;
    }
    let latest_ms = latest_ms.min(calendar.start_ms(schedule.open_month.plus(1)));
    WORK_LISTS.into_iter().filter_map(|tag| first_ms(store, tag, latest_ms)).fold(latest_ms, u64::min)
}

/// The time of the first entry of a work list before a time; its keys start with their times. Nothing is looked for past that,
/// where most entries come and go again.
fn first_ms(store: &dyn Store, tag: u8, before_ms: u64) -> Option<u64> {
    let end = [&[tag], before_ms.to_be_bytes().as_slice()].concat();
    let (key, _) = store.scan(&[tag], &end, 1).pop()?;
    let time_ms = key[1..].first_chunk().expect("a work list's keys start with a time");
    Some(u64::from_be_bytes(*time_ms))
}
