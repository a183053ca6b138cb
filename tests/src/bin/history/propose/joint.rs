//! Joint acts: mostly a voice for one that others have begun, so that some are carried out.

use serde_json::{Value, json};

use super::Proposal;
use super::disputes::{is_talked_about, some_dispute};
use super::legs::some_leg;
use crate::agreement;
use crate::world::{Act, World};

/// 10^13 CNY.
const MOST_COLLATERAL_FEN: u64 = 1_000_000_000_000_000;

/// A voice for a joint act.
pub fn propose(world: &mut World, merchant: u16, kind: &'static str) -> Option<Proposal> {
    let wants_again = world.random.chance(60);
    let of_kind = |act: &&Act| act.kind == kind && act.voices.contains(&merchant) == wants_again;
    let under_way: Vec<Value> = world.acts.iter().filter(of_kind).map(|act| act.says.clone()).collect();
    let begun = world.random.one(&under_way).cloned();
    let says = match begun {
        Some(begun) if world.random.chance(850) => begun,
        _ => begin(world, merchant, kind)?,
    };
    Some(Proposal::plain(kind, says))
}

fn begin(world: &mut World, merchant: u16, kind: &str) -> Option<Value> {
    match kind {
        "set_business_days" => Some(days(world)),
        "set_collateral" => Some(collateral(world)),
        "draw_collateral" => draw(world, merchant),
        _ => decision(world, merchant),
    }
}

/// Some days of the past and of weeks to come.
fn days(world: &mut World) -> Value {
    let today = world.calendar.day(world.now).0;
    let first = today - 10 + world.random.between(0, 60) as u32;
    let days = (0..30).filter(|later| *later == 0 || world.random.chance(100)).collect::<Vec<u32>>();
    let days = days.into_iter();
    let days: Vec<Value> = days
        .map(|later| json!({ "day": agreement::day(first + later), "is_business": world.random.chance(400) }))
        .collect();
    json!({ "days": days })
}

/// What somebody has posted: more, less, too little, too much.
fn collateral(world: &mut World) -> Value {
    let count = world.merchants.len() as u64;
    let first = if world.random.chance(500) { 3 } else { 1 };
    let merchant = world.random.between(first, count);
    let merchant = world.random.weighted(&[(merchant, 30), (99, 1), (0, 1)]);
    let collateral_fen = match world.random.between(0, 19) {
        0 => MOST_COLLATERAL_FEN + 1,
        1 if merchant < 3 => MOST_COLLATERAL_FEN,
        2 => u64::MAX,
        3..=7 => 0,
        _ => world.random.magnitude(400_000),
    };
    json!({ "merchant": merchant, "collateral_fen": collateral_fen.to_string() })
}

/// A leg that is overdue, mostly of others; now and then one that is not.
fn draw(world: &mut World, merchant: u16) -> Option<Value> {
    let wants_overdue = !world.random.chance(80);
    let is_party = world.random.chance(60);
    let (says, _) = some_leg(world, |leg| {
        leg.is_escalated == wants_overdue && [leg.payer, leg.payee].contains(&merchant) == is_party
    })?;
    Some(says)
}

/// A contested dispute, mostly of others; now and then one that is not contested.
fn decision(world: &mut World, merchant: u16) -> Option<Value> {
    let wants_contested = !world.random.chance(80);
    let is_party = world.random.chance(60);
    let mut says = some_dispute(world, |dispute| {
        let parties = [dispute.debtor, dispute.creditor];
        let is_meant = is_talked_about(dispute) || is_party;
        dispute.is_contested == wants_contested && parties.contains(&merchant) == is_party && is_meant
    })?;
    says["upheld"] = json!(world.random.chance(500));
    Some(says)
}
