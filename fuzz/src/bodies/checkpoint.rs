//! Bodies of checkpoints: attestations, rightly signed and not, and evidence from outside.

use tally_contracts::checkpoint::{
    Anchor, Attest, Checkpoint, CheckpointSignatures, Evidence, MAX_RESPONSE_BYTES, Roots, attested_texts,
};
use tally_contracts::crypto::{Signature, sign};
use tally_contracts::types::{Hash, Height, MerchantId};

use super::Scene;
use crate::input::Input;
use crate::keys::cosigner_key;

/// A checkpoint on record; where there is none, and now and then, any block as if it were one.
fn some_checkpoint(input: &mut Input<'_>, scene: &Scene<'_>) -> (Height, Checkpoint) {
    let known = scene.world.checkpoints();
    let none = Checkpoint { time_ms: 0, log_size: 0, log_root: Hash::ZERO };
    if known.is_empty() || input.once_in(16) {
        return (Height(input.pick(&[scene.world.height.0, 0, u64::MAX])), none);
    }
    // Mostly the first, so that it becomes final.
    if input.once_in(4) { input.pick(&known) } else { known[0] }
}

pub fn attest(input: &mut Input<'_>, scene: &Scene<'_>) -> Attest {
    let (height, checkpoint) = some_checkpoint(input, scene);
    let state_root = Hash([input.pick(&[1, 1, 1, 2]); 32]);
    let roots = Roots { state_root, erc1155_root: Hash::ZERO };
    let texts = attested_texts(&scene.world.chain_id, height, &checkpoint, &roots);
    let merchant = MerchantId(if input.once_in(16) { scene.merchant % 4 + 1 } else { scene.merchant });
    let key = cosigner_key(merchant);
    let mut signatures = texts.map(|text| sign(&key, text.as_bytes()));
    if input.once_in(16) {
        signatures[input.below(3)] = Signature([0; 64]);
    }
    let [log, cosigner, state] = signatures;
    let signatures = CheckpointSignatures { log, cosigner, state }.into();
    Attest { height, state_root, erc1155_root: roots.erc1155_root, signatures }
}

pub fn anchor(input: &mut Input<'_>, scene: &Scene<'_>) -> Anchor {
    let (checkpoint, _) = some_checkpoint(input, scene);
    let evidence = if input.once_in(2) {
        let line = input.pick(&["\u{2014} w BA==", "", "two\nlines"]).to_owned();
        Evidence::Witness { key: "w+00000000+BA==".to_owned(), line }
    } else {
        let length = input.pick(&[1, 2, 3, MAX_RESPONSE_BYTES, 0, MAX_RESPONSE_BYTES + 1]);
        Evidence::TimeStamp { response: vec![0x30; length] }
    };
    Anchor { checkpoint, evidence }
}
