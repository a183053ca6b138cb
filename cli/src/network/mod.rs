//! `tally network`: makes an alliance, and runs its nodes as processes of this machine.
//!
//! # Layout of an alliance's directory
//! ```text
//! alliance.json             which nodes there are, and where they answer ([`Manifest`]); nothing secret
//! genesis.json              what the alliance agreed on
//! merchant-1/node.toml      the node's configuration (network-configs/production.toml explains it)
//! merchant-1/keys/          validator.key, network.key, operator.key, cosigner.key
//! merchant-5/admission.json what the others vote on, of a merchant that `add` made
//! merchant-1/api.token      the token of the node's HTTP interface
//! merchant-1/data/          chain, state and outbox
//! treasury/merchant-1/      treasurer.key, governor.key: no node reads them
//! treasury/partner-9/       operator.key, treasurer.key of a partner, which has no node
//! treasury/attester.key     attests what a merchant is admitted on; in the world an auditor's
//! treasury/clock.key        sets the simulated clock, if there is one
//! run/merchant-1.pid, .log  the running process, and what it says
//! ```
//! **Invariant:** the process id file is the truth about which process is whose; whoever starts, kills or stops a node goes
//! through [`process`], so `up`, `kill`, `start` and `replay` may act on one alliance at once.

mod add;
mod demo;
mod from;
mod init;
pub mod process;
mod up;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use tally_contracts::genesis::Genesis;
use tally_contracts::types::{ChainId, MerchantId};

use crate::client::{Client, read_token};
use crate::output::{Output, Verdict};

pub use demo::{MERCHANTS as DEMO_MERCHANTS, genesis as demo_genesis};
pub use init::now_ms;

/// An alliance on this machine.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an alliance: genesis, configurations, keys and tokens. Never overwrites.
    Init(init::Init),
    /// Make a node for one more merchant, and the admission that the others vote on.
    Add(add::Add),
    /// Run all nodes and show how they do, until Ctrl-C; with --detach, return as soon as all are ready.
    Up(up::Up),
    /// Show how the nodes do.
    Status(Local),
    /// Stop all nodes in good order.
    Down(Local),
    /// Start one node and wait until it keeps up with the others.
    Start(OneNode),
    /// End one node with kill -9, as a power cut would.
    Kill(OneNode),
}

/// Which local alliance.
#[derive(Debug, Args)]
pub struct Local {
    /// The alliance's directory.
    #[arg(long, default_value = "net", value_name = "DIR")]
    pub dir: PathBuf,
}

/// Which node of a local alliance.
#[derive(Debug, Args)]
pub struct OneNode {
    #[command(flatten)]
    local: Local,
    /// The merchant whose node it is.
    #[arg(long, value_name = "ID")]
    merchant: u16,
    #[command(flatten)]
    tallyd: process::Tallyd,
}

/// Runs a verb.
pub async fn run(verb: Verb, output: Output) -> anyhow::Result<Verdict> {
    match verb {
        Verb::Init(init) => init.run(output),
        Verb::Add(add) => add.run(output),
        Verb::Up(up) => up.run(output).await,
        Verb::Status(local) => up::status(&Alliance::open(&local.dir)?, output).await,
        Verb::Down(local) => up::down(&Alliance::open(&local.dir)?, output).await,
        Verb::Start(one) => {
            let alliance = Alliance::open(&one.local.dir)?;
            up::start(&alliance, MerchantId(one.merchant), &one.tallyd, output).await
        }
        Verb::Kill(one) => up::kill(&Alliance::open(&one.local.dir)?, MerchantId(one.merchant), output).await,
    }
}

/// The file that says which nodes there are.
const MANIFEST: &str = "alliance.json";

/// What `alliance.json` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`Manifest::FORMAT`].
    format: String,
    /// The genesis's name.
    name: String,
    /// The genesis's hash.
    chain_id: ChainId,
    /// By rising merchant.
    nodes: Vec<Node>,
}

impl Manifest {
    const FORMAT: &str = "tally-alliance/1";
}

/// A node of the alliance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Whose it is.
    pub merchant: MerchantId,
    /// The merchant's name.
    pub name: String,
    /// Its HTTP interface.
    pub api: String,
}

/// An alliance whose nodes run on this machine.
#[derive(Clone, Debug)]
pub struct Alliance {
    /// Its directory.
    pub dir: PathBuf,
    /// Its nodes, by rising merchant; at least one.
    pub nodes: Vec<Node>,
    /// Its name.
    pub name: String,
}

impl Alliance {
    /// Reads the directory that `tally network init` made.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(MANIFEST);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} holds no alliance. Make one: tally network init --out {0}", dir.display()))?;
        let manifest: Manifest =
            serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        ensure!(manifest.format == Manifest::FORMAT, "{}: unknown format {}", path.display(), manifest.format);
        ensure!(!manifest.nodes.is_empty(), "{} names no node", path.display());
        Ok(Self { dir: dir.to_owned(), nodes: manifest.nodes, name: manifest.name })
    }

    /// A client of a merchant's node, with the token that `init` made for it.
    pub fn client(&self, merchant: MerchantId) -> anyhow::Result<Client> {
        let node = self.node(merchant)?;
        Client::new(&node.api, Some(read_token(&self.token_file(merchant))?))
    }

    /// The file with the API token of a merchant's node.
    pub fn token_file(&self, merchant: MerchantId) -> PathBuf {
        self.merchant_dir(merchant).join(TOKEN)
    }

    /// A node.
    pub fn node(&self, merchant: MerchantId) -> anyhow::Result<&Node> {
        self.nodes.iter().find(|node| node.merchant == merchant).with_context(|| {
            let known: Vec<String> = self.nodes.iter().map(|node| node.merchant.to_string()).collect();
            format!("merchant {merchant} has no node in {}; there are {}", self.dir.display(), known.join(", "))
        })
    }

    /// Whether any node takes what a participant signs: partners have none, nor has the clock, which is participant 0.
    pub fn is_without_node(&self, participant: MerchantId) -> anyhow::Result<bool> {
        let partners = self.genesis()?.partners;
        Ok(participant == MerchantId::POOL || partners.iter().any(|partner| partner.id == participant))
    }

    /// The founding agreement.
    pub fn genesis(&self) -> anyhow::Result<Genesis> {
        read_genesis(&self.dir.join(GENESIS))
    }

    /// The directory of a merchant's node.
    pub fn merchant_dir(&self, merchant: MerchantId) -> PathBuf {
        self.dir.join(format!("merchant-{merchant}"))
    }

    /// The operator's key of a merchant, with which its node signs, or of a partner.
    pub fn operator_key(&self, participant: MerchantId) -> PathBuf {
        let has_node = self.node(participant).is_ok();
        let dir = if has_node { self.merchant_dir(participant).join("keys") } else { self.treasury_dir(participant) };
        dir.join("operator.key")
    }

    /// Where a merchant's node keeps its chain, as its configuration says.
    pub fn data_dir(&self, merchant: MerchantId) -> anyhow::Result<PathBuf> {
        let dir = self.merchant_dir(merchant);
        let path = dir.join("node.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let config: toml::Table = toml::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        let data = config.get("data_dir").and_then(toml::Value::as_str);
        Ok(dir.join(data.with_context(|| format!("{} names no data_dir", path.display()))?))
    }

    /// The treasurer's key of a merchant or partner.
    pub fn treasurer_key(&self, participant: MerchantId) -> PathBuf {
        self.treasury_dir(participant).join("treasurer.key")
    }

    /// The governor's key of a merchant.
    pub fn governor_key(&self, merchant: MerchantId) -> PathBuf {
        self.treasury_dir(merchant).join("governor.key")
    }

    /// Where keys lie that no node reads. Whoever has no node is a partner.
    fn treasury_dir(&self, participant: MerchantId) -> PathBuf {
        let kind = if self.node(participant).is_ok() { "merchant" } else { "partner" };
        self.dir.join(TREASURY).join(format!("{kind}-{participant}"))
    }

    /// The key that sets the simulated clock.
    pub fn clock_key(&self) -> PathBuf {
        self.dir.join(TREASURY).join("clock.key")
    }

    /// The key that attests what a merchant is admitted on.
    pub fn attester_key(&self) -> PathBuf {
        self.dir.join(TREASURY).join("attester.key")
    }

    fn run_file(&self, merchant: MerchantId, extension: &str) -> PathBuf {
        self.dir.join("run").join(format!("merchant-{merchant}.{extension}"))
    }
}

/// Reads a genesis file and checks that an alliance can start from it.
pub fn read_genesis(path: &Path) -> anyhow::Result<Genesis> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the genesis file {}", path.display()))?;
    let genesis: Genesis = serde_json::from_str(&text)
        .with_context(|| format!("{} is no genesis file; get it from the alliance again", path.display()))?;
    genesis.check().with_context(|| format!("{}", path.display()))?;
    Ok(genesis)
}

const GENESIS: &str = "genesis.json";
const TOKEN: &str = "api.token";
const TREASURY: &str = "treasury";
