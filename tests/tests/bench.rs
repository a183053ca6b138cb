//! The load generator against real nodes: every operation has its receipt, and the figures are there.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tally_tests::{Alliance, tally, tally_ok};

/// Nodes that `tally network` runs, as the load generator finds them; they end with it.
struct Nodes {
    alliance: Alliance,
}

impl Nodes {
    fn up(merchants: u16) -> Result<Self> {
        let nodes = Self { alliance: Alliance::init(merchants)? };
        tally_ok(&["network", "up", "--detach", "--dir", &nodes.dir()])?;
        Ok(nodes)
    }

    fn dir(&self) -> String {
        self.alliance.dir().to_string_lossy().into_owned()
    }

    /// Puts a small load on them, of members that are few enough for a test.
    fn bench(&self, options: &[&str]) -> Result<Value> {
        let dir = self.dir();
        let arguments = ["bench", "--json", "--accounts", "200", "--dir", &dir];
        Ok(serde_json::from_str(&tally_ok(&[&arguments, options].concat())?)?)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        // Nodes that never came up need not go down.
        let _ = tally(&["network", "down", "--dir", &self.dir()]);
    }
}

/// As many operations as were asked for, and each of them applied.
fn is_whole(report: &Value, operations: u64) -> Result<()> {
    let counts = &report["counts"];
    let applied = counts["applied"].as_u64().context("a count")?;
    ensure!(counts["operations"] == operations && applied == operations, "{counts}");
    ensure!(counts["lost"] == 0 && counts["unexpected"] == 0, "{counts}");
    let latency = &report["latency_ms"];
    let at = |name: &str| latency[name].as_f64().with_context(|| format!("{name} in {latency}"));
    ensure!(at("p50")? > 0.0 && at("p50")? <= at("p95")? && at("p95")? <= at("p99")?, "{latency}");
    // A percentile is told to three digits.
    ensure!(at("p99")? <= at("max")? * 1.001, "{latency}");
    ensure!(report["ops_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{report}");
    Ok(())
}

#[test]
fn a_load_is_measured_and_nothing_of_it_is_lost() -> Result<()> {
    let nodes = Nodes::up(2)?;
    let report = nodes.bench(&["--operations", "2000", "--batch", "200"])?;
    is_whole(&report, 2_000)?;
    ensure!(report["made_ahead"] == true, "two thousand operations fit into memory");
    let per_node = report["nodes"].as_array().context("a figure for each node")?;
    ensure!(per_node.len() == 2, "{report}");
    for node in per_node {
        ensure!(node["rss_peak_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{node}");
        ensure!(node["cpu_us_per_op"].as_f64().is_some() && node["disk_bytes_per_op"].as_f64().is_some(), "{node}");
    }

    // The same members again, through the other door, at a rate of its own.
    let height = report["counts"]["blocks"].as_u64().context("blocks were made")?;
    ensure!(height > 0, "{report}");
    let report = nodes.bench(&["--door", "operations", "--operations", "100", "--rate", "50", "--skew", "hot"])?;
    is_whole(&report, 100)?;
    ensure!(report["seconds"].as_f64().is_some_and(|seconds| seconds > 1.9), "a hundred at fifty a second");

    // Members with keys of their own are others.
    let report = nodes.bench(&["--signed-by", "wallet", "--workload", "transfer", "--operations", "300"])?;
    is_whole(&report, 300)
}

#[test]
fn a_load_without_nodes_says_what_to_do() -> Result<()> {
    let output = tally(&["bench", "--dir", "/nonexistent", "--json"])?;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2) && error.contains("tally network init"), "{error}");
    let alliance = Alliance::init(2)?;
    let output = tally(&["bench", "--dir", &alliance.dir().to_string_lossy()])?;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2) && error.contains("tally network up"), "{error}");
    Ok(())
}
