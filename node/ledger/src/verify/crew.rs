//! Threads that judge what of a block needs no state, ahead of execution and in step with it.
//!
//! Frames go to the threads in turn and come back in the same turn, so their order is that of the file without any
//! bookkeeping. **Invariant**: at most [`AHEAD`] frames a thread are on their way.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use tally_contracts::encoding::{self, DecodeError};

use crate::archive::Frame;
use crate::block::BlockId;
use crate::certificate::{CertificateError, CommitCertificate};
use crate::chain::{Chain, InvalidBlock, SoundBlock};

/// Frames on their way to one thread and back.
const AHEAD: usize = 4;

/// What is wrong with a block frame.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The payload does not match its check sum.
    Damaged,
    /// The length of the block leads past the payload.
    Length,
    /// The block.
    Block(InvalidBlock),
    /// The bytes of its own certificate.
    CommitBytes(DecodeError),
    /// Its own certificate, for a block that hashes to this id.
    Commit(BlockId, CertificateError),
}

/// A block frame that holds by itself.
#[derive(Debug)]
pub struct Sound {
    /// The block.
    pub block: SoundBlock,
    /// Valid signatures in the two certificates.
    pub votes: usize,
}

/// A frame with what was found out about it.
#[derive(Debug)]
pub struct Judged {
    /// The frame.
    pub frame: Frame,
    /// The verdict.
    pub verdict: Result<Sound, Fault>,
}

/// The threads.
pub struct Crew {
    lanes: Vec<(SyncSender<Frame>, Receiver<Judged>)>,
    submitted: usize,
    taken: usize,
}

impl Crew {
    /// Starts the threads. They end once the crew is dropped.
    pub fn start<'scope>(scope: &'scope Scope<'scope, '_>, chain: &'scope Chain, threads: usize) -> Self {
        let lane = |_| {
            let (submit, frames) = sync_channel::<Frame>(AHEAD);
            let (give, judged) = sync_channel(AHEAD);
            scope.spawn(move || {
                for frame in frames {
                    let verdict =
                        if frame.is_intact() { judge(chain, &frame, &frame.payload) } else { Err(Fault::Damaged) };
                    if give.send(Judged { frame, verdict }).is_err() {
                        break;
                    }
                }
            });
            (submit, judged)
        };
        Self { lanes: (0..threads).map(lane).collect(), submitted: 0, taken: 0 }
    }

    /// Whether a frame can be submitted without waiting.
    pub fn has_room(&self) -> bool {
        self.submitted - self.taken < AHEAD * self.lanes.len()
    }

    /// Hands a frame to the next thread.
    pub fn submit(&mut self, frame: Frame) {
        let (submit, _) = &self.lanes[self.submitted % self.lanes.len()];
        submit.send(frame).expect("a thread lives as long as the crew");
        self.submitted += 1;
    }

    /// Waits for the oldest frame that is on its way; `None` when none is.
    pub fn take(&mut self) -> Option<Judged> {
        if self.taken == self.submitted {
            return None;
        }
        let (_, judged) = &self.lanes[self.taken % self.lanes.len()];
        let judged = judged.recv().expect("a thread answers every frame");
        self.taken += 1;
        Some(judged)
    }
}

/// Judges a payload as that of a frame: block and own certificate, as far as no state is needed.
pub fn judge(chain: &Chain, frame: &Frame, payload: &[u8]) -> Result<Sound, Fault> {
    let parts = Frame::block_parts(payload).ok_or(Fault::Length)?;
    let block = chain.check_alone(parts.block).map_err(Fault::Block)?;
    let certificate: CommitCertificate = encoding::decode(parts.certificate).map_err(Fault::CommitBytes)?;
    let id = block.header().id();
    let validators = chain.validators(frame.height);
    certificate.verify(chain.chain_id(), validators, frame.height, &id).map_err(|error| Fault::Commit(id, error))?;
    let votes = certificate.signatures.len() + block.last_commit().map_or(0, |c| c.signatures.len());
    Ok(Sound { block, votes })
}
