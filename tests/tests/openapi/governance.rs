//! The part of the walk that is about governance: a change that one merchant decides alone, what is coming, the pool.

use tally_contracts::exchange::PairTerms;
use tally_contracts::governance::change::{Change, ChangePair};
use tally_contracts::governance::{Propose, VoteOn};
use tally_contracts::membership::Depart;
use tally_contracts::pool::{ClaimReferral, Refer};
use tally_contracts::transaction::Body;
use tally_contracts::types::{ClassId, DAY_MS, MerchantId, Rate};
use tally_tests::solo::GENESIS_MS;

use crate::document::Step;
use crate::script::{BEANS, SHOP, With, by_governor, member, reference, send, step, submit};

/// The reference of the proposal.
const PROPOSAL: u128 = 100;

/// Before the first cycle ends.
pub fn decisions() -> Vec<Step> {
    let terms = PairTerms { spread: Some(Rate::ZERO), ..PairTerms::default() };
    let change = Change::Pair(ChangePair { from_class: BEANS, to_class: ClassId(2), terms });
    let propose = Propose { change: Box::new(change), effective_ms: GENESIS_MS + 90 * DAY_MS };
    let vote = VoteOn { merchant: SHOP, proposal: reference(PROPOSAL), approves: true };
    let other = MerchantId(7);
    let refer = Refer { member: member(1), merchant: other };
    let claim = ClaimReferral { member: member(1), merchant: other, original: reference(1) };
    vec![
        step("getParameters", "present", "What the alliance goes by, and the hash that a change of it names"),
        send(
            "propose",
            "A change is proposed; where one merchant is all of them it has passed",
            &by_governor(PROPOSAL, Body::Propose(propose)),
        ),
        send("vote", "A vote comes too late", &by_governor(PROPOSAL + 1, Body::Vote(vote))),
        send(
            "depart",
            "Who leaves has to have its run-off first",
            &by_governor(PROPOSAL + 2, Body::Depart(Depart { merchant: SHOP })),
        ),
        submit(103, "refer", "A member is referred to a merchant that there is not", &Body::Refer(refer)).answered(422),
        submit(104, "claim_referral", "So nothing converts it", &Body::ClaimReferral(claim)).answered(422),
        step("listProposals", "all", "Every proposal, with its votes").with("limit", 10),
        step("listNotices", "coming", "What is announced and not in effect yet"),
        step("getPool", "open", "What the pool is owed, and what merchants contributed this month"),
    ]
}

/// After the first cycle has ended.
pub fn distributions() -> Vec<Step> {
    vec![
        step("listDistributions", "all", "How ended months were shared out"),
        step("getDistribution", "of_january", "How one month was shared out").with("month", "2026-01"),
    ]
}
