//! The task that owns the swarm: turns commands into requests and requests into verdicts, dials, and cuts off.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use libp2p::core::upgrade::Version;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{
    self, InboundFailure, Message, OutboundFailure, OutboundRequestId, ProtocolSupport, ResponseChannel,
};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, allow_block_list, connection_limits, identity, noise, tcp, yamux};
use tokio::sync::{Semaphore, broadcast, mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing::{debug, info, warn};

use super::codec::{Answer, PROTOCOL, TransactionCodec};
use super::peer::{Link, Parcel};
use super::{Incoming, NetworkError, NetworkOptions, Verdict};
use crate::guests::{self, Guests};

/// How often dials, pauses and readmissions are looked after.
const TICK: Duration = Duration::from_millis(50);
/// A request without an answer for this long has lost its connection.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection may be silent for this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// What tasks report and the driver has not looked at.
const REPORTS: usize = 1_024;
/// Streams that one connection may hold open, each with at most one transaction in memory.
const MAX_STREAMS: usize = 32;
/// Connections that one peer may hold: both sides may dial at once, and an old one may not be known to be dead yet.
const MAX_PEER_CONNECTIONS: u32 = 4;
/// Connections that have not yet shown whose they are.
const MAX_STRANGERS: u32 = 64;

/// What the driver is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Sends transactions to one peer, or to all.
    Send { to: Option<PeerId>, transactions: Vec<Bytes> },
    /// Ends it.
    Stop,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    allowed: allow_block_list::Behaviour<allow_block_list::AllowedPeers>,
    limits: connection_limits::Behaviour,
    requests: request_response::Behaviour<TransactionCodec>,
}

/// What tasks report back to the driver.
enum Report {
    /// A transaction was judged.
    Judged { peer: PeerId, verdict: Verdict, channel: ResponseChannel<Answer> },
    /// A peer's address was looked up.
    Found { peer: PeerId, addresses: Vec<Multiaddr> },
}

pub(super) struct Driver {
    swarm: Swarm<Behaviour>,
    links: BTreeMap<PeerId, Link>,
    guests: Guests,
    /// Those of `links` that are there as guests.
    let_in: BTreeSet<PeerId>,
    under_way: HashMap<OutboundRequestId, (PeerId, Parcel)>,
    listen: Multiaddr,
    penalty: Duration,
    incoming: Incoming,
    checks: Arc<Semaphore>,
    reports: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    connected: watch::Sender<Vec<PeerId>>,
    joined: broadcast::Sender<PeerId>,
}

/// The key pair of a secret key.
pub(super) fn keypair(secret_key: &[u8; 32]) -> Result<identity::Keypair, NetworkError> {
    identity::Keypair::ed25519_from_bytes(*secret_key).map_err(|e| NetworkError::Key(e.to_string()))
}

impl Driver {
    pub fn new(
        options: NetworkOptions,
        incoming: Incoming,
        connected: watch::Sender<Vec<PeerId>>,
        joined: broadcast::Sender<PeerId>,
    ) -> Result<Self, NetworkError> {
        let keypair = keypair(&options.secret_key)?;
        let own = keypair.public().to_peer_id();
        let now = Instant::now();
        let peers = options.peers.iter().filter(|peer| peer.id != own);
        let links: BTreeMap<PeerId, Link> =
            peers.map(|peer| (peer.id, Link::new(Some(peer.address.clone()), now))).collect();
        let behaviour = behaviour(links.keys());
        let transport = |e: &dyn std::fmt::Display| NetworkError::Transport(e.to_string());
        let swarm = libp2p::SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .map_err(|e| transport(&e))?
            .with_behaviour(|_| behaviour)
            .map_err(|e| transport(&e))?
            .with_swarm_config(|config| {
                // A stream has one protocol here, so it need not be agreed upon before a transaction is sent.
                let config = config.with_substream_upgrade_protocol_override(Version::V1Lazy);
                config.with_idle_connection_timeout(IDLE_TIMEOUT)
            })
            .build();
        let reports = mpsc::channel(REPORTS);
        let mut driver = Self {
            swarm,
            links,
            guests: options.guests,
            let_in: BTreeSet::new(),
            under_way: HashMap::new(),
            listen: options.listen,
            penalty: Duration::from_millis(options.penalty_ms),
            incoming,
            checks: Arc::new(Semaphore::new(options.max_checks.max(1))),
            reports,
            connected,
            joined,
        };
        driver.update_guests();
        Ok(driver)
    }

    pub fn peer_id(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    /// Starts to listen; returns where.
    pub async fn listen(&mut self) -> Result<Multiaddr, NetworkError> {
        let fault = |address: &Multiaddr, reason: String| NetworkError::Listen { address: address.clone(), reason };
        self.swarm.listen_on(self.listen.clone()).map_err(|e| fault(&self.listen, e.to_string()))?;
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { address, .. } => return Ok(address),
                SwarmEvent::ListenerClosed { reason: Err(e), .. } => return Err(fault(&self.listen, e.to_string())),
                SwarmEvent::ListenerError { error, .. } => return Err(fault(&self.listen, error.to_string())),
                _ => {}
            }
        }
    }

    /// Runs until told to stop, or until nobody is left who could tell.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    None | Some(Command::Stop) => return,
                    Some(Command::Send { to, transactions }) => self.queue(to, &transactions),
                },
                Some(report) = self.reports.1.recv() => self.on_report(report),
                event = self.swarm.select_next_some() => self.on_event(event),
                _ = tick.tick() => self.on_tick(),
                () = guests::changed(&mut self.guests) => self.update_guests(),
            }
            self.send_queued();
        }
    }

    /// Lets new guests in, and those out who are none any more.
    fn update_guests(&mut self) {
        let guests = self.guests.borrow_and_update().clone();
        let own = self.peer_id();
        let now = Instant::now();
        for &peer in guests.iter().filter(|peer| **peer != own) {
            if let Entry::Vacant(vacant) = self.links.entry(peer) {
                vacant.insert(Link::new(None, now));
                self.let_in.insert(peer);
                self.swarm.behaviour_mut().allowed.allow_peer(peer);
            }
        }
        for peer in self.let_in.extract_if(.., |peer| !guests.contains(peer)) {
            self.links.remove(&peer);
            self.swarm.behaviour_mut().allowed.disallow_peer(peer);
        }
        self.publish_connected();
    }

    fn queue(&mut self, to: Option<PeerId>, transactions: &[Bytes]) {
        let mut dropped = 0_u64;
        for (_, link) in self.links.iter_mut().filter(|(peer, _)| to.is_none_or(|to| to == **peer)) {
            if link.is_connected() {
                dropped += transactions.iter().map(|bytes| u64::from(!link.push(bytes.clone()))).sum::<u64>();
            }
        }
        metrics::counter!("tally_network_transactions_dropped").increment(dropped);
    }

    fn send_queued(&mut self) {
        let now = Instant::now();
        for (peer, link) in &mut self.links {
            while let Some(parcel) = link.pop(now) {
                let request = self.swarm.behaviour_mut().requests.send_request(peer, parcel.bytes.clone());
                self.under_way.insert(request, (*peer, parcel));
            }
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        for (&peer, link) in &mut self.links {
            if link.readmission_due(now) {
                self.swarm.behaviour_mut().allowed.allow_peer(peer);
            }
            if let Some(address) = link.dial_due(now) {
                let reports = self.reports.0.clone();
                tokio::spawn(async move {
                    let addresses = look_up(address).await;
                    // Fails only where the driver has ended.
                    let _ = reports.send(Report::Found { peer, addresses }).await;
                });
            }
        }
    }

    fn on_report(&mut self, report: Report) {
        match report {
            Report::Found { peer, addresses } => self.dial(peer, addresses),
            Report::Judged { peer, verdict, channel } => {
                if let Some(link) = self.links.get_mut(&peer) {
                    link.judged();
                }
                let answer = match verdict {
                    Verdict::Accept => Answer::Accepted,
                    Verdict::Busy => Answer::Busy,
                    Verdict::Refuse => Answer::Refused,
                    Verdict::Garbage => return self.cut_off(peer, "it sent bytes that are no valid transaction"),
                };
                self.answer(channel, answer);
            }
        }
    }

    fn dial(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        let condition = PeerCondition::DisconnectedAndNotDialing;
        let dial = DialOpts::peer_id(peer).addresses(addresses).condition(condition).build();
        if let Err(error) = self.swarm.dial(dial) {
            debug!(%peer, %error, "peer not dialed");
        }
    }

    fn answer(&mut self, channel: ResponseChannel<Answer>, answer: Answer) {
        // Fails only where the peer has gone; it sends again.
        let _ = self.swarm.behaviour_mut().requests.send_response(channel, answer);
    }

    /// Closes a peer's connections and lets it wait before it may come back.
    fn cut_off(&mut self, peer: PeerId, reason: &str) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        warn!(%peer, reason, "peer cut off");
        metrics::counter!("tally_network_peers_cut_off").increment(1);
        link.cut_off(Instant::now() + self.penalty);
        self.swarm.behaviour_mut().allowed.disallow_peer(peer);
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => self.on_request_event(event),
            SwarmEvent::ConnectionEstablished { peer_id, num_established, .. } if num_established.get() == 1 => {
                if let Some(link) = self.links.get_mut(&peer_id) {
                    link.connect();
                    info!(peer = %peer_id, "peer connected");
                    self.publish_connected();
                    // Fails only where nobody listens.
                    let _ = self.joined.send(peer_id);
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                if let Some(link) = self.links.get_mut(&peer_id) {
                    link.disconnect(Instant::now());
                    info!(peer = %peer_id, ?cause, "peer disconnected");
                    self.publish_connected();
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                metrics::counter!("tally_network_connections_refused").increment(1);
                debug!(address = %send_back_addr, %error, "incoming connection refused");
            }
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => warn!(%error, "no longer listening"),
            _ => {}
        }
    }

    fn publish_connected(&self) {
        let connected = self.links.iter().filter(|(_, link)| link.is_connected()).map(|(peer, _)| *peer);
        self.connected.send_replace(connected.collect());
    }

    fn on_request_event(&mut self, event: request_response::Event<Bytes, Answer>) {
        match event {
            request_response::Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                self.judge(peer, request, channel);
            }
            request_response::Event::Message { message: Message::Response { request_id, response }, .. } => {
                self.on_answer(request_id, response);
            }
            request_response::Event::OutboundFailure { peer, request_id, error, .. } => {
                self.on_send_failed(peer, request_id, &error);
            }
            request_response::Event::InboundFailure { peer, error: InboundFailure::Io(error), .. }
                if error.kind() == io::ErrorKind::InvalidData =>
            {
                self.cut_off(peer, &error.to_string());
            }
            _ => {}
        }
    }

    /// Has a transaction judged apart from the driver, and answers when that is done.
    fn judge(&mut self, peer: PeerId, transaction: Bytes, channel: ResponseChannel<Answer>) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if !link.take_check() {
            return self.answer(channel, Answer::Busy);
        }
        let (checks, incoming, reports) = (self.checks.clone(), self.incoming.clone(), self.reports.0.clone());
        tokio::spawn(async move {
            let _permit = checks.acquire_owned().await.expect("the semaphore is never closed");
            let judged = tokio::task::spawn_blocking(move || incoming(transaction.into())).await;
            let verdict = judged.unwrap_or_else(|error| {
                warn!(%error, "a transaction could not be judged");
                Verdict::Busy
            });
            // Fails only where the driver has ended.
            let _ = reports.send(Report::Judged { peer, verdict, channel }).await;
        });
    }

    fn on_answer(&mut self, request: OutboundRequestId, answer: Answer) {
        let Some((peer, parcel)) = self.under_way.remove(&request) else { return };
        let Some(link) = self.links.get_mut(&peer) else { return };
        match answer {
            Answer::Accepted => link.delivered(),
            Answer::Busy => link.busy(parcel, Instant::now()),
            Answer::Refused => {
                debug!(%peer, "peer refused a transaction");
                link.delivered();
            }
        }
    }

    fn on_send_failed(&mut self, peer: PeerId, request: OutboundRequestId, error: &OutboundFailure) {
        debug!(%peer, %error, "a transaction did not arrive");
        let Some((_, parcel)) = self.under_way.remove(&request) else { return };
        let Some(link) = self.links.get_mut(&peer) else { return };
        if link.is_connected() {
            link.failed(parcel, Instant::now());
        }
        if matches!(error, OutboundFailure::Timeout) {
            // Fails only where it is disconnected already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }
}

fn behaviour<'a>(peers: impl Iterator<Item = &'a PeerId>) -> Behaviour {
    let mut allowed = allow_block_list::Behaviour::<allow_block_list::AllowedPeers>::default();
    for peer in peers {
        allowed.allow_peer(*peer);
    }
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_STRANGERS))
        .with_max_established_per_peer(Some(MAX_PEER_CONNECTIONS));
    let config = request_response::Config::default()
        .with_request_timeout(REQUEST_TIMEOUT)
        .with_max_concurrent_streams(MAX_STREAMS);
    Behaviour {
        allowed,
        limits: connection_limits::Behaviour::new(limits),
        requests: request_response::Behaviour::new([(PROTOCOL, ProtocolSupport::Full)], config),
    }
}

/// The addresses to dial: the one given, or those that its host name stands for now.
async fn look_up(address: Multiaddr) -> Vec<Multiaddr> {
    let mut parts = address.iter();
    let (Some(Protocol::Dns(host) | Protocol::Dns4(host) | Protocol::Dns6(host)), Some(Protocol::Tcp(port))) =
        (parts.next(), parts.next())
    else {
        return vec![address];
    };
    match tokio::net::lookup_host((host.as_ref(), port)).await {
        Ok(found) => found.map(|a| Multiaddr::from(a.ip()).with(Protocol::Tcp(a.port()))).collect(),
        Err(error) => {
            debug!(%address, %error, "host name not found");
            Vec::new()
        }
    }
}
