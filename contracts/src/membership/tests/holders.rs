//! What each kind of holder may do with a class, and what a frozen member may not.

use super::super::{Enrol, Freeze, HolderKind, Unfreeze};
use crate::points::{Permission, Use};
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::testing::{World, commitment, exchange, genesis, hold, issue, member, redeem, reverse_redeem, transfer};
use crate::transaction::Body;
use crate::types::{Address, HOUR_MS, Points};

fn enrol_as(world: &mut World, id: u16, holder: HolderKind, number: u64) -> Address {
    let body = Body::Enrol(Enrol { holder, commitment: commitment(number) });
    let Applied::Enrolled { member } = world.applied(id, body) else { panic!("enrolled") };
    member
}

#[test]
fn a_class_without_permissions_is_for_members_only() {
    let mut world = World::with_members(0);
    let employee = enrol_as(&mut world, 1, HolderKind::Employee, 50);
    world.refused(1, issue(1, employee, 100), Rejection::HolderNotPermitted);
    world.applied(1, issue(1, member(1), 100));
}

#[test]
fn each_kind_of_holder_does_what_the_class_says() {
    let mut rules = genesis();
    let all = vec![Use::Earn, Use::Transfer, Use::Redeem, Use::Exchange];
    rules.classes[0].terms.permissions = vec![
        Permission { holder: HolderKind::Member, uses: all.clone() },
        Permission { holder: HolderKind::Employee, uses: vec![Use::Earn, Use::Redeem] },
        Permission { holder: HolderKind::Supplier, uses: vec![] },
    ];
    let mut world = World::new(rules);
    let customer = world.enrol(1, 1);
    let employee = enrol_as(&mut world, 1, HolderKind::Employee, 2);
    let supplier = enrol_as(&mut world, 1, HolderKind::Supplier, 3);
    world.applied(1, issue(1, customer, 10_000));
    world.applied(1, issue(1, employee, 10_000));
    world.refused(1, issue(1, supplier, 10_000), Rejection::HolderNotPermitted);
    world.refused(1, transfer(1, employee, customer, 1), Rejection::HolderNotPermitted);
    world.refused(1, transfer(1, customer, employee, 1), Rejection::HolderNotPermitted);
    world.refused(1, exchange(employee, (1, 2), 10, 0), Rejection::HolderNotPermitted);
    // Class 2 has no permissions: members only, so an employee does not get in from there either.
    world.refused(1, exchange(employee, (2, 1), 10, 0), Rejection::HolderNotPermitted);
    let release_ms = world.time_ms + HOUR_MS;
    world.refused(1, redeem(1, supplier, 1), Rejection::HolderNotPermitted);
    world.refused(1, hold(1, supplier, 1, release_ms), Rejection::HolderNotPermitted);
    world.applied(1, redeem(1, employee, 1));
    world.applied(1, hold(1, employee, 1, release_ms));
}

#[test]
fn a_frozen_member_receives_and_gives_nothing() {
    let mut world = World::with_members(100);
    let freeze = || Body::Freeze(Freeze { member: member(1) });
    let unfreeze = || Body::Unfreeze(Unfreeze { member: member(1) });
    world.refused(1, Body::Freeze(Freeze { member: Address([9; 20]) }), Rejection::UnknownMember);
    world.refused(2, freeze(), Rejection::ForeignCustodian);
    world.refused(2, unfreeze(), Rejection::ForeignCustodian);
    world.refused(1, unfreeze(), Rejection::MemberNotFrozen);
    let placed = world.operation(hold(1, member(1), 10, world.time_ms + HOUR_MS));
    let hold_reference = placed.reference;
    world.submit(1, placed);
    let sale = world.operation(redeem(1, member(1), 10));
    let sale_reference = sale.reference;
    world.submit(1, sale);
    world.applied(1, freeze());
    world.refused(1, freeze(), Rejection::MemberFrozen);
    let release_ms = world.time_ms + HOUR_MS;
    for body in [
        transfer(1, member(1), member(2), 1),
        redeem(1, member(1), 1),
        hold(1, member(1), 1, release_ms),
        exchange(member(1), (1, 2), 10, 0),
    ] {
        world.refused(1, body, Rejection::MemberFrozen);
    }
    world.applied(1, issue(1, member(1), 100));
    world.applied(2, transfer(1, member(2), member(1), 1));
    world.applied(1, crate::testing::capture(hold_reference, 10));
    world.applied(1, reverse_redeem(sale_reference, 10));
    world.applied(1, unfreeze());
    let outcome = world.run(1, redeem(1, member(1), 1));
    assert!(matches!(outcome, Outcome::Applied(Applied::Redeemed { balance: Points(91), .. })), "{outcome:?}");
}
