//! The way of a leg: due in business days, reported, confirmed, or escalated and drawn from collateral.

use super::{confirm, january, january_closed, leg};
use crate::genesis::Genesis;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement::{DrawCollateral, Leg, LegState, Position, ReportPayment, SetCollateral, Statement};
use crate::state::tag;
use crate::testing::{World, genesis, member, merchant, redeem};
use crate::transaction::Body;
use crate::types::{Day, Fen, Month};

fn report(number: u16, bank_reference: &str) -> Body {
    Body::ReportPayment(ReportPayment { cycle: january(), leg: number, bank_reference: bank_reference.into() })
}

fn draw(number: u16) -> Body {
    Body::DrawCollateral(DrawCollateral { cycle: january(), leg: number })
}

fn collateral(id: u16, fen: u64) -> Body {
    Body::SetCollateral(SetCollateral { merchant: merchant(id), collateral_fen: Fen(fen) })
}

fn day_start(world: &World, day: &str) -> u64 {
    world.genesis.calendar().day_start_ms(day.parse().expect("a day"))
}

/// Merchant 1 owes merchant 2 for 100 fen of January.
fn one_leg(founded: Genesis) -> World {
    let mut world = World::new(founded);
    world.enrol(1, 1);
    world.issue(1, member(1), 1_000_000);
    world.applied(2, redeem(1, member(1), 100));
    world.skip_months(1);
    world
}

#[test]
fn a_leg_is_due_in_business_days_of_the_calendar() {
    // The close is on Wednesday 1 February 2017; Chinese New Year ends with Thursday, Saturday 4 is a make-up day. Five
    // business days on are Friday 3, Saturday 4, Monday 6 to Wednesday 8; three more end with Monday 13.
    let mut chinese = genesis();
    chinese.calendar.holidays = vec!["2017-02-02".parse::<Day>().expect("a day")];
    chinese.calendar.workdays = vec!["2017-02-04".parse::<Day>().expect("a day")];
    let world = one_leg(chinese);
    let leg = leg(&world, 0);
    assert_eq!(leg.due_ms, day_start(&world, "2017-02-09"));
    assert_eq!(leg.deadline_ms, day_start(&world, "2017-02-14"));
}

#[test]
fn rules_of_report_payment_in_order() {
    let mut world = january_closed();
    world.refused(3, report(9, "B-1"), Rejection::UnknownLeg);
    world.refused(2, report(0, "B-1"), Rejection::WrongParty);
    assert_eq!(world.applied(3, report(0, "B-1")), Applied::PaymentReported);
    assert_eq!(leg(&world, 0).bank_reference.as_deref(), Some("B-1"));
    world.refused(3, report(0, "B-2"), Rejection::PaymentReported);
    world.applied(2, confirm(0, 50));
    world.refused(3, report(0, "B-2"), Rejection::LegConfirmed);
}

#[test]
fn an_unconfirmed_leg_goes_to_the_governors_and_may_draw_collateral() {
    let mut world = one_leg(genesis());
    world.refused(3, draw(9), Rejection::UnknownLeg);
    world.refused(3, draw(0), Rejection::LegNotEscalated);
    world.block_at(leg(&world, 0).deadline_ms - 1, Vec::new());
    assert!(!leg(&world, 0).is_escalated);
    world.block(Vec::new());
    assert!(leg(&world, 0).is_escalated);
    world.refused(3, draw(0), Rejection::CollateralShort);
    // The collateral is put on record by three of four merchants.
    assert_eq!(world.applied(1, collateral(1, 100)), Applied::Voiced { voices: 1, needed: 3 });
    world.refused(1, collateral(1, 100), Rejection::VoicedAlready);
    assert_eq!(world.applied(2, collateral(1, 100)), Applied::Voiced { voices: 2, needed: 3 });
    assert_eq!(world.applied(3, collateral(1, 100)), Applied::CollateralSet);
    // Payer and payee have no voice in the draw: both others make more than two thirds of two.
    world.refused(1, draw(0), Rejection::WrongParty);
    world.refused(2, draw(0), Rejection::WrongParty);
    assert_eq!(world.applied(3, draw(0)), Applied::Voiced { voices: 1, needed: 2 });
    assert_eq!(world.applied(4, draw(0)), Applied::CollateralDrawn);
    assert_eq!(leg(&world, 0).state, LegState::Drawn { height: world.height });
    let position: Position = world.record(tag::positions, &merchant(1)).expect("a position");
    assert_eq!(position, Position::default());
    world.refused(2, confirm(0, 100), Rejection::LegConfirmed);
    world.refused(3, draw(0), Rejection::LegConfirmed);
}

#[test]
fn an_escalated_leg_can_still_be_confirmed() {
    let mut world = one_leg(genesis());
    world.block_at(leg(&world, 0).deadline_ms, Vec::new());
    world.applied(2, confirm(0, 100));
    assert_eq!(leg(&world, 0).state, LegState::Confirmed { height: world.height });
}

#[test]
fn collateral_adds_to_the_cap_and_stays_while_it_is_needed() {
    let mut poor = genesis();
    poor.merchants[0].net_debit_cap_fen = Fen(50);
    poor.merchants[0].collateral_fen = Fen(50);
    let mut world = World::new(poor);
    world.enrol(1, 1);
    world.issue(1, member(1), 1_000_000);
    world.applied(2, redeem(1, member(1), 100));
    world.refused(2, redeem(1, member(1), 1), Rejection::NetDebitCap);
    world.refused(2, collateral(9, 0), Rejection::UnknownMerchant);
    world.refused(2, collateral(1, u64::MAX), Rejection::Overflow);
    world.refused(2, collateral(1, 49), Rejection::NetDebitCap);
    for id in 1..=3 {
        world.applied(id, collateral(1, 60));
    }
    world.applied(2, redeem(1, member(1), 10));
}

#[test]
fn voices_are_forgotten_after_thirty_days() {
    let mut world = World::new(genesis());
    world.applied(1, collateral(1, 100));
    world.applied(2, collateral(1, 100));
    world.block_at(world.time_ms + 31 * crate::types::DAY_MS, Vec::new());
    assert_eq!(world.applied(3, collateral(1, 100)), Applied::Voiced { voices: 1, needed: 3 });
}

#[test]
fn a_cycle_may_have_three_months() {
    let mut quarterly = genesis();
    quarterly.parameters.settlement.cycle_months = 3;
    let mut world = one_leg(quarterly);
    let nothing: Option<Statement> = world.record(tag::statements, &january());
    assert_eq!(nothing, None, "January is over, its quarter is not");
    world.skip_months(1);
    world.applied(2, redeem(1, member(1), 20));
    world.skip_months(1);
    let first = leg(&world, 0);
    assert_eq!((first.amount_fen, world.month()), (Fen(120), "2017-04".parse::<Month>().expect("a month")));
    let april: Option<Leg> = world.record(tag::legs, &(world.month(), 0_u16));
    assert_eq!(april, None);
}
