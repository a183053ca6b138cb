//! Anchors: the operators outside the alliance that checkpoints are taken to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;
use tally_ledger::anchor::timestamp::Roots;

use super::files::read;
use super::{Config, ConfigError, wrong};
use crate::anchoring::Operator;

/// Longest name of an operator, in characters.
const MAX_NAME_LENGTH: usize = 64;

/// Where final checkpoints are anchored. Without an operator nothing is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Anchors {
    /// One checkpoint in each period of so many checkpoint intervals is anchored.
    pub every_checkpoints: u64,
    /// For one request to an operator, in ms.
    pub timeout_ms: u64,
    /// Time-stamp authorities (RFC 3161).
    pub time_stamps: Vec<TimeStamps>,
    /// Witnesses of transparency logs (C2SP `tlog-witness`).
    pub witnesses: Vec<Witness>,
}

impl Default for Anchors {
    fn default() -> Self {
        Self { every_checkpoints: 6, timeout_ms: 10_000, time_stamps: Vec::new(), witnesses: Vec::new() }
    }
}

/// A time-stamp authority.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeStamps {
    /// A name for log, metrics and file names: `a` to `z`, `0` to `9`, `.` and `-`.
    pub name: String,
    /// Where it takes requests, `https://` or `http://`: what it answers is signed.
    pub url: String,
    /// A PEM file of the roots under which its answers are believed.
    pub certificates: PathBuf,
    /// A PEM file of certificates between those and its own, where it does not send them along.
    pub intermediates: Option<PathBuf>,
}

/// A witness.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// A name, as above.
    pub name: String,
    /// Its submission prefix: requests go to `<url>/add-checkpoint`.
    pub url: String,
    /// Its key, `name+id+base64`.
    pub key: String,
}

impl Anchors {
    /// The files that it names.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.time_stamps
            .iter_mut()
            .flat_map(|authority| std::iter::once(&mut authority.certificates).chain(authority.intermediates.as_mut()))
    }

    /// What a value must be by itself.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in
            [("anchors.every_checkpoints", self.every_checkpoints), ("anchors.timeout_ms", self.timeout_ms)]
        {
            if value == 0 {
                return Err(wrong(key, "is 0, so nothing could pass. Give a value from 1 on, or leave the key out"));
            }
        }
        let names = self.time_stamps.iter().map(|authority| ("anchors.time_stamps.name", &authority.name));
        let names = names.chain(self.witnesses.iter().map(|witness| ("anchors.witnesses.name", &witness.name)));
        let mut taken = BTreeSet::new();
        for (key, name) in names {
            if !is_name(name) {
                let reason = format!(
                    "`{name}` cannot name a file. Use 1 to {MAX_NAME_LENGTH} of a-z, 0-9, `.` and `-`, a letter or digit first"
                );
                return Err(wrong(key, reason));
            }
            if !taken.insert(name) {
                return Err(wrong(key, format!("`{name}` appears twice. Give each operator a name of its own")));
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(is_plain)
        && name.len() <= MAX_NAME_LENGTH
        && name.chars().all(|c| is_plain(c) || c == '.' || c == '-')
}

/// Reads what makes the operators' answers believed.
pub(super) fn read_operators(config: &Config) -> Result<Vec<Operator>, ConfigError> {
    let Anchors { time_stamps, witnesses, .. } = &config.anchors;
    if config.merchant.is_none() && !(time_stamps.is_empty() && witnesses.is_empty()) {
        let reason = "evidence is submitted by a merchant's node, this one is an observer. Remove the operators";
        return Err(wrong("anchors", reason));
    }
    let time_stamps = time_stamps.iter().map(read_time_stamps);
    time_stamps.chain(witnesses.iter().map(read_witness)).collect()
}

fn read_time_stamps(authority: &TimeStamps) -> Result<Operator, ConfigError> {
    const CERTIFICATES: &str = "anchors.time_stamps.certificates";
    const INTERMEDIATES: &str = "anchors.time_stamps.intermediates";
    let TimeStamps { name, url, certificates, intermediates } = authority;
    let url = read_url("anchors.time_stamps.url", url)?;
    let pem = read(CERTIFICATES, certificates)?;
    let mut roots = Roots::from_pem(&pem).map_err(|e| unusable(CERTIFICATES, certificates, &e))?;
    if let Some(path) = intermediates {
        let pem = read(INTERMEDIATES, path)?;
        roots = roots.with_beside(&pem).map_err(|e| unusable(INTERMEDIATES, path, &e))?;
    }
    Ok(Operator::time_stamps(name, url, roots))
}

fn unusable(key: &'static str, path: &Path, error: &dyn std::error::Error) -> ConfigError {
    wrong(key, format!("{}: {error}", path.display()))
}

fn read_witness(witness: &Witness) -> Result<Operator, ConfigError> {
    let url = read_url("anchors.witnesses.url", &witness.url)?;
    let operator = Operator::witness(&witness.name, url, witness.key.trim());
    operator.map_err(|error| wrong("anchors.witnesses.key", error.to_string()))
}

fn read_url(key: &'static str, text: &str) -> Result<Url, ConfigError> {
    let url: Url = text.parse().map_err(|e| wrong(key, format!("`{text}`: {e}. Give it as https://host/path")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong(key, format!("`{text}` is no address of HTTP. Give it as https://host/path")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The text is a secret: the error does not repeat it.
        let reason = "holds a password, and no secret stands in this file. Use an operator that needs none, or have a \
                      proxy of yours add it";
        return Err(wrong(key, reason));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(key, format!("`{text}` has a query or fragment. Give the address without")));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A witness's key, as in `network-configs/production.toml`.
    const KEY: &str = "witness.one.example+4093f9d9+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

    fn config(merchant: &str, anchors: &str) -> Result<Config, toml::de::Error> {
        let rest = "[keys]\nnetwork = \"n\"\n[listen]\nconsensus = \"/ip4/0.0.0.0/tcp/1\"\nhttp = \"127.0.0.1:0\"\n";
        toml::from_str(&format!("data_dir = \"d\"\ngenesis = \"g\"\n{merchant}\n{rest}{anchors}"))
    }

    fn witness(name: &str, url: &str, key: &str) -> String {
        format!("[[anchors.witnesses]]\nname = \"{name}\"\nurl = \"{url}\"\nkey = \"{key}\"\n")
    }

    fn operators(anchors: &str) -> Result<Vec<String>, String> {
        let config = config("merchant = 1", anchors).map_err(|e| e.to_string())?;
        let read = config.check_values().and_then(|()| read_operators(&config));
        Ok(read.map_err(|e| e.to_string())?.iter().map(|operator| operator.name().to_owned()).collect())
    }

    #[test]
    fn nothing_is_anchored_unless_an_operator_is_named() {
        assert_eq!(operators(""), Ok(vec![]));
        let defaults = config("", "").unwrap().anchors;
        assert_eq!((defaults.every_checkpoints, defaults.timeout_ms), (6, 10_000));
        let two = witness("a", "https://a.example", KEY) + &witness("b.2-x", "http://127.0.0.1:8080/prefix/", KEY);
        assert_eq!(operators(&two), Ok(vec!["a".to_owned(), "b.2-x".to_owned()]));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_to_do() {
        let good = |name: &str| witness(name, "https://a.example", KEY);
        let authority = |file: &str| {
            format!("[[anchors.time_stamps]]\nname = \"t\"\nurl = \"https://t.example\"\ncertificates = \"{file}\"\n")
        };
        let long = "a".repeat(65);
        for (anchors, expected) in [
            ("[anchors]\nevery_checkpoint = 6\n".to_owned(), "unknown field"),
            ("[anchors]\nevery_checkpoints = 0\n".to_owned(), "anchors.every_checkpoints: is 0"),
            ("[anchors]\ntimeout_ms = 0\n".to_owned(), "anchors.timeout_ms: is 0"),
            (good("a") + &good("a"), "anchors.witnesses.name: `a` appears twice"),
            (good("../a"), "anchors.witnesses.name: `../a` cannot name a file"),
            (good("-a"), "anchors.witnesses.name"),
            (good(""), "anchors.witnesses.name"),
            (good("A"), "anchors.witnesses.name"),
            (good(&long), "anchors.witnesses.name"),
            (witness("a", "a.example", KEY), "anchors.witnesses.url"),
            (witness("a", "ftp://a.example", KEY), "anchors.witnesses.url"),
            (witness("a", "https://u:hunter2@a.example", KEY), "anchors.witnesses.url: holds a password"),
            (witness("a", "https://a.example/?q", KEY), "anchors.witnesses.url"),
            (witness("a", "https://a.example", &KEY.replace("f9d9", "f9d8")), "anchors.witnesses.key: `w"),
            (authority("/nowhere/roots.pem"), "anchors.time_stamps.certificates: cannot read /nowhere/roots.pem"),
            (authority("/dev/null"), "anchors.time_stamps.certificates: /dev/null: there is no certificate"),
        ] {
            let said = operators(&anchors).unwrap_err();
            assert!(said.contains(expected), "{anchors}\n{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn an_observer_has_nothing_to_submit() {
        let observer = config("", &witness("a", "https://a.example", KEY)).unwrap();
        let said = read_operators(&observer).unwrap_err().to_string();
        assert!(said.contains("observer") && said.contains("Remove"), "{said}");
    }
}
