//! `tally bench`: a load on an alliance that runs, and what it costs: rate, latency, processor, memory, disk.
//!
//! The load generator of `make bench`, a process of its own. [`settings`] says what is asked for, [`market`] and [`accounts`]
//! who takes part, [`prepare`] puts them on the ledger; [`workload`] draws operations, [`supply`] makes requests of them
//! ahead of the clock, [`drive`] sends them, [`deliver`] checks each receipt, [`readers`]
//! ask beside it; [`usage`] asks the operating system, [`report`]
//! tells. Data flows in that order only.
//!
//! **Invariant:** nothing is left out of a figure: every operation that was sent counts as final or as lost, and latency ends
//! with the final receipt.

mod settings;
mod market;
mod accounts;
mod pack;
mod prepare;
mod workload;
mod supply;
mod drive;
mod readers;
mod deliver;
mod usage;
mod report;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, ensure};

use crate::client::Client;
use crate::connect::{Status, level};
use crate::network::Alliance;
use crate::output::{Output, Verdict};
use accounts::Accounts;
use deliver::Courier;
use market::Market;
use readers::Readers;
use report::Report;
use supply::Supply;
use usage::{Probe, own_cpu_us, per};

pub use settings::Settings as Bench;

impl Bench {
    /// Puts the load on the alliance.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let alliance = Alliance::open(&self.dir)?;
        let courier = self.courier(&alliance)?;
        let (market, node_versions) = self.market(&alliance, &courier).await?;
        let market = Arc::new(market);
        let accounts = Arc::new(Accounts::new(self, &market));

        let twice = u64::from(self.accounts) * 2 + 1;
        let made = output.progress(twice, "accounts   [{bar:32}] {pos}/{len} operations  {per_sec}  ETA {eta}");
        prepare::prepare(&market, &accounts, &courier, &made).await?;
        made.finish_and_clear();

        let made =
            output.progress(self.limit().unwrap_or(0), "made ahead [{bar:32}] {pos}/{len} operations  {per_sec}");
        let mut supply = Supply::start(self, Arc::clone(&market), Arc::clone(&accounts), made.clone());
        supply.ready().await;
        let late = supply.late();
        made.finish_and_clear();

        let clients = || courier.nodes.iter().map(|(_, client)| client);
        let first_height = level(clients()).await?;
        let probes = Probe::of(&alliance);
        let before: Vec<_> = probes.iter().map(Probe::read).collect();
        let own_before = own_cpu_us();
        let done = output.progress(self.limit().unwrap_or(0), &self.template());
        let readers = Readers::start(self, &courier, &market, &accounts);
        let driven = drive::run(self, courier.clone(), supply.jobs, done).await?;
        let read = readers.finish().await?;
        let own = own_cpu_us().zip(own_before).map(|(now, before)| (now - before) as f64);
        let operations = driven.counts.operations();
        let nodes = probes.iter().zip(before).map(|(probe, before)| probe.since(before, operations)).collect();
        let last_height = level(clients()).await?;

        let report = Report {
            settings: Self { operations: self.limit(), ..self.clone() },
            driven,
            read: (self.readers > 0).then_some(read),
            nodes,
            client_cpu_us_per_op: per(own, operations),
            node_versions,
            blocks: last_height.0.saturating_sub(first_height.0),
            is_made_ahead: !late.load(Ordering::Relaxed),
        };
        output.answer(&report.value(), || report.text());
        Ok(report.verdict())
    }

    fn courier(&self, alliance: &Alliance) -> anyhow::Result<Courier> {
        let node = |node: &crate::network::Node| Ok((node.merchant, alliance.client(node.merchant)?));
        let nodes = alliance.nodes.iter().map(node).collect::<anyhow::Result<_>>()?;
        Ok(Courier { nodes, door: self.door })
    }

    /// Asks every node which alliance it is of.
    async fn market(&self, alliance: &Alliance, courier: &Courier) -> anyhow::Result<(Market, Vec<String>)> {
        let genesis = alliance.genesis()?;
        let (mut versions, mut time_ms) = (Vec::new(), 0);
        for (merchant, client) in &courier.nodes {
            let status = self.status(client).await.with_context(|| format!("the node of merchant {merchant}"))?;
            ensure!(
                status.chain_id == genesis.chain_id(),
                "{} is a node of another alliance; end it, or make this one with other ports",
                client.base()
            );
            time_ms = status.time_ms()?.max(time_ms);
            versions.push(status.version);
        }
        versions.dedup();
        Ok((Market::open(alliance, &genesis, time_ms)?, versions))
    }

    async fn status(&self, client: &Client) -> anyhow::Result<Status> {
        let dir = self.dir.display();
        let advice = || format!("the load needs every node; start them: tally network up --detach --dir {dir}");
        Status::of(client).await.with_context(advice)
    }

    fn template(&self) -> String {
        let bar = if self.limit().is_some() { "[{bar:32}] {pos}/{len}" } else { "{elapsed} {pos}" };
        format!("load       {bar} operations  {{per_sec}}")
    }
}
