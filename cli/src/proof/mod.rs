//! `tally proof`: gets proofs as files from a node, and checks them offline (ADR 0012, docs/verify).

mod get;
mod text;
mod verify;

use clap::Subcommand;

use crate::output::{Output, Verdict};

/// Proofs as files.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Get a proof from a node and keep it: it stays true, whatever becomes of the node.
    #[command(mut_args(|arg| arg.global(true)))]
    Get(get::Get),
    /// Check a proof offline, with nothing but the genesis or the merchants' keys: no node, no network.
    Verify(verify::Verify),
}

/// Runs a verb.
pub async fn run(verb: Verb, output: Output) -> anyhow::Result<Verdict> {
    match verb {
        Verb::Get(get) => get.run(output).await,
        Verb::Verify(verify) => verify.run(output),
    }
}
