//! Whose evidence from outside an auditor believes, as a file.
//!
//! ```toml
//! authorities = ["tsa-root.pem"]            # roots of time-stamp authorities, PEM; paths are relative to this file
//! certificates = ["tsa-chain.pem"]          # on the way to a root, for authorities that do not send them; may be left out
//! witnesses = ["w.example+1a2b3c4d+BFx..."] # C2SP witnesses by their keys
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use tally_ledger::anchor::Trust;
use tally_ledger::anchor::timestamp::Roots;
use tally_ledger::anchor::witness::witness_key;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    authorities: Vec<PathBuf>,
    #[serde(default)]
    certificates: Vec<PathBuf>,
    #[serde(default)]
    witnesses: Vec<String>,
}

/// Reads the file.
///
/// # Errors
/// When it, or a file that it names, cannot be read or is not of its format.
pub fn read(path: &Path) -> anyhow::Result<Trust> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File = toml::from_str(&text).with_context(|| format!("{} is no trust file", path.display()))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let joined = |paths: &[PathBuf]| {
        let read = |name: &PathBuf| {
            let path = directory.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        paths.iter().map(read).collect::<anyhow::Result<Vec<_>>>().map(|texts| texts.join("\n"))
    };
    let mut roots = Roots::default();
    if !file.authorities.is_empty() {
        roots = Roots::from_pem(&joined(&file.authorities)?).with_context(|| format!("{}", path.display()))?;
    }
    if !file.certificates.is_empty() {
        roots = roots.with_beside(&joined(&file.certificates)?).with_context(|| format!("{}", path.display()))?;
    }
    let witnesses = file.witnesses.iter().map(|key| witness_key(key)).collect::<Result<_, _>>();
    Ok(Trust::new(roots, witnesses.with_context(|| format!("{}", path.display()))?))
}
