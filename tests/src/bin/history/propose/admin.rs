//! What a governor does: classes, keys, limits of stores.

use serde_json::{Value, json};

use super::Proposal;
use crate::alliance::{PARTNER_ROLES, ROLES, STORES};
use crate::terms::{rate, sub_terms, terms};
use crate::world::{Key, World};

/// With so many classes, few new ones open; with so many keys, few are added.
const ENOUGH_CLASSES: usize = 26;
const ENOUGH_KEYS: usize = 10;
/// With so few keys, those that are added take every role, and mostly none is revoked.
const FEW_KEYS: usize = 5;

/// One of the governor's kinds.
pub fn propose(world: &mut World, merchant: u16, kind: &'static str) -> Option<Proposal> {
    match kind {
        "create_class" => create_class(world, merchant),
        "add_key" => add_key(world, merchant),
        "set_store_limits" => Some(set_store_limits(world)),
        _ => end_key(world, merchant, kind),
    }
}

fn create_class(world: &mut World, merchant: u16) -> Option<Proposal> {
    let merchants = world.founders;
    let main = world.classes.iter().find(|class| class.issuer == merchant).map(|class| (class.id, class.anchor));
    let mut terms = match main {
        Some(main) if world.random.chance(500) => sub_terms(world, merchants, main),
        _ => terms(world, merchants),
    };
    let is_taken = world.classes.len() >= ENOUGH_CLASSES || world.random.chance(100);
    let class = if is_taken { world.random.one(&world.classes)?.id } else { world.random.between(200, 900) as u32 };
    match world.random.between(0, 29) {
        0 => terms["anchor"] = json!("0.000099"),
        1 => terms["anchor"] = json!("1000000.000001"),
        2 => terms["life_months"] = json!(0),
        3 => terms["life_months"] = json!(25),
        4 => terms["decimals"] = json!(3),
        5 => terms["accepted_by"] = json!([2, 1]),
        6 => terms["accepted_by"] = json!([1, 60_000]),
        7 => terms["accepted_by"] = json!([0, 1]),
        8 => terms["accepted_by"] = json!([1, 1]),
        9 => terms["accepted_by"] = json!([1, merchants + 1]),
        10 => terms["industries"] = json!([6110, 5211]),
        11 => terms["industries"] = json!([5211, 5211]),
        _ => spoil_sub(world, &mut terms),
    }
    Some(Proposal::plain("create_class", json!({ "class": class, "terms": terms })))
}

/// Now and then the main class of a sub class is none of the issuer's, or its points would yield too much.
fn spoil_sub(world: &mut World, terms: &mut Value) {
    if terms["sub"].is_null() {
        return;
    }
    match world.random.between(0, 19) {
        0 => (terms["industries"], terms["accepted_by"]) = (json!([]), json!([])),
        1 => terms["sub"]["split_rate"] = rate(u64::MAX),
        2 => terms["sub"]["main"] = json!(9_999),
        3..=6 => {
            let any: Vec<u32> = world.classes.iter().map(|class| class.id).collect();
            terms["sub"]["main"] = json!(world.random.one(&any));
            terms["sub"]["split_rate"] = rate(1);
        }
        _ => {}
    }
}

fn add_key(world: &mut World, merchant: u16) -> Option<Proposal> {
    let in_use = world.merchant(merchant)?.keys.iter().filter(|key| !key.is_revoked).count();
    let is_known = in_use >= ENOUGH_KEYS || world.random.chance(150);
    let public_key = if is_known {
        let known: Vec<String> = world.merchant(merchant)?.keys.iter().map(|key| key.public_key.clone()).collect();
        world.random.one(&known)?.clone()
    } else {
        world.new_key()
    };
    let is_partner = world.merchant(merchant)?.is_partner && !world.random.chance(150);
    let all = if is_partner { &PARTNER_ROLES[..] } else { &ROLES[..] };
    let mut roles: Vec<&str> = all.iter().copied().filter(|_| world.random.chance(600)).collect();
    if roles.is_empty() || in_use < FEW_KEYS {
        roles = all.to_vec();
    }
    let store = world.random.chance(250).then(|| world.random.between(1, STORES.into()) as u32);
    let mut says = json!({ "public_key": public_key, "roles": roles });
    if let Some(store) = store {
        says["store_id"] = json!(store);
    }
    if !is_known {
        let roles = roles.into_iter().map(str::to_owned).collect();
        world.fresh_keys.push((merchant, Key { public_key, roles, store, is_revoked: false }));
    }
    Some(Proposal::plain("add_key", says))
}

fn end_key(world: &mut World, merchant: u16, kind: &'static str) -> Option<Proposal> {
    let wants_revoked = world.random.chance(80);
    let in_use = world.merchant(merchant)?.keys.iter().filter(|key| !key.is_revoked).count();
    if kind == "revoke_key" && in_use < FEW_KEYS && world.random.chance(800) {
        return None;
    }
    let keys = world.merchant(merchant)?.keys.iter().filter(|key| key.is_revoked == wants_revoked);
    let keys: Vec<Key> = keys.cloned().collect();
    let old = world.random.one(&keys)?.clone();
    let public_key = if world.random.chance(50) { world.new_key() } else { old.public_key.clone() };
    world.doomed_keys.push((merchant, old.clone()));
    let mut says = json!({ "public_key": public_key });
    if kind == "rotate_key" {
        let is_known = world.random.chance(80);
        let new_key = if is_known { old.public_key.clone() } else { world.new_key() };
        says["new_key"] = json!(new_key);
        world.fresh_keys.push((merchant, Key { public_key: new_key, ..old }));
    }
    Some(Proposal::plain(kind, says))
}

fn set_store_limits(world: &mut World) -> Proposal {
    let store_id = world.random.between(1, STORES.into());
    let limit = |world: &mut World| match world.random.between(0, 9) {
        0 => 0,
        1 => u64::MAX,
        _ => world.random.between(1_000, 60_000),
    };
    let (redeem, refund) = (limit(world), limit(world));
    Proposal::plain(
        "set_store_limits",
        json!({ "store_id": store_id, "redeem_limit_fen": redeem.to_string(), "refund_limit_fen": refund.to_string() }),
    )
}
