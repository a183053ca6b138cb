//! Members sent to other merchants, and the purchases by which they went.

use serde_json::json;

use super::{Proposal, some_member};
use crate::council::Referred;
use crate::world::{KNOWN_FOR_MS, Sale, World};

/// A member referred, mostly of the merchant's custody, to any other merchant.
pub fn refer(world: &mut World, merchant: u16) -> Option<Proposal> {
    let member = some_member(world, merchant)?;
    let to = match world.random.between(0, 39) {
        0 => 60_000,
        1 => merchant,
        2 => world.some_merchant(|of| of.is_partner)?,
        _ => world.some_merchant(|of| of.id != merchant && !of.is_partner)?,
    };
    Some(Proposal::plain("refer", json!({ "member": member, "merchant": to })))
}

/// A purchase named that converts a referral, mostly one of the merchant's own that has not converted.
pub fn claim(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (wants_own, wants_open) = (!world.random.chance(60), !world.random.chance(60));
    let fits = |of: &&Referred| (of.by == merchant) == wants_own && of.is_converted != wants_open;
    let named = |of: &Referred| (of.to, of.member.clone(), of.time_ms);
    let bought = |of: &&Referred| purchases(world, of).next().is_some();
    let known: Vec<_> = world.council.referrals.iter().filter(fits).map(named).collect();
    let ripe: Vec<_> = world.council.referrals.iter().filter(fits).filter(bought).map(named).collect();
    let some = world.random.one(if ripe.is_empty() { &known } else { &ripe }).cloned();
    let (to, mut member, since_ms) = some?;
    let of_member: Vec<_> = world.purchases.iter().filter(|of| of.merchant == to && of.member == member).collect();
    let after: Vec<String> =
        of_member.iter().filter(|of| of.time_ms >= since_ms).map(|of| of.reference.clone()).collect();
    let at_all: Vec<String> = of_member.iter().map(|of| of.reference.clone()).collect();
    let there: Vec<String> =
        world.sent.iter().filter(|sent| sent.merchant == to).filter_map(|sent| reference_of(&sent.operation)).collect();
    let original = match world.random.between(0, 19) {
        0 => world.reference(),
        1 => world.random.one(&there)?.clone(),
        2 | 3 => world.random.one(&at_all)?.clone(),
        _ => world.random.one(&after)?.clone(),
    };
    if world.random.chance(30) {
        member = some_member(world, merchant)?;
    }
    Some(Proposal::plain("claim_referral", json!({ "member": member, "merchant": to, "original": original })))
}

/// The purchases of a referred member where it was sent.
fn purchases<'a>(world: &'a World, of: &'a Referred) -> impl Iterator<Item = &'a Sale> {
    let is_there = |sale: &&Sale| sale.merchant == of.to && sale.member == of.member && sale.time_ms >= of.time_ms;
    world.purchases.iter().filter(is_there).filter(|sale| sale.time_ms + KNOWN_FOR_MS > world.now)
}

fn reference_of(operation: &serde_json::Value) -> Option<String> {
    operation["reference"].as_str().map(str::to_owned)
}
