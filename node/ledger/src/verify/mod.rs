//! Verification of an archive with nothing but the genesis file: no network, no node, no trust in whoever made it.
//!
//! Every height is judged by the very code that nodes judge it by ([`crate::chain`]): hash chain, commit certificate against
//! the validators of that height, signatures, roots, then full re-execution, whose outcome must be the one in the next
//! header. At the end everything in state is summed up ([`conservation`]), and what merchants vouched for is held against
//! it: roots of checkpoints ([`checkpoints`]) and evidence from outside ([`anchors`]). Where an archive fails, [`Failure`] names the
//! place: block, transaction, operation, field and, where one byte explains the damage, that byte.
//!
//! **Invariants**: memory holds state (which grows with members and with their movements) and a bounded number of frames; the verdict does
//! not depend on how many threads judge signatures ahead of execution; whatever is wrong first in the file is reported.

mod crew;
mod replay;
pub mod conservation;
pub mod anchors;
mod history;
pub mod checkpoints;
mod report;
mod saved;
mod failure;
mod locate;
mod place;
mod layout;
mod compare;

pub use checkpoints::RootsOf;
pub use compare::{Branch, Comparison, Parting, Side, compare, judge_parting};
pub use failure::{BadByte, CheckKind, Failure, VerifyError};
pub use place::Place;
pub use report::{Check, Epoch, Finding, FindingKind, OperationCounts, Report};
pub use saved::{SavedError, SavedState};

use std::io::Read;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::thread;
use std::time::Instant;

use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::genesis::Genesis;
use tally_contracts::receipt::Receipt;
use tally_contracts::state::{Store, WriteSet};
use tally_contracts::transaction::CheckedTransaction;
use tally_contracts::types::Height;

use crate::anchor::Trust;
use crate::archive::{ArchiveReader, Frame, Kind};
use crate::chain::Chain;
use crew::Crew;
use replay::Replay;

/// How to verify.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads that judge signatures ahead of execution; at most [`MAX_THREADS`] are used.
    pub threads: NonZeroUsize,
}

/// Most threads that judge signatures: it bounds the memory for frames on their way.
pub const MAX_THREADS: usize = 16;

impl Default for Options {
    /// As many threads as the machine has.
    fn default() -> Self {
        Self { threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }
}

/// How an archive is audited beyond what follows from its blocks alone.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// How it is replayed.
    pub options: Options,
    /// Of which checkpoints the roots are worked out anew.
    pub roots: RootsOf,
    /// Whose evidence from outside is believed.
    pub trust: Trust,
}

impl Audit {
    fn threads(&self) -> usize {
        self.options.threads.get().min(MAX_THREADS)
    }
}

/// How far verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last verified and executed block.
    pub height: Height,
    /// Operations executed so far.
    pub operations: u64,
    /// Bytes of the archive read so far: against the file's length they give a share.
    pub bytes: u64,
}

/// A block that follows and was executed: what it holds, what that led to, and the state that it ran on.
pub struct Executed<'a> {
    /// Its height.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// Its transactions, in order.
    pub transactions: &'a [CheckedTransaction],
    /// Due work that ran before them, in order.
    pub due: &'a [DueRecord],
    /// Receipts by transaction and operation.
    pub receipts: &'a [Vec<Receipt>],
    /// What it wrote to state.
    pub writes: &'a WriteSet,
    /// State without these writes.
    pub before: &'a dyn Store,
}

/// Verifies an archive against the genesis that the auditor holds. `progress` is called after every block.
///
/// # Errors
/// [`VerifyError::Failed`] names the first thing wrong with the archive; the others say that nothing was found out.
///
/// # Panics
/// When re-execution breaks conservation: the contracts themselves are wrong then.
pub fn verify(
    from: impl Read,
    genesis: &Genesis,
    options: Options,
    progress: impl FnMut(Progress),
) -> Result<Report, VerifyError> {
    audit(from, genesis, &Audit { options, ..Audit::default() }, None, progress).map(|(report, _)| report)
}

/// Verifies an archive, from the block on that an earlier run ended with where there was one. Gives with the report what a
/// later run goes on from.
///
/// # Errors
/// As [`verify`]; [`VerifyError::Saved`] where the archive does not reach as far as the earlier run did.
///
/// # Panics
/// As [`verify`], and where `saved` was tampered with.
pub fn audit(
    from: impl Read,
    genesis: &Genesis,
    audit: &Audit,
    saved: Option<SavedState>,
    mut progress: impl FnMut(Progress),
) -> Result<(Report, SavedState), VerifyError> {
    let started = Instant::now();
    let (chain, mut reader) = open(from, genesis)?;
    let mut replay = match saved {
        Some(saved) => {
            let operations = saved.tallies.counts.total();
            skip(&mut reader, &chain, &saved, |height, bytes| progress(Progress { height, operations, bytes }))?;
            Replay::resume(&chain, saved)
        }
        None => Replay::new(&chain),
    };
    let mut each = |_: &Executed<'_>, done| {
        progress(done);
        ControlFlow::Continue(())
    };
    let closing = replay_blocks(&mut reader, &chain, (audit.options, &audit.trust), &mut replay, &mut each)?;
    check_end(&mut reader, &closing.expect("nothing breaks it off"), &replay)?;
    let bytes = reader.offset();
    replay.finish(audit, bytes, started)
}

/// Passes over the blocks of an earlier run: check sums, and that the last of them is the same.
fn skip(
    reader: &mut ArchiveReader<impl Read>,
    chain: &Chain,
    saved: &SavedState,
    mut progress: impl FnMut(Height, u64),
) -> Result<(), VerifyError> {
    if saved.chain_id != *chain.chain_id() {
        let text = format!("it is of the alliance {}, the genesis is of {}", saved.chain_id, chain.chain_id());
        return Err(VerifyError::Saved(text));
    }
    let mut height = Height(0);
    while height < saved.head.height {
        match reader.frame().map_err(|e| locate::archive_error(e, height))? {
            Some(frame) if frame.kind == Kind::Block => {
                locate::check_skipped(&frame, &saved.head)?;
                height = frame.height;
                progress(height, reader.offset());
            }
            _ => {
                let text = format!(
                    "it goes up to block {}, the archive to block {height}: export a longer one, or leave `--state` out",
                    saved.head.height
                );
                return Err(VerifyError::Saved(text));
            }
        }
    }
    Ok(())
}

/// Replays an archive: judges and executes every block as [`verify`] does, and shows each to `each`, until that breaks it
/// off. State as a whole is not summed up.
///
/// # Errors
/// As [`verify`]; nothing is said of what lies behind the block at which `each` broke off.
///
/// # Panics
/// As [`verify`].
pub fn replay(
    from: impl Read,
    genesis: &Genesis,
    options: Options,
    mut each: impl FnMut(&Executed<'_>, Progress) -> ControlFlow<()>,
) -> Result<(), VerifyError> {
    let (chain, mut reader) = open(from, genesis)?;
    let mut replay = Replay::new(&chain);
    match replay_blocks(&mut reader, &chain, (options, &Trust::default()), &mut replay, &mut each)? {
        Some(closing) => check_end(&mut reader, &closing, &replay),
        None => Ok(()),
    }
}

/// The chain of the auditor's genesis, and the archive behind its genesis frame.
fn open<R: Read>(from: R, genesis: &Genesis) -> Result<(Chain, ArchiveReader<R>), VerifyError> {
    genesis.check().map_err(|e| VerifyError::Genesis(e.to_string()))?;
    let mut reader = ArchiveReader::new(from).map_err(|e| locate::archive_error(e, Height(0)))?;
    check_genesis(&mut reader, genesis)?;
    Ok((Chain::new(genesis.clone()), reader))
}

/// The closing frame must fit, and be the last.
fn check_end(reader: &mut ArchiveReader<impl Read>, closing: &Frame, replay: &Replay<'_>) -> Result<(), VerifyError> {
    locate::check_closing(closing, replay.head())?;
    match reader.frame() {
        Ok(None) => Ok(()),
        Ok(Some(_)) => unreachable!("no frame follows the closing frame: the reader calls it trailing"),
        Err(e) => Err(locate::archive_error(e, replay.head().height)),
    }
}

/// The archive's genesis must be the auditor's, byte by byte.
fn check_genesis(reader: &mut ArchiveReader<impl Read>, genesis: &Genesis) -> Result<(), VerifyError> {
    match reader.frame().map_err(|e| locate::archive_error(e, Height(0)))? {
        Some(frame) => locate::check_genesis(&frame, genesis, &encoding::encode(genesis)),
        None => unreachable!("an archive starts with its genesis frame, or the reader refuses it"),
    }
}

/// Reads, judges and executes every block; gives the closing frame, or none where `each` broke it off.
fn replay_blocks(
    reader: &mut ArchiveReader<impl Read>,
    chain: &Chain,
    (options, trust): (Options, &Trust),
    replay: &mut Replay<'_>,
    each: &mut impl FnMut(&Executed<'_>, Progress) -> ControlFlow<()>,
) -> Result<Option<Frame>, VerifyError> {
    thread::scope(|scope| {
        let mut crew = Crew::start(scope, chain, options.threads.get().min(MAX_THREADS));
        let mut end = None;
        loop {
            while end.is_none() && crew.has_room() {
                match reader.frame() {
                    Ok(Some(frame)) if frame.kind == Kind::Block => crew.submit(frame, replay.head().rota.clone()),
                    Ok(Some(frame)) => end = Some(Ok(frame)),
                    Ok(None) => unreachable!("only the closing frame has nothing after it"),
                    // Blocks before it are judged first: what is wrong first in the file is reported.
                    Err(error) => end = Some(Err(error)),
                }
            }
            let Some(judged) = crew.take() else { break };
            let (before, bytes) = (replay.operations(), reader.offset());
            let show = |block: &Executed<'_>| {
                let operations = before + block.receipts.iter().map(|receipts| receipts.len() as u64).sum::<u64>();
                each(block, Progress { height: block.height, operations, bytes })
            };
            if replay.apply(judged, trust, show)?.is_break() {
                return Ok(None);
            }
        }
        let end = end.expect("the loop ends once the file has");
        end.map(Some).map_err(|error| locate::archive_error(error, replay.head().height))
    })
}
