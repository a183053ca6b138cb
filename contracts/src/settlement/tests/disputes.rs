//! The ways of a dispute: accepted, contested, decided, and what silence means.

use super::january;
use crate::genesis::Role;
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::settlement::{AnswerDispute, DecideDispute, Dispute, DisputeState, Gross, OpenDispute};
use crate::state::tag;
use crate::testing::{World, exchange, genesis, member, merchant, redeem, reverse_redeem};
use crate::transaction::Body;
use crate::types::{Fen, Obligation, Reference};

/// 1 CNY in 10^-8 CNY.
const CNY: i128 = 100_000_000;

fn open(id: u16, original: Reference, amount: i128) -> Body {
    let (merchant, amount) = (merchant(id), Obligation(amount));
    Body::OpenDispute(OpenDispute { merchant, original, amount, reason: "the till was closed".into() })
}

fn answer(id: u16, original: Reference, accept: bool) -> Body {
    Body::AnswerDispute(AnswerDispute { merchant: merchant(id), original, accept })
}

fn decide(id: u16, original: Reference, upheld: bool) -> Body {
    Body::DecideDispute(DecideDispute { merchant: merchant(id), original, upheld })
}

fn dispute(world: &World, original: Reference) -> Dispute {
    world.record(tag::disputes, &(merchant(2), original)).expect("the dispute")
}

fn adjustment(world: &World) -> Obligation {
    let gross: Option<Gross> = world.record(tag::gross, &(world.month(), merchant(2), merchant(1)));
    gross.unwrap_or_default().adjustment
}

/// Merchant 2 redeemed 100 points of merchant 1's, worth 1 CNY; gives the reference.
fn redeemed() -> (World, Reference) {
    let mut world = World::with_members(1_000);
    let operation = world.operation(redeem(1, member(1), 100));
    let reference = operation.reference;
    assert!(matches!(world.submit(2, operation), Outcome::Applied(_)));
    (world, reference)
}

#[test]
fn an_accepted_dispute_is_an_adjustment_in_the_open_cycle() {
    let (mut world, sale) = redeemed();
    world.skip_months(1);
    world.applied(1, open(2, sale, CNY / 2));
    let adjusted =
        Applied::DisputeAdjusted { debtor: merchant(1), creditor: merchant(2), adjustment: Obligation(CNY / 2) };
    assert_eq!(world.applied(2, answer(2, sale, true)), adjusted);
    assert_eq!((adjustment(&world), dispute(&world, sale).state), (Obligation(CNY / 2), DisputeState::Accepted));
    let closed: Gross = world.record(tag::gross, &(january(), merchant(1), merchant(2))).expect("January's");
    assert_eq!(closed.total(), Obligation(CNY), "a closed cycle does not change");
}

#[test]
fn rules_of_open_dispute_in_order() {
    let (mut world, sale) = redeemed();
    let own = world.operation(redeem(1, member(1), 100));
    let own_sale = own.reference;
    world.submit(1, own);
    let treasurer = world.run_as(1, Role::Governor, open(2, sale, 1));
    assert_eq!(treasurer, Outcome::Rejected(Rejection::RoleMissing));
    world.refused(1, open(3, sale, 1), Rejection::UnknownOriginal);
    world.refused(1, open(1, own_sale, 1), Rejection::NotDisputable);
    world.refused(2, open(2, sale, 1), Rejection::WrongParty);
    world.refused(1, open(2, sale, CNY + 1), Rejection::DisputeUnbalanced);
    world.applied(2, reverse_redeem(sale, 40));
    world.refused(1, open(2, sale, CNY * 6 / 10 + 1), Rejection::DisputeUnbalanced);
    // The cycle ends with January; 7 business days later it is the end of Thursday 9 February.
    let late_ms = world.genesis.calendar().day_start_ms("2017-02-10".parse().expect("a day"));
    world.block_at(late_ms - 1, Vec::new());
    world.refused(1, open(2, sale, CNY), Rejection::DisputeLate);
}

#[test]
fn an_operation_is_disputed_once() {
    let (mut world, sale) = redeemed();
    world.applied(1, open(2, sale, CNY));
    world.refused(1, open(2, sale, CNY), Rejection::DisputeExists);
    world.refused(2, reverse_redeem(sale, 1), Rejection::Disputed);
    world.refused(1, answer(2, sale, true), Rejection::WrongParty);
    world.refused(2, answer(3, sale, true), Rejection::UnknownDispute);
    world.refused(3, decide(2, sale, true), Rejection::DisputeNotContested);
    world.applied(2, answer(2, sale, false));
    world.refused(2, answer(2, sale, true), Rejection::DisputeClosed);
    world.refused(1, open(2, sale, CNY), Rejection::DisputeExists);
}

#[test]
fn governors_who_are_no_party_decide_what_is_contested() {
    let (mut world, sale) = redeemed();
    world.applied(1, open(2, sale, CNY));
    world.applied(2, answer(2, sale, false));
    world.refused(3, decide(3, sale, true), Rejection::UnknownDispute);
    world.refused(1, decide(2, sale, true), Rejection::WrongParty);
    assert_eq!(world.applied(3, decide(2, sale, true)), Applied::Voiced { voices: 1, needed: 2 });
    assert_eq!(world.applied(4, decide(2, sale, false)), Applied::Voiced { voices: 1, needed: 2 }, "another act");
    world.applied(4, decide(2, sale, true));
    assert_eq!((adjustment(&world), dispute(&world, sale).state), (Obligation(CNY), DisputeState::Upheld));
    world.refused(3, decide(2, sale, false), Rejection::DisputeNotContested);
    world.refused(2, reverse_redeem(sale, 1), Rejection::Disputed);
}

#[test]
fn silence_of_the_creditor_accepts_and_silence_of_the_governors_dismisses() {
    let (mut world, sale) = redeemed();
    let Applied::DisputeOpened { answer_due_ms } = world.applied(1, open(2, sale, CNY)) else { panic!("opened") };
    world.block_at(answer_due_ms, Vec::new());
    assert_eq!((adjustment(&world), dispute(&world, sale).state), (Obligation(CNY), DisputeState::Accepted));

    let (mut world, sale) = redeemed();
    world.applied(1, open(2, sale, CNY));
    let Applied::DisputeContested { decision_due_ms } = world.applied(2, answer(2, sale, false)) else {
        panic!("contested")
    };
    world.block_at(decision_due_ms - 1, Vec::new());
    assert_eq!(dispute(&world, sale).state, DisputeState::Contested);
    world.block(Vec::new());
    assert_eq!((adjustment(&world), dispute(&world, sale).state), (Obligation(0), DisputeState::Dismissed));
    world.applied(2, reverse_redeem(sale, 100));
}

#[test]
fn a_small_claim_does_not_block_the_refund_of_a_whole_sale() {
    let (mut world, sale) = redeemed();
    world.applied(1, open(2, sale, CNY / 10));
    world.refused(2, reverse_redeem(sale, 91), Rejection::Disputed);
    world.applied(2, reverse_redeem(sale, 90));
    world.applied(2, answer(2, sale, true));
    world.refused(2, reverse_redeem(sale, 1), Rejection::Disputed);
}

#[test]
fn neither_word_nor_silence_of_the_creditor_goes_past_its_cap() {
    let mut poor = genesis();
    poor.merchants[1].net_debit_cap_fen = Fen(99);
    let disputed = || {
        let mut world = World::new(poor.clone());
        world.enrol(1, 1);
        world.issue(1, member(1), 100_000);
        let operation = world.operation(redeem(1, member(1), 100));
        let sale = operation.reference;
        world.submit(2, operation);
        // The cycle closes, so what merchant 2 is owed no longer makes room.
        world.skip_months(1);
        let Applied::DisputeOpened { answer_due_ms } = world.applied(1, open(2, sale, CNY)) else { panic!("opened") };
        (world, sale, answer_due_ms)
    };
    let (mut world, sale, answer_due_ms) = disputed();
    world.refused(2, answer(2, sale, true), Rejection::NetDebitCap);
    world.block_at(answer_due_ms, Vec::new());
    assert_eq!((adjustment(&world), dispute(&world, sale).state), (Obligation(0), DisputeState::Contested));
    // What the others uphold, no cap stops.
    world.applied(3, decide(2, sale, true));
    world.applied(4, decide(2, sale, true));
    assert_eq!((adjustment(&world), dispute(&world, sale).state), (Obligation(CNY), DisputeState::Upheld));
}

#[test]
fn an_exchange_is_disputed_too() {
    let mut world = World::with_members(1_000);
    let operation = world.operation(exchange(member(1), (1, 4), 1_000, 0));
    let reference = operation.reference;
    world.submit(1, operation);
    // It made merchant 1 owe merchant 4 9.78 CNY.
    world.refused(1, open(1, reference, 978_000_001), Rejection::DisputeUnbalanced);
    world.applied(1, open(1, reference, 978_000_000));
    world.applied(4, answer(1, reference, true));
    let gross: Gross = world.record(tag::gross, &(january(), merchant(4), merchant(1))).expect("booked");
    assert_eq!(gross.adjustment, Obligation(978_000_000));
}
