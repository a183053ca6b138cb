//! Rule table of the simulated clock, and what genesis refuses.

use super::SetClock;
use crate::crypto::PublicKey;
use crate::genesis::{Clock, Role};
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::testing::{World, genesis, key};
use crate::transaction::{Body, Transaction};
use crate::types::{Fen, MerchantId};

fn set_clock(world: &mut World, time_ms: u64) -> Transaction {
    let operation = world.operation(Body::SetClock(SetClock { time_ms }));
    let mut transaction = world.transaction(0, Role::Issuer, vec![operation]);
    transaction.valid_until_ms = time_ms;
    transaction.sign(&key(0, 9));
    transaction
}

#[test]
fn a_clock_key_sets_the_clock() {
    let mut world = World::new(genesis());
    let time_ms = world.time_ms + 1_000_000_000;
    let transaction = set_clock(&mut world, time_ms);
    let (receipts, _) = world.block_at(time_ms, vec![transaction]);
    assert_eq!(receipts[0][0].outcome, Outcome::Applied(Applied::ClockSet));
}

#[test]
fn rules_of_set_clock_in_order() {
    let mut world = World::new(genesis());
    let body = Body::SetClock(SetClock { time_ms: world.time_ms + 1 });
    assert_eq!(world.run_as(1, Role::Governor, body), Outcome::Rejected(Rejection::RoleMissing), "no clock key");

    let mut stranger = set_clock(&mut world, 1);
    stranger.valid_until_ms = world.time_ms + 1;
    stranger.sign(&key(1, 1));
    let (receipts, _) = world.block(vec![stranger]);
    assert_eq!(receipts[0][0].outcome, Outcome::Rejected(Rejection::UnknownKey));

    let mut back = set_clock(&mut world, 1);
    back.valid_until_ms = world.time_ms + 2;
    back.sign(&key(0, 9));
    for _ in 0..2 {
        let (receipts, _) = world.block(vec![back.clone()]);
        let outcome = &receipts[0][0].outcome;
        assert_eq!(*outcome, Outcome::Rejected(Rejection::ClockBackwards), "it is not kept, so not a duplicate");
    }

    let mut real = genesis();
    real.clock = Clock::Real;
    let mut world = World::new(real);
    let time_ms = world.time_ms + 1;
    let transaction = set_clock(&mut world, time_ms);
    let (receipts, _) = world.block(vec![transaction]);
    assert_eq!(receipts[0][0].outcome, Outcome::Rejected(Rejection::UnknownKey), "real time has no clock keys");
}

#[test]
fn a_clock_key_does_nothing_else() {
    let mut world = World::with_members(0);
    let operation = world.operation(crate::testing::issue(1, crate::testing::member(1), 100));
    let mut transaction = world.transaction(0, Role::Issuer, vec![operation]);
    transaction.sign(&key(0, 9));
    let (receipts, _) = world.block(vec![transaction]);
    assert_eq!(receipts[0][0].outcome, Outcome::Rejected(Rejection::RoleMissing));
}

#[test]
fn genesis_names_the_field_it_refuses() {
    let refuse = |change: fn(&mut crate::genesis::Genesis), word: &str| {
        let mut changed = genesis();
        change(&mut changed);
        let error = changed.check().expect_err(word).to_string();
        assert!(error.contains(word), "`{error}` names {word}");
    };
    refuse(|g| g.utc_offset_minutes = 900, "utc_offset_minutes");
    refuse(|g| g.time_ms = u64::MAX, "time_ms");
    refuse(|g| g.parameters.min_anchor = "0".parse().expect("a rate"), "min_anchor");
    refuse(|g| g.parameters.exchange_spread = "1".parse().expect("a rate"), "exchange_spread");
    refuse(|g| g.parameters.idle_block_ms = 0, "idle_block_ms");
    refuse(|g| g.merchants.clear(), "merchants");
    refuse(|g| g.merchants[1].id = MerchantId(1), "merchant ids");
    refuse(|g| g.merchants[3].id = MerchantId(u16::MAX), "merchant ids");
    refuse(|g| g.merchants[0].net_debit_cap_fen = Fen(u64::MAX), "net_debit_cap_fen");
    refuse(|g| g.merchants[0].validator_key = PublicKey([0; 32]), "key");
    refuse(|g| g.merchants[1].validator_key = g.merchants[0].validator_key, "twice");
    refuse(|g| g.merchants[0].operator_keys[0].roles.clear(), "roles");
    refuse(|g| g.clock = Clock::Simulated { keys: Vec::new() }, "clock");
    refuse(|g| g.clock = Clock::Simulated { keys: vec![PublicKey([0; 32])] }, "clock key");
    refuse(|g| g.parameters.max_anchor = "1000000.1".parse().expect("a rate"), "max_anchor");
    refuse(|g| g.classes[0].terms.accepted_by = vec![MerchantId(9)], "accepted_by");
    refuse(|g| g.classes[0].issuer = MerchantId(9), "issued by");
    refuse(|g| g.classes[0].terms.decimals = 3, "decimals");
    refuse(|g| g.classes[0].terms.life_months = 25, "life_months");
    refuse(|g| g.classes[0].terms.anchor = "0.031".parse().expect("a rate"), "anchor");
    refuse(|g| g.classes.swap(0, 1), "class ids");
}

#[test]
fn the_chain_id_binds_every_field_that_decides() {
    let base = genesis().chain_id();
    let mut changed = genesis();
    changed.parameters.no_consent_limit_fen = Fen(1);
    assert_ne!(base, changed.chain_id());
    let text = serde_json::to_string(&genesis()).expect("json");
    let back: crate::genesis::Genesis = serde_json::from_str(&text).expect("its own text");
    assert_eq!(base, back.chain_id(), "formatting does not matter");
}
