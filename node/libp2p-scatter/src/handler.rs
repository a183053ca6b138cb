//! One connection: a lane out for each topic, and the streams that the peer has opened.

use std::collections::BTreeMap;
use std::io;
use std::task::{Context, Poll};

use asynchronous_codec::Framed;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::SelectAll;
use libp2p::Stream;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamProtocol, SubstreamProtocol};
use unsigned_varint::codec::UviBytes;

use crate::MAX_TOPICS;
use crate::frame::{Frame, MAX_HEADER_BYTES, PROTOCOL, Topic, invalid};
use crate::lane::{Frames, Lane};

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
    fault: Fault,
}

enum Fault {
    None,
    ToReport(io::Error),
    Reported,
}

type HandlerEvent = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, Topic, io::Result<Frame>>;

impl Handler {
    pub fn new(max_message_bytes: usize) -> Self {
        let max_frame_bytes = max_message_bytes + MAX_HEADER_BYTES;
        Self { max_frame_bytes, lanes: BTreeMap::new(), inbound: SelectAll::new(), fault: Fault::None }
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

    /// Moves everything on; returns what there is to tell.
    fn advance(&mut self, context: &mut Context<'_>) -> io::Result<Poll<HandlerEvent>> {
        for (topic, lane) in &mut self.lanes {
            if lane.ask() {
                let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), topic.clone());
                return Ok(Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol }));
            }
            lane.poll(context)?;
        }
        match self.inbound.poll_next_unpin(context) {
            Poll::Ready(Some(bytes)) => {
                let frame = Frame::decode(bytes?.freeze())?;
                Ok(Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Ok(frame))))
            }
            Poll::Ready(None) | Poll::Pending => Ok(Poll::Pending),
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
