//! A fifth merchant joins four that go on working, validates, and leaves again: nobody restarts for it, nothing acknowledged is
//! lost, and the exported chain verifies over both boundaries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tally_contracts::types::{DAY_MS, MerchantId, Reference};
use tally_tests::{Alliance, tally_ok};
use tokio::task::JoinHandle;

/// What a node said it had taken.
type Acknowledged = Vec<(u16, Reference)>;

/// Time between two rounds of purchases.
const PACE: Duration = Duration::from_millis(50);

/// Purchases that arrive at merchants 1 to 3 while the network changes. Each must be acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Acknowledged>>,
}

impl Load {
    /// Starts it. References are made of `time_ms`, the alliance's time, and numbers from `first` on.
    fn start(alliance: &Alliance, member: &str, time_ms: u64, first: u128) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let doors: Vec<_> = (1..=3)
            .map(|id| (id, format!("{}/v1/operations", alliance.url(id)), alliance.token(id).to_owned()))
            .collect();
        let (member, stopping) = (member.to_owned(), stop.clone());
        let task = tokio::spawn(async move {
            let http = reqwest::Client::new();
            let (mut taken, mut number) = (Acknowledged::new(), first);
            let mut pace = tokio::time::interval(PACE);
            while !stopping.load(Ordering::Relaxed) {
                pace.tick().await;
                for (merchant, url, token) in &doors {
                    number += 1;
                    let reference = Reference::new(time_ms, number);
                    let lines = json!([{ "category": 1, "amount_fen": "1000" }]);
                    let body = json!({ "issue": { "class": merchant, "member": member, "lines": lines } });
                    let request = http.post(url).bearer_auth(token).header("Idempotency-Key", reference.to_string());
                    let answer = request.json(&json!({ "body": body })).send().await?;
                    ensure!(answer.status().as_u16() == 202, "{}: {}", answer.status(), answer.text().await?);
                    taken.push((*merchant, reference));
                }
            }
            Ok(taken)
        });
        Self { stop, task }
    }

    /// Ends it, and looks for every acknowledged purchase on every node, the same on all; gives how many there were, and how
    /// many of them a node does not have.
    async fn end(self, alliance: &Alliance, nodes: &[u16]) -> Result<(usize, usize)> {
        self.stop.store(true, Ordering::Relaxed);
        let taken = self.task.await??;
        let mut missed = 0;
        for (merchant, reference) in &taken {
            let mut first: Option<Value> = None;
            for node in nodes {
                let found = alliance.until(|| alliance.receipt(*node, MerchantId(*merchant), *reference)).await;
                let Some(found) = found else {
                    eprintln!("{reference} of {merchant} is not on node {node}");
                    missed += 1;
                    break;
                };
                ensure!(!found["receipt"]["outcome"]["applied"].is_null(), "{found}");
                let receipt = json!([found["height"], found["index"], found["receipt"]]);
                ensure!(*first.get_or_insert(receipt.clone()) == receipt, "node {node} differs: {receipt}");
            }
        }
        Ok((taken.len(), missed))
    }
}

/// The alliance's time in ms since 1970.
async fn time_ms(alliance: &Alliance) -> Result<u64> {
    alliance.read(1, "/v1/status").await?["time_ms"].as_u64().context("a time")
}

/// Submits an operation that a merchant's governor signs; it must be applied.
fn govern(alliance: &Alliance, merchant: u16, operation: &Value) -> Result<()> {
    let (dir, id) = (alliance.dir(), merchant.to_string());
    let file = dir.join("operation.json");
    std::fs::write(&file, operation.to_string())?;
    let key = dir.join(format!("treasury/merchant-{merchant}/governor.key"));
    let [dir, key, file] = [&dir, &key, &file].map(|path| path.to_string_lossy());
    tally_ok(&["submit", "--dir", &dir, "--merchant", &id, "--key", &key, "--file", &file, "--wait", "30"]).map(drop)
}

/// Has merchant 1 propose a change and the others approve it.
async fn decide(alliance: &Alliance, change: &Value, number: u128, voters: &[u16]) -> Result<()> {
    let reference = Reference::new(time_ms(alliance).await?, number);
    let propose = json!({ "propose": { "change": change, "effective_ms": 0 } });
    govern(alliance, 1, &json!({ "reference": reference, "body": propose }))?;
    for voter in voters {
        let vote = json!({ "vote": { "merchant": 1, "proposal": reference, "approves": true } });
        govern(alliance, *voter, &json!({ "body": vote }))?;
    }
    Ok(())
}

/// Waits until so many sets of validators are on record; gives the last one's first height.
async fn epoch(alliance: &Alliance, count: usize) -> Result<(u64, Value)> {
    let known = alliance.until(|| async {
        let items = alliance.read(1, "/v1/validators").await.ok()?["items"].as_array()?.clone();
        (items.len() == count).then(|| items.last().cloned()).flatten()
    });
    let last = known.await.with_context(|| format!("no {count} sets of validators: {}", alliance.log_end(1)))?;
    Ok((last["from_height"].as_u64().context("a height")?, last["validators"].clone()))
}

fn purchase(class: u16, member: &str) -> Value {
    json!({ "issue": { "class": class, "member": member, "lines": [{ "category": 1, "amount_fen": "500" }] } })
}

/// Waits until the fifth merchant's node proposes blocks; gives the height from which on it validates.
async fn validates(alliance: &Alliance, fifth: u16) -> Result<u64> {
    let (from, validators) = epoch(alliance, 2).await?;
    ensure!(validators.as_array().is_some_and(|set| set.len() == 5), "{validators}");
    ensure!(validators[4]["name"] == "Fifth", "{validators}");
    alliance.reach(fifth, from + 5).await?;
    let status = alliance.read(fifth, "/v1/status").await?;
    ensure!(status["is_validator"] == true && status["validators"] == 5, "{status}");
    let mut proposers = Vec::new();
    for height in from..=from + 5 {
        proposers.push(alliance.read(1, &format!("/v1/blocks/{height}")).await?["header"]["proposer"].clone());
    }
    ensure!(proposers.contains(&json!(fifth)), "{proposers:?}");
    Ok(from)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_merchant_joins_a_running_network_and_leaves_it_again() -> Result<()> {
    let mut alliance = Alliance::start_with(4, &["--simulated-clock"]).await?;
    let member = alliance.enrol(1, 7).await?;
    let load = Load::start(&alliance, &member, time_ms(&alliance).await?, 1_000_000);

    // Its node runs before anybody knows it, and is let in once the admission is on record.
    let fifth = alliance.add("Fifth")?;
    alliance.spawn(fifth)?;
    let admission = std::fs::read(alliance.merchant_dir(fifth).join("admission.json"))?;
    let admission: Value = serde_json::from_slice(&admission)?;
    decide(&alliance, &admission, 2_000_001, &[2, 3]).await?;
    let from = validates(&alliance, fifth).await?;

    // It acts for its own members, and without it four of five would be three: its vote is needed.
    let own = alliance.enrol(fifth, 9).await?;
    alliance.kill(4)?;
    alliance.applied(1, &purchase(1, &own)).await?;
    alliance.spawn(4)?;
    alliance.ready(4).await?;

    // Four of five carry a change, and its vote is the fourth. Then it is suspended, and has none.
    let pair = json!({ "pair": { "from_class": 1, "to_class": 2, "terms": { "spread": "0" } } });
    decide(&alliance, &pair, 2_000_002, &[2, 3, fifth]).await?;
    decide(&alliance, &json!({ "suspend": { "merchant": fifth } }), 2_000_003, &[2, 3, 4]).await?;
    let is_suspended = || async {
        let merchants = alliance.read(2, "/v1/merchants").await.ok()?["items"].as_array()?.clone();
        merchants
            .iter()
            .any(|merchant| merchant["id"] == json!(fifth) && merchant["is_suspended"] == true)
            .then_some(())
    };
    alliance.until(is_suspended).await.context("it is suspended")?;

    // It leaves: the run-off ends by time, then it departs while the others work.
    let exit = json!({ "exit": { "merchant": fifth, "successor": 1, "exchanges": [] } });
    decide(&alliance, &exit, 2_000_004, &[2, 3]).await?;
    let (taken, mut missed) = load.end(&alliance, &[1, 2, 3, 4, fifth]).await?;
    println!("joined at height {from}, {taken} purchases acknowledged, {missed} missed");
    let dir = alliance.dir();
    let clock = dir.join("treasury/clock.key");
    let (dir, clock) = (dir.to_string_lossy(), clock.to_string_lossy());
    // In two steps: the reference of an operation is at most 90 days old.
    for _ in 0..2 {
        let later = (time_ms(&alliance).await? + 50 * DAY_MS).to_string();
        tally_ok(&["submit", "--dir", &dir, "--merchant", "0", "--key", &clock, "set-clock", "--time-ms", &later])?;
    }
    let load = Load::start(&alliance, &member, time_ms(&alliance).await?, 3_000_000);
    govern(&alliance, fifth, &json!({ "body": { "depart": { "merchant": fifth } } }))?;
    let (left, validators) = epoch(&alliance, 3).await?;
    ensure!(validators.as_array().is_some_and(|set| set.len() == 4), "{validators}");
    alliance.reach(1, left + 3).await?;
    alliance.reach(fifth, left + 3).await?;
    let status = alliance.read(fifth, "/v1/status").await?;
    ensure!(status["is_validator"] == false && status["validators"] == 4, "{status}");
    let (taken, also_missed) = load.end(&alliance, &[1, 2, 3, 4, fifth]).await?;
    missed += also_missed;
    println!("left at height {left}, {taken} purchases acknowledged, {also_missed} missed");

    // With it gone and one more down, three of four decide.
    let ended = alliance.stop(fifth)?;
    ensure!(ended.success(), "{ended}: {}", alliance.log_end(fifth));
    alliance.kill(4)?;
    let reference = Reference::new(time_ms(&alliance).await?, 4_000_001);
    let answer = alliance.submit(1, reference, &purchase(1, &member), 30).await?;
    ensure!(answer.status().as_u16() == 200, "three of four decide: {}", answer.text().await?);

    // Offline, from genesis and file alone.
    let archive = alliance.dir().join("chain.tally");
    let archive = archive.to_string_lossy();
    tally_ok(&["export", "--dir", &dir, "--merchant", "1", "--out", &archive])?;
    let genesis = format!("{dir}/genesis.json");
    let verified: Value =
        serde_json::from_str(&tally_ok(&["--json", "verify", &archive, "--genesis", &genesis, "--threads", "4"])?)?;
    let epochs = verified["report"]["epochs"].as_array().context("epochs")?;
    let epochs: Vec<Value> =
        epochs.iter().map(|e| json!([e["from_height"], e["validators"].as_array().map(Vec::len)])).collect();
    ensure!(epochs == [json!([1, 4]), json!([from, 5]), json!([left, 4])], "{epochs:?}");
    let sizes: Vec<Option<u64>> = epochs.iter().map(|epoch| epoch[1].as_u64()).collect();
    let joins = sizes.windows(2).filter(|pair| pair[0] < pair[1]).count();
    let leaves = sizes.windows(2).filter(|pair| pair[0] > pair[1]).count();
    println!("join: joins={joins} leaves={leaves} missed_acks={missed}");
    ensure!((joins, leaves, missed) == (1, 1, 0), "not one join, one departure and every acknowledgement kept");
    Ok(())
}
