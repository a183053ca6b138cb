//! `tally replay`: feeds a real year of shopping to an alliance, through its nodes' HTTP interface (docs/replay.md).
//!
//! [`data`] reads the files, [`policy`] (with [`dispute`]) turns rows into operations, [`drive`] submits them phase by phase and waits,
//! [`collect`] asks the ledger what came of it, [`report`] writes that down. Data flows in that order only.
//!
//! **Invariants**: the report says what the ledger says, never what the replay believes; every operation that a node
//! acknowledged is looked up again at the end, and one that is not there counts as lost.

mod account;
mod collect;
mod data;
mod dispute;
mod drive;
mod feed;
mod policy;
mod pool;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};
use tally_contracts::genesis::{Clock, Genesis, GenesisMerchant};
use tally_contracts::types::{Fen, MerchantId};

use crate::network::process::Tallyd;
use crate::network::{Alliance, DEMO_MERCHANTS, demo_genesis};
use crate::output::{Output, Verdict, pretty};
use account::ReportHead;
use data::Year;
use policy::{Interval, Plan, Policy, Seed};
use report::Report;

/// Feeds the year to an alliance.
#[derive(Debug, Args)]
pub struct Replay {
    /// The alliance's directory, made with `tally network init --demo`.
    #[arg(long, default_value = "net", value_name = "DIR")]
    dir: PathBuf,
    /// The directory with the year's files.
    #[arg(long, default_value = "tests/data", value_name = "DIR")]
    data: PathBuf,
    /// Stop after so many intervals; the year has 63.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    intervals: Option<u32>,
    /// What references, salts and draws are made of.
    #[arg(long, default_value_t = 2017)]
    seed: u64,
    /// Where to write the report (docs/replay.md, section 6).
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Wait for Enter before the issues of this interval; may be given more than once.
    #[arg(long, value_name = "INTERVAL")]
    pause_at: Vec<u32>,
    /// End a node with kill -9 in the middle of this interval's issues, and start it again.
    #[arg(long, value_name = "INTERVAL", requires = "merchant")]
    kill_at: Option<u32>,
    /// With --kill-at: whose node.
    #[arg(long, value_name = "ID", requires = "kill_at")]
    merchant: Option<u16>,
    /// With --kill-at: how long the node stays down, in ms.
    #[arg(long, default_value_t = 2_000, value_name = "MS")]
    kill_ms: u64,
    #[command(flatten)]
    tallyd: Tallyd,
    /// Only apply the policy, without any node, and report what the replay's own account comes to.
    #[arg(long, hide = true)]
    dry_run: bool,
}

impl Replay {
    /// Replays the year.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        if self.dry_run { self.dry_run(output) } else { self.replay(output).await }
    }

    async fn replay(&self, output: Output) -> anyhow::Result<Verdict> {
        let alliance = Alliance::open(&self.dir)?;
        let genesis = alliance.genesis()?;
        ensure!(
            matches!(genesis.clock, Clock::Simulated { .. }),
            "{} has the real clock; make an alliance for a replay with: tally network init --demo --out DIR",
            self.dir.display()
        );
        let year = read_year(&self.data, &genesis)?;
        let mut policy = Policy::new(Seed(self.seed), &year, &genesis)?;
        let (plans, head) = self.plan(&mut policy, &genesis)?;
        let kill = self.kill_at.zip(self.merchant).map(|(interval, merchant)| drive::Kill {
            interval,
            merchant: MerchantId(merchant),
            down_ms: self.kill_ms,
            tallyd: self.tallyd.clone(),
        });
        if let Some(kill) = &kill {
            alliance.node(kill.merchant)?;
            ensure!(kill.interval <= head.intervals, "--kill-at {} lies past the last interval", kill.interval);
        }
        let setup = drive::Setup {
            alliance: &alliance,
            genesis: &genesis,
            seed: Seed(self.seed),
            pause_at: &self.pause_at,
            kill,
            operations: policy.account.operations(),
            output,
        };
        let began = Instant::now();
        let driven = drive::run(setup, plans, head.ended).await?;
        let seconds = began.elapsed().as_secs_f64();
        let collected = collect::report(&alliance, &genesis, &policy.members, &driven, head).await?;
        let (report, lost) = (collected.report, collected.lost);
        self.write_report(&report)?;
        let operations = report.operations.total();
        let rate = operations as f64 / seconds;
        let summary = json!({
            "operations": operations,
            "acknowledged": driven.acknowledged_count(),
            "lost": lost,
            "settlements": report.cycles.len(),
            "height": collected.height,
            "seconds": seconds,
            "operations_per_second": rate,
            "kills": driven.kills,
            "report": report_value(&report)?,
        });
        output.answer(&summary, || {
            format!(
                "{}\nreplay: operations={operations} acknowledged={} blocks={} settlements={} lost={lost} seconds={seconds:.1} \
                 rate={rate:.0}/s",
                report.text(),
                driven.acknowledged_count(),
                collected.height,
                report.cycles.len(),
            )
        });
        Ok(Verdict::of(lost == 0))
    }

    fn dry_run(&self, output: Output) -> anyhow::Result<Verdict> {
        let genesis = keyless_genesis();
        let year = read_year(&self.data, &genesis)?;
        let mut policy = Policy::new(Seed(self.seed), &year, &genesis)?;
        let (plans, head) = self.plan(&mut policy, &genesis)?;
        drop(plans);
        let report = policy.account.report(&head, policy.disputes());
        self.write_report(&report)?;
        output.answer(&report_value(&report)?, || {
            format!("{}\ndry run: operations={}", report.text(), report.operations.total())
        });
        Ok(Verdict::Yes)
    }

    /// All operations of the intervals asked for; the account is that of the end.
    fn plan(&self, policy: &mut Policy<'_>, genesis: &Genesis) -> anyhow::Result<(Vec<Plan>, ReportHead)> {
        let calendar = genesis.calendar();
        let first = calendar.month(genesis.time_ms);
        let all: Vec<Interval> = policy::intervals(calendar, first);
        let last = self.intervals.map_or(all.len(), |n| (n as usize).min(all.len()));
        let plans = all[..last].iter().map(|interval| policy.plan(*interval)).collect::<anyhow::Result<Vec<_>>>()?;
        let ended = self.intervals.is_none();
        if ended {
            ensure!(policy.is_complete(), "a row lies after the year's last interval");
            policy.end(first.plus(12), calendar.start_ms(first.plus(12)));
        }
        let intervals = u32::try_from(plans.len())?;
        Ok((plans, ReportHead { seed: self.seed, intervals, ended }))
    }

    fn write_report(&self, report: &Report) -> anyhow::Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        let text = pretty(&report_value(report)?) + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write the report {}", path.display()))
    }
}

/// The demo's genesis for who needs no node: without keys.
fn keyless_genesis() -> Genesis {
    let merchant = |(id, name): (u16, &str)| GenesisMerchant {
        id: MerchantId(id),
        name: name.to_owned(),
        validator_key: Default::default(),
        cosigner_key: Default::default(),
        operator_keys: vec![],
        net_debit_cap_fen: Fen(0),
        collateral_fen: Fen(0),
        industry: 0,
        base_share: 1,
    };
    demo_genesis(Clock::Real, (1..).zip(DEMO_MERCHANTS).map(merchant).collect(), vec![])
}

fn report_value(report: &Report) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(report)?)
}

fn read_year(dir: &Path, genesis: &Genesis) -> anyhow::Result<Year> {
    let merchants: BTreeMap<String, MerchantId> =
        genesis.merchants.iter().map(|merchant| (merchant.name.clone(), merchant.id)).collect();
    Year::read(dir, &merchants, genesis.calendar())
}
