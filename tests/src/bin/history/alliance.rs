//! The alliance that a history starts from: everything a seed decides before the first block.
//!
//! Limits and caps are small enough to be met often. Merchants 1 and 2 also issue a *colossal* class, whose amounts reach to
//! where numbers end; merchant 3 may owe next to nothing. The ids of partners follow those of the merchants.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tally_contracts::genesis::Genesis;
use tally_contracts::types::DAY_MS;

use crate::agreement;
use crate::terms;
use crate::world::{Key, Merchant, Stage, World};

/// What merchant 3 may owe in a staged history, in fen.
pub const STAGED_CAP_FEN: u64 = 1_000;

/// The roles of an operator key, in their order.
pub const ROLES: [&str; 4] = ["issuer", "acceptor", "treasurer", "governor"];

/// Those of a partner's.
pub const PARTNER_ROLES: [&str; 3] = ["issuer", "treasurer", "governor"];

/// The kinds of holder.
pub const HOLDERS: [&str; 3] = ["member", "employee", "supplier"];

/// Stores that every merchant has.
pub const STORES: u32 = 3;

/// 2016-01-01T00:00Z.
const EARLIEST_MS: u64 = 1_451_606_400_000;
const LARGEST_CAP_FEN: u64 = 1_000_000_000_000_000;

/// Founds the alliance of a seed. A staged history finds classes 1 and 3 that everybody can use, cycles of a month, a long
/// refund window, a small cap of merchant 3, a spread of 2 %, no limit of what a member may exchange, short run-offs, and a pool
/// that shares nothing out.
///
/// # Errors
/// When the contracts do not take its genesis.
pub fn found(world: &mut World, is_simulated: bool, is_staged: bool) -> Result<Genesis> {
    let count = world.random.between(3, 6) as u16;
    let partners = world.random.between(1, 2) as u16;
    let offset = *world.random.one(&[-300, 480, 0, 330, -720, 840]).context("there are offsets")?;
    let time_ms = EARLIEST_MS + world.random.between(0, 4 * 365 * DAY_MS);
    let clock_key = is_simulated.then(|| world.new_key());
    let clock = clock_key.as_ref().map_or_else(|| json!("real"), |key| json!({ "simulated": { "keys": [key] } }));
    let mut merchants: Vec<Value> = (1..=count).map(|id| merchant(world, id)).collect();
    let partners: Vec<Value> = (count + 1..=count + partners).map(|id| partner(world, id)).collect();
    let mut parameters = agreement::parameters(world);
    parameters["admission"] = agreement::admission(world);
    if is_staged {
        parameters["refund_window_days"] = json!(90);
        parameters["exchange"]["spread"] = json!("0.02");
        parameters["exchange"]["days"] = json!([]);
        parameters["exchange"]["min_lot_fen"] = json!("0");
        parameters["exchange"]["member_daily_limit_fen"] = json!(u64::MAX.to_string());
        parameters["settlement"]["cycle_months"] = json!(1);
        parameters["settlement"]["dispute_business_days"] = json!(3);
        parameters["governance"] = json!({ "voting_days": 10, "run_off_days": 5 });
        parameters["pool"] = json!({ "levy": "0" });
        parameters["rebate"] = json!({ "tiers": [] });
        merchants.iter_mut().for_each(|merchant| merchant["base_share"] = json!(0));
        merchants[2]["net_debit_cap_fen"] = json!(STAGED_CAP_FEN.to_string());
        merchants[2]["collateral_fen"] = json!("0");
    }
    let genesis: Genesis = serde_json::from_value(json!({
        "name": "history",
        "time_ms": time_ms,
        "utc_offset_minutes": offset,
        "clock": clock,
        "parameters": parameters,
        "merchants": merchants,
        "partners": partners,
        "classes": terms::classes(world, count, is_staged),
        "pairs": agreement::pairs(world, is_staged),
        "calendar": agreement::calendar(world, time_ms),
    }))?;
    genesis.check()?;
    world.founders = count;
    world.chain_id = genesis.chain_id();
    world.calendar = genesis.calendar();
    world.refund_window_ms = u64::from(genesis.parameters.refund_window_days) * DAY_MS;
    (world.is_simulated, world.clock_key, world.now) = (is_simulated, clock_key, time_ms);
    Ok(genesis)
}

fn merchant(world: &mut World, id: u16) -> Value {
    let keys = enter(world, id, &ROLES);
    let cap_fen = match id {
        1 | 2 => LARGEST_CAP_FEN,
        3 => world.random.between(200, 3_000),
        _ => world.random.between(5_000, 200_000),
    };
    json!({
        "id": id,
        "name": format!("merchant {id}"),
        "validator_key": world.new_key(),
        "cosigner_key": world.new_key(),
        "operator_keys": keys,
        "net_debit_cap_fen": cap_fen.to_string(),
        "collateral_fen": world.random.weighted(&[("0", 2), ("500", 2), ("20000", 3), ("300000", 2)]),
        "industry": world.random.one(&terms::INDUSTRIES),
        "base_share": world.random.weighted(&[(0, 1), (1, 3), (7, 1)]),
    })
}

fn partner(world: &mut World, id: u16) -> Value {
    let keys = enter(world, id, &PARTNER_ROLES);
    let collateral_fen = world.random.between(1_000, 200_000);
    json!({
        "id": id,
        "name": format!("partner {id}"),
        "operator_keys": keys,
        "collateral_fen": collateral_fen.to_string(),
        "imports": agreement::ratios(world),
    })
}

/// Makes the keys of a founder, and writes them.
fn enter(world: &mut World, id: u16, all: &[&'static str]) -> Vec<Value> {
    let mut keys = vec![(all.to_vec(), None), (all.to_vec(), None)];
    keys.extend(all.iter().map(|role| (vec![*role], None)));
    let bound: Vec<&str> = all.iter().copied().filter(|role| ["issuer", "acceptor"].contains(role)).collect();
    keys.extend((1..=2).map(|store| (bound.clone(), Some(store))));
    let keys: Vec<Key> = keys.into_iter().map(|(roles, store)| key(world, &roles, store)).collect();
    let written: Vec<Value> = keys.iter().map(written_key).collect();
    let is_partner = !all.contains(&"acceptor");
    world.merchants.push(Merchant { id, is_partner, is_suspended: false, stage: Stage::Staying, keys });
    written
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
