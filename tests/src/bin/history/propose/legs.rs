//! Payments of a close: their confirmation and their evidence.

use serde_json::{Value, json};

use super::Proposal;
use crate::world::{Leg, World};

/// A payment confirmed, mostly by its payee. Each third leg is left alone until it is escalated.
pub fn confirm_leg(world: &mut World, merchant: u16) -> Option<Proposal> {
    let wants_late = world.random.chance(200);
    let may = |leg: &Leg| leg.is_paid || (leg.number % 3 != 1 || (leg.is_escalated && wants_late));
    let (mut says, amount_fen) = some_leg(world, |leg| leg.payee == merchant && may(leg))?;
    let more = u64::from(world.random.chance(40));
    says["amount_fen"] = json!((amount_fen + more).to_string());
    Some(Proposal::plain("confirm_leg", says))
}

/// The evidence of a payment, mostly by its payer.
pub fn report_payment(world: &mut World, merchant: u16) -> Option<Proposal> {
    let wants_again = world.random.chance(150);
    let (mut says, _) = some_leg(world, |leg| leg.payer == merchant && (!leg.is_reported || wants_again))?;
    says["bank_reference"] = json!(format!("CNAPS {} ~!", world.random.number()));
    Some(Proposal::plain("report_payment", says))
}

/// A leg that fits, mostly one that is not paid; now and then any, or one that is not there.
pub fn some_leg(world: &mut World, fits: impl Fn(&Leg) -> bool) -> Option<(Value, u64)> {
    let wants_any = world.random.chance(80);
    let wants_unpaid = !world.random.chance(120);
    let legs = world.legs.iter().filter(|leg| (fits(leg) && !(leg.is_paid && wants_unpaid)) || wants_any);
    let legs: Vec<_> = legs.map(|leg| (leg.cycle.clone(), leg.number, leg.amount_fen)).collect();
    let (cycle, mut leg, amount_fen) = world.random.one(&legs)?.clone();
    if world.random.chance(30) {
        leg += 40;
    }
    Some((json!({ "cycle": cycle, "leg": leg }), amount_fen))
}
