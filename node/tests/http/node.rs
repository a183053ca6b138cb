//! One real `tallyd`, alone in its alliance, on ports that the system chooses; and a client of a few lines for it.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tally_contracts::crypto::PublicKey;
use tally_contracts::types::{DAY_MS, Reference};
use tempfile::TempDir;

/// The token that the configuration knows.
pub const TOKEN: &str = "a-token-for-tests-only";
/// Longest wait for anything, far above what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number of the key that sets a simulated clock.
pub const CLOCK_KEY: u8 = 5;

/// The node's files, and the node while it runs.
pub struct Node {
    pub dir: TempDir,
    process: Option<(Child, String)>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, after the status was as expected.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }
}

/// A key from its number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// An alliance of one merchant with two classes, begun now. It takes a checkpoint a day: at an interval of minutes, whether one
/// falls into a test, and the node's attestation of it among what the test counts, would depend on the hour.
pub fn genesis() -> Value {
    let class = json!({
        "decimals": 0, "anchor": "0.01", "earn_rate": "1", "life_months": 12, "accepted_by": [],
        "custodian_member_limit_fen": "0", "custodian_limit_fen": "0",
    });
    json!({
        "name": "one", "time_ms": now_ms(), "utc_offset_minutes": 480, "clock": "real",
        "parameters": {
            "idle_block_ms": 200, "checkpoint_interval_ms": DAY_MS,
            "min_anchor": "0.001", "max_anchor": "1", "exchange": { "spread": "0.02" },
            "no_consent_limit_fen": "100000", "refund_window_days": 30,
        },
        "merchants": [{
            "id": 1, "name": "Alpha", "validator_key": PublicKey::of(&key(1)), "cosigner_key": PublicKey::of(&key(90)), "net_debit_cap_fen": "100000000",
            "operator_keys": [
                { "public_key": PublicKey::of(&key(3)), "roles": ["issuer", "acceptor"] },
                { "public_key": PublicKey::of(&key(4)), "roles": ["treasurer"] },
            ],
        }],
        "classes": [
            { "id": 1, "name": "Alpha points", "issuer": 1, "terms": class },
            { "id": 2, "name": "Alpha stamps", "issuer": 1, "terms": class },
        ],
    })
}

/// A node's configuration, with small limits.
pub const CONFIG: &str = r#"
data_dir = "data"
genesis = "genesis.json"
merchant = 1
[keys]
validator = "validator.key"
network = "network.key"
operator = "operator.key"
cosigner = "cosigner.key"
[listen]
consensus = "/ip4/127.0.0.1/tcp/0"
transactions = "/ip4/127.0.0.1/tcp/0"
http = "127.0.0.1:0"
[[clients]]
name = "test"
token_file = "test.token"
[limits]
request_bytes = 10000
bulk_operations = 5
event_streams = 3
[log]
format = "json"
"#;

impl Node {
    /// The files of a node that was not started yet.
    pub fn prepare() -> Self {
        Self::prepare_with(genesis(), CONFIG)
    }

    /// The same, for an alliance whose clock is set by [`CLOCK_KEY`].
    pub fn prepare_simulated() -> Self {
        let mut genesis = genesis();
        genesis["clock"] = json!({ "simulated": { "keys": [PublicKey::of(&key(CLOCK_KEY))] } });
        Self::prepare_with(genesis, &format!("allow_simulated_clock = true\n{CONFIG}"))
    }

    /// The same, with a genesis and a configuration.
    pub fn prepare_with(genesis: Value, config: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let keys = [("validator", 1), ("network", 2), ("operator", 3), ("cosigner", 90)];
        for (purpose, number) in keys {
            let text = format!("tally-key-v1:{purpose}:{}\n", hex::encode(key(number).to_bytes()));
            write_secret(&dir.path().join(format!("{purpose}.key")), &text);
        }
        write_secret(&dir.path().join("test.token"), &format!("{TOKEN}\n"));
        fs::write(dir.path().join("genesis.json"), genesis.to_string()).expect("written");
        fs::write(dir.path().join("node.toml"), config).expect("written");
        Self { dir, process: None }
    }

    /// Runs `tallyd --check`; gives whether it was content, and what it said.
    pub fn check(&self) -> (bool, String) {
        let output = self.command().arg("--check").output().expect("tallyd runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallyd"));
        command.arg("--config").arg(self.dir.path().join("node.toml")).env_remove("RUST_LOG");
        command
    }

    /// Starts the node and waits until it says that it is ready.
    pub fn start(&mut self) {
        let mut child = self.command().stderr(Stdio::piped()).spawn().expect("tallyd starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log is piped"));
        let address = ready_address(&mut log);
        // The pipe must not fill up; what comes now is shown where a test fails.
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        self.process = Some((child, address));
    }

    /// Asks the node to stop, and waits; gives how long it took.
    pub fn stop(&mut self) -> Duration {
        let (mut child, _) = self.process.take().expect("it runs");
        let started = Instant::now();
        let sent = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().expect("kill runs");
        assert!(sent.success());
        while started.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait().expect("a child") {
                assert!(status.success(), "it ended with {status}");
                return started.elapsed();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().expect("killed");
        panic!("the node does not stop");
    }

    /// Sends a request with the token.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let headers = [&[("Authorization", token.as_str())], headers].concat();
        self.send_plain(method, path, &headers, body)
    }

    /// Sends a request as it is.
    pub fn send_plain(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.request(method, path, headers, body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let mut answer = parse(&bytes);
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = join_chunks(&answer.body);
        }
        answer
    }

    /// Sends a request; its answer is to be read.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let (_, address) = self.process.as_ref().expect("it runs");
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: tally\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).expect("sent");
        // The node may answer and close before it has read a body that it does not want.
        let _ = stream.write_all(body);
        stream
    }

    /// Opens a stream of events, or gives the answer where there is none.
    pub fn events(&self, query: &str, last_seen: Option<&str>) -> Result<Events, Answer> {
        let token = format!("Bearer {TOKEN}");
        let mut headers = vec![("Authorization", token.as_str())];
        headers.extend(last_seen.map(|id| ("Last-Event-ID", id)));
        let mut stream = BufReader::new(self.request("GET", &format!("/v1/events{query}"), &headers, b""));
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(stream.read_until(b'\n', &mut head).expect("the answer's head") > 0, "no answer");
        }
        let mut answer = parse(&head);
        if answer.status != 200 {
            stream.read_to_end(&mut answer.body).expect("a body");
            return Err(answer);
        }
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        Ok(Events { stream, text: String::new() })
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// Submits one operation under a reference and waits for its receipt.
    pub fn submit(&self, reference: &Reference, body: Value) -> Answer {
        self.submit_in(reference, body, "en")
    }

    pub fn submit_in(&self, reference: &Reference, body: Value, language: &str) -> Answer {
        let reference = reference.to_string();
        let headers = [("Idempotency-Key", reference.as_str()), ("Prefer", "wait=30"), ("Accept-Language", language)];
        let till = json!({ "store_id": 7, "till_id": 1 });
        self.send("POST", "/v1/operations", &headers, json!({ "till": till, "body": body }).to_string().as_bytes())
    }
}

/// An open stream of events. Dropping it cuts the connection.
pub struct Events {
    stream: BufReader<TcpStream>,
    text: String,
}

/// One event as a client gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Events {
    /// The next event; none when the node has ended the stream in order.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(event) = read_event(&block) {
                    return Some(event);
                }
            }
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("the length of a chunk");
            let length = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|e| panic!("{e}: `{line}`"));
            let mut chunk = vec![0; length + 2];
            self.stream.read_exact(&mut chunk).expect("a chunk");
            if length == 0 {
                return None;
            }
            self.text.push_str(std::str::from_utf8(&chunk[..length]).expect("UTF-8"));
        }
    }

    /// The next event of a name.
    pub fn next_of(&mut self, name: &str) -> Event {
        std::iter::from_fn(|| self.next()).find(|event| event.name == name).expect("the stream goes on")
    }
}

/// An event by the rules of the specification; none for comments and for what has no data.
fn read_event(block: &str) -> Option<Event> {
    let (mut id, mut name, mut data) = (String::new(), String::new(), Vec::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => id = value.to_owned(),
            "event" => name = value.to_owned(),
            "data" => data.push(value),
            "retry" | "" => {}
            _ => panic!("field `{field}` in {block}"),
        }
    }
    let data = serde_json::from_str(&data.join("\n")).ok()?;
    Some(Event { id, name, data })
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("set");
}

/// The HTTP address in the line that says that the node is ready.
fn ready_address(log: &mut BufReader<ChildStderr>) -> String {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        if log.read_line(&mut line).expect("its log") == 0 {
            panic!("the node ended:\n{said}");
        }
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "ready" {
            return event["http"].as_str().expect("an address").to_owned();
        }
        said.push_str(&line);
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no answer: {bytes:?}"));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).expect("a status");
    let header = |line: &str| line.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    Answer { status, headers, body: bytes[end + 4..].to_vec() }
}

fn join_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n").expect("the length of a chunk");
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).expect("text"), 16).expect("a length");
        if length == 0 {
            return joined;
        }
        joined.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
}

pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("fits")
}

/// A reference of now that no other has.
pub fn reference() -> Reference {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Reference::new(now_ms(), u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}
