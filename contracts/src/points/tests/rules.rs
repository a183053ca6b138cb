//! Every rejection of issue, transfer, redeem and create_class, each beside the rule that comes before it.

use super::super::{ClassTerms, CreateClass};
use crate::genesis::Role;
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::testing::{World, class, commitment, genesis, issue, member, merchant, redeem, terms, transfer};
use crate::transaction::Body;
use crate::types::{Address, Fen, MerchantId, Obligation, Points};

const STRANGER: Address = Address([9; 20]);

#[test]
fn points_are_the_floor_of_amount_times_rate_once_per_purchase() {
    let mut world = World::with_members(0);
    let applied = world.issue(1, member(1), 199);
    assert!(matches!(applied, Applied::Issued { points: Points(1), balance: Points(1), .. }), "{applied:?}");
    let nothing = world.issue(1, member(1), 99);
    assert!(matches!(nothing, Applied::Issued { points: Points(0), balance: Points(1), .. }), "{nothing:?}");
}

#[test]
fn rules_of_issue_in_order() {
    let mut world = World::with_members(0);
    assert_eq!(world.run_as(1, Role::Acceptor, issue(9, STRANGER, 0)), Outcome::Rejected(Rejection::RoleMissing));
    world.refused(1, issue(9, STRANGER, 0), Rejection::UnknownClass);
    world.refused(1, issue(2, STRANGER, 0), Rejection::WrongParty);
    world.refused(1, issue(1, STRANGER, 0), Rejection::UnknownMember);
    let mut lines = issue(1, member(1), u64::MAX);
    if let Body::Issue(o) = &mut lines {
        o.lines.push(o.lines[0]);
    }
    world.refused(1, lines, Rejection::Overflow);
    world.refused(1, issue(1, member(1), 0), Rejection::AmountZero);
    // 2^64 - 1 fen at 1 point per CNY fits; a class with two decimals and ten times the rate does not.
    let mut generous = genesis();
    generous.classes[0].terms.decimals = 2;
    generous.classes[0].terms.earn_rate = "10".parse().expect("a rate");
    let mut world = World::new(generous);
    let one = world.enrol(1, 1);
    world.refused(1, issue(1, one, u64::MAX), Rejection::Overflow);
    world.refused(1, issue(1, one, i64::MAX as u64), Rejection::Overflow);
}

#[test]
fn rules_of_transfer_in_order() {
    let mut world = World::with_members(10);
    let gift = |class, from, to, points| transfer(class, from, to, points);
    assert_eq!(
        world.run_as(1, Role::Issuer, gift(9, STRANGER, STRANGER, 0)),
        Outcome::Rejected(Rejection::RoleMissing)
    );
    world.refused(1, gift(9, STRANGER, STRANGER, 0), Rejection::UnknownClass);
    world.refused(1, gift(1, member(1), STRANGER, 0), Rejection::UnknownMember);
    world.refused(1, gift(1, STRANGER, member(1), 0), Rejection::UnknownMember);
    world.refused(1, gift(1, member(2), member(2), 0), Rejection::ForeignCustodian);
    world.refused(1, gift(1, member(1), member(1), 0), Rejection::AmountZero);
    world.refused(1, gift(1, member(1), member(1), 11), Rejection::SameParty);
    world.refused(1, gift(1, member(1), member(2), 11), Rejection::InsufficientPoints);
    world.refused(1, gift(1, member(1), member(2), u64::MAX), Rejection::InsufficientPoints);
    let applied = world.applied(1, gift(1, member(1), member(2), 10));
    assert_eq!(applied, Applied::Transferred { from_balance: Points(0), to_balance: Points(20) });
}

#[test]
fn rules_of_redeem_in_order() {
    let mut rules = genesis();
    rules.classes[3].terms.accepted_by = vec![MerchantId(4)];
    let mut world = World::new(rules);
    let one = world.enrol(1, 1);
    for class in 1..=4 {
        world.issue(class, one, 3_000_000);
    }
    assert_eq!(world.run_as(2, Role::Issuer, redeem(9, STRANGER, 0)), Outcome::Rejected(Rejection::RoleMissing));
    world.refused(2, redeem(9, STRANGER, 0), Rejection::UnknownClass);
    world.refused(2, redeem(4, STRANGER, 0), Rejection::UnknownMember);
    world.refused(2, redeem(4, one, 0), Rejection::NotAccepted);
    world.refused(2, redeem(1, one, 0), Rejection::AmountZero);
    world.refused(2, redeem(1, one, 30_001), Rejection::InsufficientPoints);
    // No consent: CNY 200 a member and day over all acceptors; 1 point of class 1 is worth 1 fen.
    world.applied(2, redeem(1, one, 19_000));
    world.refused(3, redeem(1, one, 1_001), Rejection::NoConsentLimit);
    world.applied(3, redeem(1, one, 1_000));
    world.refused(1, redeem(1, one, 10_001), Rejection::InsufficientPoints);
}

#[test]
fn what_lies_below_a_fen_is_not_free_of_limits() {
    let mut rules = genesis();
    rules.parameters.no_consent_limit_fen = Fen(2);
    rules.classes[2].terms.custodian_member_limit_fen = Fen(0);
    let mut world = World::new(rules);
    let one = world.enrol(1, 1);
    world.issue(3, one, 100_000);
    // A point of class 3 is worth 1.5 fen, which counts as 2.
    world.applied(2, redeem(3, one, 1));
    world.refused(2, redeem(3, one, 1), Rejection::NoConsentLimit);
    world.refused(1, crate::testing::exchange(one, (3, 1), 1, 1), Rejection::CustodianMemberLimit);
}

#[test]
fn counters_refuse_what_could_not_lapse() {
    let mut rules = genesis();
    rules.classes[0].terms.earn_rate = "100".parse().expect("a rate");
    rules.classes[0].terms.life_months = 1;
    let mut world = World::new(rules);
    let one = world.enrol(1, 1);
    for _ in 0..2 {
        world.issue(1, one, i64::MAX as u64);
        world.skip_months(2);
    }
    world.issue(1, one, 1);
    world.refused(1, issue(1, one, 1), Rejection::Overflow);
    world.skip_months(2);
}

#[test]
fn a_tenth_of_a_fen_buys_nothing() {
    let mut cents = genesis();
    cents.classes[0].terms.decimals = 2;
    let mut world = World::new(cents);
    let one = world.enrol(1, 1);
    world.issue(1, one, 1_000);
    world.refused(2, redeem(1, one, 99), Rejection::BelowOneFen);
    let applied = world.applied(2, redeem(1, one, 150));
    let expected = Applied::Redeemed { cash_off_fen: Fen(1), obligation: Obligation(1_500_000), balance: Points(850) };
    assert_eq!(applied, expected, "the member gets whole fen, the acceptor the exact value");
}

#[test]
fn a_custodian_that_profits_is_held_to_the_class_limits() {
    let mut world = World::new(genesis());
    let (one, two) = (world.enrol(1, 1), world.enrol(1, 2));
    world.issue(2, one, 3_000_000);
    world.issue(2, two, 3_000_000);
    // Class 2 allows its points' holders' custodians CNY 100 a member and CNY 150 in all, a day; a point is 2 fen.
    world.refused(1, redeem(2, one, 5_001), Rejection::CustodianMemberLimit);
    world.applied(1, redeem(2, one, 5_000));
    world.refused(1, redeem(2, one, 1), Rejection::CustodianMemberLimit);
    world.refused(1, redeem(2, two, 2_501), Rejection::CustodianLimit);
    world.applied(1, redeem(2, two, 2_500));
    world.skip_day();
    world.applied(1, redeem(2, one, 5_000));
    // Own points at the own till: nobody else is concerned.
    world.issue(1, one, 9_000_000);
    let applied = world.applied(1, redeem(1, one, 90_000));
    assert!(matches!(applied, Applied::Redeemed { obligation: Obligation(0), .. }), "{applied:?}");
}

#[test]
fn rules_of_create_class_in_order() {
    let mut world = World::new(genesis());
    let open = |id, terms: ClassTerms| Body::CreateClass(CreateClass { class: class(id), terms });
    let good = terms("0.02", 12);
    assert_eq!(world.run_as(1, Role::Issuer, open(1, good.clone())), Outcome::Rejected(Rejection::RoleMissing));
    let bad = |change: fn(&mut ClassTerms)| {
        let mut terms = terms("0.02", 12);
        change(&mut terms);
        terms
    };
    world.refused(1, open(1, bad(|t| t.decimals = 3)), Rejection::ClassExists);
    world.refused(1, open(9, bad(|t| t.decimals = 3)), Rejection::ClassOutOfBounds);
    world.refused(1, open(9, bad(|t| t.anchor = "0.009999".parse().expect("a rate"))), Rejection::ClassOutOfBounds);
    world.refused(1, open(9, bad(|t| t.life_months = 0)), Rejection::ClassOutOfBounds);
    world.refused(1, open(9, bad(|t| t.accepted_by = vec![merchant(2), merchant(1)])), Rejection::ClassOutOfBounds);
    world.refused(1, open(9, bad(|t| t.accepted_by = vec![merchant(9)])), Rejection::UnknownMerchant);
    assert_eq!(world.applied(1, open(9, good)), Applied::ClassCreated);
    let one = world.enrol(1, commitment(1).0[31].into());
    let operation = issue(9, one, 100);
    assert!(matches!(world.applied(1, operation), Applied::Issued { points: Points(1), .. }));
}
