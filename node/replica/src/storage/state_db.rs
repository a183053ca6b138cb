//! The state derived from the block log: contract records, query index rows and where decisions stand, in RocksDB.
//!
//! What blocks wrote gathers in memory ([`Memtable`]), and from time to time goes down as sorted files ([`cut`]) that RocksDB
//! takes in **as one**, with the head it belongs to inside: the database is always exactly the state after some block, and a
//! write costs a sixth of a put. A thread of its own does that while blocks go on; a second flush waits for the
//! first, so memory is bounded. Rows that execution reads again and again stay in a cache of bounded size. What a crash takes
//! from memory is executed again from the block log.
//!
//! # Format
//! One column family. The first byte of a key says whose the record is:
//!
//! | first byte | record |
//! |---|---|
//! | `0x01..=0xbf` | the contracts' tables (`tally_contracts::state::tag`), the only ones under the state hash |
//! | `0xc0..=0xff`, but for those below | the query index |
//! | `0xf0` | [`Applied`], canonical bytes |
//! | `0xf1`, height u64 big-endian | position of the decision in the block log, u64 little-endian |
//! | `0xf2`, block id | height u64 little-endian |
//!
//! Files are written in `flush/` and moved from there into `rows/`, RocksDB's own. What a crash leaves in `flush/` is removed by
//! the next flush.
//!
//! **Invariant**: readers see the records of one block's end, never a mixture: they hold the lock that applying takes.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use rocksdb::{DB, Direction, IngestExternalFileOptions, IteratorMode, Options, SstFileWriter, WaitForCompactOptions};
use tally_contracts::encoding;
use tally_contracts::state::{Row, Store, WriteSet, tag};
use tally_contracts::types::{ChainId, Day, Height};
use tally_ledger::block::BlockId;
use tally_ledger::certificate::CommitCertificate;
use tally_ledger::chain::Head;
use wincode::{SchemaRead, SchemaWrite};

use super::StorageError;
use super::cut::cut;
use super::frozen::Frozen;
use super::journal::Position;
use super::layered::{Layered, read_options};
use super::memtable::Memtable;
use super::options::options;
use super::rare_rows::RareRows;
use super::row_cache::RowCache;

/// Version of the format.
pub const FORMAT: u32 = 6;
/// First bytes of query index keys; of these, some are our own.
pub const INDEX_TAGS: std::ops::RangeInclusive<u8> = 0xc0..=0xff;

const APPLIED: u8 = 0xf0;
const DECISION: u8 = 0xf1;
const BLOCK_HEIGHT: u8 = 0xf2;

/// Whether rows of the query index may have this first byte.
#[must_use]
pub fn is_index_tag(tag: u8) -> bool {
    INDEX_TAGS.contains(&tag) && ![APPLIED, DECISION, BLOCK_HEIGHT].contains(&tag)
}

/// References are never read again 90 days behind block time, daily sums 1 day; two days more for nothing.
const KEPT_DAYS: u32 = 92;
const DAILY_TAGS: [u8; 9] = [
    tag::references,
    tag::no_consent_used,
    tag::custodian_member_used,
    tag::custodian_used,
    tag::store_redeemed,
    tag::store_refunded,
    tag::grants_used,
    tag::exchanged_by_member,
    tag::exchanged_by_pair,
];

/// Files in level 0 beyond which a flush waits for compaction: each is looked at by every read.
const MAX_LEVEL_0_FILES: u64 = 16;

/// Where the database stands.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Applied {
    /// [`FORMAT`].
    pub format: u32,
    /// Whose data it is.
    pub chain_id: ChainId,
    /// The last block whose writes are in.
    pub head: Head,
    /// Its certificate; none at height 0.
    pub certificate: Option<CommitCertificate>,
    /// From where the block log holds what is not in, as [`Position::to_u64`].
    pub replay_from: u64,
    /// Daily rows of earlier days are dropped.
    pub kept_from: Day,
}

/// State as of one block's end. Keep views short: the next block and the end of a flush wait for them.
pub struct View<'a> {
    /// The block.
    pub head: &'a Head,
    /// Its certificate; none at height 0.
    pub certificate: Option<&'a CommitCertificate>,
    /// All records.
    pub store: &'a dyn Store,
}

/// What one block adds.
#[derive(Debug)]
pub struct Applying {
    /// The chain's end after it.
    pub head: Head,
    /// What commits it; none for genesis.
    pub certificate: Option<CommitCertificate>,
    /// Where its decision stands in the block log; none for genesis.
    pub decision: Option<Position>,
    /// Contract records.
    pub records: Arc<WriteSet>,
    /// Query index rows.
    pub index: WriteSet,
}

/// See the module.
pub struct StateDb {
    shared: Arc<Shared>,
    /// The flush under way, or how it ended.
    flushing: Mutex<Option<JoinHandle<Result<(), StorageError>>>>,
}

/// What a flush works with while blocks go on.
struct Shared {
    db: DB,
    /// Of the database and the files that it takes in.
    options: Options,
    dir: PathBuf,
    /// Where files are written before they are taken in.
    flush_dir: PathBuf,
    chain_id: ChainId,
    memory: RwLock<Memory>,
    cache: RowCache,
}

/// State as far as it is in memory.
struct Memory {
    head: Head,
    certificate: Option<CommitCertificate>,
    /// What blocks wrote since the last flush began.
    rows: Memtable,
    blocks: u64,
    /// What is being flushed.
    flushing: Option<Arc<Memtable>>,
    kept_from: Day,
}

/// What goes down in one flush.
struct Flush {
    rows: Arc<Memtable>,
    applied: Applied,
    /// Whether rows of earlier days are dropped.
    drops_days: bool,
}

/// How much waits in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Blocks.
    pub blocks: u64,
    /// Bytes of keys and values.
    pub bytes: usize,
}

impl StateDb {
    /// Opens the database in `dir`; `start` is the state before the first block, for an empty one, `cache_bytes` the memory for
    /// rows that were read from it or flushed to it. Returns from where the block log is to be replayed; `None`: from its
    /// beginning.
    ///
    /// # Errors
    /// When the data is another alliance's or of another format, or RocksDB fails.
    pub fn open(
        dir: &Path,
        chain_id: ChainId,
        cache_bytes: usize,
        start: impl FnOnce() -> Applying,
    ) -> Result<(Self, Option<Position>), StorageError> {
        let rows = dir.join("rows");
        make_dir(&rows)?;
        let options = options();
        let db = DB::open(&options, &rows)?;
        let applied: Option<Applied> = db.get([APPLIED])?.map(|bytes| decode_applied(&bytes)).transpose()?;
        let (memory, replay_from) = match applied {
            Some(applied) => {
                if applied.chain_id != chain_id {
                    return Err(StorageError::OtherAlliance { found: applied.chain_id, expected: chain_id });
                }
                let Applied { head, certificate, replay_from, kept_from, .. } = applied;
                (Memory::new(head, certificate, kept_from), Some(Position::from_u64(replay_from)))
            }
            None => {
                let start = start();
                let mut memory = Memory::new(start.head.clone(), None, Day(0));
                memory.apply(start);
                (memory, None)
            }
        };
        let memory = RwLock::new(memory);
        let cache = RowCache::new(cache_bytes, rare_rows(&db)?);
        let shared = Shared { db, options, dir: dir.to_owned(), flush_dir: dir.join("flush"), chain_id, memory, cache };
        Ok((Self { shared: Arc::new(shared), flushing: Mutex::default() }, replay_from))
    }

    /// Runs `f` on state at the head, which stands still meanwhile.
    pub fn read<T>(&self, f: impl FnOnce(&View<'_>) -> T) -> T {
        let Shared { db, cache, .. } = &*self.shared;
        let memory = self.shared.memory();
        let flushing = memory.flushing.as_deref();
        let store = Layered { db, cache, rows: &memory.rows, flushing, head: memory.head.height };
        f(&View { head: &memory.head, certificate: memory.certificate.as_ref(), store: &store })
    }

    /// Runs `f` on a thread of its own, on state as of now, for as long as it takes: blocks go on. Returns once the state is
    /// held on to.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn freeze(&self, f: impl FnOnce(&View<'_>) + Send + 'static) -> Result<JoinHandle<()>, StorageError> {
        let shared = Arc::clone(&self.shared);
        let (held, is_held) = mpsc::channel();
        let run = move || {
            let memory = shared.memory();
            let (rows, flushing) = (memory.rows.clone(), memory.flushing.clone());
            let (head, certificate) = (memory.head.clone(), memory.certificate.clone());
            let store = Frozen { db: shared.db.snapshot(), flushing, rows };
            drop(memory);
            // Whoever asked waits for it.
            let _ = held.send(());
            f(&View { head: &head, certificate: certificate.as_ref(), store: &store });
        };
        let started = std::thread::Builder::new().name("frozen".to_owned()).spawn(run);
        let started = started.map_err(|source| StorageError::Disk { path: self.shared.dir.clone(), source })?;
        is_held.recv().expect("the thread holds on to state before anything else");
        Ok(started)
    }

    /// Adds a block's writes, visible at once and as one.
    ///
    /// # Panics
    /// When the block does not follow the head.
    pub fn apply(&self, applying: Applying) {
        let mut memory = self.shared.memory_mut();
        assert_eq!(applying.head.height, memory.head.height.next(), "blocks are applied one after the other");
        memory.apply(applying);
    }

    /// Where the decision of a height stands in the block log.
    #[must_use]
    pub fn decision(&self, height: Height) -> Option<Position> {
        let row = self.read(|view| view.store.get(&decision_key(height)))?;
        Some(Position::from_u64(decode_u64(&row)))
    }

    /// The height at which a block was committed.
    #[must_use]
    pub fn height_of(&self, id: &BlockId) -> Option<Height> {
        let row = self.read(|view| view.store.get(&height_key(id)))?;
        Some(Height(decode_u64(&row)))
    }

    /// What a flush would write now.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        let memory = self.shared.memory();
        Waiting { blocks: memory.blocks, bytes: memory.rows.bytes() }
    }

    /// Starts to write what waits, with the head; a flush that is still under way is waited for. `today` is the
    /// local day of the head. Only one thread may apply and flush.
    ///
    /// # Errors
    /// When the disk failed during the flush before; nothing is lost, the database stays where it was.
    pub fn start_flush(&self, replay_from: Position, today: Day) -> Result<(), StorageError> {
        self.finish_flush()?;
        let shared = Arc::clone(&self.shared);
        let flush = shared.memory_mut().start_flush(shared.chain_id, replay_from, today);
        let thread = std::thread::Builder::new().name("flush".to_owned());
        let started = thread.spawn(move || shared.run(&flush));
        let started = started.map_err(|source| StorageError::Disk { path: self.shared.dir.clone(), source })?;
        *self.flushing() = Some(started);
        Ok(())
    }

    /// Waits for the flush that is under way, if one is.
    ///
    /// # Errors
    /// When the disk failed; [`StorageError::Unflushed`] where it did before.
    pub fn finish_flush(&self) -> Result<(), StorageError> {
        match self.flushing().take() {
            Some(flush) => flush.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None if self.shared.memory().flushing.is_some() => Err(StorageError::Unflushed),
            None => Ok(()),
        }
    }

    /// How the flush that was started last has ended, if it has.
    ///
    /// # Errors
    /// When the disk failed.
    pub fn check_flush(&self) -> Result<(), StorageError> {
        let has_ended = self.flushing().as_ref().is_some_and(JoinHandle::is_finished);
        if has_ended { self.finish_flush() } else { Ok(()) }
    }

    fn flushing(&self) -> MutexGuard<'_, Option<JoinHandle<Result<(), StorageError>>>> {
        self.flushing.lock().expect("no thread panics while it looks for a flush")
    }
}

/// The database stays locked for as long as a flush uses it.
impl Drop for StateDb {
    fn drop(&mut self) {
        if let Err(error) = self.finish_flush() {
            tracing::error!(%error, "the last flush of state failed");
        }
    }
}

impl Shared {
    /// Writes files, takes them in as one, and lets go of what is in them.
    fn run(&self, flush: &Flush) -> Result<(), StorageError> {
        let applied = encoding::encode(&flush.applied);
        let mut rows: Vec<Row<'_>> = flush.rows.range(&[], None).collect();
        rows.insert(rows.partition_point(|(key, _)| key[0] < APPLIED), (&[APPLIED], Some(&applied)));
        // What a crash or a full disk has left.
        remove_dir(&self.flush_dir)?;
        make_dir(&self.flush_dir)?;
        self.ingest(self.write_files(&rows)?)?;
        self.cache.update(&rows);
        self.memory_mut().flushing = None;
        if flush.drops_days {
            self.drop_days(flush.applied.kept_from)?;
        }
        if self.db.property_int_value("rocksdb.num-files-at-level0")? > Some(MAX_LEVEL_0_FILES) {
            self.db.wait_for_compact(&WaitForCompactOptions::default())?;
        }
        Ok(())
    }

    /// Drops the daily rows of earlier days, which nothing reads once the head has come so far; should it fail, the next day's
    /// drop takes them too. It takes a file a table: one that reached from the first to the last would be compacted with all
    /// that lies between.
    fn drop_days(&self, kept_from: Day) -> Result<(), StorageError> {
        let mut files = Vec::new();
        for tag in DAILY_TAGS {
            let (start, end) = (day_key(tag, Day(0)), day_key(tag, kept_from));
            let from = IteratorMode::From(&start, Direction::Forward);
            if self.db.iterator_opt(from, read_options(&start, &end)).next().transpose()?.is_some() {
                files.push(self.write_file(&format!("days-{tag}.sst"), |file| file.delete_range(&start, &end))?);
            }
        }
        if files.is_empty() { Ok(()) } else { self.ingest(files) }
    }

    /// Writes rows as files, on two threads: a good part of the time is compression.
    fn write_files(&self, rows: &[Row<'_>]) -> Result<Vec<PathBuf>, StorageError> {
        let left = Mutex::new(cut(rows).into_iter());
        let next = || left.lock().expect("no thread panics while it takes a file").next();
        let write = |at: Range<usize>| {
            self.write_file(&format!("{}.sst", at.start), |file| {
                rows[at].iter().try_for_each(|(key, value)| put(file, key, *value))
            })
        };
        let write_some = || std::iter::from_fn(next).map(write).collect::<Result<Vec<_>, _>>();
        std::thread::scope(|scope| {
            let other = scope.spawn(write_some);
            let own = write_some();
            let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok([own?, other?].concat())
        })
    }

    fn write_file(
        &self,
        name: &str,
        write: impl FnOnce(&mut SstFileWriter<'_>) -> Result<(), rocksdb::Error>,
    ) -> Result<PathBuf, StorageError> {
        let path = self.flush_dir.join(name);
        let mut file = SstFileWriter::create(&self.options);
        file.open(&path)?;
        write(&mut file)?;
        file.finish()?;
        Ok(path)
    }

    /// Takes in files of which no two overlap: all of them or, after a crash, none.
    fn ingest(&self, files: Vec<PathBuf>) -> Result<(), StorageError> {
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        Ok(self.db.ingest_external_file_opts(&options, files)?)
    }

    fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().expect("no thread panics while it applies writes")
    }

    fn memory_mut(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().expect("no thread panics while it applies writes")
    }
}

impl Memory {
    fn new(head: Head, certificate: Option<CommitCertificate>, kept_from: Day) -> Self {
        Self { head, certificate, rows: Memtable::default(), blocks: 0, flushing: None, kept_from }
    }

    fn apply(&mut self, applying: Applying) {
        let Applying { head, certificate, decision, records, index } = applying;
        self.rows.push(records);
        self.rows.push(index.into());
        self.rows.push(own_rows(&head, decision).into());
        self.head = head;
        self.certificate = certificate;
        self.blocks += 1;
    }

    /// Sets aside what waits.
    ///
    /// # Panics
    /// When the flush before has failed, which has stopped the replica.
    fn start_flush(&mut self, chain_id: ChainId, replay_from: Position, today: Day) -> Flush {
        assert!(self.flushing.is_none(), "a replica that failed to flush stays stopped");
        let kept_from = Day(today.0.saturating_sub(KEPT_DAYS)).max(self.kept_from);
        let drops_days = kept_from > self.kept_from;
        let applied = Applied {
            format: FORMAT,
            chain_id,
            head: self.head.clone(),
            certificate: self.certificate.clone(),
            replay_from: replay_from.to_u64(),
            kept_from,
        };
        let next = Memtable::sized_like(&self.rows);
        let rows = Arc::new(std::mem::replace(&mut self.rows, next));
        self.flushing = Some(Arc::clone(&rows));
        self.blocks = 0;
        self.kept_from = kept_from;
        Flush { rows, applied, drops_days }
    }
}

/// Where the decision of a block stands, and at which height.
fn own_rows(head: &Head, decision: Option<Position>) -> WriteSet {
    let mut rows = WriteSet::default();
    if let Some(position) = decision {
        rows.push(|key| key.extend(decision_key(head.height)), Some(&position.to_u64()));
        rows.push(|key| key.extend(height_key(&head.block_id)), Some(&head.height.0));
    }
    rows
}

fn put(file: &mut SstFileWriter<'_>, key: &[u8], value: Option<&[u8]>) -> Result<(), rocksdb::Error> {
    match value {
        Some(value) => file.put(key, value),
        None => file.delete(key),
    }
}

fn decode_applied(bytes: &[u8]) -> Result<Applied, StorageError> {
    match bytes.first_chunk().map(|format| u32::from_le_bytes(*format)) {
        Some(FORMAT) => Ok(encoding::decode_own(bytes)),
        other => Err(StorageError::Format(other.unwrap_or(0))),
    }
}

fn decision_key(height: Height) -> Vec<u8> {
    [&[DECISION][..], &height.0.to_be_bytes()].concat()
}

fn height_key(id: &BlockId) -> Vec<u8> {
    [&[BLOCK_HEIGHT][..], &id.0].concat()
}

fn day_key(tag: u8, day: Day) -> Vec<u8> {
    [&[tag][..], &day.0.to_be_bytes()].concat()
}

fn decode_u64(row: &[u8]) -> u64 {
    u64::from_le_bytes(row.try_into().expect("a stored integer has eight bytes because this code wrote it"))
}

/// What the tables of few rows have.
fn rare_rows(db: &DB) -> Result<RareRows, StorageError> {
    let table = |tag: u8| {
        let (start, end) = ([tag], [tag + 1]);
        let rows = db.iterator_opt(IteratorMode::From(&start, Direction::Forward), read_options(&start, &end));
        Ok((tag, rows.take(RareRows::ENOUGH).collect::<Result<_, rocksdb::Error>>()?))
    };
    Ok(RareRows::new(RareRows::tags().map(table).collect::<Result<Vec<_>, StorageError>>()?))
}

fn remove_dir(dir: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(dir) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StorageError::Disk { path: dir.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn make_dir(dir: &Path) -> Result<(), StorageError> {
    fs::create_dir_all(dir).map_err(|source| StorageError::Disk { path: dir.to_owned(), source })
}
