//! Reversals: the very lots come back, what was earned is clawed back or owed; limits of stores; each rejection in order.

use super::super::{ClassTotals, SetStoreLimits};
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::settlement::{Gross, Position};
use crate::state::tag;
use crate::testing::{
    World, capture, class, exchange, genesis, hold, issue, member, merchant, redeem, reverse_issue, reverse_redeem,
};
use crate::transaction::{Body, Operation, Till};
use crate::types::{DAY_MS, Fen, HOUR_MS, Month, Obligation, Points, Reference, StoreId, TillId};

/// Runs an operation that must be applied; gives its reference.
fn done(world: &mut World, merchant: u16, body: Body) -> Reference {
    let operation = world.operation(body);
    let reference = operation.reference;
    let outcome = world.submit(merchant, operation);
    assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
    reference
}

fn totals(world: &World) -> ClassTotals {
    world.record(tag::class_totals, &class(1)).expect("class 1 has counters")
}

fn owed(world: &World) -> Points {
    world.record(tag::owed, &(member(1), class(1))).unwrap_or_default()
}

#[test]
fn half_a_sale_is_undone_with_its_lots_and_what_it_earned() {
    let mut world = World::with_members(0);
    world.issue(1, member(1), 60_000);
    world.skip_months(1);
    let bought = done(&mut world, 1, issue(1, member(1), 40_000));
    let lots = world.lots(member(1), 1);
    assert_eq!(lots.iter().map(|l| l.1).collect::<Vec<_>>(), [600, 400]);
    let paid = done(&mut world, 1, redeem(1, member(1), 800));
    assert_eq!(world.lots(member(1), 1), [(lots[1].0, 200)]);

    // Half the points come back: 200 of the lot that ends last, then 200 of the other.
    let applied = world.applied(1, reverse_redeem(paid, 400));
    assert!(
        matches!(applied, Applied::RedemptionReversed { cash_off_fen: Fen(400), balance: Points(600), .. }),
        "{applied:?}"
    );
    assert_eq!(world.lots(member(1), 1), [(lots[0].0, 200), (lots[1].0, 400)]);
    // Half the goods go back: their 200 points are taken from the very lot that they were.
    let applied = world.applied(1, reverse_issue(bought, 20_000));
    assert!(
        matches!(applied, Applied::IssueReversed { points: Points(200), owed: Points(0), balance: Points(400), .. }),
        "{applied:?}"
    );
    assert_eq!(world.lots(member(1), 1), [(lots[0].0, 200), (lots[1].0, 200)]);
    let t = totals(&world);
    assert_eq!((t.redemptions_reversed, t.issues_reversed), (Points(400), Points(200)));
}

#[test]
fn points_that_were_spent_already_are_owed_and_repaid_from_the_next_purchase() {
    let mut world = World::with_members(0);
    let bought = done(&mut world, 1, issue(1, member(1), 10_000));
    world.applied(2, redeem(1, member(1), 70));
    let applied = world.applied(1, reverse_issue(bought, 10_000));
    assert!(
        matches!(applied, Applied::IssueReversed { points: Points(100), owed: Points(70), balance: Points(0), .. }),
        "{applied:?}"
    );
    assert_eq!((owed(&world), totals(&world).issues_reversed), (Points(70), Points(30)));
    let Applied::Issued { points, repaid, balance, .. } = world.issue(1, member(1), 5_000) else { panic!("issued") };
    assert_eq!((points, repaid, balance, owed(&world)), (Points(50), Points(50), Points(0), Points(20)));
    let Applied::Issued { repaid, balance, .. } = world.issue(1, member(1), 5_000) else { panic!("issued") };
    assert_eq!((repaid, balance, owed(&world)), (Points(20), Points(30), Points(0)));
    let Applied::Issued { repaid, .. } = world.issue(1, member(1), 5_000) else { panic!("issued") };
    assert_eq!(repaid, Points(0));
    assert_eq!(totals(&world).issues_reversed, Points(100));
}

#[test]
fn many_small_refunds_take_back_what_one_large_one_does() {
    let mut world = World::with_members(0);
    // CNY 1.99 earns one point; what is left of it after a refund of 0.99 still does.
    let bought = done(&mut world, 1, issue(1, member(1), 199));
    let steps = [(99, 0), (1, 1), (99, 0)];
    for (amount_fen, expected) in steps {
        let applied = world.applied(1, reverse_issue(bought, amount_fen));
        assert!(matches!(applied, Applied::IssueReversed { points, .. } if points == Points(expected)), "{applied:?}");
    }
    world.refused(1, reverse_issue(bought, 1), Rejection::AboveOriginal);
}

#[test]
fn a_reversal_books_against_the_open_cycle_at_the_anchor_of_the_sale() {
    let mut world = World::with_members(1_000);
    world.block_at(world.time_ms + 20 * DAY_MS, Vec::new());
    let paid = done(&mut world, 2, redeem(1, member(1), 500));
    world.skip_months(1);
    let applied = world.applied(2, reverse_redeem(paid, 200));
    let Applied::RedemptionReversed { obligation, .. } = applied else { panic!("reversed: {applied:?}") };
    assert_eq!(obligation, Obligation(-200 * Obligation::PER_FEN));
    let key = (world.month(), merchant(1), merchant(2));
    let gross: Gross = world.record(tag::gross, &key).expect("booked now");
    assert_eq!(gross.redemption, obligation);
    let position: Position = world.record(tag::positions, &merchant(2)).expect("a position");
    assert_eq!(position.net_debit(), Obligation(200 * Obligation::PER_FEN), "now the acceptor owes");
    // The next close turns it into a leg the other way round.
    world.skip_months(1);
    let pair: crate::settlement::PairNet =
        world.record(tag::pair_nets, &(key.0, merchant(1), merchant(2))).expect("a net");
    assert_eq!(pair.net_fen, -200);
}

#[test]
fn a_lapsed_lot_comes_back_with_at_least_thirty_days() {
    let mut rules = genesis();
    rules.parameters.refund_window_days = 90;
    let mut world = World::new(rules);
    let one = world.enrol(1, 1);
    world.issue(2, one, 10_000);
    let last: Month = world.lots(one, 2)[0].0;
    let end_ms = world.genesis.calendar().start_ms(last.plus(1));
    world.block_at(end_ms - 2 * DAY_MS, Vec::new());
    let paid = done(&mut world, 3, redeem(2, one, 60));
    // Exactly 30 days before the end of the month after: that month will do.
    let next_end_ms = world.genesis.calendar().start_ms(last.plus(2));
    world.block_at(next_end_ms - 30 * DAY_MS - 1, Vec::new());
    world.applied(3, reverse_redeem(paid, 10));
    assert_eq!(world.lots(one, 2), [(last.plus(1), 10)]);
    world.applied(3, reverse_redeem(paid, 20));
    assert_eq!(world.lots(one, 2), [(last.plus(1), 10), (last.plus(2), 20)]);
}

#[test]
fn a_capture_is_reversed_as_a_redemption_is() {
    let mut world = World::with_members(100);
    let release_ms = world.time_ms + HOUR_MS;
    let placed = done(&mut world, 2, hold(1, member(1), 80, release_ms));
    let captured = done(&mut world, 2, capture(placed, 50));
    world.refused(2, reverse_redeem(placed, 10), Rejection::NotReversible);
    world.applied(2, reverse_redeem(captured, 50));
    assert_eq!(world.balance(member(1), 1), 100);
    world.refused(2, reverse_redeem(captured, 1), Rejection::AboveOriginal);
}

#[test]
fn rules_of_reversals_in_order() {
    let mut world = World::with_members(1_000);
    let unknown = world.reference();
    world.refused(2, reverse_redeem(unknown, 0), Rejection::UnknownOriginal);
    world.refused(1, reverse_issue(unknown, 0), Rejection::UnknownOriginal);
    let paid = done(&mut world, 2, redeem(1, member(1), 500));
    let bought = done(&mut world, 1, issue(1, member(1), 10_000));
    let swapped = done(&mut world, 1, exchange(member(1), (1, 2), 100, 1));
    world.refused(3, reverse_redeem(paid, 0), Rejection::UnknownOriginal);
    world.refused(1, reverse_redeem(bought, 0), Rejection::NotReversible);
    world.refused(2, reverse_issue(paid, 0), Rejection::NotReversible);
    world.refused(1, reverse_redeem(swapped, 0), Rejection::NotReversible);
    world.refused(2, reverse_redeem(paid, 0), Rejection::AmountZero);
    world.refused(1, reverse_issue(bought, 0), Rejection::AmountZero);
    world.refused(2, reverse_redeem(paid, 501), Rejection::AboveOriginal);
    world.refused(1, reverse_issue(bought, 10_001), Rejection::AboveOriginal);
    let nothing = world.operation(redeem(1, member(1), 1_000_000));
    let refused = nothing.reference;
    world.refused_operation(2, nothing, Rejection::InsufficientPoints);
    world.refused(2, reverse_redeem(refused, 1), Rejection::NotReversible);
    // The last two milliseconds of the window, then one past it.
    world.block_at(bought.time_ms() + 30 * DAY_MS - 2, Vec::new());
    world.applied(1, reverse_issue(bought, 1));
    world.applied(1, reverse_issue(bought, 1));
    world.refused(2, reverse_redeem(paid, 0), Rejection::RefundTooLate);
    world.refused(1, reverse_issue(bought, 10_001), Rejection::RefundTooLate);
    world.block_at(bought.time_ms() + 90 * DAY_MS + 100, Vec::new());
    world.refused(2, reverse_redeem(paid, 1), Rejection::UnknownOriginal);
}

#[test]
fn a_refund_is_judged_against_the_cap_of_the_merchant_that_gives_the_money_back() {
    let mut rules = genesis();
    rules.merchants[1].net_debit_cap_fen = Fen(100);
    rules.parameters.refund_window_days = 90;
    let mut world = World::new(rules);
    let one = world.enrol(1, 1);
    world.issue(1, one, 100_000);
    let paid = done(&mut world, 2, redeem(1, one, 500));
    world.skip_months(1);
    world.refused(2, reverse_redeem(paid, 101), Rejection::NetDebitCap);
    world.applied(2, reverse_redeem(paid, 100));
}

#[test]
fn a_store_redeems_and_refunds_within_its_limits() {
    let mut world = World::with_members(1_000);
    let limits = SetStoreLimits { store_id: StoreId(12), redeem_limit_fen: Fen(100), refund_limit_fen: Fen(40) };
    world.applied(2, Body::SetStoreLimits(limits));
    let at = |world: &mut World, store: u32, body| {
        let till = Some(Till { store_id: StoreId(store), till_id: TillId(1) });
        Operation { till, ..world.operation(body) }
    };
    let first = at(&mut world, 12, redeem(1, member(1), 100));
    let paid = first.reference;
    assert!(matches!(world.submit(2, first), Outcome::Applied(_)));
    let more = at(&mut world, 12, redeem(1, member(1), 1));
    world.refused_operation(2, more, Rejection::StoreRedeemLimit);
    let release_ms = world.time_ms + HOUR_MS;
    let held = at(&mut world, 12, hold(1, member(1), 1, release_ms));
    world.refused_operation(2, held, Rejection::StoreRedeemLimit);
    // Another store, no till, and another merchant's store 12 are not bound by it.
    for operation in [at(&mut world, 13, redeem(1, member(1), 1)), world.operation(redeem(1, member(1), 1))] {
        assert!(matches!(world.submit(2, operation), Outcome::Applied(_)));
    }
    let elsewhere = at(&mut world, 12, redeem(1, member(1), 101));
    assert!(matches!(world.submit(3, elsewhere), Outcome::Applied(_)));
    let refund = at(&mut world, 12, reverse_redeem(paid, 41));
    world.refused_operation(2, refund, Rejection::StoreRefundLimit);
    let refund = at(&mut world, 12, reverse_redeem(paid, 40));
    assert!(matches!(world.submit(2, refund), Outcome::Applied(_)));
    world.skip_day();
    for operation in [at(&mut world, 12, redeem(1, member(1), 100)), at(&mut world, 12, reverse_redeem(paid, 40))] {
        assert!(matches!(world.submit(2, operation), Outcome::Applied(_)));
    }
}
