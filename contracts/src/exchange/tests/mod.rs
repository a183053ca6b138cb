//! Rule table of exchange, and that no way round ever profits.

mod anchors;
mod imports;
mod sub_points;

use proptest::prelude::*;

use super::{convert, split_lots};
use crate::genesis::Role;
use crate::points::{AnnouncedAnchor, Lot, PointClass};
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::testing::{World, exchange, genesis, member, terms};
use crate::types::{Address, MerchantId, Month, Obligation, Points, Rate};

#[test]
fn the_source_owes_what_was_received_and_the_pool_gets_the_rest() {
    let mut world = World::with_members(1_000);
    // 1000 x 0.01 x 0.98 / 0.03 = 326.67, floored; 1000 x 0.01 = 10 CNY, of which 326 x 0.03 = 9.78 to the target.
    let applied = world.applied(1, exchange(member(1), (1, 4), 1_000, 326));
    let expected = Applied::Exchanged {
        points_out: Points(326),
        from_balance: Points(0),
        to_balance: Points(1_326),
        obligation: Obligation(978_000_000),
        pool_obligation: Obligation(22_000_000),
    };
    assert_eq!(applied, expected);
}

#[test]
fn rules_of_exchange_in_order() {
    let mut world = World::with_members(1_000);
    let stranger = Address([9; 20]);
    let outcome = world.run_as(1, Role::Issuer, exchange(stranger, (9, 9), 0, 0));
    assert_eq!(outcome, Outcome::Rejected(Rejection::RoleMissing));
    world.refused(1, exchange(stranger, (9, 1), 0, 0), Rejection::UnknownClass);
    world.refused(1, exchange(stranger, (1, 9), 0, 0), Rejection::UnknownClass);
    world.refused(1, exchange(stranger, (1, 1), 0, 0), Rejection::UnknownMember);
    world.refused(1, exchange(member(2), (1, 1), 0, 0), Rejection::ForeignCustodian);
    world.refused(1, exchange(member(1), (1, 1), 0, 0), Rejection::AmountZero);
    world.refused(1, exchange(member(1), (1, 1), 1_001, 0), Rejection::SameParty);
    world.refused(1, exchange(member(1), (1, 4), 1_001, 0), Rejection::InsufficientPoints);
    world.refused(1, exchange(member(1), (1, 4), 1_000, 327), Rejection::BelowMinOut);
    world.refused(1, exchange(member(1), (1, 4), 1, 0), Rejection::BelowMinOut);
    world.issue(4, member(1), 2_000_000);
    world.refused(1, exchange(member(1), (4, 1), 3_334, 0), Rejection::CustodianMemberLimit);
    world.applied(1, exchange(member(1), (4, 1), 3_333, 0));
}

#[test]
fn a_cap_stops_an_exchange_too() {
    let mut poor = genesis();
    poor.merchants[0].net_debit_cap_fen = crate::types::Fen(977);
    let mut world = World::new(poor);
    let one = world.enrol(1, 1);
    world.issue(1, one, 100_000);
    world.refused(1, exchange(one, (1, 4), 1_000, 326), Rejection::NetDebitCap);
}

#[test]
fn exchanged_lots_keep_their_expiry_by_largest_remainder() {
    let lot = |month, points| Lot { expires: Month(month), points: Points(points) };
    let given = [lot(1, 1), lot(2, 1), lot(3, 1)];
    assert_eq!(split_lots(&given, Points(2)), [lot(1, 1), lot(2, 1)], "ties go to the earlier expiry");
    let given = [lot(1, 10), lot(2, 25), lot(3, 65)];
    assert_eq!(split_lots(&given, Points(33)), [lot(1, 3), lot(2, 8), lot(3, 22)]);
}

fn any_class() -> impl Strategy<Value = PointClass> {
    (10_000_u64..=30_000, 0_u8..=2, proptest::option::of(10_000_u64..=30_000)).prop_map(
        |(millionths, decimals, announced)| {
            let mut terms = terms("0.01", 12);
            terms.anchor = Rate::from_millionths(millionths);
            terms.decimals = decimals;
            let to_come = |millionths| AnnouncedAnchor { anchor: Rate::from_millionths(millionths), effective_ms: 1 };
            PointClass { announced: announced.map(to_come), ..PointClass::new(MerchantId(1), terms) }
        },
    )
}

proptest! {
    #[test]
    fn no_round_trip_of_exchanges_profits(
        chain in proptest::collection::vec(any_class(), 2..6),
        points in 1_u64..1_000_000_000_000,
        spread in 0_u64..1_000_000,
    ) {
        let spread = Rate::from_millionths(spread);
        let mut held = Points(points);
        let round = chain.iter().chain([&chain[0]]);
        for (source, target) in round.clone().zip(round.skip(1)) {
            let conversion = convert(held, source, target, spread).expect("in range");
            let value_in = source.terms.value(held).0;
            prop_assert_eq!(conversion.obligation.0 + conversion.pool_obligation.0, value_in);
            prop_assert!(conversion.pool_obligation.0 >= 0);
            held = conversion.points_out;
        }
        prop_assert!(held.0 <= points);
    }

    #[test]
    fn lots_received_sum_to_what_was_received(
        lots in proptest::collection::btree_map(0_u16..100, 1_u64..1_000_000_000, 1..25),
        out in 0_u64..u64::MAX / 2,
    ) {
        let given: Vec<Lot> = lots.iter().map(|(m, p)| Lot { expires: Month(*m), points: Points(*p) }).collect();
        let received = split_lots(&given, Points(out));
        prop_assert_eq!(received.iter().map(|l| l.points.0).sum::<u64>(), out);
        prop_assert!(received.iter().all(|l| l.points.0 > 0 && lots.contains_key(&l.expires.0)));
        prop_assert!(received.is_sorted_by(|a, b| a.expires < b.expires));
    }
}
