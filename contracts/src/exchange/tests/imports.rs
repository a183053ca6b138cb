//! Imports: a partner's points come in once per reference, on what it has prefunded.

use crate::crypto::PublicKey;
use crate::exchange::{ImportPoints, ImportRatio};
use crate::genesis::{GenesisPartner, Import, OperatorKey, Role};
use crate::membership::{AddKey, Member};
use crate::points::CreateClass;
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::settlement::{Leg, Position};
use crate::state::tag;
use crate::testing::{World, class, genesis, key, member, merchant, terms};
use crate::transaction::Body;
use crate::types::{Address, Fen, Month, Obligation, Points};

const AIRLINE: u16 = 9;

/// An alliance with an airline whose 100 miles are 10 points of class 1, and which has prefunded 5 CNY.
fn with_airline() -> World {
    let mut founded = genesis();
    let roles = [(1, Role::Issuer), (3, Role::Treasurer), (4, Role::Governor)];
    let operator_key = |(number, role)| OperatorKey {
        public_key: PublicKey::of(&key(AIRLINE, number)),
        roles: vec![role],
        store_id: None,
    };
    founded.partners = vec![GenesisPartner {
        id: merchant(AIRLINE),
        name: "airline".into(),
        operator_keys: roles.map(operator_key).to_vec(),
        collateral_fen: Fen(500),
        imports: vec![Import { class: class(1), ratio: ImportRatio { units: 100, points: 10 } }],
    }];
    let mut world = World::new(founded);
    world.enrol(1, 1);
    world
}

fn import(reference: &str, to: u32, member: Address, units: u64) -> Body {
    Body::Import(ImportPoints { external_reference: reference.into(), class: class(to), member, units })
}

#[test]
fn miles_become_points_that_the_partner_owes_for() {
    let mut world = with_airline();
    let applied = world.applied(AIRLINE, import("CA-1", 1, member(1), 2_019));
    let expires: Month = "2018-01".parse().expect("a month");
    let (points, balance, obligation) = (Points(201), Points(201), Obligation(201_000_000));
    assert_eq!(applied, Applied::Imported { points, expires, balance, obligation });
    world.skip_months(1);
    let leg: Leg = world.record(tag::legs, &("2017-01".parse::<Month>().expect("a month"), 0_u16)).expect("a leg");
    assert_eq!((leg.payer, leg.payee, leg.amount_fen), (merchant(AIRLINE), merchant(1), Fen(201)));
}

#[test]
fn rules_of_import_in_order() {
    let mut world = with_airline();
    let stranger = Address([9; 20]);
    assert_eq!(
        world.run_as(AIRLINE, Role::Treasurer, import("CA-1", 9, stranger, 0)),
        Outcome::Rejected(Rejection::RoleMissing)
    );
    world.refused(1, import("CA-1", 9, stranger, 0), Rejection::WrongParty);
    world.refused(AIRLINE, import("CA-1", 9, stranger, 0), Rejection::UnknownClass);
    world.refused(AIRLINE, import("CA-1", 2, stranger, 0), Rejection::UnknownRatio);
    world.refused(AIRLINE, import("CA-1", 1, stranger, 0), Rejection::UnknownMember);
    world.refused(AIRLINE, import("CA-1", 1, member(1), 0), Rejection::AmountZero);
    world.refused(AIRLINE, import("CA-1", 1, member(1), 9), Rejection::BelowMinOut);
    world.refused(AIRLINE, import("CA-1", 1, member(1), u64::MAX), Rejection::Overflow);
    world.refused(AIRLINE, import("CA-1", 1, member(1), 5_010), Rejection::NotPrefunded);
    let has_had = |world: &World| {
        let record: Member = world.record(tag::members, &member(1)).expect("a member");
        record.has_had(class(1))
    };
    assert!(!has_had(&world), "what was refused last had been credited before");
    world.applied(AIRLINE, import("CA-1", 1, member(1), 5_000));
    assert!(has_had(&world));
    world.refused(AIRLINE, import("CA-1", 1, member(1), 10), Rejection::ImportReused);
    world.refused(AIRLINE, import("CA-2", 1, member(1), 10), Rejection::NotPrefunded);
    let position: Position = world.record(tag::positions, &merchant(AIRLINE)).expect("a position");
    assert_eq!(position.payable, Obligation::from_fen(Fen(500)));
}

#[test]
fn a_partner_is_no_merchant() {
    let mut world = with_airline();
    let public_key = PublicKey::of(&key(AIRLINE, 7));
    let add = |roles| Body::AddKey(AddKey { public_key, roles, store_id: None });
    world.refused(AIRLINE, add(vec![Role::Acceptor]), Rejection::WrongParty);
    let create = Body::CreateClass(CreateClass { class: class(9), terms: terms("0.01", 6) });
    world.refused(AIRLINE, create, Rejection::WrongParty);
    let mut for_partner = terms("0.01", 6);
    for_partner.accepted_by = vec![merchant(AIRLINE)];
    let create = Body::CreateClass(CreateClass { class: class(9), terms: for_partner });
    world.refused(1, create, Rejection::UnknownMerchant);
    world.applied(AIRLINE, add(vec![Role::Treasurer]));
}
