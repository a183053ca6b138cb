//! An append-only journal of checksummed frames, in segments: what is synced here survives a power cut.
//!
//! Appending and syncing are apart, so that many appends share one sync: whoever waits in [`Journal::sync`] while another
//! sync runs is served by the next one.
//!
//! # Format
//! Files `0000000001.journal`, `0000000002.journal`, ... without gaps; integers little-endian.
//!
//! | part | bytes |
//! |---|---|
//! | segment header | `"TALLYJ1\n"` 8, salt u64, CRC-32 of these 16 bytes u32 |
//! | frame | payload length u32, synced u32, CRC-32 of (salt, length, synced, payload) u32, payload |
//!
//! `synced` is how much of the segment was durable when the frame was appended. The salt is random, so that nobody can
//! write a payload that reads as frames of the journal itself.
//!
//! # Recovery
//! A segment is synced before its successor begins, so only the last may end in frames that a crash tore. From a frame
//! that does not match its checksum, everything to the end is cut off, **unless** a later frame shows, by its `synced`,
//! that the damaged place had been durable: then the disk lost what it had promised, and [`Journal::open`] fails with file
//! and offset. So does damage in an earlier segment, with one exception: one that has lost its end exactly from a frame's
//! beginning on is taken for whole. Cuts are reported by [`Journal::cut`] and logged.
//!
//! **Invariant**: after a failed sync nothing is known of the file, so the journal refuses all further work.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

mod segment;

use super::disk::Disk;
use segment::{
    FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES, Scan, Segment, create_segment, damaged, encode_frame, fault,
    open_segment, segment_numbers, segment_path,
};

/// Largest payload in bytes: a block of 4 MiB and some.
pub const MAX_PAYLOAD_BYTES: usize = 8 << 20;

/// Open handles kept for reading, besides the last segment's.
const MAX_READERS: usize = 32;

/// Where a frame begins; positions rise in the order of appending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Number of the segment, from 1 on.
    pub segment: u32,
    /// Byte offset in its file.
    pub offset: u32,
}

/// How a journal is laid out and opened.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// A segment that has reached this size is followed by another, in bytes; at most 1 GiB.
    pub segment_bytes: u32,
    /// Frames before this position are not replayed on opening; `None` replays all.
    pub replay_from: Option<Position>,
}

/// What [`Journal::open`] cut off the end: frames torn by a crash, none of them ever synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The last segment's file.
    pub file: PathBuf,
    /// Where it was cut.
    pub offset: u32,
    /// How many bytes went.
    pub bytes: u64,
}

/// A fault of the journal. All of them mean: stop.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk failed or is full.
    #[error("{action} {}: {source}", file.display())]
    Disk {
        /// What was being done.
        action: &'static str,
        /// To which file.
        file: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// What had been synced is no longer there.
    #[error("{} is damaged at byte {offset}: {reason}", file.display())]
    Damaged {
        /// The segment's file.
        file: PathBuf,
        /// Where the damaged frame begins.
        offset: u32,
        /// What is wrong.
        reason: &'static str,
    },
    /// A segment is missing between others, or the one to replay from is.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// More than [`MAX_PAYLOAD_BYTES`].
    #[error("a payload of {0} bytes, at most {MAX_PAYLOAD_BYTES} are allowed")]
    TooLarge(usize),
    /// An earlier fault left the file in an unknown state.
    #[error("the journal in {} has failed before", .0.display())]
    Failed(PathBuf),
}

/// See the module. Shared by reference: any thread may append, sync and read.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u32,
    cut: Option<Cut>,
    writer: Mutex<Writer>,
    /// Held by the one who syncs; the others queue here.
    sync_turn: Mutex<()>,
    readers: Mutex<BTreeMap<u32, Segment>>,
}

#[derive(Debug)]
struct Writer {
    last: Segment,
    first_number: u32,
    end: u32,
    synced: u32,
    failed: bool,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, replay_from: None }
    }
}

impl Journal {
    /// Opens the journal in `dir`, created where it is missing, and hands every frame from `options.replay_from` on to
    /// `replay`, in order. A torn end is cut off.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] or [`JournalError::Missing`] where synced frames are lost, [`JournalError::Disk`] when
    /// the disk fails.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: JournalOptions,
        mut replay: impl FnMut(Position, &[u8]),
    ) -> Result<Self, JournalError> {
        assert!(options.segment_bytes <= 1 << 30, "offsets are u32");
        disk.create_dir(dir).map_err(fault("creating", dir))?;
        let numbers = segment_numbers(&*disk, dir)?;
        let from = options.replay_from.unwrap_or(Position { segment: 0, offset: 0 });
        if options.replay_from.is_some() && !numbers.contains(&from.segment) {
            return Err(JournalError::Missing(segment_path(dir, from.segment)));
        }
        let (Some(first_number), Some(last_number)) = (numbers.first().copied(), numbers.last().copied()) else {
            let last = create_segment(&*disk, dir, 1)?;
            return Ok(Self::assemble(disk, dir, options, Writer::new(last, 1), None));
        };
        for number in numbers.iter().copied().filter(|n| *n >= from.segment && *n < last_number) {
            let scan = Scan::read(&*disk, dir, number, from)?.ok_or_else(|| damaged(dir, number, 0, "no header"))?;
            let end = scan.replay(&mut replay);
            if end < scan.bytes.len() {
                return Err(damaged(dir, number, end, "a frame does not match its checksum"));
            }
        }
        let Some(scan) = Scan::read(&*disk, dir, last_number, from)? else {
            // A crash tore the creation of the last segment: nothing was in it.
            let path = segment_path(dir, last_number);
            disk.remove(&path).map_err(fault("removing", &path))?;
            let last = create_segment(&*disk, dir, last_number)?;
            return Ok(Self::assemble(disk, dir, options, Writer::new(last, first_number), None));
        };
        let end = scan.replay(&mut replay);
        let cut = scan.cut(dir, end)?;
        // After a `kill -9` the frames may be with the operating system only; whoever replayed them relies on them.
        let file = &scan.segment.file;
        file.sync().map_err(fault("syncing", &segment_path(dir, last_number)))?;
        let mut writer = Writer::new(scan.segment, first_number);
        writer.end = u32::try_from(end).expect("segments are below 4 GiB");
        writer.synced = writer.end;
        Ok(Self::assemble(disk, dir, options, writer, cut))
    }

    /// Appends a frame. It is durable once a [`Journal::sync`] that began afterwards has returned.
    ///
    /// # Errors
    /// When the payload is too large or the disk fails; then no part of the frame remains.
    pub fn append(&self, payload: &[u8]) -> Result<Position, JournalError> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(JournalError::TooLarge(payload.len()));
        }
        let mut writer = self.writer()?;
        if writer.end >= self.segment_bytes {
            self.roll(&mut writer)?;
        }
        let Segment { number, salt, ref file } = writer.last;
        let offset = writer.end;
        let frame = encode_frame(salt, writer.synced, payload);
        if let Err(source) = file.append(&frame) {
            // A part may have been written; the file must end where the next frame begins.
            let restored = file.truncate(u64::from(offset));
            writer.failed = restored.is_err();
            return Err(fault("appending to", &self.path(number))(source));
        }
        writer.end += u32::try_from(frame.len()).expect("a frame is far below 4 GiB");
        Ok(Position { segment: number, offset })
    }

    /// Makes every frame appended before the call durable.
    ///
    /// # Errors
    /// When the disk fails; the journal then refuses all further work.
    pub fn sync(&self) -> Result<(), JournalError> {
        let target = self.writer()?.end_position();
        let _turn = self.sync_turn.lock().expect("no thread panics while it syncs");
        let (last, end) = {
            let writer = self.writer()?;
            if writer.synced_position() >= target {
                return Ok(());
            }
            (writer.last.clone(), writer.end)
        };
        let result = last.file.sync();
        let mut writer = self.writer.lock().expect("no thread panics while it appends");
        match result {
            Ok(()) if writer.last.number == last.number => writer.synced = writer.synced.max(end),
            Ok(()) => {} // Another thread went on to a new segment, which synced this one as a whole.
            Err(source) => {
                writer.failed = true;
                return Err(fault("syncing", &self.path(last.number))(source));
            }
        }
        Ok(())
    }

    /// The payload of the frame at a position, durable or not.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] where the frame does not match its checksum, [`JournalError::Missing`] where its segment
    /// was removed, [`JournalError::Disk`] when the disk fails.
    pub fn read(&self, position: Position) -> Result<Vec<u8>, JournalError> {
        let Position { segment: number, offset } = position;
        let path = self.path(number);
        let segment = self.segment(number)?;
        let mut header = [0; FRAME_HEADER_BYTES];
        segment.file.read_at(u64::from(offset), &mut header).map_err(fault("reading", &path))?;
        let length = FrameHeader::decode(&header).length;
        if length > MAX_PAYLOAD_BYTES {
            return Err(damaged(&self.dir, number, offset as usize, "a frame's length is out of range"));
        }
        let mut payload = vec![0; length];
        let body = u64::from(offset) + FRAME_HEADER_BYTES as u64;
        segment.file.read_at(body, &mut payload).map_err(fault("reading", &path))?;
        if !FrameHeader::decode(&header).matches(segment.salt, &payload) {
            return Err(damaged(&self.dir, number, offset as usize, "a frame does not match its checksum"));
        }
        Ok(payload)
    }

    /// Where the next frame will begin, unless a new segment is due.
    ///
    /// # Errors
    /// When the journal has failed before.
    pub fn end(&self) -> Result<Position, JournalError> {
        Ok(self.writer()?.end_position())
    }

    /// Removes the segments whose frames all lie before `position`; the last one stays.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn truncate_before(&self, position: Position) -> Result<(), JournalError> {
        let mut writer = self.writer()?;
        while writer.first_number < position.segment.min(writer.last.number) {
            let path = self.path(writer.first_number);
            self.readers().remove(&writer.first_number);
            self.disk.remove(&path).map_err(fault("removing", &path))?;
            // One by one: were a later removal to survive a crash and an earlier one not, a gap would be left.
            self.disk.sync_dir(&self.dir).map_err(fault("syncing", &self.dir))?;
            writer.first_number += 1;
        }
        Ok(())
    }

    /// What opening cut off, if anything.
    #[must_use]
    pub const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    fn assemble(disk: Arc<dyn Disk>, dir: &Path, options: JournalOptions, writer: Writer, cut: Option<Cut>) -> Self {
        if let Some(Cut { file, offset, bytes }) = &cut {
            tracing::warn!(file = %file.display(), offset, bytes, "cut off frames that a crash tore");
        }
        Self {
            disk,
            dir: dir.to_owned(),
            segment_bytes: options.segment_bytes,
            cut,
            writer: Mutex::new(writer),
            sync_turn: Mutex::new(()),
            readers: Mutex::new(BTreeMap::new()),
        }
    }

    /// Goes on to a new segment, the old one synced as a whole.
    fn roll(&self, writer: &mut Writer) -> Result<(), JournalError> {
        let number = writer.last.number;
        if let Err(source) = writer.last.file.sync() {
            writer.failed = true;
            return Err(fault("syncing", &self.path(number))(source));
        }
        writer.synced = writer.end;
        let next = create_segment(&*self.disk, &self.dir, number + 1)?;
        let previous = std::mem::replace(&mut writer.last, next);
        writer.end = SEGMENT_HEADER_BYTES;
        writer.synced = SEGMENT_HEADER_BYTES;
        self.readers().insert(previous.number, previous);
        Ok(())
    }

    fn segment(&self, number: u32) -> Result<Segment, JournalError> {
        {
            let writer = self.writer()?;
            if writer.last.number == number {
                return Ok(writer.last.clone());
            }
            if !(writer.first_number..writer.last.number).contains(&number) {
                return Err(JournalError::Missing(self.path(number)));
            }
        }
        let mut readers = self.readers();
        if let Some(segment) = readers.get(&number) {
            return Ok(segment.clone());
        }
        let (file, salt) = open_segment(&*self.disk, &self.path(number))?;
        let salt = salt.ok_or_else(|| damaged(&self.dir, number, 0, "no header"))?;
        let segment = Segment { number, salt, file };
        if readers.len() >= MAX_READERS {
            readers.pop_first();
        }
        readers.insert(number, segment.clone());
        Ok(segment)
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, JournalError> {
        let writer = self.writer.lock().expect("no thread panics while it appends");
        if writer.failed { Err(JournalError::Failed(self.dir.clone())) } else { Ok(writer) }
    }

    fn readers(&self) -> MutexGuard<'_, BTreeMap<u32, Segment>> {
        self.readers.lock().expect("no thread panics while it looks up a reader")
    }

    fn path(&self, number: u32) -> PathBuf {
        segment_path(&self.dir, number)
    }
}

impl Writer {
    const fn new(last: Segment, first_number: u32) -> Self {
        Self { last, first_number, end: SEGMENT_HEADER_BYTES, synced: SEGMENT_HEADER_BYTES, failed: false }
    }

    const fn end_position(&self) -> Position {
        Position { segment: self.last.number, offset: self.end }
    }

    const fn synced_position(&self) -> Position {
        Position { segment: self.last.number, offset: self.synced }
    }
}

impl Position {
    /// As one integer that sorts alike.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        ((self.segment as u64) << 32) | self.offset as u64
    }

    /// From [`Position::to_u64`].
    #[must_use]
    pub const fn from_u64(value: u64) -> Self {
        Self { segment: (value >> 32) as u32, offset: value as u32 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

#[cfg(test)]
mod tests;
