//! Bounds, turns and order of the mempool.

use std::time::Duration;

use tally_contracts::governance::SetClock;
use tally_contracts::transaction::{Operation, Transaction};
use tally_ledger::chain::{Chain, CheckedBlock, Proposal};

use super::*;
use crate::ingress::testing::{GENESIS_MS, MERCHANT, genesis, key, operation, reference, signed, unsigned};

fn of_merchant(merchant: u16, number: u32) -> CheckedTransaction {
    signed(Transaction { merchant: MerchantId(merchant), ..unsigned(vec![operation(number)]) }, 9)
}

fn mempool(options: MempoolOptions) -> Mempool {
    Mempool::new(options)
}

fn ids(transactions: &[CheckedTransaction]) -> Vec<Hash> {
    transactions.iter().map(CheckedTransaction::id).collect()
}

fn block_of(transactions: Vec<CheckedTransaction>) -> CheckedBlock {
    let chain = Chain::new(genesis());
    let (head, _) = chain.start();
    let proposal = Proposal { proposer: MERCHANT, now_ms: GENESIS_MS + 1, last_commit: None, transactions };
    let block = chain.propose(&head, proposal);
    chain.check(&head, &block.encode()).unwrap()
}

#[test]
fn merchants_are_served_in_turn_each_in_order_of_arrival() {
    let pool = mempool(MempoolOptions::default());
    let (a, b): (Vec<_>, Vec<_>) =
        ((0..5).map(|n| of_merchant(1, n)).collect(), (5..7).map(|n| of_merchant(2, n)).collect());
    for transaction in a.iter().chain(&b) {
        pool.insert(transaction.clone()).unwrap();
    }
    let expected = [&a[0], &b[0], &a[1], &b[1], &a[2], &a[3], &a[4]].map(CheckedTransaction::id);
    assert_eq!(ids(&pool.take(1 << 20)), expected);
    let next = [&b[0], &a[0], &b[1], &a[1], &a[2], &a[3], &a[4]].map(CheckedTransaction::id);
    assert_eq!(ids(&pool.take(1 << 20)), next, "another merchant comes first the next time, nothing was removed");
}

#[test]
fn a_small_block_holds_what_fits() {
    let pool = mempool(MempoolOptions::default());
    for n in 0..4 {
        pool.insert(of_merchant(1, n)).unwrap();
    }
    let one = of_merchant(1, 0).bytes().len() + LENGTH_BYTES;
    assert_eq!(pool.take(2 * one).len(), 2);
    assert_eq!(pool.take(2 * one - 1).len(), 1);
    assert!(pool.take(one - 1).is_empty());
}

#[test]
fn a_transaction_waits_once_and_never_again_after_its_block() {
    let pool = mempool(MempoolOptions::default());
    let transaction = of_merchant(1, 1);
    pool.insert(transaction.clone()).unwrap();
    assert_eq!(pool.insert(transaction.clone()), Err(MempoolError::Known));
    pool.remove_committed(&block_of(vec![transaction.clone()]));
    assert!(pool.is_empty());
    assert_eq!(pool.bytes(), 0);
    assert_eq!(pool.insert(transaction), Err(MempoolError::Known));
}

#[test]
fn one_merchant_cannot_crowd_out_another() {
    let bytes = of_merchant(1, 0).bytes().len();
    let options = MempoolOptions { max_bytes: 6 * bytes, merchants: 2, ..MempoolOptions::default() };
    let pool = mempool(options);
    for n in 0..3 {
        pool.insert(of_merchant(1, n)).unwrap();
    }
    assert!(matches!(pool.insert(of_merchant(1, 3)), Err(MempoolError::Full { .. })));
    for n in 4..7 {
        pool.insert(of_merchant(2, n)).unwrap();
    }
    assert!(matches!(pool.insert(of_merchant(3, 7)), Err(MempoolError::Full { .. })), "the bound over all");
    let few = mempool(MempoolOptions { max_transactions: 2, merchants: 2, ..MempoolOptions::default() });
    few.insert(of_merchant(1, 0)).unwrap();
    assert!(matches!(few.insert(of_merchant(1, 1)), Err(MempoolError::Full { .. })));
    few.insert(of_merchant(2, 2)).unwrap();
}

#[test]
fn shares_follow_the_number_of_merchants() {
    let bytes = of_merchant(1, 0).bytes().len();
    let pool = mempool(MempoolOptions { max_bytes: 4 * bytes, merchants: 2, ..MempoolOptions::default() });
    pool.insert(of_merchant(1, 0)).unwrap();
    pool.share_among(4);
    assert!(matches!(pool.insert(of_merchant(1, 1)), Err(MempoolError::Full { .. })));
    pool.insert(of_merchant(2, 2)).unwrap();
    pool.share_among(2);
    pool.insert(of_merchant(1, 1)).unwrap();
}

#[test]
fn one_transaction_of_a_merchant_may_wait_however_small_its_share_is() {
    let bytes = of_merchant(1, 0).bytes().len();
    let pool = mempool(MempoolOptions { max_bytes: 2 * bytes, merchants: 20, ..MempoolOptions::default() });
    pool.insert(of_merchant(1, 0)).unwrap();
    assert!(matches!(pool.insert(of_merchant(1, 1)), Err(MempoolError::Full { .. })));
    pool.insert(of_merchant(2, 2)).unwrap();
    assert!(matches!(pool.insert(of_merchant(3, 3)), Err(MempoolError::Full { .. })), "the bound over all");
}

#[test]
fn what_no_block_can_execute_any_more_is_dropped() {
    let pool = mempool(MempoolOptions::default());
    let until = |n, valid_until_ms| signed(Transaction { valid_until_ms, ..unsigned(vec![operation(n)]) }, 9);
    pool.insert(until(1, GENESIS_MS + 10)).unwrap();
    pool.insert(until(2, GENESIS_MS + 11)).unwrap();
    pool.expire(GENESIS_MS + 9);
    assert_eq!(pool.len(), 2);
    pool.expire(GENESIS_MS + 10);
    assert_eq!(pool.len(), 1);
}

#[test]
fn a_set_clock_transaction_comes_first_and_alone() {
    let clock_key = PublicKey::of(&key(7));
    let pool = mempool(MempoolOptions { clock_keys: vec![clock_key], ..MempoolOptions::default() });
    let set = |n, seed| {
        let body = Body::SetClock(SetClock { time_ms: GENESIS_MS + 5 });
        let operations = vec![Operation::new(reference(n), body)];
        signed(Transaction { merchant: MerchantId::POOL, ..unsigned(operations) }, seed)
    };
    pool.insert(of_merchant(1, 1)).unwrap();
    pool.insert(set(2, 8)).unwrap();
    assert_eq!(pool.take(1 << 20).len(), 2, "by a key that may not set the clock it is one among others");
    let clock = set(3, 7);
    pool.insert(clock.clone()).unwrap();
    assert_eq!(ids(&pool.take(1 << 20)), [clock.id()]);
}

#[tokio::test]
async fn who_waits_for_a_transaction_is_woken() {
    let pool = std::sync::Arc::new(mempool(MempoolOptions::default()));
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.wait_nonempty().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    pool.insert(of_merchant(1, 1)).unwrap();
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    pool.wait_nonempty().await;
}

#[tokio::test]
async fn who_waits_for_a_full_block_is_woken_by_the_transaction_that_fills_it() {
    let pool = std::sync::Arc::new(mempool(MempoolOptions::default()));
    let transactions = [of_merchant(1, 1), of_merchant(1, 2)];
    let bytes = transactions.iter().map(|transaction| transaction.bytes().len()).sum();
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.wait_for_bytes(bytes).await }
    });
    let [first, second] = transactions;
    pool.insert(first).unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    pool.insert(second).unwrap();
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
}
