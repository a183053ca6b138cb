//! Plans beside the contracts: each step is redeemed as planned, and what is unusable is refused under the code that is told.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::genesis::Genesis;
use tally_contracts::membership::member_address;
use tally_contracts::points::Redeem;
use tally_contracts::receipt::{Applied, Outcome};
use tally_contracts::state::MemoryStore;
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{DAY_MS, Hash, Reference};
use tally_ledger::chain::{Chain, Head, Proposal, Warm};

use super::*;
use crate::executor::Run;
use crate::query::dry_run::dry_run;
use crate::query::index::index_writes;

/// 2026-01-05T00:00:00Z.
const GENESIS_MS: u64 = 1_767_571_200_000;
const BAKER: MerchantId = MerchantId(1);
const FUEL: MerchantId = MerchantId(2);
const AIRLINE: MerchantId = MerchantId(3);
/// The baker's classes, and how many points of each the member is given.
const HELD: [(u32, u64); 8] = [(1, 200), (2, 100), (3, 100), (4, 50), (5, 10), (6, 10), (7, 10), (8, 9)];

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// A baker, a filling station and an airline. A bread point (1) is worth a fen, and so is that of most classes.
fn genesis() -> Genesis {
    let public = |seed| PublicKey::of(&key(seed));
    let class = |id: u32, own: Value| {
        let mut terms = json!({
            "decimals": 0, "anchor": "0.01", "earn_rate": "1", "life_months": 12, "accepted_by": [],
            "custodian_member_limit_fen": "0", "custodian_limit_fen": "0",
        });
        terms.as_object_mut().expect("an object").extend(own.as_object().expect("an object").clone());
        json!({ "id": id, "name": format!("class {id}"), "issuer": 1, "terms": terms })
    };
    let merchant = |id: u8, industry: u16| {
        json!({
            "id": id, "name": format!("merchant {id}"), "validator_key": public(id), "cosigner_key": public(id + 50), "net_debit_cap_fen": "100000",
            "industry": industry,
            "operator_keys": [{ "public_key": public(100 + id), "roles": ["issuer", "acceptor"] }],
        })
    };
    let sub = json!({ "main": 1, "split_rate": "1" });
    let genesis = json!({
        "name": "two", "time_ms": GENESIS_MS, "utc_offset_minutes": 0, "clock": "real",
        "parameters": {
            "idle_block_ms": 1000, "min_anchor": "0.001", "max_anchor": "1", "exchange": { "spread": "0" },
            "no_consent_limit_fen": "100000", "refund_window_days": 30,
        },
        "merchants": [merchant(1, 5221), merchant(2, 5265)],
        "partners": [{
            "id": 3, "name": "airline", "collateral_fen": "0", "imports": [],
            "operator_keys": [{ "public_key": public(103), "roles": ["issuer"] }],
        }],
        "classes": [
            class(1, json!({})),
            class(2, json!({ "life_months": 3 })),
            class(3, json!({ "anchor": "0.03" })),
            class(4, json!({ "sub": sub, "industries": [5265], "life_months": 24 })),
            class(5, json!({ "sub": sub, "industries": [5221] })),
            class(6, json!({ "accepted_by": [1] })),
            class(7, json!({ "permissions": [{ "holder": "member", "uses": ["earn"] }] })),
            class(8, json!({ "anchor": "0.001" })),
        ],
    });
    serde_json::from_value(genesis).expect("a genesis that the contracts read")
}

fn member() -> Address {
    member_address(BAKER, &Hash([9; 32]))
}

/// The alliance after a block in which the member was enrolled and given points.
struct World {
    chain: Chain,
    head: Head,
    store: MemoryStore,
}

impl World {
    fn new(more: &[Value]) -> Self {
        let chain = Chain::new(genesis());
        let (head, writes) = chain.start();
        let mut store = MemoryStore::default();
        store.apply(&writes);
        let issue = |(class, points): (u32, u64)| {
            let line = json!({ "category": 1, "amount_fen": (points * 100).to_string() });
            json!({ "issue": { "class": class, "member": member(), "lines": [line] } })
        };
        let enrol = json!({ "enrol": { "commitment": Hash([9; 32]) } });
        let bodies = [enrol].into_iter().chain(HELD.map(issue)).chain(more.iter().cloned());
        let bodies = bodies.map(|body| serde_json::from_value(body).expect("a body")).collect();
        let now_ms = GENESIS_MS + DAY_MS;
        let transactions = vec![signed(&chain, now_ms, BAKER, bodies)];
        let block = chain.propose(&head, Proposal { proposer: BAKER, now_ms, last_commit: None, transactions });
        let block = chain.check(&head, &Bytes::from(block.encode())).expect("a proposed block is valid");
        let Run { executed, index } = Run::new(&chain, (&store, &head), &block, &mut Warm::default(), index_writes);
        let refused =
            executed.receipts.iter().flatten().find(|receipt| !matches!(receipt.outcome, Outcome::Applied(_)));
        assert_eq!(refused, None);
        store.apply(&executed.writes);
        store.apply(&index);
        Self { chain, head: executed.head, store }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { head: &self.head, store: &self.store, genesis: self.chain.genesis() }
    }

    fn plan(&self, merchant: MerchantId, amount_fen: u64) -> SpendPlan {
        let bill = Bill { member: member(), merchant, amount_fen: Fen(amount_fen) };
        let plan = plan(&self.snapshot(), &bill).expect("a plan");
        self.assert_true(&plan);
        plan
    }

    /// What the contracts would make of redemptions in the next block.
    fn redeemed(&self, merchant: MerchantId, points: impl Iterator<Item = (ClassId, Points)>) -> Vec<Outcome> {
        let redeem = |(class, points)| Body::Redeem(Redeem { class, member: member(), points });
        let bodies: Vec<Body> = points.map(redeem).collect();
        if bodies.is_empty() {
            return Vec::new();
        }
        let time_ms = self.head.time_ms + 1;
        let transaction = signed(&self.chain, time_ms, merchant, bodies);
        let receipts = dry_run(&self.snapshot(), time_ms, &[transaction]);
        receipts.into_iter().flatten().map(|view| view.receipt.outcome).collect()
    }

    /// The contracts do what the plan says.
    fn assert_true(&self, plan: &SpendPlan) {
        let steps = self.redeemed(plan.merchant, plan.steps.iter().map(|step| (step.class, step.points)));
        let mut open = plan.amount_fen.0;
        assert_eq!(steps.len(), plan.steps.len());
        for (outcome, step) in steps.iter().zip(&plan.steps) {
            let Outcome::Applied(Applied::Redeemed { cash_off_fen, .. }) = outcome else { panic!("{outcome:?}") };
            assert_eq!(*cash_off_fen, step.cash_off_fen);
            open -= cash_off_fen.0;
            assert_eq!(step.open_fen, Fen(open));
            assert_eq!(step.lots.iter().map(|lot| lot.points.0).sum::<u64>(), step.points.0);
        }
        assert_eq!((plan.open_fen, plan.cash_off_fen), (Fen(open), Fen(plan.amount_fen.0 - open)));
        let refused = self.redeemed(plan.merchant, plan.unusable.iter().map(|held| (held.class, held.points)));
        let told: Vec<Outcome> = plan.unusable.iter().map(|held| Outcome::Rejected(held.refused_as)).collect();
        assert_eq!(refused, told);
    }
}

fn signed(chain: &Chain, now_ms: u64, merchant: MerchantId, bodies: Vec<Body>) -> CheckedTransaction {
    let operation = |(body, n)| Operation::new(Reference::new(now_ms, n), body);
    let mut transaction = Transaction {
        chain_id: *chain.chain_id(),
        merchant,
        public_key: PublicKey::default(),
        valid_until_ms: now_ms + 1_000,
        atomic: false,
        operations: bodies.into_iter().zip(1_u128..).map(operation).collect(),
        signature: Signature::default(),
    };
    transaction.sign(&key(100 + merchant.0 as u8));
    CheckedTransaction::check(encoding::encode(&transaction), chain.chain_id()).expect("it is well formed")
}

fn steps_of(plan: &SpendPlan) -> Vec<(u32, u64, u64, OrderReason)> {
    plan.steps.iter().map(|step| (step.class.0, step.points.0, step.cash_off_fen.0, step.reason)).collect()
}

fn unusable_of(plan: &SpendPlan) -> Vec<(u32, Rejection)> {
    plan.unusable.iter().map(|held| (held.class.0, held.refused_as)).collect()
}

#[test]
fn sub_points_go_first_then_what_ends_first_then_the_lower_class() {
    use OrderReason::{EndsFirst, LowerClass, SubPoints};
    let world = World::new(&[]);
    let plan = world.plan(FUEL, 451);
    let expected =
        [(4, 50, 50, SubPoints), (2, 100, 100, EndsFirst), (1, 200, 200, LowerClass), (3, 33, 99, LowerClass)];
    assert_eq!(steps_of(&plan), expected);
    assert_eq!((plan.cash_off_fen, plan.open_fen), (Fen(449), Fen(2)), "a point of class 3 is worth three fen");
    let lot = Lot { expires: "2027-01".parse().expect("a month"), points: Points(33) };
    assert_eq!((&plan.steps[3].lots, plan.steps[3].room_fen), (&vec![lot], Some(Fen(100_000))));

    let small = world.plan(FUEL, 60);
    assert_eq!(steps_of(&small), [(4, 50, 50, SubPoints), (2, 10, 10, EndsFirst)], "the rest is not needed");
    assert_eq!(world.plan(FUEL, 1).steps.len(), 1);
}

#[test]
fn what_does_not_serve_is_told_with_its_rule() {
    use Rejection::{BelowOneFen, HolderNotPermitted, MemberFrozen, NotAccepted, OutsideIndustry};
    let world = World::new(&[]);
    let elsewhere = [(5, OutsideIndustry), (6, NotAccepted), (7, HolderNotPermitted), (8, BelowOneFen)];
    assert_eq!(unusable_of(&world.plan(FUEL, 451)), elsewhere);

    let at_home = world.plan(BAKER, 451);
    assert_eq!(unusable_of(&at_home), [(4, OutsideIndustry), (7, HolderNotPermitted), (8, BelowOneFen)]);
    assert!(at_home.steps.iter().all(|step| step.room_fen.is_none()), "it owes itself nothing");

    let frozen = World::new(&[json!({ "freeze": { "member": member() } })]).plan(FUEL, 451);
    let own = [(1, MemberFrozen), (2, MemberFrozen), (3, MemberFrozen), (4, MemberFrozen)];
    let others = [(5, OutsideIndustry), (6, NotAccepted), (7, HolderNotPermitted), (8, MemberFrozen)];
    assert_eq!((steps_of(&frozen), unusable_of(&frozen)), (Vec::new(), [own, others].concat()));
}

#[test]
fn who_is_unknown_is_not_found_and_a_partner_is_refused() {
    let world = World::new(&[]);
    let of = |member, merchant| plan(&world.snapshot(), &Bill { member, merchant, amount_fen: Fen(1) }).map(drop);
    assert_eq!(of(member(), MerchantId(9)), Err(QueryError::NotFound(Missing::Merchant(MerchantId(9)))));
    assert_eq!(of(Address([1; 20]), FUEL), Err(QueryError::NotFound(Missing::Member(Address([1; 20])))));
    assert_eq!(of(member(), AIRLINE), Err(QueryError::Refused(Rejection::RoleMissing)));
}

#[test]
fn points_are_taken_to_the_fen() {
    let taken = |open, balance, unit| {
        take(Fen(open), Points(balance), Obligation(unit)).map(|taken| (taken.points.0, taken.cash_off_fen.0))
    };
    assert_eq!(taken(100, 500, 1_000_000), Some((100, 100)), "a fen a unit");
    assert_eq!(taken(100, 30, 1_000_000), Some((30, 30)), "all there is");
    assert_eq!(taken(100, 500, 3_000_000), Some((33, 99)), "one more would overpay");
    assert_eq!(taken(2, 500, 3_000_000), None, "one alone would");
    assert_eq!(taken(100, 39, 100_000), Some((30, 3)), "nine give no fen more");
    assert_eq!(taken(100, 9, 100_000), None);
    assert_eq!(taken(100, 5_000, 300_000), Some((334, 100)));
    assert_eq!(taken(0, 500, 100_000), None);
    assert_eq!(taken(u64::MAX, u64::MAX, 1_000_000), Some((u64::MAX, u64::MAX)));
}

proptest! {
    /// Beside all that could be taken, tried one by one.
    #[test]
    fn the_best_is_taken(open in 0_u64..60, balance in 0_u64..200, unit in 1_i128..4_000_000) {
        let cash_off = |points: u64| (i128::from(points) * unit / Obligation::PER_FEN) as u64;
        let best = (0..=balance).map(cash_off).filter(|cash_off| *cash_off <= open).max().unwrap_or(0);
        let least = (0..=balance).find(|points| cash_off(*points) == best).unwrap_or(0);
        let expected = (best > 0).then_some(Taken { points: Points(least), cash_off_fen: Fen(best) });
        prop_assert_eq!(take(Fen(open), Points(balance), Obligation(unit)), expected);
    }

    /// At any size: it never overpays, one point less gives less, and no points that there are give more without overpaying.
    #[test]
    fn never_more_than_is_open_and_no_point_in_vain(
        open in any::<u64>(),
        balance in any::<u64>(),
        unit in 1_i128..10_000_000_000,
    ) {
        let cash_off = |points: i128| points * unit / Obligation::PER_FEN;
        let taken = take(Fen(open), Points(balance), Obligation(unit));
        let (points, given) = taken.map_or((0, 0), |t| (i128::from(t.points.0), i128::from(t.cash_off_fen.0)));
        prop_assert!(points <= i128::from(balance) && given <= i128::from(open));
        prop_assert_eq!(cash_off(points), given);
        prop_assert!(points == 0 || cash_off(points - 1) < given);
        let next = ((given + 1) * Obligation::PER_FEN + unit - 1) / unit;
        prop_assert!(next > i128::from(balance) || cash_off(next) > i128::from(open));
    }
}
