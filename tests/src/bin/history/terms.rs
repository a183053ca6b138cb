//! Classes: those of the start, and the terms of new ones.
//!
//! Class `n` is merchant `n`'s, class `50 + n` a sub class of it. The colossal ones have ids from 101 on.

use serde_json::{Value, json};
use tally_contracts::types::Rate;

use crate::alliance::HOLDERS;
use crate::world::{Class, World};

/// The classes with amounts without measure: issuer, class, anchor.
pub const COLOSSAL: [(u16, u32, &str); 4] =
    [(1, 101, "500"), (2, 102, "0.01"), (2, 103, "1000000"), (2, 104, "900000")];

/// A sub class of the first of them, that yields five million of its points for one.
pub const COLOSSAL_SUB: u32 = 105;

/// What merchants trade in: codes of GB/T 4754, by rising code.
pub const INDUSTRIES: [u16; 3] = [5211, 6110, 6220];

/// From a class to its sub class.
const SUB: u32 = 50;

/// What a class may let a kind of holder do.
const USES: [&str; 4] = ["earn", "transfer", "redeem", "exchange"];

/// All classes of the start, by rising id. In a staged history everybody can use 1 and 3.
pub fn classes(world: &mut World, merchants: u16, is_staged: bool) -> Vec<Value> {
    let mut written = Vec::new();
    for id in 1..=merchants {
        let is_plain = is_staged && (id == 1 || id == 3);
        let terms = if is_plain { plain_terms() } else { terms(world, merchants) };
        written.push(open(world, (id.into(), id), &terms));
    }
    for id in 1..=merchants {
        let anchor = world.class(id.into()).map_or(0, |class| class.anchor);
        let terms = sub_terms(world, merchants, (id.into(), anchor));
        written.push(open(world, (SUB + u32::from(id), id), &terms));
    }
    for (issuer, id, anchor) in COLOSSAL {
        written.push(open(world, (id, issuer), &colossal_terms(anchor)));
    }
    let mut sub = colossal_terms("0.0001");
    sub["industries"] = json!(INDUSTRIES);
    sub["sub"] = json!({ "main": COLOSSAL[0].1, "split_rate": "5000000" });
    written.push(open(world, (COLOSSAL_SUB, COLOSSAL[0].0), &sub));
    written
}

/// Opens a class of an issuer at the start.
fn open(world: &mut World, (id, issuer): (u32, u16), terms: &Value) -> Value {
    world.classes.push(class(id, issuer, terms));
    json!({ "id": id, "name": format!("class {id}"), "issuer": issuer, "terms": terms })
}

/// A class as the world knows it.
pub fn class(id: u32, issuer: u16, terms: &Value) -> Class {
    let main = terms["sub"]["main"].as_u64().map(|main| main as u32);
    let (is_colossal, anchor) = (id / 100 == 1, millionths(&terms["anchor"]));
    Class { id, issuer, is_colossal, anchor, main, terms: terms.clone(), is_closed: false, changes_ms: None }
}

/// The millionths of a rate; zero of what is none.
pub fn millionths(rate: &Value) -> u64 {
    serde_json::from_value::<Rate>(rate.clone()).map_or(0, Rate::millionths)
}

/// A rate of so many millionths.
pub fn rate(millionths: u64) -> Value {
    json!(Rate::from_millionths(millionths))
}

/// Terms of an ordinary class.
pub fn terms(world: &mut World, merchants: u16) -> Value {
    let random = &mut world.random;
    let anchor =
        random.weighted(&[("0.01", 3), ("0.02", 2), ("0.015", 2), ("0.003", 2), ("0.333333", 2), ("0.0001", 1)]);
    let earn_rate = random.weighted(&[("1", 3), ("0.5", 1), ("0.8", 1), ("3", 1), ("0.123457", 1), ("0.01", 1)]);
    let mut terms = json!({
        "decimals": random.between(0, 2),
        "anchor": anchor,
        "earn_rate": earn_rate,
        "life_months": random.weighted(&[(1, 3), (2, 2), (3, 2), (12, 3), (24, 1)]),
        "accepted_by": some_merchants(world, merchants, 300),
        "industries": some_industries(world, 100),
        "custodian_member_limit_fen": world.random.between(300, 3_000).to_string(),
        "custodian_limit_fen": world.random.between(200, 2_000).to_string(),
        "breakage": world.random.weighted(&[("0", 1), ("0.1", 1)]),
    });
    if world.random.chance(400) {
        let lists: Vec<Value> = HOLDERS.iter().filter_map(|holder| permission(world, holder)).collect();
        terms["permissions"] = json!(lists);
    }
    terms
}

/// Terms of a sub class of a class with so high an anchor; a split yields at most what goes in.
pub fn sub_terms(world: &mut World, merchants: u16, (main, main_anchor): (u32, u64)) -> Value {
    let mut terms = terms(world, merchants);
    let anchor = (main_anchor / world.random.between(1, 3)).max(100);
    let most = u128::from(main_anchor) * u128::from(Rate::ONE) / u128::from(anchor);
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let split_rate = if world.random.chance(500) { most } else { (most / world.random.between(1, 9)).max(1) };
    terms["anchor"] = rate(anchor);
    terms["sub"] = json!({ "main": main, "split_rate": rate(split_rate) });
    let by_industry = world.random.chance(600);
    terms["industries"] = json!(some_industries(world, if by_industry { 1_000 } else { 0 }));
    if !by_industry {
        terms["accepted_by"] = json!(some_merchants(world, merchants, 1_000));
    }
    terms
}

/// Merchants by rising id, so many times in a thousand; else none, which means all.
fn some_merchants(world: &mut World, merchants: u16, per_mille: u64) -> Vec<u16> {
    if !world.random.chance(per_mille) {
        return Vec::new();
    }
    let some: Vec<u16> = (1..=merchants).filter(|_| world.random.chance(700)).collect();
    if some.is_empty() { vec![1] } else { some }
}

/// Industries by rising code, so many times in a thousand; else none, which means all.
fn some_industries(world: &mut World, per_mille: u64) -> Vec<u16> {
    if !world.random.chance(per_mille) {
        return Vec::new();
    }
    let some: Vec<u16> = INDUSTRIES.into_iter().filter(|_| world.random.chance(500)).collect();
    if some.is_empty() { vec![INDUSTRIES[0]] } else { some }
}

fn colossal_terms(anchor: &str) -> Value {
    json!({
        "decimals": 2,
        "anchor": anchor,
        "earn_rate": "1000000",
        "life_months": 2,
        "accepted_by": [],
        "custodian_member_limit_fen": u64::MAX.to_string(),
        "custodian_limit_fen": u64::MAX.to_string(),
    })
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
