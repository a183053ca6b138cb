//! Issue, transfer, redeem, hold.

use serde_json::json;
use tally_contracts::types::{DAY_MS, HOUR_MS};

use super::{Proposal, some_class, some_holding, some_member, some_of};
use crate::word;
use crate::world::World;

/// A purchase, mostly of the merchant's own class.
pub fn issue(world: &mut World, merchant: u16) -> Option<Proposal> {
    let own: Vec<(u32, bool)> =
        world.classes.iter().filter(|c| c.issuer == merchant).map(|c| (c.id, c.is_colossal)).collect();
    let foreign = (some_class(world)?, false);
    let (mut class, mut is_colossal) = *world.random.one(&own).unwrap_or(&foreign);
    if let Some(first) = own.first()
        && class != first.0
        && world.random.chance(500)
    {
        (class, is_colossal) = *first;
    }
    if world.random.chance(40) {
        (class, is_colossal) = (some_class(world)?, false);
    }
    let referred = world.council.referrals.iter().filter(|of| of.to == merchant && !of.is_converted);
    let referred: Vec<String> = referred.map(|of| of.member.clone()).collect();
    let member = match world.random.one(&referred) {
        Some(referred) if world.random.chance(150) => referred.clone(),
        _ => some_member(world, merchant)?,
    };
    let random = &mut world.random;
    let count = if random.chance(700) { 1 } else { random.between(1, 4) };
    let lines: Vec<_> = (0..count)
        .map(|category| {
            let amount_fen = match random.between(0, 199) {
                0..=1 => 0,
                2..=6 => random.magnitude(u64::MAX),
                _ if is_colossal => random.magnitude(1 << 44),
                7..=60 => random.between(1, 20_000),
                _ => random.between(5_000, 500_000),
            };
            json!({ "category": category, "amount_fen": amount_fen.to_string() })
        })
        .collect();
    Some(Proposal::plain("issue", json!({ "class": class, "member": member, "lines": lines })))
}

/// A gift.
pub fn transfer(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (from, class) = some_holding(world, merchant)?;
    let any = world.random.one(&world.members)?.address.clone();
    let to = match world.random.between(0, 49) {
        0 => from.clone(),
        1 => some_member(world, merchant)?,
        _ => any,
    };
    let balance = world.balance(&from, class);
    let points = some_of(world, balance);
    let word = word::for_giving(world, &from, merchant);
    let says = json!({ "class": class, "from": from, "to": to, "points": points.to_string() });
    Some(Proposal::with_word("transfer", says, word))
}

/// Points spent at the merchant.
pub fn redeem(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (member, class) = some_holding(world, merchant)?;
    let points = spent(world, &member, class);
    let word = word::for_spending(world, (&member, class), merchant);
    let says = json!({ "class": class, "member": member, "points": points.to_string() });
    Some(Proposal::with_word("redeem", says, word))
}

/// Points set aside at the merchant.
pub fn hold(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (member, class) = some_holding(world, merchant)?;
    let points = spent(world, &member, class);
    let word = word::for_spending(world, (&member, class), merchant);
    let (now, random) = (world.now, &mut world.random);
    let release_ms = match random.between(0, 49) {
        0 => now,
        1 => now - random.between(1, HOUR_MS),
        2 => now + 7 * DAY_MS + 1,
        3 => u64::MAX,
        4..=8 => now + 7 * DAY_MS,
        9 => now + 1,
        10..=25 => now + random.between(1, HOUR_MS),
        _ => now + random.between(1, 7 * DAY_MS),
    };
    let says = json!({ "class": class, "member": member, "points": points.to_string(), "release_ms": release_ms });
    Some(Proposal::with_word("hold", says, word))
}

/// What is spent: moderate amounts of ordinary points, so that limits let some pass.
fn spent(world: &mut World, member: &str, class: u32) -> u64 {
    let balance = world.balance(member, class);
    let is_moderate = !world.class(class).is_some_and(|class| class.is_colossal) && world.random.chance(500);
    if is_moderate { world.random.magnitude(balance.clamp(1, 60_000)) } else { some_of(world, balance) }
}
