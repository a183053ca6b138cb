//! How points end.

use super::super::{ClassTotals, Reason, history};
use crate::due::DueRecord;
use crate::receipt::Outcome;
use crate::rejection::Rejection;
use crate::state::tag;
use crate::testing::{World, class, genesis, member, redeem, transfer};
use crate::types::{Height, Points};

fn totals(world: &World, id: u32) -> ClassTotals {
    world.record(tag::class_totals, &class(id)).unwrap_or_default()
}

#[test]
fn points_are_spent_first_expiring_first() {
    let mut world = World::with_members(0);
    world.issue(2, member(1), 500);
    world.skip_months(1);
    world.issue(2, member(1), 500);
    let months: Vec<String> = world.lots(member(1), 2).iter().map(|(m, p)| format!("{m}:{p}")).collect();
    assert_eq!(months, ["2017-04:5", "2017-05:5"]);
    world.applied(3, redeem(2, member(1), 7));
    let months: Vec<String> = world.lots(member(1), 2).iter().map(|(m, p)| format!("{m}:{p}")).collect();
    assert_eq!(months, ["2017-05:3"]);
}

#[test]
fn a_gift_keeps_its_expiry() {
    let mut world = World::with_members(0);
    world.issue(2, member(1), 500);
    world.skip_months(2);
    world.applied(1, transfer(2, member(1), member(2), 5));
    assert_eq!(world.lots(member(2), 2)[0].0.to_string(), "2017-04");
}

#[test]
fn a_lot_counts_through_its_last_month_and_not_a_millisecond_longer() {
    let mut world = World::with_members(0);
    world.issue(2, member(1), 500);
    let end_ms = world.genesis.calendar().start_ms("2017-05".parse().expect("a month"));
    world.block_at(end_ms - 2, Vec::new());
    assert_eq!(world.balance(member(1), 2), 5);
    world.applied(3, redeem(2, member(1), 1));
    let late = world.run(3, redeem(2, member(1), 1));
    assert_eq!(late, Outcome::Rejected(Rejection::InsufficientPoints));
}

#[test]
fn counters_move_at_once_and_the_sweep_follows() {
    let mut world = World::new(genesis());
    let members: Vec<_> = (0..1_500).map(|n| world.enrol(1, n)).collect();
    for chunk in members.chunks(300) {
        let operations = chunk.iter().map(|m| world.operation(crate::testing::issue(2, *m, 100))).collect();
        let transaction = world.transaction(2, crate::genesis::Role::Issuer, operations);
        world.block(vec![transaction]);
    }
    world.skip_months(4);
    let after = totals(&world, 2);
    assert_eq!((after.lapsed, after.swept, after.outstanding), (Points(1_500), Points(1_000), Points(0)));
    world.block(Vec::new());
    assert_eq!(totals(&world, 2).swept, Points(1_500));
    for member in members {
        let (_, last) = history(&world.store, &(member, class(2)), (Height(u64::MAX), u32::MAX), 1).remove(0);
        assert_eq!((last.reason, last.delta, last.lots.len(), last.operation), (Reason::Expired, -1, 0, None));
    }
}

#[test]
fn a_holding_that_is_touched_before_the_sweep_sheds_what_lapsed_first() {
    let mut world = World::with_members(0);
    world.issue(2, member(1), 500);
    let may_ms = world.genesis.calendar().start_ms("2017-05".parse().expect("a month"));
    world.time_ms = may_ms;
    let operation = world.operation(crate::testing::issue(2, member(1), 300));
    let transaction = world.transaction(2, crate::genesis::Role::Issuer, vec![operation]);
    world.block_at(may_ms, vec![transaction]);
    let rows = history(&world.store, &(member(1), class(2)), (world.height, u32::MAX), 2);
    let reasons: Vec<_> = rows.iter().map(|(_, m)| (m.reason, m.delta)).collect();
    assert_eq!(reasons, [(Reason::Issued, 3), (Reason::Expired, -5)]);
    assert_eq!(world.balance(member(1), 2), 3);
}

#[test]
fn a_due_record_tells_what_lapsed() {
    let mut world = World::with_members(0);
    world.issue(2, member(1), 500);
    let may_ms = world.genesis.calendar().start_ms("2017-05".parse().expect("a month"));
    let context = crate::execute::BlockContext::new(&world.genesis, world.genesis.chain_id(), Height(99), may_ms);
    let run = crate::execute::execute_block(&world.store, context, &[]);
    let lapsed: Vec<_> = run.due.iter().filter(|d| matches!(d, DueRecord::Lapsed(_))).collect();
    assert_eq!(lapsed.len(), 1, "{:?}", run.due);
    let closed = run.due.iter().filter(|d| matches!(d, DueRecord::Closed(_))).count();
    assert_eq!(closed, 4, "January to April");
}
