//! Points that change class: exchange, split, import; and what they will be worth.

use serde_json::{Value, json};
use tally_contracts::types::{DAY_MS, HOUR_MS};

use super::{Proposal, some_class, some_holding, some_member, some_of};
use crate::terms::{self, COLOSSAL};
use crate::word;
use crate::world::World;

/// Points of one class for another's.
pub fn exchange(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (member, from_class) = some_holding(world, merchant)?;
    if world.class(from_class).is_some_and(|class| class.main.is_some()) && world.random.chance(700) {
        return None;
    }
    let own = world.classes.iter().find(|class| class.issuer == merchant).map(|class| class.id);
    let main: Vec<u32> =
        world.classes.iter().filter(|class| class.main.is_none() && !class.is_colossal).map(|class| class.id).collect();
    let to_class = match world.random.between(0, 49) {
        0 => from_class,
        1 => COLOSSAL[0].1,
        2..=20 => own.unwrap_or(from_class),
        21..=24 => some_class(world)?,
        _ => *world.random.one(&main)?,
    };
    let mut says = change_of_class(world, (&member, from_class, to_class));
    if world.random.chance(250) {
        says["quote"] = quote(world);
    }
    let word = word::for_giving(world, &member, merchant);
    Some(Proposal::with_word("exchange", says, word))
}

/// Points of a main class for those of a sub class of it, now and then of another or the other way.
pub fn split(world: &mut World, merchant: u16) -> Option<Proposal> {
    for _ in 0..6 {
        let (member, from_class) = some_holding(world, merchant)?;
        let subs = world.classes.iter().filter(|class| class.main == Some(from_class));
        let subs: Vec<u32> = subs.map(|class| class.id).collect();
        let to_class = match (world.random.one(&subs), world.random.between(0, 29)) {
            (_, 0) => some_class(world)?,
            (Some(sub), _) => *sub,
            (None, 1..=3) => world.class(from_class).and_then(|class| class.main).unwrap_or(from_class),
            (None, _) => continue,
        };
        let says = change_of_class(world, (&member, from_class, to_class));
        let word = word::for_giving(world, &member, merchant);
        return Some(Proposal::with_word("split", says, word));
    }
    None
}

fn change_of_class(world: &mut World, (member, from_class, to_class): (&str, u32, u32)) -> Value {
    let balance = world.balance(member, from_class);
    let is_moderate = !world.class(from_class).is_some_and(|class| class.is_colossal) && world.random.chance(600);
    let points = if is_moderate { world.random.between(1, balance.clamp(1, 90_000)) } else { some_of(world, balance) };
    let min_out = if world.random.chance(900) { 0 } else { world.random.magnitude(points.max(1)) };
    json!({
        "member": member,
        "from_class": from_class,
        "to_class": to_class,
        "points": points.to_string(),
        "min_out": min_out.to_string(),
    })
}

/// The rate table as it is, now and then as it was, will be, or was for long enough.
fn quote(world: &mut World) -> Value {
    let (now, mut version) = (world.now, world.rate_version);
    let mut valid_until_ms = now + HOUR_MS;
    match world.random.between(0, 19) {
        0 => version += 1,
        1 | 2 => version = version.saturating_sub(1),
        3 => valid_until_ms = now,
        4 => valid_until_ms = now - 1,
        _ => {}
    }
    json!({ "version": version, "valid_until_ms": valid_until_ms })
}

/// A partner's points that become points of the alliance.
pub fn import(world: &mut World, merchant: u16) -> Option<Proposal> {
    let known = world.imported.iter().filter(|(partner, _)| *partner == merchant).map(|(_, known)| known.clone());
    let known: Vec<String> = known.collect();
    let external_reference = match world.random.one(&known) {
        Some(known) if world.random.chance(80) => known.clone(),
        _ => format!("AB-{:016x} ~", world.random.number()),
    };
    let class = match world.random.between(0, 29) {
        0 => 9_999,
        1 => 3,
        2..=5 => COLOSSAL[1].1,
        6..=15 => 2,
        _ => 1,
    };
    let units = match world.random.between(0, 49) {
        0 => 0,
        1 => u64::MAX,
        2 => world.random.magnitude(u64::MAX),
        3..=6 => world.random.between(1, 9),
        _ => world.random.magnitude(200_000),
    };
    let member = some_member(world, merchant)?;
    let says = json!({ "external_reference": external_reference, "class": class, "member": member, "units": units });
    Some(Proposal::plain("import", says))
}

/// What a point of a class will be worth, and from when on.
pub fn announce_anchor(world: &mut World, merchant: u16) -> Option<Proposal> {
    let wants_new = !world.random.chance(60);
    let own = world.classes.iter().filter(|class| class.issuer == merchant && !class.is_colossal);
    let own: Vec<u32> = own.filter(|class| class.changes_ms.is_none() || !wants_new).map(|class| class.id).collect();
    let class = if world.random.chance(100) { some_class(world)? } else { *world.random.one(&own)? };
    let present = world.class(class).map_or(10_000, |class| class.anchor);
    let anchor = match world.random.between(0, 29) {
        0 => present,
        1 => 99,
        2 => 1_000_000_000_001,
        3..=14 => (present - present / world.random.between(3, 20)).max(100),
        _ => present + present / world.random.between(3, 20) + 1,
    };
    let (now, random) = (world.now, &mut world.random);
    let effective_ms = match random.between(0, 29) {
        0 => now,
        1 => now - random.between(1, DAY_MS),
        2 => now + 1,
        3..=9 => now + random.between(1, 5 * DAY_MS),
        10..=18 => end_of_day(world, 1, 40),
        19 => end_of_day(world, 90, 130),
        _ => now + random.between(15 * DAY_MS, 40 * DAY_MS),
    };
    let says = json!({ "class": class, "anchor": terms::rate(anchor), "effective_ms": effective_ms });
    Some(Proposal::plain("announce_anchor", says))
}

/// The end of a day so many days from now, where notices end, or just before.
fn end_of_day(world: &mut World, first: u64, last: u64) -> u64 {
    let day = world.calendar.day(world.now).plus(world.random.between(first, last) as u32);
    world.calendar.day_start_ms(day) - u64::from(world.random.chance(200))
}
