//! A disk in memory that keeps unsynced writes apart and, on [`LossyDisk::crash`], loses them: all, or torn.
//!
//! A crash keeps, of each file's unsynced appends and truncations and of each directory's unsynced name changes, some
//! prefix chosen by the seed, the last append cut anywhere; now and then a stretch of what survives reads as zeros, as
//! when pages reach the platter out of order. What was synced is never touched. Handles from before the crash fail.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::disk::{Disk, DiskFile};

/// See the module.
#[derive(Clone, Debug)]
pub struct LossyDisk(Arc<Mutex<Content>>);

#[derive(Debug)]
struct Content {
    rng: StdRng,
    epoch: u64,
    next_file: u64,
    files: BTreeMap<u64, Stored>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    unsynced_names: Vec<NameChange>,
    free_bytes: Option<usize>,
    syncs: u64,
}

#[derive(Debug, Default)]
struct Stored {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Append(Vec<u8>),
    Truncate(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    Create(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Debug)]
struct LossyFile {
    disk: LossyDisk,
    epoch: u64,
    file: u64,
}

impl LossyDisk {
    /// An empty disk whose crashes follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Content {
            rng: StdRng::seed_from_u64(seed),
            epoch: 0,
            next_file: 0,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            free_bytes: None,
            syncs: 0,
        })))
    }

    /// The power fails: unsynced writes are lost, open handles fail from now on.
    pub fn crash(&self) {
        let content = &mut *self.content();
        content.epoch += 1;
        let kept = content.rng.gen_range(0..=content.unsynced_names.len());
        for change in content.unsynced_names.drain(..).take(kept) {
            apply_name(&mut content.durable_names, &change);
        }
        content.names = content.durable_names.clone();
        for stored in content.files.values_mut() {
            stored.crash(&mut content.rng);
        }
    }

    /// Lets appends fail with "disk full" once this many more bytes were written; `None`: never.
    pub fn set_free_bytes(&self, free_bytes: Option<usize>) {
        self.content().free_bytes = free_bytes;
    }

    /// How often files were synced.
    pub fn syncs(&self) -> u64 {
        self.content().syncs
    }

    /// Flips one bit of a file, durably.
    ///
    /// # Panics
    /// When there is no such file or byte.
    pub fn flip_bit(&self, path: &Path, offset: usize) {
        let content = &mut *self.content();
        let stored = content.files.get_mut(&content.names[path]).expect("a named file exists");
        stored.now[offset] ^= 4;
        stored.durable[offset] ^= 4;
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().expect("no test panics while it holds the disk")
    }
}

impl Stored {
    fn crash(&mut self, rng: &mut StdRng) {
        let kept = rng.gen_range(0..=self.unsynced.len());
        let safe = self.durable.len();
        for (index, change) in self.unsynced.drain(..).enumerate().take(kept) {
            match change {
                Change::Append(bytes) => {
                    let length = if index + 1 == kept { rng.gen_range(0..=bytes.len()) } else { bytes.len() };
                    self.durable.extend_from_slice(&bytes[..length]);
                }
                Change::Truncate(size) => self.durable.truncate(size),
            }
        }
        if self.durable.len() > safe && rng.gen_ratio(1, 3) {
            let from = rng.gen_range(safe..self.durable.len());
            let to = rng.gen_range(from..=self.durable.len());
            self.durable[from..to].fill(0);
        }
        self.now = self.durable.clone();
    }
}

fn apply_name(names: &mut BTreeMap<PathBuf, u64>, change: &NameChange) {
    match change {
        NameChange::Create(path, file) => {
            names.insert(path.clone(), *file);
        }
        NameChange::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
    }
}

impl Content {
    fn change_name(&mut self, change: NameChange) {
        apply_name(&mut self.names, &change);
        self.unsynced_names.push(change);
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for LossyDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let content = &mut *self.content();
        let file = match content.find(path) {
            Ok(file) => file,
            Err(_) => {
                let file = content.next_file;
                content.next_file += 1;
                content.files.insert(file, Stored::default());
                content.change_name(NameChange::Create(path.to_owned(), file));
                file
            }
        };
        Ok(Arc::new(LossyFile { disk: self.clone(), epoch: content.epoch, file }))
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let content = self.content();
        let here = content.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(here.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let content = &mut *self.content();
        content.find(from)?;
        content.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let content = &mut *self.content();
        content.find(path)?;
        content.change_name(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let content = &mut *self.content();
        content.unsynced_names.clear();
        content.durable_names = content.names.clone();
        Ok(())
    }
}

impl LossyFile {
    fn with<T>(&self, f: impl FnOnce(&mut Content, u64) -> io::Result<T>) -> io::Result<T> {
        let content = &mut *self.disk.content();
        if content.epoch != self.epoch {
            return Err(io::Error::other("the machine crashed"));
        }
        f(content, self.file)
    }
}

fn stored(content: &mut Content, file: u64) -> &mut Stored {
    content.files.get_mut(&file).expect("files are never forgotten")
}

impl DiskFile for LossyFile {
    fn size(&self) -> io::Result<u64> {
        self.with(|content, file| Ok(stored(content, file).now.len() as u64))
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.with(|content, file| {
            let from = usize::try_from(offset).expect("offsets are small in tests");
            let bytes = stored(content, file).now.get(from..from + to.len());
            to.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.with(|content, file| {
            let written = content.free_bytes.map_or(bytes.len(), |free| free.min(bytes.len()));
            content.free_bytes = content.free_bytes.map(|free| free - written);
            let stored = stored(content, file);
            stored.now.extend_from_slice(&bytes[..written]);
            stored.unsynced.push(Change::Append(bytes[..written].to_vec()));
            if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        })
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.with(|content, file| {
            let size = usize::try_from(size).expect("sizes are small in tests");
            let stored = stored(content, file);
            stored.now.truncate(size);
            stored.unsynced.push(Change::Truncate(size));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|content, file| {
            content.syncs += 1;
            let stored = stored(content, file);
            stored.unsynced.clear();
            stored.durable = stored.now.clone();
            Ok(())
        })
    }
}
