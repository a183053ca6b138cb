//! Drives the year through the nodes: interval by interval, phase by phase (docs/replay.md, section 3), each awaited in
//! full. Within a phase every merchant feeds its own node at the same time.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::future::try_join_all;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tally_contracts::genesis::Genesis;
use tally_contracts::governance::SetClock;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::settlement::{ConfirmLeg, ReportPayment};
use tally_contracts::transaction::{Body, MAX_OPERATIONS, Operation};
use tally_contracts::types::{HOUR_MS, Height, MerchantId, Month, Reference};

use super::collect::Leg;
use super::feed::Feeder;
use super::policy::{Interval, Plan, Seed, Task, bank_reference};
use crate::client::Client;
use crate::keys::read_key;
use crate::network::Alliance;
use crate::network::process::{self, Tallyd};
use crate::output::{Output, utc_text};
use crate::submit::{Signing, sign};

/// What a run needs.
pub struct Setup<'a> {
    /// The nodes.
    pub alliance: &'a Alliance,
    /// What it agreed on.
    pub genesis: &'a Genesis,
    /// What references are made of.
    pub seed: Seed,
    /// Intervals before whose issues to wait for Enter.
    pub pause_at: &'a [u32],
    /// A node to kill, if one is.
    pub kill: Option<Kill>,
    /// How many operations there will be.
    pub operations: u64,
    /// Where to show progress.
    pub output: Output,
}

/// A node that is ended in the middle of an interval's issues.
#[derive(Clone, Debug)]
pub struct Kill {
    /// In which interval.
    pub interval: u32,
    /// Whose node.
    pub merchant: MerchantId,
    /// How long it stays down.
    pub down_ms: u64,
    /// The program that is started again.
    pub tallyd: Tallyd,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Driven {
    /// The references that nodes acknowledged, by who submitted them.
    pub acknowledged: BTreeMap<MerchantId, Vec<Reference>>,
    /// The kills, as they went.
    pub kills: Vec<KillRecord>,
}

impl Driven {
    /// How many operations were acknowledged.
    pub fn acknowledged_count(&self) -> u64 {
        self.acknowledged.values().map(|references| references.len() as u64).sum()
    }
}

/// How a kill went.
#[derive(Clone, Debug, Serialize)]
pub struct KillRecord {
    interval: u32,
    merchant: MerchantId,
    /// Operations that the node had acknowledged and that had no receipt yet when it was ended.
    acknowledged_before: usize,
    /// From the start of the new process until it kept up with the others.
    ready_after_ms: u64,
}

/// Runs the planned intervals, and the end if asked for.
pub async fn run(setup: Setup<'_>, plans: Vec<Plan>, ended: bool) -> anyhow::Result<Driven> {
    let alliance = setup.alliance;
    let progress =
        setup.output.progress(setup.operations, "{msg:12} [{bar:32}] {pos}/{len} operations  {per_sec}  ETA {eta}");
    let feeders = alliance
        .nodes
        .iter()
        .map(|node| {
            let client = alliance.client(node.merchant)?;
            Ok((node.merchant, Feeder { merchant: node.merchant, client, progress: progress.clone() }))
        })
        .collect::<anyhow::Result<BTreeMap<_, _>>>()?;
    let lines = !setup.output.json && !std::io::stderr().is_terminal();
    let mut drive = Drive { setup, feeders, progress, driven: Driven::default(), lines, began: Instant::now() };
    drive.check_fresh().await?;
    let end_ms = plans.last().map(|plan| plan.interval.end_ms);
    for plan in plans {
        drive.interval(plan).await?;
    }
    if let Some(end_ms) = end_ms.filter(|_| ended) {
        drive.set_clock(end_ms).await?;
        drive.settle_legs(end_ms).await?;
    }
    drive.progress.finish_and_clear();
    Ok(drive.driven)
}

/// Who signs outside a node.
struct Signer {
    /// In whose name; 0 for the clock.
    participant: MerchantId,
    /// The key file.
    key: PathBuf,
    /// The block's time, about.
    time_ms: u64,
}

struct Drive<'a> {
    setup: Setup<'a>,
    feeders: BTreeMap<MerchantId, Feeder>,
    progress: ProgressBar,
    driven: Driven,
    /// Without a terminal, a line a month says how far it is.
    lines: bool,
    began: Instant,
}

impl Drive<'_> {
    /// The year starts on an alliance whose clock still stands at its beginning.
    async fn check_fresh(&self) -> anyhow::Result<()> {
        let genesis = self.setup.genesis;
        for feeder in self.feeders.values() {
            let status = status(&feeder.client).await?;
            ensure!(
                status.chain_id == genesis.chain_id().to_string(),
                "{} is a node of another alliance; end it, or make this one with other ports",
                feeder.client.base()
            );
            ensure!(
                status.time_ms < genesis.time_ms + HOUR_MS,
                "this alliance's clock stands at {} already: the year was replayed. Make a new one: tally network init --demo",
                utc_text(status.time_ms)
            );
        }
        Ok(())
    }

    async fn interval(&mut self, plan: Plan) -> anyhow::Result<()> {
        let Plan { interval, dispute, enrol, issue, redeem, exchange, import } = plan;
        self.progress.set_message(format!("{} ({})", interval.month, interval.number));
        if interval.start_ms != self.setup.genesis.time_ms {
            self.set_clock(interval.start_ms).await?;
        }
        self.settle_legs(interval.start_ms).await?;
        self.disputes(dispute, interval.start_ms).await.context("disputes")?;
        self.phase(enrol).await.context("enrolments")?;
        if self.setup.pause_at.contains(&interval.number) {
            self.pause(interval.number).await;
        }
        match self.setup.kill.clone().filter(|kill| kill.interval == interval.number) {
            Some(kill) => self.issue_with_kill(issue, &kill).await.context("issues, with a node killed")?,
            None => self.phase(issue).await.context("issues")?,
        }
        self.phase(redeem).await.context("redemptions")?;
        self.phase(exchange).await.context("exchanges")?;
        self.imports(import, &interval).await.context("imports")?;
        if self.lines && interval.is_last_of_month {
            let done = self.progress.position();
            let seconds = self.began.elapsed().as_secs_f64();
            let (month, all) = (interval.month, self.setup.operations);
            eprintln!("{month}: {done} of {all} operations, {:.0}/s", done as f64 / seconds);
        }
        Ok(())
    }

    /// Every merchant's operations at once, each merchant's in order, until all are applied.
    async fn phase(&mut self, tasks: Vec<Task>) -> anyhow::Result<()> {
        let feeds = by_merchant(tasks).into_iter().map(|(merchant, operations)| {
            let feeder = self.feeders[&merchant].clone();
            async move {
                let fed = tokio::spawn(async move { feeder.feed(operations).await }).await;
                Ok::<_, anyhow::Error>((merchant, fed.context("a feeder ended")??))
            }
        });
        for (merchant, references) in try_join_all(feeds).await? {
            self.driven.acknowledged.entry(merchant).or_default().extend(references);
        }
        Ok(())
    }

    /// The same, but one node acknowledges half of its operations, is killed before it can have executed them all, and
    /// comes back later: what it acknowledged is not sent again, and has to turn up.
    async fn issue_with_kill(&mut self, tasks: Vec<Task>, kill: &Kill) -> anyhow::Result<()> {
        let (own, others): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| task.merchant == kill.merchant);
        let operations: Vec<Operation> = own.into_iter().map(|task| task.operation).collect();
        let (first, second) = operations.split_at(operations.len() / 2);
        let feeder = self.feeders[&kill.merchant].clone();
        let alliance = self.setup.alliance;
        let (output, progress) = (self.setup.output, self.progress.clone());
        let killed = async {
            let mut acknowledged = feeder.acknowledge(first).await?;
            let before = acknowledged.len();
            process::kill(alliance, kill.merchant).await?;
            let node = format!("node of merchant {}", kill.merchant);
            progress
                .suspend(|| event(output, "killed", kill, &format!("{node} killed, {before} operations acknowledged")));
            tokio::time::sleep(Duration::from_millis(kill.down_ms)).await;
            let began = Instant::now();
            process::start(alliance, kill.merchant, &kill.tallyd)?;
            process::ready(alliance, kill.merchant, &feeder.client, Duration::from_secs(60)).await?;
            let ready_after_ms = u64::try_from(began.elapsed().as_millis())?;
            progress
                .suspend(|| event(output, "back", kill, &format!("{node} back and level after {ready_after_ms} ms")));
            feeder.await_receipts(&acknowledged).await?;
            acknowledged.extend(feeder.feed(second.to_vec()).await?);
            let record = KillRecord {
                interval: kill.interval,
                merchant: kill.merchant,
                acknowledged_before: before,
                ready_after_ms,
            };
            Ok::<_, anyhow::Error>((acknowledged, record))
        };
        let (rest, killed) = tokio::join!(self.phase(others), killed);
        rest?;
        let (acknowledged, record) = killed?;
        self.driven.acknowledged.entry(kill.merchant).or_default().extend(acknowledged);
        self.driven.kills.push(record);
        Ok(())
    }

    async fn set_clock(&mut self, time_ms: u64) -> anyhow::Result<()> {
        let reference = self.setup.seed.reference("set_clock", MerchantId::POOL, &time_ms.to_string(), time_ms);
        let operation = Operation::new(reference, Body::SetClock(SetClock { time_ms }));
        // The block that sets the clock has the time that it sets.
        let signer = Signer { participant: MerchantId::POOL, key: self.setup.alliance.clock_key(), time_ms };
        let height = self.signed(&self.any_client(0)?, &signer, vec![operation]).await?;
        // What a node signs is valid by its own clock, so all must have seen the new time.
        self.level(height).await
    }

    /// Every open leg of every closed cycle, as the ledger has it: the payer reports its payment, the payee confirms it.
    async fn settle_legs(&mut self, time_ms: u64) -> anyhow::Result<()> {
        let client = self.any_client(0)?;
        let mut cycles: Vec<Month> = Vec::new();
        client.pages("/v1/settlements", |page: Vec<Cycle>| cycles.extend(page.iter().map(|c| c.cycle))).await?;
        // All earlier ones were confirmed when they were the last.
        for cycle in cycles.into_iter().rev().take(1) {
            let settlement: Settlement = client.get_as(&format!("/v1/settlements/{cycle}")).await?;
            for leg in settlement.legs.iter().filter(|leg| !leg.is_confirmed()) {
                self.settle_leg(cycle, leg, time_ms).await.with_context(|| format!("leg {} of {cycle}", leg.leg))?;
            }
        }
        Ok(())
    }

    async fn settle_leg(&mut self, cycle: Month, leg: &Leg, time_ms: u64) -> anyhow::Result<()> {
        let bank_reference = bank_reference(cycle, leg.leg);
        let report = Body::ReportPayment(ReportPayment { cycle, leg: leg.leg, bank_reference });
        let confirm = Body::ConfirmLeg(ConfirmLeg { cycle, leg: leg.leg, amount_fen: leg.amount_fen });
        for (participant, body) in [(leg.payer, report), (leg.payee, confirm)] {
            let key = format!("{cycle}:{}", leg.leg);
            let reference = self.setup.seed.reference(body.kind(), participant, &key, time_ms);
            let signer = Signer { participant, key: self.setup.alliance.treasurer_key(participant), time_ms };
            let client = self.client_of(participant)?;
            self.signed(&client, &signer, vec![Operation::new(reference, body)]).await?;
        }
        Ok(())
    }

    /// What treasurers and governors say of disputes, one after the other.
    async fn disputes(&mut self, tasks: Vec<Task>, time_ms: u64) -> anyhow::Result<()> {
        for Task { merchant, operation } in tasks {
            let alliance = self.setup.alliance;
            let is_act = matches!(operation.body, Body::DecideDispute(_));
            let key = if is_act { alliance.governor_key(merchant) } else { alliance.treasurer_key(merchant) };
            let signer = Signer { participant: merchant, key, time_ms };
            let client = self.client_of(merchant)?;
            self.signed(&client, &signer, vec![operation]).await?;
        }
        Ok(())
    }

    /// A partner's imports, signed by its own key, at another node each time: it has none.
    async fn imports(&mut self, tasks: Vec<Task>, interval: &Interval) -> anyhow::Result<()> {
        for (participant, operations) in by_merchant(tasks) {
            let key = self.setup.alliance.operator_key(participant);
            let signer = Signer { participant, key, time_ms: interval.start_ms };
            let client = self.any_client(interval.number as usize)?;
            for part in operations.chunks(MAX_OPERATIONS) {
                self.signed(&client, &signer, part.to_vec()).await?;
            }
        }
        Ok(())
    }

    /// A participant's own node, or for who has none, any.
    fn client_of(&self, participant: MerchantId) -> anyhow::Result<Client> {
        self.feeders.get(&participant).map_or_else(|| self.any_client(0), |feeder| Ok(feeder.client.clone()))
    }

    fn any_client(&self, number: usize) -> anyhow::Result<Client> {
        let feeder = self.feeders.values().nth(number % self.feeders.len().max(1));
        Ok(feeder.context("an alliance has a node")?.client.clone())
    }

    /// Posts operations that no node may sign, until they are applied; gives the height.
    async fn signed(&mut self, client: &Client, signer: &Signer, operations: Vec<Operation>) -> anyhow::Result<Height> {
        let (_, key) = read_key(&signer.key)?;
        let signing = Signing {
            chain_id: self.setup.genesis.chain_id(),
            merchant: signer.participant,
            valid_until_ms: signer.time_ms + HOUR_MS,
            key: &key,
        };
        let what: Vec<(&str, Reference)> = operations.iter().map(|o| (o.body.kind(), o.reference)).collect();
        let (kind, reference) = *what.first().context("a transaction has an operation")?;
        let transaction = sign(&signing, operations);
        let began = Instant::now();
        loop {
            match client.submit_signed(&transaction, 20).await {
                Ok(answer) => {
                    let receipts = answer.receipts.filter(|receipts| receipts.len() == what.len());
                    let Some(receipts) = receipts else {
                        ensure!(
                            began.elapsed() < Duration::from_secs(60),
                            "{kind} {reference} has no receipt after 60 s"
                        );
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    };
                    let height = answer.answer.get("height").and_then(serde_json::Value::as_u64).unwrap_or_default();
                    for ((kind, reference), receipt) in what.iter().zip(&receipts) {
                        self.applied(kind, receipt)?;
                        self.driven.acknowledged.entry(signer.participant).or_default().push(*reference);
                        self.progress.inc(1);
                    }
                    return Ok(Height(height));
                }
                Err(error) if error.is_passing() && began.elapsed() < Duration::from_secs(60) => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error).with_context(|| format!("{kind} {reference}")),
            }
        }
    }

    fn applied(&self, kind: &str, receipt: &Receipt) -> anyhow::Result<()> {
        match &receipt.outcome {
            // Sent twice, for the first answer did not arrive.
            Outcome::Applied(_) | Outcome::Duplicate { .. } => Ok(()),
            Outcome::Rejected(rule) => bail!("{kind} is rejected: {}: {rule}", rule.name()),
        }
    }

    /// Waits until every node has executed a height.
    async fn level(&self, height: Height) -> anyhow::Result<()> {
        let one = async |feeder: &Feeder| -> anyhow::Result<()> {
            let began = Instant::now();
            while status(&feeder.client).await?.height < height {
                ensure!(
                    began.elapsed() < Duration::from_secs(60),
                    "merchant {} does not reach {height}",
                    feeder.merchant
                );
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        try_join_all(self.feeders.values().map(one)).await.map(drop)
    }

    async fn pause(&self, interval: u32) {
        self.progress.suspend(|| eprintln!("paused before the issues of interval {interval}; Enter goes on"));
        let read = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        // Closed standard input goes on too.
        let _ = read.await;
    }
}

fn event(output: Output, what: &str, kill: &Kill, text: &str) {
    let value = json!({ "event": what, "merchant": kill.merchant, "interval": kill.interval });
    if output.json {
        eprintln!("{value}");
    } else {
        eprintln!("{text}");
    }
}

fn by_merchant(tasks: Vec<Task>) -> BTreeMap<MerchantId, Vec<Operation>> {
    let mut lists: BTreeMap<MerchantId, Vec<Operation>> = BTreeMap::new();
    for task in tasks {
        lists.entry(task.merchant).or_default().push(task.operation);
    }
    lists
}

async fn status(client: &Client) -> anyhow::Result<Status> {
    Ok(client.get_as("/v1/status").await?)
}

#[derive(Deserialize)]
struct Status {
    chain_id: String,
    height: Height,
    time_ms: u64,
}

#[derive(Deserialize)]
struct Cycle {
    cycle: Month,
}

#[derive(Deserialize)]
struct Settlement {
    legs: Vec<Leg>,
}
