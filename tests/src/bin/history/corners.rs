//! Corners: amounts that are equal to the last unit, where a rule says what happens exactly then.

use std::io::Write;

use anyhow::Result;

use crate::alliance::STAGED_CAP_FEN;
use crate::story::Story;

/// Plays the corners' part. Classes 1 and 3 are worth CNY 0.01 a point, earn a point per CNY and live a month.
///
/// # Errors
/// As [`Story::block`].
pub fn play<W: Write>(story: &mut Story<W>) -> Result<()> {
    story.next_month()?;
    owe_all_that_one_may(story)?;
    take_back_what_was_paid(story)?;
    owe_alike(story)?;
    share_equally(story)
}

/// Merchant 3 comes to owe just its net debit cap; one point more is too much.
fn owe_all_that_one_may<W: Write>(story: &mut Story<W>) -> Result<()> {
    let member = story.enrol(1, 8_001)?;
    story.issue(3, 3, &member, 100 * (STAGED_CAP_FEN + 10))?;
    story.redeem(1, 3, &member, STAGED_CAP_FEN)?;
    story.redeem(1, 3, &member, 1).map(drop)
}

/// Merchant 3 was paid for more points than it may owe, a month ago: it cannot give all of them back at once.
fn take_back_what_was_paid<W: Write>(story: &mut Story<W>) -> Result<()> {
    let member = story.enrol(3, 8_002)?;
    story.issue(1, 1, &member, 200 * STAGED_CAP_FEN)?;
    let sale = story.redeem(3, 1, &member, 2 * STAGED_CAP_FEN)?;
    story.next_month()?;
    story.reverse(3, &sale, 2 * STAGED_CAP_FEN)?;
    story.reverse(3, &sale, STAGED_CAP_FEN / 2).map(drop)
}

/// Two owe a third the same, then one owes two others the same: the lower id comes first.
fn owe_alike<W: Write>(story: &mut Story<W>) -> Result<()> {
    let of_two = story.enrol(2, 8_004)?;
    let of_three = story.enrol(3, 8_005)?;
    story.next_month()?;
    story.issue(1, 1, &of_two, 10_000)?;
    story.issue(3, 3, &of_two, 10_000)?;
    story.redeem(2, 1, &of_two, 100)?;
    story.redeem(2, 3, &of_two, 100)?;
    story.next_month()?;
    story.issue(1, 1, &of_two, 10_000)?;
    story.issue(1, 1, &of_three, 10_000)?;
    story.redeem(2, 1, &of_two, 100)?;
    story.redeem(3, 1, &of_three, 100)?;
    story.next_month()
}

/// Two lots of one size have equal shares of an odd number of points: the earlier one has the unit that is left.
fn share_equally<W: Write>(story: &mut Story<W>) -> Result<()> {
    let member = story.enrol(1, 8_003)?;
    story.issue(1, 1, &member, 10_100)?;
    story.next_month()?;
    story.issue(1, 1, &member, 10_100)?;
    story.exchange(1, &member, (1, 3), 202)?;
    // And back without a spread, at the same anchor: nothing is left for the pool.
    story.exchange(1, &member, (3, 1), 100).map(drop)
}
