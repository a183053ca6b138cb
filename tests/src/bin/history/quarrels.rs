//! Quarrels: disputes that cannot be booked back, disputes at the last moment, and voices that wait too long.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};
use tally_contracts::types::DAY_MS;

use crate::agreement;
use crate::propose::Proposal;
use crate::story::Story;
use crate::terms::COLOSSAL;
use crate::world::{KNOWN_FOR_MS, VOICES_KNOWN_FOR_MS, time_of};

/// Points of class 101 and of class 103 worth 9 x 10^12 CNY: 5 and 10,000 CNY a minor unit.
const NINE: u64 = 1_800_000_000_000;
const NINE_OF_THIRD: u64 = 900_000_000;
/// The same in units of 10^-8 CNY.
const NINE_OWED: u128 = 900_000_000_000_000_000_000;
/// What earns more than enough of them, in fen.
const PURCHASE_FEN: u64 = 2_000_000;

/// Plays the quarrels' part.
///
/// # Errors
/// As [`Story::block`].
pub fn play<W: Write>(story: &mut Story<W>) -> Result<()> {
    story.next_month()?;
    dispute_what_cannot_be_booked(story)?;
    accept_past_the_cap(story)?;
    dispute_at_the_last_moment(story)?;
    wait_for_voices(story)
}

/// Merchants 1 and 2 owe each other almost as much as a pair may: what 1 disputes cannot be booked back, neither by 2's
/// word nor by its silence nor by the others'; so it is dismissed in the end.
fn dispute_what_cannot_be_booked<W: Write>(story: &mut Story<W>) -> Result<()> {
    let [(_, first, _), _, (_, third, _), _] = COLOSSAL;
    let of_one = story.enrol(1, 9_001)?;
    let of_two = story.enrol(2, 9_002)?;
    story.issue(1, first, &of_two, PURCHASE_FEN)?;
    story.issue(2, third, &of_one, PURCHASE_FEN)?;
    let sale = story.redeem(2, first, &of_two, NINE)?;
    story.redeem(1, third, &of_one, NINE_OF_THIRD)?;
    let named = json!({ "merchant": 2, "original": sale });
    dispute(story, 1, &named, NINE_OWED)?;
    let due_ms = story.world.disputes.last().map_or(0, |dispute| dispute.due_ms);
    submit(story, 2, "answer_dispute", with(&named, "accept", json!(true)))?;
    story.go_on_until(due_ms)?;
    for merchant in 3..=story.world.founders {
        submit(story, merchant, "decide_dispute", with(&named, "upheld", json!(true)))?;
    }
    story.go_on_until(due_ms + 20 * DAY_MS)?;
    story.reverse(2, &sale, NINE)?;
    story.next_month()
}

/// Merchant 3, which may owe next to nothing, is asked for more than that of a closed month's sale: neither its word nor its
/// silence books it.
fn accept_past_the_cap<W: Write>(story: &mut Story<W>) -> Result<()> {
    let member = story.enrol(1, 9_004)?;
    story.issue(1, 1, &member, 1_000_000)?;
    let sale = story.redeem(3, 1, &member, 1_900)?;
    let named = json!({ "merchant": 3, "original": sale });
    story.next_month()?;
    dispute(story, 1, &named, 1_900_000_000)?;
    let due_ms = story.world.disputes.last().map_or(0, |dispute| dispute.due_ms);
    submit(story, 3, "answer_dispute", with(&named, "accept", json!(true)))?;
    story.go_on_until(due_ms)
}

/// A sale is disputed too much at each instant around which it might be too late to dispute it at all, and when it is about
/// to be forgotten.
fn dispute_at_the_last_moment<W: Write>(story: &mut Story<W>) -> Result<()> {
    let member = story.enrol(2, 9_003)?;
    story.issue(1, 1, &member, 10_000)?;
    let sale = story.redeem(2, 1, &member, 100)?;
    let named = json!({ "merchant": 2, "original": sale });
    story.next_month()?;
    let forgotten_ms = time_of(&sale) + KNOWN_FOR_MS;
    let today = story.world.calendar.day(story.world.now);
    for later in 1..12 {
        let end_ms = story.world.calendar.day_start_ms(today.plus(later));
        for time_ms in [end_ms - 1, end_ms] {
            story.go_on_until(time_ms - 1)?;
            dispute(story, 1, &named, NINE_OWED)?;
        }
    }
    story.go_on_until(forgotten_ms - 1)?;
    dispute(story, 1, &named, NINE_OWED)?;
    dispute(story, 1, &named, NINE_OWED)
}

/// Two merchants ask for days, the second at the last moment at which the first still counts; then a moment too late.
fn wait_for_voices<W: Write>(story: &mut Story<W>) -> Result<()> {
    for late_ms in [0, 1] {
        let day = agreement::day(story.world.calendar.day(story.world.now).0);
        let says = json!({ "days": [{ "day": day, "is_business": true }] });
        submit(story, 1, "set_business_days", says.clone())?;
        let last_ms = story.world.now + VOICES_KNOWN_FOR_MS + late_ms;
        story.go_on_until(last_ms - 1)?;
        submit(story, 2, "set_business_days", says.clone())?;
        submit(story, 1, "set_business_days", says)?;
    }
    Ok(())
}

fn dispute<W: Write>(story: &mut Story<W>, merchant: u16, named: &Value, amount: u128) -> Result<()> {
    let says = with(&with(named, "amount", json!(amount.to_string())), "reason", json!("not ours"));
    submit(story, merchant, "open_dispute", says)
}

fn submit<W: Write>(story: &mut Story<W>, merchant: u16, kind: &'static str, says: Value) -> Result<()> {
    story.submit(merchant, Proposal::plain(kind, says)).map(drop)
}

/// The same, with one more field.
fn with(says: &Value, name: &str, value: Value) -> Value {
    let mut says = says.clone();
    says[name] = value;
    says
}
