//! `tally wallet`: a member's own key, and what it signs for a merchant. Stands in for a phone; works offline.
//!
//! The key file is of the kind described in `keys/file.rs`, with the purpose `wallet`. The card code of a member that is
//! enrolled by its key (`tally submit enrol-wallet`) follows from the key alone.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use ed25519_dalek::SigningKey;
use serde_json::json;
use tally_contracts::authorization::{Authorization, WalletAuthorization};
use tally_contracts::crypto::PublicKey;
use tally_contracts::membership::wallet_address;
use tally_contracts::transaction::Operation;
use tally_contracts::types::MerchantId;

use crate::connect::ChainArgs;
use crate::keys::{generate, read_key, write_key};
use crate::output::{Output, Verdict, pretty, utc_text};
use crate::submit::{checked, read_text};

/// What a key file of a wallet is marked with.
const PURPOSE: &str = "wallet";

/// A member's own key.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a wallet key in a file that only you can read.
    New {
        /// The file to make; an existing key is never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Show the public half of a wallet key, and the card code that enrol-wallet gives it.
    Show {
        /// The wallet's key file.
        key: PathBuf,
    },
    /// Sign one operation for one merchant, as `tally submit --print` shows it; answers with the authorization.
    Authorize(Authorize),
}

/// What is signed.
#[derive(Debug, Args)]
pub struct Authorize {
    /// The wallet's key file.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The merchant that may submit the operation.
    #[arg(long, value_name = "ID")]
    acceptor: MerchantId,
    #[command(flatten)]
    chain: ChainArgs,
    /// How long it may wait for its block.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// The operation in JSON, with its reference; - for standard input.
    #[arg(default_value = "-")]
    operation: PathBuf,
}

/// Runs a verb.
pub async fn run(verb: Verb, output: Output) -> anyhow::Result<Verdict> {
    match verb {
        Verb::New { out } => {
            write_key(&out, PURPOSE, &generate())?;
            show(&out, output)
        }
        Verb::Show { key } => show(&key, output),
        Verb::Authorize(authorize) => authorize.run(output).await,
    }
}

/// Reads the key file of a wallet.
///
/// # Errors
/// When it is none, or others may read it.
pub fn read_wallet(path: &Path) -> anyhow::Result<SigningKey> {
    let (purpose, key) = read_key(path)?;
    ensure!(
        purpose == PURPOSE,
        "{} is a key file of purpose `{purpose}`; a wallet's is made by `tally wallet new`",
        path.display()
    );
    Ok(key)
}

fn show(path: &Path, output: Output) -> anyhow::Result<Verdict> {
    let public_key = PublicKey::of(&read_wallet(path)?);
    let member = wallet_address(&public_key);
    output.answer(&json!({ "file": path, "public_key": public_key, "member": member }), || {
        format!(
            "wallet key  {public_key}\ncard code   {member}  (once enrolled by this key: tally submit enrol-wallet)"
        )
    });
    Ok(Verdict::Yes)
}

impl Authorize {
    async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let key = read_wallet(&self.key)?;
        let text = read_text(&self.operation)?;
        let mut operation: Operation = serde_json::from_str(&text).with_context(|| {
            format!("{} is no operation; a till shows it with `tally submit --print`", self.operation.display())
        })?;
        let chain = self.chain.find().await?;
        let valid_until_ms = chain.time_ms + self.minutes * 60_000;
        let what = (operation.reference, &operation.body);
        let wallet = WalletAuthorization::sign(&key, (chain.id, self.acceptor), valid_until_ms, what);
        let authorization = Authorization::Wallet(wallet);
        let value = serde_json::to_value(&authorization)?;
        operation.authorization = Some(authorization);
        checked(&operation)?;
        eprintln!(
            "authorizes, at merchant {} until {} UTC: {}",
            self.acceptor,
            utc_text(valid_until_ms),
            serde_json::to_string(&operation.body)?
        );
        output.answer(&value, || pretty(&value));
        Ok(Verdict::Yes)
    }
}
