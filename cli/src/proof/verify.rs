//! `tally proof verify`: what a proof shows to whoever trusts the genesis, or keys from elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use tally_contracts::types::ChainId;
use tally_ledger::anchor::Trust;
use tally_ledger::anchor::timestamp::Roots;
use tally_ledger::anchor::witness::witness_key;
use tally_ledger::note::Policy;
use tally_ledger::proof::ProofFile;

use super::text::proved_text;
use crate::network::read_genesis;
use crate::output::{Lang, Output, Verdict};

/// Checks a proof.
#[derive(Debug, Args)]
pub struct Verify {
    /// The proof, as `tally proof get` wrote it.
    proof: PathBuf,
    /// The genesis, from a source that you trust: its merchants vouch.
    #[arg(long, value_name = "FILE", required_unless_present = "policy")]
    genesis: Option<PathBuf>,
    /// Who vouches instead, as C2SP tlog-policy from a source that you trust: where validators have changed since the
    /// genesis, or in place of it.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Certificates of time-stamp authorities that you trust, PEM; may be given several times.
    #[arg(long, value_name = "FILE")]
    authority: Vec<PathBuf>,
    /// The key of a witness that you trust, as name+id+base64; may be given several times.
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
    /// The language of the answer.
    #[arg(long, value_enum, default_value_t = Lang::En)]
    lang: Lang,
}

impl Verify {
    /// Checks it.
    pub fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let text = read(&self.proof)?;
        let file: ProofFile = serde_json::from_str(&text)
            .with_context(|| format!("{} is no proof of `tally proof get`", self.proof.display()))?;
        let (chain_id, policy) = self.policy(&file)?;
        match file.verify(&chain_id, &policy, &self.trust()?) {
            Ok(proved) => {
                let value = json!({ "proof": self.proof, "holds": true, "chain_id": chain_id, "proved": proved });
                output.answer(&value, || proved_text(&proved, self.lang));
                Ok(Verdict::Yes)
            }
            Err(fault) => {
                let value = json!({ "proof": self.proof, "holds": false, "fault": fault.to_string() });
                output.answer(&value, || format!("{}: {fault}", self.lang.pick("NOT proved", "未獲證明")));
                Ok(Verdict::No)
            }
        }
    }

    /// The alliance, and who vouches.
    fn policy(&self, file: &ProofFile) -> anyhow::Result<(ChainId, Policy)> {
        let genesis = self.genesis.as_deref().map(read_genesis).transpose()?;
        let chain_id = genesis.as_ref().map_or(file.chain_id, |genesis| genesis.chain_id());
        let policy = match (&self.policy, &genesis) {
            (Some(path), _) => read(path)?.parse().with_context(|| format!("{}", path.display()))?,
            (None, Some(genesis)) => {
                let founders: Vec<_> = genesis.merchants.iter().map(|m| (m.id, m.cosigner_key)).collect();
                Policy::of_cosigners(&chain_id, &founders).context("the genesis's cosigner keys")?
            }
            (None, None) => bail!("whom do you trust? Give --genesis or --policy"),
        };
        Ok((chain_id, policy))
    }

    fn trust(&self) -> anyhow::Result<Trust> {
        let pem: Vec<String> = self.authority.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
        let roots = if pem.is_empty() { Roots::default() } else { Roots::from_pem(&pem.join("\n"))? };
        let witnesses = self.witness.iter().map(|key| witness_key(key)).collect::<Result<_, _>>()?;
        Ok(Trust::new(roots, witnesses))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
