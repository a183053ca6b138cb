//! One node alone in its alliance, the same in every run: its keys, its genesis and its clock are fixed, so what is signed
//! for it stays valid and what it answers hardly varies.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::Genesis;
use tempfile::TempDir;

/// Time before the first block: 2026-01-05T00:00:00Z.
pub const GENESIS_MS: u64 = 1_767_571_200_000;
/// The first block, a millisecond later, is a checkpoint; the next comes only when the clock is set.
const CHECKPOINT_INTERVAL_MS: u64 = 3_191;
const _: () = assert!((GENESIS_MS + 1).is_multiple_of(CHECKPOINT_INTERVAL_MS));
/// The token of the only client.
pub const TOKEN: &str = "a-token-for-tests-only";

/// The keys of the alliance, by the byte that their seeds repeat.
pub mod key {
    /// Signs votes.
    pub const VALIDATOR: u8 = 1;
    /// Identifies the node to its peers, of which there are none.
    pub const NETWORK: u8 = 2;
    /// Issuer and acceptor; lives in the node.
    pub const OPERATOR: u8 = 3;
    /// Confirms settlement.
    pub const TREASURER: u8 = 4;
    /// Opens classes, adds keys.
    pub const GOVERNOR: u8 = 5;
    /// Sets the clock.
    pub const CLOCK: u8 = 6;
    /// Imports the airline's miles.
    pub const AIRLINE: u8 = 7;
    /// Settles for the airline.
    pub const AIRLINE_TREASURER: u8 = 8;
    /// Signs checkpoints.
    pub const COSIGNER: u8 = 9;
}

/// A key by its seed's byte.
#[must_use]
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// The alliance's founding agreement.
///
/// # Panics
/// When the contracts no longer read it.
#[must_use]
pub fn genesis() -> Genesis {
    let public = |seed| PublicKey::of(&key(seed));
    let terms = |anchor: &str| {
        json!({
            "decimals": 0, "anchor": anchor, "earn_rate": "1", "life_months": 12, "accepted_by": [],
            "custodian_member_limit_fen": "0", "custodian_limit_fen": "0",
        })
    };
    let mut cups = terms("0.01");
    cups["accepted_by"] = json!([1]);
    cups["sub"] = json!({ "main": 1, "split_rate": "1" });
    let genesis = json!({
        "name": "harbour", "time_ms": GENESIS_MS, "utc_offset_minutes": 480,
        "clock": { "simulated": { "keys": [public(key::CLOCK)] } },
        "parameters": {
            "idle_block_ms": 200, "checkpoint_interval_ms": CHECKPOINT_INTERVAL_MS, "min_anchor": "0.001", "max_anchor": "1", "exchange": { "spread": "0.02" },
            "no_consent_limit_fen": "100000", "refund_window_days": 30,
        },
        "merchants": [{
            "id": 1, "name": "Harbour Coffee", "validator_key": public(key::VALIDATOR),
            "cosigner_key": public(key::COSIGNER),
            "net_debit_cap_fen": "100000000",
            "operator_keys": [
                { "public_key": public(key::OPERATOR), "roles": ["issuer", "acceptor"] },
                { "public_key": public(key::TREASURER), "roles": ["treasurer"] },
                { "public_key": public(key::GOVERNOR), "roles": ["governor"] },
            ],
        }],
        "partners": [{
            "id": 2, "name": "Harbour Air", "collateral_fen": "100000",
            "operator_keys": [
                { "public_key": public(key::AIRLINE), "roles": ["issuer"] },
                { "public_key": public(key::AIRLINE_TREASURER), "roles": ["treasurer"] },
            ],
            "imports": [{ "class": 1, "ratio": { "units": 100, "points": 10 } }],
        }],
        "calendar": { "holidays": ["2026-01-01", "2026-02-17"], "workdays": ["2026-02-14"] },
        "classes": [
            { "id": 1, "name": "Harbour beans", "issuer": 1, "terms": terms("0.01") },
            { "id": 2, "name": "Harbour stamps", "issuer": 1, "terms": terms("0.05") },
            { "id": 4, "name": "Harbour cups", "issuer": 1, "terms": cups },
        ],
    });
    serde_json::from_value(genesis).expect("a genesis that the contracts read")
}

const CONFIG: &str = r#"
data_dir = "data"
genesis = "genesis.json"
merchant = 1
allow_simulated_clock = true
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
[log]
format = "json"
"#;

/// The running node. It ends with this.
pub struct Solo {
    _dir: TempDir,
    process: Child,
    url: String,
}

impl Solo {
    /// Starts the node and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start; the message has its log.
    pub fn start() -> Result<Self> {
        let dir = TempDir::new()?;
        for (purpose, seed) in [
            ("validator", key::VALIDATOR),
            ("cosigner", key::COSIGNER),
            ("network", key::NETWORK),
            ("operator", key::OPERATOR),
        ] {
            let text = format!("tally-key-v1:{purpose}:{}\n", hex::encode(key(seed).to_bytes()));
            write_secret(&dir.path().join(format!("{purpose}.key")), &text)?;
        }
        write_secret(&dir.path().join("test.token"), &format!("{TOKEN}\n"))?;
        fs::write(dir.path().join("genesis.json"), serde_json::to_vec(&genesis())?)?;
        let config = dir.path().join("node.toml");
        fs::write(&config, CONFIG)?;
        let mut command = Command::new(crate::binary("tallyd")?);
        command.arg("--config").arg(&config).env_remove("RUST_LOG").stdin(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let mut log = BufReader::new(process.stderr.take().context("its log is piped")?);
        let address = ready_address(&mut log)?;
        // The pipe must not fill up.
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(drop));
        Ok(Self { _dir: dir, process, url: format!("http://{address}") })
    }

    /// Where it serves.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Solo {
    fn drop(&mut self) {
        // A process that has ended already cannot be killed, and need not be.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write_secret(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o600))?)
}

/// The HTTP address in the line that says that the node is ready.
fn ready_address(log: &mut impl BufRead) -> Result<String> {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        if log.read_line(&mut line)? == 0 {
            bail!("the node ended:\n{said}");
        }
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "ready" {
            return Ok(event["http"].as_str().context("an address")?.to_owned());
        }
        said.push_str(&line);
    }
}
