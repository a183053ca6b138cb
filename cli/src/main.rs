//! `tally`: the command line for operators, integrators and auditors of an alliance.
//!
//! One file a verb. It links the contracts and the ledger, never a node: what `tally verify` says owes nothing to the
//! software that ran the chain. Everything that answers answers in JSON with `--json`; every error says what to do next.
//!
//! **Invariant:** secrets are read from files and never printed; the exit codes are those of [`EXIT_CODES`].

mod accounting;
mod bench;
mod client;
mod compare;
mod connect;
mod export;
mod grant;
mod keys;
mod network;
mod output;
mod proof;
mod query;
mod replay;
mod settlement;
mod submit;
mod till;
mod verify;
mod wallet;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Output, Verdict};

/// As in the node: reading a chain and driving a load are made of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Shown at the end of every `--help`.
const EXIT_CODES: &str = "Exit codes:
  0  done, and the answer is yes
  1  done, and the answer is no: an operation was rejected, an archive does not verify, a node is not well
  2  not done: wrong usage, a file that cannot be read, a node that does not answer";

/// Points ledger of a merchant alliance: make one, run it, use it, audit it.
#[derive(Debug, Parser)]
#[command(name = "tally", version, after_help = EXIT_CODES, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make key files, show their public halves.
    #[command(subcommand, after_help = EXIT_CODES)]
    Keys(keys::Verb),
    /// Make an alliance and run its nodes on this machine.
    #[command(subcommand, after_help = EXIT_CODES)]
    Network(Box<network::Verb>),
    /// Submit operations through a node, or signed here with a key that no node holds.
    #[command(after_help = EXIT_CODES)]
    Submit(Box<submit::Submit>),
    /// A till that works without a line: queues operations on its own disk, delivers each exactly once (docs/till.md).
    #[command(after_help = EXIT_CODES)]
    Till(till::Till),
    /// A member's own key, and what it signs for a merchant.
    #[command(subcommand, after_help = EXIT_CODES)]
    Wallet(wallet::Verb),
    /// Spend grants: codes with which a till may spend a member's points.
    #[command(subcommand, after_help = EXIT_CODES)]
    Grant(grant::Verb),
    /// Ask a node.
    #[command(after_help = EXIT_CODES, mut_args(|arg| arg.global(true)))]
    Query(query::Query),
    /// Settlement statements, their legs, the confirmation of a leg, and files for bookkeeping.
    #[command(after_help = EXIT_CODES, mut_args(|arg| arg.global(true)))]
    Settlement(settlement::Settlement),
    /// Points in a merchant's books, worked out of an exported chain: journal, roll-forward, VAT, budget.
    #[command(subcommand, after_help = EXIT_CODES)]
    Accounting(Box<accounting::Verb>),
    /// Feed the year of tests/data to an alliance with a simulated clock (docs/replay.md).
    #[command(after_help = EXIT_CODES)]
    Replay(Box<replay::Replay>),
    /// Put a load on a running alliance, and measure it (docs/benchmarks/README.md).
    ///
    /// Enrols the accounts first and gives them points, which is not timed; makes and signs what it can ahead of the clock;
    /// then sends it, checks each receipt, and tells rate, latency to the final receipt, and what it cost each node. What it
    /// leaves in the ledger stays there: use an alliance of its own. Exit code 1 if an operation was lost, refused, or
    /// rejected by a rule that the load should not meet.
    #[command(after_help = EXIT_CODES)]
    Bench(Box<bench::Bench>),
    /// Write the whole chain into one file that needs nothing but the genesis to be verified.
    #[command(after_help = EXIT_CODES)]
    Export(export::Export),
    /// Proofs of single facts, as files: get them from a node, check them offline.
    #[command(subcommand, after_help = EXIT_CODES)]
    Proof(proof::Verb),
    /// Verify an exported chain offline: hash chain, certificates, signatures, log, full re-execution, conservation, roots
    /// of checkpoints, anchors.
    #[command(after_help = EXIT_CODES)]
    Verify(Box<verify::Verify>),
    /// Compare two exported chains of one alliance: the same beginning, or the block at which they part and who signed both.
    #[command(after_help = EXIT_CODES)]
    Compare(compare::Compare),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("tally: cannot start: {error}");
            return ExitCode::from(2);
        }
    };
    let answer = runtime.block_on(run(cli.verb, output));
    // A blocked read of standard input must not keep the process alive.
    runtime.shutdown_background();
    match answer {
        Ok(Verdict::Yes) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(1),
        Err(error) => {
            output.error(&error);
            ExitCode::from(2)
        }
    }
}

async fn run(verb: Verb, output: Output) -> anyhow::Result<Verdict> {
    match verb {
        Verb::Keys(verb) => keys::run(verb, output),
        Verb::Network(verb) => network::run(*verb, output).await,
        Verb::Submit(submit) => submit.run(output).await,
        Verb::Till(till) => till.run(output).await,
        Verb::Wallet(verb) => wallet::run(verb, output).await,
        Verb::Grant(verb) => grant::run(verb, output).await,
        Verb::Query(query) => query.run(output).await,
        Verb::Settlement(settlement) => settlement.run(output).await,
        Verb::Accounting(verb) => accounting::run(&verb, output),
        Verb::Replay(replay) => replay.run(output).await,
        Verb::Bench(bench) => bench.run(output).await,
        Verb::Export(export) => export.run(output).await,
        Verb::Proof(verb) => proof::run(verb, output).await,
        Verb::Verify(verify) => verify.run(output),
        Verb::Compare(compare) => compare.run(output),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn whose_node_is_asked_may_come_last() {
        for asked in ["query status", "settlement list", "proof get signed --out signed.json"] {
            let words = ["tally"].into_iter().chain(asked.split(' ')).chain(["--dir", "net", "--merchant", "2"]);
            super::Cli::try_parse_from(words).map(|_| ()).unwrap_or_else(|error| panic!("{asked}: {error}"));
        }
    }
}
