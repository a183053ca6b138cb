//! A till's queue: what was taken from the cash register, until the alliance's answer to it is on record.
//!
//! # Format
//! An SQLite database `queue.db` (application id `TILL`, user version 1) in write-ahead mode, every commit synced:
//! SQLite is made for several processes at once, here `add` beside `run`, and its recovery is better tested than any of ours
//! could be. It must lie on a local disk. Tables, all `STRICT`:
//!
//! | table | a row is |
//! |---|---|
//! | `meta` | a fact by its name, as JSON: the pins `chain_id`, `merchant`, `till`; `contact`, `trouble` |
//! | `entries` | one operation, by its number in order of arrival: reference, JSON text, SHA-256 of that text, [`State`], and what ended it |
//! | `orders` | an order number, its reference, and the SHA-256 of its operation; never removed |
//! | `flight` | the one signed transaction that may be on its way, at most one row: id, canonical bytes, end of validity |
//!
//! Operations are kept as JSON and not as canonical bytes, so that a newer version of the program still reads them.
//!
//! # Recovery
//! SQLite drops what was not committed: of an entry that was answered nothing, for the answer follows the commit. A
//! transaction that was on its way when the process ended is sent again byte for byte. An entry whose text does not match its
//! digest is never sent and ends as [`DAMAGED`].
//!
//! **Invariants.** `add` answers after the commit. An entry leaves `queued` only together with the reason, in one commit.
//! An operation is in at most one transaction that can still be executed: another is signed only when the alliance's time
//! has passed the end of validity of the one before, and no block holds it. An order number is never forgotten.

mod adding;
mod entry;
mod flight;

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::config::Config;

pub use adding::{Added, MAX_AGE_MS, NewOperation};
pub use entry::{Entry, Filter, Oldest, State};
pub use flight::{End, Flight, Limits};

/// Code of an entry whose text on disk is not what was written.
pub const DAMAGED: &str = "damaged_in_queue";

/// The database's file in the queue's directory.
const DATABASE: &str = "queue.db";
/// Held by the process that delivers.
const DELIVERY_LOCK: &str = "run.lock";
/// Who wants to know whether somebody delivers holds that lock for a moment; longer than this only who delivers.
const LOOK: Duration = Duration::from_secs(1);
/// `TILL`, where SQLite's file header has the application id.
const APPLICATION_ID: i32 = 0x5449_4c4c;
const VERSION: i32 = 1;
/// Most pages of 4 KiB: the queue is bounded by 4 GiB, some two million operations.
const MAX_PAGES: i64 = 1 << 20;
/// How long a process waits while another one writes.
const BUSY: Duration = Duration::from_secs(20);

const SCHEMA: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        reference TEXT NOT NULL UNIQUE,
        order_number TEXT,
        kind TEXT NOT NULL,
        operation TEXT NOT NULL,
        digest BLOB NOT NULL,
        added_ms INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'applied', 'rejected', 'refused')),
        in_flight INTEGER NOT NULL DEFAULT 0,
        code TEXT, detail TEXT, height INTEGER, position INTEGER, transaction_id TEXT, receipt TEXT, node TEXT,
        ended_ms INTEGER
    ) STRICT;
    CREATE INDEX entries_by_state ON entries (state, number);
    CREATE INDEX entries_in_flight ON entries (in_flight) WHERE in_flight != 0;
    CREATE TABLE orders (
        order_number TEXT PRIMARY KEY, reference TEXT NOT NULL UNIQUE, digest BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE flight (
        one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, bytes BLOB NOT NULL, valid_until_ms INTEGER NOT NULL
    ) STRICT;
";

/// A till's queue, opened.
#[derive(Debug)]
pub struct Queue {
    connection: Connection,
    dir: PathBuf,
    /// What `till.toml` beside it says.
    pub config: Config,
}

/// The last answer of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// When, by the till's own clock, in ms since 1970.
    pub local_ms: u64,
    /// What the alliance's time was, in ms since 1970.
    pub alliance_ms: u64,
    /// Which node it was.
    pub node: String,
}

/// Why nothing is delivered at the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// A stable name: `no_line`, or what a node or rule calls it.
    pub code: String,
    /// What is wrong and what to do next.
    pub detail: String,
    /// Since when, by the till's own clock, in ms since 1970.
    pub since_ms: u64,
    /// Whether it passes by itself, as a cut line does; else somebody has to act.
    pub passes: bool,
}

/// Held while a process delivers; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct DeliveryLock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

impl Queue {
    /// Makes a queue's directory with its configuration and an empty queue.
    ///
    /// # Errors
    /// When the directory holds one already, or cannot be written.
    pub fn create(dir: &Path, config: &Config) -> anyhow::Result<Self> {
        let file = dir.join(super::config::FILE);
        ensure!(!file.exists(), "{} holds a queue already; choose another directory", dir.display());
        let text = config.text()?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("cannot make {}", dir.display()))?;
        let database = dir.join(DATABASE);
        ensure!(!database.exists(), "{} holds the remains of a queue; choose another directory", dir.display());
        // What SQLite makes beside it gets the same mode.
        crate::keys::write_secret(&database, "")?;
        let mut connection = connect(&database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(SCHEMA)?;
        for (name, value) in pins(config)? {
            transaction.execute("INSERT INTO meta VALUES (?1, ?2)", params![name, value])?;
        }
        transaction.commit()?;
        // The configuration comes last: without it there is no queue. Then the names of both must survive a power cut.
        crate::keys::write_secret(&file, &text)?;
        for dir in [Some(dir), dir.parent().filter(|parent| !parent.as_os_str().is_empty())].into_iter().flatten() {
            File::open(dir).and_then(|dir| dir.sync_all()).with_context(|| format!("cannot sync {}", dir.display()))?;
        }
        drop(connection);
        Self::open(dir)
    }

    /// Opens a queue that [`Queue::create`] made.
    ///
    /// # Errors
    /// When there is none, it is of another version, or its pins are not those of `till.toml`.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let config = Config::read(dir)?;
        let path = dir.join(DATABASE);
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let (application, version) = (number("application_id")?, number("user_version")?);
        ensure!(application == APPLICATION_ID, "{} is no queue of a till", path.display());
        ensure!(version == VERSION, "{}: version {version} is unknown; use the newer program", path.display());
        let queue = Self { connection, dir: dir.to_owned(), config };
        for (name, value) in pins(&queue.config)? {
            let pinned = queue.meta_text(name)?.with_context(|| format!("{}: {name} is missing", path.display()))?;
            ensure!(
                pinned == value,
                "{name} is {value} in {}, but the queue was made for {pinned}: its operations are for that one only. Put \
                 it back, or make another queue",
                dir.join(super::config::FILE).display()
            );
        }
        Ok(queue)
    }

    /// Takes the right to deliver.
    ///
    /// # Errors
    /// When another process keeps it.
    pub fn lock_delivery(&self) -> anyhow::Result<DeliveryLock> {
        let file = self.lock_file()?;
        let until = Instant::now() + LOOK;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(DeliveryLock(file)),
                // Perhaps by one who only looks.
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOOK / 50),
                Err(TryLockError::WouldBlock) => {
                    bail!("another `tally till run` delivers {}; one is enough", self.dir.display())
                }
                Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the queue for delivery"),
            }
        }
    }

    /// Whether some process delivers now.
    ///
    /// # Errors
    /// When the lock cannot be looked at.
    pub fn is_delivering(&self) -> anyhow::Result<bool> {
        Ok(matches!(self.lock_file()?.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The time for a new reference, in ms since 1970, from the till's own clock.
    ///
    /// The clock is trusted for the time since the last contact only, or as it stands if that is less: one that was off
    /// then, one that is put right since, and one whose battery died make no references that no block will take.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn reference_time_ms(&self, local_ms: u64) -> anyhow::Result<u64> {
        let Some(contact) = self.contact()? else { return Ok(local_ms) };
        let counted_ms = contact.alliance_ms + local_ms.saturating_sub(contact.local_ms);
        Ok(if local_ms < contact.alliance_ms { counted_ms } else { local_ms.min(counted_ms) })
    }

    /// The last answer of a node.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn contact(&self) -> anyhow::Result<Option<Contact>> {
        self.meta("contact")
    }

    /// Keeps that a node answered.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub fn set_contact(&self, contact: &Contact) -> anyhow::Result<()> {
        self.set_meta("contact", Some(contact))
    }

    /// Why nothing is delivered at the moment, if so.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn trouble(&self) -> anyhow::Result<Option<Trouble>> {
        self.meta("trouble")
    }

    /// Keeps, or clears, why nothing is delivered.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub fn set_trouble(&self, trouble: Option<&Trouble>) -> anyhow::Result<()> {
        self.set_meta("trouble", trouble)
    }

    fn lock_file(&self) -> anyhow::Result<File> {
        let path = self.dir.join(DELIVERY_LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        file.with_context(|| format!("cannot open {}", path.display()))
    }

    fn meta<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let text = self.meta_text(name)?;
        text.map(|text| serde_json::from_str(&text).with_context(|| format!("the queue's {name}"))).transpose()
    }

    fn meta_text(&self, name: &str) -> anyhow::Result<Option<String>> {
        let mut statement = self.connection.prepare("SELECT value FROM meta WHERE name = ?1")?;
        Ok(statement.query_one([name], |row| row.get(0)).optional()?)
    }

    fn set_meta<T: Serialize>(&self, name: &str, value: Option<&T>) -> anyhow::Result<()> {
        match value {
            Some(value) => self.connection.execute(
                "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
                params![name, serde_json::to_string(value)?],
            )?,
            None => self.connection.execute("DELETE FROM meta WHERE name = ?1", [name])?,
        };
        Ok(())
    }

    /// One change, whole or not at all, and on disk when it returns.
    fn change<T>(&mut self, what: impl FnOnce(&rusqlite::Transaction<'_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let failed = || "the queue cannot be written: see to the disk, nothing was taken";
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).with_context(failed)?;
        let done = what(&transaction)?;
        transaction.commit().with_context(failed)?;
        Ok(done)
    }
}

fn connect(path: &Path, flags: OpenFlags) -> anyhow::Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Every commit is synced; on macOS through to the medium.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "max_page_count", MAX_PAGES)?;
        Ok(connection)
    };
    open().with_context(|| format!("cannot open the queue {}", path.display()))
}

/// What a queue is bound to for good.
fn pins(config: &Config) -> anyhow::Result<[(&'static str, String); 3]> {
    Ok([
        ("chain_id", serde_json::to_string(&config.chain_id)?),
        ("merchant", serde_json::to_string(&config.merchant)?),
        ("till", serde_json::to_string(&config.till)?),
    ])
}

#[cfg(test)]
mod tests;
