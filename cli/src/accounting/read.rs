//! Feeds books with an archive: replayed and judged as `tally verify` does it, up to where it is asked for.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context as _, bail};
use tally_contracts::genesis::Genesis;
use tally_contracts::types::{Height, Month};
use tally_ledger::verify::{Options, Progress, VerifyError, replay};

use crate::output::Output;

use super::books::Books;

/// Where to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At the archive's end.
    End,
    /// After a block.
    Height(Height),
    /// When a month is over.
    After(Month),
}

/// Feeds the books. The inner error says why the archive is not right.
///
/// # Errors
/// The archive cannot be read or ends too early, or the books do not come out as the ledger does.
pub fn read(
    archive: &Path,
    genesis: &Genesis,
    until: Until,
    books: &mut [Books],
    output: Output,
) -> anyhow::Result<Result<(), String>> {
    let file = File::open(archive).with_context(|| format!("cannot read the archive {}", archive.display()))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let bar = output.progress(length, "accounting [{bar:32}] {percent}%  {msg}  ETA {eta}");
    let mut wrong = None;
    let mut is_reached = until == Until::End;
    let found = replay(BufReader::new(file), genesis, Options::default(), |block, done: Progress| {
        bar.set_position(done.bytes);
        bar.set_message(format!("block {}, {} operations", done.height, done.operations));
        if let Err(error) = books.iter_mut().try_for_each(|books| books.take_up(block)) {
            wrong = Some(error);
            return ControlFlow::Break(());
        }
        let ends = match until {
            Until::End => false,
            Until::Height(height) => block.height >= height,
            Until::After(month) => genesis.calendar().month(block.time_ms) > month,
        };
        is_reached |= ends;
        if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    if let Some(error) = wrong {
        return Err(error.context("the books do not come out as the ledger does; nothing was written"));
    }
    match found {
        Ok(()) => {}
        Err(VerifyError::Failed(failure)) => return Ok(Err(failure.to_string())),
        Err(error) => return Err(error).context("the archive was not judged"),
    }
    match until {
        Until::Height(height) if !is_reached => bail!("the archive ends before block {height}: export a longer one"),
        Until::After(month) if !is_reached => bail!("{month} is not over in the archive: export a longer one"),
        _ => Ok(Ok(())),
    }
}
