//! What witnesses say when they find that the log forked, kept for an inquiry.
//!
//! # Format
//! `<name>-<checkpoint's time in ms>.txt` in `data_dir/anchors/forks`, with `-2`, `-3` ... where the name is taken: the lines
//! `tally fork claim v1`, `witness <key>`, `url <address>`, `at <this node's clock in ms>`, `status <HTTP status>`,
//! `sent <bytes>`, an empty line; then the request's body, which has so many bytes, and the answer's. A file is never written
//! over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use reqwest::Url;
use tally_ledger::anchor::witness::Fork;
use tally_ledger::note::VerifierKey;

use crate::clock::now_ms;

/// Claims kept of one witness for one checkpoint.
const MAX_NUMBER: u32 = 16;

/// Claims kept of one witness: an inquiry needs the first ones.
const MAX_FILES: usize = 256;

/// Where the claims of one witness are kept.
#[derive(Clone)]
pub(super) struct Forks {
    dir: PathBuf,
    operator: String,
}

impl Forks {
    pub fn new(dir: PathBuf, operator: &str) -> Self {
        Self { dir, operator: operator.to_owned() }
    }

    /// Keeps a claim about the checkpoint of a time; gives the file's path, or none where enough are kept. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk says so.
    pub fn keep(&self, time_ms: u64, fork: &Fork, (key, url): (&VerifierKey, &Url)) -> io::Result<Option<PathBuf>> {
        fs::create_dir_all(&self.dir)?;
        let start = format!("{}-", self.operator);
        let is_own = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&start);
        if fs::read_dir(&self.dir)?.filter_map(Result::ok).filter(is_own).count() >= MAX_FILES {
            return Ok(None);
        }
        for number in 1..=MAX_NUMBER {
            let end = if number == 1 { String::new() } else { format!("-{number}") };
            let path = self.dir.join(format!("{start}{time_ms}{end}.txt"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(text(fork, key, url).as_bytes())?;
                    file.sync_all()?;
                    File::open(&self.dir)?.sync_all()?;
                    return Ok(Some(path));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn text(fork: &Fork, key: &VerifierKey, url: &Url) -> String {
    let Fork { sent, status, body } = fork;
    let (at_ms, bytes) = (now_ms(), sent.len());
    format!("tally fork claim v1\nwitness {key}\nurl {url}\nat {at_ms}\nstatus {status}\nsent {bytes}\n\n{sent}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_about_a_checkpoint_gets_a_file_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let forks = Forks::new(dir.path().join("forks"), "w1");
        let key = "witness.one.example+4093f9d9+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea".parse().unwrap();
        let url = "https://w1.example/add-checkpoint".parse().unwrap();
        let claim = |body: &str| Fork { sent: "old 3\n\nnote\n".to_owned(), status: 422, body: body.to_owned() };
        let keep = |body: &str| forks.keep(1_700_000_000_000, &claim(body), (&key, &url)).unwrap();
        let first = keep("one").unwrap();
        let text = fs::read_to_string(&first).unwrap();
        assert_eq!(first.file_name().unwrap(), "w1-1700000000000.txt");
        assert!(text.starts_with("tally fork claim v1\nwitness witness.one.example+"), "{text}");
        assert!(text.ends_with("\nstatus 422\nsent 12\n\nold 3\n\nnote\none"), "{text}");
        assert_eq!(keep("two").unwrap().file_name().unwrap(), "w1-1700000000000-2.txt");
        assert_eq!(fs::read_to_string(&first).unwrap(), text);
        let kept = (0..100).filter_map(|_| keep("more")).count();
        assert_eq!(kept, MAX_NUMBER as usize - 2, "and then no more");
    }
}
