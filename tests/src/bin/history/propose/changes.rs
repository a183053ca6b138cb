//! Proposals: changes of every kind, mostly ones that can be, and for every rule now and then what breaks it.

use serde_json::{Value, json};
use tally_contracts::crypto::{Signature, sign};
use tally_contracts::governance::change::{Admit, attested_bytes};
use tally_contracts::types::DAY_MS;

use super::{Proposal, some_class};
use crate::agreement;
use crate::alliance::ROLES;
use crate::terms::INDUSTRIES;
use crate::world::{Merchant, Stage, World};

/// 10^13 CNY.
const MOST_FEN: u64 = 1_000_000_000_000_000;
/// With so many merchants, hardly anybody joins; with so few, hardly anybody leaves.
const ENOUGH_MERCHANTS: usize = 8;
const FEW_MERCHANTS: usize = 3;

/// A change proposed.
pub fn propose(world: &mut World, merchant: u16) -> Option<Proposal> {
    let change = match world.random.between(0, 39) {
        0..=6 => parameters(world),
        7..=13 => class(world, merchant)?,
        14..=18 => pair(world)?,
        19..=21 => import_ratio(world)?,
        22..=26 => terms_of_merchant(world)?,
        27..=30 => admit(world),
        31..=35 => suspension(world)?,
        36..=38 => exit(world)?,
        _ => upgrade(world),
    };
    let (now, random) = (world.now, &mut world.random);
    let effective_ms = match random.between(0, 39) {
        0 => now + 400 * DAY_MS + 1,
        1 => now + 400 * DAY_MS,
        2 => now,
        3..=6 => now + random.between(1, 3 * DAY_MS),
        7..=14 => now + random.between(15 * DAY_MS, 30 * DAY_MS),
        _ => 0,
    };
    Some(Proposal::plain("propose", json!({ "change": change, "effective_ms": effective_ms })))
}

/// The parameters with some groups drawn anew; now and then one past its bounds.
fn parameters(world: &mut World) -> Value {
    let mut parameters = world.council.parameters.clone();
    let fresh = agreement::parameters(world);
    let random = &mut world.random;
    let days_and_limits = ["notice_business_days", "no_consent_limit_fen", "refund_window_days"];
    for name in days_and_limits.into_iter().chain(["checkpoint_interval_ms", "pool", "rebate", "governance"]) {
        if random.chance(250) {
            parameters[name] = fresh[name].clone();
        }
    }
    for name in ["spread", "min_lot_fen", "member_daily_limit_fen", "pair_daily_limit_fen", "days"] {
        if random.chance(200) {
            parameters["exchange"][name] = fresh["exchange"][name].clone();
        }
    }
    for name in ["payment_business_days", "escalation_business_days", "dispute_business_days"] {
        if random.chance(150) {
            parameters["settlement"][name] = fresh["settlement"][name].clone();
        }
    }
    if random.chance(60) {
        parameters["min_anchor"] = json!(random.weighted(&[("0.0001", 3), ("0.005", 1)]));
    }
    spoil(world, &mut parameters);
    let replaces = match world.random.between(0, 19) {
        0 => "00".repeat(32),
        _ => world.council.parameters_hash.clone(),
    };
    json!({ "parameters": { "replaces": replaces, "parameters": parameters } })
}

/// Now and then a parameter lies outside its bounds.
fn spoil(world: &mut World, parameters: &mut Value) {
    match world.random.between(0, 79) {
        0 => parameters["idle_block_ms"] = json!(9),
        1 => parameters["min_anchor"] = json!("0"),
        2 => parameters["max_anchor"] = json!("1000000.000001"),
        3 => parameters["notice_business_days"] = json!(251),
        4 => parameters["refund_window_days"] = json!(91),
        5 => parameters["exchange"]["spread"] = json!("1"),
        6 => parameters["exchange"]["days"] = json!([{ "weekday": 8, "spread": "0" }]),
        7 => parameters["settlement"]["cycle_months"] = json!(12),
        8 => parameters["settlement"]["cap_warning"] = json!("1.000001"),
        9 => parameters["pool"]["levy"] = json!("1.000001"),
        10 => parameters["pool"]["min_weight"] = json!("0"),
        11 => parameters["pool"]["max_weight"] = json!("10.000001"),
        12 => parameters["pool"]["full_conversion"] = json!("0"),
        13 => parameters["pool"]["referral_days"] = json!(91),
        14 => {
            let tier = json!({ "from_fen": "5", "rate": "0.1" });
            parameters["rebate"]["tiers"] = json!([tier, tier]);
        }
        15 => parameters["rebate"]["tiers"] = json!([{ "from_fen": "5", "rate": "1.1" }]),
        16 => parameters["governance"]["voting_days"] = json!(0),
        17 => parameters["governance"]["run_off_days"] = json!(731),
        18 => {
            let key = world.new_key();
            parameters["admission"]["attesters"] = json!([key, key]);
        }
        19 => parameters["checkpoint_interval_ms"] = json!(999),
        20 => parameters["checkpoint_interval_ms"] = json!(DAY_MS + 1),
        _ => {}
    }
}

/// Other terms of a class, mostly an own one.
fn class(world: &mut World, merchant: u16) -> Option<Value> {
    let own: Vec<u32> = world.classes.iter().filter(|class| class.issuer == merchant).map(|class| class.id).collect();
    let is_foreign = world.random.chance(80);
    let id = if is_foreign { some_class(world)? } else { *world.random.one(&own)? };
    let present = world.class(id).map_or_else(|| world.classes[0].terms.clone(), |class| class.terms.clone());
    let random = &mut world.random;
    let mut new = json!({ "class": id });
    for name in
        ["earn_rate", "life_months", "accepted_by", "industries", "custodian_member_limit_fen", "custodian_limit_fen"]
    {
        new[name] = present[name].clone();
    }
    if new["industries"].is_null() {
        new["industries"] = json!([]);
    }
    new["breakage"] = json!(random.weighted(&[("0", 8), ("0.12", 8), ("1.000001", 1)]));
    match random.between(0, 19) {
        0..=3 => new["earn_rate"] = json!(random.weighted(&[("0.5", 1), ("1", 2), ("2.000001", 1)])),
        4..=7 => new["life_months"] = json!(random.between(1, 24)),
        8 => new["life_months"] = json!(25),
        9..=11 => new["custodian_limit_fen"] = json!(random.between(100, 9_000).to_string()),
        12 => new["custodian_member_limit_fen"] = json!(random.between(100, 4_000).to_string()),
        13 => new["accepted_by"] = json!([1, 60_000]),
        14 => new["accepted_by"] = json!([2]),
        15 => new["industries"] = json!([INDUSTRIES[1]]),
        16 => new["accepted_by"] = json!([]),
        17 => new["industries"] = json!(INDUSTRIES),
        _ => {
            let all: Vec<u16> = world.merchants.iter().filter(|of| !of.is_partner).map(|of| of.id).collect();
            if new["accepted_by"] != json!([]) {
                new["accepted_by"] = json!(all);
            }
        }
    }
    Some(json!({ "class": new }))
}

fn pair(world: &mut World) -> Option<Value> {
    let (from, to) = (some_class(world)?, some_class(world)?);
    let mut pair = agreement::pair(world, from, to);
    match world.random.between(0, 19) {
        0 => pair["terms"]["spread"] = json!("1"),
        1 => pair["to_class"] = json!(from),
        _ => {}
    }
    Some(json!({ "pair": pair }))
}

fn import_ratio(world: &mut World) -> Option<Value> {
    let class = some_class(world)?;
    let partner = match world.random.between(0, 19) {
        0 => 60_000,
        1 => 1,
        _ => world.some_merchant(|of| of.is_partner)?,
    };
    let random = &mut world.random;
    let ratio = match random.between(0, 9) {
        0 | 1 => Value::Null,
        2 => json!({ "units": 0, "points": 1 }),
        3 => json!({ "units": 1, "points": 0 }),
        _ => json!({ "units": random.between(1, 300), "points": random.between(1, 30) }),
    };
    let class = if random.chance(700) { random.between(1, 3) as u32 } else { class };
    Some(json!({ "import_ratio": { "partner": partner, "class": class, "ratio": ratio } }))
}

/// Another cap, base share and industry; who is wound up has mostly no share any more, so that it can depart.
fn terms_of_merchant(world: &mut World) -> Option<Value> {
    let wound_up = world.some_merchant(|of| of.stage == Stage::WoundUp);
    let any = world.some_merchant(|of| !of.is_partner)?;
    let random = &mut world.random;
    let merchant = match random.between(0, 19) {
        0 => 60_000,
        1 => u64::from(any),
        _ => u64::from(wound_up.unwrap_or(any)),
    };
    let cap_fen = match random.between(0, 19) {
        0 => MOST_FEN + 1,
        1..=3 => MOST_FEN,
        _ => random.between(1_000, 500_000),
    };
    let base_share = if wound_up.is_some() { 0 } else { random.weighted(&[(0, 1), (1, 3), (3, 1), (65_535, 1)]) };
    let industry = random.one(&INDUSTRIES).copied();
    let says = json!({
        "merchant": merchant, "net_debit_cap_fen": cap_fen.to_string(), "base_share": base_share, "industry": industry,
    });
    Some(json!({ "merchant": says }))
}

/// A merchant to join under the next number; now and then on what does not suffice.
fn admit(world: &mut World) -> Value {
    let mut merchant = world.merchants.len() as u16 + 1;
    let is_full = staying(world) >= ENOUGH_MERCHANTS;
    if world.random.chance(if is_full { 950 } else { 40 }) {
        merchant = *world.random.one(&[1, merchant - 1, 0, u16::MAX]).unwrap_or(&1);
    }
    let mut admission = new_merchant(world, merchant);
    let taken = world.merchants[0].keys[0].public_key.clone();
    match world.random.between(0, 29) {
        0 => admission["net_debit_cap_fen"] = json!((MOST_FEN + 1).to_string()),
        1 => admission["criteria"]["annual_revenue_fen"] = json!("499999999"),
        2 => admission["criteria"]["members"] = json!(9_999),
        3 => admission["attester"] = json!(taken),
        4 | 5 => {
            let known: Vec<String> = world.council.validator_keys.clone();
            let known = world.random.one(&known).cloned().unwrap_or(taken);
            let name = world.random.one(&["validator_key", "cosigner_key", "network_key"]).copied();
            admission[name.unwrap_or("validator_key")] = json!(known);
        }
        6 => {
            let attested = attested(world, admission.clone());
            let other = attested["attestation"].clone();
            admission["name"] = json!("another");
            admission["attestation"] = other;
            return json!({ "admit": admission });
        }
        _ => {}
    }
    json!({ "admit": attested(world, admission) })
}

/// A merchant of a number, with keys as founders have, on criteria that suffice; not attested yet.
pub fn new_merchant(world: &mut World, merchant: u16) -> Value {
    let all = json!({ "public_key": world.new_key(), "roles": ROLES });
    let mut keys = vec![all, json!({ "public_key": world.new_key(), "roles": ROLES })];
    keys.extend(ROLES.map(|role| json!({ "public_key": world.new_key(), "roles": [role] })));
    keys.push(json!({ "public_key": world.new_key(), "roles": ["issuer", "acceptor"], "store_id": 1 }));
    json!({
        "merchant": merchant,
        "name": format!("merchant {merchant}"),
        "validator_key": world.new_key(),
        "cosigner_key": world.new_key(),
        "network_key": world.new_key(),
        "operator_keys": keys,
        "net_debit_cap_fen": world.random.between(5_000, 200_000).to_string(),
        "base_share": world.random.weighted(&[(0, 2), (1, 3), (4, 1)]),
        "criteria": {
            "annual_revenue_fen": "500000000",
            "members": 10_000,
            "industry": world.random.one(&INDUSTRIES),
        },
        "attester": world.random.one(&world.council.attesters.clone()),
        "attestation": Signature::default(),
    })
}

/// The same, signed by its attester.
pub fn attested(world: &World, mut admission: Value) -> Value {
    let admit: Admit = serde_json::from_value(admission.clone()).expect("an admission as docs/formats.md has it");
    let key = world.signing_key(&admit.attester.to_string());
    admission["attestation"] = json!(sign(key, &attested_bytes(&world.chain_id, &admit)));
    admission
}

/// Somebody suspended, or reinstated if somebody is.
fn suspension(world: &mut World) -> Option<Value> {
    let suspended = world.some_merchant(|of| of.is_suspended);
    let any = world.some_merchant(|_| true)?;
    let merchant = match world.random.between(0, 19) {
        0 => 60_000,
        1 => any,
        _ => suspended.unwrap_or(any),
    };
    let kind = if suspended.is_some() ^ world.random.chance(80) { "reinstate" } else { "suspend" };
    Some(json!({ kind: { "merchant": merchant } }))
}

/// Somebody to leave, mostly while enough stay.
fn exit(world: &mut World) -> Option<Value> {
    let stays = |of: &Merchant| !of.is_partner && of.stage == Stage::Staying;
    let wants_any = world.random.chance(80);
    if staying(world) <= FEW_MERCHANTS && !wants_any {
        return None;
    }
    let any = world.some_merchant(|_| true)?;
    let merchant = if wants_any { any } else { world.some_merchant(|of| stays(of) && of.id > 2)? };
    let successor = match world.random.between(0, 29) {
        0 => 60_000,
        1 => merchant,
        2 | 3 => any,
        _ => world.some_merchant(|of| stays(of) && of.id != merchant)?,
    };
    let own: Vec<u32> = world.classes.iter().filter(|of| of.issuer == merchant).map(|of| of.id).collect();
    let main = world.classes.iter().filter(|of| of.main.is_none() && of.issuer != merchant && !of.is_closed);
    let main: Vec<u32> = main.map(|of| of.id).collect();
    let mut exchanges = Vec::new();
    for from_class in own {
        if world.random.chance(450) {
            let to_class = if world.random.chance(100) { some_class(world)? } else { *world.random.one(&main)? };
            exchanges.push(json!({ "from_class": from_class, "to_class": to_class }));
        }
    }
    if exchanges.is_empty() && world.random.chance(50) {
        exchanges.push(json!({ "from_class": some_class(world)?, "to_class": some_class(world)? }));
    }
    exchanges.sort_by_key(|of| of["from_class"].as_u64());
    Some(json!({ "exit": { "merchant": merchant, "successor": successor, "exchanges": exchanges } }))
}

fn upgrade(world: &mut World) -> Value {
    let ahead = world.random.weighted(&[(1, 5), (0, 1), (2, 1)]);
    json!({ "upgrade": { "version": world.council.version + ahead } })
}

/// How many merchants stay.
fn staying(world: &World) -> usize {
    world.merchants.iter().filter(|of| !of.is_partner && of.stage == Stage::Staying).count()
}
