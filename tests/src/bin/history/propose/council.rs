//! Votes, and the departure of who is wound up.

use serde_json::json;
use tally_contracts::types::DAY_MS;

use super::Proposal;
use crate::council::Proposed;
use crate::world::{Stage, World};

/// A vote, mostly on a proposal that is open and on which the merchant has not voted; on some nearly everybody is against.
pub fn vote(world: &mut World, merchant: u16) -> Option<Proposal> {
    let now = world.now;
    let is_open = |proposal: &Proposed| proposal.effective_ms.is_none() && proposal.ends_ms > now;
    let proposals = &world.council.proposals;
    let named = |proposal: &Proposed| (proposal.merchant, proposal.reference.clone());
    let waiting = proposals.iter().filter(|of| is_open(of) && !of.voted.contains(&merchant));
    let waiting: Vec<_> = waiting.map(named).collect();
    let lapsed = proposals.iter().filter(|of| of.effective_ms.is_none() && of.ends_ms <= now);
    let lapsed: Vec<_> = lapsed.filter(|of| of.ends_ms + 5 * DAY_MS > now).map(named).collect();
    let any: Vec<_> = proposals.iter().map(named).collect();
    let again: Vec<_> = proposals.iter().filter(|of| is_open(of)).map(named).collect();
    let (proposer, mut proposal) = match world.random.between(0, 39) {
        0 | 1 => world.random.one(&any)?.clone(),
        2..=4 => world.random.one(&lapsed)?.clone(),
        5 => world.random.one(&again)?.clone(),
        _ => world.random.one(&waiting)?.clone(),
    };
    // What a reference ends with says how a proposal is liked.
    let is_liked = !proposal.ends_with(['0', '7', 'e']);
    let approves = world.random.chance(if is_liked { 930 } else { 150 });
    if world.random.chance(15) {
        proposal = world.reference();
    }
    Some(Proposal::plain("vote", json!({ "merchant": proposer, "proposal": proposal, "approves": approves })))
}

/// A departure, mostly of a merchant that is wound up, by itself or another; now and then too early, or of nobody.
pub fn depart(world: &mut World, merchant: u16) -> Option<Proposal> {
    let says = match world.random.between(0, 29) {
        0 => Some(60_000),
        1 => Some(merchant),
        2 => world.some_merchant(|of| matches!(of.stage, Stage::RunningOff { .. })),
        3 => world.some_merchant(|of| of.stage == Stage::Departed),
        _ => world.some_merchant(|of| of.stage == Stage::WoundUp),
    };
    Some(Proposal::plain("depart", json!({ "merchant": says? })))
}
