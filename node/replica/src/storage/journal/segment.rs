//! One segment of the journal: its header, its frames, and what is left of them after a crash.
//!
//! The layout is that of [`super`], which also says when a damaged end is cut off and when it is an error.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::disk::{Disk, DiskFile};
use super::{Cut, JournalError, MAX_PAYLOAD_BYTES, Position};

const MAGIC: &[u8; 8] = b"TALLYJ1\n";
/// Where the first frame begins.
pub const SEGMENT_HEADER_BYTES: u32 = 20;
/// Before each payload.
pub const FRAME_HEADER_BYTES: usize = 12;

/// An open segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// From 1 on.
    pub number: u32,
    /// What its checksums start from.
    pub salt: u64,
    /// Its file.
    pub file: Arc<dyn DiskFile>,
}

/// A segment read as a whole, on opening.
pub struct Scan {
    /// The segment.
    pub segment: Segment,
    /// All of its file.
    pub bytes: Vec<u8>,
    start: usize,
}

impl Scan {
    /// Reads a segment, its frames to be replayed from `from` on; `None` where not even its header is whole.
    pub fn read(disk: &dyn Disk, dir: &Path, number: u32, from: Position) -> Result<Option<Self>, JournalError> {
        let path = segment_path(dir, number);
        let (file, salt) = open_segment(disk, &path)?;
        let size = file.size().map_err(fault("reading", &path))?;
        let Some(salt) = salt else {
            // The header is synced before anything follows it.
            let torn = size <= u64::from(SEGMENT_HEADER_BYTES);
            return if torn { Ok(None) } else { Err(damaged(dir, number, 0, "its header is not one")) };
        };
        let mut bytes = vec![0; usize::try_from(size).expect("a segment fits into memory")];
        file.read_at(0, &mut bytes).map_err(fault("reading", &path))?;
        let start = if number == from.segment { from.offset.max(SEGMENT_HEADER_BYTES) } else { SEGMENT_HEADER_BYTES };
        if start as usize > bytes.len() {
            return Err(damaged(dir, number, bytes.len(), "the file ends before synced frames do"));
        }
        Ok(Some(Self { segment: Segment { number, salt, file }, bytes, start: start as usize }))
    }

    /// Hands out the whole frames and tells where they end.
    pub fn replay(&self, replay: &mut impl FnMut(Position, &[u8])) -> usize {
        let mut at = self.start;
        while let Some((_, payload)) = self.frame(at) {
            let offset = u32::try_from(at).expect("segments are below 4 GiB");
            replay(Position { segment: self.segment.number, offset }, payload);
            at += FRAME_HEADER_BYTES + payload.len();
        }
        at
    }

    /// Cuts off what follows the whole frames, unless it had been synced.
    pub fn cut(&self, dir: &Path, end: usize) -> Result<Option<Cut>, JournalError> {
        if end == self.bytes.len() {
            return Ok(None);
        }
        let number = self.segment.number;
        if (end + 1..self.bytes.len()).any(|at| self.proves_synced(at, end)) {
            return Err(damaged(dir, number, end, "a frame does not match its checksum, and later ones are whole"));
        }
        let file = segment_path(dir, number);
        self.segment.file.truncate(end as u64).map_err(fault("truncating", &file))?;
        let offset = u32::try_from(end).expect("segments are below 4 GiB");
        Ok(Some(Cut { file, offset, bytes: (self.bytes.len() - end) as u64 }))
    }

    /// Whether a whole frame at `at` says that the byte at `end` had been durable when it was appended.
    fn proves_synced(&self, at: usize, end: usize) -> bool {
        let Some(header) = self.header(at) else { return false };
        let synced = header.synced as usize;
        synced > end && synced <= at && self.frame(at).is_some()
    }

    fn frame(&self, at: usize) -> Option<(FrameHeader, &[u8])> {
        let header = self.header(at)?;
        let payload = self.bytes.get(at + FRAME_HEADER_BYTES..)?.get(..header.length)?;
        (header.length <= MAX_PAYLOAD_BYTES && header.matches(self.segment.salt, payload)).then_some((header, payload))
    }

    fn header(&self, at: usize) -> Option<FrameHeader> {
        self.bytes.get(at..)?.first_chunk().map(FrameHeader::decode)
    }
}

/// What stands before a payload.
#[derive(Clone, Copy)]
pub struct FrameHeader {
    /// Of the payload, in bytes; not checked.
    pub length: usize,
    synced: u32,
    crc: u32,
}

impl FrameHeader {
    /// Reads it; any bytes are one.
    pub fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> Self {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self { length: word(0) as usize, synced: word(4), crc: word(8) }
    }

    /// Whether the payload is what the checksum is over.
    pub fn matches(&self, salt: u64, payload: &[u8]) -> bool {
        self.crc == frame_crc(salt, self.synced, payload)
    }
}

/// A frame as it is written.
pub fn encode_frame(salt: u64, synced: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + payload.len());
    frame.extend_from_slice(&length_bytes(payload));
    frame.extend_from_slice(&synced.to_le_bytes());
    frame.extend_from_slice(&frame_crc(salt, synced, payload).to_le_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn frame_crc(salt: u64, synced: u32, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&salt.to_le_bytes());
    crc.update(&length_bytes(payload));
    crc.update(&synced.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

fn length_bytes(payload: &[u8]) -> [u8; 4] {
    u32::try_from(payload.len()).expect("a payload is far below 4 GiB").to_le_bytes()
}

/// Creates a segment, its header and name synced.
pub fn create_segment(disk: &dyn Disk, dir: &Path, number: u32) -> Result<Segment, JournalError> {
    let path = segment_path(dir, number);
    let file = disk.open(&path).map_err(fault("creating", &path))?;
    // A creation that failed half way, for want of space, may have left something.
    file.truncate(0).map_err(fault("truncating", &path))?;
    let salt = rand::random::<u64>();
    let mut header = Vec::with_capacity(SEGMENT_HEADER_BYTES as usize);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&salt.to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    file.append(&header).map_err(fault("writing", &path))?;
    file.sync().map_err(fault("syncing", &path))?;
    disk.sync_dir(dir).map_err(fault("syncing", dir))?;
    Ok(Segment { number, salt, file })
}

/// Opens a segment; the salt is `None` where the header is not whole.
pub fn open_segment(disk: &dyn Disk, path: &Path) -> Result<(Arc<dyn DiskFile>, Option<u64>), JournalError> {
    let file = disk.open(path).map_err(fault("opening", path))?;
    let mut header = [0; SEGMENT_HEADER_BYTES as usize];
    match file.read_at(0, &mut header) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok((file, None)),
        result => result.map_err(fault("reading", path))?,
    }
    let whole = header[..8] == *MAGIC && header[16..] == crc32fast::hash(&header[..16]).to_le_bytes();
    let salt = header[8..16].try_into().map(u64::from_le_bytes).expect("eight bytes");
    Ok((file, whole.then_some(salt)))
}

/// The segments of a journal, by rising number without a gap.
pub fn segment_numbers(disk: &dyn Disk, dir: &Path) -> Result<Vec<u32>, JournalError> {
    let names = disk.list(dir).map_err(fault("listing", dir))?;
    let number = |name: &String| name.strip_suffix(".journal")?.parse::<u32>().ok();
    let numbers: Vec<u32> = names.iter().filter_map(number).collect();
    match numbers.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        Some(gap) => Err(JournalError::Missing(segment_path(dir, gap[0] + 1))),
        None => Ok(numbers),
    }
}

/// A segment's file.
pub fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:010}.journal"))
}

/// Names what the disk failed at.
pub fn fault(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let file = file.to_owned();
    move |source| JournalError::Disk { action, file, source }
}

/// Names the damaged place.
pub fn damaged(dir: &Path, number: u32, offset: usize, reason: &'static str) -> JournalError {
    let offset = u32::try_from(offset).expect("segments are below 4 GiB");
    JournalError::Damaged { file: segment_path(dir, number), offset, reason }
}
