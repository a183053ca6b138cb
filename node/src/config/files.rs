//! The files that a configuration names. Errors about a secret never repeat it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use tally_contracts::genesis::Genesis;

use super::{Client, ClientToken, Config, ConfigError, KEY_FILE_MARK, wrong};

pub(super) fn read(key: &'static str, path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { key, path: path.to_owned(), source })
}

/// Reads a file that nobody but its owner may read.
fn read_secret(key: &'static str, path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { key, path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ConfigError::Exposed { key, path: path.to_owned(), mode });
    }
    read(key, path)
}

pub(super) fn read_genesis(config: &Config) -> Result<Genesis, ConfigError> {
    let text = read("genesis", &config.genesis)?;
    let genesis: Genesis = serde_json::from_str(&text).map_err(|e| {
        wrong("genesis", format!("{}: {e}. Get the file from the alliance again", config.genesis.display()))
    })?;
    genesis.check().map_err(|e| wrong("genesis", format!("{e}. Get the file from the alliance again")))?;
    Ok(genesis)
}

pub(super) fn read_key(key: &'static str, path: &Path, purpose: &str) -> Result<SigningKey, ConfigError> {
    let text = read_secret(key, path)?;
    // The text is a secret: no error repeats it.
    let seed = text.trim_end().strip_prefix(KEY_FILE_MARK).and_then(|t| t.strip_prefix(':'));
    let Some((found, seed)) = seed.and_then(|t| t.split_once(':')) else {
        let reason =
            format!("{} is no key file. It must be one line `{KEY_FILE_MARK}:{purpose}:<seed>`", path.display());
        return Err(wrong(key, reason));
    };
    if found != purpose {
        return Err(wrong(key, format!("{} holds a {found} key. Give the {purpose} key", path.display())));
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(seed, &mut bytes)
        .map_err(|_| wrong(key, format!("{}: the seed is not 64 hexadecimal digits", path.display())))?;
    Ok(SigningKey::from_bytes(&bytes))
}

/// Shortest token accepted from a file, in characters.
const MIN_TOKEN_LENGTH: usize = 16;

pub(super) fn read_client(client: &Client) -> Result<ClientToken, ConfigError> {
    let name = client.name.clone();
    match (&client.token_file, &client.token_sha256) {
        (Some(path), None) => {
            let text = read_secret("clients.token_file", path)?;
            let token = text.lines().next().unwrap_or("").trim();
            if token.len() < MIN_TOKEN_LENGTH || !token.bytes().all(|b| b.is_ascii_graphic()) {
                let path = path.display();
                let reason =
                    format!("{path}: the first line must be {MIN_TOKEN_LENGTH} or more printable characters, no space");
                return Err(wrong("clients.token_file", reason));
            }
            Ok(ClientToken { name, sha256: Sha256::digest(token).into() })
        }
        (None, Some(hash)) => Ok(ClientToken { name, sha256: hash.0 }),
        _ => {
            Err(wrong("clients", format!("client `{name}` needs either token_file or token_sha256. Give exactly one")))
        }
    }
}
