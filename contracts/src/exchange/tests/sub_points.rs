//! Sub points: opened, split, spent where they may, and never more worth than what went in.

use crate::exchange::{AnnounceAnchor, Split};
use crate::points::{ClassTerms, CreateClass, SubTerms};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::testing::{World, class, exchange, member, redeem, terms};
use crate::transaction::Body;
use crate::types::{Address, DAY_MS, Obligation, Points};

/// A class spent in merchant 2's industry only.
fn sub_terms(main: u32, anchor: &str, split_rate: &str) -> ClassTerms {
    let split_rate = split_rate.parse().expect("a rate");
    ClassTerms { industries: vec![5_202], sub: Some(SubTerms { main: class(main), split_rate }), ..terms(anchor, 6) }
}

fn create(id: u32, terms: ClassTerms) -> Body {
    Body::CreateClass(CreateClass { class: class(id), terms })
}

fn split(member: Address, (from, to): (u32, u32), points: u64, min_out: u64) -> Body {
    let (from_class, to_class) = (class(from), class(to));
    Body::Split(Split { member, from_class, to_class, points: Points(points), min_out: Points(min_out) })
}

fn with_sub_class() -> World {
    let mut world = World::with_members(1_000);
    world.applied(1, create(11, sub_terms(1, "0.01", "0.9")));
    world
}

#[test]
fn a_sub_class_belongs_to_a_main_class_and_says_where_it_serves() {
    let mut world = World::with_members(0);
    let everywhere = ClassTerms { industries: Vec::new(), ..sub_terms(1, "0.01", "1") };
    world.refused(1, create(11, everywhere), Rejection::ClassOutOfBounds);
    world.refused(1, create(11, sub_terms(9, "0.01", "1")), Rejection::NoSuchSplit);
    world.refused(1, create(11, sub_terms(2, "0.01", "1")), Rejection::NoSuchSplit);
    world.refused(1, create(11, sub_terms(1, "0.01", "1.000001")), Rejection::YieldsMore);
    world.refused(1, create(11, sub_terms(1, "0.02", "0.500001")), Rejection::YieldsMore);
    world.applied(1, create(11, sub_terms(1, "0.02", "0.5")));
    world.refused(1, create(12, sub_terms(11, "0.01", "1")), Rejection::NoSuchSplit);
}

#[test]
fn a_split_keeps_the_expiry_and_books_the_rest_to_the_pool() {
    let mut world = with_sub_class();
    let applied = world.applied(1, split(member(1), (1, 11), 101, 90));
    let (points_out, from_balance, to_balance) = (Points(90), Points(899), Points(90));
    let pool_obligation = Obligation(11_000_000);
    assert_eq!(applied, Applied::Split { points_out, from_balance, to_balance, pool_obligation });
    assert_eq!(world.lots(member(1), 11)[0].0, world.lots(member(1), 1)[0].0, "not the sub class's own life");
}

#[test]
fn rules_of_split_in_order() {
    let mut world = with_sub_class();
    world.refused(1, split(member(1), (9, 1), 0, 0), Rejection::UnknownClass);
    world.refused(1, split(member(1), (1, 9), 0, 0), Rejection::UnknownClass);
    world.refused(1, split(Address([9; 20]), (1, 2), 0, 0), Rejection::NoSuchSplit);
    world.refused(1, split(Address([9; 20]), (11, 1), 0, 0), Rejection::NoSuchSplit);
    world.refused(1, split(Address([9; 20]), (1, 11), 0, 0), Rejection::UnknownMember);
    world.refused(1, split(member(2), (1, 11), 0, 0), Rejection::ForeignCustodian);
    world.refused(1, split(member(1), (1, 11), 0, 0), Rejection::AmountZero);
    world.refused(1, split(member(1), (1, 11), 1_001, 0), Rejection::InsufficientPoints);
    world.refused(1, split(member(1), (1, 11), 1, 0), Rejection::BelowMinOut);
    world.refused(1, split(member(1), (1, 11), 100, 91), Rejection::BelowMinOut);
    // Once the sub class is to be worth more, its split yields more than goes in.
    let effective_ms = world.time_ms + DAY_MS;
    let anchor = "0.02".parse().expect("a rate");
    world.applied(1, Body::AnnounceAnchor(AnnounceAnchor { class: class(11), anchor, effective_ms }));
    world.refused(1, split(member(1), (1, 11), 100, 0), Rejection::YieldsMore);
}

#[test]
fn sub_points_serve_in_their_industry_and_are_not_exchanged() {
    let mut world = with_sub_class();
    world.applied(1, split(member(1), (1, 11), 100, 90));
    world.refused(3, redeem(11, member(1), 10), Rejection::OutsideIndustry);
    world.applied(2, redeem(11, member(1), 10));
    world.refused(1, exchange(member(1), (11, 2), 10, 0), Rejection::NotExchangeable);
    world.refused(1, exchange(member(1), (2, 11), 10, 0), Rejection::NotExchangeable);
    world.refused(1, split(member(1), (11, 1), 10, 0), Rejection::NoSuchSplit);
}
