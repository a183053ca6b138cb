//! A running node: its parts, started in the order in which they need each other and stopped in the order in which they
//! may miss each other.
//!
//! **Invariant**: HTTP is served last and stopped first, so nothing is taken that the parts behind it cannot keep; the
//! replica is flushed after all who write to it have ended.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use libp2p::{Multiaddr, PeerId};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tally_contracts::genesis::{Clock, Genesis};
use tally_contracts::governance::ValidatorSet;
use tally_contracts::types::MerchantId;
use tally_ledger::chain::Chain;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::anchoring::{self, Anchoring, AnchoringOptions, Operator};
use crate::attesting::Attester;
use crate::config::{Config, Keys, MerchantKeys, Settings, peer_id};
use crate::consensus::{Consensus, ConsensusOptions, ConsensusTimeouts, ValidatorOptions};
use crate::guests::{self, Guests};
use crate::http::{Api, ApiOptions, Door};
use crate::ingress::Admission;
use crate::ingress::submitter::{self, Submitter, SubmitterOptions};
use crate::mempool::{Mempool, MempoolOptions};
use crate::network::{self, NetworkHandle, NetworkOptions};
use crate::query::index::index_writes;
use crate::replica::{FlushOptions, Replica, ReplicaOptions};
use crate::storage::disk::{Disk, RealDisk};

/// See the module.
pub struct Node {
    replica: Arc<Replica>,
    door: Option<Door>,
    anchoring: Anchoring,
    network: Option<NetworkHandle>,
    consensus: Consensus,
    stop_consensus: watch::Sender<bool>,
    http: JoinHandle<std::io::Result<()>>,
    stop_http: watch::Sender<bool>,
    http_address: SocketAddr,
    shutdown: Duration,
}

impl Node {
    /// Starts all parts; on return the node serves.
    ///
    /// # Errors
    /// When a part does not start, with what to do where that is known.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let Settings { config, genesis, keys, clients, operators } = settings;
        let metrics = start_metrics()?;
        let chain = Chain::new(genesis);
        let name = chain.genesis().name.clone();
        let replica = open_replica(&config, chain).await?;
        let head = replica.head();
        let validators = replica.validators(head.height.next());
        tell_unlisted(&config, &validators);
        let guests = guests::follow(&replica);
        let mempool = new_mempool(&config, replica.chain().genesis(), &validators);
        let (network, door) = match &keys.merchant {
            Some(own) => {
                let network = start_network(&config, &keys, &guests, &replica, &mempool).await?;
                let submitter = open_submitter(&config, own, &replica, &mempool, &network).await?;
                let (merchant, key) = (own.merchant, own.cosigner.clone());
                Attester { merchant, key, submitter: submitter.clone() }.follow(&replica);
                (Some(network), Some(Door { merchant: own.merchant, submitter }))
            }
            None => (None, None),
        };
        let anchoring = start_anchoring(&config, operators, &replica, door.as_ref()).await?;
        let (stop_consensus, stopping) = watch::channel(false);
        let options = consensus_options(&config, &keys, guests);
        let consensus = Consensus::start(options, replica.clone(), mempool.clone(), stopping)?;

        let listener = TcpListener::bind(config.listen.http).await;
        let listener = listener.with_context(|| format!("listen.http: cannot listen on {}", config.listen.http))?;
        let http_address = listener.local_addr()?;
        let api = Api::new(ApiOptions {
            replica: replica.clone(),
            mempool,
            door: door.clone(),
            anchors: anchoring.progress(),
            network: network.clone(),
            clients,
            limits: config.limits.clone(),
            timeouts: config.timeouts.clone(),
            metrics,
        });
        let (stop_http, mut stopping) = watch::channel(false);
        let stopped = async move {
            // An error means that the node is gone, which is a stop as well.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let http = tokio::spawn(api.serve(listener, stopped));
        tracing::info!(
            alliance = name,
            chain_id = %replica.chain().chain_id(),
            merchant = config.merchant.map(|merchant| merchant.0),
            height = %head.height,
            peer_id = %peer_id(&keys.network),
            http = %http_address,
            consensus = %config.listen.consensus,
            transactions = network.as_ref().map(|network| network.address().to_string()),
            "ready"
        );
        let shutdown = Duration::from_millis(config.timeouts.shutdown_ms);
        Ok(Self {
            replica,
            door,
            anchoring,
            network,
            consensus,
            stop_consensus,
            http,
            stop_http,
            http_address,
            shutdown,
        })
    }

    /// Where HTTP is served, with the port that the system chose.
    #[must_use]
    pub const fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Returns when the node can no longer work and must stop; says why.
    pub async fn fault(&mut self) -> anyhow::Error {
        tokio::select! {
            ended = self.consensus.ended() => part_ended("consensus", ended),
            ended = &mut self.http => part_ended("the HTTP interface", ended),
            () = end(self.door.as_ref().map(|door| door.submitter.fault())) => anyhow::anyhow!(
                "the outbox cannot be written or sent, and the log says why: check the disk under data_dir. Whatever was \
                 acknowledged before is kept"
            ),
            () = end(self.network.as_ref().map(NetworkHandle::ended)) => {
                anyhow::anyhow!("the transaction network broke off; the log says where")
            }
        }
    }

    /// Stops taking requests, lets those in progress end, stops the parts and flushes.
    ///
    /// # Errors
    /// When the flush fails; the next start executes again what it did not write.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self { replica, door, anchoring, network, mut consensus, stop_consensus, mut http, stop_http, .. } = self;
        let shutdown = self.shutdown;
        tracing::info!("stopping");
        stop_http.send_replace(true);
        if !http.is_finished() && tokio::time::timeout(shutdown, &mut http).await.is_err() {
            // Whoever still waits for a receipt finds it under its Location.
            http.abort();
        }
        anchoring.shutdown().await;
        if let Some(door) = door {
            door.submitter.shutdown().await;
        }
        stop_consensus.send_replace(true);
        if !consensus.is_finished() && tokio::time::timeout(shutdown, consensus.ended()).await.is_err() {
            tracing::warn!("consensus did not stop in time");
        }
        drop(consensus);
        if let Some(network) = network {
            network.shutdown().await;
        }
        let head = replica.head();
        tokio::task::spawn_blocking(move || replica.flush()).await?.context("data_dir: the last flush failed")?;
        tracing::info!(height = %head.height, "stopped");
        Ok(())
    }
}

/// Returns when a part has ended; never where the node has no such part.
async fn end(part: Option<impl Future<Output = ()>>) {
    match part {
        Some(ended) => ended.await,
        None => std::future::pending().await,
    }
}

fn part_ended<E: Into<anyhow::Error>>(part: &str, ended: Result<Result<(), E>, JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow::anyhow!("{part} ended by itself"),
        Ok(Err(error)) => error.into().context(format!("{part} failed")),
        Err(error) => anyhow::Error::from(error).context(format!("{part} broke off; the log says where")),
    }
}

/// Upper bounds of the histogram of request times, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?;
    Ok(builder.install_recorder()?)
}

async fn open_replica(config: &Config, chain: Chain) -> anyhow::Result<Arc<Replica>> {
    let mut options = ReplicaOptions::new(config.data_dir.clone(), chain);
    options.flush = FlushOptions { blocks: config.limits.flush_blocks, bytes: flush_bytes(config.merchant) };
    options.cache_bytes = config.limits.cache_bytes;
    options.index = index_writes;
    options.keeps_checkpoints = true;
    let opened = tokio::task::spawn_blocking(move || Replica::open(options)).await?;
    let replica =
        opened.with_context(|| format!("data_dir: cannot open the chain in {}", config.data_dir.display()))?;
    Ok(Arc::new(replica))
}

/// After how many bytes a merchant's node flushes. All write the same, and a flush keeps processors busy for a good part of a
/// second: after unlike amounts those that flush at a time are mostly fewer than a third, for whom nobody waits.
fn flush_bytes(merchant: Option<MerchantId>) -> usize {
    let part = FlushOptions::default().bytes / 16;
    part * (16 - merchant.map_or(0, |merchant| usize::from(merchant.0 % 4)))
}

fn new_mempool(config: &Config, genesis: &Genesis, validators: &ValidatorSet) -> Arc<Mempool> {
    let clock_keys = match &genesis.clock {
        Clock::Real => Vec::new(),
        Clock::Simulated { keys } => keys.clone(),
    };
    Arc::new(Mempool::new(MempoolOptions {
        max_bytes: config.limits.mempool_bytes,
        max_transactions: config.limits.mempool_transactions,
        merchants: validators.validators().len(),
        clock_keys,
    }))
}

/// Names the validators that this node does not dial: they must list it, or nobody connects the two.
fn tell_unlisted(config: &Config, validators: &ValidatorSet) {
    let listed = config.peers.iter().map(|peer| peer.merchant).chain(config.merchant).collect::<BTreeSet<_>>();
    let unlisted = validators.validators().iter().map(|validator| validator.merchant).filter(|id| !listed.contains(id));
    let unlisted: Vec<u16> = unlisted.map(|merchant| merchant.0).collect();
    if config.merchant.is_some() && !unlisted.is_empty() {
        tracing::warn!(
            ?unlisted,
            "validators that are no `peers` of the configuration: this node waits for them to dial"
        );
    }
}

async fn start_network(
    config: &Config,
    keys: &Keys,
    guests: &Guests,
    replica: &Arc<Replica>,
    mempool: &Arc<Mempool>,
) -> anyhow::Result<NetworkHandle> {
    let peer = |p: &crate::config::Peer| network::Peer { id: p.peer_id, address: p.transactions.clone() };
    let peers = config.peers.iter().map(peer).collect();
    let listen = config.listen.transactions.clone().context("listen.transactions")?;
    let mut options = NetworkOptions::new(keys.network.to_bytes(), listen, peers);
    options.guests = guests.clone();
    let admission = Admission::new(replica.clone(), mempool.clone());
    network::spawn(options, admission.incoming()).await.context("listen.transactions")
}

async fn open_submitter(
    config: &Config,
    keys: &MerchantKeys,
    replica: &Arc<Replica>,
    mempool: &Arc<Mempool>,
    network: &NetworkHandle,
) -> anyhow::Result<Arc<Submitter>> {
    let dir = config.data_dir.join("outbox");
    let mut options = SubmitterOptions::new(dir, keys.merchant, keys.operator.clone());
    options.max_operations = config.limits.outbox_operations;
    options.max_bytes = config.limits.outbox_bytes;
    let node = submitter::Node { replica: replica.clone(), mempool: mempool.clone(), network: Some(network.clone()) };
    // Opening waits for the disk, and starts tasks, so it stays on the runtime.
    let handle = tokio::runtime::Handle::current();
    let open = move || {
        let _runtime = handle.enter();
        Submitter::open(options, Arc::new(RealDisk), node)
    };
    tokio::task::spawn_blocking(open).await?.context("data_dir: cannot open the outbox")
}

/// Without operators, which only a merchant's node has, nothing is started.
async fn start_anchoring(
    config: &Config,
    operators: Vec<Operator>,
    replica: &Arc<Replica>,
    door: Option<&Door>,
) -> anyhow::Result<Anchoring> {
    let Some(door) = door.filter(|_| !operators.is_empty()) else { return Ok(Anchoring::default()) };
    let client = anchoring::client(Duration::from_millis(config.anchors.timeout_ms));
    let client = client.context("anchors: cannot set up HTTP")?;
    let dir = config.data_dir.join("anchors");
    let mut options = AnchoringOptions::new(dir, operators, config.anchors.every_checkpoints, client);
    if matches!(replica.chain().genesis().clock, Clock::Simulated { .. }) {
        options.max_lag_ms = None;
    }
    let (replica, submitter) = (replica.clone(), door.submitter.clone());
    let node = anchoring::Node { replica, submitter };
    // Starting reads files, and starts tasks, so it stays on the runtime.
    let handle = tokio::runtime::Handle::current();
    let start = move || {
        let _runtime = handle.enter();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        Anchoring::start(options, &disk, &node)
    };
    tokio::task::spawn_blocking(start).await?.context("data_dir: cannot read the queues of anchors")
}

fn consensus_options(config: &Config, keys: &Keys, guests: Guests) -> ConsensusOptions {
    let address = |(address, id): (&Multiaddr, PeerId)| address.clone().with_p2p(id).unwrap_or_else(|address| address);
    let merchants = config.peers.iter().map(|peer| (&peer.consensus, peer.peer_id));
    let observers = config.observers.iter().map(|observer| (&observer.consensus, observer.peer_id));
    let validator = |keys: &MerchantKeys| ValidatorOptions { merchant: keys.merchant, key: keys.validator.clone() };
    let usual = ConsensusTimeouts::default();
    let timeouts = ConsensusTimeouts {
        propose_ms: config.timeouts.propose_ms,
        vote_ms: config.timeouts.vote_ms,
        round_ms: config.timeouts.round_delta_ms,
        ..usual
    };
    ConsensusOptions {
        validator: keys.merchant.as_ref().map(validator),
        network_key: keys.network.to_bytes(),
        listen: config.listen.consensus.clone(),
        peers: merchants.chain(observers).map(address).collect(),
        guests,
        data_dir: config.data_dir.join("consensus"),
        timeouts,
        spread: config.spread.into(),
    }
}
