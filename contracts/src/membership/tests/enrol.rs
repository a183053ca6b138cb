//! Rule table of enrolment, and the card code.

use super::super::{Enrol, HolderKind, Member, member_address};
use crate::genesis::Role;
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::state::tag;
use crate::testing::{World, commitment, genesis, merchant};
use crate::transaction::Body;
use crate::types::Address;

fn enrol(number: u64) -> Body {
    Body::Enrol(Enrol { holder: HolderKind::Member, commitment: commitment(number) })
}

#[test]
fn an_enrolment_gives_an_address_in_the_merchants_custody() {
    let mut world = World::new(genesis());
    let Applied::Enrolled { member } = world.applied(2, enrol(7)) else { panic!("enrolled") };
    assert_eq!(member, member_address(merchant(2), &commitment(7)));
    let record: Option<Member> = world.record(tag::members, &member);
    assert_eq!(record, Some(Member::new(merchant(2), HolderKind::Member, None)));
}

#[test]
fn the_same_number_at_two_merchants_gives_two_addresses() {
    assert_ne!(member_address(merchant(1), &commitment(7)), member_address(merchant(2), &commitment(7)));
}

#[test]
fn rules_of_enrol_in_order() {
    let mut world = World::new(genesis());
    world.applied(1, enrol(7));
    assert_eq!(enrol(7).required_role(), Some(Role::Acceptor));
    let outcome = world.run_as(1, Role::Treasurer, enrol(7));
    assert_eq!(outcome, Outcome::Rejected(Rejection::RoleMissing));
    world.refused(1, enrol(7), Rejection::MemberExists);
}

#[test]
fn a_mistyped_card_code_is_found() {
    let code = member_address(merchant(1), &commitment(7)).to_string();
    assert!(code.starts_with("tally1"));
    assert_eq!(code.parse::<Address>().expect("its own text"), member_address(merchant(1), &commitment(7)));
    for at in 6..code.len() {
        let mut typo = code.clone().into_bytes();
        typo[at] = if typo[at] == b'q' { b'p' } else { b'q' };
        assert!(String::from_utf8(typo).expect("ascii").parse::<Address>().is_err(), "typo at {at}");
    }
}
