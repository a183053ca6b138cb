//! The transaction network: each accepted transaction goes to every other merchant's node, so that any proposer may
//! include it and nobody can keep one out for longer than the proposers take turns.
//!
//! A libp2p swarm of its own, apart from the consensus engine's, so that a flood of transactions never delays a vote. Only
//! the listed peers and the [guests](crate::guests) may connect, and each is who its key says (Noise). There is no gossip: a node sends what its own
//! clients gave it, to everyone, and passes nothing on; so what a peer sends is bounded by what that peer was given.
//!
//! **Invariants.** Every queue is bounded; what does not fit is dropped, because the
//! [submitter](crate::ingress::submitter) sends again whatever is not executed. What a peer sends is checked before
//! anything is done with it; a peer that sends what cannot be a transaction is cut off for a while.

#[doc(hidden)]
pub mod codec;
mod driver;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
pub use libp2p::{Multiaddr, PeerId};
use tokio::sync::{broadcast, mpsc, watch};

use crate::guests::{self, Guests};
use driver::{Command, Driver};
pub use peer::{Peer, PeerError};

/// What a node needs to take part.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Secret Ed25519 key that proves who the node is; its public half is the [`PeerId`].
    pub secret_key: [u8; 32],
    /// Where to listen, such as `/ip4/0.0.0.0/tcp/27000`.
    pub listen: Multiaddr,
    /// The other merchants' nodes. Nobody else may connect, but for the guests.
    pub peers: Vec<Peer>,
    /// Who else may connect, without being dialled.
    pub guests: Guests,
    /// How long a peer that sent garbage stays cut off, in ms.
    pub penalty_ms: u64,
    /// Most transactions being checked at a time.
    pub max_checks: usize,
}

impl NetworkOptions {
    /// Options with the usual bounds, without guests.
    #[must_use]
    pub fn new(secret_key: [u8; 32], listen: Multiaddr, peers: Vec<Peer>) -> Self {
        Self { secret_key, listen, peers, guests: guests::none(), penalty_ms: 10_000, max_checks: 2 }
    }
}

/// What the node makes of a transaction that a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It waits for a block, or did before.
    Accept,
    /// No room just now: the peer sends it again.
    Busy,
    /// Well formed, but it would only be rejected.
    Refuse,
    /// No honest node would have passed it on: the peer is cut off.
    Garbage,
}

/// Judges what a peer sent. Called on threads that may block, at most [`NetworkOptions::max_checks`] at a time.
pub type Incoming = Arc<dyn Fn(Vec<u8>) -> Verdict + Send + Sync>;

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The secret key is none.
    #[error("the node's network key: {0}")]
    Key(String),
    /// The transport could not be set up.
    #[error("the transport: {0}")]
    Transport(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// Why.
        reason: String,
    },
}

/// The commands' queue is full, or the network has been shut down. Send again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transaction network has no room just now")]
pub struct NetworkBusy;

/// A running transaction network. Clones share it; it ends when all are gone, or by [`NetworkHandle::shutdown`].
#[derive(Clone, Debug)]
pub struct NetworkHandle {
    commands: mpsc::Sender<Command>,
    connected: watch::Receiver<Vec<PeerId>>,
    joined: broadcast::Sender<PeerId>,
    address: Multiaddr,
    peer_id: PeerId,
}

/// Messages to the driver that may wait.
const COMMANDS: usize = 1_024;
/// Peers that joined and were not yet told of; a lagging reader treats all as joined.
const JOINED: usize = 64;

/// Listens, connects to the peers and keeps connected.
///
/// # Errors
/// [`NetworkError`].
pub async fn spawn(options: NetworkOptions, incoming: Incoming) -> Result<NetworkHandle, NetworkError> {
    let (commands, receiver) = mpsc::channel(COMMANDS);
    let (connected_sender, connected) = watch::channel(Vec::new());
    let joined = broadcast::Sender::new(JOINED);
    let mut driver = Driver::new(options, incoming, connected_sender, joined.clone())?;
    let address = driver.listen().await?;
    let peer_id = driver.peer_id();
    tokio::spawn(driver.run(receiver));
    Ok(NetworkHandle { commands, connected, joined, address, peer_id })
}

/// Who a node with this secret key is.
///
/// # Errors
/// [`NetworkError::Key`].
pub fn peer_id(secret_key: &[u8; 32]) -> Result<PeerId, NetworkError> {
    driver::keypair(secret_key).map(|keypair| keypair.public().to_peer_id())
}

impl NetworkHandle {
    /// Sends a transaction to every connected peer.
    ///
    /// # Errors
    /// [`NetworkBusy`]; nothing was sent.
    pub fn broadcast(&self, transaction: Bytes) -> Result<(), NetworkBusy> {
        self.command(Command::Send { to: None, transactions: vec![transaction] })
    }

    /// Sends transactions to one peer, in order, as many as its queue holds.
    ///
    /// # Errors
    /// [`NetworkBusy`]; nothing was sent.
    pub fn send(&self, to: PeerId, transactions: Vec<Bytes>) -> Result<(), NetworkBusy> {
        self.command(Command::Send { to: Some(to), transactions })
    }

    /// The connected peers, in no order that means anything.
    #[must_use]
    pub fn connected_peers(&self) -> Vec<PeerId> {
        self.connected.borrow().clone()
    }

    /// Follows the connected peers.
    #[must_use]
    pub fn watch_connected(&self) -> watch::Receiver<Vec<PeerId>> {
        self.connected.clone()
    }

    /// Each peer as it connects: to it goes what is pending.
    #[must_use]
    pub fn joined(&self) -> broadcast::Receiver<PeerId> {
        self.joined.subscribe()
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub const fn address(&self) -> &Multiaddr {
        &self.address
    }

    /// Who it is to its peers.
    #[must_use]
    pub const fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Closes all connections and returns when the network has ended.
    pub async fn shutdown(&self) {
        // Fails only where it has ended already.
        let _ = self.commands.send(Command::Stop).await;
        self.ended().await;
    }

    /// Returns when the network has ended: shut down, or by a panic.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    fn command(&self, command: Command) -> Result<(), NetworkBusy> {
        self.commands.try_send(command).map_err(|_| NetworkBusy)
    }
}

/// First wait before a lost peer is dialed again; doubles up to [`MAX_REDIAL`].
const MIN_REDIAL: Duration = Duration::from_millis(200);
/// Longest wait before a lost peer is dialed again.
const MAX_REDIAL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
