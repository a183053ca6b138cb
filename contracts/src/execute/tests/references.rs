//! Idempotency, in one transaction, one block and across blocks; and atomic transactions.

use crate::execute::known_reference;
use crate::genesis::{Clock, Role};
use crate::receipt::{Applied, Outcome, Receipt};
use crate::rejection::Rejection;
use crate::testing::{World, genesis, issue, member, merchant, redeem};
use crate::transaction::Operation;
use crate::types::{DAY_MS, HOUR_MS, Height, Points, Reference};

fn outcomes(receipts: &[Receipt]) -> Vec<Outcome> {
    receipts.iter().map(|r| r.outcome.clone()).collect()
}

/// Runs one transaction of merchant 1 in a block of its own.
fn run(world: &mut World, role: Role, atomic: bool, operations: &[Operation]) -> Vec<Outcome> {
    let mut transaction = world.transaction(1, role, operations.to_vec());
    transaction.atomic = atomic;
    transaction.sign(&crate::testing::key(1, if role == Role::Issuer { 1 } else { 2 }));
    outcomes(&world.block(vec![transaction]).0[0])
}

#[test]
fn the_same_operation_again_points_to_its_first_receipt() {
    let mut world = World::with_members(0);
    let operation = world.operation(issue(1, member(1), 500));
    let first = run(&mut world, Role::Issuer, false, &[operation.clone(), operation.clone()]);
    assert!(matches!(first[0], Outcome::Applied(_)));
    let here = Outcome::Duplicate { height: world.height, index: 0 };
    assert_eq!(first[1], here);
    assert_eq!(run(&mut world, Role::Issuer, false, &[operation]), [here]);
    assert_eq!(world.balance(member(1), 1), 5, "issued once");
}

#[test]
fn a_business_rejection_is_kept() {
    let mut world = World::with_members(0);
    let operation = world.operation(redeem(2, member(1), 5));
    let first = run(&mut world, Role::Acceptor, false, std::slice::from_ref(&operation));
    assert_eq!(first, [Outcome::Rejected(Rejection::InsufficientPoints)]);
    let height = world.height;
    world.issue(2, member(1), 500);
    let again = run(&mut world, Role::Acceptor, false, &[operation]);
    assert_eq!(again, [Outcome::Duplicate { height, index: 0 }], "a reference has one outcome for good");
}

#[test]
fn a_key_without_the_role_does_not_use_up_the_reference() {
    let mut world = World::with_members(0);
    let operation = world.operation(issue(1, member(1), 500));
    let refused = run(&mut world, Role::Acceptor, false, std::slice::from_ref(&operation));
    assert_eq!(refused, [Outcome::Rejected(Rejection::RoleMissing)]);
    let applied = run(&mut world, Role::Issuer, false, &[operation]);
    assert!(matches!(applied[..], [Outcome::Applied(_)]));
}

#[test]
fn a_reference_names_one_operation_of_one_merchant() {
    let mut world = World::with_members(0);
    let operation = world.operation(issue(1, member(1), 500));
    run(&mut world, Role::Issuer, false, std::slice::from_ref(&operation));
    let mut other = operation.clone();
    other.body = issue(1, member(1), 501);
    assert_eq!(run(&mut world, Role::Issuer, false, &[other]), [Outcome::Rejected(Rejection::ReferenceReused)]);
    assert!(known_reference(&world.store, merchant(1), operation.reference).is_some());
    assert!(known_reference(&world.store, merchant(2), operation.reference).is_none());
    let mut elsewhere = operation;
    elsewhere.body = issue(2, member(1), 500);
    let transaction = world.transaction(2, Role::Issuer, vec![elsewhere]);
    assert!(matches!(world.block(vec![transaction]).0[0][0].outcome, Outcome::Applied(_)));
}

#[test]
fn a_reference_lives_ninety_days_and_no_longer() {
    let mut world = World::with_members(0);
    let operation = world.operation(issue(1, member(1), 500));
    run(&mut world, Role::Issuer, false, std::slice::from_ref(&operation));
    let last_ms = operation.reference.time_ms() + 90 * DAY_MS;
    world.block_at(last_ms - 1, Vec::new());
    let duplicate = run(&mut world, Role::Issuer, false, std::slice::from_ref(&operation));
    assert!(matches!(duplicate[..], [Outcome::Duplicate { .. }]));
    assert_eq!(world.time_ms, last_ms);
    let old = run(&mut world, Role::Issuer, false, &[operation]);
    assert_eq!(old, [Outcome::Rejected(Rejection::ReferenceTooOld)]);
}

#[test]
fn a_reference_may_run_an_hour_ahead_of_a_real_clock() {
    let mut real = genesis();
    real.clock = Clock::Real;
    let mut world = World::new(real);
    world.enrol(1, 1);
    let mut operation = world.operation(issue(1, member(1), 500));
    operation.reference = Reference::new(world.time_ms + 1 + HOUR_MS + 1, 1);
    let ahead = run(&mut world, Role::Issuer, false, std::slice::from_ref(&operation));
    assert_eq!(ahead, [Outcome::Rejected(Rejection::ReferenceAhead)]);
    let applied = run(&mut world, Role::Issuer, false, &[operation]);
    assert!(matches!(applied[..], [Outcome::Applied(_)]), "a millisecond later it is in time: it was not kept");
}

#[test]
fn an_atomic_transaction_succeeds_as_one() {
    let mut world = World::with_members(0);
    let operations = [world.operation(issue(1, member(1), 500)), world.operation(issue(1, member(1), 300))];
    let applied = run(&mut world, Role::Issuer, true, &operations);
    assert!(matches!(applied[1], Outcome::Applied(Applied::Issued { balance: Points(8), .. })));
    let height = world.height;
    let again = run(&mut world, Role::Issuer, true, &operations);
    assert_eq!(again, [Outcome::Duplicate { height, index: 0 }, Outcome::Duplicate { height, index: 1 }]);
}

#[test]
fn a_failed_atomic_transaction_keeps_nothing_its_cause_included() {
    let mut world = World::with_members(0);
    let good = world.operation(issue(1, member(1), 500));
    let bad = world.operation(issue(1, member(1), 0));
    let before: Vec<_> = world.store.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
    let failed = run(&mut world, Role::Issuer, true, &[good.clone(), bad]);
    let expected = [Outcome::Rejected(Rejection::AtomicAborted), Outcome::Rejected(Rejection::AmountZero)];
    assert_eq!(failed, expected);
    let after: Vec<_> = world.store.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
    assert_eq!(before, after);
    assert!(matches!(run(&mut world, Role::Issuer, true, &[good])[..], [Outcome::Applied(_)]));
}

#[test]
fn an_atomic_transaction_does_not_mix_old_and_new() {
    let mut world = World::with_members(0);
    let (old, new) = (world.operation(issue(1, member(1), 500)), world.operation(issue(1, member(1), 300)));
    run(&mut world, Role::Issuer, false, std::slice::from_ref(&old));
    let mixed = Outcome::Rejected(Rejection::AtomicMixed);
    assert_eq!(run(&mut world, Role::Issuer, true, &[old.clone(), new.clone()]), [mixed.clone(), mixed.clone()]);
    let mut reused = old;
    reused.body = issue(1, member(1), 1);
    let expected = [Outcome::Rejected(Rejection::ReferenceReused), Outcome::Rejected(Rejection::AtomicAborted)];
    assert_eq!(run(&mut world, Role::Issuer, true, &[reused, new.clone()]), expected);
    let twice = run(&mut world, Role::Issuer, true, &[new.clone(), new.clone()]);
    assert_eq!(twice, [Outcome::Rejected(Rejection::AtomicAborted), mixed]);
    assert!(known_reference(&world.store, merchant(1), new.reference).is_none());
    assert!(world.height > Height(0));
}
