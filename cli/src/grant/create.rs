//! `tally grant create`: signs a grant with a wallet key.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::Args;
use rand::RngCore as _;
use serde_json::json;
use tally_contracts::authorization::{MAX_GRANT_ACCEPTORS, SpendGrant};
use tally_contracts::crypto::{Nonce, PublicKey, Signature};
use tally_contracts::membership::wallet_address;
use tally_contracts::types::{Address, ClassId, MerchantId, Points};

use super::{code, qr, show};
use crate::connect::ChainArgs;
use crate::output::{Output, Verdict, utc_text};
use crate::wallet::read_wallet;

/// What is granted.
#[derive(Debug, Args)]
pub struct Create {
    /// The wallet's key file.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    chain: ChainArgs,
    /// The member's card code; by default the one that enrol-wallet gave this key.
    #[arg(long, value_name = "CARD")]
    member: Option<Address>,
    /// The point class.
    #[arg(long, value_name = "N")]
    class: ClassId,
    /// Most that may be spent, over all uses.
    #[arg(long, value_name = "N")]
    max_points: Points,
    /// A merchant that may use it; may be given more than once.
    #[arg(long = "merchant", value_name = "ID", value_delimiter = ',', required = true)]
    merchants: Vec<MerchantId>,
    /// For how long.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
}

impl Create {
    /// Signs and shows.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let key = read_wallet(&self.key)?;
        let mut acceptors = self.merchants.clone();
        acceptors.sort();
        acceptors.dedup();
        ensure!(
            acceptors.len() <= MAX_GRANT_ACCEPTORS,
            "a grant names at most {MAX_GRANT_ACCEPTORS} merchants, there are {}: make another for the rest",
            acceptors.len()
        );
        let chain = self.chain.find().await?;
        let mut nonce = [0; 16];
        rand::rngs::OsRng.fill_bytes(&mut nonce);
        let mut grant = SpendGrant {
            chain_id: chain.id,
            member: self.member.unwrap_or_else(|| wallet_address(&PublicKey::of(&key))),
            class: self.class,
            max_points: self.max_points,
            acceptors,
            expires_ms: chain.time_ms + self.minutes * 60_000,
            nonce: Nonce(nonce),
            public_key: PublicKey::default(),
            signature: Signature::default(),
        };
        grant.sign(&key);
        if self.chain.node.is_given()
            && let Some(fault) = show::key_fault(&self.chain.node.client(None)?, &grant).await?
        {
            bail!("no till could use this grant: {fault}. Check --member and --key");
        }
        let code = code::encode(&grant);
        output.answer(&json!({ "code": code, "id": grant.id(), "grant": grant }), || {
            let image = qr::text(&code, std::io::stdout().is_terminal()).unwrap_or_default();
            format!("{code}\n\n{image}\n\n{}", sentence(&grant))
        });
        Ok(Verdict::Yes)
    }
}

/// What a grant says, on one line.
fn sentence(grant: &SpendGrant) -> String {
    let merchants: Vec<String> = grant.acceptors.iter().map(ToString::to_string).collect();
    format!(
        "up to {} points of class {} of {}, at merchant {}, until {} UTC",
        grant.max_points,
        grant.class,
        grant.member,
        merchants.join(", "),
        utc_text(grant.expires_ms)
    )
}
