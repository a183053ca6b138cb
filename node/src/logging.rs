//! Logging: one subscriber for the process, as text for people or as JSON for machines. The output is standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// What is logged where the configuration does not say: the node's own doings, of its libraries only what is wrong.
const USUAL_FILTER: &str = "warn,tallyd=info,tally_node=info,tally_replica=info,tally_ledger=info,tally_contracts=info";

/// Starts logging; `RUST_LOG` goes before the configured filter.
///
/// # Errors
/// When the filter is none, or logging was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => filter,
        _ if log.filter.is_empty() => USUAL_FILTER.to_owned(),
        _ => log.filter.clone(),
    };
    let filter = EnvFilter::try_new(&filter).map_err(|e| anyhow::anyhow!("log.filter: `{filter}`: {e}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("logging cannot start: {e}"))
}
