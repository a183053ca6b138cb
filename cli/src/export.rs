//! `tally export`: the whole chain from a node into one file. The genesis can be fetched the same way.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::client::Client;
use crate::connect::Connect;
use crate::output::{Output, Verdict, pretty};

/// Exports a chain.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    connect: Connect,
    /// The file to write; never overwritten.
    #[arg(long, default_value = "chain.tally", value_name = "FILE")]
    out: PathBuf,
    /// The last block to export; the node's head if it is left out.
    #[arg(long, value_name = "HEIGHT")]
    to_height: Option<u64>,
    /// Also write the node's genesis to this file. An auditor compares its chain id with the merchants', over another way.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

impl Export {
    /// Exports.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let client = self.connect.client()?;
        for path in [Some(&self.out), self.genesis.as_ref()].into_iter().flatten() {
            ensure!(!path.exists(), "{} exists and is not overwritten; choose another file", path.display());
        }
        if let Some(path) = &self.genesis {
            let genesis = client.get("/v1/genesis").await?;
            fs::write(path, pretty(&genesis) + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        }
        // Half a file must never pass for an archive: it gets its name when it is whole.
        let partial = partial_path(&self.out);
        let written = self.download(&client, &partial, output).await;
        let (bytes, sha256) = match written {
            Ok(written) => written,
            Err(error) => {
                let _ = fs::remove_file(&partial);
                return Err(error);
            }
        };
        fs::rename(&partial, &self.out).with_context(|| format!("cannot write {}", self.out.display()))?;
        let out = self.out.display();
        output.answer(&json!({ "file": self.out, "bytes": bytes, "sha256": sha256 }), || {
            format!("{out}: {bytes} bytes, SHA-256 {sha256}\nVerify it: tally verify {out} --genesis genesis.json")
        });
        Ok(Verdict::Yes)
    }

    async fn download(&self, client: &Client, to: &Path, output: Output) -> anyhow::Result<(u64, String)> {
        let path = match self.to_height {
            Some(height) => format!("/v1/export?to_height={height}"),
            None => "/v1/export".to_owned(),
        };
        let mut response = client.stream(&path).await?;
        let expected = response.content_length();
        let progress = output.progress(expected.unwrap_or(0), "export [{bar:32}] {bytes} {bytes_per_sec}");
        let mut file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
        let (mut bytes, mut digest) = (0_u64, Sha256::new());
        while let Some(chunk) = response.chunk().await.context("the node ended the transfer; try again")? {
            file.write_all(&chunk).with_context(|| format!("cannot write {}", to.display()))?;
            digest.update(&chunk);
            bytes += chunk.len() as u64;
            progress.set_position(bytes);
        }
        progress.finish_and_clear();
        file.sync_all().with_context(|| format!("cannot write {}", to.display()))?;
        ensure!(expected.is_none_or(|expected| expected == bytes), "the node ended the transfer early; try again");
        Ok((bytes, hex::encode(digest.finalize())))
    }
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}
