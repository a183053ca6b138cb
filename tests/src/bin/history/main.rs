//! A random history: an alliance, what happened to it, and what the contracts made of that, as lines of JSON.
//!
//!     history --seed 1 --operations 20000 [--staged] | python3 tests/model
//!
//! The seed decides everything: two runs with one seed write the same bytes. An even seed has a simulated clock, an odd one
//! a real one. With --staged it starts with what chance does not meet (`levies.rs`, `titans.rs`, `corners.rs`,
//! `quarrels.rs`, `notaries.rs`, `crowd.rs`, `farewells.rs`). The lines are a genesis, blocks with their transactions and what the contracts did (due records, receipts,
//! movements), a dump of the state every so many blocks, and an end. `tests/model/` executes the same transactions by the
//! rules of `docs/rules.md` and compares. Signatures are real; the model does not judge them, for what is not signed rightly
//! reaches no block.

mod agreement;
mod alliance;
mod batch;
mod chain;
mod checkpoints;
mod clock;
mod corners;
mod council;
mod crowd;
mod dump;
mod dump_governance;
mod farewells;
mod levies;
mod notaries;
mod observe;
mod propose;
mod quarrels;
mod story;
mod terms;
mod titans;
mod word;
mod world;

use std::io::{BufWriter, Write as _, stdout};

use anyhow::{Context as _, Result, bail};

use story::Story;

/// What the command line asks for.
struct Arguments {
    seed: u64,
    operations: u64,
    is_staged: bool,
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    eprintln!("history: seed {}, {} operations", arguments.seed, arguments.operations);
    let out = BufWriter::new(stdout().lock());
    let mut story = Story::begin(arguments.seed, arguments.is_staged, out)?;
    if arguments.is_staged {
        levies::play(&mut story)?;
        titans::play(&mut story)?;
        corners::play(&mut story)?;
        quarrels::play(&mut story)?;
        notaries::play(&mut story)?;
        crowd::play(&mut story)?;
        farewells::play(&mut story)?;
    }
    while story.operations < arguments.operations {
        story.next_block()?;
    }
    story.end()?.flush()?;
    Ok(())
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments { seed: 1, operations: 1_000, is_staged: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().with_context(|| format!("{word} takes a number"))?.parse().context("a number");
        match word.as_str() {
            "--seed" => arguments.seed = number()?,
            "--operations" => arguments.operations = number()?,
            "--staged" => arguments.is_staged = true,
            _ => bail!("usage: history [--seed N] [--operations N] [--staged]"),
        }
    }
    Ok(arguments)
}
