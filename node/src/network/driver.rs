//! The task that owns the swarm: sends transactions and awaits a word on each, has those that come judged, dials, and cuts off.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, allow_block_list, connection_limits, identity, noise, tcp, yamux};
use libp2p_scatter as scatter;
use tokio::sync::{Semaphore, broadcast, mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing::{debug, info, warn};

use super::codec::{self, Answer};
use super::peer::{Link, Parcel};
use super::{Incoming, NetworkError, NetworkOptions, Verdict};
use crate::guests::{self, Guests};

/// How often dials, pauses and readmissions are looked after.
const TICK: Duration = Duration::from_millis(50);
/// A peer that says nothing to a transaction for this long has lost its connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection may be silent for this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// What tasks report and the driver has not looked at.
const REPORTS: usize = 1_024;
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
    messages: scatter::Behaviour,
}

/// What tasks report back to the driver.
enum Report {
    /// A transaction was judged.
    Judged { peer: PeerId, number: u64, verdict: Verdict },
    /// A peer's address was looked up.
    Found { peer: PeerId, addresses: Vec<Multiaddr> },
}

/// A transaction that the peer has said nothing to.
struct UnderWay {
    parcel: Parcel,
    since: Instant,
}

pub(super) struct Driver {
    swarm: Swarm<Behaviour>,
    links: BTreeMap<PeerId, Link>,
    guests: Guests,
    /// Those of `links` that are there as guests.
    let_in: BTreeSet<PeerId>,
    /// By peer and number.
    under_way: BTreeMap<(PeerId, u64), UnderWay>,
    next_number: u64,
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
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
            .build();
        let reports = mpsc::channel(REPORTS);
        let mut driver = Self {
            swarm,
            links,
            guests: options.guests,
            let_in: BTreeSet::new(),
            under_way: BTreeMap::new(),
            next_number: 0,
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
                let message = codec::write_transaction(self.next_number, &parcel.bytes);
                self.swarm.behaviour_mut().messages.send(*peer, &codec::TRANSACTIONS, message);
                self.under_way.insert((*peer, self.next_number), UnderWay { parcel, since: now });
                self.next_number += 1;
            }
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        let late = self.under_way.iter().filter(|(_, one)| now - one.since > ANSWER_TIMEOUT);
        for peer in late.map(|((peer, _), _)| *peer).collect::<BTreeSet<_>>() {
            debug!(%peer, "the peer says nothing to a transaction");
            // Fails only where it is disconnected already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
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
            Report::Judged { peer, number, verdict } => {
                if let Some(link) = self.links.get_mut(&peer) {
                    link.judged();
                }
                let answer = match verdict {
                    Verdict::Accept => Answer::Accepted,
                    Verdict::Busy => Answer::Busy,
                    Verdict::Refuse => Answer::Refused,
                    Verdict::Garbage => return self.cut_off(peer, "it sent bytes that are no valid transaction"),
                };
                self.answer(peer, number, answer);
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

    fn answer(&mut self, peer: PeerId, number: u64, answer: Answer) {
        self.swarm.behaviour_mut().messages.send(peer, &codec::ANSWERS, codec::write_answer(number, answer));
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
            SwarmEvent::Behaviour(BehaviourEvent::Messages(scatter::Event::Received(peer, topic, message))) => {
                self.on_message(peer, &topic, &message);
            }
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
                self.under_way.retain(|(peer, _), _| *peer != peer_id);
                if let Some(link) = self.links.get_mut(&peer_id) {
                    link.disconnect(Instant::now());
                    info!(peer = %peer_id, ?cause, "peer disconnected");
                    self.publish_connected();
                }
            }
            // Another stays, but what went through this one may be lost.
            SwarmEvent::ConnectionClosed { peer_id, .. } => self.send_again(peer_id),
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

    fn on_message(&mut self, peer: PeerId, topic: &scatter::Topic, message: &Bytes) {
        if *topic == codec::TRANSACTIONS {
            match codec::read_transaction(message) {
                Some((number, transaction)) => self.judge(peer, number, transaction),
                None => self.cut_off(peer, "it sent what is too long or too short for a transaction"),
            }
        } else if *topic == codec::ANSWERS {
            match codec::read_answer(message) {
                Some((number, answer)) => self.on_answer(peer, number, answer),
                None => self.cut_off(peer, "it sent an answer that is none"),
            }
        } else {
            self.cut_off(peer, "it speaks of what nobody asked for");
        }
    }

    /// Has a transaction judged apart from the driver, and answers when that is done.
    fn judge(&mut self, peer: PeerId, number: u64, transaction: Bytes) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if !link.take_check() {
            return self.answer(peer, number, Answer::Busy);
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
            let _ = reports.send(Report::Judged { peer, number, verdict }).await;
        });
    }

    fn on_answer(&mut self, peer: PeerId, number: u64, answer: Answer) {
        let Some(UnderWay { parcel, .. }) = self.under_way.remove(&(peer, number)) else { return };
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

    /// Takes back what is under way to a peer, to be sent once more; it does no harm twice.
    fn send_again(&mut self, peer: PeerId) {
        let lost = self.under_way.extract_if((peer, 0)..=(peer, u64::MAX), |_, _| true);
        let lost: Vec<Parcel> = lost.map(|(_, one)| one.parcel).collect();
        let Some(link) = self.links.get_mut(&peer) else { return };
        for parcel in lost {
            link.failed(parcel, Instant::now());
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
    Behaviour {
        allowed,
        limits: connection_limits::Behaviour::new(limits),
        messages: scatter::Behaviour::new(scatter::Config { max_buf_size: codec::MAX_MESSAGE_BYTES }),
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
