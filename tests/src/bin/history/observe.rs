//! Learning from receipts: what an applied operation made, changed or ended.

use serde_json::Value;

use crate::checkpoints;
use crate::council;
use crate::terms;
use crate::world::{Act, Debt, Dispute, Hold, Key, Leg, Member, Sale, World, time_of};

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
    owed(world, applied);
    match applied.kind {
        "enrol" | "enrol_wallet" => enrolled(world, applied),
        "create_class" => class_created(world, applied),
        "issue" | "redeem" | "hold" => sold(world, applied),
        "capture" | "void" => hold_ended(world, applied),
        "reverse_redeem" | "reverse_issue" => reversed(world, applied),
        "add_key" | "revoke_key" | "rotate_key" => keys_changed(world, applied),
        "announce_anchor" => anchor_announced(world, applied),
        "import" => world.imported.push((applied.merchant, text(&applied.says["external_reference"]))),
        "confirm_leg" | "report_payment" => leg_changed(world, applied),
        "open_dispute" | "answer_dispute" => dispute_changed(world, applied),
        "set_business_days" | "set_collateral" | "draw_collateral" | "decide_dispute" => voiced(world, applied),
        "attest" | "anchor" => checkpoints::observe(world, applied),
        "propose" | "vote" | "refer" | "claim_referral" => council::observe(world, applied),
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
    world.classes.push(terms::class(id, applied.merchant, &applied.says["terms"]));
}

fn anchor_announced(world: &mut World, applied: &Applied<'_>) {
    world.rate_version = number(&applied.receipt["anchor_announced"]["version"]) as u32;
    if let Some(class) = world.class_mut(number(&applied.says["class"]) as u32) {
        class.changes_ms = Some(number(&applied.says["effective_ms"]));
    }
}

/// What an operation made one party owe another.
fn owed(world: &mut World, applied: &Applied<'_>) {
    let Some(receipt) = applied.receipt.as_object().and_then(|receipt| receipt.values().next()) else { return };
    let Some(amount) = receipt["obligation"].as_str().and_then(|text| text.parse::<i128>().ok()) else { return };
    if applied.kind == "reverse_redeem" {
        let original = text(&applied.says["original"]);
        let mut debts = world.debts.iter_mut();
        if let Some(debt) = debts.find(|debt| debt.merchant == applied.merchant && debt.reference == original) {
            debt.amount = debt.amount.saturating_sub(amount.unsigned_abs());
        }
        return;
    }
    let issuer = |class: &Value| world.class(number(class) as u32).map_or(0, |class| class.issuer);
    let (debtor, creditor) = match applied.kind {
        "exchange" => (issuer(&applied.says["from_class"]), issuer(&applied.says["to_class"])),
        "import" => (applied.merchant, issuer(&applied.says["class"])),
        "capture" => (issuer(&receipt["class"]), applied.merchant),
        _ => (issuer(&applied.says["class"]), applied.merchant),
    };
    let (merchant, reference) = (applied.merchant, text(&applied.operation["reference"]));
    if amount > 0 {
        world.debts.push(Debt { merchant, reference, debtor, creditor, amount: amount.unsigned_abs() });
    }
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
    sales.push(Sale { merchant, reference, member: text(&says["member"]), left, time_ms });
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
        world.sales.push(Sale { merchant, reference, member: String::new(), left, time_ms });
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

fn leg_changed(world: &mut World, applied: &Applied<'_>) {
    if let Some(leg) = leg_mut(world, applied.says) {
        match applied.kind {
            "report_payment" => leg.is_reported = true,
            _ => leg.is_paid = true,
        }
    }
}

fn leg_mut<'a>(world: &'a mut World, says: &Value) -> Option<&'a mut Leg> {
    let (cycle, place) = (text(&says["cycle"]), number(&says["leg"]) as u16);
    world.legs.iter_mut().find(|leg| leg.cycle == cycle && leg.number == place)
}

fn dispute_changed(world: &mut World, applied: &Applied<'_>) {
    if applied.kind == "open_dispute" {
        let (merchant, reference) = (number(&applied.says["merchant"]) as u16, text(&applied.says["original"]));
        let debt = world.debts.iter().find(|debt| debt.merchant == merchant && debt.reference == reference);
        let (debtor, creditor) = debt.map_or((0, 0), |debt| (debt.debtor, debt.creditor));
        let due_ms = number(&applied.receipt["dispute_opened"]["answer_due_ms"]);
        let (is_contested, is_ended) = (false, false);
        world.disputes.push(Dispute { merchant, reference, debtor, creditor, due_ms, is_contested, is_ended });
        return;
    }
    if let Some(dispute) = dispute_mut(world, applied.says) {
        let due_ms = applied.receipt["dispute_contested"]["decision_due_ms"].as_u64();
        (dispute.is_contested, dispute.is_ended) = (due_ms.is_some(), due_ms.is_none());
        dispute.due_ms = due_ms.unwrap_or(dispute.due_ms);
    }
}

fn dispute_mut<'a>(world: &'a mut World, says: &Value) -> Option<&'a mut Dispute> {
    let (merchant, reference) = (number(&says["merchant"]) as u16, text(&says["original"]));
    world.disputes.iter_mut().find(|dispute| dispute.merchant == merchant && dispute.reference == reference)
}

/// A joint act was asked for, or carried out.
fn voiced(world: &mut World, applied: &Applied<'_>) {
    let is_act = |act: &Act| act.kind == applied.kind && act.says == *applied.says;
    let voices = number(&applied.receipt["voiced"]["voices"]) as usize;
    let mut known = world.acts.iter().find(|act| is_act(act)).map(|act| (act.begun_ms, act.voices.clone()));
    world.acts.retain(|act| !is_act(act));
    if voices == 1 {
        known = None;
    }
    if voices > 0 {
        let (begun_ms, mut voices) = known.unwrap_or((world.now, Vec::new()));
        voices.push(applied.merchant);
        world.acts.push(Act { kind: applied.kind.to_owned(), says: applied.says.clone(), begun_ms, voices });
        return;
    }
    match applied.kind {
        "draw_collateral" => {
            if let Some(leg) = leg_mut(world, applied.says) {
                leg.is_paid = true;
            }
        }
        "decide_dispute" => {
            if let Some(dispute) = dispute_mut(world, applied.says) {
                dispute.is_ended = true;
            }
        }
        _ => {}
    }
}

/// Learns from a record of due work, beyond what it made of holdings.
pub fn observe_due(world: &mut World, record: &Value) {
    let changed = &record["anchor_changed"];
    if !changed.is_null() {
        world.rate_version = number(&changed["version"]) as u32;
        if let Some(class) = world.class_mut(number(&changed["class"]) as u32) {
            (class.anchor, class.changes_ms) = (terms::millionths(&changed["anchor"]), None);
        }
    }
    if let Some(leg) = leg_mut(world, &record["leg_escalated"]) {
        leg.is_escalated = true;
    }
    let timed_out = &record["dispute_timed_out"];
    if let Some(dispute) = dispute_mut(world, timed_out) {
        dispute.is_contested = timed_out["state"] == "contested";
        dispute.is_ended = !dispute.is_contested;
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
