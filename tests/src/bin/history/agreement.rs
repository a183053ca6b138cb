//! What else the alliance agrees on, at its start or later: parameters, terms of pairs, ratios of imports, the calendar.

use serde_json::{Value, json};
use tally_contracts::types::DAY_MS;

use crate::terms::COLOSSAL;
use crate::world::World;

/// Days from the start that the calendar may name.
const CALENDAR_DAYS: u64 = 400;

/// The parameters of an alliance.
pub fn parameters(world: &mut World) -> Value {
    let random = &mut world.random;
    let spread = random.weighted(&[("0.02", 6), ("0", 2), ("0.000001", 1), ("0.5", 1)]);
    let days: Vec<Value> = (1..=7)
        .filter(|_| random.chance(250))
        .collect::<Vec<u64>>()
        .into_iter()
        .map(|weekday| json!({ "weekday": weekday, "spread": random.weighted(&[("0", 2), ("0.01", 1), ("0.6", 1)]) }))
        .collect();
    let mut parameters = json!({
        "idle_block_ms": 1000,
        "checkpoint_interval_ms": random.weighted(&[(600_000, 3), (1_000, 1), (3_600_000, 2), (DAY_MS, 1)]),
        "min_anchor": "0.0001",
        "max_anchor": "1000000",
        "notice_business_days": random.between(0, 15),
        "no_consent_limit_fen": random.between(2_000, 10_000).to_string(),
        "refund_window_days": random.between(5, 90),
        "exchange": {
            "spread": spread,
            "min_lot_fen": random.weighted(&[("0", 2), ("1", 1), ("100", 1)]),
            "member_daily_limit_fen": random.between(3_000, 60_000).to_string(),
            "pair_daily_limit_fen": random.between(5_000, 100_000).to_string(),
            "days": days,
        },
        "settlement": {
            "cycle_months": random.weighted(&[(1, 4), (2, 1), (3, 3), (4, 1), (6, 1)]),
            "payment_business_days": random.between(0, 6),
            "escalation_business_days": random.between(0, 4),
            "dispute_business_days": random.between(0, 8),
            "cap_warning": "0.8",
        },
        "governance": { "voting_days": random.between(2, 20), "run_off_days": random.between(1, 30) },
    });
    parameters["pool"] = pool(world);
    parameters["rebate"] = rebate(world);
    parameters
}

/// What the pool takes, and by what it is shared.
fn pool(world: &mut World) -> Value {
    let random = &mut world.random;
    json!({
        "levy": random.weighted(&[("0.01", 3), ("0.05", 2), ("0.000001", 1), ("1", 1), ("0", 1)]),
        "min_weight": random.weighted(&[("0.8", 3), ("0.000001", 1), ("1.5", 1)]),
        "max_weight": random.weighted(&[("1.5", 3), ("10", 1), ("1.999999", 1)]),
        "referral_part": random.weighted(&[("0.5", 3), ("0.333333", 2), ("0", 1), ("1", 1)]),
        "full_conversion": random.weighted(&[("0.08", 1), ("0.5", 1), ("0.777777", 1), ("1", 1)]),
        "referral_days": random.between(1, 90),
    })
}

/// Tiers so low that they are reached, and sometimes none.
fn rebate(world: &mut World) -> Value {
    let random = &mut world.random;
    let mut from_fen = 0;
    let mut tiers = Vec::new();
    for _ in 0..random.between(0, 4) {
        from_fen += random.magnitude(40_000);
        let rate = random.weighted(&[("0.05", 2), ("0.1", 2), ("0.15", 1), ("0.333333", 1), ("1", 1)]);
        tiers.push(json!({ "from_fen": from_fen.to_string(), "rate": rate }));
    }
    json!({ "tiers": tiers, "is_marginal": random.chance(500) })
}

/// What a merchant must bring, and who attests it.
pub fn admission(world: &mut World) -> Value {
    let mut attesters = vec![world.new_key(), world.new_key()];
    attesters.sort_unstable();
    world.council.attesters.clone_from(&attesters);
    json!({ "min_annual_revenue_fen": "500000000", "min_members": 10_000, "attesters": attesters })
}

/// Terms of some ordered pairs of classes; colossal ones have no limit among each other. In a staged history nothing is
/// kept back from class 3 into class 1.
pub fn pairs(world: &mut World, is_staged: bool) -> Vec<Value> {
    let classes: Vec<(u32, bool)> =
        world.classes.iter().filter(|class| class.main.is_none()).map(|class| (class.id, class.is_colossal)).collect();
    let mut pairs = Vec::new();
    for &(from, from_colossal) in &classes {
        for &(to, to_colossal) in &classes {
            if from != to && from_colossal && to_colossal {
                let terms = json!({ "daily_limit_fen": u64::MAX.to_string() });
                pairs.push(json!({ "from_class": from, "to_class": to, "terms": terms }));
            } else if is_staged && (from, to) == (3, 1) {
                pairs.push(json!({ "from_class": from, "to_class": to, "terms": { "spread": "0" } }));
            } else if from != to && !is_staged && world.random.chance(350) {
                pairs.push(pair(world, from, to));
            }
        }
    }
    pairs
}

/// A pair with terms of its own, which may be none.
pub fn pair(world: &mut World, from: u32, to: u32) -> Value {
    let random = &mut world.random;
    let mut pair = json!({ "from_class": from, "to_class": to, "terms": {} });
    if random.chance(500) {
        pair["terms"]["spread"] = json!(random.weighted(&[("0.01", 2), ("0.05", 1), ("0", 1)]));
    }
    if random.chance(500) {
        pair["terms"]["min_lot_fen"] = json!(random.weighted(&[("100", 2), ("1000", 1), ("0", 1)]));
    }
    if random.chance(500) {
        pair["terms"]["daily_limit_fen"] = json!(random.between(500, 20_000).to_string());
    }
    pair
}

/// What a partner's points become: of two ordinary classes, and of a colossal one.
pub fn ratios(world: &mut World) -> Vec<Value> {
    let random = &mut world.random;
    let ratio = |(class, units, points): (u32, u64, u64)| {
        let ratio = json!({ "units": units, "points": points });
        json!({ "class": class, "ratio": ratio })
    };
    let ordinary = [(1, random.between(1, 300), random.between(1, 30)), (2, 100, random.between(1, 1_000))];
    ordinary.into_iter().chain([(COLOSSAL[1].1, 3, 1_000)]).map(ratio).collect()
}

/// Holidays and workdays of the first months.
pub fn calendar(world: &mut World, time_ms: u64) -> Value {
    let first = world.calendar.day(time_ms).0;
    let (mut holidays, mut workdays) = (Vec::new(), Vec::new());
    for later in 0..CALENDAR_DAYS as u32 {
        match world.random.between(0, 19) {
            0 => holidays.push(day(first + later)),
            1 => workdays.push(day(first + later)),
            _ => {}
        }
    }
    json!({ "holidays": holidays, "workdays": workdays })
}

/// A local day as JSON.
pub fn day(day: u32) -> Value {
    json!(tally_contracts::types::Day(day))
}
