//! Writes an archive, block by block.

use std::io::{self, Write};

use tally_contracts::encoding;
use tally_contracts::genesis::Genesis;
use tally_contracts::types::Height;

use super::{BLOCK_LENGTH_BYTES, FRAME_HEAD_BYTES, Kind, MAGIC, MAX_CERTIFICATE_BYTES, MAX_GENESIS_BYTES, VERSION};
use crate::block::{BlockId, MAX_BLOCK_BYTES};
use crate::certificate::CommitCertificate;

/// Writes an archive to a file or a socket. Each frame leaves in one `write_all`; nothing is kept back.
#[derive(Debug)]
pub struct ArchiveWriter<W: Write> {
    to: W,
    height: Height,
    block_id: BlockId,
}

impl<W: Write> ArchiveWriter<W> {
    /// Starts an archive.
    ///
    /// # Errors
    /// When `to` cannot be written to.
    ///
    /// # Panics
    /// When the genesis is larger than [`MAX_GENESIS_BYTES`].
    pub fn new(to: W, genesis: &Genesis) -> io::Result<Self> {
        let mut writer = Self { to, height: Height(0), block_id: genesis.chain_id() };
        writer.to.write_all(&[MAGIC.as_slice(), &VERSION.to_le_bytes()].concat())?;
        let bytes = encoding::encode(genesis);
        assert!(bytes.len() <= MAX_GENESIS_BYTES, "a genesis has {} bytes", bytes.len());
        writer.frame(Kind::Genesis, Height(0), &[&bytes])?;
        Ok(writer)
    }

    /// Appends the block of the next height, as canonical bytes, with its own commit certificate.
    ///
    /// # Errors
    /// When the archive cannot be written to.
    ///
    /// # Panics
    /// When the certificate is not for the next height, or when block or certificate are larger than a chain can have.
    pub fn append(&mut self, block: &[u8], certificate: &CommitCertificate) -> io::Result<()> {
        assert_eq!(certificate.height, self.height.next(), "an archive has every height once, in order");
        assert!(block.len() <= MAX_BLOCK_BYTES, "a block has {} bytes", block.len());
        let commit = encoding::encode(certificate);
        assert!(commit.len() <= MAX_CERTIFICATE_BYTES, "a certificate has {} bytes", commit.len());
        let length: [u8; BLOCK_LENGTH_BYTES] = length(block.len()).to_le_bytes();
        self.frame(Kind::Block, certificate.height, &[&length, block, &commit])?;
        (self.height, self.block_id) = (certificate.height, certificate.block_id);
        Ok(())
    }

    /// Height of the last block; 0 before the first.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.height
    }

    /// Writes the closing frame, flushes, and gives back what was written to.
    ///
    /// # Errors
    /// When the archive cannot be written to.
    pub fn finish(mut self) -> io::Result<W> {
        let (id, count) = (self.block_id, self.height.0.to_le_bytes());
        self.frame(Kind::Closing, self.height, &[&id.0, &count])?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn frame(&mut self, kind: Kind, height: Height, payload: &[&[u8]]) -> io::Result<()> {
        let payload_bytes: usize = payload.iter().map(|part| part.len()).sum();
        let head_bytes = usize::try_from(FRAME_HEAD_BYTES).expect("20 fits");
        let mut frame = Vec::with_capacity(head_bytes + payload_bytes + 4);
        frame.extend_from_slice(&kind.number().to_le_bytes());
        frame.extend_from_slice(&height.0.to_le_bytes());
        frame.extend_from_slice(&length(payload_bytes).to_le_bytes());
        frame.extend_from_slice(&crc32fast::hash(&frame).to_le_bytes());
        payload.iter().for_each(|part| frame.extend_from_slice(part));
        frame.extend_from_slice(&crc32fast::hash(&frame[head_bytes..]).to_le_bytes());
        self.to.write_all(&frame)
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a payload is bounded far below 4 GiB")
}
