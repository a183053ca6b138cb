//! A crowd: so many holdings, holds and disputes that the due work of one block does not get through them.
//!
//! More than a thousand holds time out at once, as many disputes are accepted by silence at once, and more than a thousand
//! holdings have points that lapsed with one month. What is done to the holds and holdings that wait must come out as if
//! nothing waited.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};
use tally_contracts::types::{DAY_MS, HOUR_MS};

use crate::batch::Batch;
use crate::propose::Proposal;
use crate::story::Story;
use crate::terms::COLOSSAL;

const CROWD: u64 = 1_150;
const QUARRELLERS: usize = 1_050;
const PER_BATCH: usize = 80;
/// Merchant 1 acts for itself: its own class, its own members, no limit.
const MERCHANT: u16 = 1;
/// Owes merchant 1 for what the crowd spends of its class.
const DEBTOR: u16 = 2;

/// Plays the crowd's part at the start of a history.
///
/// # Errors
/// As [`Story::block`].
pub fn play<W: Write>(story: &mut Story<W>) -> Result<()> {
    let class = story.world.classes[0].id;
    let enrol = |number| {
        let commitment = format!("{number:064x}");
        Proposal::plain("enrol", json!({ "holder": "member", "commitment": commitment }))
    };
    let known = story.world.members.len();
    submit(story, (0..CROWD).map(enrol).collect())?;
    let members: Vec<String> = story.world.members[known..].iter().map(|member| member.address.clone()).collect();
    fall_silent_together(story, &members[..QUARRELLERS])?;
    let issue = |member: &String| {
        let lines = json!([{ "category": 1, "amount_fen": "1000000" }]);
        Proposal::plain("issue", json!({ "class": class, "member": member, "lines": lines }))
    };
    submit(story, members.iter().map(issue).collect())?;
    time_out_together(story, &members, class)?;
    lapse_together(story, &members, class, &issue)
}

/// What everybody spent is disputed at once; when nobody has answered, some are answered and reversed after all.
fn fall_silent_together<W: Write>(story: &mut Story<W>, members: &[String]) -> Result<()> {
    let (_, class, _) = COLOSSAL[2];
    let issue = |member: &String| {
        let lines = json!([{ "category": 1, "amount_fen": "1" }]);
        Proposal::plain("issue", json!({ "class": class, "member": member, "lines": lines }))
    };
    let redeem =
        |member: &String| Proposal::plain("redeem", json!({ "class": class, "member": member, "points": "1" }));
    let dispute = |sale: &String| {
        let named = json!({ "merchant": MERCHANT, "original": sale, "amount": "1", "reason": "all of them" });
        Proposal::plain("open_dispute", named)
    };
    let soon = story.world.now + 1;
    submit_in_block(story, (DEBTOR, soon), members.iter().map(issue).collect())?;
    let mut sales = submit_in_block(story, (MERCHANT, soon + 1), members.iter().map(redeem).collect())?;
    sales.sort_unstable();
    submit_in_block(story, (DEBTOR, soon + 2), sales.iter().map(dispute).collect())?;
    let due_ms = story.world.disputes.last().map_or(0, |dispute| dispute.due_ms);
    let late = |(at, sale): (usize, &String)| match at % 3 {
        0 => Proposal::plain("reverse_redeem", json!({ "original": sale, "points": "1" })),
        more => {
            let named = json!({ "merchant": MERCHANT, "original": sale, "accept": more == 1 });
            Proposal::plain("answer_dispute", named)
        }
    };
    submit_at(story, due_ms, sales.iter().rev().take(80).enumerate().map(late).collect())?;
    submit(story, Vec::new())
}

fn hold(member: &str, class: u32, release_ms: u64) -> Proposal {
    let says = json!({ "class": class, "member": member, "points": "200", "release_ms": release_ms });
    Proposal::plain("hold", says)
}

/// Every member has a hold that ends at one time; the last ones are captured and voided when that has passed.
fn time_out_together<W: Write>(story: &mut Story<W>, members: &[String], class: u32) -> Result<()> {
    let release_ms = story.world.now + HOUR_MS;
    submit(story, members.iter().map(|member| hold(member, class, release_ms)).collect())?;
    let late = last_holds(story, 60);
    submit_at(story, release_ms, ends(&late))?;
    submit(story, Vec::new())
}

/// A month ends with which everybody's points lapse; holds from before it are captured and voided while holdings wait.
fn lapse_together<W: Write>(
    story: &mut Story<W>,
    members: &[String],
    class: u32,
    issue: &dyn Fn(&String) -> Proposal,
) -> Result<()> {
    let world = &story.world;
    let lots = world.holdings.get(&(members[0].clone(), class));
    let last_month = lots.and_then(|lots| lots.last()).map_or(0, |(month, _)| *month);
    let end_ms = world.calendar.start_ms(tally_contracts::types::Month(last_month + 1));
    story.go_on_until(end_ms - DAY_MS)?;
    let some = &members[members.len() - 200..];
    submit(story, some.iter().map(|member| hold(member, class, end_ms + DAY_MS)).collect())?;
    let placed = last_holds(story, 160);
    let mut proposals = ends(&placed);
    proposals.extend(members.iter().rev().take(40).map(issue));
    submit_at(story, end_ms, proposals)?;
    submit(story, Vec::new())
}

/// The holds placed last.
fn last_holds<W: Write>(story: &Story<W>, count: usize) -> Vec<String> {
    let holds = story.world.holds.iter().rev().take(count);
    holds.map(|hold| hold.reference.clone()).collect()
}

/// Each third hold is captured in part, each third in whole, the others voided.
fn ends(holds: &[String]) -> Vec<Proposal> {
    let end = |(at, hold): (usize, &String)| -> Proposal {
        let says = |points: &str| -> Value { json!({ "hold": hold, "points": points }) };
        match at % 3 {
            0 => Proposal::plain("capture", says("150")),
            1 => Proposal::plain("capture", says("200")),
            _ => Proposal::plain("void", json!({ "hold": hold })),
        }
    };
    holds.iter().enumerate().map(end).collect()
}

/// Submits operations of the merchant, all in the next block.
fn submit<W: Write>(story: &mut Story<W>, proposals: Vec<Proposal>) -> Result<()> {
    let time_ms = story.world.now + 1;
    submit_in_block(story, (MERCHANT, time_ms), proposals).map(drop)
}

/// Submits them in the very block of a time; where the clock is simulated that block is the clock's, and the next one it is.
fn submit_at<W: Write>(story: &mut Story<W>, time_ms: u64, proposals: Vec<Proposal>) -> Result<()> {
    if story.world.is_simulated {
        story.go_on_until(time_ms)?;
        return submit(story, proposals);
    }
    submit_in_block(story, (MERCHANT, time_ms), proposals).map(drop)
}

/// Submits operations of a merchant in the block of a time; gives their references.
fn submit_in_block<W: Write>(
    story: &mut Story<W>,
    (merchant, time_ms): (u16, u64),
    proposals: Vec<Proposal>,
) -> Result<Vec<String>> {
    story.world.now = time_ms;
    let mut batches: Vec<Batch> = Vec::new();
    let mut proposals = proposals.into_iter().peekable();
    while proposals.peek().is_some() {
        let part = proposals.by_ref().take(PER_BATCH).collect();
        batches.push(Batch::of(&mut story.world, merchant, part));
    }
    story.block(time_ms, &batches)?;
    let operations = batches.iter().flat_map(|batch| &batch.operations);
    Ok(operations.map(|operation| operation["reference"].as_str().unwrap_or_default().to_owned()).collect())
}
