//! `tally grant`: a spend grant as a code that a phone shows and a till reads. Works offline.
//!
//! With it the merchants that it names may spend up to so many points, any number of times, until it expires
//! (docs/rules.md, "By whose word points are touched"). Whoever sees the code can use it there: it is shown like cash.

pub mod code;
mod create;
mod qr;
mod show;

use clap::Subcommand;

use crate::output::{Output, Verdict};

/// Spend grants.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Sign a grant with a wallet key, and show it as a code.
    Create(create::Create),
    /// Say what a code grants, and whether it holds.
    Show(show::Show),
}

/// Runs a verb.
pub async fn run(verb: Verb, output: Output) -> anyhow::Result<Verdict> {
    match verb {
        Verb::Create(create) => create.run(output).await,
        Verb::Show(show) => show.run(output).await,
    }
}
