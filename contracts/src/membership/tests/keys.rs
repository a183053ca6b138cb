//! Operator keys: added, rotated and revoked from the next block on, whatever the order within a block.

use super::super::{AddKey, RevokeKey, RotateKey};
use crate::crypto::PublicKey;
use crate::genesis::Role;
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::testing::{World, issue, key, member, redeem};
use crate::transaction::{Body, Operation, Till, Transaction};
use crate::types::{StoreId, TillId};

fn public(seed: u8) -> PublicKey {
    PublicKey::of(&key(1, seed))
}

fn add(seed: u8, roles: &[Role], store: Option<u32>) -> Body {
    Body::AddKey(AddKey { public_key: public(seed), roles: roles.to_vec(), store_id: store.map(StoreId) })
}

fn revoke(seed: u8) -> Body {
    Body::RevokeKey(RevokeKey { public_key: public(seed) })
}

fn rotate(old: u8, new: u8) -> Body {
    Body::RotateKey(RotateKey { public_key: public(old), new_key: public(new) })
}

/// A transaction of merchant 1 that the key of this seed signs.
fn signed_by(world: &World, seed: u8, operation: Operation) -> Transaction {
    let mut transaction = world.transaction(1, Role::Issuer, vec![operation]);
    transaction.sign(&key(1, seed));
    transaction
}

fn run_by(world: &mut World, seed: u8, body: Body) -> Outcome {
    let operation = world.operation(body);
    let transaction = signed_by(world, seed, operation);
    world.block(vec![transaction]).0[0][0].outcome.clone()
}

#[test]
fn an_added_key_signs_from_the_next_block_on_within_its_roles() {
    let mut world = World::with_members(0);
    let adding = world.operation(add(20, &[Role::Issuer], None));
    let using = world.operation(issue(1, member(1), 100));
    let governor = world.transaction(1, Role::Governor, vec![adding]);
    let early = signed_by(&world, 20, using);
    let (receipts, _) = world.block(vec![governor, early]);
    assert_eq!(receipts[0][0].outcome, Outcome::Applied(Applied::KeyAdded));
    assert_eq!(receipts[1][0].outcome, Outcome::Rejected(Rejection::UnknownKey));
    assert!(matches!(run_by(&mut world, 20, issue(1, member(1), 100)), Outcome::Applied(_)));
    assert_eq!(run_by(&mut world, 20, redeem(1, member(1), 1)), Outcome::Rejected(Rejection::RoleMissing));
}

#[test]
fn a_revoked_key_still_signs_in_its_block_and_never_after() {
    for revoked_first in [true, false] {
        let mut world = World::with_members(0);
        world.applied(1, add(20, &[Role::Issuer], None));
        let revoking = world.operation(revoke(20));
        let using = world.operation(issue(1, member(1), 100));
        let mut transactions = vec![world.transaction(1, Role::Governor, vec![revoking]), signed_by(&world, 20, using)];
        if !revoked_first {
            transactions.reverse();
        }
        let (receipts, _) = world.block(transactions);
        assert!(receipts.iter().all(|r| matches!(r[0].outcome, Outcome::Applied(_))), "{receipts:?}");
        assert_eq!(run_by(&mut world, 20, issue(1, member(1), 100)), Outcome::Rejected(Rejection::KeyRevoked));
    }
}

#[test]
fn a_rotation_hands_on_roles_and_store() {
    let mut world = World::with_members(100);
    world.applied(1, add(20, &[Role::Acceptor], Some(12)));
    world.applied(1, rotate(20, 21));
    assert_eq!(run_by(&mut world, 20, redeem(1, member(1), 1)), Outcome::Rejected(Rejection::KeyRevoked));
    assert_eq!(run_by(&mut world, 21, redeem(1, member(1), 1)), Outcome::Rejected(Rejection::WrongStore));
    for (store, expected) in [(12, None), (13, Some(Rejection::WrongStore))] {
        let till = Some(Till { store_id: StoreId(store), till_id: TillId(1) });
        let operation = Operation { till, ..world.operation(redeem(1, member(1), 1)) };
        let transaction = signed_by(&world, 21, operation);
        let outcome = world.block(vec![transaction]).0[0][0].outcome.clone();
        match expected {
            None => assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}"),
            Some(rejection) => assert_eq!(outcome, Outcome::Rejected(rejection)),
        }
    }
    assert_eq!(run_by(&mut world, 21, issue(1, member(1), 1)), Outcome::Rejected(Rejection::RoleMissing));
}

#[test]
fn rules_of_keys_in_order() {
    let mut world = World::with_members(0);
    assert_eq!(
        world.run_as(1, Role::Issuer, add(20, &[Role::Issuer], None)),
        Outcome::Rejected(Rejection::RoleMissing)
    );
    // The test keys of merchant 1 have the seeds 1 (issuer) to 4 (governor).
    world.refused(1, add(1, &[Role::Issuer], None), Rejection::KeyExists);
    world.refused(1, revoke(20), Rejection::UnknownOperatorKey);
    world.refused(1, rotate(20, 1), Rejection::UnknownOperatorKey);
    world.refused(1, rotate(1, 2), Rejection::KeyExists);
    world.refused(1, rotate(1, 1), Rejection::KeyExists);
    world.refused(1, revoke(4), Rejection::LastGovernorKey);
    // Another merchant's key is not one of ours.
    world.refused(2, revoke(1), Rejection::UnknownOperatorKey);
    world.applied(1, add(20, &[Role::Treasurer, Role::Governor], None));
    world.applied(1, revoke(20));
    world.refused(1, revoke(20), Rejection::KeyAlreadyRevoked);
    world.refused(1, rotate(20, 21), Rejection::KeyAlreadyRevoked);
    world.refused(1, add(20, &[Role::Issuer], None), Rejection::KeyExists);
    world.refused(1, revoke(4), Rejection::LastGovernorKey);
    world.applied(1, rotate(4, 22));
    let again = run_by(&mut world, 22, revoke(22));
    assert_eq!(again, Outcome::Rejected(Rejection::LastGovernorKey));
}

#[test]
fn what_bytes_alone_decide_of_keys() {
    let weak = AddKey { public_key: PublicKey([0; 32]), roles: vec![Role::Issuer], store_id: None };
    assert!(Body::AddKey(weak).check_stateless().is_err());
    assert!(add(20, &[], None).check_stateless().is_err());
    assert!(add(20, &[Role::Governor, Role::Issuer], None).check_stateless().is_err());
    assert!(add(20, &[Role::Issuer, Role::Governor], None).check_stateless().is_ok());
    let weak = RotateKey { public_key: public(1), new_key: PublicKey([0; 32]) };
    assert!(Body::RotateKey(weak).check_stateless().is_err());
}
