//! Holds: placed, captured, voided, timed out; what they reserve and give back; each rejection beside its neighbour.

use super::super::{ClassTotals, Movement, Reason, history, spent_of_grant};
use crate::authorization::Authorization;
use crate::due::DueRecord;
use crate::execute::{BlockContext, execute_block};
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::settlement::Position;
use crate::state::tag;
use crate::testing::{World, capture, class, genesis, hold, member, merchant, void, wallet};
use crate::types::{DAY_MS, Fen, HOUR_MS, Height, Obligation, Points, Reference};

/// Places a hold that lasts an hour; gives its reference.
fn place(world: &mut World, merchant: u16, points: u64) -> Reference {
    let body = hold(1, member(1), points, world.time_ms + HOUR_MS);
    let operation = world.operation(body);
    let reference = operation.reference;
    let outcome = world.submit(merchant, operation);
    assert!(matches!(outcome, Outcome::Applied(Applied::Held { .. })), "{outcome:?}");
    reference
}

fn totals(world: &World) -> ClassTotals {
    world.record(tag::class_totals, &class(1)).expect("class 1 has counters")
}

fn position(world: &World, id: u16) -> Position {
    world.record(tag::positions, &merchant(id)).unwrap_or_default()
}

#[test]
fn a_checkout_holds_captures_and_the_next_one_voids() {
    let mut world = World::with_members(1_000);
    let first = place(&mut world, 2, 800);
    assert_eq!(world.balance(member(1), 1), 200);
    assert_eq!(totals(&world).held, Points(800));
    assert_eq!(position(&world, 1).reserved, Obligation::from_fen(Fen(800)));
    let applied = world.applied(2, capture(first, 800));
    let Applied::Captured { cash_off_fen, obligation, released, expired, balance, .. } = applied else {
        panic!("captured: {applied:?}")
    };
    assert_eq!((cash_off_fen, obligation), (Fen(800), Obligation::from_fen(Fen(800))));
    assert_eq!((released, expired, balance), (Points(0), Points(0), Points(200)));
    assert_eq!((position(&world, 1).reserved, position(&world, 1).payable), (Obligation(0), obligation));

    let second = place(&mut world, 2, 150);
    let applied = world.applied(2, void(second));
    assert!(matches!(applied, Applied::Voided { released: Points(150), balance: Points(200), .. }), "{applied:?}");
    assert_eq!(totals(&world).held, Points(0));
    assert_eq!(position(&world, 1).payable, obligation, "a void owes nothing");
}

#[test]
fn a_partial_capture_gives_the_rest_back_lot_by_lot() {
    let mut world = World::with_members(0);
    world.issue(1, member(1), 10_000);
    world.skip_months(1);
    world.issue(1, member(1), 10_000);
    let lots = world.lots(member(1), 1);
    let placed = place(&mut world, 2, 150);
    assert_eq!(world.lots(member(1), 1), [(lots[1].0, 50)]);
    world.applied(2, capture(placed, 120));
    // The 30 points given back end last: what is spent is what spending 120 would have spent.
    assert_eq!(world.lots(member(1), 1), [(lots[1].0, 80)]);
    let rows: Vec<Movement> = history(&world.store, &(member(1), class(1)), (Height(u64::MAX), u32::MAX), 3)
        .into_iter()
        .map(|(_, movement)| movement)
        .collect();
    let told: Vec<(Reason, i64)> = rows.iter().map(|m| (m.reason, m.delta)).collect();
    assert_eq!(told, [(Reason::Released, 30), (Reason::Captured, 0), (Reason::Held, -150)]);
}

#[test]
fn a_grant_of_all_points_there_can_be_is_held_and_captured() {
    let mut rules = genesis();
    rules.classes[0].terms.earn_rate = "100".parse().expect("a rate");
    let mut world = World::new(rules);
    let one = world.enrol_wallet(1, &wallet(1));
    let most = i64::MAX as u64;
    let mut grant = world.grant(one, u64::MAX);
    grant.acceptors = vec![merchant(1)];
    grant.sign(&wallet(1));
    world.issue(1, one, most);
    let outcome = world.redeem_granted(1, &wallet(1), grant.clone(), most);
    assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
    world.issue(1, one, most);
    let mut placed = world.operation(hold(1, one, most, world.time_ms + HOUR_MS));
    placed.authorization = Some(Authorization::Grant(grant.clone()));
    let outcome = world.submit(1, placed.clone());
    assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
    world.applied(1, capture(placed.reference, most));
    assert_eq!(spent_of_grant(&world.store, grant.expires_ms, grant.id()), Points(2 * most));
}

#[test]
fn rules_of_hold_in_order() {
    let mut world = World::with_members(100);
    let later = world.time_ms + HOUR_MS;
    world.refused(2, hold(9, member(1), 0, 0), Rejection::UnknownClass);
    world.refused(2, hold(1, crate::types::Address([9; 20]), 0, 0), Rejection::UnknownMember);
    world.refused(2, hold(1, member(1), 0, 0), Rejection::AmountZero);
    let now = world.time_ms;
    world.refused(2, hold(1, member(1), 101, now), Rejection::HoldPeriod);
    let too_far = world.time_ms + 7 * DAY_MS + 2;
    world.refused(2, hold(1, member(1), 101, too_far), Rejection::HoldPeriod);
    world.refused(2, hold(1, member(1), 101, later), Rejection::InsufficientPoints);
    let mut strict = genesis();
    strict.parameters.no_consent_limit_fen = Fen(50);
    strict.merchants[0].net_debit_cap_fen = Fen(40);
    let mut world = World::new(strict);
    let one = world.enrol(1, 1);
    world.issue(1, one, 10_000);
    world.refused(2, hold(1, one, 51, later), Rejection::NoConsentLimit);
    world.refused(2, hold(1, one, 41, later), Rejection::NetDebitCap);
    world.applied(2, hold(1, one, 40, later));
}

#[test]
fn rules_of_capture_and_void_in_order() {
    let mut world = World::with_members(1_000);
    let unknown = world.reference();
    world.refused(2, capture(unknown, 0), Rejection::UnknownHold);
    world.refused(2, void(unknown), Rejection::UnknownHold);
    let placed = place(&mut world, 2, 100);
    world.refused(3, capture(placed, 100), Rejection::UnknownHold);
    world.refused(2, capture(placed, 0), Rejection::AmountZero);
    world.refused(2, capture(placed, 101), Rejection::AboveHold);
    world.applied(2, capture(placed, 60));
    world.refused(2, capture(placed, 40), Rejection::HoldCaptured);
    world.refused(2, void(placed), Rejection::HoldCaptured);
    let voided = place(&mut world, 2, 10);
    world.applied(2, void(voided));
    world.refused(2, capture(voided, 10), Rejection::HoldVoided);
    world.refused(2, void(voided), Rejection::HoldVoided);
    let mut fine = genesis();
    fine.classes[0].terms.decimals = 2;
    let mut world = World::new(fine);
    let one = world.enrol(1, 1);
    world.issue(1, one, 10_000);
    let placed = place(&mut world, 2, 1_000);
    world.refused(2, capture(placed, 99), Rejection::BelowOneFen);
    world.applied(2, capture(placed, 100));
}

#[test]
fn a_late_capture_is_refused_by_time_not_by_the_sweep() {
    let mut world = World::with_members(100);
    let body = hold(1, member(1), 100, world.time_ms + 10);
    let operation = world.operation(body);
    let placed = operation.reference;
    world.submit(2, operation);
    // In the very block at whose start it is released.
    let late = world.operation(capture(placed, 100));
    let transaction = world.transaction(2, crate::genesis::Role::Acceptor, vec![late]);
    let (receipts, _) = world.block_at(world.time_ms + 9, vec![transaction]);
    assert_eq!(receipts[0][0].outcome, Outcome::Rejected(Rejection::HoldTimedOut));
    assert_eq!(world.balance(member(1), 1), 100);
    assert_eq!(position(&world, 1), Position::default());
    world.refused(2, void(placed), Rejection::HoldTimedOut);
}

#[test]
fn time_outs_are_due_work_in_the_order_of_their_times() {
    let mut world = World::with_members(100);
    let start_ms = world.time_ms;
    let mut references = Vec::new();
    for (points, after) in [(1, 300), (2, 100), (3, 200)] {
        let operation = world.operation(hold(1, member(1), points, start_ms + after));
        references.push(operation.reference);
        world.submit(2, operation);
    }
    let chain_id = world.genesis.chain_id();
    let context = BlockContext::new(&world.genesis, chain_id, world.height.next(), start_ms + 250);
    let run = execute_block(&world.store, context, &[]);
    let released: Vec<(Reference, Points)> = run
        .due
        .iter()
        .map(|record| match record {
            DueRecord::TimedOut(t) => (t.hold, t.released),
            other => panic!("only time-outs are due: {other:?}"),
        })
        .collect();
    assert_eq!(released, [(references[1], Points(2)), (references[2], Points(3))]);
}

#[test]
fn held_points_do_not_lapse_and_what_lapsed_is_released_as_expired() {
    let mut world = World::with_members(0);
    world.issue(2, member(1), 10_000);
    let last = world.lots(member(1), 2)[0].0;
    // Two days before the points end, held for six.
    let end_ms = world.genesis.calendar().start_ms(last.plus(1));
    world.block_at(end_ms - 2 * DAY_MS, Vec::new());
    let operation = world.operation(hold(2, member(1), 60, world.time_ms + 6 * DAY_MS));
    let placed = operation.reference;
    world.submit(3, operation);
    world.block_at(end_ms + DAY_MS, Vec::new());
    assert_eq!(world.balance(member(1), 2), 0);
    let applied = world.applied(3, capture(placed, 50));
    let Applied::Captured { cash_off_fen, released, expired, balance, .. } = applied else { panic!("captured") };
    assert_eq!((cash_off_fen, released, expired, balance), (Fen(100), Points(0), Points(10), Points(0)));
    let counters: ClassTotals = world.record(tag::class_totals, &class(2)).expect("counters");
    assert_eq!((counters.redeemed, counters.lapsed, counters.held), (Points(50), Points(50), Points(0)));
}

#[test]
fn the_obligation_of_a_capture_falls_into_its_own_cycle() {
    let mut world = World::with_members(100);
    let end_ms = world.genesis.calendar().start_ms(world.month().plus(1));
    world.block_at(end_ms - DAY_MS, Vec::new());
    let operation = world.operation(hold(1, member(1), 100, world.time_ms + 3 * DAY_MS));
    let placed = operation.reference;
    world.submit(2, operation);
    world.block_at(end_ms + 1, Vec::new());
    assert_eq!(position(&world, 1).reserved, Obligation::from_fen(Fen(100)), "a close leaves reservations");
    world.applied(2, capture(placed, 100));
    assert_eq!(position(&world, 1).payable, Obligation::from_fen(Fen(100)));
}

#[test]
fn a_release_gives_back_what_the_day_was_charged_but_no_other_day() {
    let mut rules = genesis();
    rules.parameters.no_consent_limit_fen = Fen(100);
    let mut world = World::new(rules);
    let one = world.enrol(1, 1);
    world.issue(1, one, 100_000);
    let placed = place(&mut world, 2, 100);
    let later = world.time_ms + HOUR_MS;
    world.refused(3, hold(1, one, 1, later), Rejection::NoConsentLimit);
    world.applied(2, capture(placed, 30));
    let again = place(&mut world, 3, 70);
    world.refused(3, hold(1, one, 1, later), Rejection::NoConsentLimit);
    world.skip_day();
    // Timed out on the day after: today's allowance is whole, not more.
    world.refused(3, void(again), Rejection::HoldTimedOut);
    let placed = place(&mut world, 3, 100);
    world.applied(3, void(placed));
    place(&mut world, 2, 100);
}

#[test]
fn a_hold_under_an_old_reference_is_released_all_the_same() {
    let mut world = World::with_members(100);
    world.block_at(world.time_ms + 100 * DAY_MS, Vec::new());
    world.issue(1, member(1), 10_000);
    let old = Reference::new(world.time_ms + 2 * DAY_MS - 90 * DAY_MS, 7);
    let mut operation = world.operation(hold(1, member(1), 100, world.time_ms + 5 * DAY_MS));
    operation.reference = old;
    assert!(matches!(world.submit(2, operation), Outcome::Applied(_)));
    world.block_at(world.time_ms + 4 * DAY_MS, Vec::new());
    assert_eq!(totals(&world).held, Points(100));
    world.block_at(world.time_ms + 2 * DAY_MS, Vec::new());
    assert_eq!(totals(&world).held, Points(0));
    world.refused(2, capture(old, 1), Rejection::UnknownHold);
}
