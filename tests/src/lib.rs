//! A real alliance for tests: `tally network init`, one `tallyd` process a merchant, HTTP between them and the test.
//!
//! Nothing here stands in for the product: the binaries are those that a merchant runs. They must be built before
//! (`make test` does); a test fails, and says so, when they are not there.

pub mod line;
pub mod random;
pub mod solo;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tally_contracts::types::{MerchantId, Reference};
use tempfile::TempDir;

/// Longest that anything awaited here may take on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A built binary of this workspace, beside the test's own.
///
/// # Errors
/// When it is not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let dir = test.parent().and_then(Path::parent).context("a test lies in the target directory")?;
    let path = dir.join(name);
    ensure!(path.exists(), "{} is not built: run `cargo build --release --workspace` first", path.display());
    Ok(path)
}

/// Runs `tally` with arguments.
///
/// # Errors
/// When it cannot be run; what it answers is the caller's to judge.
pub fn tally(arguments: &[&str]) -> Result<Output> {
    Command::new(binary("tally")?).args(arguments).output().context("tally cannot be run")
}

/// The standard output of a `tally` that must succeed.
///
/// # Errors
/// When it ends with anything but 0.
pub fn tally_ok(arguments: &[&str]) -> Result<String> {
    let output = tally(arguments)?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "tally {arguments:?} ended with {}: {out}{err}", output.status);
    Ok(out.into_owned())
}

/// A running alliance. Its processes end with it.
pub struct Alliance {
    dir: TempDir,
    nodes: Vec<Node>,
    http: reqwest::Client,
    references: u128,
}

/// One merchant's node.
struct Node {
    url: String,
    token: String,
    process: Option<Child>,
}

impl Alliance {
    /// Makes and starts an alliance of `merchants`, and waits until every node is ready.
    ///
    /// # Errors
    /// When a command fails or a node is not ready in time.
    pub async fn start(merchants: u16) -> Result<Self> {
        Self::start_with(merchants, &[]).await
    }

    /// The same, with more options of `tally network init`.
    ///
    /// # Errors
    /// As [`Alliance::start`].
    pub async fn start_with(merchants: u16, options: &[&str]) -> Result<Self> {
        let mut alliance = Self::init_with(merchants, options)?;
        for merchant in 1..=merchants {
            alliance.spawn(merchant)?;
        }
        for merchant in 1..=merchants {
            alliance.ready(merchant).await?;
        }
        Ok(alliance)
    }

    /// Makes an alliance without starting it.
    ///
    /// # Errors
    /// When `tally network init` fails.
    pub fn init(merchants: u16) -> Result<Self> {
        Self::init_with(merchants, &[])
    }

    fn init_with(merchants: u16, options: &[&str]) -> Result<Self> {
        let dir = TempDir::new()?;
        let out = dir.path().join("net");
        init_network(merchants, &out, options)?;
        let manifest: Value = serde_json::from_slice(&std::fs::read(out.join("alliance.json"))?)?;
        let nodes = manifest["nodes"].as_array().context("alliance.json lists the nodes")?;
        let nodes = nodes.iter().map(|value| Node::new(&out, value)).collect::<Result<Vec<_>>>()?;
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { dir, nodes, http, references: 0 })
    }

    /// Makes a node for one more merchant, on the ports after those of the others; gives its number. It is not started.
    ///
    /// # Errors
    /// When `tally network add` fails.
    pub fn add(&mut self, name: &str) -> Result<u16> {
        let first = reqwest::Url::parse(self.url(1))?.port().context("a node has its port")?;
        let merchant = u16::try_from(self.nodes.len() + 1)?;
        let (dir, port) = (self.dir(), (first + 10 * (merchant - 1)).to_string());
        tally_ok(&["network", "add", "--dir", &dir.to_string_lossy(), "--name", name, "--base-port", &port])?;
        let manifest: Value = serde_json::from_slice(&std::fs::read(dir.join("alliance.json"))?)?;
        self.nodes.push(Node::new(&dir, &manifest["nodes"][usize::from(merchant - 1)])?);
        Ok(merchant)
    }

    /// The alliance's directory, as `tally --dir` takes it.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.dir.path().join("net")
    }

    /// A merchant's directory.
    #[must_use]
    pub fn merchant_dir(&self, merchant: u16) -> PathBuf {
        self.dir().join(format!("merchant-{merchant}"))
    }

    /// Where a merchant's node answers.
    #[must_use]
    pub fn url(&self, merchant: u16) -> &str {
        &self.node(merchant).url
    }

    /// Starts a merchant's node.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn(&mut self, merchant: u16) -> Result<()> {
        let dir = self.merchant_dir(merchant);
        let log = std::fs::File::options().create(true).append(true).open(dir.join("test.log"))?;
        let child = Command::new(binary("tallyd")?)
            .arg("--config")
            .arg(dir.join("node.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.node_mut(merchant).process = Some(child);
        Ok(())
    }

    /// Ends a merchant's node as a power cut would: kill -9.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self, merchant: u16) -> Result<()> {
        let mut child = self.node_mut(merchant).process.take().context("the node runs")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks a merchant's node to stop and waits until it has; gives how it ended.
    ///
    /// # Errors
    /// When it does not run, or does not stop in time.
    pub fn stop(&mut self, merchant: u16) -> Result<std::process::ExitStatus> {
        let mut child = self.node_mut(merchant).process.take().context("the node runs")?;
        let status = Command::new("kill").arg(child.id().to_string()).status()?;
        ensure!(status.success(), "kill {} failed", child.id());
        let deadline = Instant::now() + PATIENCE;
        loop {
            match child.try_wait()? {
                Some(status) => return Ok(status),
                None if Instant::now() > deadline => bail!("node {merchant} does not stop"),
                None => std::thread::sleep(POLL),
            }
        }
    }

    /// Whether the process of a node is still there.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn is_running(&mut self, merchant: u16) -> Result<bool> {
        match &mut self.node_mut(merchant).process {
            Some(child) => Ok(child.try_wait()?.is_none()),
            None => Ok(false),
        }
    }

    /// Waits until a node says that it is ready.
    ///
    /// # Errors
    /// When it is not in time; the message holds the end of its log.
    pub async fn ready(&self, merchant: u16) -> Result<()> {
        let url = format!("{}/readyz", self.node(merchant).url);
        let ready = self.until(|| async {
            let answer = self.http.get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        });
        match ready.await {
            Some(()) => Ok(()),
            None => bail!("node {merchant} is not ready: {}", self.log_end(merchant)),
        }
    }

    /// Polls until something is there; none when patience ends.
    pub async fn until<T, F: Future<Output = Option<T>>>(&self, probe: impl Fn() -> F) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(found) = probe().await {
                return Some(found);
            }
            tokio::time::sleep(POLL).await;
        }
        None
    }

    /// A fresh reference: the time, and a count within this alliance.
    pub fn reference(&mut self) -> Reference {
        self.references += 1;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        Reference::new(u64::try_from(now.as_millis()).expect("before year 584 million"), self.references)
    }

    /// The API token of a merchant's node.
    #[must_use]
    pub fn token(&self, merchant: u16) -> &str {
        &self.node(merchant).token
    }

    /// A GET of a node, authorized.
    pub fn get(&self, merchant: u16, path: &str) -> RequestBuilder {
        let node = self.node(merchant);
        self.http.get(format!("{}{path}", node.url)).bearer_auth(&node.token)
    }

    /// A POST to a node, authorized.
    pub fn post(&self, merchant: u16, path: &str) -> RequestBuilder {
        let node = self.node(merchant);
        self.http.post(format!("{}{path}", node.url)).bearer_auth(&node.token)
    }

    /// The JSON of a GET that must succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn read(&self, merchant: u16, path: &str) -> Result<Value> {
        let answer = self.get(merchant, path).send().await?;
        ensure!(answer.status().is_success(), "{path} gave {}", answer.status());
        Ok(answer.json().await?)
    }

    /// Submits one operation at a merchant's own node; `wait` seconds for its receipt.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub async fn submit(&self, merchant: u16, reference: Reference, body: &Value, wait: u32) -> Result<Response> {
        let request = self.post(merchant, "/v1/operations").header("Idempotency-Key", reference.to_string());
        let request = if wait > 0 { request.header("Prefer", format!("wait={wait}")) } else { request };
        Ok(request.json(&json!({ "body": body })).send().await?)
    }

    /// Submits one operation that must be applied; gives what `applied` says.
    ///
    /// # Errors
    /// When it is not.
    pub async fn applied(&mut self, merchant: u16, body: &Value) -> Result<Value> {
        let reference = self.reference();
        let answer = self.submit(merchant, reference, body, 30).await?;
        let (status, answer) = (answer.status(), answer.json::<Value>().await?);
        let applied = answer["receipt"]["outcome"]["applied"].clone();
        ensure!(!applied.is_null(), "{body} gave {status}: {answer}");
        Ok(applied)
    }

    /// Enrols a member at a merchant; gives its card code.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn enrol(&mut self, merchant: u16, number: u8) -> Result<String> {
        let commitment = hex::encode([number; 32]);
        let applied = self.applied(merchant, &json!({ "enrol": { "commitment": commitment } })).await?;
        Ok(applied["enrolled"]["member"].as_str().context("a card code")?.to_owned())
    }

    /// The receipt of an operation as a node has it, if it is final there.
    pub async fn receipt(&self, node: u16, merchant: MerchantId, reference: Reference) -> Option<Value> {
        let answer = self.get(node, &format!("/v1/operations/{merchant}/{reference}")).send().await.ok()?;
        let answer: Value = answer.json().await.ok()?;
        answer.get("receipt").filter(|receipt| !receipt.is_null())?;
        Some(answer)
    }

    /// The height that a node has executed.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn height(&self, merchant: u16) -> Result<u64> {
        let status = self.read(merchant, "/v1/status").await?;
        status["height"].as_u64().context("a height is a number")
    }

    /// Waits until a node has executed a height.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn reach(&self, merchant: u16, height: u64) -> Result<()> {
        let reached =
            self.until(|| async { self.height(merchant).await.ok().filter(|found| *found >= height).map(|_| ()) });
        match reached.await {
            Some(()) => Ok(()),
            None => bail!("node {merchant} does not reach height {height}: {}", self.log_end(merchant)),
        }
    }

    /// The last lines of a node's log.
    #[must_use]
    pub fn log_end(&self, merchant: u16) -> String {
        let log = std::fs::read_to_string(self.merchant_dir(merchant).join("test.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn node(&self, merchant: u16) -> &Node {
        &self.nodes[usize::from(merchant) - 1]
    }

    fn node_mut(&mut self, merchant: u16) -> &mut Node {
        &mut self.nodes[usize::from(merchant) - 1]
    }
}

impl Node {
    /// A node of the alliance in `dir`, as its manifest has it.
    fn new(dir: &Path, value: &Value) -> Result<Self> {
        let token = dir.join(format!("merchant-{}", value["merchant"])).join("api.token");
        Ok(Self {
            url: value["api"].as_str().context("a node has its address")?.to_owned(),
            token: std::fs::read_to_string(token)?.trim().to_owned(),
            process: None,
        })
    }
}

/// Makes an alliance on ports of its own: tests of one process run side by side, and a node that restarts must find its
/// ports free, so they lie below the range from which the system gives out ports by itself.
fn init_network(merchants: u16, out: &Path, options: &[&str]) -> Result<()> {
    static NEXT_PORT: AtomicU16 = AtomicU16::new(FIRST_PORT);
    loop {
        let port = NEXT_PORT.fetch_add(PORTS_PER_ALLIANCE, Ordering::Relaxed);
        ensure!(port < LAST_PORT, "no free ports from {FIRST_PORT} to {LAST_PORT}");
        let (count, base, dir) = (merchants.to_string(), port.to_string(), out.to_string_lossy());
        let arguments = ["network", "init", "--merchants", &count, "--base-port", &base, "--out", &dir];
        let output = tally(&[&arguments, options].concat())?;
        if output.status.success() {
            return Ok(());
        }
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(error.contains("--base-port"), "tally network init: {error}");
    }
}

const FIRST_PORT: u16 = 27_000;
const LAST_PORT: u16 = 32_000;
/// Ten a node, at most five nodes.
const PORTS_PER_ALLIANCE: u16 = 50;

/// Time between two looks at something awaited.
const POLL: Duration = Duration::from_millis(50);

impl Drop for Alliance {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(child) = &mut node.process {
                // A process that has ended already cannot be killed, and need not be.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
