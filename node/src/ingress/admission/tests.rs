//! What is let into the mempool, from peers and from this node.

use std::time::Duration;

use tally_contracts::transaction::Transaction;
use tally_contracts::types::{HOUR_MS, Hash};

use super::*;
use crate::ingress::submitter::{Mode, Node, Submitter, SubmitterOptions};
use crate::ingress::testing::{Alliance, GENESIS_MS, MERCHANT, OPERATOR, key, operation, operations, signed, unsigned};
use crate::mempool::MempoolOptions;
use crate::network::{self, NetworkHandle, NetworkOptions, Peer};
use crate::storage::disk::RealDisk;

fn admission(alliance: &Alliance, options: MempoolOptions) -> Admission {
    Admission::new(alliance.replica.clone(), Arc::new(Mempool::new(options)))
}

#[test]
fn only_what_a_block_could_execute_is_accepted() {
    let alliance = Alliance::new();
    let admission = admission(&alliance, MempoolOptions { max_transactions: 1, ..MempoolOptions::default() });
    let judge = |transaction: Transaction, seed| admission.judge(signed(transaction, seed).bytes().to_vec());
    let good = || unsigned(vec![operation(1)]);
    assert_eq!(admission.judge(vec![1, 2, 3]), Verdict::Garbage);
    let mut forged = signed(good(), OPERATOR).bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(admission.judge(forged), Verdict::Garbage, "a wrong signature");
    assert_eq!(judge(Transaction { chain_id: Hash([1; 32]), ..good() }, OPERATOR), Verdict::Garbage);
    assert_eq!(judge(good(), 99), Verdict::Refuse, "a key that is not the merchant's");
    assert_eq!(judge(Transaction { valid_until_ms: GENESIS_MS - 1, ..good() }, OPERATOR), Verdict::Refuse);
    let far = Transaction { valid_until_ms: GENESIS_MS + 25 * HOUR_MS, ..good() };
    assert_eq!(judge(far, OPERATOR), Verdict::Busy, "our head may be behind");
    assert_eq!(judge(good(), OPERATOR), Verdict::Accept);
    assert_eq!(judge(good(), OPERATOR), Verdict::Accept, "known is as good");
    assert_eq!(judge(unsigned(vec![operation(2)]), OPERATOR), Verdict::Busy, "full");
}

/// A node's network that admits into a mempool of its own.
async fn start(alliance: &Alliance, seed: u8, peers: Vec<Peer>) -> (NetworkHandle, Arc<Mempool>) {
    let mempool = Arc::new(Mempool::new(MempoolOptions::default()));
    let admission = Admission::new(alliance.replica.clone(), mempool.clone());
    let options = NetworkOptions::new([seed; 32], "/ip4/127.0.0.1/tcp/0".parse().unwrap(), peers);
    (network::spawn(options, admission.incoming()).await.unwrap(), mempool)
}

#[tokio::test]
async fn what_is_pending_reaches_a_peer_that_comes_later() {
    let alliance = Alliance::new();
    let nowhere = "/ip4/127.0.0.1/tcp/9".parse().unwrap();
    let peer = Peer { id: network::peer_id(&[2; 32]).unwrap(), address: nowhere };
    let (network, mempool) = start(&alliance, 1, vec![peer]).await;
    let at = Peer { id: network.peer_id(), address: network.address().clone() };
    let node = Node { replica: alliance.replica.clone(), mempool, network: Some(network) };
    let options = SubmitterOptions::new(alliance.dir.path().join("outbox"), MERCHANT, key(OPERATOR));
    let submitter = Submitter::open(options, Arc::new(RealDisk), node).unwrap();
    submitter.submit(operations(0..10), Mode::Atomic).await.unwrap();
    let (_later, pool) = start(&alliance, 2, vec![at]).await;
    tokio::time::timeout(Duration::from_secs(20), pool.wait_nonempty()).await.expect("it is sent what is pending");
    assert_eq!(pool.take(1 << 20)[0].transaction().operations, operations(0..10));
    submitter.submit(vec![operation(10)], Mode::Each).await.unwrap();
    let both = async {
        while pool.len() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("and what comes after");
}
