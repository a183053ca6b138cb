//! Four nodes vouch for what they executed, and a stranger with the genesis checks it: each kind of proof from each node, by
//! `tally proof`; the log's tiles against its checkpoint; and what was changed in a file.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tally_contracts::genesis::Genesis;
use tally_contracts::types::{DAY_MS, Hash};
use tally_ledger::log::tile::{TileId, decode_bundle};
use tally_ledger::log::{Frontier, TilePath, leaf_hash};
use tally_ledger::note::{Checkpoint, Policy, SignedNote};
use tally_tests::{Alliance, tally, tally_ok};

/// Sets the clock so far ahead.
async fn later(alliance: &Alliance, by_ms: u64) -> Result<()> {
    let time_ms = alliance.read(1, "/v1/status").await?["time_ms"].as_u64().context("a time")? + by_ms;
    let (dir, clock) = (alliance.dir(), alliance.dir().join("treasury/clock.key"));
    let [dir, clock] = [&dir, &clock].map(|path| path.to_string_lossy());
    let time = time_ms.to_string();
    tally_ok(&["submit", "--dir", &dir, "--merchant", "0", "--key", &clock, "set-clock", "--time-ms", &time]).map(drop)
}

/// Waits until every node knows so many final checkpoints; gives the last one's height.
async fn final_checkpoint(alliance: &Alliance, count: usize) -> Result<u64> {
    let mut height = 0;
    for node in 1..=4 {
        let found = alliance.until(|| async {
            let page = alliance.read(node, "/v1/checkpoints").await.ok()?;
            let all = page["items"].as_array()?.iter().filter(|item| item["is_final"] == true);
            let heights: Vec<u64> = all.filter_map(|item| item["height"].as_u64()).collect();
            (heights.len() >= count).then(|| heights.last().copied()).flatten()
        });
        height = found.await.with_context(|| format!("no {count} final checkpoints: {}", alliance.log_end(node)))?;
    }
    Ok(height)
}

/// Gets a proof from a node and verifies it; gives the file and what it shows.
fn proved(alliance: &Alliance, node: u16, name: &str, fact: &[&str]) -> Result<(Value, Value)> {
    let dir = alliance.dir();
    let out = dir.join(format!("{name}-{node}.json"));
    let [dir, out] = [&dir, &out].map(|path| path.to_string_lossy().into_owned());
    let node = node.to_string();
    let mut get = vec!["proof", "get", "--dir", &dir, "--merchant", &node, "--out", &out];
    get.extend(fact);
    tally_ok(&get)?;
    let genesis = format!("{dir}/genesis.json");
    let shown = tally_ok(&["--json", "proof", "verify", &out, "--genesis", &genesis])?;
    let shown: Value = serde_json::from_str(&shown)?;
    ensure!(shown["holds"] == true, "{name}: {shown}");
    Ok((serde_json::from_str(&fs::read_to_string(&out)?)?, shown["proved"].clone()))
}

/// Verifies a file that is not right; gives what is said of it.
fn refused(alliance: &Alliance, file: &Value) -> Result<String> {
    let (dir, path) = (alliance.dir(), alliance.dir().join("changed.json"));
    fs::write(&path, file.to_string())?;
    let [genesis, path] =
        [dir.join("genesis.json"), path].map(|path: std::path::PathBuf| path.to_string_lossy().into_owned());
    let output = tally(&["--json", "proof", "verify", &path, "--genesis", &genesis])?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout)?;
    Ok(said["fault"].as_str().context("a fault")?.to_owned())
}

async fn bytes(alliance: &Alliance, path: &str) -> Result<Vec<u8>> {
    let answer = alliance.get(2, path).send().await?;
    ensure!(answer.status().as_u16() == 200, "{path}: {}", answer.status());
    Ok(answer.bytes().await?.to_vec())
}

/// Reads the whole log by its tiles and entries, and works its root out again.
async fn check_log(alliance: &Alliance, dir: &Path) -> Result<()> {
    let genesis = genesis_of(dir)?;
    let cosigners: Vec<_> = genesis.merchants.iter().map(|m| (m.id, m.cosigner_key)).collect();
    let policy = Policy::of_cosigners(&genesis.chain_id(), &cosigners)?;
    let note: SignedNote = String::from_utf8(bytes(alliance, "/checkpoint").await?)?.parse()?;
    let (checkpoint, signers) = Checkpoint::open(&note, &policy)?;
    ensure!(signers.len() >= 3, "{signers:?}");
    let published = alliance.read(3, "/v1/policy");
    ensure!(published.await.is_err(), "the policy is text");
    ensure!(String::from_utf8(bytes(alliance, "/v1/policy").await?)?.parse::<Policy>()? == policy);
    let size = checkpoint.log.size;
    let mut frontier = Frontier::default();
    for id in TileId::all(size).filter(|id| id.level == 0) {
        let hashes = id.decode(&bytes(alliance, &format!("/{}", TilePath::Hashes(id))).await?)?;
        let bundle = bytes(alliance, &format!("/{}", TilePath::Entries { index: id.index, width: id.width })).await?;
        let entries = decode_bundle(&bundle, id.width)?;
        ensure!(entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<Hash>>() == hashes, "tile {}", id.index);
        hashes.into_iter().for_each(|hash| frontier.append_hash(hash));
    }
    ensure!(frontier.root() == checkpoint.log.root, "the tiles are the checkpoint's");
    Ok(())
}

fn genesis_of(dir: &Path) -> Result<Genesis> {
    Ok(serde_json::from_str(&fs::read_to_string(dir.join("genesis.json"))?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_checks_what_four_merchants_vouch_for() -> Result<()> {
    let mut alliance = Alliance::start_with(4, &["--simulated-clock"]).await?;
    let member = alliance.enrol(1, 7).await?;
    let other = alliance.enrol(2, 8).await?;
    let lines = json!([{ "category": 1, "amount_fen": "50000" }]);
    let reference = alliance.reference();
    let purchase = json!({ "issue": { "class": 1, "member": member, "lines": lines } });
    let answer = alliance.submit(1, reference, &purchase, 30).await?;
    ensure!(answer.status().as_u16() == 200, "{}", answer.text().await?);
    alliance.applied(2, &json!({ "issue": { "class": 2, "member": member, "lines": lines } })).await?;
    // Merchant 1 takes points of merchant 2, which owes it for them when the month is over.
    alliance.applied(1, &json!({ "redeem": { "class": 2, "member": member, "points": "120" } })).await?;
    later(&alliance, 700_000).await?;
    let first = final_checkpoint(&alliance, 1).await?;
    alliance.applied(1, &json!({ "transfer": { "class": 1, "from": member, "to": other, "points": "30" } })).await?;
    later(&alliance, 35 * DAY_MS).await?;
    let second = final_checkpoint(&alliance, 2).await?;
    ensure!(second > first, "{first} {second}");

    let closed = alliance.read(1, "/v1/settlements").await?;
    let cycle = closed["items"][0]["cycle"].as_str().context("a cycle")?;
    let (reference, from) = (reference.to_string(), first.to_string());
    for node in [1, 3] {
        let (_, operation) = proved(&alliance, node, "operation", &["operation", "1", &reference])?;
        ensure!(operation["operation"]["body"]["issue"]["member"] == json!(member), "{operation}");
        let (_, signed) = proved(&alliance, node, "signed", &["signed"])?;
        ensure!(signed["signers"].as_array().is_some_and(|signers| signers.len() >= 3), "{signed}");
        proved(&alliance, node, "growth", &["growth", "--from", &from])?;
        let (_, balance) = proved(&alliance, node, "balance", &["balance", &member, "--class", "1"])?;
        ensure!(balance["points"] == "470", "{balance}");
        let (_, nothing) = proved(&alliance, node, "nothing", &["balance", &other, "--class", "2"])?;
        ensure!(nothing["points"] == "0", "{nothing}");
        let (_, statement) = proved(&alliance, node, "statement", &["statement", &member, "--class", "1"])?;
        ensure!(statement["lines"].as_array().is_some_and(|lines| lines.len() == 2), "{statement}");
        let (_, part) = proved(&alliance, node, "part", &["statement", &member, "--class", "1", "--from", &from])?;
        ensure!(part["lines"].as_array().is_some_and(|lines| lines.len() == 1), "{part}");
        let (_, settlement) = proved(&alliance, node, "settlement", &["settlement", cycle])?;
        ensure!(settlement["legs"][0]["amount_fen"] == "120", "{settlement}");
    }
    check_log(&alliance, &alliance.dir()).await?;

    // What is changed in a file is found.
    let (mut balance, _) = proved(&alliance, 2, "balance", &["balance", &member, "--class", "1"])?;
    balance["fact"]["points"] = json!("471");
    ensure!(refused(&alliance, &balance)?.contains("storage proof"));
    let (mut statement, _) = proved(&alliance, 2, "statement", &["statement", &member, "--class", "1"])?;
    statement["fact"]["lines"].as_array_mut().context("lines")?.remove(0);
    ensure!(refused(&alliance, &statement)?.contains("statement hash"));
    // A stale checkpoint does not vouch for what came later.
    let dir = alliance.dir().to_string_lossy().into_owned();
    let height = first.to_string();
    let out = alliance.dir().join("stale.json").to_string_lossy().into_owned();
    let stale = ["proof", "get", "--dir", &dir, "--out", &out, "--checkpoint", &height, "settlement", cycle];
    ensure!(!tally(&stale)?.status.success());

    // A node that is started again proves what was at the last checkpoint, though points have moved since.
    alliance.applied(1, &json!({ "transfer": { "class": 1, "from": member, "to": other, "points": "70" } })).await?;
    alliance.kill(3)?;
    alliance.spawn(3)?;
    alliance.ready(3).await?;
    let path = format!("/v1/proofs/balances/{member}/1");
    let found = alliance.until(|| async { alliance.read(3, &path).await.ok() }).await;
    found.with_context(|| format!("no proof after a restart: {}", alliance.log_end(3)))?;
    let (_, balance) = proved(&alliance, 3, "balance-again", &["balance", &member, "--class", "1"])?;
    ensure!(balance["points"] == "470" && balance["vouched"]["height"] == second, "{balance}");
    let (_, statement) = proved(&alliance, 3, "statement-again", &["statement", &member, "--class", "1"])?;
    ensure!(statement["lines"].as_array().is_some_and(|lines| lines.len() == 2), "{statement}");
    proved(&alliance, 3, "settlement-again", &["settlement", cycle])?;
    Ok(())
}
