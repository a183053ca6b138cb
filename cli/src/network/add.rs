//! `tally network add`: a node for one more merchant of a local alliance, and the admission that its governors vote on.
//!
//! The others' configurations stay as they are: their nodes let the newcomer in by the network key of its admission, and it
//! dials them. What is to be voted on is written to `admission.json` in the new directory, ready for `tally submit propose`.
//!
//! **Invariant:** nothing is overwritten but `alliance.json`, which gains a node.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use tally_contracts::crypto::{PublicKey, Signature, sign};
use tally_contracts::genesis::Genesis;
use tally_contracts::governance::change::{Admit, Change, attested_bytes};
use tally_contracts::membership::Criteria;
use tally_contracts::types::{Fen, MerchantId};

use super::init::{
    Addresses, DEFAULT_CAP_FEN, Site, local_site, make_private_dir, ports, write_json, write_manifest, write_node,
};
use super::{Alliance, TREASURY};
use crate::keys::{KeySet, peer_id, read_key};
use crate::output::{Output, Verdict};

/// The file with the change that the others vote on.
const ADMISSION: &str = "admission.json";

/// Makes a node for one more merchant.
#[derive(Debug, Args)]
pub struct Add {
    /// The alliance's directory.
    #[arg(long, default_value = "net", value_name = "DIR")]
    dir: PathBuf,
    /// The merchant's name.
    #[arg(long)]
    name: String,
    /// The first of its three loopback ports; without it, free ones are looked for.
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// The key of the outside party that attests what the merchant is admitted on; by default the local alliance's own.
    #[arg(long, value_name = "FILE")]
    attester: Option<PathBuf>,
    /// Its revenue of the last business year, in fen; by default what the alliance asks for.
    #[arg(long, value_name = "FEN")]
    revenue_fen: Option<u64>,
    /// The members that it brings; by default as many as the alliance asks for.
    #[arg(long, value_name = "COUNT")]
    members: Option<u64>,
    /// What it trades in: a code of GB/T 4754, 0 for none.
    #[arg(long, default_value_t = 0, value_name = "CODE")]
    industry: u16,
    /// The most it may owe before it is settled, in fen.
    #[arg(long, default_value_t = DEFAULT_CAP_FEN, value_name = "FEN")]
    cap_fen: u64,
}

impl Add {
    /// Makes it.
    pub fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let alliance = Alliance::open(&self.dir)?;
        let genesis = alliance.genesis()?;
        let merchant = next_id(&alliance, &genesis)?;
        let dir = alliance.merchant_dir(merchant);
        ensure!(!dir.exists(), "{} exists: nothing is overwritten; remove it yourself", dir.display());
        let attester = self.attester.clone().unwrap_or_else(|| alliance.attester_key());
        let (_, attester) =
            read_key(&attester).context("who attests what the merchant is admitted on? Give --attester")?;

        let keys = KeySet::generate();
        let mut admit = self.admission(&genesis, merchant, &keys);
        admit.attester = PublicKey::of(&attester);
        admit.attestation = sign(&attester, &attested_bytes(&genesis.chain_id(), &admit));

        let ports = ports(1, self.base_port)?.pop().context("ports")?;
        let own = local_site(merchant, &self.name, &PublicKey::of(&keys.network), &ports);
        let mut sites = alliance.nodes.iter().map(|node| site(&alliance, node)).collect::<anyhow::Result<Vec<_>>>()?;
        make_private_dir(&dir.join("keys"))?;
        keys.write_node_keys(&dir.join("keys"))?;
        let treasury = self.dir.join(TREASURY).join(format!("merchant-{merchant}"));
        make_private_dir(&treasury)?;
        keys.write_treasury_keys(&treasury)?;
        write_node(&dir, &sites, &own, &genesis)?;
        let admission = dir.join(ADMISSION);
        let change = Change::Admit(admit);
        write_json(&admission, &change)?;
        sites.push(own);
        write_manifest(&self.dir, &genesis, &sites)?;
        let told = json!({ "merchant": merchant, "directory": dir, "admission": admission, "change": change });
        output.answer(&told, || report(&self.dir, merchant, &admission));
        Ok(Verdict::Yes)
    }

    /// What is to be voted on, but for the attestation.
    fn admission(&self, genesis: &Genesis, merchant: MerchantId, keys: &KeySet) -> Admit {
        let wanted = &genesis.parameters.admission;
        Admit {
            merchant,
            name: self.name.clone(),
            validator_key: PublicKey::of(&keys.validator),
            cosigner_key: PublicKey::of(&keys.cosigner),
            network_key: PublicKey::of(&keys.network),
            operator_keys: keys.operator_keys(),
            net_debit_cap_fen: Fen(self.cap_fen),
            base_share: 1,
            criteria: Criteria {
                annual_revenue_fen: self.revenue_fen.map_or(wanted.min_annual_revenue_fen, Fen),
                members: self.members.unwrap_or(wanted.min_members),
                industry: self.industry,
            },
            attester: PublicKey::default(),
            attestation: Signature::default(),
        }
    }
}

/// The number after the last that was given out here.
fn next_id(alliance: &Alliance, genesis: &Genesis) -> anyhow::Result<MerchantId> {
    let partners = genesis.partners.iter().map(|partner| partner.id);
    let last = alliance.nodes.iter().map(|node| node.merchant).chain(partners).max().unwrap_or(MerchantId::POOL);
    last.0.checked_add(1).map(MerchantId).context("there is no number left")
}

/// Where a node of this machine is, and who it is to the others, as its own files say.
fn site(alliance: &Alliance, node: &super::Node) -> anyhow::Result<Site> {
    let dir = alliance.merchant_dir(node.merchant);
    let path = dir.join("node.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: toml::Table = toml::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    let entry = |section: &str, key: &str| {
        let value = config.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_str);
        value.map(str::to_owned).with_context(|| format!("{} names no {section}.{key}", path.display()))
    };
    let (_, network) = read_key(&dir.join(entry("keys", "network")?))?;
    let addresses = || -> anyhow::Result<Addresses> {
        Ok(Addresses { consensus: entry("listen", "consensus")?, transactions: entry("listen", "transactions")? })
    };
    Ok(Site {
        merchant: node.merchant,
        name: node.name.clone(),
        peer_id: peer_id(&PublicKey::of(&network)),
        listen: addresses()?,
        dial: addresses()?,
        http: entry("listen", "http")?.parse().with_context(|| format!("{}: listen.http", path.display()))?,
    })
}

fn report(dir: &Path, merchant: MerchantId, admission: &Path) -> String {
    let (dir, admission) = (dir.display(), admission.display());
    format!(
        "The node of merchant {merchant} is made. It is let in once more than two thirds of the merchants have agreed:\n\
         \x20 tally submit --dir {dir} --merchant 1 --key {dir}/{TREASURY}/merchant-1/governor.key propose --change {admission}\n\
         \x20 then the other merchants vote: `vote --of 1 --proposal REFERENCE --approves true`\n\
         Start it: tally network start --dir {dir} --merchant {merchant}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::init;

    #[test]
    fn one_more_node_dials_the_others_and_leaves_their_files_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("net");
        init::Init::plain(&dir, 2).run(Output { json: true }).unwrap();
        let before = fs::read(dir.join("merchant-1/node.toml")).unwrap();
        let add = |name: &str| Add {
            dir: dir.clone(),
            name: name.into(),
            base_port: Some(0),
            attester: None,
            revenue_fen: None,
            members: None,
            industry: 0,
            cap_fen: DEFAULT_CAP_FEN,
        };
        add("third").run(Output { json: true }).unwrap();
        add("fourth").run(Output { json: true }).unwrap();
        assert_eq!(fs::read(dir.join("merchant-1/node.toml")).unwrap(), before);

        let alliance = Alliance::open(&dir).unwrap();
        assert_eq!(alliance.nodes.iter().map(|node| node.merchant.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let config = fs::read_to_string(dir.join("merchant-4/node.toml")).unwrap();
        assert_eq!(config.matches("[[peers]]").count(), 3, "{config}");
        let text = fs::read_to_string(dir.join("merchant-4").join(ADMISSION)).unwrap();
        let Change::Admit(admit) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        let genesis = alliance.genesis().unwrap();
        assert!(genesis.parameters.admission.attesters.contains(&admit.attester));
        let stated = attested_bytes(&genesis.chain_id(), &admit);
        admit.attester.verify(&stated, &admit.attestation).unwrap();
        let (_, governor) = read_key(&alliance.governor_key(MerchantId(4))).unwrap();
        assert!(admit.operator_keys.iter().any(|key| key.public_key == PublicKey::of(&governor)));
    }
}
