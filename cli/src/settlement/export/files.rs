//! Where the texts go: standard output, or files that are written whole, once.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A file that has the text.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
    bytes: usize,
    sha256: String,
    /// It had it before.
    is_unchanged: bool,
}

impl Written {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({ "file": self.path, "bytes": self.bytes, "sha256": self.sha256, "unchanged": self.is_unchanged })
    }

    /// For people.
    pub fn text(&self) -> String {
        let unchanged = if self.is_unchanged { ", unchanged" } else { "" };
        format!("{}: {} bytes, SHA-256 {}{unchanged}", self.path.display(), self.bytes, self.sha256)
    }
}

/// Makes a directory, unless it is there.
pub fn make_dir(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make the directory {}", path.display()))
}

/// Writes a file; one that has the text already stays as it is.
///
/// # Errors
/// A file with another text is in its place, or the disk fails.
pub fn write(path: &Path, text: &str) -> anyhow::Result<Written> {
    let failed = || format!("cannot write {}", path.display());
    let is_unchanged = match fs::read(path) {
        Ok(found) if found == text.as_bytes() => true,
        Ok(_) => bail!("{} exists with other contents and is not overwritten; choose another place", path.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(error).with_context(failed),
    };
    if !is_unchanged {
        // Half a file must never pass for a whole one: it gets its name when it is whole.
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        fs::write(&partial, text).and_then(|()| fs::rename(&partial, path)).with_context(failed)?;
    }
    let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
    Ok(Written { path: path.to_owned(), bytes: text.len(), sha256, is_unchanged })
}

/// Prints a text as it is; a reader that went away (`| head`) is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        assert!(!write(&path, "one").unwrap().is_unchanged);
        assert!(write(&path, "one").unwrap().is_unchanged);
        assert!(write(&path, "two").unwrap_err().to_string().contains("not overwritten"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing partial is left");
    }
}
