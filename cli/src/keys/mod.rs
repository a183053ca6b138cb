//! `tally keys`: makes key files and shows their public halves.
//!
//! # Format of the public file
//! `public.json`: what the other merchants of a new alliance need, see [`PublicFile`]; nothing secret.

mod file;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::{OperatorKey, Role};

use crate::output::{Output, Table, Verdict, pretty};

pub use file::{generate, read_key, read_public, write_key, write_secret};

/// The file that is handed to the others.
pub const PUBLIC_FILE: &str = "public.json";

/// Key files.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make the keys of one merchant (or one more operator key with --roles), each in a file that only you can read.
    New(New),
    /// Show the public half of a key file, or what a public file says.
    Show {
        /// A key file, a public.json, or a directory with one.
        path: PathBuf,
    },
}

/// What keys to make.
#[derive(Debug, Args)]
pub struct New {
    /// The directory to make; an existing key is never overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Make a single operator key with these roles instead of a merchant's full set: issuer, acceptor, treasurer,
    /// governor; or `clock` alone.
    #[arg(long, value_delimiter = ',', value_name = "ROLES")]
    roles: Vec<String>,
    /// The merchant's name, for the public file.
    #[arg(long, default_value = "")]
    name: String,
    /// The host or IP address under which the other merchants reach the node.
    #[arg(long, value_name = "HOST")]
    address: Option<String>,
    /// The port of the consensus network; the network of transactions has the one after it.
    #[arg(long, default_value_t = 27_000)]
    port: u16,
}

/// Runs a verb.
pub fn run(verb: Verb, output: Output) -> anyhow::Result<Verdict> {
    match verb {
        Verb::New(new) if new.roles.is_empty() => new_set(&new, output),
        Verb::New(new) => new_single(&new, output),
        Verb::Show { path } => show(&path, output),
    }
}

/// A merchant's part of a new alliance, as its `public.json` says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicFile {
    /// Always [`PublicFile::FORMAT`].
    pub format: String,
    /// The merchant's name.
    pub name: String,
    /// Signs votes and proposals.
    pub validator_key: PublicKey,
    /// Signs checkpoints.
    pub cosigner_key: PublicKey,
    /// Identifies the node on both networks.
    pub network_key: PublicKey,
    /// The same as a libp2p peer id.
    pub peer_id: String,
    /// Sign transactions.
    pub operator_keys: Vec<OperatorKey>,
    /// Multiaddr of the consensus network.
    pub consensus: String,
    /// Multiaddr of the network of transactions.
    pub transactions: String,
}

impl PublicFile {
    /// The format's name and version.
    pub const FORMAT: &str = "tally-public/2";

    /// Reads a public file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read the public file {}", path.display()))?;
        let file: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no public file of `tally keys new`", path.display()))?;
        ensure!(file.format == Self::FORMAT, "{}: format {} is unknown to this version", path.display(), file.format);
        ensure!(
            file.peer_id == peer_id(&file.network_key),
            "{}: peer_id is not that of network_key; get the file from the merchant again",
            path.display()
        );
        Ok(file)
    }
}

/// The keys of one merchant.
#[derive(Debug)]
pub struct KeySet {
    /// Signs votes and proposals.
    pub validator: SigningKey,
    /// Signs checkpoints.
    pub cosigner: SigningKey,
    /// Identifies the node to its peers.
    pub network: SigningKey,
    /// Signs transactions in the node: issuer and acceptor.
    pub operator: SigningKey,
    /// Confirms settlement.
    pub treasurer: SigningKey,
    /// Opens point classes.
    pub governor: SigningKey,
}

impl KeySet {
    /// Fresh keys from the operating system's randomness.
    pub fn generate() -> Self {
        Self {
            validator: generate(),
            cosigner: generate(),
            network: generate(),
            operator: generate(),
            treasurer: generate(),
            governor: generate(),
        }
    }

    /// What the genesis says of the operator keys.
    pub fn operator_keys(&self) -> Vec<OperatorKey> {
        let key = |key: &SigningKey, roles: &[Role]| OperatorKey {
            public_key: PublicKey::of(key),
            roles: roles.to_vec(),
            store_id: None,
        };
        vec![
            key(&self.operator, &[Role::Issuer, Role::Acceptor]),
            key(&self.treasurer, &[Role::Treasurer]),
            key(&self.governor, &[Role::Governor]),
        ]
    }

    /// Writes the keys that a node reads.
    pub fn write_node_keys(&self, dir: &Path) -> anyhow::Result<()> {
        write_key(&dir.join("validator.key"), "validator", &self.validator)?;
        write_key(&dir.join("cosigner.key"), "cosigner", &self.cosigner)?;
        write_key(&dir.join("network.key"), "network", &self.network)?;
        write_key(&dir.join("operator.key"), "operator", &self.operator)
    }

    /// Writes the keys that no node ever reads.
    pub fn write_treasury_keys(&self, dir: &Path) -> anyhow::Result<()> {
        write_key(&dir.join("treasurer.key"), "treasurer", &self.treasurer)?;
        write_key(&dir.join("governor.key"), "governor", &self.governor)
    }
}

/// The libp2p peer id of an Ed25519 key: base58 of the identity multihash of its protobuf (libp2p specs, peer-ids).
pub fn peer_id(key: &PublicKey) -> String {
    let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    bytes.extend_from_slice(&key.0);
    base58(&bytes)
}

/// Base58 with Bitcoin's alphabet.
fn base58(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let leading = std::iter::repeat_n('1', zeros);
    leading.chain(digits.iter().rev().map(|digit| char::from(ALPHABET[usize::from(*digit)]))).collect()
}

fn new_set(new: &New, output: Output) -> anyhow::Result<Verdict> {
    ensure!(!new.name.is_empty(), "the merchant needs a name: give --name (or --roles for one more operator key)");
    let Some(host) = &new.address else {
        bail!("how do the other merchants reach the node? Give --address with its host name or IP address");
    };
    ensure!(new.port > 0 && new.port < u16::MAX, "--port must lie in 1..=65534, for the port after it is used too");
    let public_path = new.out.join(PUBLIC_FILE);
    ensure!(
        !public_path.exists(),
        "{} exists: keys are never overwritten; choose another directory",
        public_path.display()
    );
    fs::create_dir_all(&new.out).with_context(|| format!("cannot make {}", new.out.display()))?;
    let keys = KeySet::generate();
    keys.write_node_keys(&new.out)?;
    keys.write_treasury_keys(&new.out)?;
    let public = PublicFile {
        format: PublicFile::FORMAT.into(),
        name: new.name.clone(),
        validator_key: PublicKey::of(&keys.validator),
        cosigner_key: PublicKey::of(&keys.cosigner),
        network_key: PublicKey::of(&keys.network),
        peer_id: peer_id(&PublicKey::of(&keys.network)),
        operator_keys: keys.operator_keys(),
        consensus: multiaddr(host, new.port),
        transactions: multiaddr(host, new.port + 1),
    };
    let value = serde_json::to_value(&public)?;
    fs::write(&public_path, pretty(&value) + "\n")
        .with_context(|| format!("cannot write {}", public_path.display()))?;
    let dir = new.out.display();
    output.answer(&json!({ "directory": new.out, "public": value }), || {
        format!(
            "Keys of {} are in {dir}.\nvalidator, cosigner, network and operator keys belong to the node; move treasurer.key and \
             governor.key to where payments are made.\nHand {} to whoever runs `tally network init --from`.",
            public.name,
            public_path.display()
        )
    });
    Ok(Verdict::Yes)
}

fn new_single(new: &New, output: Output) -> anyhow::Result<Verdict> {
    let (purpose, roles) = if new.roles == ["clock"] {
        ("clock".to_owned(), Vec::new())
    } else {
        let mut roles = new.roles.iter().map(|text| parse_role(text)).collect::<anyhow::Result<Vec<_>>>()?;
        roles.sort();
        roles.dedup();
        (purpose_of(&roles).to_owned(), roles)
    };
    fs::create_dir_all(&new.out).with_context(|| format!("cannot make {}", new.out.display()))?;
    let key = generate();
    let path = new.out.join(format!("{purpose}.key"));
    write_key(&path, &purpose, &key)?;
    let value = json!({ "file": path, "purpose": purpose, "public_key": PublicKey::of(&key), "roles": roles });
    let public_path = new.out.join(format!("{purpose}.public.json"));
    fs::write(&public_path, pretty(&value) + "\n")
        .with_context(|| format!("cannot write {}", public_path.display()))?;
    output.answer(&value, || format!("{}  {}", PublicKey::of(&key), path.display()));
    Ok(Verdict::Yes)
}

/// A key that may do what only people should is marked as theirs, so that no node takes it.
fn purpose_of(roles: &[Role]) -> &'static str {
    if roles.contains(&Role::Governor) {
        "governor"
    } else if roles.contains(&Role::Treasurer) {
        "treasurer"
    } else {
        "operator"
    }
}

/// A role by its name.
pub fn parse_role(text: &str) -> anyhow::Result<Role> {
    match text {
        "issuer" => Ok(Role::Issuer),
        "acceptor" => Ok(Role::Acceptor),
        "treasurer" => Ok(Role::Treasurer),
        "governor" => Ok(Role::Governor),
        _ => bail!("`{text}` is no role: issuer, acceptor, treasurer, governor, or clock alone"),
    }
}

fn show(path: &Path, output: Output) -> anyhow::Result<Verdict> {
    let path = if path.is_dir() { path.join(PUBLIC_FILE) } else { path.to_owned() };
    if path.extension().is_some_and(|extension| extension == "json") {
        let public = PublicFile::read(&path)?;
        output.answer(&serde_json::to_value(&public)?, || public_table(&public));
        return Ok(Verdict::Yes);
    }
    let (purpose, key) = read_key(&path)?;
    let public = PublicKey::of(&key);
    let value = json!({ "file": path, "purpose": purpose, "public_key": public, "peer_id": peer_id(&public) });
    output.answer(&value, || {
        let id = if purpose == "network" { format!("  {}", peer_id(&public)) } else { String::new() };
        format!("{purpose}  {public}{id}")
    });
    Ok(Verdict::Yes)
}

fn public_table(public: &PublicFile) -> String {
    let mut table = Table::new(&["what", "public half"]);
    table.row(["name".into(), public.name.clone()]);
    table.row(["validator".into(), public.validator_key.to_string()]);
    table.row(["cosigner".into(), public.cosigner_key.to_string()]);
    table.row(["network".into(), public.network_key.to_string()]);
    table.row(["peer id".into(), public.peer_id.clone()]);
    for key in &public.operator_keys {
        let roles: Vec<String> = key.roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect();
        table.row([roles.join("+"), key.public_key.to_string()]);
    }
    table.row(["consensus".into(), public.consensus.clone()]);
    table.row(["transactions".into(), public.transactions.clone()]);
    table.text()
}

/// The multiaddr of a TCP port at a host name or IP address.
pub fn multiaddr(host: &str, port: u16) -> String {
    match IpAddr::from_str(host) {
        Ok(IpAddr::V4(ip)) => format!("/ip4/{ip}/tcp/{port}"),
        Ok(IpAddr::V6(ip)) => format!("/ip6/{ip}/tcp/{port}"),
        Err(_) => format!("/dns4/{host}/tcp/{port}"),
    }
}

/// The multiaddr of a socket address.
pub fn multiaddr_of(address: SocketAddr) -> String {
    multiaddr(&address.ip().to_string(), address.port())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn new(out: &Path) -> New {
        New { out: out.into(), roles: vec![], name: "Cafe".into(), address: Some("cafe.example".into()), port: 27_000 }
    }

    #[test]
    fn keys_are_for_the_owner_only_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("keys");
        new_set(&new(&out), Output { json: true }).unwrap();
        for name in ["validator", "cosigner", "network", "operator", "treasurer", "governor"] {
            let path = out.join(format!("{name}.key"));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
            assert_eq!(read_key(&path).unwrap().0, name);
        }
        let public = PublicFile::read(&out.join(PUBLIC_FILE)).unwrap();
        assert_eq!(public.consensus, "/dns4/cafe.example/tcp/27000");
        assert!(new_set(&new(&out), Output { json: true }).is_err());
        fs::remove_file(out.join(PUBLIC_FILE)).unwrap();
        let error = new_set(&new(&out), Output { json: true }).unwrap_err();
        assert!(error.to_string().contains("never overwritten"), "{error}");
    }

    #[test]
    fn peer_ids_are_those_of_libp2p() {
        // libp2p specs, peer-ids: the Ed25519 test vector of the key serialisation.
        let key: PublicKey = "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e".parse().unwrap();
        assert_eq!(peer_id(&key), "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq");
        assert_eq!(base58(&[0, 0, 1]), "112");
    }
}
