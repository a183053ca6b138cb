//! Anchors that change: notice, the guard in between, versions, and quotes that die with theirs.

use crate::exchange::{AnchorChanged, AnnounceAnchor, Ask, Quote, QuoteTerms, RateVersion, quote};
use crate::execute::BlockContext;
use crate::genesis::{ExchangeDay, Genesis};
use crate::points::PointClass;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::tag;
use crate::testing::{World, class, exchange, genesis, member, redeem};
use crate::transaction::Body;
use crate::types::{DAY_MS, Day, Fen, Obligation, Points, Rate};

fn announce(id: u32, anchor: &str, effective_ms: u64) -> Body {
    Body::AnnounceAnchor(AnnounceAnchor { class: class(id), anchor: anchor.parse().expect("a rate"), effective_ms })
}

fn day_start(world: &World, day: &str) -> u64 {
    world.genesis.calendar().day_start_ms(day.parse().expect("a day"))
}

fn quoted(body: Body, version: u32, valid_until_ms: u64) -> Body {
    let Body::Exchange(mut exchange) = body else { panic!("an exchange") };
    exchange.quote = Some(QuoteTerms { version, valid_until_ms });
    Body::Exchange(exchange)
}

fn ask(world: &World, points: u64, (from, to): (u32, u32)) -> Result<Quote, Rejection> {
    let context = BlockContext::new(&world.genesis, world.genesis.chain_id(), world.height.next(), world.time_ms);
    let ask = Ask { member: member(1), from_class: class(from), to_class: class(to), points: Points(points) };
    quote(&world.store, context, &ask, 60_000)
}

#[test]
fn rules_of_announce_anchor_in_order() {
    let mut world = World::with_members(0);
    let now = world.time_ms;
    world.refused(2, announce(9, "1", 0), Rejection::UnknownClass);
    world.refused(2, announce(1, "1", 0), Rejection::WrongParty);
    world.refused(1, announce(1, "0.031", 0), Rejection::ClassOutOfBounds);
    world.refused(1, announce(1, "0.01", 0), Rejection::AnchorUnchanged);
    world.refused(1, announce(1, "0.02", now), Rejection::NoticeTooShort);
    // 15 business days from Sunday 1 January end with Friday the 20th; 90 days later it is 21 April.
    let last_ms = day_start(&world, "2017-04-21");
    world.refused(1, announce(1, "0.02", last_ms + 1), Rejection::NoticeTooLong);
    assert_eq!(
        world.applied(1, announce(1, "0.02", now + DAY_MS)),
        Applied::AnchorAnnounced { version: 2 },
        "a higher anchor needs no notice"
    );
    world.refused(1, announce(1, "0.03", 0), Rejection::AnchorPending);
}

#[test]
fn a_lower_anchor_is_announced_fifteen_business_days_ahead() {
    // From Sunday 1 January 2017 on, with three days off and three make-up Saturdays, the 15th ends with Saturday 21.
    let mut chinese = genesis();
    let days = |texts: &[&str]| -> Vec<Day> { texts.iter().map(|day| day.parse().expect("a day")).collect() };
    chinese.calendar.holidays = days(&["2017-01-02", "2017-01-03", "2017-01-04"]);
    chinese.calendar.workdays = days(&["2017-01-07", "2017-01-14", "2017-01-21"]);
    let mut world = World::new(chinese);
    let end_ms = day_start(&world, "2017-01-22");
    world.refused(2, announce(2, "0.015", end_ms - 1), Rejection::NoticeTooShort);
    world.applied(2, announce(2, "0.015", end_ms));
}

#[test]
fn between_announcement_and_effect_nobody_profits() {
    let mut world = World::with_members(10_000);
    let effective_ms = world.time_ms + 40 * DAY_MS;
    world.applied(2, announce(2, "0.01", effective_ms));
    // Out of class 2 at the lower anchor: 100 x 0.01 x 0.98 / 0.015 = 65; its issuer gives up 100 x 0.02 all the same.
    let applied = world.applied(1, exchange(member(1), (2, 3), 100, 0));
    let Applied::Exchanged { points_out, obligation, pool_obligation, .. } = applied else { panic!("exchanged") };
    assert_eq!(
        (points_out, obligation, pool_obligation),
        (Points(65), Obligation(97_500_000), Obligation(102_500_000))
    );
    // Into it at the higher: 1000 x 0.01 x 0.98 / 0.02 = 490.
    let applied = world.applied(1, exchange(member(1), (1, 2), 1_000, 0));
    let Applied::Exchanged { points_out, obligation, .. } = applied else { panic!("exchanged") };
    assert_eq!((points_out, obligation), (Points(490), Obligation(980_000_000)));
    // What is redeemed is worth the present anchor until then, and the new one from then on.
    let cash_off = |world: &mut World| match world.applied(2, redeem(2, member(2), 100)) {
        Applied::Redeemed { cash_off_fen, .. } => cash_off_fen,
        other => panic!("{other:?}"),
    };
    world.block_at(effective_ms - 2, Vec::new());
    assert_eq!(cash_off(&mut world), Fen(200));
    assert_eq!(cash_off(&mut world), Fen(100), "its block has the time of the change");
    let of_class: PointClass = world.record(tag::classes, &class(2)).expect("the class");
    assert_eq!((of_class.terms.anchor.to_string().as_str(), of_class.announced), ("0.01", None));
    let version: RateVersion = world.record(tag::rate_versions, &3_u32).expect("the version");
    assert!(version.is_effective && version.effective_ms == effective_ms);
    let due = AnchorChanged { class: class(2), anchor: of_class.terms.anchor, version: 3 };
    assert_eq!((due.class, due.anchor, due.version), (version.class, version.anchor, 3));
}

#[test]
fn a_quote_stands_while_its_version_and_time_do() {
    let mut world = World::with_members(10_000);
    let now = world.time_ms;
    world.refused(1, quoted(exchange(member(1), (1, 4), 1_000, 0), 2, now + 60_000), Rejection::StaleQuote);
    world.refused(1, quoted(exchange(member(1), (1, 4), 1_000, 0), 1, now), Rejection::StaleQuote);
    world.applied(1, quoted(exchange(member(1), (1, 4), 1_000, 326), 1, now + 60_000));
    world.applied(3, announce(3, "0.02", now + DAY_MS));
    world.refused(1, quoted(exchange(member(1), (1, 4), 1_000, 0), 1, now + 60_000), Rejection::StaleQuote);
}

#[test]
fn a_quote_says_what_an_exchange_gives_and_what_limits_leave() {
    let mut world = World::with_members(10_000);
    world.applied(1, exchange(member(1), (1, 4), 1_000, 0));
    let asked = ask(&world, 1_000, (1, 4)).expect("a quote");
    assert_eq!((asked.points_out, asked.spread.to_string().as_str()), (Points(326), "0.02"));
    assert_eq!(asked.value_given, Obligation(1_000_000_000));
    assert_eq!(asked.value_lost, Obligation(22_000_000));
    assert_eq!(asked.terms, QuoteTerms { version: 1, valid_until_ms: world.time_ms + 60_000 });
    let left: Vec<(&str, u64)> = asked.limits.iter().map(|limit| (limit.rule.name(), limit.left_fen.0)).collect();
    // The cap of 10,000 CNY less the 9.78 that the first exchange made merchant 1 owe.
    let expected =
        [("exchange_member_limit", 499_000), ("exchange_pair_limit", 99_999_000), ("net_debit_cap", 999_022)];
    assert_eq!(left, expected);
    assert_eq!(asked.refused_as, None);
    let Applied::Exchanged { points_out, .. } =
        world.applied(1, quoted(exchange(member(1), (1, 4), 1_000, 326), 1, asked.terms.valid_until_ms))
    else {
        panic!("exchanged")
    };
    assert_eq!(points_out, asked.points_out);
    assert_eq!(ask(&world, 9_000, (1, 4)), Err(Rejection::InsufficientPoints));
}

#[test]
fn a_quote_ends_with_its_day() {
    let mut world = World::with_members(10_000);
    let tomorrow_ms = day_start(&world, "2017-01-02");
    world.block_at(tomorrow_ms - 1_000, Vec::new());
    assert_eq!(ask(&world, 1_000, (1, 4)).expect("a quote").terms.valid_until_ms, tomorrow_ms - 1);
}

fn with_terms(change: impl FnOnce(&mut Genesis)) -> World {
    let mut changed = genesis();
    change(&mut changed);
    let mut world = World::new(changed);
    let one = world.enrol(1, 1);
    world.issue(1, one, 10_000_000);
    world
}

#[test]
fn limits_of_a_day_and_the_least_lot() {
    let mut world = with_terms(|g| {
        g.parameters.exchange.min_lot_fen = Fen(50);
        g.parameters.exchange.member_daily_limit_fen = Fen(1_000);
        g.pairs = vec![crate::genesis::GenesisPair {
            from_class: class(1),
            to_class: class(3),
            terms: crate::exchange::PairTerms { daily_limit_fen: Some(Fen(400)), ..Default::default() },
        }];
    });
    world.refused(1, exchange(member(1), (1, 4), 49, 0), Rejection::BelowMinLot);
    world.applied(1, exchange(member(1), (1, 4), 50, 0));
    world.refused(1, exchange(member(1), (1, 3), 401, 0), Rejection::ExchangePairLimit);
    world.applied(1, exchange(member(1), (1, 3), 400, 0));
    world.refused(1, exchange(member(1), (1, 4), 551, 0), Rejection::ExchangeMemberLimit);
    world.applied(1, exchange(member(1), (1, 4), 550, 0));
    world.skip_day();
    world.applied(1, exchange(member(1), (1, 3), 400, 0));
}

#[test]
fn on_an_exchange_day_the_lower_spread_holds() {
    let mut world = with_terms(|g| {
        g.parameters.exchange.days = vec![ExchangeDay { weekday: 3, spread: Rate::ZERO }];
        let terms = crate::exchange::PairTerms { spread: "0.5".parse().ok(), ..Default::default() };
        g.pairs = vec![crate::genesis::GenesisPair { from_class: class(1), to_class: class(4), terms }];
    });
    let out = |world: &mut World, to| match world.applied(1, exchange(member(1), (1, to), 300, 0)) {
        Applied::Exchanged { points_out, .. } => points_out.0,
        other => panic!("{other:?}"),
    };
    assert_eq!(out(&mut world, 4), 50, "half of it on a Sunday");
    assert_eq!(out(&mut world, 2), 147, "the alliance's 2 %");
    let wednesday_ms = day_start(&world, "2017-01-04");
    world.block_at(wednesday_ms, Vec::new());
    assert_eq!((out(&mut world, 4), out(&mut world, 2)), (100, 150));
}
