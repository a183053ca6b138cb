//! Learning from receipts: what an applied operation made, changed or ended.

use serde_json::Value;

use crate::world::{Class, Hold, Key, Member, Sale, World, time_of};

/// An operation that was applied, and what its receipt says.
pub struct Applied<'a> {
    pub merchant: u16,
    pub operation: &'a Value,
    pub kind: &'a str,
    pub says: &'a Value,
    pub receipt: &'a Value,
}

/// Learns from one applied operation.
pub fn observe(world: &mut World, applied: &Applied<'_>) {
    match applied.kind {
        "enrol" | "enrol_wallet" => enrolled(world, applied),
        "create_class" => class_created(world, applied),
        "issue" | "redeem" | "hold" => sold(world, applied),
        "capture" | "void" => hold_ended(world, applied),
        "reverse_redeem" | "reverse_issue" => reversed(world, applied),
        "add_key" | "revoke_key" | "rotate_key" => keys_changed(world, applied),
        "confirm_leg" => leg_confirmed(world, applied),
        _ => member_changed(world, applied),
    }
}

fn enrolled(world: &mut World, applied: &Applied<'_>) {
    world.members.push(Member {
        address: text(&applied.receipt["enrolled"]["member"]),
        custodian: applied.merchant,
        wallet_key: applied.says["wallet_key"].as_str().map(str::to_owned),
        recovery: None,
        is_frozen: false,
        old_keys: Vec::new(),
    });
}

fn class_created(world: &mut World, applied: &Applied<'_>) {
    let id = number(&applied.says["class"]) as u32;
    world.classes.push(Class { id, issuer: applied.merchant, is_colossal: false });
}

fn sold(world: &mut World, applied: &Applied<'_>) {
    let (merchant, reference) = (applied.merchant, text(&applied.operation["reference"]));
    let (says, time_ms) = (applied.says, time_of(&reference));
    if applied.kind == "hold" {
        world.holds.push(Hold {
            merchant,
            reference,
            points: number(&says["points"]),
            release_ms: number(&says["release_ms"]),
            store: applied.operation["till"]["store_id"].as_u64().map(|store| store as u32),
            is_open: true,
            time_ms,
        });
        return;
    }
    let lines = says["lines"].as_array().into_iter().flatten();
    let amount_fen: u64 = lines.map(|line| number(&line["amount_fen"])).sum();
    let (sales, left) = match applied.kind {
        "issue" => (&mut world.purchases, amount_fen),
        _ => (&mut world.sales, number(&says["points"])),
    };
    sales.push(Sale { merchant, reference, left, time_ms });
}

fn hold_ended(world: &mut World, applied: &Applied<'_>) {
    let named = text(&applied.says["hold"]);
    let mut holds = world.holds.iter_mut();
    if let Some(hold) = holds.find(|hold| hold.merchant == applied.merchant && hold.reference == named) {
        hold.is_open = false;
    }
    if applied.kind == "capture" {
        let (merchant, reference) = (applied.merchant, text(&applied.operation["reference"]));
        let (left, time_ms) = (number(&applied.says["points"]), time_of(&reference));
        world.sales.push(Sale { merchant, reference, left, time_ms });
    }
}

fn reversed(world: &mut World, applied: &Applied<'_>) {
    let original = text(&applied.says["original"]);
    let (sales, amount) = match applied.kind {
        "reverse_issue" => (&mut world.purchases, number(&applied.says["amount_fen"])),
        _ => (&mut world.sales, number(&applied.says["points"])),
    };
    let mut sales = sales.iter_mut();
    if let Some(sale) = sales.find(|sale| sale.merchant == applied.merchant && sale.reference == original) {
        sale.left = sale.left.saturating_sub(amount);
    }
}

fn keys_changed(world: &mut World, applied: &Applied<'_>) {
    let Some(merchant) = world.merchants.iter_mut().find(|merchant| merchant.id == applied.merchant) else { return };
    let public_key = text(&applied.says["public_key"]);
    if applied.kind == "add_key" {
        let roles = applied.says["roles"].as_array().into_iter().flatten().map(text).collect();
        let store = applied.says["store_id"].as_u64().map(|store| store as u32);
        merchant.keys.push(Key { public_key, roles, store, is_revoked: false });
        return;
    }
    let Some(old) = merchant.keys.iter_mut().find(|key| key.public_key == public_key) else { return };
    let successor = Key { public_key: text(&applied.says["new_key"]), ..old.clone() };
    old.is_revoked = true;
    if applied.kind == "rotate_key" {
        merchant.keys.push(successor);
    }
}

fn leg_confirmed(world: &mut World, applied: &Applied<'_>) {
    let (cycle, number_) = (text(&applied.says["cycle"]), number(&applied.says["leg"]) as u16);
    let mut legs = world.legs.iter_mut();
    if let Some(leg) = legs.find(|leg| leg.cycle == cycle && leg.number == number_) {
        leg.is_confirmed = true;
    }
}

fn member_changed(world: &mut World, applied: &Applied<'_>) {
    let (now, new_key) = (world.now, applied.says["wallet_key"].as_str().map(str::to_owned));
    let Some(member) = world.member_mut(&text(&applied.says["member"])) else { return };
    let current = member.key_at(now).cloned();
    match applied.kind {
        "register_wallet" => member.wallet_key = new_key,
        "rotate_wallet" => {
            member.old_keys.extend(current);
            (member.wallet_key, member.recovery) = (new_key, None);
        }
        "recover_wallet" => {
            let effective_ms = number(&applied.receipt["recovery_started"]["effective_ms"]);
            member.old_keys.extend(current.clone());
            (member.wallet_key, member.recovery) = (current, new_key.map(|key| (key, effective_ms)));
        }
        "freeze" => member.is_frozen = true,
        "unfreeze" => member.is_frozen = false,
        _ => {}
    }
}

/// A text of JSON; empty for anything else.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A number of JSON, or a whole number as text; zero for anything else.
pub fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok())).unwrap_or(0)
}
