//! A till that loses its line: what it queues meanwhile takes effect exactly once, in order, whatever else breaks.
//!
//! Four nodes; the till reaches two of them over lines that are cut, then lose every other answer. Its delivering process and
//! one of its nodes end with kill -9 in between. At the end every operation is compared with a model that knows nothing of
//! the ledger. Run it with `--nocapture` to watch (`make till-demo`); `TALLY_TILL_SEED` repeats a run.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tally_tests::line::{Line, Quality};
use tally_tests::{Alliance, binary, tally, tally_ok};

/// Operations that are queued while the line is cut.
const QUEUED: usize = 220;
/// Operations before and after.
const ONLINE: usize = 20;

/// A till of merchant 1: its queue, its process, and the lines to its two nodes.
struct Till {
    queue: PathBuf,
    delivery: Option<Child>,
}

impl Till {
    fn make(alliance: &Alliance, name: &str, lines: [&Line; 2]) -> Result<Self> {
        let queue = alliance.dir().join(name);
        let (path, key) = (queue.to_string_lossy().into_owned(), alliance.dir().join("till-key/operator.key"));
        let token = |merchant: u16| alliance.merchant_dir(merchant).join("api.token").to_string_lossy().into_owned();
        let answer = tally_ok(&[
            "--json",
            "till",
            "init",
            "--queue",
            &path,
            "--merchant",
            "1",
            "--till",
            "12:1",
            "--key",
            &key.to_string_lossy(),
            "--node",
            &lines[0].url,
            "--token-file",
            &token(1),
            "--node",
            &lines[1].url,
            "--token-file",
            &token(2),
        ])?;
        let answer: Value = serde_json::from_str(&answer)?;
        ensure!(answer["warning"].is_null(), "the till's key is one of the genesis: {answer}");
        Ok(Self { queue, delivery: None })
    }

    fn path(&self) -> String {
        self.queue.to_string_lossy().into_owned()
    }

    /// Starts `tally till run`, in transactions of at most 25 operations.
    fn deliver(&mut self) -> Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.queue.join("run.log"))?;
        let run = ["--json", "till", "run", "--batch", "25", "--max-wait", "1", "--queue", &self.path()];
        let mut delivery = Command::new(binary("tally")?);
        delivery.args(run).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.delivery = Some(delivery.spawn()?);
        Ok(())
    }

    /// Ends it as a power cut would.
    fn kill(&mut self) -> Result<()> {
        let mut child = self.delivery.take().context("the till delivers")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Feeds lines of JSON to `tally till add`, which goes on waiting for more.
    fn feed(&self, operations: &[Value]) -> Result<(Child, ChildStdin)> {
        let mut child = Command::new(binary("tally")?)
            .args(["--json", "till", "add", "--file", "-", "--queue", &self.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let text: String = operations.iter().map(|operation| format!("{operation}\n")).collect();
        let mut pipe = child.stdin.take().context("a pipe")?;
        pipe.write_all(text.as_bytes())?;
        Ok((child, pipe))
    }

    /// The same, until `answers` were given; then it ends as in a power cut.
    fn add_and_kill(&self, operations: &[Value], answers: usize) -> Result<()> {
        let (mut child, _pipe) = self.feed(operations)?;
        let output = child.stdout.take().context("a pipe")?;
        ensure!(BufReader::new(output).lines().take(answers).count() == answers, "`add` ended by itself");
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Feeds lines of JSON to `tally till add`; gives its exit code and its answers.
    fn add(&self, operations: &[Value]) -> Result<(Option<i32>, Vec<Value>)> {
        let (child, pipe) = self.feed(operations)?;
        drop(pipe);
        let output = child.wait_with_output()?;
        let lines = std::str::from_utf8(&output.stdout)?.lines();
        Ok((output.status.code(), lines.map(serde_json::from_str).collect::<Result<_, _>>()?))
    }

    /// The same, and each must be taken under this status.
    fn add_all(&self, operations: &[Value], status: &str) -> Result<()> {
        let (code, answers) = self.add(operations)?;
        let all = answers.len() == operations.len() && answers.iter().all(|answer| answer["status"] == status);
        ensure!(code == Some(0) && all, "all are {status}: {code:?} {answers:?}");
        Ok(())
    }

    fn status(&self) -> Result<Value> {
        let output = tally(&["--json", "till", "status", "--queue", &self.path()])?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn entries(&self) -> Result<Vec<Value>> {
        let text = tally_ok(&["--json", "till", "list", "--limit", "100000", "--queue", &self.path()])?;
        let mut list: Value = serde_json::from_str(&text)?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Waits until the status is as wanted.
    async fn until(&self, alliance: &Alliance, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = alliance.until(|| async { self.status().ok().filter(&wanted) }).await;
        found.with_context(|| {
            let log = std::fs::read_to_string(self.queue.join("run.log")).unwrap_or_default();
            let end: Vec<&str> = log.lines().rev().take(15).collect();
            format!("{what}: {:?}\n{}", self.status(), end.join("\n"))
        })
    }
}

impl Drop for Till {
    fn drop(&mut self) {
        if let Some(child) = &mut self.delivery {
            // One that has ended already cannot be killed, and need not be.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What members hold, by what the operations mean and nothing else.
struct Model {
    points: BTreeMap<String, u64>,
    issued: u64,
    /// Order number and outcome of each operation.
    expected: Vec<(String, &'static str)>,
    random: Random,
    now_ms: u64,
}

/// Numbers from a seed (Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

impl Model {
    fn new(seed: u64, now_ms: u64) -> Self {
        Self { points: BTreeMap::new(), issued: 0, expected: Vec::new(), random: Random(seed), now_ms }
    }

    /// The next order as the cash register says it.
    fn order(&mut self, body: Value, outcome: &'static str) -> Value {
        let order = format!("2026-{:05}", self.expected.len() + 1);
        self.expected.push((order.clone(), outcome));
        json!({ "order": order, "at_ms": self.now_ms, "body": body })
    }

    /// The next orders; some spend what is not there.
    fn orders(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Value {
        let members: Vec<String> = self.points.keys().cloned().collect();
        let mut pick = || members[self.random.below(members.len() as u64) as usize].clone();
        let (member, to) = (pick(), pick());
        let (amount, held) = (1 + self.random.below(400), self.points[&member]);
        let (points, enough) = (amount.to_string(), held >= amount);
        let spent = if enough { "applied" } else { "rejected" };
        match self.random.below(10) {
            0..6 => {
                self.issued += amount;
                *self.points.entry(member.clone()).or_default() += amount;
                let lines = json!([{ "category": 7, "amount_fen": (amount * 100).to_string() }]);
                self.order(json!({ "issue": { "class": 1, "member": member, "lines": lines } }), "applied")
            }
            6..8 if to != member => {
                if enough {
                    self.points.insert(member.clone(), held - amount);
                    *self.points.entry(to.clone()).or_default() += amount;
                }
                self.order(json!({ "transfer": { "class": 1, "from": member, "to": to, "points": points } }), spent)
            }
            _ => {
                if enough {
                    self.points.insert(member.clone(), held - amount);
                }
                self.order(json!({ "redeem": { "class": 1, "member": member, "points": points } }), spent)
            }
        }
    }
}

/// Four nodes, and a key of the till's own in the genesis, bound to its store.
async fn alliance_with_a_till_key() -> Result<Alliance> {
    let mut alliance = Alliance::init(4)?;
    let keys = alliance.dir().join("till-key");
    let made = tally_ok(&["--json", "keys", "new", "--out", &keys.to_string_lossy(), "--roles", "issuer,acceptor"])?;
    let made: Value = serde_json::from_str(&made)?;
    let path = alliance.dir().join("genesis.json");
    let mut genesis: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    let key = json!({ "public_key": made["public_key"], "roles": ["issuer", "acceptor"], "store_id": 12 });
    genesis["merchants"][0]["operator_keys"].as_array_mut().context("keys")?.push(key);
    std::fs::write(&path, genesis.to_string())?;
    for merchant in 1..=4 {
        alliance.spawn(merchant)?;
    }
    for merchant in 1..=4 {
        alliance.ready(merchant).await?;
    }
    Ok(alliance)
}

/// The first outcome of every operation of the till's store in the blocks of a node, by reference; and how many duplicates
/// they hold besides.
async fn executed(alliance: &Alliance, node: u16, last: u64) -> Result<(BTreeMap<String, String>, usize)> {
    let (mut found, mut duplicates) = (BTreeMap::new(), 0);
    for height in 1..=last {
        let block = alliance.read(node, &format!("/v1/blocks/{height}")).await?;
        for transaction in block["transactions"].as_array().context("transactions")? {
            let operations = transaction["transaction"]["operations"].as_array().context("operations")?;
            let receipts = transaction["receipts"].as_array().context("receipts")?;
            for (_, placed) in operations.iter().zip(receipts).filter(|(o, _)| o["till"]["store_id"] == 12) {
                let reference = placed["receipt"]["reference"].as_str().context("a reference")?.to_owned();
                let outcome = placed["receipt"]["outcome"].as_object().and_then(|o| o.keys().next());
                match outcome.context("an outcome")?.as_str() {
                    "duplicate" => duplicates += 1,
                    name => {
                        let before = found.insert(reference.clone(), name.to_owned());
                        ensure!(before.is_none(), "{reference} happened twice");
                    }
                }
            }
        }
    }
    Ok((found, duplicates))
}

/// The queue, the ledger on every node and the model agree.
async fn compare(alliance: &Alliance, till: &Till, model: &Model) -> Result<usize> {
    let entries = till.entries()?;
    ensure!(entries.len() == model.expected.len(), "{} entries", entries.len());
    // The till heard of its receipts from one node or the other, each at its own height: all is there at the highest.
    let mut height = 0;
    for node in 1..=4 {
        height = height.max(alliance.height(node).await?);
    }
    let mut found = (BTreeMap::new(), 0);
    for node in 1..=4 {
        alliance.reach(node, height).await?;
        found = executed(alliance, node, height).await?;
        ensure!(found.0.len() == entries.len(), "node {node} has {} of {} operations", found.0.len(), entries.len());
        for (member, expected) in &model.points {
            let holding = alliance.read(node, &format!("/v1/members/{member}")).await?;
            let lots = holding["balances"].as_array().context("balances")?;
            let points =
                lots.iter().find(|lot| lot["class"] == 1).map_or("0", |lot| lot["points"].as_str().unwrap_or("?"));
            ensure!(points == expected.to_string(), "node {node}: {member} holds {points}, not {expected}");
        }
        let class = alliance.read(node, "/v1/classes/1").await?;
        let issued = class["totals"]["issued"].as_str().context("a number")?;
        ensure!(issued.parse() == Ok(model.issued), "node {node}: {class}, not {}", model.issued);
    }
    for (entry, (order, outcome)) in entries.iter().zip(&model.expected) {
        ensure!(entry["order"] == order.as_str() && entry["state"] == *outcome, "{order} is {outcome}: {entry}");
        let reference = entry["reference"].as_str().context("a reference")?;
        ensure!(found.0.get(reference).is_some_and(|found| found == outcome), "{order} on the ledger: {entry}");
        ensure!(!entry["receipt"].is_null(), "{entry}");
    }
    Ok(found.1)
}

/// The cash register sends its journal again, into the same queue, and into that of a till whose disk was replaced.
async fn replay(alliance: &Alliance, till: &Till, lines: [&Line; 2], journal: &[Value], model: &Model) -> Result<()> {
    let before = compare(alliance, till, model).await?;
    till.add_all(journal, "known")?;
    let (code, answers) = till.add(&[json!({ "order": journal[0]["order"], "body": journal[1]["body"] })])?;
    ensure!(code == Some(1) && answers[0]["status"] == "refused", "{answers:?}");
    let mut replaced = Till::make(alliance, "replaced", lines)?;
    replaced.add_all(journal, "queued")?;
    replaced.deliver()?;
    replaced.until(alliance, "all known", |status| status["queued"] == 0).await?;
    compare(alliance, till, model).await?;
    let after = compare(alliance, &replaced, model).await?;
    ensure!(after == before + journal.len(), "each is a duplicate once more: {before}, {after}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_that_loses_its_line_loses_and_doubles_nothing() -> Result<()> {
    let seed = match std::env::var("TALLY_TILL_SEED") {
        Ok(text) => text.parse()?,
        Err(_) => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs(),
    };
    println!("till: seed={seed}");
    let mut alliance = alliance_with_a_till_key().await?;
    let (own, other) = (Line::to(alliance.url(1)).await?, Line::to(alliance.url(2)).await?);
    let both = |quality| [&own, &other].map(|line| line.set(quality));
    let mut till = Till::make(&alliance, "till", [&own, &other])?;
    let mut model = Model::new(seed, alliance.reference().time_ms());
    for number in 1..=6 {
        let member = alliance.enrol(1, number).await?;
        model.points.insert(member, 0);
    }

    till.deliver()?;
    let mut journal = model.orders(ONLINE);
    till.add_all(&journal, "queued")?;
    till.until(&alliance, "delivered at once", |status| status["delivered"] == ONLINE && status["line"] == "up")
        .await?;
    println!("till: line up, {ONLINE} operations delivered");

    both(Quality::Cut);
    // A customer joins meanwhile: the card code follows from the enrolment, so the card is good before the line is.
    let enrolment = model.order(json!({ "enrol": { "commitment": hex::encode([77; 32]) } }), "applied");
    let (_, answers) = till.add(std::slice::from_ref(&enrolment))?;
    model.points.insert(answers[0]["member"].as_str().context("a card code")?.to_owned(), 0);
    let meanwhile = model.orders(QUEUED - 1);
    till.add_and_kill(&meanwhile, 60)?;
    let (_, answers) = till.add(&meanwhile)?;
    ensure!(
        answers.len() == meanwhile.len() && answers.iter().all(|answer| answer["status"] != "refused"),
        "{answers:?}"
    );
    ensure!(answers[..60].iter().all(|answer| answer["status"] == "known"), "what was answered is there: {answers:?}");
    journal.extend([vec![enrolment], meanwhile].concat());
    till.until(&alliance, "it says so", |status| status["line"] == "down" && status["queued"] == QUEUED).await?;
    till.kill()?;
    ensure!(till.status()?["queued"] == QUEUED, "nothing queued is lost");
    till.deliver()?;
    // The rest of the alliance goes on.
    alliance.enrol(3, 9).await?;
    println!("till: line cut, {QUEUED} operations queued, `add` and delivery killed and started again");

    both(Quality::LosesAnswers);
    let delivered = |status: &Value| status["delivered"].as_u64().unwrap_or_default() as usize;
    till.until(&alliance, "some go through", |status| delivered(status) >= ONLINE + 50).await?;
    till.kill()?;
    till.deliver()?;
    alliance.kill(1)?;
    println!("till: half of the answers lost, delivery killed again, the till's own node killed");
    till.until(&alliance, "more go through", |status| delivered(status) >= ONLINE + 120).await?;
    let lost = own.answers_lost() + other.answers_lost();
    ensure!(lost > 0, "answers were lost");
    alliance.spawn(1)?;
    both(Quality::Good);
    till.until(&alliance, "all delivered", |status| status["queued"] == 0 && status["on_their_way"] == 0).await?;
    alliance.ready(1).await?;
    let duplicates = compare(&alliance, &till, &model).await?;
    let (all, refused) = (journal.len(), own.refused() + other.refused());
    let applied = model.expected.iter().filter(|(_, outcome)| *outcome == "applied").count();
    println!(
        "till: line up, all {all} operations took effect once, in order: {applied} applied, {} rejected as the model says \
         (answers lost {lost}, connections refused {refused}, duplicates on the chain {duplicates})",
        all - applied,
    );
    replay(&alliance, &till, [&own, &other], &journal, &model).await?;
    println!(
        "till: ok seed={seed} operations={all} effects={all} answers_lost={lost} replayed={} doubled=0 lost=0",
        2 * all
    );
    Ok(())
}
