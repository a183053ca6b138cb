//! Two archives of one alliance: whether one is the beginning of the other, and where they part if not.
//!
//! Blocks are compared by id, which hashes the header and so everything before and in the block; nothing is executed.
//! Where the two part, the common beginning is replayed, for who had to sign there follows from it. Two blocks of one
//! height with valid certificates are evidence: whoever signed both signed two histories.

use std::io::Read;
use std::ops::ControlFlow;

use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::genesis::Genesis;
use tally_contracts::types::{Height, MerchantId};

use super::{Executed, Options, Progress, Replay, VerifyError, locate, open, replay_blocks};
use crate::anchor::Trust;
use crate::archive::{ArchiveReader, Frame, Kind};
use crate::block::BlockId;
use crate::certificate::CommitCertificate;

/// Which of the two archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The one named first.
    First,
    /// The other.
    Second,
}

/// What two archives are to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Comparison {
    /// Block for block the same.
    Same {
        /// The last block.
        height: Height,
        /// Its id.
        block_id: BlockId,
    },
    /// One goes on where the other ends.
    Prefix {
        /// The one that ends.
        shorter: Side,
        /// Its last block.
        height: Height,
        /// Its id.
        block_id: BlockId,
    },
    /// They part.
    Parted(Box<Parting>),
}

/// The first height at which two archives have different blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// The height; the blocks before it are the same.
    pub height: Height,
    /// What the first has there.
    pub first: Branch,
    /// What the second has.
    pub second: Branch,
    /// Validators with valid signatures for both blocks, by rising id. Filled in by [`judge_parting`].
    pub signed_both: Vec<MerchantId>,
}

/// What an archive has at the height of parting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// The block's id.
    pub block_id: BlockId,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// Its own certificate as the archive has it; none where its bytes are no certificate.
    pub certificate: Option<CommitCertificate>,
    /// What is wrong with the certificate; none where it commits the block. Filled in by [`judge_parting`].
    pub fault: Option<String>,
    /// Where the block's frame starts in the archive.
    pub offset: u64,
}

/// Compares two archives of the auditor's alliance block by block, as far as the shorter goes. Signatures are not judged:
/// [`verify`](super::verify) judges an archive, [`judge_parting`] the point at which two part.
///
/// # Errors
/// Which archive cannot be compared, and why: it is of another alliance, damaged or cut off.
pub fn compare(
    first: impl Read,
    second: impl Read,
    genesis: &Genesis,
    mut progress: impl FnMut(Height, u64),
) -> Result<Comparison, (Side, VerifyError)> {
    let (_, mut first) = open(first, genesis).map_err(|e| (Side::First, e))?;
    let (chain, mut second) = open(second, genesis).map_err(|e| (Side::Second, e))?;
    let (mut height, mut block_id) = (Height(0), *chain.chain_id());
    loop {
        let one = next(&mut first, height).map_err(|e| (Side::First, e))?;
        let other = next(&mut second, height).map_err(|e| (Side::Second, e))?;
        let (one, other) = match (one, other) {
            (Some(one), Some(other)) => (one, other),
            (None, None) => return Ok(Comparison::Same { height, block_id }),
            (None, Some(_)) => return Ok(Comparison::Prefix { shorter: Side::First, height, block_id }),
            (Some(_), None) => return Ok(Comparison::Prefix { shorter: Side::Second, height, block_id }),
        };
        height = height.next();
        let (first, second) = (branch(&one, Side::First)?, branch(&other, Side::Second)?);
        if first.block_id != second.block_id {
            let parting = Parting { height, first, second, signed_both: Vec::new() };
            return Ok(Comparison::Parted(Box::new(parting)));
        }
        block_id = first.block_id;
        progress(height, one.offset);
    }
}

/// Replays one of two archives up to where they part, and judges both certificates there.
///
/// # Errors
/// As [`verify`](super::verify), for the common beginning.
pub fn judge_parting(
    from: impl Read,
    genesis: &Genesis,
    options: Options,
    parting: &mut Parting,
    mut progress: impl FnMut(Progress),
) -> Result<(), VerifyError> {
    let (chain, mut reader) = open(from, genesis)?;
    let mut replay = Replay::new(&chain);
    let parent = Height(parting.height.0.saturating_sub(1));
    if parent > Height(0) {
        let mut each = |block: &Executed<'_>, done| {
            progress(done);
            if block.height == parent { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        replay_blocks(&mut reader, &chain, (options, &Trust::default()), &mut replay, &mut each)?;
    }
    let Parting { height, first, second, signed_both } = parting;
    let validators = replay.head().rota.of(*height);
    for branch in [&mut *first, &mut *second] {
        branch.fault = match &branch.certificate {
            None => Some("its bytes are no certificate".into()),
            Some(certificate) => {
                chain.check_certificate(certificate, validators, *height, &branch.block_id).err().map(|e| e.to_string())
            }
        };
    }
    let signers = |branch: &Branch| {
        let valid = branch.certificate.as_ref().filter(|_| branch.fault.is_none());
        valid.map_or_else(Vec::new, |valid| valid.signatures.iter().map(|signature| signature.merchant).collect())
    };
    let others = signers(second);
    *signed_both = signers(first).into_iter().filter(|merchant| others.contains(merchant)).collect();
    Ok(())
}

/// The next block; none at the end.
fn next(reader: &mut ArchiveReader<impl Read>, after: Height) -> Result<Option<Frame>, VerifyError> {
    let frame = reader.frame().map_err(|e| locate::archive_error(e, after))?;
    Ok(frame.filter(|frame| frame.kind == Kind::Block))
}

fn branch(frame: &Frame, side: Side) -> Result<Branch, (Side, VerifyError)> {
    let header = locate::intact_header(frame).map_err(|e| (side, e))?;
    let parts = Frame::block_parts(&frame.payload);
    let certificate = parts.and_then(|parts| encoding::decode(parts.certificate).ok());
    Ok(Branch { block_id: header.id(), time_ms: header.time_ms, certificate, fault: None, offset: frame.offset })
}
