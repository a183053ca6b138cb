//! Rule tables of joining and leaving.

use ed25519_dalek::SigningKey;

use crate::checkpoint::tests::{attest, checkpoint};
use crate::crypto::{PublicKey, Signature, sign};
use crate::genesis::{Genesis, OperatorKey, Role};
use crate::governance::change::{Admit, Change, ClassExchange, Exit, attested_bytes};
use crate::governance::{NOTICE_BLOCKS, Proposal, ProposalState, epochs};
use crate::membership::{Admission, Criteria, Depart, Merchant, Phase};
use crate::points::{ClassTotals, Reason};
use crate::pool::Distribution;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement::{ConfirmLeg, Gross, Leg};
use crate::state::tag;
use crate::testing::{World, capture, class, exchange, genesis, hold, issue, key, member, merchant, redeem, transfer};
use crate::transaction::Body;
use crate::types::{Address, ClassId, DAY_MS, Fen, Hash, Height, MerchantId, Month, Obligation, Points, Rate};

fn attester() -> SigningKey {
    key(0xff, 1)
}

/// The test alliance, with an attester and a run-off of 30 days.
fn founded() -> Genesis {
    let mut founded = genesis();
    founded.parameters.admission.attesters = vec![PublicKey::of(&attester())];
    founded.parameters.governance.run_off_days = 30;
    founded
}

fn admission(world: &World, id: u16) -> Admit {
    let operator =
        |role, number| OperatorKey { public_key: PublicKey::of(&key(id, number)), roles: vec![role], store_id: None };
    let mut admit = Admit {
        merchant: MerchantId(id),
        name: "fifth".into(),
        validator_key: PublicKey::of(&key(id, 0)),
        cosigner_key: PublicKey::of(&key(id, 9)),
        network_key: PublicKey::of(&key(id, 8)),
        operator_keys: vec![
            operator(Role::Issuer, 1),
            operator(Role::Acceptor, 2),
            operator(Role::Treasurer, 3),
            operator(Role::Governor, 4),
        ],
        net_debit_cap_fen: Fen(1_000_000),
        base_share: 1,
        criteria: Criteria { annual_revenue_fen: Fen(500_000_000), members: 10_000, industry: 5_299 },
        attester: PublicKey::of(&attester()),
        attestation: Signature::default(),
    };
    state_criteria(world, &mut admit);
    admit
}

fn state_criteria(world: &World, admit: &mut Admit) {
    admit.attestation = sign(&attester(), &attested_bytes(&world.genesis.chain_id(), admit));
}

fn propose(admit: Admit) -> Body {
    crate::governance::tests::proposals::propose(Change::Admit(admit), 0)
}

fn leave(world: &mut World, id: u16, successor: u16, exchanges: &[(u32, u32)]) {
    let exchange = |(from, to): &(u32, u32)| ClassExchange { from_class: class(*from), to_class: class(*to) };
    let exchanges = exchanges.iter().map(exchange).collect();
    world.enact(Change::Exit(Exit { merchant: merchant(id), successor: merchant(successor), exchanges }));
}

fn depart(id: u16) -> Body {
    Body::Depart(Depart { merchant: merchant(id) })
}

fn record(world: &World, id: u16) -> Merchant {
    world.record(tag::merchants, &merchant(id)).expect("on record")
}

fn confirm_all(world: &mut World, cycle: &str) {
    let cycle: Month = cycle.parse().expect("a month");
    for number in 0.. {
        let Some(leg) = world.record::<_, Leg>(tag::legs, &(cycle, number)) else { break };
        let body = ConfirmLeg { cycle, leg: number, amount_fen: leg.amount_fen };
        world.applied(leg.payee.0, Body::ConfirmLeg(body));
    }
}

#[test]
fn a_merchant_that_is_admitted_acts_at_once_and_validates_some_blocks_later() {
    let mut world = World::new(founded());
    let before = checkpoint(&mut world);
    let admit = admission(&world, 5);
    world.enact(Change::Admit(admit));
    let joined: Admission = world.record(tag::admissions, &merchant(5)).expect("admitted");
    assert_eq!(joined.from_height, Height(world.height.0 + NOTICE_BLOCKS));
    let sets: Vec<(u64, usize)> = epochs(&world.store).iter().map(|(h, set)| (h.0, set.validators().len())).collect();
    assert_eq!(sets, [(1, 4), (joined.from_height.0, 5)]);
    let vouched = attest(&world, 5, before, Hash::ZERO);
    world.refused(5, Body::Attest(vouched), Rejection::NotValidating);
    world.enrol(5, 5);
    world.applied(
        5,
        Body::CreateClass(crate::points::CreateClass { class: class(5), terms: crate::testing::terms("0.01", 12) }),
    );
    world.issue(5, member(5), 1_000);
    assert!(record(&world, 5).has_voice());
    // Of five merchants four are needed now.
    let other = admission(&world, 6);
    let Applied::Voted { needed: 4, .. } = world.applied(5, propose(other)) else { panic!("four of five") };
}

#[test]
fn rules_of_admission_in_order() {
    let mut world = World::new(founded());
    world.refused(1, propose(admission(&world, 4)), Rejection::MerchantExists);
    world.refused(1, propose(admission(&world, 65_535)), Rejection::ParametersOutOfBounds);
    let mut rich = admission(&world, 5);
    rich.net_debit_cap_fen = Fen(u64::MAX);
    world.refused(1, propose(rich), Rejection::ParametersOutOfBounds);
    let mut doubled = admission(&world, 5);
    doubled.validator_key = PublicKey::of(&key(1, 0));
    world.refused(1, propose(doubled), Rejection::KeyExists);
    for criteria in [
        Criteria { annual_revenue_fen: Fen(499_999_999), members: 10_000, industry: 1 },
        Criteria { annual_revenue_fen: Fen(500_000_000), members: 9_999, industry: 1 },
    ] {
        let mut small = Admit { criteria, ..admission(&world, 5) };
        state_criteria(&world, &mut small);
        world.refused(1, propose(small), Rejection::BelowCriteria);
    }
    let mut unattested = admission(&world, 5);
    unattested.criteria.members += 1;
    world.refused(1, propose(unattested), Rejection::NotAttested);
    let mut stranger = admission(&world, 5);
    stranger.attester = PublicKey::of(&key(1, 4));
    stranger.attestation = sign(&key(1, 4), &attested_bytes(&world.genesis.chain_id(), &stranger));
    world.refused(1, propose(stranger), Rejection::NotAttested);
    let admit = admission(&world, 5);
    world.enact(Change::Admit(admit));
    let mut again = admission(&world, 6);
    again.network_key = PublicKey::of(&key(5, 8));
    world.refused(1, propose(again), Rejection::KeyExists);
}

#[test]
fn in_its_run_off_a_merchant_gives_no_new_points_and_those_out_there_are_spent() {
    let mut world = World::new(founded());
    for n in 1..=4 {
        world.enrol(n, n.into());
        world.issue(1, member(n), 10_000);
        world.issue(2, member(n), 10_000);
    }
    leave(&mut world, 1, 2, &[]);
    let until_ms = world.time_ms + 30 * DAY_MS;
    assert_eq!(record(&world, 1).phase, Phase::RunningOff { until_ms, successor: merchant(2) });
    world.refused(1, issue(1, member(1), 100), Rejection::MerchantLeaving);
    world.refused(2, exchange(member(2), (2, 1), 10, 1), Rejection::MerchantLeaving);
    let enrol = crate::membership::Enrol { holder: Default::default(), commitment: crate::testing::commitment(77) };
    world.refused(1, Body::Enrol(enrol), Rejection::MerchantLeaving);
    world.applied(3, redeem(1, member(3), 10));
    world.applied(1, exchange(member(1), (1, 2), 10, 1));
    world.applied(1, redeem(2, member(1), 1));
    world.refused(1, depart(1), Rejection::RunOffRunning);
    world.refused(2, depart(2), Rejection::NotLeaving);
    let exit = Exit { merchant: merchant(1), successor: merchant(3), exchanges: Vec::new() };
    let exit = crate::governance::tests::proposals::propose(Change::Exit(exit), 0);
    world.refused(1, exit, Rejection::MerchantLeaving);

    world.block_at(until_ms, Vec::new());
    assert_eq!(record(&world, 1).phase, Phase::WoundUp { successor: merchant(2) });
    world.refused(3, redeem(1, member(3), 10), Rejection::ClassClosed);
    world.refused(1, redeem(2, member(1), 1), Rejection::MerchantLeaving);
    // What member 1 holds of class 2 is now in merchant 2's custody.
    world.refused(1, transfer(2, member(1), member(2), 1), Rejection::ForeignCustodian);
    world.applied(2, transfer(2, member(1), member(2), 1));
}

#[test]
fn what_is_still_out_there_is_bought_out_and_the_merchant_departs_once_all_is_settled() {
    let mut world = World::new(founded());
    for n in 1..=4 {
        world.enrol(n, n.into());
    }
    for n in 1..=3 {
        world.issue(1, member(n), 10_000);
    }
    leave(&mut world, 1, 4, &[]);
    world.block_at(world.time_ms + 29 * DAY_MS, Vec::new());
    let held = world.operation(hold(1, member(2), 40, world.time_ms + 7 * DAY_MS));
    let held_reference = held.reference;
    world.submit(3, held);
    world.block_at(world.time_ms + DAY_MS, Vec::new());
    // 100 + 60 + 100 points at 0.01: members of merchants 1 (now 4's), 2 and 3.
    assert_eq!([1, 2, 3].map(|n| world.balance(member(n), 1)), [0, 0, 0]);
    let cycle: Month = "2017-01".parse().expect("a month");
    let bought = |world: &World, creditor: u16| {
        let gross: Option<Gross> = world.record(tag::gross, &(cycle, merchant(1), merchant(creditor)));
        gross.map(|gross| gross.buy_out.0 / 1_000_000)
    };
    assert_eq!([2, 3, 4].map(|id| bought(&world, id)), [Some(60), Some(100), Some(100)]);
    let totals = |world: &World| world.record::<_, ClassTotals>(tag::class_totals, &class(1)).expect("counted");
    assert_eq!((totals(&world).bought_out, totals(&world).held), (Points(260), Points(40)));
    world.refused(1, depart(1), Rejection::PositionsOpen);
    // Half of the hold is captured in time; the rest comes back and is bought out when the class is looked at again.
    world.applied(3, capture(held_reference, 25));
    world.refused(3, depart(1), Rejection::PositionsOpen);
    world.skip_day();
    assert_eq!(totals(&world).bought_out, Points(275));
    confirm_all(&mut world, "2017-01");
    world.refused(1, depart(1), Rejection::PositionsOpen);
    world.skip_months(1);
    confirm_all(&mut world, "2017-02");
    let from_height = Height(world.height.0 + 1 + NOTICE_BLOCKS);
    assert_eq!(world.applied(2, depart(1)), Applied::Departed { from_height });
    assert_eq!(epochs(&world.store).last().map(|(h, set)| (*h, set.validators().len())), Some((from_height, 3)));
    assert_eq!(world.run(1, depart(1)), crate::receipt::Outcome::Rejected(Rejection::Departed));
    world.refused(2, depart(1), Rejection::MerchantGone);
    assert!(!record(&world, 1).has_voice());
    // Nobody takes up a key that it signed with, in whatever place.
    for left in [key(1, 0), key(1, 9)].map(|left| PublicKey::of(&left)) {
        let places: [fn(&mut Admit) -> &mut PublicKey; 3] =
            [|admit| &mut admit.validator_key, |admit| &mut admit.cosigner_key, |admit| &mut admit.network_key];
        for place in places {
            let mut again = admission(&world, 6);
            *place(&mut again) = left;
            world.refused(2, propose(again), Rejection::KeyExists);
        }
    }
    let admit = admission(&world, 6);
    world.applied(2, propose(admit));
}

#[test]
fn a_pool_that_goes_on_being_shared_out_keeps_nobody_from_departing() {
    let mut levied = founded();
    levied.parameters.pool.levy = Rate::from_millionths(10_000);
    let mut world = World::new(levied);
    world.enrol(2, 2);
    leave(&mut world, 1, 2, &[]);
    let month_passes = |world: &mut World, cycle: &str| {
        world.issue(2, member(2), 1_000_000);
        world.skip_months(1);
        let shared: Distribution =
            world.record(tag::distributions, &cycle.parse::<Month>().expect("a month")).expect("shared out");
        confirm_all(world, cycle);
        shared.shares.iter().any(|share| share.merchant == merchant(1))
    };
    assert!(month_passes(&mut world, "2017-01"), "its run-off is not over");
    assert_eq!(record(&world, 1).phase, Phase::WoundUp { successor: merchant(2) });
    assert!(!month_passes(&mut world, "2017-02"));
    // What January's share came to was owed in February, whose legs are confirmed now.
    assert!(matches!(world.applied(1, depart(1)), Applied::Departed { .. }));
}

#[test]
fn points_of_a_class_that_is_exchanged_keep_their_value_and_their_expiry() {
    let mut world = World::new(founded());
    for n in 1..=2 {
        world.enrol(n, n.into());
        world.issue(2, member(n), 10_100);
    }
    // Class 2 at 0.02 goes into class 4 at 0.03: 101 points become 67, and one third of a point goes to the pool.
    leave(&mut world, 2, 1, &[(2, 4)]);
    world.block_at(world.time_ms + 30 * DAY_MS, Vec::new());
    for n in 1..=2 {
        assert_eq!(world.lots(member(n), 2), []);
        assert_eq!(world.lots(member(n), 4), [("2017-04".parse::<Month>().expect("a month"), 67)]);
    }
    let gross: Gross = world
        .record(tag::gross, &("2017-01".parse::<Month>().expect("a month"), merchant(2), merchant(4)))
        .expect("owed");
    assert_eq!(gross.exchange, Obligation(2 * 67 * 3_000_000));
    let claim: Obligation = world.record(tag::pool_claims, &merchant(2)).expect("the pool's");
    assert_eq!(claim, Obligation(2 * (101 * 2_000_000 - 67 * 3_000_000)));
}

#[test]
fn a_large_class_is_bought_out_over_several_blocks() {
    let mut world = World::new(founded());
    world.enrol(1, 1);
    let members: Vec<Address> = (0..1_500).map(|number| world.enrol(3, 1_000 + number)).collect();
    for chunk in members.chunks(300) {
        let operations = chunk.iter().map(|m| world.operation(issue(1, *m, 10_000))).collect();
        let transaction = world.transaction(1, Role::Issuer, operations);
        world.block(vec![transaction]);
    }
    leave(&mut world, 1, 2, &[]);
    world.block_at(world.time_ms + 30 * DAY_MS, Vec::new());
    let left = |world: &World| members.iter().filter(|m| world.balance(**m, 1) > 0).count();
    assert_eq!(left(&world), 500);
    assert!(
        crate::due::due_at_ms(&world.store, world.genesis.calendar(), u64::MAX) <= world.time_ms,
        "there is more to do"
    );
    world.block(Vec::new());
    assert_eq!(left(&world), 0);
    let (_, movement) = crate::points::latest_in(&world.store, &(members[0], ClassId(1)), world.height).expect("moved");
    assert_eq!((movement.reason, movement.delta), (Reason::BoughtOut, -100));
}

#[test]
fn rules_of_exit_in_order() {
    let mut world = World::new(founded());
    let exit = |id: u16, successor: u16, exchanges: &[(u32, u32)]| {
        let exchange = |(from, to): &(u32, u32)| ClassExchange { from_class: class(*from), to_class: class(*to) };
        let exchanges = exchanges.iter().map(exchange).collect();
        let exit = Exit { merchant: merchant(id), successor: merchant(successor), exchanges };
        crate::governance::tests::proposals::propose(Change::Exit(exit), 0)
    };
    world.refused(1, exit(9, 1, &[]), Rejection::UnknownMerchant);
    world.refused(1, exit(2, 2, &[]), Rejection::SameParty);
    world.refused(1, exit(2, 9, &[]), Rejection::UnknownMerchant);
    world.refused(1, exit(2, 1, &[(2, 9)]), Rejection::UnknownClass);
    world.refused(1, exit(2, 1, &[(1, 3)]), Rejection::NotExchangeable);
    world.refused(1, exit(2, 1, &[(2, 2)]), Rejection::NotExchangeable);
    leave(&mut world, 1, 2, &[]);
    world.refused(3, exit(2, 1, &[]), Rejection::MerchantLeaving);
    world.refused(3, exit(2, 3, &[(2, 1)]), Rejection::NotExchangeable);
    let state = |world: &World| -> Vec<ProposalState> {
        let all = crate::state::read_range::<(MerchantId, crate::types::Reference), Proposal>(
            &world.store,
            tag::proposals,
            &(merchant(0), crate::types::Reference(0)),
            None,
            10,
        );
        all.into_iter().map(|(_, proposal)| proposal.state).collect()
    };
    assert!(matches!(state(&world)[..], [ProposalState::Active { .. }]));
}
