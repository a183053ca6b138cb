//! What a merchant might submit: mostly what can succeed, and for every rule now and then what breaks it.

mod admin;
pub mod changes;
mod council;
mod disputes;
mod exchange;
mod joint;
mod legs;
mod members;
mod points;
mod referrals;
mod sales;
pub mod vouching;

use serde_json::{Value, json};
use tally_contracts::types::Address;

use crate::word::Word;
use crate::world::World;

/// An operation before it has its till, its reference and its signature.
pub struct Proposal {
    pub kind: &'static str,
    pub says: Value,
    pub word: Option<Word>,
    /// The store that it should be done at, if that matters.
    pub store: Option<u32>,
}

impl Proposal {
    /// An operation that carries no authorization.
    pub const fn plain(kind: &'static str, says: Value) -> Self {
        Self { kind, says, word: None, store: None }
    }

    /// One that may carry one.
    pub const fn with_word(kind: &'static str, says: Value, word: Option<Word>) -> Self {
        Self { kind, says, word, store: None }
    }
}

/// Each kind with the role that it takes, and how often it is proposed.
pub const KINDS: [(&str, &str, u64); 40] = [
    ("set_clock", "clock", 1),
    ("create_class", "governor", 1),
    ("add_key", "governor", 2),
    ("revoke_key", "governor", 2),
    ("rotate_key", "governor", 2),
    ("set_store_limits", "governor", 2),
    ("announce_anchor", "governor", 4),
    ("set_business_days", "governor", 3),
    ("set_collateral", "governor", 4),
    ("enrol", "acceptor", 3),
    ("enrol_wallet", "acceptor", 2),
    ("register_wallet", "acceptor", 3),
    ("rotate_wallet", "acceptor", 3),
    ("recover_wallet", "acceptor", 3),
    ("freeze", "acceptor", 2),
    ("unfreeze", "acceptor", 4),
    ("issue", "issuer", 20),
    ("transfer", "acceptor", 8),
    ("redeem", "acceptor", 16),
    ("hold", "acceptor", 12),
    ("capture", "acceptor", 9),
    ("void", "acceptor", 4),
    ("reverse_redeem", "acceptor", 9),
    ("reverse_issue", "issuer", 8),
    ("exchange", "acceptor", 13),
    ("split", "acceptor", 7),
    ("import", "issuer", 1),
    ("confirm_leg", "treasurer", 5),
    ("report_payment", "treasurer", 3),
    ("draw_collateral", "governor", 6),
    ("open_dispute", "treasurer", 6),
    ("answer_dispute", "treasurer", 6),
    ("decide_dispute", "governor", 7),
    ("propose", "governor", 8),
    ("vote", "governor", 18),
    ("depart", "governor", 3),
    ("refer", "acceptor", 5),
    ("claim_referral", "acceptor", 6),
    ("attest", "acceptor", 8),
    ("anchor", "acceptor", 3),
];

/// What a partner mostly proposes, and how often; the rest is what merchants do.
const PARTNER_KINDS: [(&str, u64); 15] = [
    ("import", 60),
    ("open_dispute", 5),
    ("answer_dispute", 3),
    ("confirm_leg", 2),
    ("report_payment", 3),
    ("draw_collateral", 2),
    ("decide_dispute", 2),
    ("set_collateral", 1),
    ("set_business_days", 1),
    ("create_class", 1),
    ("add_key", 1),
    ("issue", 1),
    ("propose", 1),
    ("vote", 1),
    ("depart", 1),
];

/// The role that a kind takes.
pub fn role_of(kind: &str) -> &'static str {
    KINDS.iter().find(|(name, ..)| *name == kind).map_or("clock", |(_, role, _)| role)
}

/// Something that a merchant might submit.
pub fn propose(world: &mut World, merchant: u16) -> Option<Proposal> {
    let is_partner = world.merchant(merchant).is_some_and(|merchant| merchant.is_partner);
    let has_class = world.classes.iter().any(|class| class.issuer == merchant && !class.is_closed);
    let kind = if !is_partner && !has_class && world.random.chance(250) {
        "create_class"
    } else if is_partner && !world.random.chance(50) {
        world.random.weighted(&PARTNER_KINDS)
    } else {
        world.random.weighted(&KINDS.map(|(kind, _, weight)| (kind, weight)))
    };
    match kind {
        "issue" => points::issue(world, merchant),
        "transfer" => points::transfer(world, merchant),
        "redeem" => points::redeem(world, merchant),
        "hold" => points::hold(world, merchant),
        "exchange" => exchange::exchange(world, merchant),
        "split" => exchange::split(world, merchant),
        "import" => exchange::import(world, merchant),
        "announce_anchor" => exchange::announce_anchor(world, merchant),
        "capture" => sales::capture(world, merchant),
        "void" => sales::void(world, merchant),
        "reverse_redeem" => sales::reverse_redeem(world, merchant),
        "reverse_issue" => sales::reverse_issue(world, merchant),
        "confirm_leg" => legs::confirm_leg(world, merchant),
        "report_payment" => legs::report_payment(world, merchant),
        "open_dispute" => disputes::open_dispute(world, merchant),
        "answer_dispute" => disputes::answer_dispute(world, merchant),
        "set_business_days" | "set_collateral" | "draw_collateral" | "decide_dispute" => {
            joint::propose(world, merchant, kind)
        }
        "propose" => changes::propose(world, merchant),
        "vote" => council::vote(world, merchant),
        "depart" => council::depart(world, merchant),
        "refer" => referrals::refer(world, merchant),
        "claim_referral" => referrals::claim(world, merchant),
        "attest" => vouching::attest(world, merchant),
        "anchor" => vouching::anchor(world, merchant),
        "enrol" | "enrol_wallet" => members::enter(world, merchant, kind),
        "register_wallet" | "rotate_wallet" | "recover_wallet" => members::change_key(world, merchant, kind),
        "freeze" | "unfreeze" => members::freeze(world, merchant, kind),
        "set_clock" => Some(Proposal::plain("set_clock", json!({ "time_ms": world.now }))),
        _ => admin::propose(world, merchant, kind),
    }
}

/// A member, mostly one in the merchant's custody; now and then nobody's address.
fn some_member(world: &mut World, merchant: u16) -> Option<String> {
    if world.random.chance(35) {
        return Some(Address([9; 20]).to_string());
    }
    let own: Vec<&String> = world.members.iter().filter(|m| m.custodian == merchant).map(|m| &m.address).collect();
    match world.random.one(&own) {
        Some(own) if !world.random.chance(300) => Some((*own).clone()),
        _ => world.random.one(&world.members).map(|member| member.address.clone()),
    }
}

/// A class; now and then one that is not there.
fn some_class(world: &mut World) -> Option<u32> {
    if world.random.chance(40) {
        return Some(9_999);
    }
    let ordinary: Vec<u32> = world.classes.iter().filter(|class| !class.is_colossal).map(|class| class.id).collect();
    world.random.one(&ordinary).copied()
}

/// A member and a class of which it has points, mostly one in the merchant's custody; now and then neither.
fn some_holding(world: &mut World, merchant: u16) -> Option<(String, u32)> {
    if world.random.chance(60) {
        return Some((some_member(world, merchant)?, some_class(world)?));
    }
    let wants_own = world.random.chance(650);
    for _ in 0..12 {
        let member = some_member(world, merchant)?;
        if wants_own && world.member(&member).is_some_and(|member| member.custodian != merchant) {
            continue;
        }
        let classes: Vec<u32> = world.classes.iter().map(|class| class.id).collect();
        let held: Vec<u32> = classes.into_iter().filter(|class| world.balance(&member, *class) > 0).collect();
        if let Some(class) = world.random.one(&held) {
            return Some((member, *class));
        }
    }
    Some((some_member(world, merchant)?, some_class(world)?))
}

/// Some of so many points: a part, a few, all; now and then none, or more than there are.
fn some_of(world: &mut World, all: u64) -> u64 {
    let random = &mut world.random;
    match random.between(0, 99) {
        0 => 0,
        1 => u64::MAX,
        2..=5 => all + random.magnitude(1_000),
        6 => random.magnitude(u64::MAX),
        7..=17 => all,
        18..=39 => random.between(1, 20).min(all.max(1)),
        40..=69 => random.between(1, all.max(1)),
        _ => random.magnitude(all.max(1)),
    }
}
