//! The queue of one operator: checkpoints that wait to be anchored, on disk.
//!
//! # Format
//! `<name>.json` in `data_dir/anchors`, one JSON object: `version` 1; `taken`, the checkpoint enqueued last, and `anchored`,
//! the latest with evidence on record (each `height` and `time_ms`, or null); `witness_size`, the leaves of the log that a
//! witness last cosigned; `jobs` by rising height, each with `height`, `time_ms` and the `evidence` once there is some, as
//! in the operation `anchor`.
//!
//! # Recovery
//! The file is written anew under `<name>.json.new`, synced and renamed over the old one, so a crash leaves one or the other.
//! A step that was lost is done again: what was asked for is asked again, and what was submitted is found on record. Without
//! the file, anchoring begins with the latest final checkpoint.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tally_contracts::checkpoint::Evidence;
use tally_contracts::types::Height;

use super::Standing;
use crate::storage::disk::Disk;

/// Checkpoints that may wait; beyond them the oldest are given up.
pub(super) const MAX_JOBS: usize = 64;

/// Largest file that is read, in bytes: twice what jobs with the largest evidence take.
const MAX_FILE_BYTES: u64 = 8 << 20;

const VERSION: u32 = 1;

/// A checkpoint, by its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The block's height.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
}

/// A checkpoint that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    pub height: Height,
    pub time_ms: u64,
    /// What the operator gave for it, until it is on record.
    pub evidence: Option<Evidence>,
}

/// Which of several checkpoints that wait are worth the operator's trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Each: a time stamp says of its own checkpoint when it existed.
    Each,
    /// The newest: a witness that has seen it does not go back.
    Newest,
}

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    taken: Option<Mark>,
    anchored: Option<Mark>,
    witness_size: u64,
    jobs: VecDeque<Job>,
}

/// A queue that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The disk.
    #[error("{}: {source}. Check the disk and the rights under data_dir", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not such a file.
    #[error(
        "{} is no queue of anchors: {reason}. Move it away: checkpoints that waited in it are not anchored by this operator, \
         later ones are",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// See the module. One task uses it.
pub(super) struct Queue {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    operator: String,
    content: Content,
}

impl Queue {
    /// Reads an operator's queue in `dir`, created where it is missing.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, operator: &str) -> Result<Self, QueueError> {
        let file = file_name(operator);
        let path = dir.join(&file);
        let failed = |source| QueueError::Disk { path: path.clone(), source };
        disk.create_dir(dir).map_err(failed)?;
        let exists = disk.list(dir).map_err(failed)?.contains(&file);
        let content = if exists {
            let bytes = read(&*disk, &path).map_err(failed)?;
            let wrong = |reason: String| QueueError::Format { path: path.clone(), reason };
            let content: Content = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
            if content.version != VERSION {
                return Err(wrong(format!("its version is {}, not {VERSION}", content.version)));
            }
            content
        } else {
            Content { version: VERSION, taken: None, anchored: None, witness_size: 0, jobs: VecDeque::new() }
        };
        Ok(Self { disk, dir: dir.to_owned(), operator: operator.to_owned(), content })
    }

    /// How far it has come.
    pub fn standing(&self) -> Standing {
        let first = self.content.jobs.front();
        Standing {
            operator: self.operator.clone(),
            anchored: self.content.anchored,
            waiting_since: first.map(|job| Mark { height: job.height, time_ms: job.time_ms }),
            queued: self.content.jobs.len(),
        }
    }

    /// The checkpoint enqueued last, done or not.
    pub const fn taken(&self) -> Option<Mark> {
        self.content.taken
    }

    /// Leaves of the log that the witness last cosigned, as far as known.
    pub const fn witness_size(&self) -> u64 {
        self.content.witness_size
    }

    /// The newest that waits: what is anchored covers all before it.
    pub fn newest(&self) -> Option<&Job> {
        self.content.jobs.back()
    }

    /// Enqueues a checkpoint later than all before; tells how many were given up for it.
    pub fn take(&mut self, mark: Mark, keep: Keep) -> usize {
        let jobs = &mut self.content.jobs;
        if keep == Keep::Newest {
            jobs.clear();
        }
        jobs.push_back(Job { height: mark.height, time_ms: mark.time_ms, evidence: None });
        self.content.taken = Some(mark);
        let given_up = jobs.len().saturating_sub(MAX_JOBS);
        jobs.drain(..given_up);
        given_up
    }

    /// Keeps what the operator gave for a checkpoint, or forgets it.
    pub fn set_evidence(&mut self, height: Height, evidence: Option<Evidence>) {
        if let Some(job) = self.content.jobs.iter_mut().find(|job| job.height == height) {
            job.evidence = evidence;
        }
    }

    /// Keeps how much of the log the witness has seen.
    pub fn set_witness_size(&mut self, size: u64) {
        self.content.witness_size = size;
    }

    /// A checkpoint waits no longer.
    pub fn remove(&mut self, height: Height) {
        self.content.jobs.retain(|job| job.height != height);
    }

    /// A checkpoint's evidence is on record.
    pub fn finish(&mut self, mark: Mark) {
        self.remove(mark.height);
        if self.content.anchored.is_none_or(|anchored| anchored.height < mark.height) {
            self.content.anchored = Some(mark);
        }
    }

    /// Writes the queue.
    ///
    /// # Errors
    /// When the disk says so; the file is then as it was.
    pub async fn save(&self) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.content)?;
        let (disk, dir, file) = (self.disk.clone(), self.dir.clone(), file_name(&self.operator));
        tokio::task::spawn_blocking(move || write(&*disk, &dir, &file, &text)).await?
    }
}

fn file_name(operator: &str) -> String {
    format!("{operator}.json")
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let size = file.size()?;
    if size > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("{size} bytes are more than a queue can have. Move the file away")));
    }
    let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

fn write(disk: &dyn Disk, dir: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    let file = disk.open(&new)?;
    // What a crash left of an earlier one.
    file.truncate(0)?;
    file.append(text)?;
    file.sync()?;
    disk.rename(&new, &dir.join(name))?;
    disk.sync_dir(dir)
}
