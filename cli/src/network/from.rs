//! `tally network init --from`: genesis and node configurations out of public files, with no secret in sight.
//!
//! What comes out is the same for everyone who puts in the same files: each merchant can make it itself and compare the
//! chain id, or take the directory `merchant-<id>/` and `genesis.json` from whoever ran it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::json;
use tally_contracts::genesis::{
    BusinessCalendar, Clock, Genesis, GenesisClass, GenesisMerchant, GenesisPair, GenesisPartner, Parameters,
};
use tally_contracts::types::{Fen, MerchantId};

use super::init::{Addresses, Site, make_private_dir, write_json, write_manifest, write_node};
use super::{GENESIS, TOKEN};
use crate::keys::PublicFile;
use crate::output::{Output, Table, Verdict};

/// What the alliance agrees on, besides names and keys: the file of `--parameters`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agreement {
    /// The alliance's name.
    name: String,
    /// Time before the first block, in ms since 1970.
    time_ms: u64,
    /// Minutes east of UTC of its days and months.
    utc_offset_minutes: i32,
    /// The most each merchant may owe before it is settled, in fen, in the order of the public files.
    net_debit_caps_fen: Vec<Fen>,
    /// What each of them has posted with the alliance, in fen, in the same order; nothing if it is left out.
    #[serde(default)]
    collaterals_fen: Vec<Fen>,
    /// What each of them trades in, in the same order: a code of GB/T 4754, 0 for none.
    #[serde(default)]
    industries: Vec<u16>,
    /// Where each node's HTTP interface listens on its own machine.
    #[serde(default = "default_http")]
    http: SocketAddr,
    /// Numbers that hold for the whole alliance.
    parameters: Parameters,
    /// Point classes that exist from the start.
    #[serde(default)]
    classes: Vec<GenesisClass>,
    /// Who settles with the alliance and imports its points without running a node.
    #[serde(default)]
    partners: Vec<GenesisPartner>,
    /// Ordered pairs of classes whose exchange has terms of its own.
    #[serde(default)]
    pairs: Vec<GenesisPair>,
    /// Which days are business days, where that is not Monday to Friday.
    #[serde(default)]
    calendar: BusinessCalendar,
}

fn default_http() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 8400).into()
}

/// Makes genesis and configurations in `out`.
pub(super) fn init(out: &Path, from: &[PathBuf], parameters: &Path, output: Output) -> anyhow::Result<Verdict> {
    let publics = from.iter().map(|path| PublicFile::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let text = fs::read_to_string(parameters).with_context(|| format!("cannot read {}", parameters.display()))?;
    let agreement: Agreement = toml::from_str(&text)
        .with_context(|| format!("{} (network-configs/local/parameters.toml is an example)", parameters.display()))?;
    let http = agreement.http;
    let genesis = genesis(agreement, &publics)?;
    genesis.check()?;
    let sites: Vec<Site> = genesis.merchants.iter().zip(&publics).map(|(m, p)| site(m, p, http)).collect();
    write_json(&out.join(GENESIS), &genesis)?;
    for site in &sites {
        let dir = out.join(format!("merchant-{}", site.merchant));
        make_private_dir(&dir)?;
        write_node(&dir, &sites, site, &genesis)?;
    }
    let nodes = write_manifest(out, &genesis, &sites)?;
    output.answer(&json!({ "directory": out, "chain_id": genesis.chain_id(), "nodes": nodes }), || {
        let mut table = Table::new(&["#merchant", "name", "peer id", "consensus"]);
        for site in &sites {
            let consensus = site.dial.consensus.clone();
            table.row([site.merchant.to_string(), site.name.clone(), site.peer_id.clone(), consensus]);
        }
        format!(
            "{}\nchain {}\n\nEach merchant compares the chain id, takes genesis.json and merchant-<id>/, puts its \
             validator.key, network.key, operator.key and cosigner.key into merchant-<id>/keys/ and starts tallyd with \
             merchant-<id>/node.toml. Its API token is in merchant-<id>/{TOKEN}.",
            table.text(),
            genesis.chain_id()
        )
    });
    Ok(Verdict::Yes)
}

fn genesis(agreement: Agreement, publics: &[PublicFile]) -> anyhow::Result<Genesis> {
    let Agreement { net_debit_caps_fen, collaterals_fen, industries, .. } = &agreement;
    let is_complete = |name: &str, entries: usize| {
        let files = publics.len();
        ensure!(entries == files, "{name} has {entries} entries for {files} public files; give one for each, in order");
        Ok(())
    };
    is_complete("net_debit_caps_fen", net_debit_caps_fen.len())?;
    if !collaterals_fen.is_empty() {
        is_complete("collaterals_fen", collaterals_fen.len())?;
    }
    if !industries.is_empty() {
        is_complete("industries", industries.len())?;
    }
    let merchant = |((i, public), cap): ((usize, &PublicFile), Fen)| -> anyhow::Result<GenesisMerchant> {
        Ok(GenesisMerchant {
            id: MerchantId(u16::try_from(i + 1).context("more than 65535 merchants")?),
            name: public.name.clone(),
            validator_key: public.validator_key,
            cosigner_key: public.cosigner_key,
            operator_keys: public.operator_keys.clone(),
            net_debit_cap_fen: cap,
            collateral_fen: collaterals_fen.get(i).copied().unwrap_or_default(),
            industry: industries.get(i).copied().unwrap_or_default(),
            base_share: 1,
        })
    };
    let merchants =
        publics.iter().enumerate().zip(net_debit_caps_fen.iter().copied()).map(merchant).collect::<Result<_, _>>()?;
    let Agreement { name, time_ms, utc_offset_minutes, parameters, classes, partners, pairs, calendar, .. } = agreement;
    let clock = Clock::Real;
    Ok(Genesis { name, time_ms, utc_offset_minutes, clock, parameters, merchants, partners, classes, pairs, calendar })
}

fn site(merchant: &GenesisMerchant, public: &PublicFile, http: SocketAddr) -> Site {
    Site {
        merchant: merchant.id,
        name: merchant.name.clone(),
        peer_id: public.peer_id.clone(),
        listen: Addresses {
            consensus: any_interface(&public.consensus),
            transactions: any_interface(&public.transactions),
        },
        dial: Addresses { consensus: public.consensus.clone(), transactions: public.transactions.clone() },
        http,
    }
}

/// A node binds the port that its peers dial, on every interface: the host part of an address may not be its own.
fn any_interface(multiaddr: &str) -> String {
    let host = if multiaddr.starts_with("/ip6/") { "/ip6/::" } else { "/ip4/0.0.0.0" };
    let port = multiaddr.rsplit('/').next().unwrap_or_default();
    format!("{host}/tcp/{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_files_and_an_agreement_make_a_genesis() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for name in ["a", "b"] {
            let keys = crate::keys::KeySet::generate();
            let network_key = tally_contracts::crypto::PublicKey::of(&keys.network);
            let public = PublicFile {
                format: PublicFile::FORMAT.into(),
                name: name.into(),
                validator_key: tally_contracts::crypto::PublicKey::of(&keys.validator),
                cosigner_key: tally_contracts::crypto::PublicKey::of(&keys.cosigner),
                network_key,
                peer_id: crate::keys::peer_id(&network_key),
                operator_keys: keys.operator_keys(),
                consensus: format!("/dns4/{name}.example/tcp/27000"),
                transactions: format!("/dns4/{name}.example/tcp/27001"),
            };
            let path = dir.path().join(format!("{name}.json"));
            write_json(&path, &public).unwrap();
            files.push(path);
        }
        let parameters = concat!(env!("CARGO_MANIFEST_DIR"), "/../network-configs/local/parameters.toml");
        let out = dir.path().join("net");
        fs::create_dir(&out).unwrap();
        init(&out, &files, Path::new(parameters), Output { json: true }).unwrap();
        let genesis = crate::network::read_genesis(&out.join(GENESIS)).unwrap();
        assert_eq!(genesis.merchants.len(), 2);
        let config = fs::read_to_string(out.join("merchant-1/node.toml")).unwrap();
        assert!(config.contains("/dns4/b.example/tcp/27001") && config.contains("/ip4/0.0.0.0/tcp/27000"), "{config}");
    }
}
