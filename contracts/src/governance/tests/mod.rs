//! Rule table of the simulated clock, and what genesis refuses.

pub mod proposals;

use super::SetClock;
use crate::crypto::PublicKey;
use crate::exchange::{ImportRatio, PairTerms};
use crate::genesis::{Clock, ExchangeDay, GenesisPair, GenesisPartner, Import, Role};
use crate::governance::{SetBusinessDays, SetDay, is_business_day};
use crate::points::SubTerms;
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::testing::{World, class, genesis, key};
use crate::transaction::{Body, Transaction};
use crate::types::{DAY_MS, Day, Fen, MerchantId, Rate};

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

fn pair(from: u32, to: u32) -> GenesisPair {
    GenesisPair { from_class: class(from), to_class: class(to), terms: PairTerms::default() }
}

fn partner(id: u16) -> GenesisPartner {
    let (operator_keys, imports) = (Vec::new(), Vec::new());
    GenesisPartner { id: MerchantId(id), name: "airline".into(), operator_keys, collateral_fen: Fen(0), imports }
}

fn import(into: u32, units: u32) -> Import {
    Import { class: class(into), ratio: ImportRatio { units, points: 10 } }
}

fn sub(main: u32) -> Option<SubTerms> {
    Some(SubTerms { main: class(main), split_rate: Rate::from_millionths(1) })
}

#[test]
fn business_days_are_set_by_more_than_two_thirds_and_need_a_year_that_there_is() {
    let mut world = World::new(genesis());
    let set = |day| Body::SetBusinessDays(SetBusinessDays { days: vec![SetDay { day, is_business: false }] });
    let monday: Day = "2017-01-02".parse().expect("a day");
    assert!(is_business_day(&world.store, monday));
    assert_eq!(world.applied(1, set(monday)), Applied::Voiced { voices: 1, needed: 3 });
    let since_ms = world.time_ms;
    world.refused(1, set(monday), Rejection::VoicedAlready);
    // Exactly 30 days later the voice still counts.
    world.block_at(since_ms + 30 * DAY_MS - 1, Vec::new());
    assert_eq!(world.applied(2, set(monday)), Applied::Voiced { voices: 2, needed: 3 });
    world.block_at(since_ms + 30 * DAY_MS, Vec::new());
    assert_eq!(world.applied(4, set(monday.plus(7))), Applied::Voiced { voices: 1, needed: 3 });
    assert!(is_business_day(&world.store, monday));
    let tuesday = monday.plus(1);
    world.applied(1, set(tuesday));
    world.applied(2, set(tuesday));
    assert_eq!(world.applied(3, set(tuesday)), Applied::BusinessDaysSet);
    assert!(!is_business_day(&world.store, tuesday));
    assert!(set(Day::MAX).check_stateless().is_ok() && set(Day::MAX.plus(1)).check_stateless().is_err());
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
    refuse(|g| g.parameters.exchange.spread = "1".parse().expect("a rate"), "exchange.spread");
    refuse(|g| g.parameters.idle_block_ms = 0, "idle_block_ms");
    refuse(|g| g.merchants.clear(), "merchants");
    refuse(|g| g.merchants[1].id = MerchantId(1), "merchant ids");
    refuse(|g| g.merchants[3].id = MerchantId(u16::MAX), "merchant ids");
    refuse(|g| g.merchants[0].net_debit_cap_fen = Fen(u64::MAX), "cap and collateral");
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
    refuse(|g| g.parameters.settlement.cycle_months = 5, "cycle_months");
    refuse(|g| g.parameters.settlement.payment_business_days = 251, "payment_business_days");
    refuse(|g| g.parameters.settlement.cap_warning = "1.1".parse().expect("a rate"), "cap_warning");
    refuse(|g| g.parameters.exchange.days = vec![ExchangeDay { weekday: 8, spread: Rate::ZERO }], "weekday");
    refuse(|g| g.calendar.holidays = vec![Day(9), Day(8)], "calendar");
    refuse(|g| g.calendar.holidays = vec![Day(u32::MAX)], "calendar");
    refuse(|g| (g.calendar.holidays, g.calendar.workdays) = (vec![Day(8)], vec![Day(8)]), "calendar");
    refuse(|g| g.pairs = vec![pair(1, 1)], "pair");
    refuse(|g| g.pairs = vec![pair(1, 9)], "pair");
    refuse(|g| g.pairs = vec![pair(2, 1), pair(1, 2)], "pairs");
    refuse(|g| g.partners = vec![partner(1)], "partner");
    refuse(|g| g.partners = vec![partner(9), partner(9)], "partner");
    refuse(|g| g.partners = vec![GenesisPartner { imports: vec![import(9, 1)], ..partner(9) }], "class 9");
    refuse(|g| g.partners = vec![GenesisPartner { imports: vec![import(1, 0)], ..partner(9) }], "ratio");
    refuse(|g| g.classes[1].terms.sub = sub(1), "accepted_by or industries");
    refuse(|g| (g.classes[1].terms.sub, g.classes[1].terms.industries) = (sub(1), vec![1]), "same issuer");
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
