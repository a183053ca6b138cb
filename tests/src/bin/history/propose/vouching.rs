//! What merchants vouch for, and evidence from outside: mostly right, and for every rule now and then what breaks it.

use serde_json::{Value, json};
use tally_contracts::checkpoint::{Attest, CheckpointSignatures};
use tally_contracts::crypto::{PublicKey, sign};
use tally_contracts::types::Height;

use super::Proposal;
use crate::checkpoints::Checkpoint;
use crate::world::World;

/// What of an attestation is not as it should be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// Other roots than most merchants have worked out.
    OtherRoots,
    /// The signature at this place is by another key.
    Signature(usize),
    /// The signatures are over other roots.
    Unsigned,
    /// The block is no checkpoint.
    UnknownHeight,
}

/// A checkpoint attested, mostly one that others have attested and that is not final.
pub fn attest(world: &mut World, merchant: u16) -> Option<Proposal> {
    let height = some_checkpoint(world, merchant)?;
    let flaw = match world.random.between(0, 99) {
        0..=2 => Flaw::Signature(0),
        3..=5 => Flaw::Signature(1),
        6..=8 => Flaw::Signature(2),
        9 => Flaw::Unsigned,
        10..=13 => Flaw::UnknownHeight,
        14..=24 => Flaw::OtherRoots,
        _ => Flaw::None,
    };
    attestation(world, merchant, (height, flaw))
}

/// The height of a checkpoint that waits for the merchant; now and then of any.
fn some_checkpoint(world: &mut World, merchant: u16) -> Option<u64> {
    let heights = |fits: &dyn Fn(&&Checkpoint) -> bool| -> Vec<u64> {
        world.checkpoints.iter().filter(fits).map(|checkpoint| checkpoint.height).collect()
    };
    let waits = |of: &&Checkpoint| of.key_of(merchant).is_some() && !of.attested.contains(&merchant);
    let most = world.checkpoints.iter().filter(waits).filter(|of| !of.is_final).map(|of| of.attested.len()).max();
    let ripe = heights(&|of| waits(of) && !of.is_final && Some(of.attested.len()) == most);
    let late = heights(&|of| waits(of) && of.is_final);
    let again = heights(&|of| of.attested.contains(&merchant));
    let foreign = heights(&|of| of.key_of(merchant).is_none());
    let chosen = match world.random.between(0, 19) {
        0 => again,
        1 | 2 => late,
        3 => foreign,
        _ => return ripe.last().copied(),
    };
    world.random.one(&chosen).copied()
}

/// An attestation of a checkpoint by a merchant.
pub fn attestation(world: &mut World, merchant: u16, (height, flaw): (u64, Flaw)) -> Option<Proposal> {
    let other: PublicKey = world.new_key().parse().ok()?;
    let checkpoint = world.checkpoints.iter().find(|checkpoint| checkpoint.height == height)?;
    // Who may not vouch for it signs with whatever key.
    let key = checkpoint.key_of(merchant).unwrap_or(other);
    let roots = checkpoint.roots[usize::from(flaw == Flaw::OtherRoots)];
    let signed = if flaw == Flaw::Unsigned { checkpoint.roots[1] } else { roots };
    let mut keys = [key; 3];
    if let Flaw::Signature(at) = flaw {
        keys[at] = other;
    }
    let texts = checkpoint.texts(&world.chain_id, &signed);
    let [log, cosigner, state] =
        [0, 1, 2].map(|at| sign(world.signing_key(&keys[at].to_string()), texts[at].as_bytes()));
    let height = Height(if flaw == Flaw::UnknownHeight { world.height + 1 } else { height });
    let signatures = CheckpointSignatures { log, cosigner, state }.into();
    let attest = Attest { height, state_root: roots.state_root, erc1155_root: roots.erc1155_root, signatures };
    Some(Proposal::plain("attest", json!(attest)))
}

/// Evidence for a checkpoint, mostly a final one; now and then what is on record already.
pub fn anchor(world: &mut World, _: u16) -> Option<Proposal> {
    let (wants_final, wants_again) = (!world.random.chance(150), world.random.chance(150));
    let fits = |of: &&Checkpoint| of.is_final == wants_final && (!wants_again || !of.anchored.is_empty());
    let known: Vec<(u64, Vec<Value>)> =
        world.checkpoints.iter().filter(fits).map(|of| (of.height, of.anchored.clone())).collect();
    let (mut height, anchored) = world.random.one(&known)?.clone();
    let evidence = match world.random.one(&anchored) {
        Some(again) if wants_again => again.clone(),
        _ => evidence(world),
    };
    if world.random.chance(40) {
        height = world.height + 1;
    }
    Some(Proposal::plain("anchor", json!({ "checkpoint": height, "evidence": evidence })))
}

/// Evidence of either kind.
pub fn evidence(world: &mut World) -> Value {
    let number = world.random.number();
    if world.random.chance(500) {
        let response = format!("30{}", format!("{number:016x}").repeat(world.random.between(1, 9) as usize));
        json!({ "time_stamp": { "response": response } })
    } else {
        let line = format!("\u{2014} witness.example/{number} {number:016x}");
        json!({ "witness": { "key": format!("witness.example/{number}+00000000+BA=="), "line": line } })
    }
}
