//! `tally network up|status|down|start|kill`: the nodes of a local alliance, live.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use futures::future::{join_all, try_join_all};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};
use tally_contracts::types::MerchantId;
use tokio::signal::unix::{SignalKind, signal};

use super::process::{self, Tallyd};
use super::{Alliance, Local, Node};
use crate::output::{Output, Table, Verdict, text_of, utc_text};

/// Runs all nodes of an alliance.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    local: Local,
    #[command(flatten)]
    tallyd: Tallyd,
    /// Leave the nodes running in the background and return once all are ready.
    #[arg(long)]
    detach: bool,
    /// How long the nodes may take until they are ready, in seconds.
    #[arg(long, default_value_t = 60)]
    ready_s: u64,
}

impl Up {
    /// Runs all nodes.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let alliance = Alliance::open(&self.local.dir)?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stopped = async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        };
        tokio::pin!(stopped);
        let ready = tokio::select! {
            ready = self.start_all(&alliance) => Some(ready),
            () = &mut stopped => None,
        };
        match ready {
            Some(Ok(())) if self.detach => return detached(&alliance, output).await,
            Some(Ok(())) => tokio::select! {
                () = show(&alliance, output) => {}
                () = &mut stopped => {}
            },
            Some(Err(error)) => {
                process::stop(&alliance).await?;
                return Err(error);
            }
            None => {}
        }
        down(&alliance, output).await
    }

    async fn start_all(&self, alliance: &Alliance) -> anyhow::Result<()> {
        for node in &alliance.nodes {
            if process::running(alliance, node.merchant).is_none() {
                process::start(alliance, node.merchant, &self.tallyd)?;
            }
        }
        let limit = Duration::from_secs(self.ready_s);
        let ready = async |node: &Node| {
            let client = alliance.client(node.merchant)?;
            process::ready(alliance, node.merchant, &client, limit).await
        };
        try_join_all(alliance.nodes.iter().map(ready)).await.map(drop)
    }
}

/// Starts one node and waits until it is ready.
pub async fn start(
    alliance: &Alliance,
    merchant: MerchantId,
    tallyd: &Tallyd,
    output: Output,
) -> anyhow::Result<Verdict> {
    let began = Instant::now();
    let pid = process::start(alliance, merchant, tallyd)?;
    process::ready(alliance, merchant, &alliance.client(merchant)?, Duration::from_secs(60)).await?;
    let took_ms = u64::try_from(began.elapsed().as_millis())?;
    output.answer(&json!({ "merchant": merchant, "pid": pid, "ready_after_ms": took_ms }), || {
        format!("merchant {merchant}: process {pid}, ready after {took_ms} ms")
    });
    Ok(Verdict::Yes)
}

/// Ends one node with kill -9.
pub async fn kill(alliance: &Alliance, merchant: MerchantId, output: Output) -> anyhow::Result<Verdict> {
    let pid = process::kill(alliance, merchant).await?;
    output.answer(&json!({ "merchant": merchant, "pid": pid, "killed": true }), || {
        let dir = alliance.dir.display();
        format!(
            "merchant {merchant}: process {pid} killed. Again: tally network start --dir {dir} --merchant {merchant}"
        )
    });
    Ok(Verdict::Yes)
}

/// Stops all nodes.
pub async fn down(alliance: &Alliance, output: Output) -> anyhow::Result<Verdict> {
    let stopped = process::stop(alliance).await?;
    output.answer(&json!({ "stopped": stopped }), || format!("{} nodes stopped", stopped.len()));
    Ok(Verdict::Yes)
}

/// Shows how the nodes do; exit code 1 when one does not answer.
pub async fn status(alliance: &Alliance, output: Output) -> anyhow::Result<Verdict> {
    let states = states(alliance).await;
    let value = json!({ "name": alliance.name, "nodes": states });
    output.answer(&value, || table(&states));
    Ok(Verdict::of(states.iter().all(|state| state.status.is_some())))
}

async fn detached(alliance: &Alliance, output: Output) -> anyhow::Result<Verdict> {
    let states = states(alliance).await;
    ensure!(states.iter().all(|s| s.status.is_some()), "a node that was ready no longer answers: tally network status");
    output.answer(&json!({ "name": alliance.name, "nodes": states }), || {
        format!("{}\nStop it: tally network down --dir {}", table(&states), alliance.dir.display())
    });
    Ok(Verdict::Yes)
}

/// How one node does.
#[derive(Debug, Serialize)]
struct State {
    merchant: MerchantId,
    name: String,
    api: String,
    pid: Option<u32>,
    ready: bool,
    /// What `/v1/status` says, if it says anything.
    status: Option<Value>,
}

async fn states(alliance: &Alliance) -> Vec<State> {
    let state = async |node: &Node| {
        let pid = process::running(alliance, node.merchant);
        let (ready, status) = match alliance.client(node.merchant) {
            Ok(client) if pid.is_some() => {
                let status = tokio::time::timeout(Duration::from_secs(2), client.get("/v1/status")).await;
                (client.is_ready().await, status.ok().and_then(Result::ok))
            }
            _ => (false, None),
        };
        State { merchant: node.merchant, name: node.name.clone(), api: node.api.clone(), pid, ready, status }
    };
    join_all(alliance.nodes.iter().map(state)).await
}

impl State {
    fn word(&self) -> &'static str {
        match (self.pid, self.ready, &self.status) {
            (None, ..) => "down",
            (Some(_), _, None) => "no answer",
            (Some(_), false, Some(_)) => "behind",
            (Some(_), true, Some(_)) => "ready",
        }
    }

    /// Height, block time, peers, lag, mempool; empty where unknown.
    fn cells(&self) -> [String; 6] {
        let status = self.status.as_ref().unwrap_or(&Value::Null);
        let time = status.get("time_ms").and_then(milliseconds).map(utc_text).unwrap_or_default();
        let peers = match status.get("peers") {
            Some(Value::Array(peers)) => peers.len().to_string(),
            _ => text_of(status, "peers"),
        };
        [
            text_of(status, "height"),
            time,
            peers,
            text_of(status, "lag_ms"),
            text_of(status, "mempool_transactions"),
            text_of(status, "outbox_operations"),
        ]
    }
}

/// A time in a JSON answer: a number, or its text.
fn milliseconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

fn table(states: &[State]) -> String {
    let mut table = Table::new(&[
        "#merchant",
        "name",
        "state",
        "#height",
        "block time",
        "#peers",
        "#lag ms",
        "#mempool",
        "#outbox",
        "#process",
        "address",
    ]);
    for state in states {
        let [height, time, peers, lag, mempool, outbox] = state.cells();
        let pid = state.pid.map(|pid| pid.to_string()).unwrap_or_default();
        let head = [state.merchant.to_string(), state.name.clone(), state.word().into()];
        let tail = [height, time, peers, lag, mempool, outbox, pid, state.api.clone()];
        table.row(head.into_iter().chain(tail));
    }
    table.text()
}

/// Shows the nodes until all are gone: in place on a terminal, else as lines.
async fn show(alliance: &Alliance, output: Output) {
    let live = !output.json && std::io::stdout().is_terminal();
    let period = if live { Duration::from_millis(500) } else { Duration::from_secs(5) };
    let screen = MultiProgress::new();
    let style = ProgressStyle::with_template("{msg}").expect("a template of this program is well formed");
    let mut lines: Vec<ProgressBar> = Vec::new();
    loop {
        let states = states(alliance).await;
        if live {
            let text = table(&states) + "Ctrl-C stops all nodes.";
            while lines.len() < text.lines().count() {
                lines.push(screen.add(ProgressBar::new_spinner().with_style(style.clone())));
            }
            for (bar, line) in lines.iter().zip(text.lines()) {
                bar.set_message(line.to_owned());
                bar.tick();
            }
        } else {
            output.event(&json!({ "nodes": states }), || plain(&states));
        }
        if states.iter().all(|state| state.pid.is_none()) {
            return;
        }
        tokio::time::sleep(period).await;
    }
}

fn plain(states: &[State]) -> String {
    let one = |state: &State| {
        let [height, _, peers, lag, mempool, _] = state.cells();
        let word = state.word();
        format!("{} {word} height={height} peers={peers} lag_ms={lag} mempool={mempool}", state.name)
    };
    states.iter().map(one).collect::<Vec<_>>().join(" | ")
}
