//! Rule tables of the pool: levies, referrals, weights, rebates, and what a distribution adds up to.

use proptest::prelude::*;

use super::{ClaimReferral, Contribution, Distribution, Refer, apportion, rebate_fen, weight};
use crate::genesis::{Genesis, PoolParameters, RebateParameters};
use crate::receipt::{Applied, Outcome};
use crate::rejection::Rejection;
use crate::settlement::Gross;
use crate::state::tag;
use crate::testing::{World, genesis, issue, member, merchant, redeem, reverse_issue};
use crate::transaction::Body;
use crate::types::{Address, DAY_MS, Fen, Month, Obligation, Rate, Reference};

fn refer(member: Address, to: u16) -> Body {
    Body::Refer(Refer { member, merchant: merchant(to) })
}

fn claim(member: Address, to: u16, original: Reference) -> Body {
    Body::ClaimReferral(ClaimReferral { member, merchant: merchant(to), original })
}

/// A levy of 1 %.
fn levied() -> Genesis {
    let mut founded = genesis();
    founded.parameters.pool.levy = Rate::from_millionths(10_000);
    for merchant in &mut founded.merchants {
        merchant.net_debit_cap_fen = Fen(100_000_000_000);
    }
    founded
}

fn claim_on(world: &World, id: u16) -> i128 {
    world.record::<_, Obligation>(tag::pool_claims, &merchant(id)).unwrap_or_default().0
}

fn contribution(world: &World, id: u16) -> Contribution {
    world.record(tag::contributions, &(world.month(), merchant(id))).unwrap_or_default()
}

fn distribution(world: &World, month: &str) -> Distribution {
    world.record(tag::distributions, &month.parse::<Month>().expect("a month")).expect("distributed")
}

fn bought(world: &mut World, class: u32, member: Address, fen: u64) -> Reference {
    let operation = world.operation(issue(class, member, fen));
    let reference = operation.reference;
    assert!(matches!(world.submit(class as u16, operation), Outcome::Applied(_)));
    reference
}

#[test]
fn a_levy_is_owed_for_points_issued_and_taken_back_with_them() {
    let mut world = World::new(levied());
    world.enrol(1, 1);
    // 1 % of 1,234 points at 0.01.
    let purchase = bought(&mut world, 1, member(1), 123_400);
    assert_eq!(claim_on(&world, 1), 12_340_000);
    world.applied(1, reverse_issue(purchase, 50_050));
    // 733.5 CNY stay, 733 points.
    assert_eq!(claim_on(&world, 1), 7_330_000);
    world.applied(1, reverse_issue(purchase, 73_350));
    assert_eq!(claim_on(&world, 1), 0);
}

#[test]
fn a_referral_converts_by_a_purchase_within_its_time_and_counts_net_of_refunds() {
    let mut world = World::with_members(0);
    world.refused(2, refer(member(1), 3), Rejection::ForeignCustodian);
    world.refused(1, refer(member(1), 9), Rejection::UnknownMerchant);
    world.refused(1, refer(member(1), 1), Rejection::SameParty);
    let before = bought(&mut world, 3, member(1), 100);
    assert_eq!(world.applied(1, refer(member(1), 3)), Applied::Referred);
    world.refused(1, refer(member(1), 3), Rejection::ReferralExists);
    let other = bought(&mut world, 3, member(2), 100);
    let purchase = bought(&mut world, 3, member(1), 100);
    world.refused(1, claim(member(1), 2, purchase), Rejection::UnknownReferral);
    world.refused(2, claim(member(1), 3, purchase), Rejection::WrongParty);
    let unknown = world.reference();
    world.refused(1, claim(member(1), 3, unknown), Rejection::UnknownOriginal);
    world.refused(1, claim(member(1), 3, before), Rejection::NotConverting);
    world.refused(1, claim(member(1), 3, other), Rejection::NotConverting);
    assert_eq!(world.applied(1, claim(member(1), 3, purchase)), Applied::ReferralConverted);
    world.refused(1, claim(member(1), 3, purchase), Rejection::ReferralConverted);
    assert_eq!(contribution(&world, 1), Contribution { referrals: 1, converted: 1, honoured: Obligation(0) });
    world.block_at(world.time_ms + 20 * DAY_MS, Vec::new());
    world.applied(3, reverse_issue(purchase, 60));
    assert_eq!(contribution(&world, 1).converted, 1, "a part of it stays bought");
    world.skip_months(1);
    assert_eq!(contribution(&world, 1), Contribution::default(), "each month counts for itself");
}

#[test]
fn a_whole_refund_takes_the_conversion_back_in_its_own_month() {
    let mut world = World::with_members(0);
    world.block_at(world.time_ms + 25 * DAY_MS, Vec::new());
    world.applied(1, refer(member(1), 3));
    let purchase = bought(&mut world, 3, member(1), 100);
    world.applied(1, claim(member(1), 3, purchase));
    world.skip_months(1);
    world.applied(3, reverse_issue(purchase, 100));
    assert_eq!(contribution(&world, 1).converted, -1);
}

#[test]
fn weights_lie_between_their_bounds() {
    let parameters = PoolParameters::default();
    let weigh = |referrals, converted, honoured, most| {
        let contribution = Contribution { referrals, converted, honoured: Obligation(honoured) };
        weight(&parameters, &contribution, Obligation(most)).millionths()
    };
    assert_eq!(weigh(0, 0, 0, 0), 800_000, "nothing contributed");
    assert_eq!(weigh(100, 8, 0, 100), 1_150_000, "8 % count in full, and are half of it");
    assert_eq!(weigh(100, 4, 0, 100), 975_000);
    assert_eq!(weigh(100, 50, 100, 100), 1_500_000, "no more than in full");
    assert_eq!(weigh(0, 0, 25, 100), 887_500);
    assert_eq!(weigh(10, -3, -5, 100), 800_000, "less than nothing is nothing");
}

#[test]
fn rebates_by_tier() {
    let whole = RebateParameters::default();
    let marginal = RebateParameters { is_marginal: true, ..RebateParameters::default() };
    let cny = |parameters: &RebateParameters, cny: u64| rebate_fen(parameters, Fen(cny * 100)).0 / 100;
    let volumes = [99_999, 100_000, 499_999, 500_000, 999_999, 1_000_000];
    assert_eq!(volumes.map(|v| cny(&whole, v)), [0, 5_000, 24_999, 50_000, 99_999, 150_000]);
    assert_eq!(volumes.map(|v| cny(&marginal, v)), [0, 0, 19_999, 20_000, 69_999, 70_000]);
    assert_eq!(cny(&marginal, 1_200_000), 100_000);
}

#[test]
fn a_month_is_shared_out_by_base_and_weight_and_adds_up() {
    let mut founded = levied();
    founded.merchants[0].base_share = 2;
    let mut world = World::new(founded);
    for n in 1..=4 {
        world.enrol(n, n.into());
    }
    world.issue(1, member(1), 100_000_000);
    world.issue(2, member(2), 50_000_100);
    // The pool has 1 % of 10,000 and of 10,000.02 CNY; merchants 2 and 3 honoured for others 1 and 2 CNY.
    world.applied(2, redeem(1, member(1), 100));
    world.applied(3, redeem(1, member(1), 200));
    world.skip_months(1);
    let done = distribution(&world, "2017-01");
    assert_eq!(done.pool, Obligation(20_000_020_000));
    let weights: Vec<u64> = done.shares.iter().map(|share| share.weight.millionths()).collect();
    assert_eq!(weights, [800_000, 975_000, 1_150_000, 800_000]);
    // 20,000 fen by 1.6 : 0.975 : 1.15 : 0.8 of 4.525 are 7071.8, 4309.4, 5082.9 and 3535.9.
    let shares: Vec<u64> = done.shares.iter().map(|share| share.share_fen.0).collect();
    assert_eq!(shares, [7_072, 4_309, 5_083, 3_536]);
    assert_eq!((done.reserve_fen, done.carry), (Fen(0), Obligation(20_000)));
    assert_eq!((claim_on(&world, 1), claim_on(&world, 2)), (0, 20_000), "passed on but for what lies below a fen");
    // Issuers gave 10,000 each: merchant 1 owes 2,928 net, merchant 2 owes 5,691.
    let owed = |debtor: u16, creditor: u16| {
        let key = (world.month(), merchant(debtor), merchant(creditor));
        world.record::<_, Gross>(tag::gross, &key).map(|gross| gross.distribution.0 / 1_000_000)
    };
    assert_eq!([owed(1, 3), owed(2, 3), owed(1, 4), owed(2, 4)], [None, Some(5_083), Some(2_928), Some(608)]);
}

#[test]
fn a_quarters_rebate_is_reserved_month_by_month_and_paid_at_its_end() {
    let mut founded = levied();
    founded.parameters.pool.levy = Rate::from_millionths(500_000);
    founded.parameters.no_consent_limit_fen = Fen(100_000_000);
    let mut world = World::new(founded);
    world.enrol(1, 1);
    // 20,000,000 points of class 4 at 0.03 are 600,000 CNY; the pool has half of that.
    world.issue(4, member(1), 2_000_000_000);
    world.applied(2, redeem(4, member(1), 4_000_000));
    world.skip_months(1);
    // 120,000 CNY of volume have accrued 6,000.
    let january = distribution(&world, "2017-01");
    assert_eq!(january.reserve_fen, Fen(600_000));
    assert_eq!(january.shares.iter().map(|share| share.share_fen.0).sum::<u64>(), 30_000_000 - 600_000);
    world.skip_months(1);
    let february = distribution(&world, "2017-02");
    assert_eq!((february.pool, february.reserve_fen), (Obligation::from_fen(Fen(600_000)), Fen(600_000)));
    world.applied(2, redeem(4, member(1), 14_000_000));
    world.skip_months(1);
    // 540,000 CNY are 10 %: 54,000, of which the pool has 6,000.
    let march = distribution(&world, "2017-03");
    let second = march.shares.iter().find(|share| share.merchant == merchant(2)).expect("honoured");
    assert_eq!((second.rebate_due_fen, second.rebate_paid_fen), (Fen(5_400_000), Fen(600_000)));
    assert_eq!((march.reserve_fen, march.carry), (Fen(0), Obligation(0)));
    assert_eq!(claim_on(&world, 4), 0);
}

#[test]
fn claims_beyond_all_measure_are_passed_on_by_what_a_merchant_may_owe() {
    let most = Rate::from_millionths(1_000_000 * Rate::ONE);
    let mut founded = levied();
    founded.parameters.pool.levy = Rate::from_millionths(Rate::ONE);
    founded.parameters.max_anchor = most;
    for class in &mut founded.classes[..2] {
        (class.terms.anchor, class.terms.earn_rate) = (most, most);
    }
    let mut world = World::new(founded);
    world.enrol(1, 1);
    // 10^11 and 10^12 points at 1,000,000 CNY: neither the sum of the claims in fen nor the second one fits into 64 bits.
    world.issue(1, member(1), 10_000_000);
    world.issue(2, member(1), 100_000_000);
    let before = [claim_on(&world, 1), claim_on(&world, 2)];
    world.skip_months(1);
    let done = distribution(&world, "2017-01");
    assert_eq!(done.shares.iter().map(|share| share.share_fen).collect::<Vec<_>>(), [Fen(250_000_000_000_000); 4]);
    let after = [claim_on(&world, 1), claim_on(&world, 2)];
    let half = Obligation::from_fen(Fen(500_000_000_000_000)).0;
    assert_eq!([before[0] - after[0], before[1] - after[1]], [half; 2], "either counts for 10^13 CNY");
}

proptest! {
    #[test]
    fn parts_sum_to_the_whole_and_none_exceeds_its_weight(
        weights in prop::collection::vec(0_u64..1_000_000, 1..40), share in 0_u64..=1_000_000,
    ) {
        let wide: Vec<u128> = weights.iter().map(|w| u128::from(*w)).collect();
        let sum: u64 = weights.iter().sum();
        let total = u64::try_from(u128::from(sum) * u128::from(share) / 1_000_000).expect("a part of it");
        let parts = apportion(total, &wide);
        prop_assert_eq!(parts.iter().sum::<u64>(), if sum == 0 { 0 } else { total });
        prop_assert!(parts.iter().zip(&weights).all(|(part, weight)| part <= weight));
    }
}
