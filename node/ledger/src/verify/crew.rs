//! Threads that judge what of a block needs no state, ahead of execution and in step with it.
//!
//! Frames go to the threads in turn and come back in the same turn, so their order is that of the file without any
//! bookkeeping. Which validators are on duty at a frame's height is not certain before the blocks ahead of it are executed, so
//! it is judged by those that are known when it is submitted, and again in the rare case that they were others.
//! **Invariant**: at most [`AHEAD`] frames a thread are on their way.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use tally_contracts::encoding::{self, DecodeError};
use tally_contracts::types::Height;

use crate::archive::Frame;
use crate::block::BlockId;
use crate::certificate::{CertificateError, CommitCertificate};
use crate::chain::{Chain, InvalidBlock, SoundBlock};
use crate::rota::Rota;

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
    /// The rota that it was judged by: a guess, since the blocks before it were not executed yet.
    pub rota: Rota,
    /// The verdict.
    pub verdict: Result<Sound, Fault>,
}

/// To one thread, and back from it.
type Lane = (SyncSender<(Frame, Rota)>, Receiver<Judged>);

/// The threads.
pub struct Crew {
    lanes: Vec<Lane>,
    submitted: usize,
    taken: usize,
}

impl Crew {
    /// Starts the threads. They end once the crew is dropped.
    pub fn start<'scope>(scope: &'scope Scope<'scope, '_>, chain: &'scope Chain, threads: usize) -> Self {
        let lane = |_| {
            let (submit, frames) = sync_channel::<(Frame, Rota)>(AHEAD);
            let (give, judged) = sync_channel(AHEAD);
            scope.spawn(move || {
                for (frame, rota) in frames {
                    let verdict = judge_frame(chain, &rota, &frame);
                    if give.send(Judged { frame, rota, verdict }).is_err() {
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

    /// Hands a frame to the next thread, to be judged by `rota`.
    pub fn submit(&mut self, frame: Frame, rota: Rota) {
        let (submit, _) = &self.lanes[self.submitted % self.lanes.len()];
        submit.send((frame, rota)).expect("a thread lives as long as the crew");
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

impl Judged {
    /// The verdict by the rota of the head that the frame is to follow.
    pub fn verdict(self, chain: &Chain, rota: &Rota) -> (Frame, Result<Sound, Fault>) {
        let Self { frame, rota: guess, verdict } = self;
        let parent = Height(frame.height.0.saturating_sub(1));
        // The block's own certificate, and the one of its parent that it carries.
        let is_right = [parent, frame.height].iter().all(|height| guess.of(*height) == rota.of(*height));
        let verdict = if is_right { verdict } else { judge_frame(chain, rota, &frame) };
        (frame, verdict)
    }
}

fn judge_frame(chain: &Chain, rota: &Rota, frame: &Frame) -> Result<Sound, Fault> {
    if frame.is_intact() { judge(chain, rota, frame, &frame.payload) } else { Err(Fault::Damaged) }
}

/// Judges a payload as that of a frame: block and own certificate, as far as no state is needed.
pub fn judge(chain: &Chain, rota: &Rota, frame: &Frame, payload: &[u8]) -> Result<Sound, Fault> {
    let parts = Frame::block_parts(payload).ok_or(Fault::Length)?;
    let block = chain.check_alone(rota, parts.block).map_err(Fault::Block)?;
    let certificate: CommitCertificate = encoding::decode(parts.certificate).map_err(Fault::CommitBytes)?;
    let id = block.header().id();
    chain
        .check_certificate(&certificate, rota.of(frame.height), frame.height, &id)
        .map_err(|error| Fault::Commit(id, error))?;
    let votes = certificate.signatures.len() + block.last_commit().map_or(0, |c| c.signatures.len());
    Ok(Sound { block, votes })
}
