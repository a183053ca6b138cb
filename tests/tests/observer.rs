//! An observer: a node without a merchant that follows the chain, answers like the others and takes nothing.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tally_tests::Alliance;

const TOKEN: &str = "observer-token-0123456789";
/// Longest wait for the observer to catch up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running observer.
struct Observer {
    url: String,
    process: Child,
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two free ports, let go at once.
fn ports() -> Result<[u16; 2]> {
    let listeners = [std::net::TcpListener::bind("127.0.0.1:0")?, std::net::TcpListener::bind("127.0.0.1:0")?];
    Ok([listeners[0].local_addr()?.port(), listeners[1].local_addr()?.port()])
}

/// Makes an observer that follows merchants 1 and 2, and lists it in their configurations.
fn make(alliance: &Alliance, dir: &Path, [http, consensus]: [u16; 2]) -> Result<()> {
    let keys = dir.join("keys");
    tally_tests::tally_ok(&[
        "keys",
        "new",
        "--out",
        &keys.to_string_lossy(),
        "--name",
        "auditor",
        "--address",
        "127.0.0.1",
    ])?;
    let public: Value = serde_json::from_slice(&std::fs::read(keys.join("public.json"))?)?;
    let peer_id = public["peer_id"].as_str().context("a peer id")?;
    let mut config = format!(
        "data_dir = \"data\"\ngenesis = \"{}\"\n[keys]\nnetwork = \"keys/network.key\"\n[listen]\n\
         consensus = \"/ip4/127.0.0.1/tcp/{consensus}\"\nhttp = \"127.0.0.1:{http}\"\n",
        alliance.dir().join("genesis.json").display()
    );
    for merchant in [1, 2] {
        let other = alliance.dir().join(format!("merchant-{}/node.toml", 3 - merchant));
        let text = std::fs::read_to_string(other)?;
        let peers = text.split("[[peers]]").skip(1).map(|peer| peer.split("\n[").next().unwrap_or_default());
        let peer = peers.into_iter().find(|peer| peer.contains(&format!("merchant = {merchant}\n")));
        config += &format!("[[peers]]{}\n", peer.context("each merchant lists the other")?);
        let path = alliance.dir().join(format!("merchant-{merchant}/node.toml"));
        let mut text = std::fs::read_to_string(&path)?;
        text += &format!(
            "\n[[observers]]\nname = \"auditor\"\npeer_id = \"{peer_id}\"\n\
             consensus = \"/ip4/127.0.0.1/tcp/{consensus}\"\n"
        );
        std::fs::write(path, text)?;
    }
    config += "[[clients]]\nname = \"auditor\"\ntoken_file = \"token\"\n";
    std::fs::write(dir.join("node.toml"), config)?;
    let mut token = std::fs::File::options().create_new(true).write(true).mode(0o600).open(dir.join("token"))?;
    token.write_all(TOKEN.as_bytes())?;
    Ok(())
}

fn start(dir: &Path, http: u16) -> Result<Observer> {
    let log = std::fs::File::options().create(true).append(true).open(dir.join("test.log"))?;
    let process = Command::new(tally_tests::binary("tallyd")?)
        .arg("--config")
        .arg(dir.join("node.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok(Observer { url: format!("http://127.0.0.1:{http}"), process })
}

async fn get(observer: &Observer, path: &str) -> Option<Value> {
    let request = reqwest::Client::new().get(format!("{}{path}", observer.url)).bearer_auth(TOKEN);
    request.send().await.ok()?.json().await.ok()
}

/// Waits until the observer has executed a height.
async fn reach(observer: &Observer, dir: &Path, height: u64) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let found = get(observer, "/v1/status").await.and_then(|status| status["height"].as_u64());
        if found.is_some_and(|found| found >= height) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = std::fs::read_to_string(dir.join("test.log")).unwrap_or_default();
    anyhow::bail!("the observer does not reach height {height}: {log}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_follows_answers_and_takes_nothing() -> Result<()> {
    let mut alliance = Alliance::init(4)?;
    let dir = tempfile::tempdir()?;
    let ports = ports()?;
    make(&alliance, dir.path(), ports)?;
    for merchant in 1..=4 {
        alliance.spawn(merchant)?;
    }
    for merchant in 1..=4 {
        alliance.ready(merchant).await?;
    }
    let member = alliance.enrol(1, 7).await?;
    let lines = json!([{ "category": 1, "amount_fen": "12850" }]);
    alliance.applied(1, &json!({ "issue": { "class": 1, "member": member, "lines": lines } })).await?;

    // It starts late and catches up; then it follows live.
    let observer = start(dir.path(), ports[0])?;
    reach(&observer, dir.path(), alliance.height(1).await?).await?;
    let redeem = json!({ "redeem": { "class": 1, "member": member, "points": "28" } });
    alliance.applied(1, &redeem).await?;
    let height = alliance.height(1).await?;
    reach(&observer, dir.path(), height).await?;
    let told = get(&observer, &format!("/v1/members/{member}")).await.context("an answer")?;
    ensure!(told["balances"][0]["points"] == "100", "{told}");
    let status = get(&observer, "/v1/status").await.context("an answer")?;
    ensure!(status["merchant"].is_null() && status["validators"] == 4, "{status}");
    let (ours, theirs) = (
        get(&observer, &format!("/v1/blocks/{height}")).await,
        alliance.read(1, &format!("/v1/blocks/{height}")).await?,
    );
    ensure!(ours.context("a block")?["header"] == theirs["header"], "the same block");

    // It takes nothing, by either door.
    let post = |path: &str| reqwest::Client::new().post(format!("{}{path}", observer.url)).bearer_auth(TOKEN);
    let reference = alliance.reference().to_string();
    let answer = post("/v1/operations").header("Idempotency-Key", reference).json(&json!({ "body": redeem }));
    let answer = answer.send().await?;
    ensure!(answer.status() == 403, "{}", answer.status());
    ensure!(answer.json::<Value>().await?["code"] == "observer");

    // Without it the alliance goes on, and it catches up again.
    drop(observer);
    alliance.applied(1, &redeem).await?;
    let observer = start(dir.path(), ports[0])?;
    reach(&observer, dir.path(), alliance.height(1).await?).await?;
    let told = get(&observer, &format!("/v1/members/{member}")).await.context("an answer")?;
    ensure!(told["balances"][0]["points"] == "72", "{told}");
    Ok(())
}
