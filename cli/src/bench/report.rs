//! What a run says at its end: a table for people, one object of JSON for `make bench`.

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::{Value, json};
use tally_contracts::rejection::Rejection;

use super::deliver::Counts;
use super::drive::Driven;
use super::readers::Read;
use super::settings::Settings;
use super::usage::{Machine, NodeUsage};
use crate::output::{Table, Verdict};

/// Everything about a run.
pub struct Report {
    /// What was asked for.
    pub settings: Settings,
    /// What came of it.
    pub driven: Driven,
    /// What readers were told beside it, if there were any.
    pub read: Option<Read>,
    /// What it cost each node.
    pub nodes: Vec<NodeUsage>,
    /// What it cost here.
    pub client_cpu_us_per_op: Option<f64>,
    /// The version that every node says it is of, or all that they say.
    pub node_versions: Vec<String>,
    /// Blocks that were made meanwhile.
    pub blocks: u64,
    /// Whether everything was made and signed before the clock started.
    pub is_made_ahead: bool,
}

/// Rules that a load may meet though nothing is wrong: limits of the alliance, and members who have spent all.
const EXPECTED: [Rejection; 5] = [
    Rejection::InsufficientPoints,
    Rejection::NoConsentLimit,
    Rejection::CustodianMemberLimit,
    Rejection::CustodianLimit,
    Rejection::NetDebitCap,
];

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Latency {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: histogram.max() as f64 / 1_000.0 }
    }
}

impl Read {
    fn per_s(&self) -> f64 {
        self.latency_us.len() as f64 / self.seconds
    }

    fn value(&self) -> Value {
        json!({
            "answers": self.latency_us.len() - self.failed,
            "failed": self.failed,
            "per_s": self.per_s(),
            "latency_ms": Latency::of(&self.latency_us),
        })
    }

    fn text(&self) -> String {
        let Latency { p50, p95, p99, max } = Latency::of(&self.latency_us);
        format!(
            "reads beside it: {:.0}/s, {} without an answer; p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, max {max:.1} ms\n",
            self.per_s(),
            self.failed,
        )
    }
}

impl Report {
    /// Whether the run went as a load should go.
    pub fn verdict(&self) -> Verdict {
        let Counts { lost, refused, .. } = &self.driven.counts;
        let are_reads_answered = self.read.as_ref().is_none_or(|read| read.failed == 0);
        Verdict::of(*lost == 0 && refused.is_empty() && self.unexpected() == 0 && are_reads_answered)
    }

    fn unexpected(&self) -> u64 {
        let rejected = self.driven.counts.rejected.iter();
        rejected.filter(|(rule, _)| !EXPECTED.contains(rule)).map(|(_, count)| count).sum()
    }

    fn ops_per_s(&self) -> f64 {
        self.final_operations() as f64 / self.driven.seconds
    }

    /// Operations that have a receipt.
    fn final_operations(&self) -> u64 {
        let counts = &self.driven.counts;
        counts.applied + counts.rejected.values().sum::<u64>()
    }

    /// As JSON.
    pub fn value(&self) -> Value {
        let counts = &self.driven.counts;
        let rejected: serde_json::Map<String, Value> =
            counts.rejected.iter().map(|(rule, count)| (rule.name().to_owned(), json!(count))).collect();
        json!({
            "format": "tally-bench/1",
            "settings": self.settings,
            "machine": Machine::here(),
            "versions": { "tally": env!("CARGO_PKG_VERSION"), "nodes": self.node_versions },
            "counts": {
                "operations": counts.operations(),
                "applied": counts.applied,
                "rejected": rejected,
                "refused": counts.refused,
                "lost": counts.lost,
                "unexpected": self.unexpected(),
                "requests": counts.requests,
                "retries": counts.retries,
                "blocks": self.blocks,
            },
            "made_ahead": self.is_made_ahead,
            "seconds": self.driven.seconds,
            "ops_per_s": self.ops_per_s(),
            "latency_ms": Latency::of(&self.driven.latency_us),
            "reads": self.read.as_ref().map(Read::value),
            "nodes": self.nodes,
            "client_cpu_us_per_op": self.client_cpu_us_per_op,
            "trouble": counts.trouble,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let counts = &self.driven.counts;
        let operations = counts.operations();
        let per_request = operations as f64 / (counts.requests.max(1)) as f64;
        let latency = Latency::of(&self.driven.latency_us);
        let mut text = format!(
            "{operations} operations in {:.2} s: {:.0}/s; {per_request:.0} a request, {} blocks\n\
             latency to the final receipt: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, max {:.1} ms\n",
            self.driven.seconds,
            self.ops_per_s(),
            self.blocks,
            latency.p50,
            latency.p95,
            latency.p99,
            latency.max,
        );
        if let Some(read) = &self.read {
            text += &read.text();
        }
        if !self.is_made_ahead {
            text += "not all was signed ahead: the client's signing is part of the load\n";
        }
        text += &self.outcomes().text();
        text.push('\n');
        text += &self.costs().text();
        if let Some(trouble) = &counts.trouble {
            text += &format!("\n{trouble}\nLook at `tally network status --dir {}`\n", self.settings.dir.display());
        }
        text
    }

    fn outcomes(&self) -> Table {
        let counts = &self.driven.counts;
        let mut table = Table::new(&["outcome", "#operations"]);
        table.row(["applied".into(), counts.applied.to_string()]);
        for (rule, count) in &counts.rejected {
            table.row([format!("rejected: {}", rule.name()), count.to_string()]);
        }
        for (code, count) in &counts.refused {
            table.row([format!("refused: {code}"), count.to_string()]);
        }
        table.row(["lost".into(), counts.lost.to_string()]);
        if counts.retries > 0 {
            table.row(["(sent again)".into(), counts.retries.to_string()]);
        }
        table
    }

    fn costs(&self) -> Table {
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.1}"));
        let mut table = Table::new(&["process", "#cpu us/op", "#peak MiB", "#disk bytes/op"]);
        for node in &self.nodes {
            table.row([
                format!("node of merchant {}", node.merchant),
                number(node.cpu_us_per_op),
                number(node.rss_peak_bytes.map(|bytes| bytes as f64 / f64::from(1 << 20))),
                number(node.disk_bytes_per_op),
            ]);
        }
        table.row(["this client".into(), number(self.client_cpu_us_per_op), "-".into(), "-".into()]);
        table
    }
}
