//! Messages to connected peers: the engine's votes, proposals and parts of blocks, and merchants' transactions.
//!
//! The crate of this name on crates.io opens a stream for each message and peer: it is agreed upon, written, closed at both
//! ends and let go of, which costs many times what the message does. Here each topic has one stream a connection that stays
//! open ([`lane`]), so what is urgent does not wait behind what is long, and messages of a topic keep their order. The workspace
//! puts this crate in that one's place (`[patch.crates-io]`, ADR 0001); its interface is what the engine uses of it, and
//! [`Behaviour::send`]; its format ([`frame`]) is not the same, and the name of the protocol says so.
//!
//! **Invariants.** What waits for a peer is bounded, and so is what a peer can make us hold. Whatever goes wrong on a stream
//! closes its connection, and so does silence: who dials keeps dialling, and the engine sends again what nobody voted on.

#[doc(hidden)]
pub mod frame;
mod handler;
mod lane;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use prometheus_client::registry::Registry;

pub use frame::Topic;
use frame::{Frame, Word};
use handler::{Handler, Outgoing};

/// Topics that one peer may subscribe to, and streams that it may hold open on a connection.
const MAX_TOPICS: usize = 16;
/// As long as libp2p gives a stream to be agreed upon.
const SILENCE: Duration = Duration::from_secs(10);

/// Bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Longest message, in bytes.
    pub max_buf_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_buf_size: 4 << 20 }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer is sent what is broadcast on the topic from now on.
    Subscribed(PeerId, Topic),
    /// It no longer is.
    Unsubscribed(PeerId, Topic),
    /// The peer sent a message.
    Received(PeerId, Topic, Bytes),
}

/// Sends messages to the peers that want them, and tells of those that come.
#[derive(Debug)]
pub struct Behaviour {
    config: Config,
    /// How long nothing may be heard before the peer is asked, and again before the connection is closed.
    silence: Duration,
    subscriptions: BTreeSet<Topic>,
    /// The connected peers with what they want.
    peers: BTreeMap<PeerId, BTreeSet<Topic>>,
    events: VecDeque<ToSwarm<Event, Outgoing>>,
}

impl Behaviour {
    /// Without peers and subscriptions.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (subscriptions, peers) = (BTreeSet::new(), BTreeMap::new());
        Self { config, silence: SILENCE, subscriptions, peers, events: VecDeque::new() }
    }

    /// The same: it counts nothing, a node has metrics of its own.
    #[must_use]
    pub fn new_with_metrics(config: Config, _: &mut Registry) -> Self {
        Self::new(config)
    }

    /// What we want.
    pub fn subscribed(&self) -> impl Iterator<Item = &Topic> {
        self.subscriptions.iter()
    }

    /// Asks all peers, and those to come, for what they broadcast on a topic.
    pub fn subscribe(&mut self, topic: Topic) {
        self.tell_all(&Frame { topic: topic.clone(), word: Word::Subscribe });
        self.subscriptions.insert(topic);
    }

    /// Asks for it no longer.
    pub fn unsubscribe(&mut self, topic: &Topic) {
        if self.subscriptions.remove(topic) {
            self.tell_all(&Frame { topic: topic.clone(), word: Word::Unsubscribe });
        }
    }

    /// Sends a message to every peer that has subscribed to the topic.
    pub fn broadcast(&mut self, topic: &Topic, message: Bytes) {
        let frame = Frame { topic: topic.clone(), word: Word::Message(message) }.encode();
        for (peer, _) in self.peers.iter().filter(|(_, wanted)| wanted.contains(topic)) {
            self.events.push_back(notify(*peer, topic, &frame));
        }
    }

    /// Sends a message to one peer, whatever it has subscribed to; one that is not connected gets nothing.
    pub fn send(&mut self, peer: PeerId, topic: &Topic, message: Bytes) {
        if self.peers.contains_key(&peer) {
            let frame = Frame { topic: topic.clone(), word: Word::Message(message) }.encode();
            self.events.push_back(notify(peer, topic, &frame));
        }
    }

    fn tell_all(&mut self, frame: &Frame) {
        let bytes = frame.encode();
        self.events.extend(self.peers.keys().map(|peer| notify(*peer, &frame.topic, &bytes)));
    }

    fn tell_subscriptions(&mut self, peer: PeerId) {
        self.events.extend(self.subscriptions.iter().map(|topic| {
            let frame = Frame { topic: topic.clone(), word: Word::Subscribe };
            notify(peer, topic, &frame.encode())
        }));
    }

    /// What a frame of a peer means, if it may say so.
    fn on_frame(&mut self, peer: PeerId, frame: Frame) -> Option<Event> {
        let wanted = self.peers.get_mut(&peer)?;
        let Frame { topic, word } = frame;
        match word {
            Word::Message(message) => Some(Event::Received(peer, topic, message)),
            Word::Subscribe if wanted.len() >= MAX_TOPICS && !wanted.contains(&topic) => None,
            Word::Subscribe => {
                wanted.insert(topic.clone());
                Some(Event::Subscribed(peer, topic))
            }
            Word::Unsubscribe => {
                wanted.remove(&topic);
                Some(Event::Unsubscribed(peer, topic))
            }
            // Between handlers.
            Word::Ask | Word::Alive => None,
        }
    }
}

fn notify(peer: PeerId, topic: &Topic, frame: &Bytes) -> ToSwarm<Event, Outgoing> {
    let event = Outgoing { topic: topic.clone(), frame: frame.clone() };
    ToSwarm::NotifyHandler { peer_id: peer, handler: NotifyHandler::Any, event }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::new(self.config.max_buf_size, self.silence))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::new(self.config.max_buf_size, self.silence))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(c) if c.other_established == 0 => {
                self.peers.insert(c.peer_id, BTreeSet::new());
                self.tell_subscriptions(c.peer_id);
            }
            FromSwarm::ConnectionClosed(c) if c.remaining_established == 0 => {
                self.peers.remove(&c.peer_id);
            }
            // What we want may have been lost with it.
            FromSwarm::ConnectionClosed(c) => self.tell_subscriptions(c.peer_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {
            Ok(frame) => {
                let event = self.on_frame(peer, frame);
                self.events.extend(event.map(ToSwarm::GenerateEvent));
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "the connection is closed");
                let connection = CloseConnection::One(id);
                self.events.push_back(ToSwarm::CloseConnection { peer_id: peer, connection });
            }
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(test)]
mod tests;
