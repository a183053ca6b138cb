//! Wallets: enrolment, rotation, recovery, what they authorize and what their grants let a till spend.

use super::super::{RECOVERY_MS, RecoverWallet, RegisterWallet, RotateWallet, Wallet, wallet_address};
use crate::authorization::{Authorization, SpendGrant};
use crate::crypto::PublicKey;
use crate::encoding;
use crate::genesis::Role;
use crate::membership::{EnrolWallet, Freeze, HolderKind, Member};
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::state::tag;
use crate::testing::{World, exchange, genesis, hold, issue, member, redeem, transfer, void, wallet};
use crate::transaction::{Body, CheckedTransaction, Operation};
use crate::types::{Address, ClassId, DAY_MS, Fen, HOUR_MS, Hash, MerchantId};

fn public(n: u8) -> PublicKey {
    PublicKey::of(&wallet(n))
}

fn register(member: Address, n: u8) -> Body {
    Body::RegisterWallet(RegisterWallet { member, wallet_key: public(n) })
}

fn rotate(member: Address, n: u8) -> Body {
    Body::RotateWallet(RotateWallet { member, wallet_key: public(n) })
}

fn recover(member: Address, n: u8) -> Body {
    Body::RecoverWallet(RecoverWallet { member, wallet_key: public(n) })
}

/// Asserts what becomes of a wallet-signed operation, and that a refused one changes nothing.
fn refused_signed(world: &mut World, id: u16, n: u8, body: Body, expected: Rejection) {
    let operation = world.signed(id, &wallet(n), body);
    world.refused_operation(id, operation, expected);
}

fn applied_signed(world: &mut World, id: u16, n: u8, body: Body) {
    let outcome = world.run_signed(id, &wallet(n), body);
    assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
}

/// Member 1 has 1,000 points of class 1 and wallet 1.
fn with_wallet() -> World {
    let mut rules = genesis();
    rules.parameters.no_consent_limit_fen = Fen(0);
    let mut world = World::new(rules);
    for n in 1..=4 {
        world.enrol(n, n.into());
    }
    world.issue(1, member(1), 100_000);
    applied_signed(&mut world, 1, 1, register(member(1), 1));
    world
}

#[test]
fn a_member_that_comes_with_a_key_keeps_its_address_when_the_key_changes() {
    let mut world = World::new(genesis());
    let address = world.enrol_wallet(2, &wallet(5));
    assert_eq!(address, wallet_address(&public(5)));
    refused_signed(
        &mut world,
        3,
        5,
        Body::EnrolWallet(EnrolWallet { holder: HolderKind::Member, wallet_key: public(5) }),
        Rejection::MemberExists,
    );
    applied_signed(&mut world, 4, 5, rotate(address, 6));
    let record: Member = world.record(tag::members, &address).expect("enrolled");
    assert_eq!((record.custodian, record.wallet), (MerchantId(2), Some(Wallet { key: public(6), recovery: None })));
    // Nobody takes the address of another's key.
    refused_signed(
        &mut world,
        3,
        6,
        Body::EnrolWallet(EnrolWallet { holder: HolderKind::Member, wallet_key: public(7) }),
        Rejection::WrongWalletKey,
    );
}

#[test]
fn rules_of_registering_in_order() {
    let mut world = World::with_members(0);
    refused_signed(&mut world, 1, 1, register(Address([9; 20]), 1), Rejection::UnknownMember);
    refused_signed(&mut world, 2, 1, register(member(1), 1), Rejection::ForeignCustodian);
    refused_signed(&mut world, 1, 2, register(member(1), 1), Rejection::WrongWalletKey);
    applied_signed(&mut world, 1, 1, register(member(1), 1));
    refused_signed(&mut world, 1, 2, register(member(1), 2), Rejection::WalletExists);
}

#[test]
fn rules_of_rotation_in_order() {
    let mut world = with_wallet();
    refused_signed(&mut world, 2, 1, rotate(Address([9; 20]), 2), Rejection::UnknownMember);
    refused_signed(&mut world, 2, 1, rotate(member(2), 2), Rejection::WalletMissing);
    refused_signed(&mut world, 2, 2, rotate(member(1), 2), Rejection::WrongWalletKey);
    refused_signed(&mut world, 2, 1, rotate(member(1), 1), Rejection::SameParty);
    world.applied(1, Body::Freeze(Freeze { member: member(1) }));
    refused_signed(&mut world, 2, 1, rotate(member(1), 2), Rejection::MemberFrozen);
}

#[test]
fn a_recovery_takes_effect_by_itself_after_seven_visible_days() {
    let mut world = with_wallet();
    world.refused(1, recover(Address([9; 20]), 2), Rejection::UnknownMember);
    world.refused(2, recover(member(1), 2), Rejection::ForeignCustodian);
    world.refused(2, recover(member(2), 2), Rejection::WalletMissing);
    world.refused(1, recover(member(1), 1), Rejection::SameParty);
    let Applied::RecoveryStarted { effective_ms } = world.applied(1, recover(member(1), 2)) else { panic!("started") };
    assert_eq!(effective_ms, world.time_ms + RECOVERY_MS);
    world.block_at(effective_ms - 2, Vec::new());
    refused_signed(&mut world, 1, 2, redeem(1, member(1), 1), Rejection::WrongWalletKey);
    applied_signed(&mut world, 1, 2, redeem(1, member(1), 1));
    refused_signed(&mut world, 1, 1, redeem(1, member(1), 1), Rejection::WrongWalletKey);
    // The next recovery starts from the key that is in effect now.
    world.refused(1, recover(member(1), 2), Rejection::SameParty);
    world.applied(1, recover(member(1), 3));
    applied_signed(&mut world, 1, 2, redeem(1, member(1), 1));
}

#[test]
fn the_old_key_ends_a_recovery_and_another_start_starts_over() {
    let mut world = with_wallet();
    world.applied(1, recover(member(1), 2));
    applied_signed(&mut world, 3, 1, rotate(member(1), 4));
    world.block_at(world.time_ms + 8 * DAY_MS, Vec::new());
    refused_signed(&mut world, 1, 2, redeem(1, member(1), 1), Rejection::WrongWalletKey);
    applied_signed(&mut world, 1, 4, redeem(1, member(1), 1));
    world.applied(1, recover(member(1), 5));
    world.block_at(world.time_ms + 4 * DAY_MS, Vec::new());
    world.applied(1, recover(member(1), 6));
    world.block_at(world.time_ms + 4 * DAY_MS, Vec::new());
    refused_signed(&mut world, 1, 5, redeem(1, member(1), 1), Rejection::WrongWalletKey);
    applied_signed(&mut world, 1, 4, redeem(1, member(1), 1));
    world.block_at(world.time_ms + 4 * DAY_MS, Vec::new());
    applied_signed(&mut world, 1, 6, redeem(1, member(1), 1));
}

#[test]
fn with_a_wallet_on_record_the_custodian_no_longer_acts_alone() {
    let mut world = with_wallet();
    world.refused(1, transfer(1, member(1), member(2), 1), Rejection::AuthorizationRequired);
    world.refused(1, exchange(member(1), (1, 2), 10, 0), Rejection::AuthorizationRequired);
    world.refused(2, transfer(1, member(1), member(2), 1), Rejection::AuthorizationRequired);
    world.refused(2, transfer(1, member(2), member(1), 0), Rejection::AmountZero);
    world.refused(3, transfer(1, member(2), member(1), 1), Rejection::ForeignCustodian);
    world.refused(1, redeem(1, member(1), 1), Rejection::NoConsentLimit);
    let release_ms = world.time_ms + HOUR_MS;
    world.refused(1, hold(1, member(1), 1, release_ms), Rejection::NoConsentLimit);
    // The member's own word serves at any merchant, beyond every limit.
    applied_signed(&mut world, 3, 1, transfer(1, member(1), member(2), 1));
    applied_signed(&mut world, 2, 1, exchange(member(1), (1, 2), 10, 0));
    applied_signed(&mut world, 4, 1, redeem(1, member(1), 100));
    applied_signed(&mut world, 4, 1, hold(1, member(1), 100, release_ms));
}

#[test]
fn an_authorization_serves_one_merchant_one_operation_and_one_alliance() {
    let mut world = with_wallet();
    let body = || redeem(1, member(1), 1);
    let change = |world: &mut World, change: &dyn Fn(&mut crate::authorization::WalletAuthorization)| {
        let mut operation = world.operation(body());
        let mut signed = crate::authorization::WalletAuthorization {
            chain_id: world.genesis.chain_id(),
            acceptor: MerchantId(2),
            valid_until_ms: world.time_ms + HOUR_MS,
            public_key: public(1),
            signature: crate::crypto::Signature::default(),
        };
        change(&mut signed);
        let hash = signed.signing_hash(operation.reference, &operation.body);
        signed.signature = crate::crypto::sign(&wallet(1), &hash.0);
        operation.authorization = Some(Authorization::Wallet(signed));
        operation
    };
    let foreign = change(&mut world, &|a| a.chain_id = Hash([1; 32]));
    world.refused_operation(2, foreign, Rejection::AuthorizationChain);
    let elsewhere = change(&mut world, &|a| a.acceptor = MerchantId(3));
    world.refused_operation(2, elsewhere.clone(), Rejection::AuthorizationAcceptor);
    assert!(matches!(world.submit(3, elsewhere), Outcome::Applied(_)));
    let late = change(&mut world, &|a| a.valid_until_ms = 5);
    world.refused_operation(2, late, Rejection::AuthorizationExpired);
    let good = change(&mut world, &|_| {});
    assert!(matches!(world.submit(2, good.clone()), Outcome::Applied(_)));
    assert!(matches!(world.submit(2, good.clone()), Outcome::Duplicate { .. }), "never twice");
    // Under another reference, or for other points, the signature no longer matches: no transaction at all.
    let fresh = world.reference();
    for moved in [Operation { reference: fresh, ..good.clone() }, Operation { body: redeem(1, member(1), 2), ..good }] {
        let transaction = world.transaction(2, Role::Acceptor, vec![moved]);
        let invalid = CheckedTransaction::check(encoding::encode(&transaction), &world.genesis.chain_id());
        assert_eq!(invalid.expect_err("forged").name(), "wrong_authorization");
    }
}

#[test]
fn a_grant_is_spent_up_to_its_maximum_and_no_further() {
    let mut world = with_wallet();
    let grant = world.grant(member(1), 300);
    assert!(matches!(world.redeem_granted(2, &wallet(1), grant.clone(), 200), Outcome::Applied(_)));
    let over = world.redeem_granted(3, &wallet(1), grant.clone(), 101);
    assert_eq!(over, Outcome::Rejected(Rejection::GrantExhausted));
    assert!(matches!(world.redeem_granted(3, &wallet(1), grant.clone(), 100), Outcome::Applied(_)));
    let twice = world.redeem_granted(2, &wallet(1), grant.clone(), 1);
    assert_eq!(twice, Outcome::Rejected(Rejection::GrantExhausted));
    // The same wish in another grant is another grant.
    let other = SpendGrant { nonce: crate::crypto::Nonce([2; 16]), ..grant };
    assert!(matches!(world.redeem_granted(2, &wallet(1), other, 1), Outcome::Applied(_)));
}

#[test]
fn rules_of_grants_in_order() {
    let mut world = with_wallet();
    let good = world.grant(member(1), 300);
    let cases: [(SpendGrant, Rejection); 6] = [
        (SpendGrant { chain_id: Hash([1; 32]), ..good.clone() }, Rejection::AuthorizationChain),
        (SpendGrant { class: ClassId(2), ..good.clone() }, Rejection::GrantClass),
        (SpendGrant { acceptors: vec![MerchantId(3)], expires_ms: 0, ..good.clone() }, Rejection::GrantAcceptor),
        (SpendGrant { expires_ms: world.time_ms + 1, ..good.clone() }, Rejection::GrantExpired),
        (SpendGrant { expires_ms: world.time_ms + 2 * DAY_MS, ..good.clone() }, Rejection::GrantTooLong),
        (SpendGrant { max_points: crate::types::Points(0), ..good.clone() }, Rejection::GrantExhausted),
    ];
    for (grant, expected) in cases {
        assert_eq!(world.redeem_granted(2, &wallet(1), grant, 1), Outcome::Rejected(expected));
    }
    assert_eq!(world.redeem_granted(2, &wallet(2), good.clone(), 1), Outcome::Rejected(Rejection::WrongWalletKey));
    let mut others = good.clone();
    others.member = member(2);
    others.sign(&wallet(1));
    let mut operation = world.operation(redeem(1, member(1), 1));
    operation.authorization = Some(Authorization::Grant(others));
    world.refused_operation(2, operation, Rejection::GrantMember);
    for acceptors in [vec![], vec![MerchantId(3), MerchantId(2)], (1..=17).map(MerchantId).collect()] {
        assert!(SpendGrant { acceptors, ..good.clone() }.check_stateless().is_err());
    }
}

#[test]
fn a_hold_by_grant_that_is_voided_leaves_the_grant_whole() {
    let mut world = with_wallet();
    let mut grant = world.grant(member(1), 300);
    grant.sign(&wallet(1));
    let mut placed = world.operation(hold(1, member(1), 300, world.time_ms + HOUR_MS / 2));
    placed.authorization = Some(Authorization::Grant(grant.clone()));
    assert!(matches!(world.submit(2, placed.clone()), Outcome::Applied(_)));
    assert_eq!(world.redeem_granted(2, &wallet(1), grant.clone(), 1), Outcome::Rejected(Rejection::GrantExhausted));
    world.applied(2, void(placed.reference));
    assert!(matches!(world.redeem_granted(2, &wallet(1), grant, 300), Outcome::Applied(_)));
}

#[test]
fn kinds_that_take_no_authorization_are_malformed_with_one() {
    let mut world = with_wallet();
    let signed = world.signed(1, &wallet(1), issue(1, member(1), 100));
    assert!(signed.check_stateless().is_err());
    let mut grant = world.grant(member(1), 1);
    grant.sign(&wallet(1));
    let mut gift = world.operation(transfer(1, member(1), member(2), 1));
    gift.authorization = Some(Authorization::Grant(grant));
    assert!(gift.check_stateless().is_err());
    assert!(world.operation(rotate(member(1), 2)).check_stateless().is_err(), "a rotation needs a wallet's word");
}
