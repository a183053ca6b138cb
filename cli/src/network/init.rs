//! `tally network init`: makes an alliance's genesis, and what its nodes need to start.
//!
//! Either a whole alliance on this machine, keys included, or (`--from`) genesis and configurations out of the public files
//! that each merchant made on a machine of its own; then no secret ever leaves its machine.
//!
//! **Invariant:** nothing is overwritten. All is made in a directory that did not exist, or is empty.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use ed25519_dalek::SigningKey;
use rand::RngCore as _;
use serde::Serialize;
use serde_json::json;
use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::{
    AdmissionParameters, BusinessCalendar, Clock, Genesis, GenesisClass, GenesisMerchant, Parameters,
};
use tally_contracts::points::ClassTerms;
use tally_contracts::types::{ClassId, Fen, MerchantId, Rate};

use super::{GENESIS, MANIFEST, Manifest, Node, TOKEN, TREASURY, demo, from};
use crate::keys::{KeySet, generate, multiaddr_of, peer_id, write_key, write_secret};
use crate::output::{Output, Table, Verdict, pretty};

/// Makes an alliance.
#[derive(Debug, Args)]
pub struct Init {
    /// The directory to make.
    #[arg(long, default_value = "net", value_name = "DIR")]
    out: PathBuf,
    /// How many merchants.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    merchants: u16,
    /// The alliance of the demo year: simulated clock, four named merchants, an airline (docs/replay.md).
    #[arg(long, conflicts_with_all = ["merchants", "from", "simulated_clock"])]
    demo: bool,
    /// Give the alliance a clock that a key sets, for tests; a production node refuses it.
    #[arg(long, conflicts_with = "from")]
    simulated_clock: bool,
    /// Public files of `tally keys new`, one a merchant; their order gives the merchant ids, from 1 on.
    #[arg(long, num_args = 1.., value_name = "FILE", requires = "parameters", conflicts_with = "merchants")]
    from: Vec<PathBuf>,
    /// With --from: what the alliance agrees on (network-configs/local/parameters.toml explains it).
    #[arg(long, value_name = "FILE", requires = "from")]
    parameters: Option<PathBuf>,
    /// The first of the loopback ports; merchant n has 10 x (n - 1) more. Without it, free ones are looked for from 26600
    /// on; 0 lets the system choose.
    #[arg(long, value_name = "PORT", conflicts_with = "from")]
    base_port: Option<u16>,
}

impl Init {
    /// A small alliance on ports that the system chooses.
    #[cfg(test)]
    pub fn plain(out: &Path, merchants: u16) -> Self {
        Self {
            out: out.into(),
            merchants,
            demo: false,
            simulated_clock: false,
            from: vec![],
            parameters: None,
            base_port: Some(0),
        }
    }

    /// Makes the alliance.
    pub fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        make_empty_dir(&self.out)?;
        match &self.parameters {
            Some(parameters) => from::init(&self.out, &self.from, parameters, output),
            None => self.local(output),
        }
    }

    fn local(&self, output: Output) -> anyhow::Result<Verdict> {
        let count = if self.demo { demo::MERCHANTS.len() } else { usize::from(self.merchants) };
        let ports = ports(count, self.base_port)?;
        let keys: Vec<KeySet> = (0..count).map(|_| KeySet::generate()).collect();
        let clock_key = (self.demo || self.simulated_clock).then(generate);
        let clock = match &clock_key {
            Some(key) => Clock::Simulated { keys: vec![PublicKey::of(key)] },
            None => Clock::Real,
        };
        let merchants = keys.iter().enumerate().map(|(i, keys)| self.merchant(i, keys)).collect();
        let attester = generate();
        let partner = self.demo.then(demo::PartnerKeys::generate);
        let genesis = match &partner {
            Some(partner) => demo::genesis(clock, merchants, partner.operator_keys()),
            None => plain_genesis(clock, merchants, &attester)?,
        };
        genesis.check().context("the genesis that was to be written")?;
        write_json(&self.out.join(GENESIS), &genesis)?;
        let treasury = self.out.join(TREASURY);
        make_private_dir(&treasury)?;
        if let Some(key) = &clock_key {
            write_key(&treasury.join("clock.key"), "clock", key)?;
        }
        match &partner {
            Some(keys) => keys.write(&treasury)?,
            None => write_key(&treasury.join("attester.key"), "attester", &attester)?,
        }
        let site = |((merchant, keys), ports): ((&GenesisMerchant, &KeySet), &Ports)| {
            local_site(merchant.id, &merchant.name, &PublicKey::of(&keys.network), ports)
        };
        let sites: Vec<Site> = genesis.merchants.iter().zip(&keys).zip(&ports).map(site).collect();
        for ((merchant, keys), site) in genesis.merchants.iter().zip(&keys).zip(&sites) {
            let dir = self.out.join(format!("merchant-{}", merchant.id));
            make_private_dir(&dir.join("keys"))?;
            keys.write_node_keys(&dir.join("keys"))?;
            let treasury = treasury.join(format!("merchant-{}", merchant.id));
            make_private_dir(&treasury)?;
            keys.write_treasury_keys(&treasury)?;
            write_node(&dir, &sites, site, &genesis)?;
        }
        let nodes = write_manifest(&self.out, &genesis, &sites)?;
        self.report(&genesis, &nodes, output);
        Ok(Verdict::Yes)
    }

    fn merchant(&self, i: usize, keys: &KeySet) -> GenesisMerchant {
        let number = i + 1;
        let name = if self.demo { demo::MERCHANTS[i].to_owned() } else { format!("merchant-{number}") };
        GenesisMerchant {
            id: MerchantId(u16::try_from(number).expect("at most 100 merchants are made")),
            name,
            validator_key: PublicKey::of(&keys.validator),
            cosigner_key: PublicKey::of(&keys.cosigner),
            operator_keys: keys.operator_keys(),
            net_debit_cap_fen: Fen(DEFAULT_CAP_FEN),
            collateral_fen: Fen(0),
            industry: 0,
            base_share: 1,
        }
    }

    fn report(&self, genesis: &Genesis, nodes: &[Node], output: Output) {
        let value =
            json!({ "directory": self.out, "chain_id": genesis.chain_id(), "name": genesis.name, "nodes": nodes });
        output.answer(&value, || {
            let mut table = Table::new(&["#merchant", "name", "api"]);
            for node in nodes {
                table.row([node.merchant.to_string(), node.name.clone(), node.api.clone()]);
            }
            let dir = self.out.display();
            format!("{}\nchain {}\n\nStart it: tally network up --dir {dir}", table.text(), genesis.chain_id())
        });
    }
}

/// The most that a merchant may owe, where nobody says otherwise.
pub(super) const DEFAULT_CAP_FEN: u64 = 100_000_000;

/// Where a merchant's node is, and who it is to the others.
pub(super) struct Site {
    pub merchant: MerchantId,
    pub name: String,
    pub peer_id: String,
    /// What the node binds, and what its peers dial.
    pub listen: Addresses,
    pub dial: Addresses,
    pub http: SocketAddr,
}

/// Multiaddrs of a node's two networks.
pub(super) struct Addresses {
    pub consensus: String,
    pub transactions: String,
}

/// Loopback addresses of one node.
pub(super) struct Ports {
    consensus: SocketAddr,
    transactions: SocketAddr,
    http: SocketAddr,
}

/// A node of this machine.
pub(super) fn local_site(merchant: MerchantId, name: &str, network: &PublicKey, ports: &Ports) -> Site {
    let addresses =
        || Addresses { consensus: multiaddr_of(ports.consensus), transactions: multiaddr_of(ports.transactions) };
    Site {
        merchant,
        name: name.to_owned(),
        peer_id: peer_id(network),
        listen: addresses(),
        dial: addresses(),
        http: ports.http,
    }
}

/// The genesis of an alliance without a purpose yet: each merchant has a class worth CNY 0.01 a point.
fn plain_genesis(clock: Clock, merchants: Vec<GenesisMerchant>, attester: &SigningKey) -> anyhow::Result<Genesis> {
    let admission = AdmissionParameters { attesters: vec![PublicKey::of(attester)], ..AdmissionParameters::default() };
    let class = |merchant: &GenesisMerchant| GenesisClass {
        id: ClassId(u32::from(merchant.id.0)),
        name: format!("{} points", merchant.name),
        issuer: merchant.id,
        terms: ClassTerms {
            decimals: 0,
            anchor: Rate::from_millionths(10_000),
            earn_rate: Rate::from_millionths(1_000_000),
            life_months: 12,
            accepted_by: vec![],
            industries: Vec::new(),
            sub: None,
            permissions: vec![],
            custodian_member_limit_fen: Fen(100_000),
            custodian_limit_fen: Fen(10_000_000),
            breakage: Rate::ZERO,
        },
    };
    Ok(Genesis {
        name: "Local alliance".into(),
        time_ms: now_ms()?,
        utc_offset_minutes: 480,
        clock,
        parameters: Parameters { no_consent_limit_fen: Fen(100_000), admission, ..Parameters::default() },
        partners: Vec::new(),
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
        classes: merchants.iter().map(class).collect(),
        merchants,
    })
}

/// The machine's time in ms since 1970.
pub fn now_ms() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the machine's clock stands before 1970")?;
    u64::try_from(since.as_millis()).context("the machine's clock is out of range")
}

// --- The node's configuration ---

/// The part of `node.toml` that differs between nodes; everything else has the node's own defaults.
#[derive(Serialize)]
struct NodeToml {
    data_dir: &'static str,
    genesis: &'static str,
    merchant: u16,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_simulated_clock: bool,
    keys: KeysToml,
    listen: ListenToml,
    peers: Vec<PeerToml>,
    clients: Vec<ClientToml>,
}

#[derive(Serialize)]
struct KeysToml {
    validator: &'static str,
    network: &'static str,
    operator: &'static str,
    cosigner: &'static str,
}

#[derive(Serialize)]
struct ListenToml {
    consensus: String,
    transactions: String,
    http: SocketAddr,
}

#[derive(Serialize)]
struct PeerToml {
    merchant: u16,
    peer_id: String,
    consensus: String,
    transactions: String,
}

#[derive(Serialize)]
struct ClientToml {
    name: &'static str,
    token_file: &'static str,
}

/// Writes `node.toml` and a fresh token into a merchant's directory beside the genesis.
pub(super) fn write_node(dir: &Path, sites: &[Site], own: &Site, genesis: &Genesis) -> anyhow::Result<()> {
    let peer = |site: &Site| PeerToml {
        merchant: site.merchant.0,
        peer_id: site.peer_id.clone(),
        consensus: site.dial.consensus.clone(),
        transactions: site.dial.transactions.clone(),
    };
    let config = NodeToml {
        data_dir: "data",
        genesis: "../genesis.json",
        merchant: own.merchant.0,
        allow_simulated_clock: matches!(genesis.clock, Clock::Simulated { .. }),
        keys: KeysToml {
            validator: "keys/validator.key",
            network: "keys/network.key",
            operator: "keys/operator.key",
            cosigner: "keys/cosigner.key",
        },
        listen: ListenToml {
            consensus: own.listen.consensus.clone(),
            transactions: own.listen.transactions.clone(),
            http: own.http,
        },
        peers: sites.iter().filter(|site| site.merchant != own.merchant).map(peer).collect(),
        clients: vec![ClientToml { name: "local", token_file: TOKEN }],
    };
    let text = toml::to_string(&config).context("the node's configuration")?;
    let path = dir.join("node.toml");
    let head = format!("# The node of {}. network-configs/production.toml explains every key.\n", own.name);
    fs::write(&path, head + &text).with_context(|| format!("cannot write {}", path.display()))?;
    let mut token = [0; 24];
    rand::rngs::OsRng.fill_bytes(&mut token);
    write_secret(&dir.join(TOKEN), &(hex::encode(token) + "\n"))
}

/// Writes `alliance.json`.
pub(super) fn write_manifest(out: &Path, genesis: &Genesis, sites: &[Site]) -> anyhow::Result<Vec<Node>> {
    let node =
        |site: &Site| Node { merchant: site.merchant, name: site.name.clone(), api: format!("http://{}", site.http) };
    let nodes: Vec<Node> = sites.iter().map(node).collect();
    let manifest = Manifest {
        format: Manifest::FORMAT.into(),
        name: genesis.name.clone(),
        chain_id: genesis.chain_id(),
        nodes: nodes.clone(),
    };
    write_json(&out.join(MANIFEST), &manifest)?;
    Ok(nodes)
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let text = pretty(&serde_json::to_value(value)?) + "\n";
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

// --- Directories and ports ---

fn make_empty_dir(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    ensure!(
        entries.next().is_none(),
        "{} is not empty: an alliance is never overwritten. Choose another --out, or remove the directory yourself",
        dir.display()
    );
    Ok(())
}

/// Makes a directory that only its owner may enter.
pub(super) fn make_private_dir(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make {}", dir.display()))
}

/// Ports between those of two nodes, so that their numbers tell whose they are.
const PORT_STEP: u16 = 10;
/// Below the range from which systems give out ports by themselves, so that a node finds its port free when it restarts.
const SEARCH_FROM: u16 = 26_600;
const SEARCH_TO: u16 = 32_000;

/// Free loopback ports for `count` nodes. The listeners are all held until every port is found.
pub(super) fn ports(count: usize, base: Option<u16>) -> anyhow::Result<Vec<Ports>> {
    match base {
        Some(0) => ports_of_system(count),
        Some(base) => {
            let listeners = listen_from(count, base)
                .with_context(|| format!("ports from {base} on are not all free; choose another --base-port"))?;
            listeners.iter().map(triple).collect()
        }
        None => {
            let block = usize::from(PORT_STEP) * count;
            let found = (SEARCH_FROM..SEARCH_TO).step_by(block).find_map(|base| listen_from(count, base).ok());
            let Some(listeners) = found else {
                bail!("no free ports from {SEARCH_FROM} to {SEARCH_TO}; give --base-port")
            };
            listeners.iter().map(triple).collect()
        }
    }
}

fn ports_of_system(count: usize) -> anyhow::Result<Vec<Ports>> {
    let listeners = (0..count).map(|_| listen([0, 0, 0])).collect::<anyhow::Result<Vec<_>>>()?;
    listeners.iter().map(triple).collect()
}

fn listen_from(count: usize, base: u16) -> anyhow::Result<Vec<[TcpListener; 3]>> {
    let node = |i: usize| {
        let first = u16::try_from(i).ok().and_then(|i| i.checked_mul(PORT_STEP)).and_then(|o| base.checked_add(o));
        let first = first.filter(|first| *first <= u16::MAX - PORT_STEP).context("the ports pass 65535")?;
        listen([first, first + 1, first + 2])
    };
    (0..count).map(node).collect()
}

fn listen(ports: [u16; 3]) -> anyhow::Result<[TcpListener; 3]> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("port {port}"));
    Ok([bind(ports[0])?, bind(ports[1])?, bind(ports[2])?])
}

fn triple(listeners: &[TcpListener; 3]) -> anyhow::Result<Ports> {
    let [http, consensus, transactions] = listeners;
    Ok(Ports { http: http.local_addr()?, consensus: consensus.local_addr()?, transactions: transactions.local_addr()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Alliance;

    fn init(out: &Path) -> Init {
        Init { demo: true, ..Init::plain(out, 4) }
    }

    #[test]
    fn an_alliance_is_complete_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("net");
        init(&out).run(Output { json: true }).unwrap();
        let alliance = Alliance::open(&out).unwrap();
        let genesis = alliance.genesis().unwrap();
        assert_eq!((alliance.nodes.len(), genesis.merchants.len()), (4, 4));
        assert_eq!(genesis.classes[1].terms.life_months, 3);
        for node in &alliance.nodes {
            alliance.client(node.merchant).unwrap();
            let (purpose, key) = crate::keys::read_key(&alliance.treasurer_key(node.merchant)).unwrap();
            let merchant = &genesis.merchants[usize::from(node.merchant.0) - 1];
            assert_eq!(purpose, "treasurer");
            assert!(merchant.operator_keys.iter().any(|k| k.public_key == PublicKey::of(&key)));
        }
        let partner = &genesis.partners[0];
        for (key, path) in
            partner.operator_keys.iter().zip([alliance.operator_key(partner.id), alliance.treasurer_key(partner.id)])
        {
            assert_eq!(key.public_key, PublicKey::of(&crate::keys::read_key(&path).unwrap().1), "{}", path.display());
        }
        let (_, clock) = crate::keys::read_key(&alliance.clock_key()).unwrap();
        assert_eq!(genesis.clock, Clock::Simulated { keys: vec![PublicKey::of(&clock)] });

        let before = fs::read(out.join(GENESIS)).unwrap();
        let error = init(&out).run(Output { json: true }).unwrap_err().to_string();
        assert!(error.contains("never overwritten"), "{error}");
        assert_eq!(fs::read(out.join(GENESIS)).unwrap(), before);
    }

    #[test]
    fn a_taken_base_port_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        if taken <= u16::MAX - 2 * PORT_STEP {
            assert!(ports(1, Some(taken)).is_err());
        }
    }
}
