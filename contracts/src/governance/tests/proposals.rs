//! Rule tables of proposals: who votes, what passes, and when it takes effect.

use crate::exchange::{ImportRatio, PairTerms};
use crate::genesis::{GenesisPartner, Parameters};
use crate::governance::change::{
    Change, ChangeClass, ChangeImportRatio, ChangeMerchant, ChangePair, ChangeParameters, Reinstate, Suspend, Upgrade,
    parameters_hash,
};
use crate::governance::{Proposal, ProposalState, Propose, Protocol, VoteOn};
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::state::tag;
use crate::testing::{World, class, genesis, issue, member, merchant};
use crate::transaction::Body;
use crate::types::{DAY_MS, Fen, MerchantId, Month, Rate, Reference};

pub fn propose(change: Change, effective_ms: u64) -> Body {
    Body::Propose(Propose { change: Box::new(change), effective_ms })
}

fn vote(proposal: (MerchantId, Reference), approves: bool) -> Body {
    Body::Vote(VoteOn { merchant: proposal.0, proposal: proposal.1, approves })
}

impl World {
    /// Merchant `id` proposes; gives what the proposal is known by.
    pub fn proposed(&mut self, id: u16, change: Change, effective_ms: u64) -> (MerchantId, Reference) {
        let operation = self.operation(propose(change, effective_ms));
        let known = (merchant(id), operation.reference);
        let outcome = self.submit(id, operation);
        assert!(matches!(outcome, Outcome::Applied(Applied::Voted { .. })), "{outcome:?}");
        known
    }

    /// Merchants 1 to 3 vote a change through, as soon as it may be; gives when it takes effect.
    pub fn pass(&mut self, change: Change) -> u64 {
        let proposal = self.proposed(1, change, 0);
        self.applied(2, vote(proposal, true));
        match self.applied(3, vote(proposal, true)) {
            Applied::Voted { effective_ms: Some(effective_ms), .. } => effective_ms,
            other => panic!("three of four carry it, got {other:?}"),
        }
    }

    /// The same, and a block in which it takes effect.
    pub fn enact(&mut self, change: Change) {
        let effective_ms = self.pass(change);
        self.block_at(effective_ms.max(self.time_ms + 1), Vec::new());
    }

    fn state_of(&self, proposal: (MerchantId, Reference)) -> ProposalState {
        self.record::<_, Proposal>(tag::proposals, &proposal).expect("proposed").state
    }

    fn parameters(&self) -> Parameters {
        self.record(tag::parameters, &()).expect("genesis wrote them")
    }

    fn with_parameters(&self, change: impl FnOnce(&mut Parameters)) -> Change {
        let present = self.parameters();
        let replaces = parameters_hash(&present);
        let mut parameters = present;
        change(&mut parameters);
        Change::Parameters(ChangeParameters { replaces, parameters })
    }

    fn day_start(&self, day: &str) -> u64 {
        self.genesis.calendar().day_start_ms(day.parse().expect("a day"))
    }
}

fn suspend(id: u16) -> Change {
    Change::Suspend(Suspend { merchant: merchant(id) })
}

fn reinstate(id: u16) -> Change {
    Change::Reinstate(Reinstate { merchant: merchant(id) })
}

fn voted(approvals: u16, against: u16, effective_ms: Option<u64>) -> Applied {
    Applied::Voted { approvals, against, needed: 3, effective_ms }
}

#[test]
fn more_than_two_thirds_pass_a_change_and_it_takes_effect_at_its_time() {
    let mut world = World::new(genesis());
    let change = world.with_parameters(|p| p.exchange.spread = Rate::from_millionths(10_000));
    let asked_ms = world.time_ms + 5 * DAY_MS;
    let proposal = world.proposed(1, change, asked_ms);
    assert_eq!(world.applied(2, vote(proposal, true)), voted(2, 0, None));
    assert_eq!(world.state_of(proposal), ProposalState::Open);
    assert_eq!(world.applied(4, vote(proposal, true)), voted(3, 0, Some(asked_ms)));
    world.refused(3, vote(proposal, false), Rejection::VotingClosed);

    world.block_at(asked_ms - 1, Vec::new());
    assert_eq!(world.parameters().exchange.spread, Rate::from_millionths(20_000));
    world.block_at(asked_ms, Vec::new());
    assert_eq!(world.parameters().exchange.spread, Rate::from_millionths(10_000));
    assert_eq!(world.state_of(proposal), ProposalState::Active { height: world.height });
}

#[test]
fn rules_of_vote_in_order() {
    let mut founded = genesis();
    let operator_keys = founded.merchants[3].operator_keys.clone();
    founded.merchants.pop();
    founded.classes.pop();
    let keys = operator_keys.into_iter().filter(|key| !key.roles.contains(&crate::genesis::Role::Acceptor));
    founded.partners.push(GenesisPartner {
        id: merchant(4),
        name: "airline".into(),
        operator_keys: keys.collect(),
        collateral_fen: Fen(0),
        imports: Vec::new(),
    });
    let mut world = World::new(founded);
    let pass = propose(suspend(3), 0);
    world.refused(4, pass.clone(), Rejection::WrongParty);
    let proposal = world.proposed(1, suspend(3), 0);
    let unknown = (merchant(2), proposal.1);
    world.refused(2, vote(unknown, true), Rejection::UnknownProposal);
    world.refused(4, vote(proposal, true), Rejection::WrongParty);
    world.refused(1, vote(proposal, false), Rejection::VoicedAlready);
    world.applied(2, vote(proposal, true));
    let Applied::Voted { effective_ms: Some(_), needed: 3, .. } = world.applied(3, vote(proposal, true)) else {
        panic!("three of three carry it")
    };
    world.block(Vec::new());
    world.refused(3, pass, Rejection::MerchantSuspended);
    let back = world.proposed(1, reinstate(3), 0);
    world.refused(3, vote(back, true), Rejection::MerchantSuspended);
    // Of the two that are left both are needed.
    assert!(matches!(world.applied(2, vote(back, true)), Applied::Voted { needed: 2, effective_ms: Some(_), .. }));
    world.block(Vec::new());
    world.proposed(3, suspend(2), 0);
}

#[test]
fn a_proposal_is_refused_once_it_cannot_pass_and_lapses_with_its_vote() {
    let mut world = World::new(genesis());
    let proposal = world.proposed(1, suspend(4), 0);
    assert_eq!(world.applied(2, vote(proposal, false)), voted(1, 1, None));
    assert_eq!(world.state_of(proposal), ProposalState::Open);
    assert_eq!(world.applied(4, vote(proposal, false)), voted(1, 2, None));
    assert_eq!(world.state_of(proposal), ProposalState::Refused);
    world.refused(3, vote(proposal, true), Rejection::VotingClosed);

    let late = world.proposed(1, suspend(4), 0);
    let ends_ms = world.time_ms + 30 * DAY_MS;
    world.block_at(ends_ms - 2, Vec::new());
    world.applied(2, vote(late, true));
    world.refused(3, vote(late, true), Rejection::VotingClosed);
}

#[test]
fn what_is_worse_for_members_takes_effect_only_after_the_notice() {
    // The world starts on Sunday 1 January 2017: 15 business days end with Friday 20.
    let mut world = World::new(genesis());
    let end_ms = world.day_start("2017-01-21");
    let dearer = world.with_parameters(|p| p.exchange.spread = Rate::from_millionths(30_000));
    world.refused(1, propose(dearer.clone(), end_ms - 1), Rejection::NoticeTooShort);
    let proposal = world.proposed(1, dearer, end_ms);
    world.applied(2, vote(proposal, true));
    // The notice runs from the vote that decides: on Monday 9 it is to Monday 30.
    world.block_at(world.day_start("2017-01-09"), Vec::new());
    let decided_ms = world.day_start("2017-01-31");
    assert_eq!(world.applied(3, vote(proposal, true)), voted(3, 0, Some(decided_ms)));
    world.block_at(decided_ms - 1, Vec::new());
    assert_eq!(world.parameters().exchange.spread, Rate::from_millionths(20_000), "not before the notice is over");
    world.block_at(decided_ms, Vec::new());
    assert_eq!(world.parameters().exchange.spread, Rate::from_millionths(30_000));
}

#[test]
fn every_disadvantage_needs_notice_and_nothing_else_does() {
    let mut world = World::new(genesis());
    let day_later = |world: &World| world.time_ms + DAY_MS;
    let worse: [fn(&mut Parameters); 10] = [
        |p| p.max_anchor = Rate::from_millionths(29_999),
        |p| p.min_anchor = Rate::from_millionths(9_999),
        |p| p.notice_business_days = 14,
        |p| p.no_consent_limit_fen = Fen(19_999),
        |p| p.refund_window_days = 29,
        |p| p.exchange.min_lot_fen = Fen(1),
        |p| p.exchange.member_daily_limit_fen = Fen(499_999),
        |p| p.exchange.pair_daily_limit_fen = Fen(99_999_999),
        |p| p.exchange.spread = Rate::from_millionths(20_001),
        |p| p.governance.run_off_days = 89,
    ];
    for change in worse {
        let change = world.with_parameters(change);
        let soon = day_later(&world);
        world.refused(1, propose(change, soon), Rejection::NoticeTooShort);
    }
    let fine: [fn(&mut Parameters); 5] = [
        |p| p.exchange.spread = Rate::ZERO,
        |p| p.notice_business_days = 16,
        |p| p.pool.levy = Rate::from_millionths(10_000),
        |p| p.rebate.tiers.clear(),
        |p| p.settlement.payment_business_days = 1,
    ];
    for change in fine {
        let change = world.with_parameters(change);
        let soon = day_later(&world);
        world.proposed(1, change, soon);
    }
    let terms = world.genesis.classes[0].terms.clone();
    let of_class = |change: fn(&mut ChangeClass)| {
        let mut changed = ChangeClass {
            class: class(1),
            earn_rate: terms.earn_rate,
            life_months: terms.life_months,
            accepted_by: Vec::new(),
            industries: Vec::new(),
            custodian_member_limit_fen: terms.custodian_member_limit_fen,
            custodian_limit_fen: terms.custodian_limit_fen,
            breakage: terms.breakage,
        };
        change(&mut changed);
        Change::Class(changed)
    };
    let soon = day_later(&world);
    world.refused(1, propose(of_class(|c| c.life_months = 11), soon), Rejection::NoticeTooShort);
    world.refused(
        1,
        propose(of_class(|c| c.earn_rate = Rate::from_millionths(999_999)), soon),
        Rejection::NoticeTooShort,
    );
    world.refused(1, propose(of_class(|c| c.accepted_by = vec![merchant(1)]), soon), Rejection::ScopeNarrowed);
    world.refused(2, propose(of_class(|c| c.life_months = 13), soon), Rejection::WrongParty);
    world.refused(1, propose(of_class(|c| c.life_months = 25), soon), Rejection::ClassOutOfBounds);
    world.proposed(1, of_class(|c| c.life_months = 13), soon);
}

#[test]
fn a_shorter_life_is_for_future_points_only() {
    let mut world = World::with_members(0);
    world.issue(1, member(1), 100);
    let shorter = Change::Class(ChangeClass {
        class: class(1),
        earn_rate: Rate::from_millionths(Rate::ONE),
        life_months: 1,
        accepted_by: Vec::new(),
        industries: Vec::new(),
        custodian_member_limit_fen: Fen(10_000),
        custodian_limit_fen: Fen(15_000),
        breakage: Rate::ZERO,
    });
    world.enact(shorter);
    world.issue(1, member(1), 100);
    let months: Vec<Month> = world.lots(member(1), 1).into_iter().map(|(expires, _)| expires).collect();
    assert_eq!(months, ["2017-02", "2018-01"].map(|m| m.parse::<Month>().expect("a month")));
}

#[test]
fn one_change_of_the_same_waits_at_a_time_and_none_undoes_another() {
    let mut world = World::new(genesis());
    let first = world.with_parameters(|p| p.exchange.spread = Rate::ZERO);
    let second = world.with_parameters(|p| p.refund_window_days = 31);
    let open = world.proposed(4, second.clone(), 0);
    let proposal = world.proposed(1, first, world.time_ms + DAY_MS);
    for id in [2, 3] {
        world.applied(id, vote(proposal, true));
    }
    world.refused(1, vote(open, true), Rejection::ChangePending);
    world.refused(1, propose(second, 0), Rejection::ChangePending);
    world.skip_day();
    world.skip_day();
    world.refused(1, vote(open, true), Rejection::ChangeSuperseded);
    world.applied(1, vote(open, false));
}

#[test]
fn bounds_of_changes() {
    let mut world = World::new(genesis());
    let cycle = world.with_parameters(|p| p.settlement.cycle_months = 3);
    world.refused(1, propose(cycle, 0), Rejection::ParametersOutOfBounds);
    let zero = world.with_parameters(|p| p.min_anchor = Rate::ZERO);
    world.refused(1, propose(zero, 0), Rejection::ParametersOutOfBounds);
    let free = world.with_parameters(|p| p.exchange.spread = Rate::ZERO);
    let far_ms = world.time_ms + 401 * DAY_MS;
    world.refused(1, propose(free, far_ms), Rejection::NoticeTooLong);
    let pair = |from, to, spread| {
        let terms = PairTerms { spread: Some(Rate::from_millionths(spread)), ..PairTerms::default() };
        propose(Change::Pair(ChangePair { from_class: class(from), to_class: class(to), terms }), 0)
    };
    world.refused(1, pair(1, 9, 0), Rejection::UnknownClass);
    world.refused(1, pair(1, 1, 0), Rejection::SameParty);
    world.refused(1, pair(1, 2, Rate::ONE), Rejection::ParametersOutOfBounds);
    let ratio =
        ChangeImportRatio { partner: merchant(1), class: class(1), ratio: Some(ImportRatio { units: 1, points: 1 }) };
    world.refused(1, propose(Change::ImportRatio(ratio), 0), Rejection::WrongParty);
    world.refused(1, propose(suspend(9), 0), Rejection::UnknownMerchant);
    world.refused(1, propose(reinstate(2), 0), Rejection::NotSuspended);
    let cap = |id, fen| {
        let net_debit_cap_fen = Fen(fen);
        let change = ChangeMerchant { merchant: merchant(id), net_debit_cap_fen, base_share: 2, industry: 0 };
        propose(Change::Merchant(change), 0)
    };
    world.refused(1, cap(9, 1), Rejection::UnknownMerchant);
    world.refused(1, cap(2, u64::MAX), Rejection::ParametersOutOfBounds);
    world.refused(1, propose(Change::Upgrade(Upgrade { version: 3 }), 0), Rejection::ChangeSuperseded);
    world.enact(Change::Upgrade(Upgrade { version: 2 }));
    let protocol: Option<Protocol> = world.record(tag::protocol, &());
    assert_eq!(protocol.map(|p| (p.version, p.from_height.0)), Some((2, world.height.0 + 10)));
}

#[test]
fn what_can_no_longer_be_done_when_its_time_comes_is_void() {
    let mut world = World::new(genesis());
    let later_ms = world.time_ms + 40 * DAY_MS;
    let terms = PairTerms { spread: Some(Rate::ZERO), ..PairTerms::default() };
    let change = Change::Pair(ChangePair { from_class: class(1), to_class: class(4), terms });
    let proposal = world.proposed(1, change, later_ms);
    for id in [2, 3] {
        world.applied(id, vote(proposal, true));
    }
    let short = world.with_parameters(|p| p.governance.run_off_days = 1);
    world.enact(short);
    let exit = crate::governance::change::Exit { merchant: merchant(4), successor: merchant(3), exchanges: Vec::new() };
    world.enact(Change::Exit(exit));
    world.block_at(world.time_ms + DAY_MS, Vec::new());
    world.block_at(later_ms, Vec::new());
    assert_eq!(world.state_of(proposal), ProposalState::Void { rejection: Rejection::ClassClosed });
}

#[test]
fn a_suspended_merchant_issues_nothing_and_redeems_on() {
    let mut world = World::with_members(100);
    world.enact(suspend(1));
    world.refused(1, issue(1, member(1), 100), Rejection::MerchantSuspended);
    world.refused(1, crate::testing::exchange(member(1), (2, 1), 10, 1), Rejection::MerchantSuspended);
    world.applied(1, crate::testing::redeem(2, member(1), 10));
    world.applied(2, crate::testing::redeem(1, member(2), 10));
    world.refused(1, propose(suspend(1), 0), Rejection::MerchantSuspended);
    world.refused(2, propose(suspend(1), 0), Rejection::MerchantSuspended);
}
