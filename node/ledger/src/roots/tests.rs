//! Records, their tree and both roots, over stores made row by row.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tally_contracts::encoding::encode;
use tally_contracts::points::{Lot, Movement, Reason, holdings_of, latest_in};
use tally_contracts::settlement::{Leg, LegState, NetPosition, PairNet, Statement};
use tally_contracts::state::{Key, MemoryStore, WriteSet, Writes, tag};
use tally_contracts::types::{Address, ClassId, Fen, Hash, Height, MerchantId, Obligation, Points};

use super::state_tree::{InvalidRecordProof, NoRecordProof, RecordProof};
use super::*;
use crate::log::Frontier;

const MONTH: Month = Month(564);

/// The rows of a store under test.
#[derive(Default)]
struct Rows(Writes);

impl Rows {
    /// A movement that leaves these lots, by last month and points.
    fn movement(&mut self, owner: (u32, u32), (height, index): (u64, u32), lots: &[(Month, u64)]) {
        let lots = lots.iter().map(|(expires, points)| Lot { expires: *expires, points: Points(*points) }).collect();
        let statement_hash = Hash([height as u8; 32]);
        let movement = Movement { operation: Some(index), delta: 1, reason: Reason::Issued, lots, statement_hash };
        let row = ((address(owner.0), ClassId(owner.1)), (!height, !index));
        self.0.put(|key| put_key(key, tag::HOLDINGS, &row), Some(&movement));
    }

    fn settlement(&mut self, cycles: u16, legs: u16) {
        for cycle in (0..cycles).map(Month) {
            let statement = statement(legs);
            self.0.put(|key| put_key(key, tag::statements, &cycle), Some(&statement));
            for number in 0..legs {
                self.0.put(|key| put_key(key, tag::legs, &(cycle, number)), Some(&leg(number)));
            }
            let pair = (cycle, MerchantId(1), MerchantId(2));
            self.0.put(|key| put_key(key, tag::pair_nets, &pair), Some(&pair_net()));
        }
    }

    fn store(&self) -> MemoryStore {
        let mut store = MemoryStore::default();
        store.apply(&WriteSet::new(&self.0));
        store
    }
}

/// Appends a key under its table's tag.
fn put_key(to: &mut Vec<u8>, tag: u8, key: &impl Key) {
    to.push(tag);
    key.put(to);
}

fn address(n: u32) -> Address {
    let mut address = Address::default();
    address.0[16..].copy_from_slice(&n.to_be_bytes());
    address
}

fn statement(legs: u16) -> Statement {
    let positions = vec![NetPosition { merchant: MerchantId(1), net_fen: -5 }];
    Statement { height: Height(7), time_ms: 1, positions, legs }
}

fn leg(number: u16) -> Leg {
    Leg {
        payer: MerchantId(1),
        payee: MerchantId(2),
        amount_fen: Fen(number.into()),
        due_ms: 2,
        deadline_ms: 3,
        bank_reference: None,
        is_escalated: false,
        state: LegState::Open,
    }
}

fn pair_net() -> PairNet {
    PairNet { opening: Obligation(0), net: Obligation(-1), net_fen: 0, closing: Obligation(-1) }
}

/// So many holdings of one lot, with a little of settlement behind them.
fn holdings(count: u32) -> Rows {
    let mut rows = Rows::default();
    for n in 0..count {
        rows.movement((n, 1), (2, n), &[(MONTH, 10)]);
        rows.movement((n, 1), (5, n), &[(MONTH, u64::from(n) + 1)]);
    }
    rows
}

fn leaves(store: &MemoryStore, from: &RecordId) -> Vec<(RecordId, Vec<u8>)> {
    let mut leaves = Vec::new();
    visit_records(store, from, |record| {
        leaves.push((record.id(), encode(record)));
        ControlFlow::Continue(())
    });
    leaves
}

fn roots(store: &MemoryStore) -> Roots {
    checkpoint_roots(store, MONTH, "u", 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// The contracts' own queries are the reference: no key is laid out twice without a test.
    #[test]
    fn a_holding_is_its_latest_movement_as_the_contracts_have_it(
        owners in prop::collection::btree_map((0..50_u32, 0..3_u32), prop_oneof![4 => 1..4_u64, 1 => 100..300_u64], 0..60),
    ) {
        let mut rows = Rows::default();
        for (owner, movements) in &owners {
            (1..=*movements).for_each(|n| rows.movement(*owner, (n / 2, n as u32), &[(MONTH, n)]));
        }
        let store = rows.store();
        let mut expected = Vec::new();
        for member in owners.keys().map(|owner| address(owner.0)).collect::<BTreeSet<_>>() {
            for (class, movement) in holdings_of(&store, &member, Height(u64::MAX)) {
                let ((height, index), _) = latest_in(&store, &(member, class), Height(u64::MAX)).expect("it has one");
                let Movement { lots, statement_hash, .. } = movement;
                let record = Record::Holding { address: member, class, height, index, lots, statement_hash };
                expected.push((record.id(), encode(&record)));
            }
        }
        prop_assert_eq!(leaves(&store, &RecordId::FIRST), expected);
    }
}

#[test]
fn records_come_in_the_order_of_their_ids_from_any_of_them_on() {
    let mut rows = holdings(150);
    rows.settlement(3, 60);
    let store = rows.store();
    let all = leaves(&store, &RecordId::FIRST);
    assert_eq!(all.len(), 150 + 3 + 180 + 3);
    assert!(all.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!((all[150].0, all[153].0), (RecordId::Statement(Month(0)), RecordId::Leg(Month(0), 0)));
    assert_eq!(all.last().map(|(id, _)| *id), Some(RecordId::Pair(Month(2), MerchantId(1), MerchantId(2))));
    for at in [0, 1, 149, 150, 152, 153, 154, 332, 333, 335] {
        assert_eq!(leaves(&store, &all[at].0), all[at..], "from {:?}", all[at].0);
    }
}

/// Little-endian and fixed-width, as `docs/formats.md` has it.
#[test]
fn leaves_are_these_bytes() {
    let lots = vec![Lot { expires: Month(564), points: Points(9) }];
    let holding = Record::Holding {
        address: address(0x0102_0304),
        class: ClassId(5),
        height: Height(6),
        index: 7,
        lots,
        statement_hash: Hash([0xee; 32]),
    };
    let lot = "34020900000000000000";
    let expected = format!(
        "01000000{}01020304050000000600000000000000070000000100000000000000{lot}{}",
        "00".repeat(16),
        "ee".repeat(32)
    );
    assert_eq!(hex::encode(encode(&holding)), expected);
    let cycle = Month(564);
    let pair = Record::Pair { cycle, low: MerchantId(1), high: MerchantId(2), pair: pair_net() };
    let cases = [
        (Record::Statement { cycle, statement: statement(3) }, "020000003402", encode(&statement(3))),
        (Record::Leg { cycle, number: 4, leg: leg(4) }, "0300000034020400", encode(&leg(4))),
        (pair, "04000000340201000200", encode(&pair_net())),
    ];
    for (record, front, rest) in cases {
        assert_eq!(hex::encode(encode(&record)), front.to_owned() + &hex::encode(rest));
    }
}

#[test]
fn the_state_root_is_that_of_rfc_6962_and_every_record_has_a_proof() {
    for count in [0, 1, 2, 3, 254, 255, 256, 257, 511, 512, 513, 800] {
        let store = holdings(count).store();
        let state = roots(&store).state;
        let mut tree = Frontier::default();
        let all = leaves(&store, &RecordId::FIRST);
        all.iter().for_each(|(_, leaf)| tree.append(leaf));
        assert_eq!((state.root(), state.size()), (tree.root(), u64::from(count)), "{count} records");
        for at in [0, 1, 2, 100, 255, 256, 511, 512, 799].into_iter().filter(|at| *at < all.len()) {
            let (id, leaf) = &all[at];
            let proof = state.prove(&store, id).expect("there is such a record");
            assert_eq!((&proof.leaf, proof.index, proof.size), (leaf, at as u64, u64::from(count)));
            assert_eq!(proof.verify(&state.root()), Ok(()), "{at} of {count}");
        }
    }
}

#[test]
fn a_proof_of_another_leaf_place_or_root_is_refused() {
    let store = holdings(600).store();
    let state = roots(&store).state;
    let id = RecordId::Holding(address(300), ClassId(1));
    let proof = state.prove(&store, &id).expect("there is such a record");
    let mut longer = proof.path.clone();
    longer.push(Hash::ZERO);
    let refused = [
        RecordProof { leaf: [&proof.leaf[..], &[0]].concat(), ..proof.clone() },
        RecordProof { index: proof.index + 1, ..proof.clone() },
        RecordProof { index: proof.size, ..proof.clone() },
        RecordProof { index: 0, size: 0, ..proof.clone() },
        RecordProof { size: u64::MAX, ..proof.clone() },
        RecordProof { path: proof.path[1..].to_vec(), ..proof.clone() },
        RecordProof { path: longer, ..proof.clone() },
        RecordProof { path: Vec::new(), ..proof.clone() },
    ];
    for (n, proof) in refused.iter().enumerate() {
        assert_eq!(proof.verify(&state.root()), Err(InvalidRecordProof), "case {n}");
    }
    assert_eq!(proof.verify(&Hash::ZERO), Err(InvalidRecordProof));
    assert_eq!(proof.verify(&state.root()), Ok(()));
}

#[test]
fn what_is_not_there_or_has_changed_has_no_proof() {
    let rows = holdings(300);
    let state = roots(&rows.store()).state;
    let absent = [RecordId::Holding(address(7), ClassId(2)), RecordId::Statement(Month(1))];
    for id in absent {
        assert_eq!(state.prove(&rows.store(), &id), Err(NoRecordProof::Missing), "{id:?}");
    }
    assert_eq!(StateTree::default().prove(&rows.store(), &absent[0]), Err(NoRecordProof::Missing));
    let mut later = holdings(300);
    later.movement((20, 1), (9, 0), &[(MONTH, 1)]);
    let id = RecordId::Holding(address(7), ClassId(1));
    assert_eq!(state.prove(&later.store(), &id), Err(NoRecordProof::OtherState));
}

#[test]
fn balances_are_live_points_in_the_month_of_the_checkpoint() {
    let mut rows = Rows::default();
    let (last, gone) = (MONTH, Month(MONTH.0 - 1));
    rows.movement((1, 1), (2, 0), &[(gone, 5), (last, 7), (MONTH.plus(1), 11)]);
    rows.movement((2, 1), (2, 1), &[(gone, 5)]);
    rows.movement((3, 1), (2, 2), &[(last, 9)]);
    rows.movement((3, 1), (3, 0), &[]);
    let store = rows.store();
    let roots = roots(&store);
    assert_eq!(roots.state.size(), 3, "a holding of nothing has a statement still");
    for (holder, points) in [(1, 18_u64), (2, 0), (3, 0), (4, 0)] {
        let slot = erc1155::balance_slot(&address(holder), ClassId(1));
        let proof = roots.storage.prove(&slot, |range| roots.balances.entries()[range].to_vec());
        assert_eq!(proof.value.to::<u64>(), points, "holder {holder}");
        assert_eq!(proof.verify(&roots.storage.root()), Ok(()));
    }
}
