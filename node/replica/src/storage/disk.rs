//! The few file operations that storage needs, as a trait: the real disk, and in tests one that loses what was not
//! synced ([`super::lossy::LossyDisk`]), which shows what a `kill -9` cannot.
//!
//! **Invariant**: nothing outlives a power cut unless it was synced: a file's bytes by [`DiskFile::sync`], its name (created,
//! renamed, removed) by [`Disk::sync_dir`] of its directory.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Where files live.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file for reading and appending, created empty where it is missing.
    ///
    /// # Errors
    /// When the disk says so.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Creates a directory with its parents and syncs the names; nothing happens where it exists.
    ///
    /// # Errors
    /// When the disk says so.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Names of the files in a directory, sorted.
    ///
    /// # Errors
    /// When the disk says so.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Renames a file within its directory, over what has the new name.
    ///
    /// # Errors
    /// When the disk says so.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the disk says so.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// When the disk says so.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// An open file. Only one writer appends or truncates; reads and syncs may run beside it.
pub trait DiskFile: Send + Sync + Debug {
    /// Length in bytes.
    ///
    /// # Errors
    /// When the disk says so.
    fn size(&self) -> io::Result<u64>;

    /// Fills `to` with the bytes from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file ends before, or when the disk says so.
    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<()>;

    /// Appends all of `bytes`. After an error a part of them may stand at the end.
    ///
    /// # Errors
    /// When the disk says so, for one when it is full.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `size` bytes.
    ///
    /// # Errors
    /// When the disk says so.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes the file's bytes durable. After an error it is unknown what is: the caller must stop writing.
    ///
    /// # Errors
    /// When the disk says so.
    fn sync(&self) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile(File);

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let parent = dir.parent().filter(|p| !p.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dir(parent)?;
        }
        fs::create_dir(dir)?;
        self.sync_dir(parent.unwrap_or(Path::new(".")))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

impl DiskFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(to, offset)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut &self.0, bytes)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
