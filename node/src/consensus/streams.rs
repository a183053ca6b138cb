//! Blocks under way: cutting a block into parts, and putting received parts together.
//!
//! A block that fits one part is one message. A part is looked at only if the proposer of its round signed it, so what is
//! kept is charged to a validator: at most [`MAX_STREAMS_PER_PROPOSER`] unfinished blocks of each, the oldest giving way,
//! none longer than a block may be. Finished blocks of the height after the next wait here, since they cannot be judged
//! before their parent is executed; what lies further ahead comes by sync. Of the last finished ones the signatures are
//! kept, so that any validator can pass another's proposal on (the engine's last resort after many rounds).
//!
//! **Invariant**: memory is at most `validators x MAX_STREAMS_PER_PROPOSER x MAX_BLOCK_BYTES`, twice (unfinished, waiting);
//! nothing of a decided height stays. No more than [`MAX_BLOCKS_PER_ROUND`] blocks of a round, and none of rounds far ahead,
//! are ever handed on: what is judged and stored for one height is bounded too.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use tally_contracts::crypto::Signature;
use tally_contracts::governance::ValidatorSet;
use tally_contracts::types::{Height, MerchantId};
use tally_ledger::block::{BlockId, MAX_BLOCK_BYTES};

use super::context::{Part, PartOf};
use super::signing::{Signer, Verifier};

/// Longest data of one part, in bytes.
pub(super) const PART_BYTES: usize = 256 << 10;

/// Unfinished, and finished and waiting, blocks kept of one proposer.
pub(super) const MAX_STREAMS_PER_PROPOSER: usize = 2;

/// Blocks of one round that are handed on: one is all an honest proposer has, a second one shows that it is not.
const MAX_BLOCKS_PER_ROUND: usize = 2;

/// Turns of each validator that a round may lie ahead of ours.
const TURNS_AHEAD: u32 = 2;

/// Heights above the head whose parts are kept: the next one, and the one after it.
const HEIGHTS_AHEAD: u64 = 2;

/// Into how many parts a block of so many bytes is cut.
pub(super) const fn part_count(total_bytes: u32) -> u32 {
    total_bytes.div_ceil(PART_BYTES as u32)
}

/// A block put together from its parts. Only its length and its proposer's signature are known to be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub of: PartOf,
    pub bytes: Bytes,
}

/// What a part is made of besides what it is part of.
type Piece = (Bytes, Signature);

/// Why a part was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PartError {
    #[error("its height is decided or too far ahead")]
    Height,
    #[error("its round is too far ahead")]
    Round,
    #[error("its round has had its blocks")]
    TooMany,
    #[error("it is not by the proposer of its round")]
    Proposer,
    #[error("its block is empty or too long, or it is none of its parts")]
    Shape,
    #[error("its signature is not valid")]
    Signature,
}

/// The parts of unfinished blocks, and the blocks that wait for their parent.
#[derive(Debug)]
pub(super) struct Streams {
    verifier: Verifier,
    unfinished: BTreeMap<PartOf, BTreeMap<u32, Piece>>,
    waiting: BTreeMap<PartOf, Bytes>,
    finished: BTreeMap<PartOf, Vec<Signature>>,
    /// The blocks handed on, by height and round: by all that their parts say of them, which their proposer chooses freely.
    handed_on: BTreeMap<(Height, u32), BTreeSet<PartOf>>,
    /// The height and round that the engine is in.
    current: (Height, u32),
}

impl Streams {
    pub fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            unfinished: BTreeMap::new(),
            waiting: BTreeMap::new(),
            finished: BTreeMap::new(),
            handed_on: BTreeMap::new(),
            current: (Height(0), 0),
        }
    }

    /// The engine has started a round.
    pub fn started(&mut self, height: Height, round: u32) {
        self.current = (height, round);
    }

    /// Takes a part; gives the block if it was the last one missing. `validators` are those of the part's height.
    ///
    /// # Errors
    /// [`PartError`]; the part is dropped.
    pub fn add(&mut self, head: Height, validators: &ValidatorSet, part: Part) -> Result<Option<Received>, PartError> {
        self.check(head, validators, &part)?;
        let Part { of, index, data, signature } = part;
        if self.finished.contains_key(&of) {
            return Ok(None);
        }
        if !self.unfinished.contains_key(&of) {
            make_room(&mut self.unfinished, of.proposer);
        }
        let parts = self.unfinished.entry(of).or_default();
        parts.insert(index, (data, signature));
        if parts.len() < part_count(of.total_bytes) as usize {
            return Ok(None);
        }
        let of_round = self.handed_on.entry((of.height, of.round)).or_default();
        if !of_round.contains(&of) && of_round.len() >= MAX_BLOCKS_PER_ROUND {
            self.unfinished.remove(&of);
            return Err(PartError::TooMany);
        }
        of_round.insert(of);
        let (data, signatures) = self.unfinished.remove(&of).unwrap_or_default().into_values().unzip();
        make_room(&mut self.finished, of.proposer);
        self.finished.insert(of, signatures);
        Ok(Some(Received { of, bytes: join(data) }))
    }

    /// The parts of another's proposal as they were received, of its block's `bytes`; none if it was not received lately.
    pub fn again(&self, height: Height, round: u32, block_id: BlockId, bytes: &Bytes) -> Vec<Part> {
        let found = |of: &PartOf| of.height == height && of.round == round && of.block_id == block_id;
        let Some((of, signatures)) = self.finished.iter().find(|(of, _)| found(of)) else { return Vec::new() };
        let part = |(index, signature): (u32, &Signature)| Part {
            of: *of,
            index,
            data: part_data(index, bytes),
            signature: *signature,
        };
        (0..).zip(signatures).map(part).collect()
    }

    /// Keeps a finished block until its parent is executed.
    pub fn wait(&mut self, received: Received) {
        make_room(&mut self.waiting, received.of.proposer);
        self.waiting.insert(received.of, received.bytes);
    }

    /// The blocks of `height` that waited for their parent.
    pub fn take_waiting(&mut self, height: Height) -> Vec<Received> {
        let (taken, kept) = std::mem::take(&mut self.waiting).into_iter().partition(|(of, _)| of.height == height);
        self.waiting = kept;
        let taken: BTreeMap<PartOf, Bytes> = taken;
        taken.into_iter().map(|(of, bytes)| Received { of, bytes }).collect()
    }

    /// Drops what belongs to heights up to `head`.
    pub fn prune(&mut self, head: Height) {
        self.unfinished.retain(|of, _| of.height > head);
        self.waiting.retain(|of, _| of.height > head);
        self.finished.retain(|of, _| of.height > head);
        self.handed_on.retain(|(height, _), _| *height > head);
    }

    fn check(&self, head: Height, validators: &ValidatorSet, part: &Part) -> Result<(), PartError> {
        let of = &part.of;
        if of.height <= head || of.height.0 > head.0 + HEIGHTS_AHEAD {
            return Err(PartError::Height);
        }
        let round = if of.height == self.current.0 { self.current.1 } else { 0 };
        let turn = u32::try_from(validators.validators().len()).unwrap_or(u32::MAX);
        if of.round > round.saturating_add(turn.saturating_mul(TURNS_AHEAD)) {
            return Err(PartError::Round);
        }
        let proposer = validators.proposer(of.height, of.round);
        if proposer.merchant != of.proposer {
            return Err(PartError::Proposer);
        }
        if part_len(of.total_bytes, part.index) != Some(part.data.len()) {
            return Err(PartError::Shape);
        }
        if !self.verifier.is_part_signed(part, &proposer.public_key) {
            return Err(PartError::Signature);
        }
        Ok(())
    }
}

/// Cuts a block into signed parts.
pub(super) fn cut(signer: &Signer, of: PartOf, block: &Bytes) -> Vec<Part> {
    (0..part_count(of.total_bytes)).map(|index| signer.part(of, index, part_data(index, block))).collect()
}

fn part_data(index: u32, block: &Bytes) -> Bytes {
    let start = index as usize * PART_BYTES;
    block.slice(start..block.len().min(start + PART_BYTES))
}

/// How long the part at `index` of a block of `total_bytes` must be; `None` if there is no such part or block.
fn part_len(total_bytes: u32, index: u32) -> Option<usize> {
    let total = total_bytes as usize;
    if total > MAX_BLOCK_BYTES || index >= part_count(total_bytes) {
        return None;
    }
    Some(PART_BYTES.min(total - index as usize * PART_BYTES))
}

fn join(parts: Vec<Bytes>) -> Bytes {
    if let [only] = parts.as_slice() {
        return only.clone();
    }
    let mut block = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    parts.iter().for_each(|part| block.extend_from_slice(part));
    block.freeze()
}

/// Makes room for one more block of a proposer: its oldest, by height and round, gives way.
fn make_room<T>(kept: &mut BTreeMap<PartOf, T>, proposer: MerchantId) {
    let mut own: Vec<PartOf> = kept.keys().filter(|of| of.proposer == proposer).copied().collect();
    if own.len() >= MAX_STREAMS_PER_PROPOSER {
        own.sort_by_key(|of| (of.height, of.round));
        kept.remove(&own[0]);
    }
}
