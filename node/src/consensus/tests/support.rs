//! An alliance in one process: genesis, keys, replicas, engines.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use libp2p::identity::Keypair;
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding::Domain;
use tally_contracts::genesis::{
    AdmissionParameters, BusinessCalendar, Clock, ExchangeParameters, Genesis, GenesisMerchant, OperatorKey,
    Parameters, Role,
};
use tally_contracts::membership::{Enrol, HolderKind};
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{Fen, Height, MerchantId, Rate, Reference};
use tally_ledger::block::BlockId;
use tally_ledger::chain::Chain;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::now_ms;
use crate::consensus::{ConsensusError, ConsensusOptions, ConsensusTimeouts, Multiaddr, Spread, ValidatorOptions, run};
use crate::mempool::{Mempool, MempoolOptions};
use crate::replica::{Replica, ReplicaOptions};

const KEY: Domain = Domain::new("tally/test-key/v1\0");

/// Block time with nothing to do, in ms.
const IDLE_BLOCK_MS: u64 = 200;

pub fn key(purpose: &str, merchant: MerchantId) -> SigningKey {
    SigningKey::from_bytes(&KEY.hash(&[purpose.as_bytes(), &merchant.0.to_le_bytes()]).0)
}

pub fn genesis(merchants: u16) -> Genesis {
    let merchant = |id: u16| {
        let id = MerchantId(id);
        let operator = PublicKey::of(&key("operator", id));
        GenesisMerchant {
            id,
            name: format!("merchant {id}"),
            validator_key: PublicKey::of(&key("validator", id)),
            cosigner_key: PublicKey::of(&key("cosigner", id)),
            operator_keys: vec![OperatorKey {
                public_key: operator,
                roles: vec![Role::Issuer, Role::Acceptor, Role::Governor],
                store_id: None,
            }],
            net_debit_cap_fen: Fen(1_000_000),
            collateral_fen: Fen(0),
            industry: 0,
            base_share: 1,
        }
    };
    Genesis {
        name: "test".into(),
        time_ms: now_ms() - 60_000,
        utc_offset_minutes: 480,
        clock: Clock::Real,
        parameters: Parameters {
            idle_block_ms: IDLE_BLOCK_MS,
            min_anchor: Rate::from_millionths(1),
            max_anchor: Rate::from_millionths(1_000_000),
            exchange: ExchangeParameters { spread: Rate::ZERO, ..ExchangeParameters::default() },
            no_consent_limit_fen: Fen(0),
            refund_window_days: 30,
            admission: AdmissionParameters {
                min_annual_revenue_fen: Fen(0),
                min_members: 0,
                attesters: vec![PublicKey::of(&key("attester", MerchantId::POOL))],
            },
            ..Parameters::default()
        },
        merchants: (1..=merchants).map(merchant).collect(),
        partners: Vec::new(),
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
        classes: Vec::new(),
    }
}

/// A transaction that enrols one member nobody has enrolled before.
pub fn enrol(chain: &Chain, merchant: MerchantId, number: u64) -> CheckedTransaction {
    enrol_many(chain, merchant, &[number])
}

/// A transaction that enrols many.
pub fn enrol_many(chain: &Chain, merchant: MerchantId, numbers: &[u64]) -> CheckedTransaction {
    let operation = |number: &u64| {
        let commitment = KEY.hash(&[&number.to_le_bytes()]);
        let reference = Reference::new(now_ms(), u128::from(*number));
        let body = Body::Enrol(Enrol { holder: HolderKind::Member, commitment });
        Operation::new(reference, body)
    };
    signed(chain, merchant, numbers.iter().map(operation).collect())
}

/// A transaction of a merchant.
pub fn signed(chain: &Chain, merchant: MerchantId, operations: Vec<Operation>) -> CheckedTransaction {
    let operator = key("operator", merchant);
    let mut transaction = Transaction {
        chain_id: *chain.chain_id(),
        merchant,
        public_key: PublicKey::of(&operator),
        valid_until_ms: now_ms() + 3_600_000,
        atomic: false,
        operations,
        signature: Signature::default(),
    };
    transaction.sign(&operator);
    let bytes = tally_contracts::encoding::encode(&transaction);
    CheckedTransaction::check(bytes, chain.chain_id()).unwrap()
}

/// One merchant's node, as far as consensus goes.
pub struct Node {
    pub merchant: MerchantId,
    pub replica: Arc<Replica>,
    pub mempool: Arc<Mempool>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), ConsensusError>>,
}

impl Node {
    /// Waits until it ends by itself; says why.
    pub async fn ended(self) -> Result<(), ConsensusError> {
        self.task.await.unwrap()
    }

    /// Stops it, and closes its replica.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap().unwrap();
    }

    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    pub fn block_id(&self, height: Height) -> BlockId {
        self.replica.committed(height).unwrap().1.block_id
    }
}

pub struct Alliance {
    pub chain: Chain,
    dir: TempDir,
    ports: Vec<u16>,
}

impl Alliance {
    pub fn new(merchants: u16) -> Self {
        Self::with_newcomers(merchants, 0)
    }

    /// An alliance of so many founders, with room for merchants that join.
    pub fn with_newcomers(merchants: u16, newcomers: u16) -> Self {
        let sockets: Vec<_> = (0..merchants + newcomers).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
        Self { chain: Chain::new(genesis(merchants)), dir: TempDir::new().unwrap(), ports }
    }

    pub fn start_all(&self) -> Vec<Node> {
        (1..=u16::try_from(self.ports.len()).unwrap()).map(|id| self.start(MerchantId(id))).collect()
    }

    pub fn start(&self, merchant: MerchantId) -> Node {
        self.start_with(self.options(merchant))
    }

    /// Starts a validator that does not list `stranger`.
    pub fn start_without(&self, merchant: MerchantId, stranger: MerchantId) -> Node {
        let mut options = self.options(merchant);
        options.peers.retain(|peer| *peer != self.address(stranger));
        self.start_with(options)
    }

    pub fn start_with(&self, mut options: ConsensusOptions) -> Node {
        let merchant = options.validator.as_ref().unwrap().merchant;
        let replica = Arc::new(open(&self.data_dir(merchant), self.chain.clone()));
        options.guests = crate::guests::follow(&replica);
        let mempool = Arc::new(Mempool::new(MempoolOptions::default()));
        let (stop, shutdown) = watch::channel(false);
        let task = tokio::spawn(run(options, Arc::clone(&replica), Arc::clone(&mempool), shutdown));
        Node { merchant, replica, mempool, stop, task }
    }

    pub fn options(&self, merchant: MerchantId) -> ConsensusOptions {
        let others = (1..).zip(&self.ports).map(|(id, _)| MerchantId(id)).filter(|id| *id != merchant);
        ConsensusOptions {
            validator: Some(ValidatorOptions { merchant, key: key("validator", merchant) }),
            network_key: key("network", merchant).to_bytes(),
            listen: format!("/ip4/127.0.0.1/tcp/{}", self.port(merchant)).parse().unwrap(),
            peers: others.map(|id| self.address(id)).collect(),
            guests: crate::guests::none(),
            data_dir: self.data_dir(merchant),
            timeouts: ConsensusTimeouts::default(),
            spread: Spread::Direct,
        }
    }

    fn address(&self, merchant: MerchantId) -> Multiaddr {
        let mut secret = key("network", merchant).to_bytes();
        let peer = Keypair::ed25519_from_bytes(&mut secret).unwrap().public().to_peer_id();
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{peer}", self.port(merchant)).parse().unwrap()
    }

    fn port(&self, merchant: MerchantId) -> u16 {
        self.ports[usize::from(merchant.0) - 1]
    }

    fn data_dir(&self, merchant: MerchantId) -> std::path::PathBuf {
        self.dir.path().join(merchant.to_string())
    }
}

fn open(data_dir: &Path, chain: Chain) -> Replica {
    Replica::open(ReplicaOptions::new(data_dir.to_owned(), chain)).unwrap()
}

/// Waits until every node has executed `height`.
pub async fn reach(nodes: &[Node], height: Height, at_most: Duration) {
    let start = Instant::now();
    while nodes.iter().any(|n| n.replica.head().height < height) {
        let heights: Vec<_> = nodes.iter().map(|n| n.replica.head().height.0).collect();
        assert!(nodes.iter().all(Node::is_running), "a node stopped at heights {heights:?}");
        assert!(start.elapsed() < at_most, "height {height} not reached in {at_most:?}: heights {heights:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// All nodes decided the same blocks up to `height`, and were led to the same state.
pub fn assert_same(nodes: &[Node], height: Height) {
    let outcome_before = |node: &Node, height| {
        let (bytes, _) = node.replica.committed(height).unwrap();
        tally_ledger::block::Block::decode(&bytes).unwrap().header.outcome
    };
    for height in (1..=height.0).map(Height) {
        for node in &nodes[1..] {
            assert_eq!(node.block_id(height), nodes[0].block_id(height), "merchant {}, height {height}", node.merchant);
            assert_eq!(outcome_before(node, height), outcome_before(&nodes[0], height));
        }
    }
}
