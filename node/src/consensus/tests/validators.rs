//! Validators come while the others run, and software that does not know the rules to come stops in time.

use std::time::{Duration, Instant};

use tally_contracts::crypto::{PublicKey, Signature, sign};
use tally_contracts::genesis::{OperatorKey, Role};
use tally_contracts::governance::change::{Admit, Change, PROTOCOL_VERSION, Upgrade, attested_bytes};
use tally_contracts::governance::{Propose, VoteOn};
use tally_contracts::membership::{Admission, Criteria};
use tally_contracts::state::{read, tag};
use tally_contracts::transaction::{Body, CheckedTransaction, Operation};
use tally_contracts::types::{Fen, Height, MerchantId, Reference};
use tally_ledger::block::{Block, Header};

use super::support::{Alliance, Node, assert_same, enrol, key, reach, signed};
use crate::clock::now_ms;
use crate::consensus::ConsensusError;
use crate::storage::StorageError;

const PATIENCE: Duration = Duration::from_secs(60);
const FIFTH: MerchantId = MerchantId(5);

/// Puts a transaction into every mempool, and waits until it is executed.
async fn execute(nodes: &[Node], transaction: CheckedTransaction) {
    for node in nodes {
        node.mempool.insert(transaction.clone()).unwrap();
    }
    until(nodes, |node| !node.mempool.contains(&transaction.id())).await;
}

/// Waits until something holds of every node.
async fn until(nodes: &[Node], holds: impl Fn(&Node) -> bool) {
    let start = Instant::now();
    while !nodes.iter().all(&holds) {
        assert!(start.elapsed() < PATIENCE && nodes.iter().all(Node::is_running), "not in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Has merchant 1 propose a change, and `voters` approve it.
async fn decide(alliance: &Alliance, nodes: &[Node], change: Change, voters: &[u16]) {
    let proposal = Reference::new(now_ms(), u128::MAX);
    let propose = Operation::new(proposal, Body::Propose(Propose { change: Box::new(change), effective_ms: 0 }));
    execute(nodes, signed(&alliance.chain, MerchantId(1), vec![propose])).await;
    for voter in voters {
        let vote = VoteOn { merchant: MerchantId(1), proposal, approves: true };
        let vote = Operation::new(Reference::new(now_ms(), u128::MAX - 1), Body::Vote(vote));
        execute(nodes, signed(&alliance.chain, MerchantId(*voter), vec![vote])).await;
    }
}

/// Has the founders admit the fifth merchant; gives the height from which on it validates.
async fn admit(alliance: &Alliance, nodes: &[Node]) -> Height {
    let attester = key("attester", MerchantId::POOL);
    let mut admit = Admit {
        merchant: FIFTH,
        name: "merchant 5".into(),
        validator_key: PublicKey::of(&key("validator", FIFTH)),
        cosigner_key: PublicKey::of(&key("cosigner", FIFTH)),
        network_key: PublicKey::of(&key("network", FIFTH)),
        operator_keys: vec![OperatorKey {
            public_key: PublicKey::of(&key("operator", FIFTH)),
            roles: vec![Role::Governor],
            store_id: None,
        }],
        net_debit_cap_fen: Fen(1),
        base_share: 1,
        criteria: Criteria { annual_revenue_fen: Fen(1), members: 1, industry: 0 },
        attester: PublicKey::of(&attester),
        attestation: Signature::default(),
    };
    admit.attestation = sign(&attester, &attested_bytes(alliance.chain.chain_id(), &admit));
    decide(alliance, nodes, Change::Admit(admit), &[2, 3]).await;
    let admission = |node: &Node| node.replica.read(|view| read(view.store, tag::admissions, &FIFTH));
    until(nodes, |node| admission(node).is_some()).await;
    admission(&nodes[0]).map(|admission: Admission| admission.from_height).unwrap()
}

/// Founders that do not list the fifth merchant.
fn start_founders(alliance: &Alliance) -> Vec<Node> {
    (1..=4).map(|id| alliance.start_without(MerchantId(id), FIFTH)).collect()
}

fn header(node: &Node, height: Height) -> Header {
    Block::decode(&node.replica.committed(height).unwrap().0).unwrap().header
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifth_validator_joins_a_running_network_and_is_needed_from_then_on() {
    let alliance = Alliance::with_newcomers(4, 1);
    let mut nodes = start_founders(&alliance);
    // It knocks before anybody knows it, and is let in once it is admitted.
    let fifth = alliance.start(FIFTH);
    reach(&nodes, Height(3), PATIENCE).await;
    assert_eq!(fifth.replica.head().height, Height(0));
    let from = admit(&alliance, &nodes).await;
    nodes.push(fifth);
    reach(&nodes, Height(from.0 + 10), PATIENCE).await;
    assert_same(&nodes, Height(from.0 + 10));
    let sets = [from.0 - 1, from.0].map(|height| header(&nodes[4], Height(height)).validators_hash);
    assert_ne!(sets[0], sets[1]);
    let proposed: Vec<u64> =
        (1..=from.0 + 10).filter(|height| header(&nodes[0], Height(*height)).proposer == FIFTH).collect();
    assert!(proposed.first().is_some_and(|first| *first >= from.0), "{proposed:?} from {from}");

    // Four of five are a quorum only with the fifth.
    nodes.remove(0).stop().await;
    let height = nodes[0].replica.head().height;
    execute(&nodes, enrol(&alliance.chain, MerchantId(2), 1)).await;
    reach(&nodes, Height(height.0 + 5), PATIENCE).await;

    // Who comes back learns of the fifth from the chain alone.
    nodes.push(alliance.start_without(MerchantId(1), FIFTH));
    let height = nodes[0].replica.head().height;
    reach(&nodes, Height(height.0 + 5), PATIENCE).await;
    nodes.remove(0).stop().await;
    let height = nodes[0].replica.head().height;
    reach(&nodes, Height(height.0 + 5), PATIENCE).await;
    assert_same(&nodes, height);
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_key_than_its_admission_names_stops_where_it_would_validate() {
    let alliance = Alliance::with_newcomers(4, 1);
    let nodes = start_founders(&alliance);
    let mut options = alliance.options(FIFTH);
    options.validator.as_mut().unwrap().key = key("operator", FIFTH);
    let fifth = alliance.start_with(options);
    reach(&nodes, Height(3), PATIENCE).await;
    let from = admit(&alliance, &nodes).await;
    let replica = fifth.replica.clone();
    let ended = fifth.ended().await;
    assert!(matches!(ended, Err(ConsensusError::NotValidator { merchant: FIFTH, .. })), "{ended:?}");
    assert_eq!(replica.head().height.next(), from);
    reach(&nodes, Height(from.0 + 5), PATIENCE).await;
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test]
async fn software_that_does_not_know_the_protocol_to_come_stops_before_it() {
    let alliance = Alliance::new(1);
    let nodes = [alliance.start(MerchantId(1))];
    decide(&alliance, &nodes, Change::Upgrade(Upgrade { version: PROTOCOL_VERSION + 1 }), &[]).await;
    let [node] = nodes;
    let replica = node.replica.clone();
    let ended = node.ended().await;
    let outdated = |error: &ConsensusError| match error {
        ConsensusError::Storage(StorageError::Outdated { version, from_height }) => Some((*version, *from_height)),
        _ => None,
    };
    let stopped = ended.as_ref().err().and_then(outdated);
    assert_eq!(stopped, Some((PROTOCOL_VERSION + 1, replica.head().height.next())), "{ended:?}");
}
