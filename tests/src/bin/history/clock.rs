//! When the next block comes: mostly soon, now and then days or months later, or at the very instant something ends.

use serde_json::json;
use tally_contracts::types::{DAY_MS, HOUR_MS};

use crate::batch::Batch;
use crate::world::{Hold, VOICES_KNOWN_FOR_MS, World};

/// The time of a next block, later than now.
pub fn next_time(world: &mut World) -> u64 {
    let now = world.now;
    let month_start = |world: &World, later: u16| world.calendar.start_ms(world.calendar.month(now).plus(later));
    let time_ms = match world.random.between(0, 999) {
        0..=499 => now + world.random.between(1, 2_000),
        500..=749 => now + world.random.between(1, HOUR_MS),
        750..=879 => now + world.random.between(1, 12 * HOUR_MS),
        880..=919 => now + world.random.between(DAY_MS, 3 * DAY_MS),
        920..=924 => month_start(world, 1),
        925..=927 => month_start(world, 1) - 1,
        928..=929 => month_start(world, 1) + world.random.between(1, DAY_MS),
        930 | 931 => now + world.random.between(10 * DAY_MS, 40 * DAY_MS),
        932 => month_start(world, 3),
        933 if world.random.chance(300) => now + world.random.between(60 * DAY_MS, 120 * DAY_MS),
        _ => instant(world),
    };
    time_ms.max(now + 1)
}

/// The instant at which something ends within days, or just before.
fn instant(world: &mut World) -> u64 {
    let now = world.now;
    let holds = world.holds.iter().flat_map(Hold::ends);
    let sales = world.sales.iter().chain(&world.purchases).flat_map(|sale| sale.ends(world.refund_window_ms));
    let recoveries = world.members.iter().filter_map(|member| member.recovery.as_ref().map(|(_, at)| *at));
    let grants = world.grants.iter().filter_map(|grant| grant["expires_ms"].as_u64());
    let ends_day = world.random.chance(200);
    let changes = world.classes.iter().filter_map(|class| class.changes_ms);
    let disputes = world.disputes.iter().filter(|dispute| !dispute.is_ended).map(|dispute| dispute.due_ms);
    let voices = world.acts.iter().map(|act| act.begun_ms + VOICES_KNOWN_FOR_MS + 1);
    // Legs are due, and much of what business days measure ends, when a day does.
    let days =
        (1..=3).filter(|_| ends_day).map(|later| world.calendar.day_start_ms(world.calendar.day(now).plus(later)));
    let all = holds.chain(sales).chain(recoveries).chain(grants);
    let all = all.chain(changes).chain(disputes).chain(voices).chain(days).chain(world.council.instants());
    let all: Vec<u64> = all.filter(|at| (now + 1..now + 3 * DAY_MS).contains(at)).collect();
    let at = world.random.one(&all).copied().unwrap_or(now + 1);
    if world.random.chance(300) { at - 1 } else { at }
}

/// A transaction that sets a simulated clock, now and then in vain: backwards, not in time, or not by its key.
pub fn set_clock(world: &mut World, time_ms: u64) -> Option<Batch> {
    let mut public_key = world.clock_key.clone()?;
    let (mut time_ms, mut valid_until_ms) = (time_ms, time_ms + HOUR_MS);
    match world.random.between(0, 79) {
        0 => time_ms = world.now,
        1 => time_ms = world.now - HOUR_MS,
        2 => valid_until_ms = time_ms - 1,
        3 => valid_until_ms = time_ms + DAY_MS + 1,
        4 => public_key = world.merchants[0].keys[0].public_key.clone(),
        5 => valid_until_ms = time_ms,
        6 => valid_until_ms = time_ms + DAY_MS,
        _ => {}
    }
    let reference = world.reference_at(time_ms);
    let new = json!({ "reference": reference, "body": { "set_clock": { "time_ms": time_ms } } });
    let before = world.clock_settings.last().filter(|_| world.random.chance(30)).cloned();
    let operations = vec![before.unwrap_or(new)];
    world.clock_settings.extend(operations.iter().cloned());
    Some(Batch { merchant: 0, public_key, valid_until_ms, atomic: false, operations })
}

/// The time that a block of a simulated clock has: what its only operation sets, if it may, or a millisecond more.
pub fn simulated_time(world: &World, batches: &[Batch]) -> u64 {
    let [batch] = batches else { return world.now + 1 };
    let [operation] = batch.operations.as_slice() else { return world.now + 1 };
    let Some(time_ms) = operation["body"]["set_clock"]["time_ms"].as_u64() else { return world.now + 1 };
    let is_valid = time_ms <= batch.valid_until_ms && batch.valid_until_ms <= time_ms + DAY_MS;
    let is_clock = batch.merchant == 0 && world.clock_key.as_ref() == Some(&batch.public_key);
    if is_clock && time_ms > world.now && is_valid { time_ms } else { world.now + 1 }
}
