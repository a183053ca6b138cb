//! Rules on a transaction as a whole, in order.

use crate::crypto::PublicKey;
use crate::execute::check_advisory;
use crate::genesis::Role;
use crate::receipt::Outcome;
use crate::rejection::Rejection;
use crate::testing::{World, issue, key, member};
use crate::transaction::Transaction;
use crate::types::{DAY_MS, Reference};

/// Runs one issue whose transaction was changed before signing.
fn run_changed(world: &mut World, change: impl FnOnce(&mut Transaction)) -> Outcome {
    let operation = world.operation(issue(1, member(1), 100));
    let mut transaction = world.transaction(1, Role::Issuer, vec![operation]);
    change(&mut transaction);
    transaction.sign(&key(1, 1));
    let (receipts, _) = world.block(vec![transaction]);
    receipts[0][0].outcome.clone()
}

#[test]
fn a_transaction_lives_until_its_time_and_at_most_a_day() {
    let mut world = World::with_members(0);
    let next_ms = world.time_ms + 1;
    assert!(matches!(run_changed(&mut world, |t| t.valid_until_ms = next_ms), Outcome::Applied(_)));
    let next_ms = world.time_ms + 1;
    let late = run_changed(&mut world, |t| t.valid_until_ms = next_ms - 1);
    assert_eq!(late, Outcome::Rejected(Rejection::Expired));
    let next_ms = world.time_ms + 1;
    assert!(matches!(run_changed(&mut world, |t| t.valid_until_ms = next_ms + DAY_MS), Outcome::Applied(_)));
    let next_ms = world.time_ms + 1;
    let far = run_changed(&mut world, |t| t.valid_until_ms = next_ms + DAY_MS + 1);
    assert_eq!(far, Outcome::Rejected(Rejection::ValidUntilTooFar));
}

#[test]
fn time_is_judged_before_the_key_and_the_key_before_the_reference() {
    let mut world = World::with_members(0);
    let mut operation = world.operation(issue(1, member(1), 100));
    operation.reference = Reference::new(0, 1);
    let mut transaction = world.transaction(1, Role::Issuer, vec![operation]);
    transaction.valid_until_ms = 0;
    transaction.sign(&key(3, 1));
    let refused = |world: &mut World, t: &Transaction| world.block(vec![t.clone()]).0[0][0].outcome.clone();
    assert_eq!(refused(&mut world, &transaction), Outcome::Rejected(Rejection::Expired));
    transaction.valid_until_ms = world.time_ms + 10;
    transaction.sign(&key(3, 1));
    assert_eq!(refused(&mut world, &transaction), Outcome::Rejected(Rejection::UnknownKey));
    transaction.sign(&key(1, 1));
    assert_eq!(refused(&mut world, &transaction), Outcome::Rejected(Rejection::ReferenceTooOld));
}

#[test]
fn a_mempool_refuses_what_execution_would() {
    let mut world = World::with_members(0);
    let operation = world.operation(issue(1, member(1), 100));
    let mut transaction = world.transaction(1, Role::Issuer, vec![operation]);
    let advise = |world: &World, t: &Transaction| check_advisory(&world.store, &world.genesis, world.time_ms, t);
    assert_eq!(advise(&world, &transaction), Ok(()));
    transaction.public_key = PublicKey::of(&key(2, 1));
    assert_eq!(advise(&world, &transaction), Err(Rejection::UnknownKey));
}
