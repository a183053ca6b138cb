//! `node.toml`: what one node is told, a merchant's or an observer's. Every key is explained in `network-configs/production.toml`.
//!
//! Strict on purpose: an unknown key is refused, so that a mistyped limit is never silently the default. Paths are relative
//! to the directory of the configuration file. No secret stands in the file itself: keys and tokens are given by path, and
//! a key file that others may read is refused.
//!
//! # Format of a key file
//! One line `tally-key-v1:<purpose>:<64 hexadecimal digits>`: the Ed25519 seed (RFC 8032) marked with what it is for
//! (`validator`, `network`, `operator` or `cosigner`), so that no key is used in another's place and scanners for secrets find it.
//! Nobody but the owner may read the file (mode 0600 or 0400).

mod anchors;
mod check;
mod files;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ed25519_dalek::SigningKey;
use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Deserializer, de};
use tally_contracts::genesis::Genesis;
use tally_contracts::types::{Hash, MerchantId};
use tally_replica::storage::row_cache::default_bytes;

use crate::anchoring::Operator;

use anchors::read_operators;
use files::{read, read_client, read_genesis, read_key};

pub use anchors::{Anchors, TimeStamps, Witness};

/// What stands at the start of every key file.
pub const KEY_FILE_MARK: &str = "tally-key-v1";

/// The configuration of a node, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the node keeps its chain, state and outbox.
    pub data_dir: PathBuf,
    /// The alliance's founding agreement, `genesis.json`.
    pub genesis: PathBuf,
    /// The merchant whose node this is; left out for an observer, which follows the chain and neither votes nor signs.
    pub merchant: Option<MerchantId>,
    /// Whether the node may run an alliance with a simulated clock: demonstrations and tests only.
    #[serde(default)]
    pub allow_simulated_clock: bool,
    /// How votes and proposals reach the other nodes; the same on all of them.
    #[serde(default)]
    pub spread: Spread,
    /// Files that hold the node's secret keys.
    pub keys: KeyFiles,
    /// Where the node listens.
    pub listen: Listen,
    /// The other merchants' nodes that this one dials. Besides them, those of merchants that joined later may connect.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// Observers that this node lets follow the chain.
    #[serde(default)]
    pub observers: Vec<Observer>,
    /// Who may use the HTTP interface.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// Where checkpoints are anchored.
    #[serde(default)]
    pub anchors: Anchors,
    /// Bounds of queues and requests.
    #[serde(default)]
    pub limits: Limits,
    /// How long things may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Logging.
    #[serde(default)]
    pub log: Log,
}

/// How votes and proposals reach the other nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// To each over its own connection: fastest, where every node reaches every other.
    #[default]
    Direct,
    /// Passed on by the others, where some do not.
    Gossip,
}

impl From<Spread> for crate::consensus::Spread {
    fn from(spread: Spread) -> Self {
        match spread {
            Spread::Direct => Self::Direct,
            Spread::Gossip => Self::Gossip,
        }
    }
}

/// Paths of the secret keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFiles {
    /// Signs votes and proposals; the genesis, or the merchant's admission, names its public half. An observer has none.
    pub validator: Option<PathBuf>,
    /// Identifies the node to its peers, on both networks; its peer id stands in their configurations.
    pub network: PathBuf,
    /// Signs the transactions that the node makes of submitted operations; roles issuer and acceptor. An observer has none.
    pub operator: Option<PathBuf>,
    /// Signs checkpoints, and nothing else; the genesis, or the merchant's admission, names its public half. An observer has none.
    pub cosigner: Option<PathBuf>,
}

/// Addresses to listen on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Votes, proposals and synchronisation, as a multiaddr: `/ip4/0.0.0.0/tcp/27000`.
    #[serde(deserialize_with = "from_text")]
    pub consensus: Multiaddr,
    /// Transactions on their way to the proposers, as a multiaddr: `/ip4/0.0.0.0/tcp/27001`. An observer takes none.
    #[serde(default, deserialize_with = "from_optional_text")]
    pub transactions: Option<Multiaddr>,
    /// The HTTP interface: `127.0.0.1:8080`. Port 0 lets the system choose; the log says which.
    pub http: SocketAddr,
}

/// Another merchant's node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Whose node it is.
    pub merchant: MerchantId,
    /// Its identity on both networks, `12D3KooW...`.
    #[serde(deserialize_with = "from_text")]
    pub peer_id: PeerId,
    /// Its consensus address: `/dns4/tally.example/tcp/27000`.
    #[serde(deserialize_with = "from_text")]
    pub consensus: Multiaddr,
    /// Its address for transactions.
    #[serde(deserialize_with = "from_text")]
    pub transactions: Multiaddr,
}

/// A node that follows the chain without a merchant: an auditor's, a partner's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observer {
    /// A name for people.
    pub name: String,
    /// Its identity, `12D3KooW...`.
    #[serde(deserialize_with = "from_text")]
    pub peer_id: PeerId,
    /// Its consensus address: `/dns4/auditor.example/tcp/27000`.
    #[serde(deserialize_with = "from_text")]
    pub consensus: Multiaddr,
}

/// A user of the HTTP interface. Exactly one of `token_file` and `token_sha256` is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// A name for the log and the metrics.
    pub name: String,
    /// A file whose first line is the token; nobody but the owner may read it.
    pub token_file: Option<PathBuf>,
    /// SHA-256 of the token: the node then never learns the token before it is used.
    pub token_sha256: Option<Hash>,
}

/// Bounds. What is beyond them is refused with a clear answer, never queued without end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of transactions that wait for a block.
    pub mempool_bytes: usize,
    /// Transactions that wait for a block.
    pub mempool_transactions: usize,
    /// Operations acknowledged and not yet final.
    pub outbox_operations: usize,
    /// Bytes of what is acknowledged and not yet final.
    pub outbox_bytes: usize,
    /// Bytes of one request that is not a bulk.
    pub request_bytes: usize,
    /// Bytes of one bulk request.
    pub bulk_bytes: usize,
    /// Operations of one bulk request.
    pub bulk_operations: usize,
    /// HTTP requests in progress.
    pub requests: usize,
    /// Bulk requests in progress.
    pub bulk_requests: usize,
    /// Streams of events open at once.
    pub event_streams: usize,
    /// Blocks between two flushes of state to its database; the rest is replayed on start.
    pub flush_blocks: u64,
    /// Memory for records of state that execution asks for again, in bytes.
    pub cache_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mempool_bytes: 64 << 20,
            mempool_transactions: 50_000,
            outbox_operations: 200_000,
            outbox_bytes: 64 << 20,
            request_bytes: 256 << 10,
            bulk_bytes: 32 << 20,
            bulk_operations: 100_000,
            requests: 1_024,
            bulk_requests: 8,
            event_streams: 64,
            flush_blocks: 256,
            cache_bytes: default_bytes(),
        }
    }
}

/// How long things may take, in milliseconds where not said otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a proposal to arrive in the first round.
    pub propose_ms: u64,
    /// For the votes of a step to arrive in the first round.
    pub vote_ms: u64,
    /// What each further round adds to both.
    pub round_delta_ms: u64,
    /// For an HTTP request, without the time it asked to wait.
    pub request_ms: u64,
    /// The longest wait for a final receipt that a request may ask for, in seconds.
    pub max_wait_s: u64,
    /// Behind this much, by block time, `/readyz` says no.
    pub ready_lag_ms: u64,
    /// For requests in progress to end when the node stops.
    pub shutdown_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            propose_ms: 1_000,
            vote_ms: 500,
            round_delta_ms: 500,
            request_ms: 30_000,
            max_wait_s: 60,
            ready_lag_ms: 10_000,
            shutdown_ms: 1_500,
        }
    }
}

/// Logging.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How lines are written.
    pub format: LogFormat,
    /// What is logged, as a `tracing` filter such as `info,tally_node=debug`; empty for the node's own choice.
    pub filter: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A configuration that a node cannot run with: which key, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("{key}: cannot read {}: {source}. Check the path (it is relative to the configuration file)", path.display())]
    Unreadable {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not the TOML that a node expects.
    #[error("{}: {message}\nnetwork-configs/production.toml explains every key", path.display())]
    Format {
        /// The configuration file.
        path: PathBuf,
        /// What the parser says, with line and key.
        message: String,
    },
    /// A secret that others may read.
    #[error("{key}: {} may be read by others (mode {mode:03o}). Run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Anything else: the key, why it is wrong and what to do.
    #[error("{key}: {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// Why it is wrong and what to do.
        reason: String,
    },
}

fn wrong(key: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value { key, reason: reason.into() }
}

/// The node's secret keys.
#[derive(Clone)]
pub struct Keys {
    /// Identifies the node to its peers.
    pub network: SigningKey,
    /// What a merchant's node signs with; none for an observer.
    pub merchant: Option<MerchantKeys>,
}

/// What a merchant's node signs with.
#[derive(Clone)]
pub struct MerchantKeys {
    /// The merchant.
    pub merchant: MerchantId,
    /// Signs votes and proposals.
    pub validator: SigningKey,
    /// Signs transactions.
    pub operator: SigningKey,
    /// Signs checkpoints.
    pub cosigner: SigningKey,
}

impl fmt::Debug for MerchantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MerchantKeys({}, secret)", self.merchant)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(secret)")
    }
}

/// A client of the HTTP interface, its token as a hash.
#[derive(Clone, Debug)]
pub struct ClientToken {
    /// Its name.
    pub name: String,
    /// SHA-256 of its token.
    pub sha256: [u8; 32],
}

/// A configuration with all that it names read and checked against each other: the node can start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration, its paths made absolute or relative to the working directory.
    pub config: Config,
    /// The founding agreement.
    pub genesis: Genesis,
    /// The secret keys.
    pub keys: Keys,
    /// Who may use the HTTP interface.
    pub clients: Vec<ClientToken>,
    /// Who is asked to vouch for checkpoints.
    pub operators: Vec<Operator>,
}

impl Settings {
    /// Reads a configuration file and everything it names.
    ///
    /// # Errors
    /// The first [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read("--config", path)?;
        let format = |e: toml::de::Error| ConfigError::Format { path: path.to_owned(), message: e.to_string() };
        let mut config: Config = toml::from_str(&text).map_err(format)?;
        config.resolve_paths(path.parent().unwrap_or(Path::new("")));
        config.check_values()?;
        let genesis = read_genesis(&config)?;
        let keys = config.read_keys()?;
        config.check_genesis(&genesis, &keys)?;
        let clients = config.clients.iter().map(read_client).collect::<Result<Vec<_>, _>>()?;
        let tokens: BTreeSet<_> = clients.iter().map(|c| c.sha256).collect();
        if tokens.len() < clients.len() {
            return Err(wrong("clients", "two clients share a token. Give each its own, so that one can be withdrawn"));
        }
        let operators = read_operators(&config)?;
        Ok(Self { config, genesis, keys, clients, operators })
    }
}

impl Config {
    fn read_keys(&self) -> Result<Keys, ConfigError> {
        let network = read_key("keys.network", &self.keys.network, "network")?;
        let KeyFiles { validator, operator, cosigner, .. } = &self.keys;
        let merchant = match (self.merchant, validator, operator, cosigner) {
            (None, None, None, None) => None,
            (Some(merchant), Some(validator), Some(operator), Some(cosigner)) => Some(MerchantKeys {
                merchant,
                validator: read_key("keys.validator", validator, "validator")?,
                operator: read_key("keys.operator", operator, "operator")?,
                cosigner: read_key("keys.cosigner", cosigner, "cosigner")?,
            }),
            (None, ..) => {
                let reason = "is left out, so this node is an observer, which has no validator, operator or cosigner key. \
                              Name the merchant, or remove the keys";
                return Err(wrong("merchant", reason));
            }
            (Some(_), ..) => {
                let reason = "a merchant's node needs validator, operator and cosigner. Give all three (`tally keys new` makes \
                              them), or leave out merchant for an observer";
                return Err(wrong("keys", reason));
            }
        };
        Ok(Keys { network, merchant })
    }

    fn resolve_paths(&mut self, base: &Path) {
        let keys = &mut self.keys;
        let tokens = self.clients.iter_mut().filter_map(|c| c.token_file.as_mut());
        let own =
            [&mut keys.validator, &mut keys.operator, &mut keys.cosigner].map(Option::as_mut).into_iter().flatten();
        let named = [&mut self.data_dir, &mut self.genesis, &mut keys.network];
        for path in named.into_iter().chain(own).chain(tokens).chain(self.anchors.paths()) {
            *path = base.join(&path);
        }
    }
}

/// The identity of a network key on both networks.
#[must_use]
pub fn peer_id(key: &SigningKey) -> PeerId {
    PeerId::from_public_key(&network_keypair(key).public())
}

/// A network key as libp2p has it.
#[must_use]
pub fn network_keypair(key: &SigningKey) -> libp2p::identity::Keypair {
    libp2p::identity::Keypair::ed25519_from_bytes(key.to_bytes()).expect("32 bytes are an Ed25519 seed")
}

/// Serde through `FromStr`, for types that have no serde of their own here.
fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|e| de::Error::custom(format!("`{text}`: {e}")))
}

/// The same for what may be left out.
fn from_optional_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    from_text(deserializer).map(Some)
}
