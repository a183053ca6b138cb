//! The engine's configuration, start and end, and the loop that feeds the [driver](super::driver).

use std::sync::Arc;
use std::time::{Duration, Instant};

use libp2p::identity::Keypair;
use malachitebft_app_channel::app::config::{
    ConsensusConfig, DiscoveryConfig, GossipSubConfig, NodeConfig, P2pConfig, PubSubProtocol, ValuePayload,
    ValueSyncConfig,
};
use malachitebft_app_channel::app::engine::util::events::Event;
use malachitebft_app_channel::app::types::codec::Codec;
use malachitebft_app_channel::{
    Channels, ConsensusContext, EngineHandle, NetworkContext, NetworkIdentity, RequestContext, SyncContext, WalContext,
    start_engine,
};
use malachitebft_core_types::{LinearTimeouts, ValueOrigin};
use tally_contracts::crypto::PublicKey;
use tally_contracts::types::MerchantId;
use tally_ledger::block::MAX_BLOCK_BYTES;
use tally_ledger::chain::Chain;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::codec::{MAX_ONE_VALUE_RESPONSE_BYTES, TallyCodec};
use super::context::{Address, Context};
use super::doors::Doors;
use super::driver::{Author, Driver};
use super::signing::{Signer, Verifier};
use super::streams::PART_BYTES;
use super::{ConsensusError, ConsensusOptions, Spread};
use crate::mempool::Mempool;
use crate::network;
use crate::replica::Replica;

/// Longest message of the consensus swarm, in bytes.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Longest answer to a sync request, in bytes.
pub(super) const MAX_SYNC_RESPONSE_BYTES: usize = 12 << 20;
/// Longest request or answer between two peers, in bytes.
const MAX_RPC_BYTES: usize = 16 << 20;

const _: () = assert!(PART_BYTES + 4_096 <= MAX_MESSAGE_BYTES, "a part and what surrounds it fit a message");
const _: () = assert!(MAX_BLOCK_BYTES < MAX_SYNC_RESPONSE_BYTES / 2, "sync moves more than one full block a time");
const _: () = assert!(MAX_ONE_VALUE_RESPONSE_BYTES <= MAX_SYNC_RESPONSE_BYTES, "the largest block can be synced");
const _: () = assert!(MAX_SYNC_RESPONSE_BYTES + 4_096 <= MAX_RPC_BYTES, "a sync response fits an answer");

/// Connections to allow from one address: a whole alliance may run on one machine, each pair with both directions.
const MAX_CONNECTIONS_PER_IP: usize = 256;
/// How often to tell the others our height, and so how soon one that is behind starts to sync.
const STATUS_INTERVAL: Duration = Duration::from_millis(500);
/// How often to look whether the height moves.
const WATCHDOG_INTERVAL: Duration = Duration::from_secs(1);
/// How long the engine may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What the engine's builder wants to be asked.
#[derive(Clone)]
struct Config {
    moniker: String,
    consensus: ConsensusConfig,
    sync: ValueSyncConfig,
}

impl NodeConfig for Config {
    fn moniker(&self) -> &str {
        &self.moniker
    }

    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }

    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }

    fn value_sync(&self) -> &ValueSyncConfig {
        &self.sync
    }

    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.sync
    }
}

/// Runs the engine until `shutdown`, or until it or the driver fails.
pub(super) async fn run(
    options: ConsensusOptions,
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
    shutdown: watch::Receiver<bool>,
) -> Result<(), ConsensusError> {
    let chain_id = *replica.chain().chain_id();
    let idle_block_ms = replica.chain().genesis().parameters.idle_block_ms;
    let author = options.validator.as_ref().map(|validator| Author {
        merchant: validator.merchant,
        public_key: PublicKey::of(&validator.key),
        signer: Signer { chain_id, key: validator.key.clone() },
    });
    let own = network::peer_id(&options.network_key).map_err(|e| ConsensusError::Network(e.to_string()))?;
    let doors = Doors::new(options.guests.clone(), &options.peers, own);
    let (mut channels, engine) = start(&options, &doors, replica.chain(), author.as_ref()).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(doors.keep(channels.net_requests.clone()));
    let stall = options.timeouts.stall(idle_block_ms);
    let driver = Driver::new(author, replica, mempool, &channels, timeouts(&options, idle_block_ms));
    let result = drive(driver, &mut channels, shutdown, stall).await;
    let is_running = !engine.handle.is_finished();
    drop(channels);
    stop(engine).await;
    match result {
        // Its actors are gone, yet their supervisor stays: so the engine halts when it fears to sign twice.
        Err(ConsensusError::Stopped) if is_running => Err(ConsensusError::Unsafe),
        result => result,
    }
}

async fn start(
    options: &ConsensusOptions,
    doors: &Doors,
    chain: &Chain,
    author: Option<&Author>,
) -> Result<(Channels<Context>, EngineHandle), ConsensusError> {
    let mut secret = options.network_key;
    let keypair = Keypair::ed25519_from_bytes(&mut secret)
        .map_err(|e| ConsensusError::Network(format!("the network key: {e}")))?;
    let verifier = Box::new(Verifier::of(chain));
    let (moniker, identity, consensus) = match author {
        Some(Author { merchant, signer, .. }) => {
            let proof = signer.validator_proof(keypair.public().to_peer_id().to_bytes());
            let proof = TallyCodec.encode(&proof).map_err(|e| ConsensusError::Start(e.to_string()))?;
            let (address, moniker) = (Address(*merchant), format!("merchant-{merchant}"));
            let identity = NetworkIdentity::new_validator(moniker.clone(), keypair, address.to_string(), proof);
            (moniker, identity, ConsensusContext::new_validator(address, verifier, Box::new(signer.clone())))
        }
        None => {
            let moniker = "observer".to_owned();
            let identity = NetworkIdentity::new(moniker.clone(), keypair, None);
            // Merchant 0 is nobody's validator.
            (moniker, identity, ConsensusContext::new_full_node(Address(MerchantId::POOL), verifier))
        }
    };
    start_engine(
        Context,
        Config { moniker, consensus: consensus_config(options, doors)?, sync: sync_config() },
        WalContext::new(options.data_dir.join("consensus.wal"), TallyCodec),
        NetworkContext::new(identity, TallyCodec),
        consensus,
        SyncContext::new(TallyCodec),
        RequestContext::new(16),
    )
    .await
    .map_err(|e| ConsensusError::Start(format!("{e:#}")))
}

/// Feeds the driver, watches for a certified block that is invalid here, and for a height that does not move.
async fn drive(
    mut driver: Driver,
    channels: &mut Channels<Context>,
    mut shutdown: watch::Receiver<bool>,
    stall: Duration,
) -> Result<(), ConsensusError> {
    let mut events = channels.events.subscribe();
    let mut watchdog = tokio::time::interval(WATCHDOG_INTERVAL);
    watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut warn_after = stall;
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut shutdown) => return Ok(()),
            event = events.recv() => match event {
                Ok(Event::ReceivedProposedValue(value, ValueOrigin::Sync)) if value.validity.is_invalid() => {
                    return Err(ConsensusError::Diverged { height: value.height.0, block_id: value.value.0 });
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(ConsensusError::Stopped),
            },
            message = channels.consensus.recv() => match message {
                Some(message) => driver.handle(message).await?,
                None => return Err(ConsensusError::Stopped),
            },
            _ = watchdog.tick() => warn_after = watch_height(driver.last_commit(), stall, warn_after),
        }
    }
}

/// Returns when the node is to stop, or whoever could say so is gone.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

/// Warns of a height that does not move; once, and again each time the stall has doubled.
fn watch_height(last_commit: Instant, stall: Duration, warn_after: Duration) -> Duration {
    let still = last_commit.elapsed();
    let stalled = if still < stall { 0.0 } else { still.as_secs_f64() };
    metrics::gauge!("tally_height_stalled_seconds").set(stalled);
    if still < stall {
        return stall;
    }
    if still >= warn_after {
        tracing::warn!(seconds = still.as_secs(), "no block for long: are more than two thirds of the validators up?");
        return 2 * still;
    }
    warn_after
}

async fn stop(engine: EngineHandle) {
    engine.actor.get_cell().stop_children(None);
    engine.actor.stop(None);
    if tokio::time::timeout(STOP_TIMEOUT, engine.handle).await.is_err() {
        tracing::warn!("the consensus engine did not stop in time");
    }
}

fn consensus_config(options: &ConsensusOptions, doors: &Doors) -> Result<ConsensusConfig, ConsensusError> {
    if let Some(peer) = options.peers.iter().find(|peer| peer_id(peer).is_none()) {
        return Err(ConsensusError::Network(format!("the peer address {peer} must end in /p2p/ and the peer's id")));
    }
    let protocol = match options.spread {
        Spread::Direct => PubSubProtocol::Broadcast,
        Spread::Gossip => PubSubProtocol::GossipSub(GossipSubConfig::default()),
    };
    let discovery = DiscoveryConfig {
        enabled: false,
        max_connections_per_ip: MAX_CONNECTIONS_PER_IP,
        ip_throttle_duration: Duration::ZERO,
        ..DiscoveryConfig::default()
    };
    let p2p = P2pConfig {
        listen_addr: options.listen.clone(),
        persistent_peers: options.peers.iter().cloned().chain(doors.addresses()).collect(),
        persistent_peers_only: true,
        discovery,
        protocol,
        pubsub_max_size: size(MAX_MESSAGE_BYTES),
        rpc_max_size: size(MAX_RPC_BYTES),
        ..P2pConfig::default()
    };
    Ok(ConsensusConfig {
        enabled: true,
        p2p,
        value_payload: ValuePayload::ProposalAndParts,
        ..ConsensusConfig::default()
    })
}

fn sync_config() -> ValueSyncConfig {
    ValueSyncConfig {
        enabled: true,
        status_update_interval: STATUS_INTERVAL,
        max_response_size: size(MAX_SYNC_RESPONSE_BYTES),
        batch_size: 16,
        ..ValueSyncConfig::default()
    }
}

/// A number of bytes as the configuration has it, whose type only its parser can name.
fn size<T: std::str::FromStr>(bytes: usize) -> T {
    match format!("{bytes} B").parse() {
        Ok(size) => size,
        Err(_) => unreachable!("a number and its unit are a size"),
    }
}

/// The identity in a peer's address.
pub(super) fn peer_id(address: &libp2p::Multiaddr) -> Option<libp2p::PeerId> {
    address.iter().find_map(|protocol| match protocol {
        libp2p::multiaddr::Protocol::P2p(id) => Some(id),
        _ => None,
    })
}

fn timeouts(options: &ConsensusOptions, idle_block_ms: u64) -> LinearTimeouts {
    let t = &options.timeouts;
    let ms = Duration::from_millis;
    let propose = ms(idle_block_ms + t.propose_ms);
    LinearTimeouts {
        propose,
        propose_delta: ms(t.round_ms),
        prevote: ms(t.vote_ms),
        prevote_delta: ms(t.round_ms),
        precommit: ms(t.vote_ms),
        precommit_delta: ms(t.round_ms),
        rebroadcast: propose + 2 * ms(t.vote_ms),
        ..LinearTimeouts::default()
    }
}
