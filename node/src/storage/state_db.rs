//! The state derived from the block log: contract records, query index rows and where decisions stand, in RocksDB.
//!
//! What blocks wrote gathers in memory, and from time to time goes down as **one** sorted file that is ingested whole, with
//! the head it belongs to inside: the database is always exactly the state after some block, and a write costs a sixth of
//! a put (DESIGN 7). What a crash takes from memory is executed again from the block log.
//!
//! # Format
//! One column family. The first byte of a key says whose the record is:
//!
//! | first byte | record |
//! |---|---|
//! | `0x01..=0xbf` | the contracts' tables (`tally_contracts::state::tag`), the only ones under the state hash |
//! | `0xc0..=0xef` | the query index |
//! | `0xf0` | [`Applied`], canonical bytes |
//! | `0xf1`, height u64 big-endian | position of the decision in the block log, u64 little-endian |
//! | `0xf2`, block id | height u64 little-endian |
//!
//! **Invariant**: readers see the records of one block's end, never a mixture: they hold the lock that applying takes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{RwLock, RwLockReadGuard};

use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, Direction, IngestExternalFileOptions, IteratorMode, Options,
    ReadOptions, SliceTransform, SstFileWriter, WaitForCompactOptions,
};
use tally_contracts::encoding;
use tally_contracts::state::{Store, Write, tag};
use tally_contracts::types::{ChainId, Day, Height};
use tally_ledger::block::BlockId;
use tally_ledger::certificate::CommitCertificate;
use tally_ledger::chain::Head;
use wincode::{SchemaRead, SchemaWrite};

use super::StorageError;
use super::journal::Position;

/// Version of the format.
pub const FORMAT: u32 = 1;
/// First bytes of query index keys.
pub const INDEX_TAGS: std::ops::RangeInclusive<u8> = 0xc0..=0xef;

const APPLIED: u8 = 0xf0;
const DECISION: u8 = 0xf1;
const BLOCK_HEIGHT: u8 = 0xf2;

/// References are never read again 90 days behind block time, daily sums 1 day; two days more for nothing.
const KEPT_DAYS: u32 = 92;
const DAILY_TAGS: [u8; 7] = [
    tag::references,
    tag::no_consent_used,
    tag::custodian_member_used,
    tag::custodian_used,
    tag::store_redeemed,
    tag::store_refunded,
    tag::grants_used,
];

/// Files in level 0 beyond which a flush waits for compaction: each is looked at by every read.
const MAX_LEVEL_0_FILES: u64 = 12;
/// `tag ‖ address ‖ class`: the movements of one holding lie side by side.
const HOLDING_PREFIX_BYTES: usize = 1 + 20 + 4;

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

/// State as of one block's end. Keep views short: the next block waits for them.
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
    /// Contract records and query index rows.
    pub writes: Vec<Write>,
}

/// See the module.
pub struct StateDb {
    db: DB,
    file_options: Options,
    dir: PathBuf,
    chain_id: ChainId,
    unflushed: RwLock<Unflushed>,
}

type Layer = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

struct Unflushed {
    head: Head,
    certificate: Option<CommitCertificate>,
    layer: Layer,
    bytes: usize,
    blocks: u64,
    kept_from: Day,
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
    /// Opens the database in `dir`; `start` is the state before the first block, for an empty one. Returns from where the
    /// block log is to be replayed; `None`: from its beginning.
    ///
    /// # Errors
    /// When the data is another alliance's or of another format, or RocksDB fails.
    pub fn open(
        dir: &Path,
        chain_id: ChainId,
        start: impl FnOnce() -> Applying,
    ) -> Result<(Self, Option<Position>), StorageError> {
        let file_options = options();
        let rows = dir.join("rows");
        make_dir(&rows)?;
        let db = DB::open(&file_options, &rows)?;
        let applied: Option<Applied> = db.get([APPLIED])?.map(|bytes| decode_applied(&bytes)).transpose()?;
        let (unflushed, replay_from) = match applied {
            Some(applied) => {
                if applied.chain_id != chain_id {
                    return Err(StorageError::OtherAlliance { found: applied.chain_id, expected: chain_id });
                }
                let Applied { head, certificate, replay_from, kept_from, .. } = applied;
                (Unflushed::new(head, certificate, kept_from), Some(Position::from_u64(replay_from)))
            }
            None => {
                let start = start();
                let mut unflushed = Unflushed::new(start.head.clone(), None, Day(0));
                unflushed.apply(start);
                (unflushed, None)
            }
        };
        let unflushed = RwLock::new(unflushed);
        Ok((Self { db, file_options, dir: dir.to_owned(), chain_id, unflushed }, replay_from))
    }

    /// Runs `f` on state at the head, which stands still meanwhile.
    pub fn read<T>(&self, f: impl FnOnce(&View<'_>) -> T) -> T {
        let unflushed = self.unflushed();
        let store = Layered { db: &self.db, layer: &unflushed.layer };
        f(&View { head: &unflushed.head, certificate: unflushed.certificate.as_ref(), store: &store })
    }

    /// Adds a block's writes, visible at once and as one.
    ///
    /// # Panics
    /// When the block does not follow the head.
    pub fn apply(&self, applying: Applying) {
        let mut unflushed = self.unflushed.write().expect("no thread panics while it applies writes");
        assert_eq!(applying.head.height, unflushed.head.height.next(), "blocks are applied one after the other");
        unflushed.apply(applying);
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

    /// What a flush would write.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        let unflushed = self.unflushed();
        Waiting { blocks: unflushed.blocks, bytes: unflushed.bytes }
    }

    /// Writes what waits as one file, with the head. `today` is the local day of the head. Only one thread may apply and
    /// flush.
    ///
    /// # Errors
    /// When the disk fails; nothing is lost, the database stays where it was.
    pub fn flush(&self, replay_from: Position, today: Day) -> Result<(), StorageError> {
        let kept_from = {
            // Readers go on: the one writer is here.
            let unflushed = self.unflushed();
            let kept_from = Day(today.0.saturating_sub(KEPT_DAYS)).max(unflushed.kept_from);
            let file = self.write_file(&unflushed, replay_from, kept_from)?;
            let mut ingest = IngestExternalFileOptions::default();
            ingest.set_move_files(true);
            self.db.ingest_external_file_opts(&ingest, vec![file])?;
            kept_from
        };
        let mut unflushed = self.unflushed.write().expect("no thread panics while it applies writes");
        unflushed.layer.clear();
        unflushed.bytes = 0;
        unflushed.blocks = 0;
        unflushed.kept_from = kept_from;
        drop(unflushed);
        if self.db.property_int_value("rocksdb.num-files-at-level0")? > Some(MAX_LEVEL_0_FILES) {
            self.db.wait_for_compact(&WaitForCompactOptions::default())?;
        }
        Ok(())
    }

    fn write_file(&self, from: &Unflushed, replay_from: Position, kept_from: Day) -> Result<PathBuf, StorageError> {
        let path = self.dir.join("next.sst");
        // Left by a crash or a full disk.
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(StorageError::Disk { path, source }),
            _ => {}
        }
        let applied = Applied {
            format: FORMAT,
            chain_id: self.chain_id,
            head: from.head.clone(),
            certificate: from.certificate.clone(),
            replay_from: replay_from.to_u64(),
            kept_from,
        };
        let mut file = SstFileWriter::create(&self.file_options);
        file.open(&path)?;
        let (below, above) = (..vec![APPLIED], vec![APPLIED]..);
        for (key, value) in from.layer.range(below) {
            put(&mut file, key, value.as_deref())?;
        }
        file.put([APPLIED], encoding::encode(&applied))?;
        for (key, value) in from.layer.range(above) {
            put(&mut file, key, value.as_deref())?;
        }
        if kept_from > from.kept_from {
            for tag in DAILY_TAGS {
                file.delete_range(day_key(tag, Day(0)), day_key(tag, kept_from))?;
            }
        }
        file.finish()?;
        Ok(path)
    }

    fn unflushed(&self) -> RwLockReadGuard<'_, Unflushed> {
        self.unflushed.read().expect("no thread panics while it applies writes")
    }
}

impl Unflushed {
    const fn new(head: Head, certificate: Option<CommitCertificate>, kept_from: Day) -> Self {
        Self { head, certificate, layer: Layer::new(), bytes: 0, blocks: 0, kept_from }
    }

    fn apply(&mut self, applying: Applying) {
        let Applying { head, certificate, decision, writes } = applying;
        for (key, value) in writes {
            assert!(key.first().is_some_and(|tag| *tag < APPLIED), "tags from 0xf0 on are this module's");
            self.put(key, value);
        }
        if let Some(position) = decision {
            self.put(decision_key(head.height), Some(position.to_u64().to_le_bytes().to_vec()));
            self.put(height_key(&head.block_id), Some(head.height.0.to_le_bytes().to_vec()));
        }
        self.head = head;
        self.certificate = certificate;
        self.blocks += 1;
    }

    fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.layer.insert(key, value);
    }
}

/// Records in memory over records in the database.
struct Layered<'a> {
    db: &'a DB,
    layer: &'a Layer,
}

impl Store for Layered<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.layer.get(key) {
            Some(value) => value.clone(),
            None => self.db.get(key).unwrap_or_else(|error| halt(&error)),
        }
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        if start >= end || limit == 0 {
            return found;
        }
        let mut upper = self.layer.range::<[u8], _>((std::ops::Bound::Included(start), std::ops::Bound::Excluded(end)));
        let mode = IteratorMode::From(start, Direction::Forward);
        let lower = self.db.iterator_opt(mode, read_options(start, end));
        let mut lower = lower.map(|row| row.unwrap_or_else(|error| halt(&error)));
        let (mut next_upper, mut next_lower) = (upper.next(), lower.next());
        while found.len() < limit {
            let upper_first = match (&next_upper, &next_lower) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((key, _)), Some((below, _))) => {
                    if key.as_slice() == below.as_ref() {
                        // Written anew in memory: what lies below is past.
                        next_lower = lower.next();
                        continue;
                    }
                    key.as_slice() < below.as_ref()
                }
            };
            if upper_first {
                if let Some((key, Some(value))) = next_upper {
                    found.push((key.clone(), value.clone()));
                }
                next_upper = upper.next();
            } else {
                found.extend(next_lower.map(|(key, value)| (key.into_vec(), value.into_vec())));
                next_lower = lower.next();
            }
        }
        found
    }
}

fn options() -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(64 << 20));
    blocks.set_bloom_filter(10.0, false);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    options.set_prefix_extractor(SliceTransform::create("holding", holding_prefix, Some(is_holding)));
    options.set_level_zero_file_num_compaction_trigger(4);
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    options.set_keep_log_file_num(3);
    options
}

/// Within one holding the filters tell which files to look at; any other scan looks at all.
fn read_options(start: &[u8], end: &[u8]) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(end);
    let one_holding = is_holding(start) && is_holding(end) && holding_prefix(start) == holding_prefix(end);
    options.set_total_order_seek(!one_holding);
    options.set_prefix_same_as_start(one_holding);
    options
}

fn is_holding(key: &[u8]) -> bool {
    key.first() == Some(&tag::HOLDINGS) && key.len() >= HOLDING_PREFIX_BYTES
}

fn holding_prefix(key: &[u8]) -> &[u8] {
    &key[..HOLDING_PREFIX_BYTES]
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

fn make_dir(dir: &Path) -> Result<(), StorageError> {
    fs::create_dir_all(dir).map_err(|source| StorageError::Disk { path: dir.to_owned(), source })
}

/// Contracts have no answer for a disk that cannot be read, and half a block must never be applied.
fn halt(error: &rocksdb::Error) -> ! {
    tracing::error!(%error, "the state database cannot be read: stopping at once");
    std::process::abort()
}
