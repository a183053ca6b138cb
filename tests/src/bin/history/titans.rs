//! Titans: amounts so large that only a plan meets them.
//!
//! A pair's gross total may not pass 10^13 CNY either way. Merchants 1 and 2 owe each other almost as much at once, so that
//! neither is near its net debit cap, and then a capture, or two reversals in a later month, would pass it. And a class
//! may not have more points than can be counted: unspent ones, held ones among them, or all those that ever lapsed.

use std::io::Write;

use anyhow::Result;
use serde_json::json;

use crate::propose::Proposal;
use crate::story::Story;
use crate::terms::COLOSSAL;

/// Points of class 101 worth 9 x 10^12 CNY: 5 CNY a minor unit.
const NINE: u64 = 1_800_000_000_000;
/// Points of class 102 worth as much: 0.0001 CNY a minor unit.
const NINE_OF_SECOND: u64 = 90_000_000_000_000_000;
/// A quarter of all the points that a class may have at once.
const QUARTER: u64 = 1 << 61;
/// Colossal classes earn 10^8 minor units a CNY.
const POINTS_PER_FEN: u64 = 1_000_000;

/// Plays the titans' part. It takes a refund window of more than two months to meet all that it looks for.
///
/// # Errors
/// As [`Story::block`].
pub fn play<W: Write>(story: &mut Story<W>) -> Result<()> {
    let [(_, first, _), (_, second, _), (_, third, _), (_, fourth, _)] = COLOSSAL;
    let of_one = story.enrol(1, 7_001)?;
    let of_two = story.enrol(2, 7_002)?;
    fill_pair(story, (first, &of_two), (second, &of_one))?;
    fill_class(story, second, &of_two)?;
    fill_lapsed(story, second, third, &of_two)?;
    // Worth 5 x 10^17 CNY, more than 64 bits of fen: nothing can be charged so much.
    story.issue(2, third, &of_two, 60_000_000)?;
    story.exchange(2, &of_two, (third, fourth), 50_000_000_000_000).map(drop)
}

/// Two merchants owe each other almost as much as a pair may, month by month.
fn fill_pair<W: Write>(story: &mut Story<W>, first: (u32, &str), second: (u32, &str)) -> Result<()> {
    let mut sales = Vec::new();
    for _ in 0..2 {
        story.next_month()?;
        story.issue(1, first.0, first.1, 2 * NINE / POINTS_PER_FEN)?;
        story.issue(2, second.0, second.1, 2 * NINE_OF_SECOND / POINTS_PER_FEN)?;
        sales.push(story.redeem(2, first.0, first.1, NINE)?);
        story.redeem(1, second.0, second.1, NINE_OF_SECOND)?;
    }
    let hold = story.hold(2, first.0, first.1, NINE)?;
    story.submit(2, Proposal::plain("capture", json!({ "hold": hold, "points": NINE.to_string() })))?;
    story.submit(2, Proposal::plain("void", json!({ "hold": hold })))?;
    story.next_month()?;
    sales.iter().try_for_each(|sale| story.reverse(2, sale, NINE).map(drop))
}

/// A class is spent and held at its issuer's and filled up again; then what was spent is to come back.
fn fill_class<W: Write>(story: &mut Story<W>, class: u32, member: &str) -> Result<()> {
    fill(story, class, member, 2)?;
    let sale = story.redeem(2, class, member, QUARTER)?;
    story.hold(2, class, member, QUARTER / 2)?;
    fill(story, class, member, 6)?;
    story.reverse(2, &sale, QUARTER).map(drop)
}

/// A class is full, lapses, is filled by exchange, lapses, and then there is no room to count what would lapse next.
fn fill_lapsed<W: Write>(story: &mut Story<W>, class: u32, source: u32, member: &str) -> Result<()> {
    story.issue(2, source, member, 1_000_000)?;
    for points in [QUARTER, QUARTER, QUARTER, QUARTER, QUARTER / 2, QUARTER / 4, QUARTER / 8] {
        // A minor unit of the third class is worth 10,000 CNY, 10^8 minor units of the second.
        story.exchange(2, member, (source, class), points / 100_000_000)?;
    }
    for _ in 0..3 {
        story.next_month()?;
    }
    story.issue(2, source, member, 1_000_000)?;
    for points in [QUARTER, QUARTER, QUARTER, QUARTER / 2, QUARTER / 4] {
        story.exchange(2, member, (source, class), points / 100_000_000)?;
    }
    for _ in 0..3 {
        story.next_month()?;
    }
    fill(story, class, member, 6)
}

/// So many issues, each of a quarter of what a class may have.
fn fill<W: Write>(story: &mut Story<W>, class: u32, member: &str, times: usize) -> Result<()> {
    (0..times).try_for_each(|_| story.issue(2, class, member, QUARTER / POINTS_PER_FEN).map(drop))
}
