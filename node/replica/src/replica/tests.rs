//! The replica through crashes, on a disk that loses what was not synced, beside a model in memory.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use tally_contracts::checkpoint::{Roots, token_uri};
use tally_contracts::crypto::{self, PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::genesis::{
    BusinessCalendar, Clock, ExchangeParameters, Genesis, GenesisClass, GenesisMerchant, OperatorKey, Parameters, Role,
};
use tally_contracts::membership::{Enrol, HolderKind, member_address};
use tally_contracts::points::{ClassTerms, Issue, IssueLine, latest_in};
use tally_contracts::state::{Key, MemoryStore, Store as _, Writes, tag};
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{Address, Category, ClassId, DAY_MS, Day, Fen, Hash, MerchantId, Rate, Reference};
use tally_ledger::certificate::{CommitSignature, VoteKind, vote_bytes};
use tally_ledger::chain::{BIG_BLOCK_OPERATIONS, Proposal};
use tally_ledger::roots::checkpoint_roots;
use tally_ledger::roots::records::RecordId;
use tally_ledger::roots::state_tree::NoRecordProof;
use tempfile::TempDir;

use super::*;
use crate::keeper::Kept;
use crate::storage::lossy::LossyDisk;

const START_MS: u64 = 1_500_000_000_000;
const FLUSH: FlushOptions = FlushOptions { blocks: 5, bytes: 1 << 20 };

/// Two merchants and their keys; makes blocks and certificates as consensus would.
struct Alliance {
    chain: Chain,
    /// Head and state as an auditor has them, by replay in memory.
    head: Head,
    store: MemoryStore,
    certificate: Option<CommitCertificate>,
    blocks: Vec<(Bytes, CommitCertificate)>,
    serial: u32,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn genesis() -> Genesis {
    let rate = |millionths: u64| Rate::from_millionths(millionths);
    let merchant = |id: u8| GenesisMerchant {
        id: MerchantId(id.into()),
        name: format!("merchant {id}"),
        validator_key: PublicKey::of(&key(id)),
        cosigner_key: PublicKey::of(&key(id + 50)),
        operator_keys: vec![OperatorKey {
            public_key: PublicKey::of(&key(100 + id)),
            roles: vec![Role::Issuer, Role::Acceptor],
            store_id: None,
        }],
        net_debit_cap_fen: Fen(1_000_000_000),
        collateral_fen: Fen(0),
        industry: 0,
        base_share: 1,
    };
    let terms = ClassTerms {
        decimals: 0,
        anchor: rate(10_000),
        earn_rate: rate(1_000_000),
        life_months: 3,
        accepted_by: Vec::new(),
        industries: Vec::new(),
        sub: None,
        permissions: Vec::new(),
        custodian_member_limit_fen: Fen(0),
        custodian_limit_fen: Fen(0),
        breakage: Rate::ZERO,
    };
    Genesis {
        name: "two".into(),
        time_ms: START_MS,
        utc_offset_minutes: 0,
        clock: Clock::Real,
        parameters: Parameters {
            idle_block_ms: 1_000,
            min_anchor: rate(1_000),
            max_anchor: rate(1_000_000),
            exchange: ExchangeParameters { spread: rate(0), ..ExchangeParameters::default() },
            no_consent_limit_fen: Fen(0),
            refund_window_days: 30,
            ..Parameters::default()
        },
        merchants: vec![merchant(1), merchant(2)],
        partners: Vec::new(),
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
        classes: vec![GenesisClass { id: ClassId(1), name: "one".into(), issuer: MerchantId(1), terms }],
    }
}

/// Members enrolled by one transaction, at most.
const FIT_A_TRANSACTION: u32 = 200;

impl Alliance {
    fn new() -> Self {
        let chain = Chain::new(genesis());
        let (head, writes) = chain.start();
        let mut store = MemoryStore::default();
        store.apply(&writes);
        Self { chain, head, store, certificate: None, blocks: Vec::new(), serial: 0 }
    }

    /// A block after the head: enrols members and issues points to them, `operations` of each.
    fn propose(&mut self, step_ms: u64, operations: u32) -> Bytes {
        let now_ms = self.head.time_ms + step_ms;
        let firsts = (0..operations).step_by(FIT_A_TRANSACTION as usize);
        let transactions =
            firsts.map(|first| self.transaction(now_ms, FIT_A_TRANSACTION.min(operations - first))).collect();
        let proposal = Proposal {
            proposer: MerchantId(1 + (self.serial % 2) as u16),
            now_ms,
            last_commit: self.certificate.clone(),
            transactions,
        };
        self.serial += 1;
        Bytes::from(self.chain.propose(&self.head, proposal).encode())
    }

    fn transaction(&mut self, now_ms: u64, operations: u32) -> CheckedTransaction {
        let mut bodies = Vec::new();
        for _ in 0..operations {
            self.serial += 1;
            let mut commitment = Hash([0; 32]);
            commitment.0[..4].copy_from_slice(&self.serial.to_le_bytes());
            let member = member_address(MerchantId(1), &commitment);
            let lines = vec![IssueLine { category: Category(1), amount_fen: Fen(12_300) }];
            bodies.push(Body::Enrol(Enrol { holder: HolderKind::Member, commitment }));
            bodies.push(Body::Issue(Issue { class: ClassId(1), member, lines }));
        }
        let serial = u128::from(self.serial) << 20;
        let operation = |(body, n)| Operation::new(Reference::new(now_ms, serial + n), body);
        let mut transaction = Transaction {
            chain_id: *self.chain.chain_id(),
            merchant: MerchantId(1),
            public_key: PublicKey([0; 32]),
            valid_until_ms: now_ms + 1_000,
            atomic: false,
            operations: bodies.into_iter().zip(0_u128..).map(operation).collect(),
            signature: Signature([0; 64]),
        };
        transaction.sign(&key(101));
        CheckedTransaction::check(encoding::encode(&transaction), self.chain.chain_id()).expect("it is well formed")
    }

    fn certify(&self, bytes: &[u8], round: u32) -> CommitCertificate {
        let header = Block::decode(bytes).expect("it is a block").header;
        let (height, block_id) = (header.height, header.id());
        let sign = |id: u8| {
            let merchant = MerchantId(id.into());
            let vote = vote_bytes(self.chain.chain_id(), VoteKind::Precommit, height, round, Some(&block_id), merchant);
            CommitSignature { merchant, signature: crypto::sign(&key(id), &vote) }
        };
        CommitCertificate { height, round, block_id, signatures: vec![sign(1), sign(2)] }
    }

    /// Replays a decided block in memory.
    fn advance(&mut self, bytes: &Bytes, certificate: &CommitCertificate) {
        let block = self.chain.check(&self.head, bytes).expect("a proposed block is valid");
        let executed = self.chain.execute(&self.store, &self.head, &block);
        self.store.apply(&executed.writes);
        self.head = executed.head;
        self.certificate = Some(certificate.clone());
        self.blocks.push((bytes.clone(), certificate.clone()));
    }

    /// One block all the way.
    fn step(&mut self, replica: &Replica, step_ms: u64, operations: u32) -> Result<(), StorageError> {
        let bytes = self.propose(step_ms, operations);
        let certificate = self.certify(&bytes, 0);
        replica.store_block(&bytes)?;
        replica.commit(certificate.clone())?;
        self.advance(&bytes, &certificate);
        Ok(())
    }

    fn open(&self, dir: &Path, disk: &LossyDisk) -> Result<Replica, StorageError> {
        let options = ReplicaOptions {
            disk: Arc::new(disk.clone()),
            flush: FLUSH,
            index: |_, _, block, _| {
                let mut rows = Writes::default();
                rows.put(|key| key.extend([&[0xc0][..], &block.id().0].concat()), Some(&block.id()));
                rows
            },
            ..ReplicaOptions::new(dir.to_owned(), self.chain.clone())
        };
        Replica::open(options)
    }

    /// The replica is where the model is, in every record.
    fn assert_same(&self, replica: &Replica) {
        assert_eq!(replica.head(), self.head);
        assert_eq!(replica.last_certificate(), self.certificate);
        let own = replica.read(|view| view.store.scan(&[0], &[0xc0], usize::MAX));
        let mut model = MemoryStore::default().iter().count();
        let kept = |record: &&(Vec<u8>, Vec<u8>)| record.0[0] != tag::references;
        for (key, value) in self.store.iter().filter(|(key, _)| key[0] != tag::references) {
            assert_eq!(replica.read(|view| view.store.get(key)).as_deref(), Some(value));
            model += 1;
        }
        assert_eq!(own.iter().filter(kept).count(), model);
        for ((bytes, certificate), height) in self.blocks.iter().zip(1..) {
            assert_eq!(replica.committed(Height(height)).as_ref(), Some(&(bytes.clone(), certificate.clone())));
            assert_eq!(replica.block(&certificate.block_id).as_ref(), Some(bytes));
            let index = [&[0xc0][..], &certificate.block_id.0].concat();
            assert_eq!(replica.read(|view| view.store.get(&index)).as_deref(), Some(&certificate.block_id.0[..]));
        }
        assert_eq!(replica.committed(self.head.height.next()), None);
        self.assert_same_holdings(replica);
    }

    /// Every holding, now and at every height before, whether memory, the cache or the database tells it.
    fn assert_same_holdings(&self, replica: &Replica) {
        let rows = self.store.scan(&[tag::HOLDINGS], &[tag::HOLDINGS + 1], usize::MAX);
        let owners: BTreeSet<(Address, ClassId)> = rows.iter().map(|(key, _)| Key::take(&mut &key[1..])).collect();
        let heights = (0..=self.head.height.0 + 1).rev().map(Height);
        for (owner, height) in owners.iter().flat_map(|owner| heights.clone().map(move |height| (owner, height))) {
            let own = replica.read(|view| latest_in(view.store, owner, height));
            assert_eq!(own, latest_in(&self.store, owner, height), "{owner:?} at {height}");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A block is stored and not decided.
    Store { operations: u32 },
    /// A block is stored and committed.
    Commit { operations: u32, step_ms: u64 },
    /// The machine loses power, then starts again.
    Crash,
    /// As above, and the state database falls back to where it was at the last of these, or is gone.
    CrashLosingState { all: bool },
    /// An orderly shutdown and start.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0_u32..3).prop_map(|operations| Step::Store { operations }),
        8 => (0_u32..3, prop_oneof![1_u64..5_000, Just(40 * DAY_MS)])
            .prop_map(|(operations, step_ms)| Step::Commit { operations, step_ms }),
        2 => Just(Step::Crash),
        1 => any::<bool>().prop_map(|all| Step::CrashLosingState { all }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

fn copy_dir(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be read") {
        let entry = entry.expect("it can be read");
        if entry.file_type().expect("it has one").is_dir() {
            copy_dir(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("it can be copied");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn what_was_committed_is_there_after_any_crash_with_the_same_state(seed in any::<u64>(), steps in steps()) {
        let (dir, disk) = (TempDir::new().expect("a temporary directory"), LossyDisk::new(seed));
        let (state, copy) = (dir.path().join("state"), dir.path().join("copy"));
        let mut alliance = Alliance::new();
        let mut replica = alliance.open(dir.path(), &disk).expect("it opens");
        let mut stored = Vec::new();
        for step in steps {
            match step {
                Step::Store { operations } => {
                    let bytes = alliance.propose(1, operations);
                    stored.push((replica.store_block(&bytes).expect("the disk works"), bytes));
                }
                Step::Commit { operations, step_ms } => {
                    alliance.step(&replica, step_ms, operations).expect("the disk works");
                    stored.clear();
                }
                Step::Crash | Step::CrashLosingState { .. } | Step::Restart => {
                    if matches!(step, Step::Restart) {
                        replica.flush().expect("the disk works");
                    } else {
                        disk.crash();
                    }
                    drop(replica);
                    if let Step::CrashLosingState { all } = step {
                        if all || !copy.exists() {
                            fs::remove_dir_all(&state).expect("it is there");
                        } else {
                            let older = dir.path().join("older");
                            let _ = fs::remove_dir_all(&older);
                            fs::rename(&copy, &older).expect("it is there");
                            copy_dir(&state, &copy);
                            copy_dir(&older, &state);
                        }
                    } else {
                        copy_dir(&state, &copy);
                    }
                    replica = alliance.open(dir.path(), &disk).expect("it opens after a crash");
                    alliance.assert_same(&replica);
                }
            }
            let mut undecided = replica.undecided(alliance.head.height.next());
            undecided.sort_unstable();
            stored.sort_unstable();
            stored.dedup();
            prop_assert_eq!(&undecided, &stored);
        }
        alliance.assert_same(&replica);
    }
}

fn fresh() -> (TempDir, LossyDisk, Alliance, Replica) {
    let (dir, disk, alliance) = (TempDir::new().expect("a temporary directory"), LossyDisk::new(1), Alliance::new());
    let replica = alliance.open(dir.path(), &disk).expect("it opens");
    (dir, disk, alliance, replica)
}

#[test]
fn a_block_is_stored_once_and_committed_again_without_effect() {
    let (_dir, _disk, mut alliance, replica) = fresh();
    let mut events = replica.subscribe();
    let bytes = alliance.propose(1, 1);
    let certificate = alliance.certify(&bytes, 0);
    assert!(matches!(replica.commit(certificate.clone()), Err(StorageError::UnknownBlock(_))));
    let id = replica.store_block(&bytes).expect("it is valid");
    assert_eq!(replica.store_block(&bytes).expect("it is valid"), id);
    assert_eq!(replica.undecided(Height(1)).len(), 1);
    let first = replica.commit(certificate.clone()).expect("it commits");
    let again = replica.commit(certificate.clone()).expect("it is known");
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(replica.store_block(&bytes).expect("it is decided"), id);
    assert_eq!(replica.undecided(Height(1)), []);
    assert_eq!(events.try_recv().expect("it is published").block.id(), id);
    assert!(events.try_recv().is_err(), "it is published once");
}

/// A stored block is executed before it is decided.
#[test]
fn what_was_executed_ahead_is_not_seen_before_its_decision_nor_if_another_is_decided() {
    let (_dir, _disk, mut alliance, replica) = fresh();
    let other = alliance.propose(1, 3);
    replica.store_block(&other).expect("it is valid");
    alliance.assert_same(&replica);
    alliance.step(&replica, 2, 1).expect("the disk works");
    alliance.assert_same(&replica);
    // It came too late, and nothing waits for it.
    replica.store_block(&other).expect("its height is decided");
    alliance.step(&replica, 1, 2).expect("the disk works");
    alliance.assert_same(&replica);
}

#[test]
fn a_block_so_big_that_its_hashes_have_a_thread_leads_to_the_same() {
    let (_dir, _disk, mut alliance, replica) = fresh();
    let operations = u32::try_from(BIG_BLOCK_OPERATIONS / 2).expect("they are few");
    alliance.step(&replica, 1_000, operations).expect("the disk works");
    let receipts: usize = replica.recent(Height(1)).expect("it is recent").executed.receipts.iter().map(Vec::len).sum();
    assert_eq!(receipts, BIG_BLOCK_OPERATIONS);
    alliance.assert_same(&replica);
}

#[test]
fn what_is_no_successor_of_the_head_is_refused_and_nothing_stops() {
    let (_dir, _disk, mut alliance, replica) = fresh();
    assert!(!replica.store_block(&Bytes::from_static(b"no block")).expect_err("garbage").is_fault());
    let bytes = alliance.propose(1, 1);
    let other = alliance.propose(2, 1);
    replica.store_block(&bytes).expect("it is valid");
    // Another block's body under this block's header must not take its place.
    let mut forged = Block::decode(&bytes).expect("it is a block");
    forged.transactions = Block::decode(&other).expect("it is a block").transactions;
    assert!(!replica.store_block(&Bytes::from(forged.encode())).expect_err("forged").is_fault());
    let mut unsigned = alliance.certify(&bytes, 0);
    unsigned.signatures.pop();
    assert!(!replica.commit(unsigned).expect_err("no quorum").is_fault());
    let mut ahead = alliance.certify(&bytes, 0);
    ahead.height = Height(7);
    assert!(matches!(replica.commit(ahead), Err(StorageError::NotNext { .. })));
    replica.commit(alliance.certify(&bytes, 3)).expect("it commits");
    let fork = alliance.certify(&other, 0);
    assert!(matches!(replica.commit(fork), Err(StorageError::Fork { .. })));
}

#[test]
fn a_damaged_block_log_is_named_with_file_and_offset() {
    let (dir, disk, mut alliance, replica) = fresh();
    for _ in 0..3 {
        alliance.step(&replica, 1, 2).expect("the disk works");
    }
    drop(replica);
    let file = dir.path().join("blocks/0000000001.journal");
    disk.flip_bit(&file, 300);
    let error = alliance.open(dir.path(), &disk).err().expect("it is damaged");
    let text = error.to_string();
    assert!(error.is_fault() && text.contains("0000000001.journal is damaged at byte 20"), "{text}");
}

#[test]
fn a_full_disk_is_a_fault_and_after_a_restart_with_room_nothing_is_lost() {
    for free in [0, 100, 700, 1_500, 2_000, 5_000] {
        let (dir, disk, mut alliance, replica) = fresh();
        alliance.step(&replica, 1, 1).expect("the disk works");
        disk.set_free_bytes(Some(free));
        let error = loop {
            let bytes = alliance.propose(1, 1);
            let certificate = alliance.certify(&bytes, 0);
            match replica.store_block(&bytes).and_then(|_| replica.commit(certificate.clone())) {
                Ok(_) => alliance.advance(&bytes, &certificate),
                Err(error) => break error,
            }
        };
        assert!(error.is_fault(), "{error}");
        disk.set_free_bytes(None);
        disk.crash();
        drop(replica);
        let replica = alliance.open(dir.path(), &disk).expect("it opens");
        alliance.assert_same(&replica);
        alliance.step(&replica, 1, 1).expect("there is room again");
    }
}

#[test]
fn a_flush_that_fails_is_a_fault_and_loses_nothing() {
    let (dir, disk, mut alliance, replica) = fresh();
    for _ in 1..FLUSH.blocks {
        alliance.step(&replica, 1, 1).expect("the disk works");
    }
    // Where the flush would write its files, there is one already.
    let obstacle = dir.path().join("state/flush");
    fs::remove_dir_all(&obstacle).expect("it was made by the first flush");
    fs::write(&obstacle, []).expect("it can be made");
    alliance.step(&replica, 1, 1).expect("the block log works, and state is flushed beside it");
    assert!(replica.flush().expect_err("it cannot flush").is_fault());
    alliance.step(&replica, 1, 1).expect("the block log still works");
    assert!(replica.flush().expect_err("it still cannot").is_fault());
    alliance.assert_same(&replica);
    drop(replica);
    // As if the flush had been torn off after its first file.
    fs::remove_file(&obstacle).expect("it is there");
    fs::create_dir(&obstacle).and_then(|()| fs::write(obstacle.join("0.sst"), [7])).expect("it can be made");
    let replica = alliance.open(dir.path(), &disk).expect("it opens");
    alliance.assert_same(&replica);
    replica.flush().expect("what is left over is not in the way");
    drop(replica);
    alliance.assert_same(&alliance.open(dir.path(), &disk).expect("it opens"));
}

#[test]
fn data_of_another_alliance_is_refused_by_name() {
    let (dir, disk, mut alliance, replica) = fresh();
    drop(replica);
    let mut genesis = genesis();
    genesis.name = "another".into();
    alliance.chain = Chain::new(genesis);
    let error = alliance.open(dir.path(), &disk).err().expect("it is refused");
    assert!(matches!(error, StorageError::OtherAlliance { .. }), "{error}");
}

#[test]
fn a_list_of_what_falls_due_is_read_alike_whether_kept_waiting_or_flushed() {
    const LIST: u8 = tag::hold_timeouts;
    let dir = TempDir::new().expect("a temporary directory");
    let chain = Chain::new(genesis());
    let (mut head, writes) = chain.start();
    let (first, writes) = (head.clone(), Arc::new(writes));
    let mut model = MemoryStore::default();
    model.apply(&writes);
    let applying = |head: &Head, records: &Arc<WriteSet>| Applying {
        head: head.clone(),
        certificate: None,
        decision: None,
        records: Arc::clone(records),
        index: WriteSet::default(),
    };
    let open =
        || StateDb::open(dir.path(), *chain.chain_id(), 1 << 20, || applying(&first, &writes)).expect("it opens").0;
    let mut state = open();
    for round in 1..=20 {
        let mut rows = Writes::default();
        rows.put(|key| key.extend([LIST, round, 1]), Some(&()));
        rows.put(|key| key.extend([LIST, round, 2]), Some(&()));
        rows.put(|key| key.extend([LIST, round - 1, 1]), None::<&()>);
        let rows = Arc::new(WriteSet::new(&rows));
        head.height = head.height.next();
        state.apply(applying(&head, &rows));
        model.apply(&rows);
        if round % 3 == 0 {
            state.start_flush(Position::from_u64(0), Day(0)).expect("the disk works");
        }
        if round % 9 == 0 {
            state.finish_flush().expect("the disk works");
            drop(state);
            state = open();
        }
        for start in 0..=round {
            let (start, end) = ([LIST, start], [LIST + 1]);
            for limit in [1, 2, usize::MAX] {
                let read = state.read(|view| view.store.scan(&start, &end, limit));
                assert_eq!(read, model.scan(&start, &end, limit), "round {round}, from {start:?}");
            }
            let key = [LIST, start[1], 1];
            assert_eq!(state.read(|view| view.store.get(&key)), model.get(&key), "round {round}, {key:?}");
        }
    }
}

#[test]
fn old_references_are_dropped_and_recent_ones_kept() {
    let (dir, disk, mut alliance, replica) = fresh();
    for _ in 0..40 {
        alliance.step(&replica, 10 * DAY_MS, 1).expect("the disk works");
    }
    replica.flush().expect("the disk works");
    let references = |replica: &Replica| {
        replica.read(|view| view.store.scan(&[tag::references], &[tag::references + 1], usize::MAX)).len()
    };
    // Two a block, of which those of the last 92 days stay.
    assert_eq!(references(&replica), 2 * 10);
    drop(replica);
    let replica = alliance.open(dir.path(), &disk).expect("it opens");
    assert_eq!(references(&replica), 2 * 10);
    alliance.assert_same(&replica);
}

/// What is kept of a checkpoint is the state after its block, whatever blocks and flushes come afterwards.
#[test]
fn the_keeper_works_out_a_checkpoint_while_blocks_go_on() {
    let (dir, disk) = (TempDir::new().expect("a temporary directory"), LossyDisk::new(1));
    let mut alliance = Alliance::new();
    let options = ReplicaOptions {
        disk: Arc::new(disk.clone()),
        flush: FLUSH,
        keeps_checkpoints: true,
        ..ReplicaOptions::new(dir.path().to_owned(), alliance.chain.clone())
    };
    let replica = Replica::open(options).expect("it opens");
    let keeper = replica.keeper().expect("it was told to keep").clone();
    let interval_ms = alliance.chain.genesis().parameters.checkpoint_interval_ms;
    let (mut latest, mut expected) = (keeper.watch(), Vec::new());
    for step_ms in [1, interval_ms, 1, interval_ms, 1] {
        alliance.step(&replica, step_ms, 3).expect("the disk works");
        if step_ms == interval_ms {
            let month = alliance.chain.genesis().calendar().month(alliance.head.time_ms);
            let built = checkpoint_roots(&alliance.store, month, &token_uri(alliance.chain.chain_id()), 1);
            expected.push((alliance.head.height, built.state.root(), built.storage.root()));
            // More blocks, and their flushes, while the roots are worked out.
            for _ in 0..5 {
                alliance.step(&replica, 1, 2).expect("the disk works");
            }
            let wanted = expected.last().map(|(height, ..)| *height);
            let deadline = Instant::now() + Duration::from_secs(60);
            while latest.borrow_and_update().as_ref().map(|kept| kept.height) != wanted {
                assert!(Instant::now() < deadline, "the keeper has not worked out {wanted:?}");
                std::thread::yield_now();
            }
        }
    }
    let roots = |kept: Arc<Kept>| (kept.height, kept.roots.state_root, kept.roots.erc1155_root);
    let found: Vec<_> = keeper.heights().into_iter().filter_map(|height| keeper.at(height)).map(roots).collect();
    assert_eq!(found, expected);
    // A holding is proved as it was, although it has moved on.
    let kept = keeper.at(expected[0].0).expect("two are kept");
    let rows = alliance.store.scan(&[tag::HOLDINGS], &[tag::HOLDINGS + 1], usize::MAX);
    let (address, class) = <(Address, ClassId)>::take(&mut &rows[0].0[1..]);
    let proof = kept.balance(address, class).expect("the keeper answers");
    proof.verify(&expected[0].2).expect("the proof holds");
    let record = kept.record(RecordId::Holding(address, class)).expect("the keeper answers");
    match record {
        Ok(record) => record.verify(&expected[0].1).expect("the proof holds"),
        Err(missing) => assert_eq!((missing, proof.value.is_zero()), (NoRecordProof::Missing, true)),
    }
    // As after a start: it is had back from today's rows, and only if it comes to what was attested.
    let again = Arc::<Keeper>::default();
    let attested = FinalCheckpoint { height: kept.height, time_ms: kept.time_ms, roots: kept.roots };
    let other = FinalCheckpoint { roots: Roots { state_root: Hash::ZERO, ..kept.roots }, ..attested };
    again.take_up_again(&replica.state, &alliance.chain, other).expect("a thread starts");
    // The thread has let go of the keeper.
    let deadline = Instant::now() + Duration::from_secs(60);
    while Arc::strong_count(&again) > 1 {
        assert!(Instant::now() < deadline, "the checkpoint is still worked out");
        std::thread::yield_now();
    }
    assert_eq!(again.heights(), []);
    again.take_up_again(&replica.state, &alliance.chain, attested).expect("a thread starts");
    while Arc::strong_count(&again) > 1 {
        assert!(Instant::now() < deadline, "the checkpoint is still worked out");
        std::thread::yield_now();
    }
    assert_eq!(again.at(kept.height).map(|found| found.roots), Some(kept.roots));
    assert_eq!(again.at(kept.height).and_then(|found| found.balance(address, class)), Some(proof));
    drop((kept, latest, keeper, again));
    drop(replica);
    // The database is free again.
    alliance.open(dir.path(), &disk).expect("it opens");
}
