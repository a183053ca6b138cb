//! Archives: a chain from its genesis up to some height in one file that needs nothing else to be verified.
//!
//! Written and read as a stream, over a file or HTTP. The reader believes nothing: memory is taken as bytes arrive, never
//! because a length field says so. What a damaged archive is for, [`crate::verify`] answers; here lies the format.
//!
//! # Format, version 1
//!
//! Integers are little-endian. CRC-32 is the one of ISO 3309, as zlib and PNG have it.
//!
//! | bytes | what |
//! |---|---|
//! | 10 | magic: `89 54 41 4C 4C 59 0D 0A 1A 0A`; like PNG's, it shows a transfer that mended line ends or cut bit 7 |
//! | 2 | version, 1 |
//! | | one genesis frame, a block frame for every height from 1 on, one closing frame, and nothing after it |
//!
//! A frame:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | kind: 1 genesis, 2 block, 3 closing |
//! | 8 | height: 0 for genesis, the block's, that of the last block for closing |
//! | 4 | length of the payload |
//! | 4 | CRC-32 of the 16 bytes before |
//! | length | payload |
//! | 4 | CRC-32 of the payload |
//!
//! The head of a frame has a check sum of its own, so that a damaged length does not make all that follows unreadable
//! guesswork. Payloads:
//!
//! | kind | payload |
//! |---|---|
//! | genesis | canonical bytes of the genesis, at most [`MAX_GENESIS_BYTES`]; their hash is the chain id |
//! | block | length of the block (4), canonical bytes of the block, canonical bytes of its *own* commit certificate |
//! | closing | id of the last block (32; the chain id where there is none), number of blocks (8) |
//!
//! Check sums find damage; against forgery they are nothing, and nothing relies on them: what counts is that everything in
//! the file follows from the genesis and the validators' signatures.

mod crc;
mod reader;
mod writer;

pub use crc::Repair;
pub use reader::{ArchiveError, ArchiveReader, BlockParts, Closing, Frame};
pub use writer::ArchiveWriter;

pub(crate) use crc::repairs;

use crate::block::MAX_BLOCK_BYTES;

/// First bytes of an archive.
pub const MAGIC: [u8; 10] = *b"\x89TALLY\r\n\x1a\n";
/// Version of the format.
pub const VERSION: u16 = 1;
/// Bytes before the first frame.
pub const PREAMBLE_BYTES: u64 = 12;
/// Bytes of a frame before its payload.
pub const FRAME_HEAD_BYTES: u64 = 20;
/// Largest genesis, in bytes.
pub const MAX_GENESIS_BYTES: usize = 1 << 20;
/// Largest commit certificate, in bytes: far more signatures than an alliance has merchants.
pub const MAX_CERTIFICATE_BYTES: usize = 1 << 20;
/// Bytes of a block frame's payload before the block.
pub const BLOCK_LENGTH_BYTES: usize = 4;

const CLOSING_BYTES: usize = 32 + 8;

/// The kinds of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The genesis.
    Genesis,
    /// One height.
    Block,
    /// The end.
    Closing,
}

impl Kind {
    const fn number(self) -> u32 {
        match self {
            Self::Genesis => 1,
            Self::Block => 2,
            Self::Closing => 3,
        }
    }

    const fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Genesis),
            2 => Some(Self::Block),
            3 => Some(Self::Closing),
            _ => None,
        }
    }

    /// Most bytes of the payload.
    const fn max_bytes(self) -> usize {
        match self {
            Self::Genesis => MAX_GENESIS_BYTES,
            Self::Block => BLOCK_LENGTH_BYTES + MAX_BLOCK_BYTES + MAX_CERTIFICATE_BYTES,
            Self::Closing => CLOSING_BYTES,
        }
    }
}

const _: () = assert!(Kind::Block.max_bytes() <= u32::MAX as usize);
