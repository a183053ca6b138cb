//! The alliance that a history starts from: everything a seed decides before the first block.
//!
//! Limits and caps are small enough to be met often. Merchants 1 and 2 also issue a *colossal* class, whose amounts reach to
//! where numbers end; merchant 3 may owe next to nothing.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tally_contracts::genesis::Genesis;
use tally_contracts::types::DAY_MS;

use crate::world::{Class, Key, Merchant, World};

/// The classes with amounts without measure, by issuer.
pub const COLOSSAL: [(u16, u32, &str); 4] =
    [(1, 101, "500"), (2, 102, "0.01"), (2, 103, "1000000"), (2, 104, "900000")];

/// What merchant 3 may owe in a staged history, in fen.
pub const STAGED_CAP_FEN: u64 = 1_000;

/// The roles of an operator key, in their order.
pub const ROLES: [&str; 4] = ["issuer", "acceptor", "treasurer", "governor"];

/// The kinds of holder.
pub const HOLDERS: [&str; 3] = ["member", "employee", "supplier"];

/// What a class may let a kind of holder do.
const USES: [&str; 4] = ["earn", "transfer", "redeem", "exchange"];

/// Stores that every merchant has.
pub const STORES: u32 = 3;

/// 2016-01-01T00:00Z.
const EARLIEST_MS: u64 = 1_451_606_400_000;
const LARGEST_CAP_FEN: u64 = 1_000_000_000_000_000;

/// Founds the alliance of a seed. A staged history finds classes 1 and 3 that everybody can use, a long refund window, a
/// small cap of merchant 3 and a spread of 2 %.
///
/// # Errors
/// When the contracts do not take its genesis.
pub fn found(world: &mut World, is_simulated: bool, is_staged: bool) -> Result<Genesis> {
    let count = world.random.between(3, 6) as u16;
    let offset = *world.random.one(&[-300, 480, 0, 330, -720, 840]).context("there are offsets")?;
    let time_ms = EARLIEST_MS + world.random.between(0, 4 * 365 * DAY_MS);
    let clock_key = is_simulated.then(|| world.new_key());
    let clock = clock_key.as_ref().map_or_else(|| json!("real"), |key| json!({ "simulated": { "keys": [key] } }));
    let mut merchants: Vec<Value> = (1..=count).map(|id| merchant(world, id)).collect();
    let mut classes: Vec<Value> = (1..=count).map(|id| class(world, id, count)).collect();
    classes.extend(COLOSSAL.map(|colossal| colossal_class(world, colossal)));
    let mut parameters = parameters(world);
    if is_staged {
        parameters["refund_window_days"] = json!(90);
        parameters["exchange_spread"] = json!("0.02");
        merchants[2]["net_debit_cap_fen"] = json!(STAGED_CAP_FEN.to_string());
        classes[0]["terms"] = plain_terms();
        classes[2]["terms"] = plain_terms();
    }
    let genesis: Genesis = serde_json::from_value(json!({
        "name": "history",
        "time_ms": time_ms,
        "utc_offset_minutes": offset,
        "clock": clock,
        "parameters": parameters,
        "merchants": merchants,
        "classes": classes,
    }))?;
    genesis.check()?;
    world.chain_id = genesis.chain_id();
    world.calendar = genesis.calendar();
    world.refund_window_ms = u64::from(genesis.parameters.refund_window_days) * DAY_MS;
    (world.is_simulated, world.clock_key, world.now) = (is_simulated, clock_key, time_ms);
    Ok(genesis)
}

fn parameters(world: &mut World) -> Value {
    let spread = world.random.weighted(&[("0.02", 6), ("0", 2), ("0.000001", 1), ("0.5", 1)]);
    json!({
        "idle_block_ms": 1000,
        "min_anchor": "0.0001",
        "max_anchor": "1000000",
        "exchange_spread": spread,
        "no_consent_limit_fen": world.random.between(2_000, 10_000).to_string(),
        "refund_window_days": world.random.between(5, 90),
    })
}

fn merchant(world: &mut World, id: u16) -> Value {
    let all: Vec<&str> = ROLES.to_vec();
    let mut keys = vec![(all.clone(), None), (all, None)];
    keys.extend(ROLES.map(|role| (vec![role], None)));
    keys.extend((1..=2).map(|store| (vec!["issuer", "acceptor"], Some(store))));
    let keys: Vec<Key> = keys.into_iter().map(|(roles, store)| key(world, &roles, store)).collect();
    let written: Vec<Value> = keys.iter().map(written_key).collect();
    world.merchants.push(Merchant { id, keys });
    let cap_fen = match id {
        1 | 2 => LARGEST_CAP_FEN,
        3 => world.random.between(200, 3_000),
        _ => world.random.between(5_000, 200_000),
    };
    json!({
        "id": id,
        "name": format!("merchant {id}"),
        "validator_key": world.new_key(),
        "operator_keys": written,
        "net_debit_cap_fen": cap_fen.to_string(),
    })
}

fn key(world: &mut World, roles: &[&str], store: Option<u32>) -> Key {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Key { public_key: world.new_key(), roles, store, is_revoked: false }
}

fn written_key(key: &Key) -> Value {
    let mut written = json!({ "public_key": key.public_key, "roles": key.roles });
    if let Some(store) = key.store {
        written["store_id"] = json!(store);
    }
    written
}

fn class(world: &mut World, id: u16, merchants: u16) -> Value {
    let terms = terms(world, merchants);
    world.classes.push(Class { id: id.into(), issuer: id, is_colossal: false });
    json!({ "id": id, "name": format!("class {id}"), "issuer": id, "terms": terms })
}

fn colossal_class(world: &mut World, (issuer, id, anchor): (u16, u32, &str)) -> Value {
    world.classes.push(Class { id, issuer, is_colossal: true });
    let terms = json!({
        "decimals": 2,
        "anchor": anchor,
        "earn_rate": "1000000",
        "life_months": 2,
        "accepted_by": [],
        "custodian_member_limit_fen": u64::MAX.to_string(),
        "custodian_limit_fen": u64::MAX.to_string(),
    });
    json!({ "id": id, "name": format!("class {id}"), "issuer": issuer, "terms": terms })
}

/// Terms of an ordinary class.
pub fn terms(world: &mut World, merchants: u16) -> Value {
    let random = &mut world.random;
    let anchor =
        random.weighted(&[("0.01", 3), ("0.02", 2), ("0.015", 2), ("0.003", 2), ("0.333333", 2), ("0.0001", 1)]);
    let earn_rate = random.weighted(&[("1", 3), ("0.5", 1), ("0.8", 1), ("3", 1), ("0.123457", 1), ("0.01", 1)]);
    let some = (1..=merchants).filter(|_| random.chance(700)).collect::<Vec<u16>>();
    let accepted_by = if random.chance(700) { Vec::new() } else { some };
    let mut terms = json!({
        "decimals": random.between(0, 2),
        "anchor": anchor,
        "earn_rate": earn_rate,
        "life_months": random.weighted(&[(1, 3), (2, 2), (3, 2), (12, 3), (24, 1)]),
        "accepted_by": accepted_by,
        "custodian_member_limit_fen": random.between(300, 3_000).to_string(),
        "custodian_limit_fen": random.between(500, 5_000).to_string(),
    });
    if random.chance(400) {
        let lists: Vec<Value> = HOLDERS.iter().filter_map(|holder| permission(world, holder)).collect();
        terms["permissions"] = json!(lists);
    }
    terms
}

fn plain_terms() -> Value {
    json!({
        "decimals": 0,
        "anchor": "0.01",
        "earn_rate": "1",
        "life_months": 1,
        "accepted_by": [],
        "custodian_member_limit_fen": "2000",
        "custodian_limit_fen": "5000",
    })
}

fn permission(world: &mut World, holder: &str) -> Option<Value> {
    let (listed, used) = if holder == HOLDERS[0] { (980, 960) } else { (800, 800) };
    let uses: Vec<&str> = USES.into_iter().filter(|_| world.random.chance(used)).collect();
    world.random.chance(listed).then(|| json!({ "holder": holder, "uses": uses }))
}
