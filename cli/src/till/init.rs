//! `tally till init`: makes a till's queue, once, while the line holds.
//!
//! Alliance and merchant are pinned: whatever a node says later, nothing is signed for another chain. The chain id is worked
//! out of the genesis that the node gives, and the given one, if there is one, must be the same.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::{Genesis, Role};
use tally_contracts::transaction::Till;
use tally_contracts::types::{ChainId, MerchantId};

use super::config::{Config, NodeAddress};
use super::door;
use super::queue::{Contact, Queue};
use crate::keys::read_key;
use crate::network::{Alliance, now_ms};
use crate::output::{Output, Verdict};
use crate::submit::parse_till;

/// Makes a queue.
#[derive(Debug, Args)]
pub struct Init {
    /// The merchant in whose name the till signs.
    #[arg(long, value_name = "ID")]
    merchant: u16,
    /// The till, as it stands in its operations.
    #[arg(long, value_name = "STORE:TILL", value_parser = parse_till)]
    till: Till,
    /// The till's own key file: an operator key of the merchant, issuer or acceptor or both (`tally keys new --roles`).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A node's address; may be given more than once, the preferred one (the merchant's own) first.
    #[arg(long = "node", value_name = "URL", required_unless_present = "dir", conflicts_with = "dir")]
    nodes: Vec<String>,
    /// A file whose first line is the API token of a node; the first is for the first --node, and so on.
    #[arg(long = "token-file", value_name = "FILE", conflicts_with = "dir")]
    token_files: Vec<PathBuf>,
    /// The directory of a local alliance (`tally network init`): all its nodes, the merchant's own first.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The alliance, as the merchants compared it; without it the first node is believed.
    #[arg(long, value_name = "HEX")]
    chain_id: Option<ChainId>,
}

impl Init {
    /// Makes the queue.
    pub async fn run(&self, dir: &Path, output: Output) -> anyhow::Result<Verdict> {
        let (_, key) = read_key(&self.key)?;
        let key = PublicKey::of(&key);
        let nodes = self.nodes()?;
        let genesis = self.genesis(&nodes).await?;
        let chain_id = genesis.chain_id();
        let config = Config {
            format: Config::FORMAT.into(),
            chain_id,
            merchant: MerchantId(self.merchant),
            key: std::path::absolute(&self.key)?,
            till: self.till,
            nodes,
        };
        let contact = contact(&config).await?;
        let queue = Queue::create(dir, &config)?;
        queue.set_contact(&contact)?;
        let warning = warning(&genesis, &config, &key);
        let answer = json!({
            "queue": dir, "chain_id": chain_id, "alliance": genesis.name, "merchant": config.merchant, "till": config.till,
            "public_key": key, "nodes": config.nodes.iter().map(|node| &node.url).collect::<Vec<_>>(), "warning": warning,
        });
        output.answer(&answer, || {
            let warning = warning.map(|text| format!("\nMind: {text}.")).unwrap_or_default();
            let (store, till, merchant) = (config.till.store_id, config.till.till_id, config.merchant);
            let (name, queue) = (&genesis.name, dir.display());
            format!(
                "Till {store}:{till} of merchant {merchant} in {name}, chain {chain_id}: compare this with the other \
                 merchants.\nDeliver with: tally till run --queue {queue}{warning}"
            )
        });
        Ok(Verdict::Yes)
    }

    fn nodes(&self) -> anyhow::Result<Vec<NodeAddress>> {
        if let Some(dir) = &self.dir {
            let alliance = Alliance::open(dir)?;
            alliance.node(MerchantId(self.merchant))?;
            let (own, others): (Vec<_>, Vec<_>) =
                alliance.nodes.iter().partition(|node| node.merchant == MerchantId(self.merchant));
            let address = |node: &crate::network::Node| -> anyhow::Result<NodeAddress> {
                let token = std::path::absolute(alliance.token_file(node.merchant))?;
                Ok(NodeAddress { url: node.api.clone(), token_file: Some(token) })
            };
            return own.into_iter().chain(others).map(address).collect();
        }
        ensure!(
            self.token_files.is_empty() || self.token_files.len() == self.nodes.len(),
            "{} nodes and {} token files: give each --node its --token-file, in the same order",
            self.nodes.len(),
            self.token_files.len()
        );
        let mut tokens = self.token_files.iter();
        let address = |url: &String| -> anyhow::Result<NodeAddress> {
            let token_file = tokens.next().map(std::path::absolute).transpose()?;
            Ok(NodeAddress { url: url.clone(), token_file })
        };
        self.nodes.iter().map(address).collect()
    }

    /// The agreement as the first node that answers gives it.
    async fn genesis(&self, nodes: &[NodeAddress]) -> anyhow::Result<Genesis> {
        let mut reason = anyhow::anyhow!("no node was given");
        for node in nodes {
            match node.client()?.get_as::<Genesis>("/v1/genesis").await {
                Ok(genesis) => {
                    genesis.check().with_context(|| format!("the genesis that {} gave", node.url))?;
                    let chain_id = genesis.chain_id();
                    let expected = self.chain_id.unwrap_or(chain_id);
                    ensure!(chain_id == expected, "{} is a node of chain {chain_id}, not of {expected}", node.url);
                    return Ok(genesis);
                }
                Err(error) => reason = error.into(),
            }
        }
        Err(reason.context("a queue is made while the line holds, to learn which alliance it is for"))
    }
}

/// Asks each node; at least one must be of the alliance, and none of another.
async fn contact(config: &Config) -> anyhow::Result<Contact> {
    let mut found = None;
    for node in &config.nodes {
        let client = node.client()?;
        match door::status(&client, &config.chain_id).await {
            Ok(status) => {
                let contact = Contact { local_ms: now_ms()?, alliance_ms: status.time_ms, node: node.url.clone() };
                found.get_or_insert(contact);
            }
            Err(trouble) if trouble.passes => eprintln!("{}", trouble.detail),
            Err(trouble) => anyhow::bail!("{}", trouble.detail),
        }
    }
    found.context("no node answers")
}

/// What may keep the key's signatures from being taken.
fn warning(genesis: &Genesis, config: &Config, key: &PublicKey) -> Option<String> {
    let merchant = config.merchant;
    let Some(founder) = genesis.merchants.iter().find(|founder| founder.id == merchant) else {
        return Some(format!("the genesis has no merchant {merchant}"));
    };
    let Some(known) = founder.operator_keys.iter().find(|known| known.public_key == *key) else {
        return Some(format!(
            "{key} is no operator key of merchant {merchant} in the genesis; unless it was added later, nothing is delivered"
        ));
    };
    if let Some(store) = known.store_id.filter(|store| *store != config.till.store_id) {
        return Some(format!("{key} is bound to store {store}: it signs nothing for store {}", config.till.store_id));
    }
    let may_act = known.roles.iter().any(|role| matches!(role, Role::Issuer | Role::Acceptor));
    (!may_act).then(|| format!("{key} is neither issuer nor acceptor: a till needs a key that is"))
}
