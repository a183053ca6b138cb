//! What takes up an operation from before: capture, void, reversals.

use serde_json::json;
use tally_contracts::types::DAY_MS;

use super::{Proposal, some_of};
use crate::world::{Hold, Sale, World};

/// A hold spent, mostly an open one of the merchant's.
pub fn capture(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (hold, points, store) = some_hold(world, merchant)?;
    let points = match world.random.between(0, 9) {
        0..=3 => points,
        4 if world.random.chance(350) => 0,
        5 if world.random.chance(200) => points + world.random.between(1, 100),
        4..=7 => world.random.between(1, points.max(1)),
        _ => some_of(world, points),
    };
    let says = json!({ "hold": hold, "points": points.to_string() });
    Some(Proposal { store, ..Proposal::plain("capture", says) })
}

/// A hold released.
pub fn void(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (hold, _, store) = some_hold(world, merchant)?;
    Some(Proposal { store, ..Proposal::plain("void", json!({ "hold": hold })) })
}

fn some_hold(world: &mut World, merchant: u16) -> Option<(String, u64, Option<u32>)> {
    let now = world.now;
    let named = |hold: &Hold| (hold.reference.clone(), hold.points, hold.store);
    let own = |hold: &&Hold| hold.merchant == merchant;
    let open: Vec<_> = world.holds.iter().filter(own).filter(|h| h.is_open && h.release_ms > now).map(named).collect();
    let ended: Vec<_> =
        world.holds.iter().filter(own).filter(|h| !h.is_open || h.release_ms <= now).map(named).collect();
    let just: Vec<_> = world.holds.iter().filter(own).filter(|h| h.ends().contains(&now)).map(named).collect();
    if !just.is_empty() && world.random.chance(500) {
        return world.random.one(&just).cloned();
    }
    let foreign: Vec<_> = world.holds.iter().filter(|hold| hold.merchant != merchant).map(named).collect();
    let sale = world.random.one(&world.sales).map(|sale| (sale.reference.clone(), 1, None));
    match world.random.between(0, 59) {
        0 => Some((world.reference(), 1, None)),
        1 => world.random.one(&foreign).cloned(),
        2 => sale,
        3..=12 => world.random.one(&ended).cloned(),
        _ => world.random.one(&open).cloned(),
    }
}

/// A redemption or a capture undone, in part or whole.
pub fn reverse_redeem(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (original, left) = some_sale(world, merchant, true)?;
    let points = if world.random.chance(300) { left } else { some_of(world, left) };
    Some(Proposal::plain("reverse_redeem", json!({ "original": original, "points": points.to_string() })))
}

/// A purchase refunded, in part or whole.
pub fn reverse_issue(world: &mut World, merchant: u16) -> Option<Proposal> {
    let (original, left) = some_sale(world, merchant, false)?;
    let amount_fen = if world.random.chance(300) { left } else { some_of(world, left) };
    Some(Proposal::plain("reverse_issue", json!({ "original": original, "amount_fen": amount_fen.to_string() })))
}

fn some_sale(world: &mut World, merchant: u16, is_redemption: bool) -> Option<(String, u64)> {
    let (sales, others) =
        if is_redemption { (&world.sales, &world.purchases) } else { (&world.purchases, &world.sales) };
    let named = |sale: &Sale| (sale.reference.clone(), sale.left);
    let now = world.now;
    let own = |sale: &&Sale| sale.merchant == merchant;
    let recent: Vec<_> =
        sales.iter().filter(own).filter(|s| s.left > 0 && s.time_ms + 30 * DAY_MS > now).map(named).collect();
    let window_ms = world.refund_window_ms;
    let just: Vec<_> = sales.iter().filter(own).filter(|s| s.ends(window_ms).contains(&now)).map(named).collect();
    if !just.is_empty() && world.random.chance(500) {
        return world.random.one(&just).cloned();
    }
    let any: Vec<_> = sales.iter().filter(own).map(named).collect();
    let wrong_kind: Vec<_> = others.iter().filter(own).map(named).collect();
    let foreign: Vec<_> = sales.iter().filter(|sale| sale.merchant != merchant).map(named).collect();
    let sent = world.sent.iter().filter(|sent| sent.merchant == merchant);
    let refused: Vec<_> = sent.filter_map(|s| Some((s.operation["reference"].as_str()?.to_owned(), 1))).collect();
    match world.random.between(0, 59) {
        0 => Some((world.reference(), 1)),
        1 => world.random.one(&foreign).cloned(),
        2 => world.random.one(&wrong_kind).cloned(),
        3 | 4 => world.random.one(&refused).cloned(),
        5..=14 => world.random.one(&any).cloned(),
        _ => world.random.one(&recent).cloned(),
    }
}
