//! `till.toml`: whose till this is, and at which nodes it delivers.
//!
//! # Format
//! TOML, written by `tally till init`; unknown keys are refused. `chain_id`, `merchant` and `till` are pinned: they stand in
//! the queue too, and a queue whose pins differ is not opened. `key` and `nodes` may be changed by hand while nothing runs;
//! paths are relative to the file. No secret stands in it: key and tokens are named by their files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tally_contracts::transaction::Till;
use tally_contracts::types::{ChainId, MerchantId};

use crate::client::{Client, read_token};

/// The file's name in the queue's directory.
pub const FILE: &str = "till.toml";

/// Longest that a node may take for a question, or for an answer beyond the time it was asked to wait.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// What `till.toml` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Always [`Config::FORMAT`].
    pub format: String,
    /// The alliance.
    pub chain_id: ChainId,
    /// In whose name the till signs.
    pub merchant: MerchantId,
    /// The key file with which it signs; read for each signature, never kept.
    pub key: PathBuf,
    /// Store and number of the till, as they stand in its operations.
    pub till: Till,
    /// Where it delivers, the preferred node first; at least one.
    pub nodes: Vec<NodeAddress>,
}

/// A node's HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeAddress {
    /// Such as `https://tally.cafe-nine.example`.
    pub url: String,
    /// A file whose first line is the API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

impl Config {
    /// The format's name and version.
    pub const FORMAT: &str = "tally-till/1";

    /// Reads the file of a queue's directory.
    ///
    /// # Errors
    /// When it is missing, or not what this version writes.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} holds no queue. Make one: tally till init --queue {0} ...", dir.display()))?;
        let mut config: Self = toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
        ensure!(config.format == Self::FORMAT, "{}: format {} is unknown here", path.display(), config.format);
        ensure!(!config.nodes.is_empty(), "{} names no node: where is the till to deliver?", path.display());
        config.key = dir.join(&config.key);
        for node in &mut config.nodes {
            node.token_file = node.token_file.take().map(|file| dir.join(file));
        }
        Ok(config)
    }

    /// The file's text.
    ///
    /// # Errors
    /// When a path is not Unicode.
    pub fn text(&self) -> anyhow::Result<String> {
        let head = "# A till of a Tally alliance (docs/till.md). chain_id, merchant and till are pinned in the queue beside this\n\
                    # file; key and nodes may be changed while `tally till run` does not run.\n";
        Ok(format!("{head}{}", toml::to_string(self).context("the configuration has no TOML form")?))
    }
}

impl NodeAddress {
    /// A client of the node.
    ///
    /// # Errors
    /// When the address is none, or the token cannot be read.
    pub fn client(&self) -> anyhow::Result<Client> {
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        Ok(Client::new(&self.url, token)?.with_timeout(REQUEST_TIMEOUT))
    }
}
