//! Archives: the reader and `verify` on anything, and on the golden archive damaged or forged. No panic; and nothing
//! verifies but the golden chain up to some height. The first byte says which.

#![no_main]

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tally_contracts::encoding::decode;
use tally_contracts::genesis::Genesis;
use tally_fuzz::edits::damage;
use tally_fuzz::golden;
use tally_fuzz::input::Input;
use tally_ledger::archive::{ArchiveReader, ArchiveWriter, BlockParts, Frame, Kind, PREAMBLE_BYTES};
use tally_ledger::verify::{Options, VerifyError, verify};

static GENESIS: LazyLock<Genesis> = LazyLock::new(golden::genesis);
static GOLDEN: LazyLock<Vec<u8>> = LazyLock::new(golden::archive);
static FRAMES: LazyLock<Vec<Frame>> = LazyLock::new(|| {
    let mut reader = ArchiveReader::new(GOLDEN.as_slice()).expect("the golden archive reads");
    std::iter::from_fn(|| reader.frame().expect("the golden archive reads")).collect()
});

/// The golden chain up to each of its heights, as archives.
static PREFIXES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let blocks: Vec<BlockParts<'_>> =
        FRAMES.iter().filter(|f| f.kind == Kind::Block).filter_map(|f| Frame::block_parts(&f.payload)).collect();
    let prefix = |height: usize| {
        let mut writer = ArchiveWriter::new(Vec::new(), &GENESIS).expect("memory can be written");
        for parts in &blocks[..height] {
            let certificate = decode(parts.certificate).expect("the golden archive decodes");
            writer.append(parts.block, &certificate).expect("memory can be written");
        }
        writer.finish().expect("memory can be written")
    };
    (0..=blocks.len()).map(prefix).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let mut input = Input::new(rest);
    match first % 3 {
        0 => judge(rest),
        1 => {
            let mut archive = GOLDEN.clone();
            damage(&mut input, &mut archive);
            judge(&archive);
        }
        _ => judge(&forged(&mut input)),
    }
});

fn judge(archive: &[u8]) {
    if let Ok(mut reader) = ArchiveReader::new(archive) {
        while let Ok(Some(frame)) = reader.frame() {
            let _ = (frame.is_intact(), Frame::block_parts(&frame.payload), Frame::closing(&frame.payload));
        }
    }
    let options = Options { threads: NonZeroUsize::MIN };
    match verify(archive, &GENESIS, options, |_| {}) {
        Ok(report) => {
            assert!(PREFIXES.iter().any(|p| p == archive), "another chain verifies: {}", report.block_id);
        }
        Err(VerifyError::Failed(failure)) => {
            assert!(!PREFIXES.iter().any(|p| p == archive), "a part of the golden chain fails: {failure}");
            if let Some(byte) = failure.byte {
                let found = usize::try_from(byte.offset).ok().and_then(|at| archive.get(at));
                assert!(found == Some(&byte.found) && byte.found != byte.expected, "no such byte: {failure}");
            }
        }
        Err(error) => panic!("memory can be read and the genesis is right: {error}"),
    }
}

/// The golden archive with frames changed, left out, or out of order, and every check sum right.
fn forged(input: &mut Input<'_>) -> Vec<u8> {
    let mut frames = FRAMES.clone();
    for _ in 0..=input.below(3) {
        let at = input.below(frames.len());
        match input.below(8) {
            0 => drop(frames.remove(at)),
            1 => frames.insert(at, frames[at].clone()),
            2 => {
                let other = input.below(frames.len());
                frames.swap(at, other);
            }
            3 => frames[at].height.0 = input.amount_near(frames[at].height.0),
            _ => damage(input, &mut frames[at].payload),
        }
        if frames.is_empty() {
            break;
        }
    }
    let mut archive = GOLDEN[..PREAMBLE_BYTES as usize].to_vec();
    for frame in &frames {
        archive.extend_from_slice(&bytes_of(frame));
    }
    archive
}

fn bytes_of(frame: &Frame) -> Vec<u8> {
    let kind: u32 = match frame.kind {
        Kind::Genesis => 1,
        Kind::Block => 2,
        Kind::Closing => 3,
    };
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend_from_slice(&frame.height.0.to_le_bytes());
    bytes.extend_from_slice(&(frame.payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend_from_slice(&frame.payload);
    bytes.extend_from_slice(&crc32fast::hash(&frame.payload).to_le_bytes());
    bytes
}
