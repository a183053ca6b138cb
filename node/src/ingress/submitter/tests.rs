//! The submitter against a replica: acknowledged once, signed again when it must be, answered when it is final.

use tally_contracts::receipt::{Applied, Outcome};
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::Transaction;
use tally_contracts::types::Height;
use tokio::time::timeout;

use super::*;
use crate::ingress::testing::{
    Alliance, GENESIS_MS, MERCHANT, OPERATOR, key, operation, operations, reference, signed, unsigned,
};
use crate::mempool::MempoolOptions;
use crate::storage::disk::RealDisk;
use crate::storage::lossy::LossyDisk;

const LIMIT: Duration = Duration::from_secs(10);

fn open(alliance: &Alliance, disk: Arc<dyn Disk>) -> (Arc<Submitter>, Arc<Mempool>) {
    open_with(alliance, disk, MempoolOptions::default())
}

fn open_with(alliance: &Alliance, disk: Arc<dyn Disk>, pool: MempoolOptions) -> (Arc<Submitter>, Arc<Mempool>) {
    let mempool = Arc::new(Mempool::new(pool));
    let node = Node { replica: alliance.replica.clone(), mempool: mempool.clone(), network: None };
    let options = SubmitterOptions::new(alliance.dir.path().join("outbox"), MERCHANT, key(OPERATOR));
    (Submitter::open(options, disk, node).unwrap(), mempool)
}

/// The transactions in the mempool, once there are operations enough in them.
async fn taken(mempool: &Mempool, operations: usize) -> Vec<CheckedTransaction> {
    let enough = async {
        loop {
            let taken = mempool.take(4 << 20);
            if taken.iter().map(|t| t.transaction().operations.len()).sum::<usize>() >= operations {
                return taken;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, enough).await.expect("the submitter signs what is ready")
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn an_operation_goes_from_the_door_to_its_receipt() {
    let alliance = Alliance::new();
    let (submitter, mempool) = open(&alliance, Arc::new(RealDisk));
    let (entered, mut receipts) = submitter.enter_awaited(operations(0..3), Mode::Each).unwrap();
    let waiting = receipts.pop().unwrap();
    entered.synced().await.unwrap();
    assert_eq!(submitter.status(MERCHANT, reference(2)), Status::Pending);
    let transactions = taken(&mempool, 3).await;
    let id = transactions[0].id();
    alliance.commit(transactions, 1);
    let found = timeout(LIMIT, waiting).await.unwrap();
    assert_eq!((found.height, found.index, found.transaction_id), (Height(1), 2, Some(id)));
    assert!(matches!(found.receipt.outcome, Outcome::Applied(Applied::Enrolled { .. })));
    assert_eq!(submitter.status(MERCHANT, reference(2)), Status::Unknown);
    submitter.shutdown().await;
}

#[tokio::test]
async fn a_receipt_is_no_other_operations_that_had_the_reference_before() {
    let alliance = Alliance::new();
    let (submitter, mempool) = open(&alliance, Arc::new(RealDisk));
    submitter.submit(vec![operation(1)], Mode::Each).await.unwrap();
    let first = taken(&mempool, 1).await;
    // Nobody has told the submitter yet when the other operation comes.
    mempool.remove_committed(&alliance.commit(first, 1).block);
    let other = Operation { reference: reference(1), ..operation(2) };
    let (_, mut receipts) = loop {
        match submitter.enter_awaited(vec![other.clone()], Mode::Each) {
            Err(SubmitError::ReferenceReused { .. }) => tokio::task::yield_now().await,
            entered => break entered.unwrap(),
        }
    };
    alliance.commit(taken(&mempool, 1).await, 1);
    let found = timeout(LIMIT, receipts.pop().unwrap()).await.unwrap();
    assert_eq!((found.height, found.receipt.outcome), (Height(2), Outcome::Rejected(Rejection::ReferenceReused)));
}

#[tokio::test]
async fn what_cannot_be_executed_is_refused_at_the_door() {
    let alliance = Alliance::new();
    let (submitter, _) = open(&alliance, Arc::new(RealDisk));
    let refused = |operations: Vec<Operation>, mode| submitter.submit(operations, mode);
    assert_eq!(refused(vec![], Mode::Each).await, Err(SubmitError::OperationCount(0)));
    assert_eq!(refused(operations(0..1_001), Mode::Atomic).await, Err(SubmitError::OperationCount(1_001)));
    assert!(matches!(refused(operations(0..1_000), Mode::Atomic).await, Err(SubmitError::Oversized { .. })));
    let odd = Operation { reference: Reference(5), ..operation(1) };
    assert!(matches!(refused(vec![operation(0), odd], Mode::Each).await, Err(SubmitError::Malformed { index: 1, .. })));
    let ahead = Reference::new(now_ms() + 2 * HOUR_MS, 1);
    let later = Operation { reference: ahead, ..operation(1) };
    assert_eq!(refused(vec![later], Mode::Each).await, Err(SubmitError::ReferenceAhead { reference: ahead }));
    let stranger = submitter.submit_signed(signed(unsigned(vec![operation(1)]), 99)).await;
    assert_eq!(stranger, Err(SubmitError::Refused(Rejection::UnknownKey)));
    assert_eq!(submitter.pending_operations(), 0);
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_power_cut_and_is_executed_once() {
    for seed in 0..10 {
        let alliance = Alliance::new();
        let disk = LossyDisk::new(seed);
        let (submitter, mempool) = open(&alliance, Arc::new(disk.clone()));
        submitter.submit(operations(0..20), Mode::Each).await.unwrap();
        submitter.submit(operations(20..25), Mode::Atomic).await.unwrap();
        let first = taken(&mempool, 25).await;
        disk.crash();
        submitter.shutdown().await;
        // While the node was down, the others executed a part of it.
        alliance.commit(first.iter().filter(|t| !t.transaction().atomic).cloned().collect(), 1);
        let (submitter, mempool) = open(&alliance, Arc::new(disk.clone()));
        until("what state knows is done", || submitter.pending_operations() == 5).await;
        let again = taken(&mempool, 5).await;
        assert_eq!(again.len(), 1, "seed {seed}");
        assert_eq!(again[0].transaction().operations, operations(20..25), "seed {seed}");
        alliance.commit(again, 1);
        until("nothing is pending", || submitter.pending_operations() == 0).await;
        submitter.shutdown().await;
    }
}

#[tokio::test]
async fn an_expired_transaction_is_signed_again() {
    let alliance = Alliance::new();
    let (submitter, mempool) = open(&alliance, Arc::new(RealDisk));
    submitter.submit(vec![operation(1)], Mode::Each).await.unwrap();
    let first = taken(&mempool, 1).await.remove(0);
    let over_ms = first.transaction().valid_until_ms - GENESIS_MS;
    let block = alliance.commit(vec![], over_ms + 1);
    mempool.expire(block.block.header().time_ms);
    let second = taken(&mempool, 1).await.remove(0);
    assert_ne!(first.id(), second.id());
    alliance.commit(vec![first, second], 1);
    until("nothing is pending", || submitter.pending_operations() == 0).await;
}

#[tokio::test]
async fn a_full_mempool_delays_and_loses_nothing() {
    let alliance = Alliance::new();
    let pool = MempoolOptions { max_transactions: 1, ..MempoolOptions::default() };
    let (submitter, mempool) = open_with(&alliance, Arc::new(RealDisk), pool);
    submitter.submit(operations(0..1_500), Mode::Each).await.unwrap();
    let mut executed = 0;
    while executed < 1_500 {
        let transactions = taken(&mempool, 1).await;
        executed += transactions[0].transaction().operations.len();
        let committed = alliance.commit(transactions, 1);
        mempool.remove_committed(&committed.block);
    }
    until("nothing is pending", || submitter.pending_operations() == 0).await;
}

#[tokio::test]
async fn a_transaction_signed_elsewhere_ends_as_expired() {
    let alliance = Alliance::new();
    let (submitter, mempool) = open(&alliance, Arc::new(RealDisk));
    let transaction = signed(unsigned(vec![operation(1)]), OPERATOR);
    let end = submitter.wait_transaction(transaction.id());
    submitter.submit_signed(transaction.clone()).await.unwrap();
    submitter.submit_signed(transaction.clone()).await.unwrap();
    assert_eq!(taken(&mempool, 1).await, std::slice::from_ref(&transaction));
    alliance.commit(vec![], 2 * HOUR_MS);
    assert_eq!(timeout(LIMIT, end).await.unwrap(), TransactionEnd::Expired);
    assert_eq!(submitter.transaction_status(&transaction.id()), Status::Expired);
    submitter.shutdown().await;
    let (submitter, _) = open(&alliance, Arc::new(RealDisk));
    assert_eq!(submitter.transaction_status(&transaction.id()), Status::Expired, "also after a restart");
    let late = Transaction { valid_until_ms: GENESIS_MS, ..unsigned(vec![operation(1)]) };
    let refused = submitter.submit_signed(signed(late, OPERATOR)).await;
    assert_eq!(refused, Err(SubmitError::Refused(Rejection::Expired)));
}

#[tokio::test]
async fn a_full_disk_stops_the_door() {
    let alliance = Alliance::new();
    let disk = LossyDisk::new(1);
    let (submitter, _) = open(&alliance, Arc::new(disk.clone()));
    submitter.submit(vec![operation(1)], Mode::Each).await.unwrap();
    disk.set_free_bytes(Some(10));
    assert_eq!(submitter.submit(vec![operation(2)], Mode::Each).await, Err(SubmitError::Fault));
    assert_eq!(submitter.submit(vec![operation(3)], Mode::Each).await, Err(SubmitError::Fault));
    timeout(LIMIT, submitter.fault()).await.unwrap();
    let (mut entered, mut receipts) = submitter.enter_awaited(vec![operation(4)], Mode::Each).unwrap();
    let receipt = receipts.pop().unwrap();
    assert_eq!(entered.within(2 * LIMIT, receipt).await, Err(SubmitError::Fault), "nobody waits for a receipt in vain");
    disk.crash();
    disk.set_free_bytes(None);
    submitter.shutdown().await;
    let (submitter, _) = open(&alliance, Arc::new(disk));
    assert_eq!(submitter.status(MERCHANT, reference(1)), Status::Pending);
}

#[tokio::test]
async fn a_part_that_panics_stops_the_door() {
    let alliance = Alliance::new();
    let (submitter, _) = open(&alliance, Arc::new(RealDisk));
    let shared = submitter.shared.clone();
    let holder = std::thread::spawn(move || {
        let _book = shared.book();
        panic!("on purpose");
    });
    holder.join().unwrap_err();
    timeout(LIMIT, submitter.fault()).await.expect("who sends comes to the book, and panics too");
    timeout(LIMIT, submitter.shutdown()).await.expect("it ends in order");
}

#[tokio::test]
async fn concurrent_submissions_share_a_sync() {
    let alliance = Alliance::new();
    let disk = LossyDisk::new(1);
    let (submitter, _) = open(&alliance, Arc::new(disk.clone()));
    let before = disk.syncs();
    let submit = |n| {
        let submitter = submitter.clone();
        tokio::spawn(async move { submitter.submit(vec![operation(n)], Mode::Each).await })
    };
    for submission in (0..500).map(submit).collect::<Vec<_>>() {
        submission.await.unwrap().unwrap();
    }
    let syncs = disk.syncs() - before;
    assert!(syncs < 250, "{syncs} syncs for 500 submissions");
}
