//! One connection: a lane out for each topic, and the streams that the peer has opened.
//!
//! What is written into a connection that leads nowhere any more is taken for a long time. So whoever hears nothing asks, and
//! closes a connection on which nothing is heard even then.

use std::collections::BTreeMap;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use asynchronous_codec::Framed;
use bytes::Bytes;
use futures::stream::SelectAll;
use futures::{FutureExt as _, StreamExt as _};
use futures_timer::Delay;
use libp2p::Stream;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamProtocol, SubstreamProtocol};
use unsigned_varint::codec::UviBytes;

use crate::MAX_TOPICS;
use crate::frame::{Frame, MAX_HEADER_BYTES, PROTOCOL, Topic, Word, invalid};
use crate::lane::{Frames, Lane};

/// What questions and answers travel on, so that they wait behind nothing.
static LIFE: Topic = Topic::from_static(b"alive");

/// A frame to be sent to the peer.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub topic: Topic,
    pub frame: Bytes,
}

/// Reports what the peer says, or once why the connection is of no more use.
pub struct Handler {
    max_frame_bytes: usize,
    lanes: BTreeMap<Topic, Lane>,
    inbound: SelectAll<Frames>,
    silence: Duration,
    /// Ends a stretch of time at whose beginning the peer was asked, if it was silent in the one before.
    stretch: Delay,
    is_heard: bool,
    is_asked: bool,
    fault: Fault,
}

enum Fault {
    None,
    ToReport(io::Error),
    Reported,
}

type HandlerEvent = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, Topic, io::Result<Frame>>;

impl Handler {
    pub fn new(max_message_bytes: usize, silence: Duration) -> Self {
        let max_frame_bytes = max_message_bytes + MAX_HEADER_BYTES;
        Self {
            max_frame_bytes,
            lanes: BTreeMap::new(),
            inbound: SelectAll::new(),
            silence,
            stretch: Delay::new(silence),
            is_heard: false,
            is_asked: false,
            fault: Fault::None,
        }
    }

    fn frames(&self, stream: Stream) -> Frames {
        let mut codec = UviBytes::default();
        codec.set_max_len(self.max_frame_bytes);
        Framed::new(stream, codec)
    }

    /// The first fault is the one that is told.
    fn fail(&mut self, error: io::Error) {
        if matches!(self.fault, Fault::None) {
            self.fault = Fault::ToReport(error);
        }
    }

    fn say(&mut self, word: Word) -> io::Result<()> {
        let frame = Frame { topic: LIFE.clone(), word }.encode();
        self.lanes.entry(LIFE.clone()).or_default().push(frame)
    }

    /// Asks whoever was silent for a stretch of time, and gives up on who was silent for the next as well. A connection that
    /// nothing was sent through may be silent.
    fn listen(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.stretch.poll_unpin(context).is_ready() {
            let is_silent = !std::mem::take(&mut self.is_heard) && !self.lanes.is_empty();
            if is_silent && self.is_asked {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer is silent"));
            }
            self.is_asked = is_silent;
            if is_silent {
                self.say(Word::Ask)?;
            }
            self.stretch.reset(self.silence);
        }
        Ok(())
    }

    /// Moves everything on; returns what there is to tell.
    fn advance(&mut self, context: &mut Context<'_>) -> io::Result<Poll<HandlerEvent>> {
        self.listen(context)?;
        loop {
            for (topic, lane) in &mut self.lanes {
                if lane.needs_stream() {
                    let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), topic.clone());
                    return Ok(Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol }));
                }
                lane.poll(context)?;
            }
            let Poll::Ready(Some(bytes)) = self.inbound.poll_next_unpin(context) else { return Ok(Poll::Pending) };
            self.is_heard = true;
            let frame = Frame::decode(bytes?.freeze())?;
            match frame.word {
                Word::Ask => self.say(Word::Alive)?,
                Word::Alive => {}
                _ => return Ok(Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Ok(frame)))),
            }
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Outgoing;
    type ToBehaviour = io::Result<Frame>;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Topic;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn on_behaviour_event(&mut self, Outgoing { topic, frame }: Outgoing) {
        if let Err(error) = self.lanes.entry(topic).or_default().push(frame) {
            self.fail(error);
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol, (), Topic>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. }) => {
                if self.inbound.len() < MAX_TOPICS {
                    let frames = self.frames(stream);
                    self.inbound.push(frames);
                } else {
                    self.fail(invalid("more streams than topics"));
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info: topic }) => {
                let frames = self.frames(stream);
                self.lanes.entry(topic).or_default().open(frames);
            }
            ConnectionEvent::DialUpgradeError(fault) => self.fail(io::Error::other(fault.error.to_string())),
            _ => {}
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<HandlerEvent> {
        if matches!(self.fault, Fault::None) {
            match self.advance(context) {
                Ok(poll) => return poll,
                Err(error) => self.fail(error),
            }
        }
        match std::mem::replace(&mut self.fault, Fault::Reported) {
            Fault::ToReport(error) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Err(error))),
            Fault::None | Fault::Reported => Poll::Pending,
        }
    }
}
