//! Four validators in one process.

use std::time::{Duration, Instant};

use tally_contracts::types::{Height, MerchantId};
use tokio::sync::watch;

use super::support::{Alliance, Node, assert_same, enrol, enrol_many, reach};
use crate::consensus::{ConsensusError, run};
use crate::mempool::{Mempool, MempoolOptions};

const PATIENCE: Duration = Duration::from_secs(30);
/// Operations in one large transaction.
const OPERATIONS: u64 = 600;

/// Puts a transaction into every mempool, as the transaction network would.
fn spread(alliance: &Alliance, nodes: &[Node], number: u64) {
    let transaction = enrol(&alliance.chain, MerchantId(1), number);
    for node in nodes {
        node.mempool.insert(transaction.clone()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_decide_the_same_fifty_blocks_and_a_restarted_one_catches_up() {
    let alliance = Alliance::new(4);
    let mut nodes = alliance.start_all();
    reach(&nodes, Height(1), PATIENCE).await;

    let start = Instant::now();
    let first = nodes[0].replica.head().height;
    for number in 0..50 {
        let height = nodes.iter().map(|n| n.replica.head().height).max().unwrap();
        spread(&alliance, &nodes, number);
        reach(&nodes, height.next(), PATIENCE).await;
    }
    let heights = nodes[0].replica.head().height.0 - first.0;
    println!("{heights} heights, {:?} each", start.elapsed() / u32::try_from(heights).unwrap());
    assert_same(&nodes, Height(50));

    let stopped = nodes.pop().unwrap();
    let stopped_at = stopped.replica.head().height;
    stopped.stop().await;
    for number in 50..60 {
        let height = nodes.iter().map(|n| n.replica.head().height).max().unwrap();
        spread(&alliance, &nodes, number);
        reach(&nodes, height.next(), PATIENCE).await;
    }
    let height = nodes[0].replica.head().height;
    assert!(height.0 >= stopped_at.0 + 10);

    let start = Instant::now();
    nodes.push(alliance.start(MerchantId(4)));
    reach(&nodes, height, PATIENCE).await;
    println!("caught up {} heights in {:?}", height.0 - stopped_at.0, start.elapsed());
    reach(&nodes, Height(height.0 + 4), PATIENCE).await;
    assert_same(&nodes, height);
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_is_decided_within_moments() {
    let alliance = Alliance::new(4);
    let nodes = alliance.start_all();
    reach(&nodes, Height(2), PATIENCE).await;
    for number in 0..20 {
        let height = nodes.iter().map(|n| n.replica.head().height).max().unwrap();
        let start = Instant::now();
        spread(&alliance, &nodes, number);
        while !nodes[0].mempool.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        println!("height {height}: executed after {:?}", start.elapsed());
    }
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_stop_and_go_on_where_they_were() {
    let alliance = Alliance::new(4);
    let nodes = alliance.start_all();
    reach(&nodes, Height(5), PATIENCE).await;
    let ids: Vec<_> = (1..=5).map(|h| nodes[0].block_id(Height(h))).collect();
    for node in nodes {
        node.stop().await;
    }
    let nodes = alliance.start_all();
    let start = Instant::now();
    reach(&nodes, Height(10), PATIENCE).await;
    println!("went on after {:?}", start.elapsed());
    assert_eq!(ids, (1..=5).map(|h| nodes[0].block_id(Height(h))).collect::<Vec<_>>());
    assert_same(&nodes, Height(10));
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_many_parts_are_decided() {
    let alliance = Alliance::new(4);
    let nodes = alliance.start_all();
    reach(&nodes, Height(2), PATIENCE).await;
    let numbers = (0..48 * OPERATIONS).collect::<Vec<_>>();
    let transactions: Vec<_> =
        numbers.chunks(OPERATIONS as usize).map(|chunk| enrol_many(&alliance.chain, MerchantId(1), chunk)).collect();
    let start = Instant::now();
    let before = nodes[0].replica.head().height;
    for transaction in &transactions {
        for node in &nodes {
            node.mempool.insert(transaction.clone()).unwrap();
        }
    }
    while nodes.iter().any(|n| !n.mempool.is_empty()) {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let bytes: usize = transactions.iter().map(|t| t.bytes().len()).sum();
    let heights = nodes[0].replica.head().height.0 - before.0;
    println!("{} operations, {bytes} bytes, {heights} heights in {:?}", numbers.len(), start.elapsed());
    assert_same(&nodes, before.next());
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_nobody_lists_learns_nothing() {
    let alliance = Alliance::new(5);
    let stranger = MerchantId(5);
    let mut nodes: Vec<_> = (1..=4).map(|id| alliance.start_without(MerchantId(id), stranger)).collect();
    nodes.push(alliance.start(stranger));
    reach(&nodes[..4], Height(8), PATIENCE).await;
    assert_eq!(nodes[4].replica.head().height, Height(0));
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused() {
    let alliance = Alliance::new(1);
    let node = alliance.start(MerchantId(1));
    reach(std::slice::from_ref(&node), Height(2), PATIENCE).await;
    let (_stop, shutdown) = watch::channel(false);
    let mempool = Mempool::new(MempoolOptions::default());
    let second = run(alliance.options(MerchantId(1)), node.replica.clone(), mempool.into(), shutdown).await;
    assert!(matches!(second, Err(ConsensusError::Locked(_))), "{second:?}");
    node.stop().await;
}

#[tokio::test]
async fn a_key_that_the_genesis_does_not_name_is_refused() {
    let alliance = Alliance::new(2);
    let node = alliance.start(MerchantId(1));
    let (_stop, shutdown) = watch::channel(false);
    let mempool = Mempool::new(MempoolOptions::default());
    let mut options = alliance.options(MerchantId(2));
    options.validator.as_mut().unwrap().merchant = MerchantId(1);
    let stranger = run(options, node.replica.clone(), mempool.into(), shutdown).await;
    assert!(matches!(stranger, Err(ConsensusError::NotValidator { .. })), "{stranger:?}");
    node.stop().await;
}
