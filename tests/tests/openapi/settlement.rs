//! The part of the walk that is about settlement: sub points, an airline's miles, a dispute, a cycle and its payment.

use tally_contracts::exchange::{AnnounceAnchor, ImportPoints, Split};
use tally_contracts::governance::{SetBusinessDays, SetClock, SetDay};
use tally_contracts::settlement::{
    AnswerDispute, ConfirmLeg, DecideDispute, DrawCollateral, OpenDispute, ReportPayment, SetCollateral,
};
use tally_contracts::transaction::{Body, Transaction};
use tally_contracts::types::{ClassId, DAY_MS, Fen, HOUR_MS, MerchantId, Month, Obligation, Points};
use tally_tests::solo::{GENESIS_MS, key};

use crate::document::Step;
use crate::governance;
use crate::script::{
    BEANS, NEXT_MONTH_MS, SHOP, VALID_UNTIL_MS, With, by_governor, member, reference, send, signed, step, submit,
};

const AIRLINE: MerchantId = MerchantId(2);
const CUPS: ClassId = ClassId(4);
/// The reference of the import that is disputed.
const IMPORT: u128 = 81;

fn cycle() -> Month {
    "2026-01".parse().expect("a month")
}

fn by_airline(number: u128, seed: u8, body: Body) -> Transaction {
    signed(number, (AIRLINE, &key(seed)), VALID_UNTIL_MS, body)
}

fn by_treasurer(number: u128, merchant: MerchantId, body: Body) -> Transaction {
    let seed = if merchant == AIRLINE { key::AIRLINE_TREASURER } else { key::TREASURER };
    signed(number, (merchant, &key(seed)), NEXT_MONTH_MS + HOUR_MS, body)
}

/// The steps, up to the description itself.
pub fn steps() -> Vec<Step> {
    let parts = [
        changes_of_class(),
        dispute(),
        agreement(),
        governance::decisions(),
        close(),
        governance::distributions(),
        payment(),
    ];
    parts.into_iter().flatten().collect()
}

fn changes_of_class() -> Vec<Step> {
    let split = Split { member: member(2), from_class: BEANS, to_class: CUPS, points: Points(10), min_out: Points(10) };
    let import =
        ImportPoints { external_reference: "HA-2026-000017".into(), class: BEANS, member: member(1), units: 1_000 };
    let anchor = "0.012".parse().expect("a rate");
    let announce = AnnounceAnchor { class: BEANS, anchor, effective_ms: GENESIS_MS + 60 * DAY_MS };
    vec![
        submit(80, "split", "Main points become points that serve in few places", &Body::Split(split)),
        step(
            "getSpendPlan",
            "sub_points_first",
            "Which points a bill should take: those first that serve in few places",
        )
        .with("member", member(2))
        .with("amount_fen", Fen(40)),
        step("getSpendPlan", "at_a_partner", "Nothing is spent at an airline that only imports")
            .with("member", member(2))
            .with("merchant", AIRLINE)
            .with("amount_fen", Fen(40))
            .answered(422),
        send(
            "import",
            "An airline turns a member's miles into points, under a key of its own",
            &by_airline(IMPORT, key::AIRLINE, Body::Import(import)),
        ),
        send(
            "announce_anchor",
            "The shop says that a point will be worth more",
            &by_governor(82, Body::AnnounceAnchor(announce)),
        ),
    ]
}

fn dispute() -> Vec<Step> {
    let (merchant, original) = (AIRLINE, reference(IMPORT));
    let amount = Obligation(50_000_000);
    let open = OpenDispute { merchant, original, amount, reason: "half of the miles were given back".into() };
    let answer = AnswerDispute { merchant, original, accept: true };
    let decide = DecideDispute { merchant, original, upheld: true };
    vec![
        send(
            "open_dispute",
            "The airline disputes half of what the import made it owe",
            &by_airline(83, key::AIRLINE_TREASURER, Body::OpenDispute(open)),
        ),
        send(
            "answer_dispute",
            "The shop accepts: the adjustment is booked",
            &signed(84, (SHOP, &key(key::TREASURER)), VALID_UNTIL_MS, Body::AnswerDispute(answer)),
        ),
        send(
            "decide_dispute",
            "Governors decide what is contested; this one is not",
            &by_governor(85, Body::DecideDispute(decide)),
        ),
        step("listDisputes", "all", "Disputes, open and ended").with("limit", 10),
    ]
}

fn agreement() -> Vec<Step> {
    let day = "2026-02-18".parse().expect("a day");
    let days = SetBusinessDays { days: vec![SetDay { day, is_business: false }] };
    let collateral = SetCollateral { merchant: AIRLINE, collateral_fen: Fen(200_000) };
    vec![
        send(
            "set_business_days",
            "Merchants jointly put days into the calendar; one merchant is all of them here",
            &by_governor(86, Body::SetBusinessDays(days)),
        ),
        send("set_collateral", "The airline has prefunded more", &by_governor(87, Body::SetCollateral(collateral))),
        step("getCalendar", "february", "Which days are business days").with("from", "2026-02-13").with("days", 7),
    ]
}

fn close() -> Vec<Step> {
    let next_month = SetClock { time_ms: NEXT_MONTH_MS };
    let set = signed(70, (MerchantId::POOL, &key(key::CLOCK)), NEXT_MONTH_MS, Body::SetClock(next_month));
    let of_cycle = |step: Step| step.with("cycle", cycle());
    vec![
        of_cycle(step("listSettlementOperations", "to_the_pool", "What stands behind the pool's claim"))
            .with("debtor", SHOP)
            .with("creditor", MerchantId::POOL)
            .with("limit", 10),
        send("set_clock", "A simulated clock is set: the cycle is over", &set),
        step("listSettlements", "all", "Every closed cycle"),
        of_cycle(step("getSettlement", "closed", "One closed cycle in full")),
        of_cycle(step("getSettlementStatement", "of_the_airline", "What the cycle came to for one participant"))
            .with("merchant", AIRLINE),
        of_cycle(step("getObligations", "closed", "What was owed in a closed cycle")),
    ]
}

fn payment() -> Vec<Step> {
    let (cycle, leg) = (cycle(), 0);
    let report = ReportPayment { cycle, leg, bank_reference: "20260205-0001".into() };
    let confirm = ConfirmLeg { cycle, leg, amount_fen: Fen(50) };
    let draw = DrawCollateral { cycle, leg };
    let by_governor = signed(90, (SHOP, &key(key::GOVERNOR)), NEXT_MONTH_MS + HOUR_MS, Body::DrawCollateral(draw));
    vec![
        send(
            "report_payment",
            "The payer leaves its bank's reference",
            &by_treasurer(71, AIRLINE, Body::ReportPayment(report)),
        ),
        send("draw_collateral", "What is overdue for long may be drawn from collateral; this leg is not", &by_governor),
        send("confirm_leg", "The payee confirms the payment", &by_treasurer(72, SHOP, Body::ConfirmLeg(confirm))),
        step("getOpenApi", "this", "This document"),
    ]
}
