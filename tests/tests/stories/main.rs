//! What people do on their first day, by the commands they would type: at a till, as a member, as a merchant's operator.
//!
//! Each of the three has one alliance, in which its stories happen one after the other.

mod desk;
mod till;
mod member;
mod wallet;
mod operator;

use anyhow::{Context as _, Result};
use desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_till_sells_refunds_and_loses_its_line() -> Result<()> {
    let mut desk = Desk::open(3, &["--simulated-clock"]).await?;
    till::a_purchase_that_is_sent_twice_counts_once(&mut desk).await.context("sent twice")?;
    till::a_checkout_holds_points_until_the_cash_is_in(&mut desk).await.context("checkout")?;
    till::what_queued_up_in_an_outage_goes_in_once(&mut desk).await.context("outage")?;
    till::a_refund_returns_the_very_lots_and_claws_back_what_was_earned(&mut desk).await.context("refund")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_spends_and_keeps_its_points() -> Result<()> {
    let mut desk = Desk::open(3, &["--simulated-clock"]).await?;
    member::a_member_sees_what_it_has_and_why_each_point_moved(&mut desk).await.context("statement")?;
    member::an_exchange_and_back_never_yields_more(&mut desk).await.context("exchange")?;
    let phone = wallet::Phone::enrol(&mut desk).await.context("enrolment")?;
    wallet::points_move_by_the_members_word_only(&mut desk, &phone).await.context("transfer")?;
    wallet::a_code_is_spent_at_the_merchants_it_names(&mut desk, &phone).await.context("grant")?;
    wallet::a_word_counts_for_its_merchant_and_alliance(&mut desk, &phone).await.context("authorization")?;
    wallet::a_frozen_member_gives_nothing(&mut desk, &phone).await.context("freeze")?;
    wallet::a_new_key_takes_over_by_the_old_ones_word(&mut desk, &phone).await.context("rotation")?;
    wallet::a_lost_key_is_replaced_after_seven_days(&mut desk).await.context("recovery")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_gives_a_till_its_key_and_takes_it_back() -> Result<()> {
    let desk = Desk::open(3, &[]).await?;
    operator::a_tills_key_acts_for_its_store_until_it_is_revoked(&desk).await.context("till key")?;
    operator::a_store_spends_within_its_limits(&desk).await.context("store limits")?;
    operator::the_last_governor_key_is_replaced_and_never_revoked(&desk).await.context("governor")
}
