//! Random histories: conservation in full, equal hashes on equal blocks, complete statements.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{ClassTotals, Movement, balance_at, history, holdings_of};
use crate::encoding;
use crate::genesis::Role;
use crate::membership::Member;
use crate::receipt::Outcome;
use crate::rejection::Rejection;
use crate::state::{Key, tag};
use crate::testing::{World, class, exchange, issue, member, redeem, transfer};
use crate::transaction::{Body, Transaction};
use crate::types::{Hash, Height, MerchantId, Obligation};

#[derive(Clone, Debug)]
enum Step {
    Operation { merchant: u16, body: Body },
    Months(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 1_u16..=4;
    let operation = prop_oneof![
        4 => (who.clone(), 1_u32..=4, 0_u64..100_000).prop_map(|(m, c, fen)| (c as u16, issue(c, member(m), fen))),
        2 => (who.clone(), who.clone(), 1_u32..=4, 0_u64..1_500)
            .prop_map(|(a, m, c, p)| (a, redeem(c, member(m), p))),
        1 => (who.clone(), who.clone(), 1_u32..=4, 0_u64..1_500)
            .prop_map(|(a, b, c, p)| (a, transfer(c, member(a), member(b), p))),
        2 => (who, 1_u32..=4, 1_u32..=4, 0_u64..1_500)
            .prop_map(|(m, a, b, p)| (m, exchange(member(m), (a, b), p, 0))),
    ];
    prop_oneof![
        12 => operation.prop_map(|(merchant, body)| Step::Operation { merchant, body }),
        1 => (1_u16..3).prop_map(Step::Months),
    ]
}

/// Runs steps, several operations to a block; keeps the blocks.
fn play(world: &mut World, steps: &[Step]) -> Vec<(u64, Vec<Transaction>)> {
    let mut blocks = Vec::new();
    let mut pending = Vec::new();
    for step in steps {
        match step {
            Step::Operation { merchant, body } => {
                let role = body.required_role().unwrap_or(Role::Issuer);
                let operation = world.operation(body.clone());
                pending.push(world.transaction(*merchant, role, vec![operation]));
            }
            Step::Months(months) => {
                let block = (world.time_ms + 1, std::mem::take(&mut pending));
                world.block_at(block.0, block.1.clone());
                blocks.push(block);
                let start_ms = world.genesis.calendar().start_ms(world.month().plus(*months));
                world.block_at(start_ms, Vec::new());
                blocks.push((start_ms, Vec::new()));
            }
        }
    }
    let block = (world.time_ms + 1, pending);
    world.block_at(block.0, block.1.clone());
    blocks.push(block);
    blocks
}

/// Sums over every record of state, as `verify` does.
fn assert_conservation(world: &World) {
    let mut held: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for n in 1..=4 {
        let holdings = holdings_of(&world.store, &member(n), world.height);
        let record: Member = world.record(tag::members, &member(n)).expect("a member");
        assert!(record.classes.iter().eq(holdings.iter().map(|(class, _)| class)), "{:?}", record.classes);
        for (class, movement) in holdings {
            let all: u64 = movement.lots.iter().map(|l| l.points.0).sum();
            let live = balance_at(&movement.lots, world.month()).0;
            let sums = held.entry(class.0).or_default();
            *sums = (sums.0 + live, sums.1 + all - live);
        }
    }
    for id in 1..=4 {
        let totals: ClassTotals = world.record(tag::class_totals, &class(id)).unwrap_or_default();
        let (live, unswept) = held.get(&id).copied().unwrap_or_default();
        assert_eq!(totals.outstanding.0, live, "class {id}");
        assert_eq!(totals.lapsed.0 - totals.swept.0, unswept, "class {id}");
        assert_eq!(
            totals.issued.0 + totals.exchanged_in.0,
            totals.redeemed.0 + totals.exchanged_out.0 + totals.lapsed.0 + totals.outstanding.0
        );
    }
    let positions: i128 = records::<MerchantId, crate::settlement::Position>(world, tag::positions)
        .iter()
        .map(|(_, p)| p.receivable.0 - p.payable.0)
        .sum();
    assert_eq!(positions, 0, "what is owed is owed to somebody");
    let pool: Vec<(MerchantId, Obligation)> = records(world, tag::pool_claims);
    assert!(pool.iter().all(|(_, claim)| claim.0 > 0));
}

fn records<K: Key, V>(world: &World, tag: u8) -> Vec<(K, V)>
where
    V: wincode::SchemaReadOwned<wincode::config::DefaultConfig, Dst = V>,
{
    let of_table = world.store.iter().filter(|(key, _)| key[0] == tag);
    of_table.map(|(key, value)| (K::take(&mut &key[1..]), encoding::decode_own(value))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_conserves_points_and_debts(steps in proptest::collection::vec(step(), 1..120)) {
        let mut world = World::with_members(200);
        play(&mut world, &steps);
        assert_conservation(&world);
    }

    #[test]
    fn what_is_spent_is_what_expires_first(
        monthly in proptest::collection::vec(0_u64..30, 1..10),
        spent in proptest::collection::vec(1_u64..20, 1..20),
    ) {
        let mut world = World::with_members(0);
        for points in monthly {
            if points > 0 {
                world.issue(1, member(1), points * 100);
            }
            world.skip_months(1);
        }
        for points in spent {
            let mut left = world.lots(member(1), 1);
            let balance = world.balance(member(1), 1);
            let outcome = world.run(2, redeem(1, member(1), points));
            if points <= balance {
                let mut wanted = points;
                for (_, held) in &mut left {
                    let taken = wanted.min(*held);
                    *held -= taken;
                    wanted -= taken;
                }
                left.retain(|(_, held)| *held > 0);
                prop_assert!(matches!(outcome, Outcome::Applied(_)), "{:?}", outcome);
            } else {
                prop_assert_eq!(outcome, Outcome::Rejected(Rejection::InsufficientPoints));
            }
            prop_assert_eq!(world.lots(member(1), 1), left);
        }
    }

    #[test]
    fn the_same_blocks_give_the_same_state(steps in proptest::collection::vec(step(), 1..60)) {
        let mut first = World::with_members(50);
        let mut second = World::with_members(50);
        for (time_ms, transactions) in play(&mut first, &steps) {
            second.block_at(time_ms, transactions);
        }
        prop_assert_eq!(first.state_hash, second.state_hash);
        prop_assert_eq!(first.store, second.store);
    }

    #[test]
    fn a_statement_adds_up_and_its_hashes_meet(steps in proptest::collection::vec(step(), 1..80)) {
        let mut world = World::with_members(50);
        play(&mut world, &steps);
        for n in 1..=4 {
            for id in 1..=4 {
                let owner = (member(n), class(id));
                let mut rows = history(&world.store, &owner, (Height(u64::MAX), u32::MAX), usize::MAX);
                rows.reverse();
                let (mut held, mut hash) = (0_i128, Hash::ZERO);
                for ((height, index), row) in rows {
                    held += i128::from(row.delta);
                    prop_assert_eq!(held, row.lots.iter().map(|l| i128::from(l.points.0)).sum::<i128>());
                    prop_assert!(row.lots.len() <= 25 && row.lots.is_sorted_by(|a, b| a.expires < b.expires));
                    let unchained = Movement { statement_hash: Hash::ZERO, ..row.clone() };
                    hash = unchained.chained(&hash, owner, height, index).statement_hash;
                    prop_assert_eq!(hash, row.statement_hash);
                }
            }
        }
    }
}
