//! Which node to ask, which alliance that is, and what time it is there; the last two also without a node.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use futures::future::try_join_all;
use serde::Deserialize;
use tally_contracts::types::{ChainId, Height, MerchantId};

use crate::client::{Client, read_token};
use crate::network::{Alliance, now_ms};

/// Which node to talk to, and for whom.
#[derive(Clone, Debug, Args)]
pub struct Connect {
    #[command(flatten)]
    pub node: NodeArgs,
    /// The merchant or partner to act for; with --dir, also whose node is asked.
    #[arg(long, value_name = "ID")]
    pub merchant: Option<u16>,
}

impl Connect {
    /// A client of the chosen node.
    pub fn client(&self) -> anyhow::Result<Client> {
        self.node.client(self.merchant)
    }
}

/// Which node to talk to.
#[derive(Clone, Debug, Args)]
pub struct NodeArgs {
    /// The node's address, such as http://127.0.0.1:8400.
    #[arg(long, env = "TALLY_NODE", value_name = "URL", conflicts_with = "dir")]
    node: Option<String>,
    /// A file whose first line is the API token.
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    token_file: Option<PathBuf>,
    /// The API token; better in the environment than on the command line, which others can read.
    #[arg(long, env = "TALLY_TOKEN", hide_env_values = true, conflicts_with_all = ["token_file", "dir"])]
    token: Option<String>,
    /// The directory of a local alliance (`tally network init`): address and token are taken from it.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl NodeArgs {
    /// Whether a node is named at all.
    pub const fn is_given(&self) -> bool {
        self.node.is_some() || self.dir.is_some()
    }

    /// A client of the node; of a local alliance, that of the merchant, or any for who has none.
    pub fn client(&self, merchant: Option<u16>) -> anyhow::Result<Client> {
        if let Some(dir) = &self.dir {
            let alliance = Alliance::open(dir)?;
            return match merchant.map(MerchantId) {
                Some(merchant) if !alliance.is_without_node(merchant)? => alliance.client(merchant),
                _ => alliance.client(alliance.nodes[0].merchant),
            };
        }
        let Some(node) = &self.node else {
            bail!("which node? Give --node URL and --token-file FILE, or --dir with a local alliance's directory");
        };
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(path)) => Some(read_token(path)?),
            (None, None) => None,
        };
        Client::new(node, token)
    }
}

/// What `/v1/status` says that signing needs.
#[derive(Debug, Deserialize)]
pub struct Status {
    /// The alliance.
    pub chain_id: ChainId,
    /// Whose node answered; nobody's where it only observes.
    pub merchant: Option<MerchantId>,
    /// The last executed block.
    pub height: Height,
    /// The node's version.
    #[serde(default)]
    pub version: String,
    time_ms: u64,
    clock: String,
}

impl Status {
    /// Asks a node.
    pub async fn of(client: &Client) -> anyhow::Result<Self> {
        Ok(client.get_as("/v1/status").await?)
    }

    /// The time that the alliance goes by now, in ms since 1970.
    pub fn time_ms(&self) -> anyhow::Result<u64> {
        if self.clock == "simulated" { Ok(self.time_ms) } else { now_ms() }
    }
}

/// Waits until every node stands at the height of the highest; gives it.
pub async fn level(clients: impl Iterator<Item = &Client> + Clone) -> anyhow::Result<Height> {
    let heights = async || -> anyhow::Result<Vec<Height>> {
        let height = async |client: &Client| -> anyhow::Result<Height> { Ok(Status::of(client).await?.height) };
        try_join_all(clients.clone().map(height)).await
    };
    let target = heights().await?.into_iter().max().unwrap_or(Height(0));
    for _ in 0..600 {
        if heights().await?.into_iter().all(|height| height >= target) {
            return Ok(target);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("a node did not reach height {target} within a minute; look at `tally network status`")
}

/// Which alliance something is signed for: as a node says, or, where there is no line, as it is told.
#[derive(Clone, Debug, Args)]
pub struct ChainArgs {
    /// The alliance's chain id, to work without a node by this machine's clock.
    #[arg(long, value_name = "HEX")]
    chain_id: Option<ChainId>,
    #[command(flatten)]
    pub node: NodeArgs,
}

/// An alliance, and its time.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// The alliance.
    pub id: ChainId,
    /// The time that it goes by now, in ms since 1970.
    pub time_ms: u64,
}

impl ChainArgs {
    /// Finds out.
    pub async fn find(&self) -> anyhow::Result<Chain> {
        if self.node.is_given() {
            let status = Status::of(&self.node.client(None)?).await?;
            let (asked, found) = (self.chain_id.unwrap_or(status.chain_id), status.chain_id);
            ensure!(
                asked == found,
                "the node is of chain {found}, not of {asked}: check --chain-id, or ask another node"
            );
            return Ok(Chain { id: found, time_ms: status.time_ms()? });
        }
        match self.chain_id {
            Some(id) => Ok(Chain { id, time_ms: now_ms()? }),
            None => bail!("for which alliance? Give --chain-id, or a node with --node URL or --dir DIR"),
        }
    }
}
