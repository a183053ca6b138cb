//! Members: their enrolment, their wallet keys, and their being frozen.

use serde_json::json;

use super::{Proposal, some_member};
use crate::alliance::HOLDERS;
use crate::word;
use crate::world::World;

/// With so many members, few new ones come.
const ENOUGH_MEMBERS: usize = 120;

/// A new member, or one who is there already.
pub fn enter(world: &mut World, merchant: u16, kind: &'static str) -> Option<Proposal> {
    let is_known = world.random.chance(if world.members.len() < ENOUGH_MEMBERS { 60 } else { 800 });
    let holder = world.random.weighted(&[(HOLDERS[0], 8), (HOLDERS[1], 1), (HOLDERS[2], 1)]);
    if kind == "enrol" {
        let number = if is_known { world.random.between(0, 40) } else { world.random.number() };
        let commitment = format!("{number:064x}");
        return Some(Proposal::plain("enrol", json!({ "holder": holder, "commitment": commitment })));
    }
    let known: Vec<String> = world.members.iter().filter_map(|member| member.wallet_key.clone()).collect();
    let key = match world.random.one(&known) {
        Some(known) if is_known => known.clone(),
        _ => world.new_key(),
    };
    let word = word::wallet(world, &key, merchant);
    Some(Proposal::with_word(kind, json!({ "holder": holder, "wallet_key": key }), Some(word)))
}

/// A wallet key registered, rotated or recovered.
pub fn change_key(world: &mut World, merchant: u16, kind: &'static str) -> Option<Proposal> {
    let member = some_member_with_key(world, merchant, kind != "register_wallet")?;
    let current = world.member(&member).and_then(|member| member.key_at(world.now).cloned());
    let new_key = match &current {
        Some(current) if world.random.chance(40) => current.clone(),
        _ => world.new_key(),
    };
    let says = json!({ "member": member, "wallet_key": new_key });
    let signer = match kind {
        "recover_wallet" => return Some(Proposal::plain(kind, says)),
        "register_wallet" => new_key,
        _ => current.unwrap_or(new_key),
    };
    let word = word::wallet(world, &signer, merchant);
    Some(Proposal::with_word(kind, says, Some(word)))
}

/// Mostly a member that has a wallet key, or mostly one that has none.
fn some_member_with_key(world: &mut World, merchant: u16, has_key: bool) -> Option<String> {
    if world.random.chance(150) {
        return some_member(world, merchant);
    }
    // Each second member stays without a wallet, so that custodians can act for it.
    let may_have = |address: &str| address.bytes().map(u64::from).sum::<u64>() % 2 == 0;
    let own = world.members.iter().filter(|member| member.custodian == merchant);
    let fit = own.filter(|member| member.wallet_key.is_some() == has_key && may_have(&member.address));
    let fit: Vec<String> = fit.map(|member| member.address.clone()).collect();
    world.random.one(&fit).cloned()
}

/// A member frozen or unfrozen.
pub fn freeze(world: &mut World, merchant: u16, kind: &'static str) -> Option<Proposal> {
    let wants_frozen = (kind == "unfreeze") ^ world.random.chance(50);
    let own = world.members.iter().filter(|member| member.custodian == merchant && member.is_frozen == wants_frozen);
    let own: Vec<String> = own.map(|member| member.address.clone()).collect();
    let member = match world.random.one(&own) {
        Some(own) if !world.random.chance(200) => own.clone(),
        _ if world.random.chance(if kind == "unfreeze" { 800 } else { 0 }) => return None,
        _ => some_member(world, merchant)?,
    };
    Some(Proposal::plain(kind, json!({ "member": member })))
}
