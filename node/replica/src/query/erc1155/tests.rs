//! Events beside balances: whatever happens, the events up to a block sum up to what is held after it.

use std::collections::BTreeMap;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};
use tally_contracts::crypto::{self, PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::genesis::Genesis;
use tally_contracts::membership::member_address;
use tally_contracts::points::holdings_of;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::state::MemoryStore;
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{DAY_MS, Hash, Reference};
use tally_ledger::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_bytes};
use tally_ledger::chain::{Chain, Head, Proposal, Warm};
use tally_ledger::roots::checkpoint_roots;
use tally_ledger::roots::erc1155::balance_slot;

use super::abi::{Arguments, Word, address_word, topic, uint_word};
use super::call::{Revert, call};
use super::events::{Log, TopicFilter, heights, next_block, transaction_hashes};
use super::*;
use crate::executor::Run;
use crate::query::index::index_writes;

/// 2026-01-05T00:00:00Z.
const GENESIS_MS: u64 = 1_767_571_200_000;
const BAKER: MerchantId = MerchantId(1);
const FUEL: MerchantId = MerchantId(2);
const NOBODY: Address = Address([0; 20]);
const CLASSES: [u32; 2] = [1, 2];

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// A baker with two classes of points worth a fen, and a filling station that takes them. Points live for two months.
fn genesis() -> Genesis {
    let public = |seed| PublicKey::of(&key(seed));
    let terms = json!({
        "decimals": 0, "anchor": "0.01", "earn_rate": "1", "life_months": 2, "accepted_by": [],
        "custodian_member_limit_fen": "0", "custodian_limit_fen": "0",
    });
    let class = |id: u32| json!({ "id": id, "name": format!("class {id}"), "issuer": 1, "terms": terms });
    let merchant = |id: u8| {
        json!({
            "id": id, "name": format!("merchant {id}"), "validator_key": public(id), "cosigner_key": public(id + 50),
            "net_debit_cap_fen": "100000000",
            "operator_keys": [{ "public_key": public(100 + id), "roles": ["issuer", "acceptor"] }],
        })
    };
    let genesis = json!({
        "name": "two", "time_ms": GENESIS_MS, "utc_offset_minutes": 0, "clock": "real",
        "parameters": {
            "idle_block_ms": 1000, "min_anchor": "0.001", "max_anchor": "1", "exchange": { "spread": "0" },
            "no_consent_limit_fen": "100000000", "refund_window_days": 30,
        },
        "merchants": [merchant(1), merchant(2)],
        "classes": CLASSES.map(class),
    });
    serde_json::from_value(genesis).expect("a genesis that the contracts read")
}

fn member(number: u8) -> Address {
    member_address(BAKER, &Hash([number; 32]))
}

/// The alliance, block by block.
struct World {
    chain: Chain,
    head: Head,
    store: MemoryStore,
    certificate: Option<CommitCertificate>,
    serial: u128,
    /// What was written down of operations: for those that take them up.
    references: Vec<Reference>,
}

/// What goes into one transaction.
struct Batch {
    merchant: MerchantId,
    is_atomic: bool,
    bodies: Vec<Value>,
}

fn single(merchant: MerchantId, body: Value) -> Batch {
    Batch { merchant, is_atomic: false, bodies: vec![body] }
}

fn atomic(bodies: &[Value]) -> Batch {
    Batch { merchant: BAKER, is_atomic: true, bodies: bodies.to_vec() }
}

fn issue(to: u8, class: u32, points: u64) -> Value {
    let line = json!({ "category": 1, "amount_fen": (points * 100).to_string() });
    json!({ "issue": { "class": class, "member": member(to), "lines": [line] } })
}

fn transfer(from: u8, to: u8, class: u32, points: u64) -> Value {
    let points = points.to_string();
    json!({ "transfer": { "class": class, "from": member(from), "to": member(to), "points": points } })
}

impl World {
    /// Three members, in a first block.
    fn new() -> Self {
        let chain = Chain::new(genesis());
        let (head, writes) = chain.start();
        let mut store = MemoryStore::default();
        store.apply(&writes);
        let mut world = Self { chain, head, store, certificate: None, serial: 0, references: Vec::new() };
        let enrol = |number: u8| json!({ "enrol": { "commitment": Hash([number; 32]) } });
        world.block(DAY_MS, vec![Batch { merchant: BAKER, is_atomic: false, bodies: (1..=3).map(enrol).collect() }]);
        world
    }

    fn block(&mut self, step_ms: u64, batches: Vec<Batch>) -> Vec<Receipt> {
        let now_ms = self.head.time_ms + step_ms;
        let transactions = batches.into_iter().map(|batch| self.signed(now_ms, batch)).collect();
        let proposal = Proposal { proposer: BAKER, now_ms, last_commit: self.certificate.take(), transactions };
        let block = self.chain.propose(&self.head, proposal);
        let block = self.chain.check(&self.head, &Bytes::from(block.encode())).expect("a proposed block is valid");
        let Run { executed, index } =
            Run::new(&self.chain, (&self.store, &self.head), &block, &mut Warm::default(), index_writes);
        self.store.apply(&executed.writes);
        self.store.apply(&index);
        self.head = executed.head;
        self.certificate = Some(self.certify());
        executed.receipts.into_iter().flatten().collect()
    }

    /// What commits the head.
    fn certify(&self) -> CommitCertificate {
        let (height, block_id) = (self.head.height, self.head.block_id);
        let sign = |merchant: MerchantId| {
            let chain_id = self.chain.chain_id();
            let vote = vote_bytes(chain_id, VoteKind::Precommit, height, 0, Some(&block_id), merchant);
            CommitSignature { merchant, signature: crypto::sign(&key(merchant.0 as u8), &vote) }
        };
        CommitCertificate { height, round: 0, block_id, signatures: [BAKER, FUEL].map(sign).to_vec() }
    }

    /// A block in which all is applied; gives its height.
    fn applied(&mut self, step_ms: u64, batches: Vec<Batch>) -> Height {
        let receipts = self.block(step_ms, batches);
        let refused = receipts.iter().find(|receipt| !matches!(receipt.outcome, Outcome::Applied(_)));
        assert_eq!(refused, None);
        self.head.height
    }

    fn signed(&mut self, now_ms: u64, batch: Batch) -> CheckedTransaction {
        let Batch { merchant, is_atomic, bodies } = batch;
        let operation = |body| {
            self.serial += 1;
            let reference = Reference::new(now_ms, self.serial);
            self.references.push(reference);
            Operation::new(reference, serde_json::from_value::<Body>(body).expect("a body"))
        };
        let mut transaction = Transaction {
            chain_id: *self.chain.chain_id(),
            merchant,
            public_key: PublicKey::default(),
            valid_until_ms: now_ms + 1_000,
            atomic: is_atomic,
            operations: bodies.into_iter().map(operation).collect(),
            signature: Signature::default(),
        };
        transaction.sign(&key(100 + merchant.0 as u8));
        CheckedTransaction::check(encoding::encode(&transaction), self.chain.chain_id()).expect("it is well formed")
    }

    fn last_reference(&self) -> Reference {
        *self.references.last().expect("something was submitted")
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { head: &self.head, store: &self.store, genesis: self.chain.genesis() }
    }

    /// Events from one block to another that a filter takes.
    fn logs(&self, (from, to): (Height, Height), filter: &TopicFilter) -> Vec<(Height, Log)> {
        let (mut found, mut next) = (Vec::new(), from);
        while let Some(block) = next_block(&self.snapshot(), (next, to), filter) {
            found.extend(block.logs.into_iter().map(|log| (block.height, log)));
            next = block.height.next();
        }
        found
    }

    fn told_at(&self, height: Height) -> Vec<Told> {
        self.logs((height, height), &TopicFilter::default()).iter().map(|(_, log)| told(log)).collect()
    }

    /// What members hold by the events up to a height.
    fn replayed(&self, to: Height) -> BTreeMap<(Address, u64), i128> {
        let mut held: BTreeMap<(Address, u64), i128> = BTreeMap::new();
        for (_, log) in self.logs((Height(1), to), &TopicFilter::default()) {
            let Told { from, to, moved, .. } = told(&log);
            for (id, value) in moved {
                assert!(value > 0, "an event of nothing");
                *held.entry((from, id)).or_default() -= i128::from(value);
                *held.entry((to, id)).or_default() += i128::from(value);
            }
        }
        held.retain(|(holder, _), _| *holder != NOBODY);
        held
    }

    /// Events, balances and roots say the same.
    fn assert_same(&self) {
        let snapshot = self.snapshot();
        for height in (1..=self.head.height.0).map(Height) {
            let held = self.replayed(height);
            for (holder, class) in (1..=3).flat_map(|number| CLASSES.map(|class| (member(number), class))) {
                let replayed = held.get(&(holder, class.into())).copied().unwrap_or_default();
                let movements = holdings_of(&self.store, &holder, height).into_iter();
                let movement = movements.filter(|(id, _)| id.0 == class).map(|(_, movement)| movement).next();
                let lots = movement.map_or(0, |movement| movement.lots.iter().map(|lot| lot.points.0).sum());
                assert_eq!(replayed, i128::from(lots), "{holder} at {height}");
                // So few holdings are swept by the very block that ends their month.
                let balance = balance(&snapshot, holder, U256::from(class), height);
                assert_eq!(replayed, i128::from(balance.0), "{holder} at {height}");
            }
        }
        let month = snapshot.calendar().month(self.head.time_ms);
        let uri = Contract::of(self.chain.chain_id()).uri;
        let roots = checkpoint_roots(&self.store, month, &uri, 1);
        for (holder, class) in (1..=3).flat_map(|number| CLASSES.map(|class| (member(number), class))) {
            let slot = balance_slot(&holder, ClassId(class));
            let proof = roots.storage.prove(&slot, |range| roots.balances.entries()[range].to_vec());
            let balance = balance(&snapshot, holder, U256::from(class), self.head.height);
            assert_eq!(proof.value, U256::from(balance.0));
        }
    }
}

/// An event as a client reads it.
#[derive(Debug, PartialEq)]
struct Told {
    operator: Address,
    from: Address,
    to: Address,
    is_batch: bool,
    moved: Vec<(u64, u64)>,
}

fn told(log: &Log) -> Told {
    let data = Arguments::new(&log.data);
    let number = |word: U256| u64::try_from(word).expect("it fits");
    let numbers = |at| data.uints(at).expect("an array").into_iter().map(number).collect::<Vec<_>>();
    let is_batch = log.topics[0] == topic("TransferBatch(address,address,address,uint256[],uint256[])");
    let moved = if is_batch {
        numbers(0).into_iter().zip(numbers(1)).collect()
    } else {
        assert_eq!(log.topics[0], topic("TransferSingle(address,address,address,uint256,uint256)"));
        assert_eq!(log.data.len(), 64);
        vec![(number(data.uint(0).expect("an id")), number(data.uint(1).expect("a value")))]
    };
    let [_, operator, from, to] = log.topics.map(|word| Arguments::new(&word).address(0));
    let [operator, from, to] = [operator, from, to].map(|address| address.expect("an address"));
    Told { operator, from, to, is_batch, moved }
}

fn one(operator: MerchantId, from: Address, to: Address, id: u64, value: u64) -> Told {
    Told { operator: super::operator(operator), from, to, is_batch: false, moved: vec![(id, value)] }
}

#[test]
fn each_movement_is_told_as_the_standard_has_it() {
    let (ann, ben) = (member(1), member(2));
    let mut world = World::new();
    assert_eq!(world.told_at(Height(1)), [], "nobody has any points yet");
    let at = world.applied(1, vec![single(BAKER, issue(1, 1, 100)), single(BAKER, issue(1, 2, 50))]);
    assert_eq!(world.told_at(at), [one(BAKER, NOBODY, ann, 1, 100), one(BAKER, NOBODY, ann, 2, 50)]);

    let gifts = [transfer(1, 2, 1, 10), transfer(1, 2, 2, 5)];
    let at = world.applied(1, vec![atomic(&gifts)]);
    let batch = Told { operator: operator(BAKER), from: ann, to: ben, is_batch: true, moved: vec![(1, 10), (2, 5)] };
    assert_eq!(world.told_at(at), [batch]);
    let apart = Batch { merchant: BAKER, is_atomic: false, bodies: gifts.to_vec() };
    let at = world.applied(1, vec![apart]);
    assert_eq!(world.told_at(at), [one(BAKER, ann, ben, 1, 10), one(BAKER, ann, ben, 2, 5)]);
    let round = [transfer(1, 2, 1, 1), transfer(2, 1, 1, 2), transfer(2, 1, 2, 3)];
    let at = world.applied(1, vec![atomic(&round), atomic(&gifts[..1])]);
    let back = Told { operator: operator(BAKER), from: ben, to: ann, is_batch: true, moved: vec![(1, 2), (2, 3)] };
    assert_eq!(world.told_at(at), [one(BAKER, ann, ben, 1, 1), back, one(BAKER, ann, ben, 1, 10)]);

    let parted = [transfer(1, 2, 1, 1), issue(3, 1, 9), transfer(1, 2, 1, 2)];
    let at = world.applied(1, vec![atomic(&parted)]);
    let third = one(BAKER, NOBODY, member(3), 1, 9);
    assert_eq!(
        world.told_at(at),
        [one(BAKER, ann, ben, 1, 1), third, one(BAKER, ann, ben, 1, 2)],
        "not one after another"
    );

    let redeem = json!({ "redeem": { "class": 1, "member": ben, "points": "7" } });
    let exchange = json!({ "exchange": {
        "member": ann, "from_class": 1, "to_class": 2, "points": "20", "min_out": "1",
    } });
    let at = world.applied(1, vec![single(FUEL, redeem), single(BAKER, exchange)]);
    let exchanged = [one(BAKER, ann, NOBODY, 1, 20), one(BAKER, NOBODY, ann, 2, 20)];
    assert_eq!(world.told_at(at)[1..], exchanged);
    assert_eq!(world.told_at(at)[0], one(FUEL, ben, NOBODY, 1, 7));
    world.assert_same();
}

#[test]
fn what_is_held_is_burnt_and_what_comes_back_minted() {
    let ann = member(1);
    let mut world = World::new();
    world.applied(1, vec![single(BAKER, issue(1, 1, 100))]);
    let release_ms = world.head.time_ms + DAY_MS;
    let hold = json!({ "hold": { "class": 1, "member": ann, "points": "30", "release_ms": release_ms } });
    let at = world.applied(1, vec![single(FUEL, hold.clone())]);
    assert_eq!(world.told_at(at), [one(FUEL, ann, NOBODY, 1, 30)]);
    let capture = json!({ "capture": { "hold": world.last_reference(), "points": "20" } });
    let at = world.applied(1, vec![single(FUEL, capture)]);
    assert_eq!(world.told_at(at), [one(FUEL, NOBODY, ann, 1, 10)], "the rest of the hold; a line of 0 is no event");

    world.applied(1, vec![single(FUEL, hold)]);
    let at = world.applied(2 * DAY_MS, Vec::new());
    assert_eq!(world.told_at(at), [one(MerchantId::POOL, NOBODY, ann, 1, 30)], "by time, which nobody submits");
    world.assert_same();
}

#[test]
fn points_lapse_by_the_hand_of_nobody_and_under_the_blocks_own_id() {
    let ann = member(1);
    let mut world = World::new();
    world.applied(1, vec![single(BAKER, issue(1, 1, 100))]);
    let before = world.head.height;
    let at = world.applied(100 * DAY_MS, vec![single(BAKER, issue(1, 2, 5))]);
    assert_eq!(world.told_at(at), [one(MerchantId::POOL, ann, NOBODY, 1, 100), one(BAKER, NOBODY, ann, 2, 5)]);
    let logs = world.logs((at, at), &TopicFilter::default());
    let places: Vec<_> = logs.iter().map(|(_, log)| (log.index, log.transaction_index, log.transaction)).collect();
    let hashes = transaction_hashes(&world.snapshot(), at, world.head.block_id);
    assert_eq!(places, [(0, 0, world.head.block_id), (1, 1, hashes[1])]);
    assert_eq!((hashes.len(), hashes[0]), (2, world.head.block_id));
    let balance = |height| balance(&world.snapshot(), ann, U256::from(1), height);
    assert_eq!((balance(before), balance(at)), (Points(100), Points(0)));
    world.assert_same();
}

#[test]
fn a_filter_takes_what_it_names() {
    let (ann, ben, cas) = (member(1), member(2), member(3));
    let mut world = World::new();
    world.applied(1, vec![single(BAKER, issue(1, 1, 100))]);
    world.applied(1, vec![single(BAKER, transfer(1, 2, 1, 10)), single(BAKER, transfer(1, 3, 1, 20))]);
    world.applied(1, vec![atomic(&[transfer(1, 2, 1, 1), transfer(1, 2, 1, 2)])]);
    let count = |positions: Vec<Option<Vec<Word>>>| {
        let filter = TopicFilter::new(positions).expect("four topics at most");
        world.logs((Height(1), world.head.height), &filter).len()
    };
    let words = |addresses: &[Address]| Some(addresses.iter().map(address_word).collect::<Vec<_>>());
    let single = vec![topic("TransferSingle(address,address,address,uint256,uint256)")];
    assert_eq!(count(Vec::new()), 4);
    assert_eq!(count(vec![Some(single.clone())]), 3);
    assert_eq!(count(vec![None, words(&[operator(BAKER)])]), 4);
    assert_eq!(count(vec![None, words(&[operator(FUEL)])]), 0);
    assert_eq!(count(vec![None, None, words(&[NOBODY])]), 1, "minted");
    assert_eq!(count(vec![None, None, words(&[ann])]), 3);
    assert_eq!(count(vec![None, None, None, words(&[ben, cas])]), 3);
    assert_eq!(count(vec![Some(single), None, words(&[ann]), words(&[cas])]), 1);
    assert_eq!(count(vec![None, None, None, words(&[Address([9; 20])])]), 0);
    assert!(TopicFilter::new(vec![None; 5]).is_none());

    let members = |from: &[Address], to: &[Address]| {
        let filter = TopicFilter::new(vec![None, None, words(from), words(to)]).expect("four topics");
        filter.members()
    };
    assert_eq!(members(&[ann], &[ben, cas]), Some(vec![ann]), "the fewer there are, the better");
    assert_eq!(members(&[NOBODY], &[ben, cas]), Some(vec![ben, cas]));
    assert_eq!(members(&[NOBODY, ann], &[NOBODY]), None, "anyone's points are minted");
    let moved = heights(&world.snapshot(), &(ben, ClassId(1)), (Height(1), world.head.height));
    assert_eq!(moved, (vec![Height(4), Height(3)], None));
    assert_eq!(heights(&world.snapshot(), &(ben, ClassId(1)), (Height(4), world.head.height)).0, [Height(4)]);
}

#[test]
fn a_long_history_comes_in_pages_that_lose_no_block() {
    let mut world = World::new();
    world.applied(1, vec![single(BAKER, issue(1, 1, 10_000))]);
    for _ in 0..3 {
        let bodies = vec![transfer(1, 2, 1, 1); 400];
        world.applied(1, vec![Batch { merchant: BAKER, is_atomic: false, bodies }]);
    }
    let page = |to| heights(&world.snapshot(), &(member(1), ClassId(1)), (Height(1), to));
    assert_eq!(page(Height(5)), (vec![Height(5), Height(4), Height(3)], Some(Height(2))), "a thousand movements");
    assert_eq!(page(Height(2)), (vec![Height(2)], None));
}

#[test]
fn the_contract_answers_what_a_reader_asks() {
    let (ann, ben) = (member(1), member(2));
    let mut world = World::new();
    let empty = world.head.height;
    world.applied(1, vec![single(BAKER, issue(1, 1, 100)), single(BAKER, issue(2, 2, 7))]);
    let ask = |height, signature: &str, words: &[Word]| {
        let data = [&abi::selector(signature)[..], &words.concat()].concat();
        call(&world.snapshot(), height, &data)
    };
    let now = |signature: &str, words: &[Word]| ask(world.head.height, signature, words);
    let ann_1 = [address_word(&ann), uint_word(1)];
    assert_eq!(now("balanceOf(address,uint256)", &ann_1), Ok(uint_word(100).to_vec()));
    assert_eq!(ask(empty, "balanceOf(address,uint256)", &ann_1), Ok(uint_word(0).to_vec()), "as of then");
    let no_class = [address_word(&ann), [0xff; 32]];
    assert_eq!(now("balanceOf(address,uint256)", &no_class), Ok(uint_word(0).to_vec()));

    let two = [uint_word(64), uint_word(160), uint_word(2), address_word(&ann), address_word(&ben)];
    let ids = [uint_word(2), uint_word(1), uint_word(2)];
    let batch = now("balanceOfBatch(address[],uint256[])", &[&two[..], &ids].concat()).expect("balances");
    assert_eq!(Arguments::new(&batch).uints(0), Ok(vec![U256::from(100), U256::from(7)]));
    let uneven = now("balanceOfBatch(address[],uint256[])", &[&two[..], &[uint_word(1), uint_word(1)]].concat());
    assert_eq!(uneven, Err(Revert("2 accounts and 1 ids: give an id for each account".into())));

    let uri = now("uri(uint256)", &[uint_word(1)]).expect("a text");
    let text = format!("tally:{}/{{id}}", world.chain.chain_id());
    assert_eq!(uri[64..64 + text.len()], *text.as_bytes());
    let approved = now("isApprovedForAll(address,address)", &[address_word(&ann), address_word(&ben)]);
    assert_eq!(approved, Ok(uint_word(0).to_vec()));
    for (interface, is_there) in [("01ffc9a7", 1), ("d9b67a26", 1), ("0e89341c", 1), ("ffffffff", 0)] {
        let mut word = [0; 32];
        hex::decode_to_slice(interface, &mut word[..4]).expect("four bytes");
        assert_eq!(now("supportsInterface(bytes4)", &[word]), Ok(uint_word(is_there).to_vec()), "{interface}");
    }
    for writing in [
        "safeTransferFrom(address,address,uint256,uint256,bytes)",
        "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)",
        "setApprovalForAll(address,bool)",
    ] {
        let Revert(reason) = now(writing, &[]).expect_err("it is refused");
        assert!(reason.contains("POST /v1/operations"), "{reason}");
    }
    assert!(now("name()", &[]).expect_err("no such function").0.contains("balanceOfBatch"));
    assert!(call(&world.snapshot(), empty, &[1, 2, 3]).is_err());
    assert!(now("balanceOf(address,uint256)", &[uint_word(1)]).is_err(), "an argument is missing");
}

#[test]
fn an_alliance_has_one_contract() {
    let mut chain_id = Hash([0; 32]);
    chain_id.0[..7].copy_from_slice(&[0, 0, 0, 0, 1, 2, 3]);
    let contract = Contract::of(&chain_id);
    assert_eq!(contract.chain_number, 0x102);
    assert_eq!(Contract::of(&Hash([0; 32])).chain_number, 1);
    assert_eq!(Contract::of(&Hash([0xff; 32])).chain_number, (1 << 48) - 1);
    let hash = keccak256([&b"tally/erc1155/v1\0"[..], &chain_id.0].concat());
    assert_eq!(contract.address.0, hash[12..]);
    assert_eq!(hex::encode(operator(MerchantId(0x102)).0), format!("{}0102", "00".repeat(18)));
}

/// Something that a member or a merchant may try, refused or not.
#[derive(Clone, Debug)]
enum Act {
    Issue(u8, u32, u64),
    Transfer(u8, u8, u32, u64),
    Redeem(u8, u32, u64),
    Hold(u8, u32, u64),
    Capture(usize, u64),
    Void(usize),
    Exchange(u8, u32, u64),
    Refund(usize, u64),
    Return(usize, u64),
}

impl Act {
    fn body(&self, world: &World) -> Value {
        let reference = |back: usize| {
            let at = world.references.len() - 1 - back % world.references.len();
            world.references[at]
        };
        match *self {
            Self::Issue(to, class, points) => issue(to, class, points),
            Self::Transfer(from, to, class, points) => transfer(from, to, class, points),
            Self::Redeem(of, class, points) => {
                json!({ "redeem": { "class": class, "member": member(of), "points": points.to_string() } })
            }
            Self::Hold(of, class, points) => {
                let (points, release_ms) = (points.to_string(), world.head.time_ms + 3 * DAY_MS);
                json!({ "hold": { "class": class, "member": member(of), "points": points, "release_ms": release_ms } })
            }
            Self::Capture(back, points) => {
                json!({ "capture": { "hold": reference(back), "points": points.to_string() } })
            }
            Self::Void(back) => json!({ "void": { "hold": reference(back) } }),
            Self::Exchange(of, class, points) => json!({ "exchange": {
                "member": member(of), "from_class": class, "to_class": 3 - class, "points": points.to_string(),
                "min_out": "0",
            } }),
            Self::Refund(back, points) => {
                let amount_fen = (points * 100).to_string();
                json!({ "reverse_issue": { "original": reference(back), "amount_fen": amount_fen } })
            }
            Self::Return(back, points) => {
                json!({ "reverse_redeem": { "original": reference(back), "points": points.to_string() } })
            }
        }
    }
}

fn act() -> impl Strategy<Value = Act> {
    let (who, class, points) = (|| 1_u8..4, || 1_u32..3, || 1_u64..60);
    prop_oneof![
        4 => (who(), class(), points()).prop_map(|(a, b, c)| Act::Issue(a, b, c)),
        6 => (who(), who(), class(), points()).prop_map(|(a, b, c, d)| Act::Transfer(a, b, c, d)),
        2 => (who(), class(), points()).prop_map(|(a, b, c)| Act::Redeem(a, b, c)),
        3 => (who(), class(), points()).prop_map(|(a, b, c)| Act::Hold(a, b, c)),
        2 => (0_usize..6, points()).prop_map(|(a, b)| Act::Capture(a, b)),
        1 => (0_usize..6).prop_map(Act::Void),
        2 => (who(), class(), points()).prop_map(|(a, b, c)| Act::Exchange(a, b, c)),
        2 => (0_usize..8, points()).prop_map(|(a, b)| Act::Refund(a, b)),
        2 => (0_usize..8, points()).prop_map(|(a, b)| Act::Return(a, b)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn events_sum_up_to_balances_whatever_happens(
        blocks in prop::collection::vec(
            (prop_oneof![3 => 1_u64..5_000, 1 => Just(4 * DAY_MS), 1 => Just(35 * DAY_MS)],
             prop::collection::vec((any::<bool>(), prop::collection::vec(act(), 1..4)), 0..3)),
            1..12,
        ),
    ) {
        let mut world = World::new();
        for (step_ms, batches) in blocks {
            let batch = |(is_atomic, acts): &(bool, Vec<Act>)| {
                let bodies = acts.iter().map(|act| act.body(&world)).collect();
                Batch { merchant: BAKER, is_atomic: *is_atomic, bodies }
            };
            let batches = batches.iter().map(batch).collect();
            world.block(step_ms, batches);
        }
        world.assert_same();
    }
}
