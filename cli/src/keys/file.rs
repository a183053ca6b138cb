//! Key files: how they are written and read.
//!
//! # Format
//! One line `tally-key-v1:<purpose>:<64 hexadecimal digits>`: the Ed25519 seed (RFC 8032), marked with what it is for, so
//! that no key is used in another's place and scanners for secrets find it. Mode 0600; a file that others may read is
//! refused. Purposes: `validator`, `network`, `operator` (the three that a node reads), `treasurer`, `governor`, `clock`,
//! `attester`, which never come near one, and `wallet`, which is a member's (`tally wallet`).

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use ed25519_dalek::SigningKey;
use rand::RngCore as _;
use serde_json::Value;
use tally_contracts::crypto::PublicKey;

/// What stands at the start of every key file.
const MARK: &str = "tally-key-v1";
/// A fresh key from the operating system's randomness.
pub fn generate() -> SigningKey {
    let mut seed = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut seed);
    SigningKey::from_bytes(&seed)
}

/// Writes a key file that nobody but the owner may read; never over another.
pub fn write_key(path: &Path, purpose: &str, key: &SigningKey) -> anyhow::Result<()> {
    write_secret(path, &format!("{MARK}:{purpose}:{}\n", hex::encode(key.to_bytes())))
}

/// Writes a new file of mode 0600.
///
/// # Errors
/// When it exists: a secret is never overwritten.
pub fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| {
        format!("cannot write {}: keys are never overwritten; choose another directory", path.display())
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| format!("{}", path.display()))
}

/// Reads a key file of any purpose.
///
/// # Errors
/// When others may read it, or it is no key file. No error repeats its text.
pub fn read_key(path: &Path) -> anyhow::Result<(String, SigningKey)> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read the key file {}", path.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    ensure!(mode & 0o077 == 0, "{0} may be read by others (mode {mode:03o}). Run: chmod 600 {0}", path.display());
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the key file {}", path.display()))?;
    let seed =
        text.trim_end().strip_prefix(MARK).and_then(|rest| rest.strip_prefix(':')).and_then(|r| r.split_once(':'));
    let Some((purpose, seed)) = seed else {
        bail!("{} is no key file: it must be one line `{MARK}:<purpose>:<seed>`", path.display());
    };
    let mut bytes = [0; 32];
    let decoded = hex::decode_to_slice(seed, &mut bytes);
    ensure!(decoded.is_ok(), "{}: the seed is not 64 hexadecimal digits", path.display());
    Ok((purpose.to_owned(), SigningKey::from_bytes(&bytes)))
}

/// The public half of a key file, or the key that a public file of `tally keys new --roles` names.
pub fn read_public(path: &Path) -> anyhow::Result<PublicKey> {
    if path.extension().is_none_or(|extension| extension != "json") {
        return read_key(path).map(|(_, key)| PublicKey::of(&key));
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the public file {}", path.display()))?;
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let key = value.get("public_key").and_then(Value::as_str).and_then(|key| key.parse().ok());
    key.with_context(|| format!("{} names no public_key", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        write_key(&path, "operator", &generate()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = read_key(&path).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
