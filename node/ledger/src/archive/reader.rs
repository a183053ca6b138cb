//! Reads an archive, frame by frame. Knows which frame may come next, and names the byte at which the file departs.

use std::io::{self, BufReader, Read};

use tally_contracts::types::{Hash, Height};

use super::{
    BLOCK_LENGTH_BYTES, CLOSING_BYTES, FRAME_HEAD_BYTES, Kind, MAGIC, PREAMBLE_BYTES, Repair, VERSION, repairs,
};
use crate::block::BlockId;

/// Reads an archive. Memory: one frame.
///
/// **Invariant**: `offset` is that of the next unread byte; after an error nothing more is read.
#[derive(Debug)]
pub struct ArchiveReader<R: Read> {
    from: BufReader<R>,
    offset: u64,
    next: Next,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Genesis,
    /// A block, or the closing frame after this height.
    After(Height),
    Nothing,
}

/// One frame, its head intact and in its place. Its payload may be damaged: [`Frame::is_intact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it holds.
    pub kind: Kind,
    /// Whose it is.
    pub height: Height,
    /// Where in the file its head starts.
    pub offset: u64,
    /// What it holds; as stored, so maybe damaged.
    pub payload: Vec<u8>,
    /// The payload's check sum as stored.
    pub check_sum: u32,
}

/// A block frame's payload, cut where its length field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockParts<'a> {
    /// Canonical bytes of the block.
    pub block: &'a [u8],
    /// Canonical bytes of its own commit certificate.
    pub certificate: &'a [u8],
}

/// What the closing frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The last block; the chain id where there is none.
    pub block_id: BlockId,
    /// How many blocks the archive has.
    pub count: u64,
}

/// A file that is no archive, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The reader failed; nothing is said of the archive.
    #[error("cannot read the archive at byte {offset}: {source}")]
    Read {
        /// Bytes read before.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// It does not start as an archive does.
    #[error(
        "not an archive, or its first bytes are damaged: byte {offset} reads {found:#04x}, must read {expected:#04x}"
    )]
    Magic {
        /// The first byte that differs.
        offset: u64,
        /// What it reads.
        found: u8,
        /// What it must read.
        expected: u8,
    },
    /// Of a version that this code does not read.
    #[error("the archive has format version {found}, this program reads version {VERSION}")]
    Version {
        /// What it says.
        found: u16,
    },
    /// It ends too early.
    #[error("the archive is cut off: it ends at byte {offset}, {inside}")]
    Truncated {
        /// Its length.
        offset: u64,
        /// What should follow.
        inside: &'static str,
        /// The height that is missing or not whole; none for preamble and genesis.
        height: Option<Height>,
    },
    /// The head of a frame is damaged.
    #[error("the head of the frame at byte {offset} is damaged")]
    Head {
        /// Where the frame starts.
        offset: u64,
        /// Its bytes as stored.
        head: [u8; FRAME_HEAD_BYTES as usize],
        /// The one byte that is wrong, if it is one.
        repair: Option<Repair>,
        /// The height of the frame before.
        after: Option<Height>,
    },
    /// A whole frame that may not stand where it stands.
    #[error("the frame at byte {offset} is {found}, where {expected} must stand")]
    Misplaced {
        /// Where the frame starts.
        offset: u64,
        /// What it is.
        found: String,
        /// What must stand there.
        expected: String,
        /// The height it names.
        height: Height,
    },
    /// A frame larger than its kind may be.
    #[error("the frame at byte {offset} claims {length} bytes, its kind has at most {max}")]
    Oversized {
        /// Where the frame starts.
        offset: u64,
        /// The claimed length of its payload.
        length: u32,
        /// The most there may be.
        max: usize,
        /// The height it names.
        height: Height,
    },
    /// Something follows the closing frame.
    #[error("the archive goes on after its closing frame, at byte {offset}")]
    Trailing {
        /// The first byte too many.
        offset: u64,
    },
}

/// The head of a frame, read but not yet believed.
struct Head {
    kind: Option<Kind>,
    number: u32,
    height: Height,
    length: u32,
}

impl<R: Read> ArchiveReader<R> {
    /// Opens an archive: reads magic and version.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn new(from: R) -> Result<Self, ArchiveError> {
        let mut reader = Self { from: BufReader::with_capacity(1 << 16, from), offset: 0, next: Next::Genesis };
        let bytes = reader.take(PREAMBLE_BYTES)?;
        for (n, (found, expected)) in (0..).zip(bytes.iter().zip(&MAGIC)) {
            if found != expected {
                return Err(ArchiveError::Magic { offset: n, found: *found, expected: *expected });
            }
        }
        let Some(version) = bytes.get(MAGIC.len()..).and_then(|rest| rest.try_into().ok()) else {
            return Err(reader.truncated("within its first bytes"));
        };
        match u16::from_le_bytes(version) {
            VERSION => Ok(reader),
            found => Err(ArchiveError::Version { found }),
        }
    }

    /// The next frame; `None` after the closing frame, when the file ends there.
    ///
    /// # Errors
    /// [`ArchiveError`]. A damaged payload is none: the frame says so itself.
    pub fn frame(&mut self) -> Result<Option<Frame>, ArchiveError> {
        let offset = self.offset;
        let bytes = self.take(FRAME_HEAD_BYTES)?;
        if self.next == Next::Nothing {
            return if bytes.is_empty() { Ok(None) } else { Err(ArchiveError::Trailing { offset }) };
        }
        let Ok(head) = <[u8; FRAME_HEAD_BYTES as usize]>::try_from(bytes.as_slice()) else {
            let inside = if bytes.is_empty() { "before its closing frame" } else { "within the head of a frame" };
            return Err(self.truncated(inside));
        };
        let (fields, sum) = split_check_sum(&head);
        if crc32fast::hash(fields) != sum {
            return Err(self.damaged_head(offset, head));
        }
        let Head { kind, number, height, length } = Head::of(&head);
        let kind = kind.filter(|kind| self.next.allows(*kind, height)).ok_or_else(|| ArchiveError::Misplaced {
            offset,
            found: describe(number, height),
            expected: self.next.to_string(),
            height,
        })?;
        if length as usize > kind.max_bytes() {
            return Err(ArchiveError::Oversized { offset, length, max: kind.max_bytes(), height });
        }
        let mut payload = self.take(u64::from(length) + 4)?;
        if payload.len() < length as usize + 4 {
            return Err(self.truncated("within a frame"));
        }
        let (_, check_sum) = split_check_sum(&payload);
        payload.truncate(length as usize);
        self.next = match kind {
            Kind::Closing => Next::Nothing,
            Kind::Genesis | Kind::Block => Next::After(height),
        };
        Ok(Some(Frame { kind, height, offset, payload, check_sum }))
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Up to `count` bytes: fewer only where the file ends. Memory grows with what arrives, whatever `count` says.
    fn take(&mut self, count: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        let read = self.from.by_ref().take(count).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        read.map_err(|source| ArchiveError::Read { offset: self.offset, source })?;
        Ok(bytes)
    }

    fn truncated(&self, inside: &'static str) -> ArchiveError {
        ArchiveError::Truncated { offset: self.offset, inside, height: self.next.height() }
    }

    /// Looks for the one byte that is wrong with a head: a repaired head must be one that may stand here, and the payload
    /// it then announces must match its own check sum.
    fn damaged_head(&mut self, offset: u64, head: [u8; FRAME_HEAD_BYTES as usize]) -> ArchiveError {
        let (fields, sum) = split_check_sum(&head);
        let plausible = |repair: &Repair| {
            let mut mended = head;
            mended[repair.position] ^= repair.mask;
            let Head { kind, height, length, .. } = Head::of(&mended);
            let kind = kind.filter(|kind| self.next.allows(*kind, height) && length as usize <= kind.max_bytes())?;
            Some((*repair, kind, length))
        };
        let candidates: Vec<_> = repairs(fields, sum).iter().filter_map(plausible).collect();
        let after = self.next.height().map(|next| Height(next.0.saturating_sub(1)));
        let repair = match candidates.as_slice() {
            [(repair, _, length)] => match self.take(u64::from(*length) + 4) {
                Ok(payload) if payload.len() == *length as usize + 4 => {
                    let (payload, sum) = split_check_sum(&payload);
                    (crc32fast::hash(payload) == sum).then_some(*repair)
                }
                _ => None,
            },
            _ => None,
        };
        ArchiveError::Head { offset, head, repair, after }
    }
}

impl Frame {
    /// Whether the payload matches its check sum.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        crc32fast::hash(&self.payload) == self.check_sum
    }

    /// Where in the file the payload starts.
    #[must_use]
    pub const fn payload_offset(&self) -> u64 {
        self.offset + FRAME_HEAD_BYTES
    }

    /// Bytes of the frame in the file.
    #[must_use]
    pub const fn length(&self) -> u64 {
        FRAME_HEAD_BYTES + self.payload.len() as u64 + 4
    }

    /// The parts of a block frame; `None` where the length field leads past the payload.
    #[must_use]
    pub fn block_parts(payload: &[u8]) -> Option<BlockParts<'_>> {
        let (length, rest) = payload.split_first_chunk::<BLOCK_LENGTH_BYTES>()?;
        let (block, certificate) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        Some(BlockParts { block, certificate })
    }

    /// What a closing frame says; `None` where the payload has another length.
    #[must_use]
    pub fn closing(payload: &[u8]) -> Option<Closing> {
        let payload: &[u8; CLOSING_BYTES] = payload.try_into().ok()?;
        let (id, count) = payload.split_first_chunk::<32>()?;
        Some(Closing { block_id: Hash(*id), count: u64::from_le_bytes(count.try_into().ok()?) })
    }
}

impl Head {
    fn of(bytes: &[u8; FRAME_HEAD_BYTES as usize]) -> Self {
        let [k0, k1, k2, k3, h0, h1, h2, h3, h4, h5, h6, h7, l0, l1, l2, l3, ..] = *bytes;
        let number = u32::from_le_bytes([k0, k1, k2, k3]);
        Self {
            kind: Kind::of(number),
            number,
            height: Height(u64::from_le_bytes([h0, h1, h2, h3, h4, h5, h6, h7])),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
        }
    }
}

impl Next {
    fn allows(self, kind: Kind, height: Height) -> bool {
        match (self, kind) {
            (Self::Genesis, Kind::Genesis) => height == Height(0),
            (Self::After(last), Kind::Block) => height == last.next(),
            (Self::After(last), Kind::Closing) => height == last,
            _ => false,
        }
    }

    fn height(self) -> Option<Height> {
        match self {
            Self::After(last) => Some(last.next()),
            Self::Genesis | Self::Nothing => None,
        }
    }
}

impl std::fmt::Display for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Genesis => f.write_str("the genesis frame"),
            Self::After(last) => write!(f, "block {} or the closing frame of height {last}", last.next()),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

fn describe(number: u32, height: Height) -> String {
    match Kind::of(number) {
        Some(Kind::Genesis) => format!("a genesis frame of height {height}"),
        Some(Kind::Block) => format!("block {height}"),
        Some(Kind::Closing) => format!("a closing frame of height {height}"),
        None => format!("of unknown kind {number}"),
    }
}

/// Splits the last four bytes off as a check sum.
///
/// # Panics
/// When there are fewer than four.
fn split_check_sum(bytes: &[u8]) -> (&[u8], u32) {
    let (rest, sum) = bytes.split_last_chunk::<4>().expect("whoever calls has four bytes at least");
    (rest, u32::from_le_bytes(*sum))
}
