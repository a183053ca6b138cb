//! Rule tables of checkpoints.

use super::{Anchor, Attest, Checkpoint, CheckpointClock, CheckpointSignatures, Evidence, Roots, attested_texts};
use crate::crypto::sign;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::tag;
use crate::testing::{World, genesis, key, log_before};
use crate::transaction::Body;
use crate::types::{Hash, Height};

const INTERVAL_MS: u64 = 600_000;

/// Passes the next multiple of the interval, and writes its log down; gives the checkpoint's height.
pub fn checkpoint(world: &mut World) -> Height {
    world.block_at((world.time_ms / INTERVAL_MS + 1) * INTERVAL_MS + 17, Vec::new());
    let height = world.height;
    world.block(Vec::new());
    height
}

fn on_record(world: &World, height: Height) -> Checkpoint {
    world.record(tag::checkpoints, &height).expect("on record")
}

/// What a merchant attests: this root of state, and another of balances.
pub fn attest(world: &World, id: u16, height: Height, state_root: Hash) -> Attest {
    let roots = Roots { state_root, erc1155_root: Hash([2; 32]) };
    let checkpoint =
        world.record(tag::checkpoints, &height).unwrap_or(Checkpoint { time_ms: 0, log_size: 0, log_root: Hash::ZERO });
    let texts = attested_texts(&world.genesis.chain_id(), height, &checkpoint, &roots);
    let [log, cosigner, state] = texts.map(|text| sign(&key(id, 9), text.as_bytes()));
    let Roots { state_root, erc1155_root } = roots;
    Attest { height, state_root, erc1155_root, signatures: CheckpointSignatures { log, cosigner, state }.into() }
}

fn anchor(checkpoint: Height) -> Body {
    Body::Anchor(Anchor { checkpoint, evidence: Evidence::TimeStamp { response: vec![0x30, 0] } })
}

#[test]
fn the_first_block_past_each_multiple_of_the_interval_is_a_checkpoint() {
    let mut world = World::new(genesis());
    let height = checkpoint(&mut world);
    let of_block = log_before(height.next());
    let expected = Checkpoint { time_ms: world.time_ms - 1, log_size: of_block.size, log_root: of_block.root };
    assert_eq!(on_record(&world, height), expected);
    // The rest of the interval has none, and a long pause has one.
    world.block_at(world.time_ms - world.time_ms % INTERVAL_MS + INTERVAL_MS - 1, Vec::new());
    world.block(Vec::new());
    world.block(Vec::new());
    assert_eq!(on_record(&world, Height(world.height.0 - 1)).time_ms % INTERVAL_MS, 0);
    world.block_at(world.time_ms + 50 * INTERVAL_MS, Vec::new());
    world.block(Vec::new());
    let heights: Vec<u64> = (0..=world.height.0)
        .filter(|h| world.record::<_, Checkpoint>(tag::checkpoints, &Height(*h)).is_some())
        .collect();
    assert_eq!(heights, [height.0, height.0 + 3, height.0 + 5]);
}

#[test]
fn a_checkpoint_is_final_once_more_than_two_thirds_attested_the_same() {
    let mut world = World::new(genesis());
    let height = checkpoint(&mut world);
    let (right, wrong) = (Hash([1; 32]), Hash([9; 32]));
    for (id, root, attested, is_final) in
        [(1, right, 1, false), (2, wrong, 1, false), (3, right, 2, false), (4, right, 3, true)]
    {
        world.refused(1, anchor(height), Rejection::CheckpointNotFinal);
        let attest = attest(&world, id, height, root);
        assert_eq!(world.applied(id, Body::Attest(attest)), Applied::Attested { attested, needed: 3, is_final });
    }
    let clock: CheckpointClock = world.record(tag::checkpoint_clock, &()).expect("kept");
    assert_eq!(clock.latest_final, Some(height));
    assert_eq!(world.applied(2, anchor(height)), Applied::Anchored);
    world.refused(3, anchor(height), Rejection::AnchoredAlready);
}

#[test]
fn rules_of_attest_in_order() {
    let mut world = World::new(genesis());
    let height = checkpoint(&mut world);
    let root = Hash([1; 32]);
    let unknown = attest(&world, 1, height.next(), root);
    world.refused(1, Body::Attest(unknown), Rejection::UnknownCheckpoint);
    world.refused(1, anchor(height.next()), Rejection::UnknownCheckpoint);
    // Each of the three signatures counts, and by nobody else's key.
    let right = attest(&world, 1, height, root);
    let other = attest(&world, 2, height, root);
    let signed = |signatures: CheckpointSignatures| Attest { signatures: signatures.into(), ..right.clone() };
    for wrong in [
        other.clone(),
        signed(CheckpointSignatures { log: other.signatures.log, ..*right.signatures }),
        signed(CheckpointSignatures { cosigner: other.signatures.cosigner, ..*right.signatures }),
        signed(CheckpointSignatures { state: other.signatures.state, ..*right.signatures }),
        Attest { erc1155_root: root, ..right.clone() },
    ] {
        world.refused(1, Body::Attest(wrong), Rejection::WrongAttestation);
    }
    world.applied(1, Body::Attest(right.clone()));
    let changed = attest(&world, 1, height, Hash([3; 32]));
    world.refused(1, Body::Attest(changed), Rejection::AttestedAlready);
}
