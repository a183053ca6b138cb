//! `tallyd`: one merchant's node. Reads the configuration, opens what is stored, starts the parts and stops them in order.
//!
//! Exit codes: 0 after a stop in order, 1 where the node cannot start or had to stop by itself, 2 for wrong arguments.
//! A fault of the disk stops the node: what was acknowledged is in the outbox and in the block log, and a restart goes on.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tally_node::config::Settings;
use tally_node::node::Node;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A merchant's node of a Tally alliance.
#[derive(Debug, Parser)]
#[command(name = "tallyd", version, about)]
struct Arguments {
    /// The configuration, node.toml; network-configs/production.toml explains every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Reads and checks the configuration and everything it names, and ends.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error, whatever the log is set to: whoever started the node by hand sees why it does not run.
            eprintln!("tallyd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(&arguments.config)?;
    if arguments.check {
        println!("{}: ok", arguments.config.display());
        return Ok(());
    }
    tally_node::logging::start(&settings.config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("tallyd").build()?;
    let result = runtime.block_on(serve(settings));
    // Blocking calls still under way, such as an export to a slow reader, must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    // Before anything starts, so that no signal is missed.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut node = Node::start(settings).await?;
    let fault = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        fault = node.fault() => Some(fault),
    };
    if let Some(fault) = &fault {
        tracing::error!(error = format!("{fault:#}"), "the node must stop");
    }
    let stopped = node.stop().await;
    match fault {
        Some(fault) => Err(fault),
        None => stopped,
    }
}
