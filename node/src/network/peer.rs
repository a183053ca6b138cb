//! One peer: where it is, and what waits to be sent to it. No I/O here; the driver asks and tells.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::{MAX_REDIAL, MIN_REDIAL};

/// Most bytes that wait for one peer. More is dropped: the submitter sends it again.
const MAX_QUEUED_BYTES: usize = 16 << 20;
/// Transactions of one peer that wait for their check; more are answered busy.
const MAX_CHECKS: usize = 16;
/// Transactions under way to one peer.
const MAX_UNDER_WAY: usize = 8;
/// How often a transaction is tried on a connection that fails under it.
const MAX_ATTEMPTS: u8 = 5;
/// How long a busy peer is left alone.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// Another merchant's node: who it is and where. As text, `/ip4/192.0.2.7/tcp/27000/p2p/12D3KooW...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who.
    pub id: PeerId,
    /// Where; with `/dns4` or `/dns6` it is looked up at each dial.
    pub address: Multiaddr,
}

/// A text that does not name a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a peer's address, such as /ip4/192.0.2.7/tcp/27000/p2p/12D3KooW...")]
pub struct PeerError(String);

impl FromStr for Peer {
    type Err = PeerError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || PeerError(text.to_owned());
        let mut address: Multiaddr = text.parse().map_err(|_| fault())?;
        let Some(Protocol::P2p(id)) = address.pop() else { return Err(fault()) };
        let mut parts = address.iter();
        let host = matches!(
            parts.next(),
            Some(Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))
        );
        if !host || !matches!(parts.next(), Some(Protocol::Tcp(_))) || parts.next().is_some() {
            return Err(fault());
        }
        Ok(Self { id, address })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/p2p/{}", self.address, self.id)
    }
}

/// A transaction on its way to one peer.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub bytes: Bytes,
    attempts: u8,
}

/// What the driver knows of a peer.
#[derive(Debug)]
pub(super) struct Link {
    /// Where to dial it; a guest dials us.
    pub address: Option<Multiaddr>,
    /// Transactions from it that are being checked.
    checks: usize,
    connected: bool,
    queue: VecDeque<Parcel>,
    queued_bytes: usize,
    under_way: usize,
    paused_until: Option<Instant>,
    next_dial: Instant,
    redial: Duration,
    cut_off_until: Option<Instant>,
}

impl Link {
    pub fn new(address: Option<Multiaddr>, now: Instant) -> Self {
        Self {
            address,
            checks: 0,
            connected: false,
            queue: VecDeque::new(),
            queued_bytes: 0,
            under_way: 0,
            paused_until: None,
            next_dial: now,
            redial: MIN_REDIAL,
            cut_off_until: None,
        }
    }

    pub const fn is_connected(&self) -> bool {
        self.connected
    }

    /// Queues a transaction; says whether there was room. Nothing waits for a peer that is away: it is sent what is
    /// pending when it returns.
    pub fn push(&mut self, bytes: Bytes) -> bool {
        if !self.connected || self.queued_bytes + bytes.len() > MAX_QUEUED_BYTES {
            return false;
        }
        self.queued_bytes += bytes.len();
        self.queue.push_back(Parcel { bytes, attempts: 0 });
        true
    }

    /// The next transaction to send now.
    pub fn pop(&mut self, now: Instant) -> Option<Parcel> {
        if !self.connected || self.under_way >= MAX_UNDER_WAY || self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        let parcel = self.queue.pop_front()?;
        self.queued_bytes -= parcel.bytes.len();
        self.under_way += 1;
        Some(parcel)
    }

    /// A transaction arrived.
    pub fn delivered(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// The peer was busy: it gets the transaction again after a pause.
    pub fn busy(&mut self, parcel: Parcel, now: Instant) {
        self.delivered();
        self.again(parcel, now);
    }

    /// The stream failed under a transaction: it is sent again, but not for ever.
    pub fn failed(&mut self, mut parcel: Parcel, now: Instant) {
        self.delivered();
        parcel.attempts += 1;
        if parcel.attempts < MAX_ATTEMPTS {
            self.again(parcel, now);
        }
    }

    /// Whether one more transaction from it may be checked; it counts from then on.
    pub fn take_check(&mut self) -> bool {
        let has_room = self.checks < MAX_CHECKS;
        self.checks += usize::from(has_room);
        has_room
    }

    /// A transaction from it was checked. A guest that left and returned meanwhile is counted anew.
    pub fn judged(&mut self) {
        self.checks = self.checks.saturating_sub(1);
    }

    pub fn connect(&mut self) {
        self.connected = true;
        self.redial = MIN_REDIAL;
    }

    /// Forgets what was to be sent.
    pub fn disconnect(&mut self, now: Instant) {
        self.connected = false;
        self.queue.clear();
        self.queued_bytes = 0;
        self.under_way = 0;
        self.paused_until = None;
        self.next_dial = now + self.redial;
    }

    /// Where to dial now, if it is time; the next time lies later then.
    pub fn dial_due(&mut self, now: Instant) -> Option<Multiaddr> {
        if self.connected || self.cut_off_until.is_some() || now < self.next_dial {
            return None;
        }
        self.next_dial = now + self.redial;
        self.redial = (self.redial * 2).min(MAX_REDIAL);
        self.address.clone()
    }

    pub fn cut_off(&mut self, until: Instant) {
        self.cut_off_until = Some(until);
    }

    /// Whether the time of being cut off ends now.
    pub fn readmission_due(&mut self, now: Instant) -> bool {
        let due = self.cut_off_until.is_some_and(|until| now >= until);
        if due {
            self.cut_off_until = None;
        }
        due
    }

    fn again(&mut self, parcel: Parcel, now: Instant) {
        self.paused_until = Some(now + BUSY_PAUSE);
        if self.connected {
            self.queued_bytes += parcel.bytes.len();
            self.queue.push_front(parcel);
        }
    }
}
