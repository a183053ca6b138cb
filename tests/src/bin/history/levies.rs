//! Levies: one is passed on, and taken back after that, so that the pool owes; a referral converts, and does not in the end; a
//! tier of the rebate is just reached; and what two parts of a weight lose by rounding would make a millionth.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use crate::propose::Proposal;
use crate::story::Story;

/// What is bought, in fen.
const PURCHASE_FEN: u64 = 123_456;
/// Points of a fen that merchant 3 honours, and those that merchant 2 does.
const HONOURED: u64 = 70;
const MOST_HONOURED: u64 = 100;

/// Plays the levies' part, and leaves the alliance without levy and shares.
///
/// # Errors
/// As [`Story::block`].
pub fn play<W: Write>(story: &mut Story<W>) -> Result<()> {
    let founders = story.world.council.parameters.clone();
    let mut levied = founders.clone();
    levied["pool"]["levy"] = json!("0.333333");
    levied["pool"]["referral_part"] = json!("0.333333");
    levied["pool"]["full_conversion"] = json!("0.777777");
    levied["rebate"]["tiers"] = json!([{ "from_fen": HONOURED.to_string(), "rate": "0.1" }]);
    change_parameters(story, &levied)?;
    share(story, 1)?;
    let (member, other) = (story.enrol(3, 4_001)?, story.enrol(3, 4_002)?);
    refer(story, &member, 1)?;
    refer(story, &other, 1)?;
    let purchase = story.issue(1, 1, &member, PURCHASE_FEN)?;
    let claim = json!({ "member": member, "merchant": 1, "original": purchase });
    story.submit(3, Proposal::plain("claim_referral", claim))?;
    story.redeem(3, 1, &member, HONOURED)?;
    story.redeem(2, 1, &member, MOST_HONOURED)?;
    story.next_month()?;
    refer(story, &other, 2)?;
    for amount_fen in [PURCHASE_FEN / 3, PURCHASE_FEN - PURCHASE_FEN / 3] {
        let says = json!({ "original": purchase, "amount_fen": amount_fen.to_string() });
        story.submit(1, Proposal::plain("reverse_issue", says))?;
    }
    story.next_month()?;
    share(story, 0)?;
    change_parameters(story, &founders)
}

/// Merchant 3 sends a member to another.
fn refer<W: Write>(story: &mut Story<W>, member: &str, to: u16) -> Result<()> {
    story.submit(3, Proposal::plain("refer", json!({ "member": member, "merchant": to }))).map(drop)
}

fn change_parameters<W: Write>(story: &mut Story<W>, parameters: &Value) -> Result<()> {
    let replaces = story.world.council.parameters_hash.clone();
    story.enact(&json!({ "parameters": { "replaces": replaces, "parameters": parameters } }))
}

/// Merchant 2 alone has so many parts of the pool's base.
fn share<W: Write>(story: &mut Story<W>, base_share: u64) -> Result<()> {
    let says = json!({
        "merchant": 2, "net_debit_cap_fen": "1000000000000000", "base_share": base_share, "industry": 6_110,
    });
    story.enact(&json!({ "merchant": says }))
}
