//! One topic's way out of a connection: what waits, and the stream it goes through.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use asynchronous_codec::Framed;
use bytes::Bytes;
use futures::{FutureExt as _, SinkExt as _};
use futures_timer::Delay;
use libp2p::Stream;
use unsigned_varint::codec::UviBytes;

/// A stream of frames with their lengths.
pub type Frames = Framed<Stream, UviBytes<Bytes>>;

/// Most bytes that wait on a topic for one peer: several of the largest blocks.
const MAX_QUEUED_BYTES: usize = 32 << 20;
/// A peer that takes nothing for this long is as good as gone.
const STALL: Duration = Duration::from_secs(10);

#[derive(Default)]
enum Way {
    /// There is no stream yet, and none was requested.
    #[default]
    None,
    Requested,
    Open(Box<Frames>),
}

/// What waits on a topic for one peer.
#[derive(Default)]
pub struct Lane {
    way: Way,
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    /// Whether something was written that is not flushed.
    is_dirty: bool,
    /// Ends when the peer has taken nothing for too long.
    stall: Option<Delay>,
}

impl Lane {
    /// Queues a frame.
    ///
    /// # Errors
    /// The peer takes less than it is sent.
    pub fn push(&mut self, frame: Bytes) -> io::Result<()> {
        self.queued_bytes += frame.len();
        if self.queued_bytes > MAX_QUEUED_BYTES {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes less than it is sent"));
        }
        self.queue.push_back(frame);
        Ok(())
    }

    /// Whether a stream is to be requested; from then on it is.
    pub fn needs_stream(&mut self) -> bool {
        let needs_one = matches!(self.way, Way::None);
        if needs_one {
            self.way = Way::Requested;
        }
        needs_one
    }

    /// Here it is.
    pub fn open(&mut self, frames: Frames) {
        self.way = Way::Open(Box::new(frames));
    }

    /// Writes what waits, as far as the peer takes it.
    ///
    /// # Errors
    /// Those of the stream; the peer has taken nothing for too long.
    pub fn poll(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Way::Open(frames) = &mut self.way else { return Ok(()) };
        while !self.queue.is_empty() {
            match frames.poll_ready_unpin(context)? {
                Poll::Pending => return self.wait(context),
                Poll::Ready(()) => {
                    let frame = self.queue.pop_front().expect("a queue that is not empty");
                    self.queued_bytes -= frame.len();
                    frames.start_send_unpin(frame)?;
                    self.is_dirty = true;
                    self.stall = None;
                }
            }
        }
        if self.is_dirty {
            match frames.poll_flush_unpin(context)? {
                Poll::Pending => return self.wait(context),
                Poll::Ready(()) => self.is_dirty = false,
            }
        }
        self.stall = None;
        Ok(())
    }

    fn wait(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let stall = self.stall.get_or_insert_with(|| Delay::new(STALL));
        match stall.poll_unpin(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")),
        }
    }
}
