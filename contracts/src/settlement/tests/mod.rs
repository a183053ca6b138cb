//! Rule table of settlement, the close worked through by hand, and netting for any positions.

mod disputes;
mod legs;

use proptest::prelude::*;

use super::{ConfirmLeg, Gross, Leg, LegState, NetPosition, PairNet, Position, Statement, payments};
use crate::genesis::Role;
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::state::tag;
use crate::testing::{World, exchange, genesis, member, merchant, redeem};
use crate::transaction::Body;
use crate::types::{Fen, MerchantId, Month, Obligation};

fn january() -> Month {
    "2017-01".parse().expect("a month")
}

fn leg(world: &World, number: u16) -> Leg {
    world.record(tag::legs, &(january(), number)).expect("the leg")
}

fn confirm(number: u16, amount_fen: u64) -> Body {
    Body::ConfirmLeg(ConfirmLeg { cycle: january(), leg: number, amount_fen: Fen(amount_fen) })
}

/// In January merchants honour: 3 of 1 for 100 fen; 1 of 3 for 60 fen; 2 of 3 for 90 fen.
fn january_closed() -> World {
    let mut world = World::with_members(1_000);
    world.applied(3, redeem(1, member(2), 100));
    world.applied(1, redeem(3, member(2), 40));
    world.applied(2, redeem(3, member(4), 60));
    world.skip_months(1);
    world
}

#[test]
fn a_close_nets_pairs_and_asks_for_few_legs() {
    let world = january_closed();
    let statement: Statement = world.record(tag::statements, &january()).expect("closed");
    let net: Vec<(u16, i64)> = statement.positions.iter().map(|p| (p.merchant.0, p.net_fen)).collect();
    assert_eq!(net, [(1, -40), (2, 90), (3, -50)]);
    assert_eq!(statement.legs, 2);
    let first = leg(&world, 0);
    assert_eq!((first.payer, first.payee, first.amount_fen), (merchant(3), merchant(2), Fen(50)));
    let second = leg(&world, 1);
    assert_eq!((second.payer, second.payee, second.amount_fen), (merchant(1), merchant(2), Fen(40)));
    let position: Position = world.record(tag::positions, &merchant(1)).expect("a position");
    assert_eq!(position, Position { unconfirmed_fen: Fen(40), ..Position::default() });
}

#[test]
fn what_lies_below_a_fen_opens_the_next_cycle() {
    let mut world = World::with_members(1_000);
    // 1 of 3 for 1.5 fen twice: 3 fen exactly; then 4 of 1... leaves nothing. One of them alone leaves half a fen.
    world.applied(1, redeem(3, member(2), 1));
    world.skip_months(1);
    let pair: PairNet = world.record(tag::pair_nets, &(january(), merchant(1), merchant(3))).expect("the pair");
    let half = Obligation(-500_000);
    assert_eq!(pair, PairNet { opening: Obligation(0), net: Obligation(-1_500_000), net_fen: -1, closing: half });
    world.applied(1, redeem(3, member(2), 1));
    world.skip_months(1);
    let key = (january().plus(1), merchant(1), merchant(3));
    let pair: PairNet = world.record(tag::pair_nets, &key).expect("the pair");
    assert_eq!(pair, PairNet { opening: half, net: Obligation(-2_000_000), net_fen: -2, closing: Obligation(0) });
    let carry: Option<Obligation> = world.record(tag::carries, &(merchant(1), merchant(3)));
    assert_eq!(carry, None);
}

#[test]
fn a_remainder_passes_through_closes_of_one_block() {
    let mut world = World::with_members(1_000);
    world.applied(1, redeem(3, member(2), 1));
    world.skip_months(2);
    let half = Obligation(-500_000);
    let key = (january().plus(1), merchant(1), merchant(3));
    let pair: PairNet = world.record(tag::pair_nets, &key).expect("the pair");
    assert_eq!(pair, PairNet { opening: half, net: half, net_fen: 0, closing: half });
}

#[test]
fn a_cycle_without_entries_closes_too() {
    let mut world = World::new(genesis());
    world.skip_months(2);
    for cycle in [january(), january().plus(1)] {
        let statement: Statement = world.record(tag::statements, &cycle).expect("closed");
        assert!(statement.positions.is_empty() && statement.legs == 0);
    }
}

#[test]
fn rules_of_confirm_leg_in_order() {
    let mut world = january_closed();
    assert_eq!(world.run_as(2, Role::Acceptor, confirm(9, 0)), Outcome::Rejected(Rejection::RoleMissing));
    world.refused(2, confirm(9, 0), Rejection::UnknownLeg);
    world.refused(3, confirm(0, 0), Rejection::WrongParty);
    world.refused(2, confirm(0, 49), Rejection::LegAmount);
    assert_eq!(world.applied(2, confirm(0, 50)), Applied::LegConfirmed);
    assert_eq!(leg(&world, 0).state, LegState::Confirmed { height: world.height });
    world.refused(2, confirm(0, 49), Rejection::LegConfirmed);
    let position: Position = world.record(tag::positions, &merchant(3)).expect("a position");
    assert_eq!(position.unconfirmed_fen, Fen(0));
}

#[test]
fn the_net_debit_cap_counts_open_cycle_and_unconfirmed_legs() {
    let mut capped = genesis();
    capped.merchants[0].net_debit_cap_fen = Fen(100);
    let mut world = World::new(capped);
    for n in 1..=4 {
        world.enrol(n, n.into());
    }
    world.issue(1, member(1), 1_000_000);
    world.issue(3, member(1), 1_000_000);
    world.refused(2, redeem(1, member(1), 101), Rejection::NetDebitCap);
    world.applied(2, redeem(1, member(1), 100));
    world.refused(2, redeem(1, member(1), 1), Rejection::NetDebitCap);
    // What merchant 1 is owed makes room again: 20 points of class 3 are 30 fen.
    world.applied(1, redeem(3, member(1), 20));
    world.applied(2, redeem(1, member(1), 30));
    world.refused(2, redeem(1, member(1), 1), Rejection::NetDebitCap);
    world.skip_months(1);
    world.refused(2, redeem(1, member(1), 1), Rejection::NetDebitCap);
    let open = leg(&world, 0);
    world.applied(open.payee.0, confirm(0, open.amount_fen.0));
    world.applied(2, redeem(1, member(1), open.amount_fen.0));
}

#[test]
fn a_ring_of_debts_cannot_outgrow_the_close() {
    let mut rich = genesis();
    rich.parameters.max_anchor = "1000000".parse().expect("a rate");
    rich.parameters.no_consent_limit_fen = Fen(u64::MAX);
    for merchant in &mut rich.merchants {
        merchant.net_debit_cap_fen = crate::genesis::MAX_CAP_FEN;
    }
    for class in &mut rich.classes {
        class.terms.anchor = "1000000".parse().expect("a rate");
    }
    let mut world = World::new(rich);
    let one = world.enrol(4, 1);
    for class in 1..=3 {
        world.issue(class, one, 100 * 20_000_000);
    }
    // Ten million points are worth the highest cap. Each position returns to zero, each pair's debt does not.
    let cap_points = 10_000_000;
    for (acceptor, class) in [(1, 3), (2, 1), (3, 2)] {
        world.applied(acceptor, redeem(class, one, cap_points));
    }
    world.refused(1, redeem(3, one, cap_points), Rejection::Overflow);
    world.skip_months(1);
}

#[test]
fn the_pools_claims_are_in_no_close_and_are_passed_on_in_the_next_cycle() {
    let mut world = World::with_members(1_000);
    world.applied(1, exchange(member(1), (1, 4), 1_000, 0));
    let claim: Option<Obligation> = world.record(tag::pool_claims, &merchant(1));
    assert_eq!(claim, Some(Obligation(22_000_000)));
    world.skip_months(1);
    // 22 fen by four equal shares, the first two get one more; what merchant 1 keeps it does not owe.
    let passed = [2, 3, 4].map(|id| {
        let gross: Option<Gross> = world.record(tag::gross, &(january().plus(1), merchant(1), merchant(id)));
        gross.map(|gross| gross.distribution)
    });
    assert_eq!(passed, [Some(Obligation(6_000_000)), Some(Obligation(5_000_000)), Some(Obligation(5_000_000))]);
    let statement: Statement = world.record(tag::statements, &january()).expect("closed");
    let net: Vec<(u16, i64)> = statement.positions.iter().map(|p| (p.merchant.0, p.net_fen)).collect();
    assert_eq!(net, [(1, -978), (4, 978)], "the pool is in no position");
}

proptest! {
    #[test]
    fn legs_settle_any_positions_in_less_than_n_payments(mut nets in proptest::collection::vec(-1_000_000_i64..1_000_000, 0..40)) {
        nets.push(-nets.iter().sum::<i64>());
        let positions: Vec<NetPosition> = (1..)
            .zip(&nets)
            .filter(|(_, net)| **net != 0)
            .map(|(id, net_fen)| NetPosition { merchant: MerchantId(id), net_fen: *net_fen })
            .collect();
        let paid = payments(&positions);
        prop_assert!(paid.len() < positions.len().max(1));
        for position in &positions {
            let received: u64 = paid.iter().filter(|p| p.payee == position.merchant).map(|p| p.amount_fen.0).sum();
            let spent: u64 = paid.iter().filter(|p| p.payer == position.merchant).map(|p| p.amount_fen.0).sum();
            prop_assert_eq!(received as i64 - spent as i64, position.net_fen);
        }
    }
}
