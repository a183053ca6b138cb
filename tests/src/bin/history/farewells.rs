//! Farewells: two merchants join and leave again, with more points out there than one block or one month has room for; and
//! all but one merchant are suspended.
//!
//! The first has a class of which each member's part nearly fills what a pair may owe, one whose thousand holdings become
//! points of another class, and one of which points are held when it is closed. Its successor leaves half a day after it; so
//! what those points were to become is closed as well when they are free.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};
use tally_contracts::types::{DAY_MS, HOUR_MS, Month};

use crate::batch::Batch;
use crate::notaries;
use crate::propose::vouching::Flaw;
use crate::propose::{Proposal, changes};
use crate::story::Story;
use crate::world::Stage;

/// The classes of who leaves: points worth 10,000 CNY a minor unit, a crowd's, and held ones.
const COLOSSAL: u32 = 301;
const CROWD: u32 = 302;
const HELD: u32 = 303;
/// The class of the one that leaves next, that held points would become.
const OF_SUCCESSOR: u32 = 311;
/// The class that the crowd's points become.
const INTO: u32 = 1;
/// Holdings of the crowd's class, more than a block works off.
const CROWD_SIZE: usize = 1_050;
const PER_BATCH: usize = 80;
/// What earns six tenths of what a pair may owe, in fen.
const SIX_TENTHS_FEN: u64 = 600;
const LARGEST_CAP_FEN: u64 = 1_000_000_000_000_000;
/// Months after which everything is settled.
const MONTHS: usize = 5;

/// Plays the farewells' part.
///
/// # Errors
/// As [`Story::block`].
pub fn play<W: Write>(story: &mut Story<W>) -> Result<()> {
    let (leaver, successor) = join_together(story)?;
    let crowd: Vec<String> = story.world.members.iter().rev().take(CROWD_SIZE).map(|of| of.address.clone()).collect();
    open_classes(story, leaver)?;
    let own = enrol(story, leaver, 5_001)?;
    // Half of them have points that last a month longer.
    let (sooner, later) = crowd.split_at(CROWD_SIZE / 2);
    issue_to_all(story, leaver, sooner)?;
    story.next_month()?;
    issue_to_all(story, leaver, later)?;
    for member in &crowd[..2] {
        story.issue(leaver, COLOSSAL, member, SIX_TENTHS_FEN)?;
    }
    let purchase = story.issue(leaver, HELD, &own, 100_000)?;
    let sale = story.redeem(leaver, HELD, &own, 10)?;
    let until_ms = leave(story, (leaver, successor), &own)?;
    story.go_on_until(story.world.now + 12 * HOUR_MS)?;
    leave_in_turn(story, successor, &own)?;
    story.go_on_until(until_ms - HOUR_MS)?;
    let holds: Vec<String> = (0..3).map(|_| hold(story, leaver, &own, until_ms + 2 * DAY_MS)).collect::<Result<_>>()?;
    story.go_on_until(until_ms)?;
    submit(story, leaver, "reverse_redeem", json!({ "original": sale, "points": "1" }))?;
    submit(story, leaver, "reverse_issue", json!({ "original": purchase, "amount_fen": "100" }))?;
    submit(story, leaver, "capture", json!({ "hold": holds[0], "points": "7" }))?;
    submit(story, leaver, "void", json!({ "hold": holds[1] }))?;
    meet_what_is_closed(story, (leaver, successor), &own)?;
    for days in 1..=3 {
        story.go_on_until(until_ms + days * DAY_MS + HOUR_MS)?;
    }
    depart(story, (leaver, successor))?;
    meet_who_is_gone(story, leaver, &own)?;
    suspend_all_but_one(story)?;
    open_the_pool(story)
}

/// Two merchants join in one block by everybody's vote, and their nodes validate from one height after another; gives their
/// numbers.
fn join_together<W: Write>(story: &mut Story<W>) -> Result<(u16, u16)> {
    let asked_ms = story.world.now + HOUR_MS;
    let first = story.world.merchants.len() as u16 + 1;
    for merchant in [first, first + 1] {
        let mut admission = changes::new_merchant(&mut story.world, merchant);
        admission["net_debit_cap_fen"] = json!(LARGEST_CAP_FEN.to_string());
        admission["base_share"] = json!(0);
        let admission = changes::attested(&story.world, admission);
        story.pass_at((1, asked_ms), &json!({ "admit": admission }))?;
    }
    story.go_on_until(asked_ms)?;
    // They have no part in what was before them.
    if let Some(before) = story.world.checkpoints.last().map(|checkpoint| checkpoint.height) {
        notaries::attest(story, first, (before, Flaw::None))?;
    }
    open(story, first + 1, (OF_SUCCESSOR, 0, "0.01", "1"))?;
    Ok((first, first + 1))
}

fn open_classes<W: Write>(story: &mut Story<W>, merchant: u16) -> Result<()> {
    for class in [(COLOSSAL, 2, "1000000", "1000000"), (CROWD, 0, "0.01", "1"), (HELD, 0, "0.01", "1")] {
        open(story, merchant, class)?;
    }
    let partner = story.world.founders + 1;
    let ratio = json!({ "units": 1, "points": 1 });
    story.enact(&json!({ "import_ratio": { "partner": partner, "class": HELD, "ratio": ratio } }))
}

/// A class: its number, decimals, anchor and earn rate.
fn open<W: Write>(story: &mut Story<W>, merchant: u16, class: (u32, u8, &str, &str)) -> Result<()> {
    let (class, decimals, anchor, earn_rate) = class;
    let terms = json!({
        "decimals": decimals, "anchor": anchor, "earn_rate": earn_rate, "life_months": 24, "accepted_by": [],
        "custodian_member_limit_fen": "100000", "custodian_limit_fen": "100000",
    });
    submit(story, merchant, "create_class", json!({ "class": class, "terms": terms }))
}

fn issue_to_all<W: Write>(story: &mut Story<W>, merchant: u16, members: &[String]) -> Result<()> {
    let issue = |member: &String| {
        let lines = json!([{ "category": 1, "amount_fen": "300" }]);
        Proposal::plain("issue", json!({ "class": CROWD, "member": member, "lines": lines }))
    };
    for part in members.chunks(PER_BATCH) {
        story.world.now += 1;
        let batch = Batch::of(&mut story.world, merchant, part.iter().map(issue).collect());
        story.block(story.world.now, &[batch])?;
    }
    Ok(())
}

/// The run-off starts: nothing new of the merchant's comes about, and neither can it leave yet nor anybody take its place.
/// Gives the time at which the run-off ends.
fn leave<W: Write>(story: &mut Story<W>, (leaver, successor): (u16, u16), own: &str) -> Result<u64> {
    let exchanges =
        json!([{ "from_class": CROWD, "to_class": INTO }, { "from_class": HELD, "to_class": OF_SUCCESSOR }]);
    // What is to change of its class passes, but the class is closed when the time has come.
    let terms = story.world.class(HELD).map(|class| class.terms.clone()).unwrap_or_default();
    let mut change = json!({ "class": HELD, "industries": [] });
    for name in ["earn_rate", "accepted_by", "custodian_member_limit_fen", "custodian_limit_fen"] {
        change[name] = terms[name].clone();
    }
    change["life_months"] = json!(24);
    change["breakage"] = json!("0.1");
    let asked_ms = story.world.now + 20 * DAY_MS;
    story.pass_at((leaver, asked_ms), &json!({ "class": change }))?;
    let exit = json!({ "exit": { "merchant": leaver, "successor": successor, "exchanges": exchanges } });
    story.enact(&exit.clone())?;
    story.issue(leaver, HELD, own, 100)?;
    // What merchant 1 comes to owe it can still be disputed when it is gone.
    story.issue(1, INTO, own, 10_000)?;
    story.redeem(leaver, INTO, own, 50)?;
    enrol(story, leaver, 5_002)?;
    submit(story, leaver, "create_class", json!({ "class": 304, "terms": story.world.classes[0].terms }))?;
    story.exchange(leaver, own, (HELD, HELD), 1)?;
    import(story, own)?;
    submit(story, 1, "propose", json!({ "change": exit, "effective_ms": 0 }))?;
    submit(story, 2, "depart", json!({ "merchant": leaver }))?;
    submit(story, 2, "refer", json!({ "member": own, "merchant": leaver }))?;
    let stage = story.world.merchant(leaver).map(|of| of.stage);
    Ok(match stage {
        Some(Stage::RunningOff { until_ms }) => until_ms,
        _ => story.world.now,
    })
}

/// Everything that a closed class and a merchant without acceptance are refused for.
fn meet_what_is_closed<W: Write>(story: &mut Story<W>, (leaver, successor): (u16, u16), own: &str) -> Result<()> {
    submit(story, successor, "freeze", json!({ "member": own }))?;
    submit(story, successor, "unfreeze", json!({ "member": own }))?;
    submit(story, successor, "refer", json!({ "member": own, "merchant": 1 }))?;
    story.redeem(leaver, INTO, own, 1)?;
    hold(story, leaver, own, story.world.now + DAY_MS)?;
    let hold = json!({ "class": INTO, "member": own, "points": "1", "release_ms": story.world.now + DAY_MS });
    submit(story, leaver, "hold", hold)?;
    story.issue(leaver, HELD, own, 100)?;
    submit(story, successor, "transfer", json!({ "class": HELD, "from": own, "to": own, "points": "1" }))?;
    story.redeem(successor, HELD, own, 1)?;
    story.exchange(successor, own, (HELD, INTO), 1)?;
    let split = json!({ "member": own, "from_class": HELD, "to_class": INTO, "points": "1", "min_out": "0" });
    submit(story, successor, "split", split)?;
    import(story, own)?;
    let effective_ms = story.world.now + DAY_MS;
    let anchor = json!({ "class": HELD, "anchor": "0.02", "effective_ms": effective_ms });
    submit(story, leaver, "announce_anchor", anchor)?;
    submit(story, 2, "depart", json!({ "merchant": leaver }))
}

/// The successor leaves as well, and names merchant 1, which comes to owe it for a sale.
fn leave_in_turn<W: Write>(story: &mut Story<W>, successor: u16, own: &str) -> Result<()> {
    story.enact(&json!({ "exit": { "merchant": successor, "successor": 1, "exchanges": [] } }))?;
    submit(
        story,
        successor,
        "split",
        json!({
            "member": story.world.members[0].address, "from_class": INTO, "to_class": INTO, "points": "1", "min_out": "0",
        }),
    )?;
    story.redeem(successor, INTO, own, 20).map(drop)
}

/// Month by month what the two are to pay and are paid is confirmed, until they can go; at first nothing but a dispute is in
/// the second one's way.
fn depart<W: Write>(story: &mut Story<W>, (leaver, successor): (u16, u16)) -> Result<()> {
    for months in 0..MONTHS {
        let month: Month = story.world.calendar.month(story.world.now);
        story.go_on_until(story.world.calendar.start_ms(month.plus(1)) + HOUR_MS)?;
        let is_theirs = |party: &u16| [leaver, successor].contains(party);
        let legs = story.world.legs.iter().filter(|leg| !leg.is_paid && [leg.payer, leg.payee].iter().any(is_theirs));
        let legs: Vec<(u16, Value)> = legs
            .map(|leg| {
                let amount_fen = leg.amount_fen.to_string();
                (leg.payee, json!({ "cycle": leg.cycle, "leg": leg.number, "amount_fen": amount_fen }))
            })
            .collect();
        for (payee, says) in legs {
            submit(story, payee, "confirm_leg", says)?;
        }
        if months == 0 {
            let debt = story.world.debts.iter().rfind(|debt| debt.creditor == successor);
            let named = debt.map(|debt| json!({ "merchant": debt.merchant, "original": debt.reference }));
            let mut named = named.unwrap_or_default();
            (named["amount"], named["reason"]) = (json!("1000000"), json!("not there any more"));
            submit(story, 1, "open_dispute", named)?;
        }
        submit(story, successor, "depart", json!({ "merchant": successor }))?;
        submit(story, 2, "depart", json!({ "merchant": leaver }))?;
        if story.world.merchant(leaver).is_some_and(|of| of.stage == Stage::Departed) {
            break;
        }
    }
    Ok(())
}

/// Nobody is left to act for it, or to be acted on.
fn meet_who_is_gone<W: Write>(story: &mut Story<W>, gone: u16, own: &str) -> Result<()> {
    enrol(story, gone, 5_003)?;
    submit(story, 1, "refer", json!({ "member": own, "merchant": gone }))?;
    submit(story, 2, "depart", json!({ "merchant": gone }))?;
    for change in [json!({ "suspend": { "merchant": gone } }), json!({ "reinstate": { "merchant": gone } })] {
        submit(story, 1, "propose", json!({ "change": change, "effective_ms": 0 }))?;
    }
    let debts = story.world.debts.iter().filter(|debt| debt.creditor == gone);
    let debts: Vec<(u16, Value)> = debts
        .map(|debt| {
            (
                debt.debtor,
                json!({ "merchant": debt.merchant, "original": debt.reference, "amount": "1", "reason": "gone" }),
            )
        })
        .collect();
    for (debtor, says) in debts {
        submit(story, debtor, "open_dispute", says)?;
    }
    Ok(())
}

/// One merchant after another is suspended until the last one would be; those that are try what they may not.
fn suspend_all_but_one<W: Write>(story: &mut Story<W>) -> Result<()> {
    let others: Vec<u16> =
        story.world.merchants.iter().filter(|of| of.id > 1 && of.stage != Stage::Departed).map(|of| of.id).collect();
    for other in others.iter().rev() {
        story.enact(&json!({ "suspend": { "merchant": other } }))?;
    }
    let last = json!({ "change": { "suspend": { "merchant": 1 } }, "effective_ms": 0 });
    submit(story, 1, "propose", last.clone())?;
    submit(story, 2, "propose", last)?;
    let member = enrol(story, 2, 5_004)?;
    story.issue(2, 2, &member, 100)?;
    submit(story, 2, "create_class", json!({ "class": 305, "terms": story.world.classes[1].terms }))?;
    story.exchange(1, &member, (1, 2), 1)?;
    let split = json!({ "member": member, "from_class": 2, "to_class": 52, "points": "1", "min_out": "0" });
    submit(story, 2, "split", split)?;
    import(story, &member)?;
    let day = json!({ "days": [{ "day": "2031-01-01", "is_business": false }] });
    submit(story, 2, "set_business_days", day.clone())?;
    submit(story, 1, "set_business_days", day)?;
    submit(story, 2, "set_collateral", json!({ "merchant": 2, "collateral_fen": "900000000000000" }))?;
    for other in others {
        story.enact(&json!({ "reinstate": { "merchant": other } }))?;
    }
    Ok(())
}

/// From now on points cost a levy, and what is in the pool is shared.
fn open_the_pool<W: Write>(story: &mut Story<W>) -> Result<()> {
    let mut parameters = story.world.council.parameters.clone();
    parameters["pool"]["levy"] = json!("0.02");
    parameters["rebate"]["tiers"] =
        json!([{ "from_fen": "100", "rate": "0.05" }, { "from_fen": "5000", "rate": "0.1" }]);
    let replaces = story.world.council.parameters_hash.clone();
    story.enact(&json!({ "parameters": { "replaces": replaces, "parameters": parameters } }))
}

/// Ten points held at a merchant until a time; gives the hold.
fn hold<W: Write>(story: &mut Story<W>, at: u16, member: &str, release_ms: u64) -> Result<String> {
    let says = json!({ "class": HELD, "member": member, "points": "10", "release_ms": release_ms });
    story.submit(at, Proposal::plain("hold", says))
}

fn enrol<W: Write>(story: &mut Story<W>, merchant: u16, number: u64) -> Result<String> {
    story.enrol(merchant, number)
}

/// Points of the first partner's that are to become held ones.
fn import<W: Write>(story: &mut Story<W>, member: &str) -> Result<()> {
    let partner = story.world.founders + 1;
    let external_reference = format!("FAREWELL {}", story.world.now);
    let says = json!({ "external_reference": external_reference, "class": HELD, "member": member, "units": 1 });
    submit(story, partner, "import", says)
}

fn submit<W: Write>(story: &mut Story<W>, merchant: u16, kind: &'static str, says: Value) -> Result<()> {
    story.submit(merchant, Proposal::plain(kind, says)).map(drop)
}
