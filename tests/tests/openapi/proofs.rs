//! Checkpoints and proofs, once the clock has passed a checkpoint. A node alone is more than two thirds of all.

use tally_contracts::checkpoint::{Anchor, Attest, CheckpointSignatures, Evidence};
use tally_contracts::crypto::Signature;
use tally_contracts::transaction::Body;
use tally_contracts::types::{Hash, Height};

use crate::document::Step;
use crate::script::{BEANS, SHOP, With as _, member, reference, step, submit};

/// The first checkpoint, and a block that is none.
const FIRST: Height = Height(1);
const NONE: Height = Height(2);

/// After the first cycle has ended.
pub fn steps() -> Vec<Step> {
    let signature = Signature([1; 64]);
    let signatures = CheckpointSignatures { log: signature, cosigner: signature, state: signature }.into();
    let attest = Attest { height: NONE, state_root: Hash([1; 32]), erc1155_root: Hash([2; 32]), signatures };
    let anchor = Anchor { checkpoint: FIRST, evidence: Evidence::TimeStamp { response: vec![0x30, 0x00] } };
    let card = |step: Step| step.with("card", member(1)).with("class", BEANS);
    vec![
        step("proveSigned", "latest", "The merchants vouch for the latest final checkpoint"),
        step("listCheckpoints", "all", "Every checkpoint, and who vouches for it").with("limit", 10),
        step("getCheckpoint", "first", "One checkpoint").with("height", FIRST),
        step("getCheckpoint", "none", "A block that is no checkpoint").with("height", NONE).answered(404),
        step("getPolicy", "present", "Whose signatures make a checkpoint final"),
        step("proveOperation", "enrolment", "An operation is in the ledger, with its receipt")
            .with("merchant", SHOP)
            .with("reference", reference(1)),
        step("proveGrowth", "from_the_first", "Nothing was changed since the first checkpoint").with("from", FIRST),
        card(step("proveBalance", "beans", "What a member has")),
        card(step("proveStatement", "beans", "Every movement of a holding, and that none is missing")),
        step("proveSettlement", "january", "A closed cycle with its legs").with("cycle", "2026-01"),
        submit(110, "attest", "A node vouches for a block that is no checkpoint", &Body::Attest(attest)).answered(422),
        submit(111, "anchor", "Evidence from outside; whether it convinces is for its reader", &Body::Anchor(anchor)),
        step("proveAnchored", "latest", "A checkpoint with the evidence for it"),
    ]
}
