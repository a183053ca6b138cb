//! From "something is wrong" to the place: which byte, of which field, of which operation.
//!
//! Where a check sum fails, the single bytes that explain it are few; the one after whose repair the block checks out
//! against its parent, its certificate and every signature in it is the damaged one, beyond doubt. Where check sums hold
//! and the content does not, someone wrote it so: then the check that fails names the field.

use tally_contracts::genesis::Genesis;
use tally_contracts::transaction::InvalidTransaction;
use tally_contracts::types::Height;

use super::crew::{Fault, judge};
use super::layout::fields_of;
use super::place::FrameMap;
use super::{BadByte, CheckKind, Failure, Place, VerifyError};
use crate::archive::{ArchiveError, BLOCK_LENGTH_BYTES, FRAME_HEAD_BYTES, Frame, MAGIC, Repair, VERSION, repairs};
use crate::block::{Block, Header};
use crate::certificate::CertificateError;
use crate::chain::{Chain, Head, InvalidBlock};

/// The failure that an unreadable file is.
pub fn archive_error(error: ArchiveError, verified: Height) -> VerifyError {
    let reason = error.to_string();
    let (place, byte, check) = match error {
        ArchiveError::Read { offset, source } => return VerifyError::Read { offset, source },
        ArchiveError::Magic { offset, found, expected } => {
            (place(None, "magic", 0, MAGIC.len() as u64), Some(BadByte { offset, found, expected }), CheckKind::Format)
        }
        ArchiveError::Version { found } => {
            let offset = MAGIC.len() as u64;
            let byte = first_difference(&found.to_le_bytes(), &VERSION.to_le_bytes(), offset);
            (place(None, "version", offset, 2), byte, CheckKind::Format)
        }
        ArchiveError::Truncated { offset, height, .. } => {
            (place(height, "end of file", offset, 0), None, CheckKind::Format)
        }
        ArchiveError::Head { offset, head, repair, after } => damaged_head(offset, &head, repair, after),
        ArchiveError::Misplaced { offset, height, .. } => {
            (place(Some(height), "frame head", offset, FRAME_HEAD_BYTES), None, CheckKind::Format)
        }
        ArchiveError::Oversized { offset, height, .. } => {
            (place(Some(height), "frame length", offset + 12, 4), None, CheckKind::Format)
        }
        ArchiveError::Trailing { offset } => {
            (place(None, "after the closing frame", offset, 0), None, CheckKind::Format)
        }
    };
    Failure { check, place, byte, reason, verified }.into()
}

fn damaged_head(
    offset: u64,
    head: &[u8],
    repair: Option<Repair>,
    after: Option<Height>,
) -> (Place, Option<BadByte>, CheckKind) {
    let height = after.map(Height::next);
    let Some(Repair { position, mask }) = repair else {
        return (place(height, "frame head", offset, FRAME_HEAD_BYTES), None, CheckKind::CheckSum);
    };
    let (field, start, bytes) = match position {
        0..4 => ("frame kind", 0, 4),
        4..12 => ("frame height", 4, 8),
        12..16 => ("frame length", 12, 4),
        _ => ("frame head check sum", 16, 4),
    };
    let found = head[position];
    let byte = BadByte { offset: offset + position as u64, found, expected: found ^ mask };
    (place(height, field, offset + start, bytes), Some(byte), CheckKind::CheckSum)
}

/// The genesis frame must hold the auditor's genesis.
///
/// # Errors
/// [`VerifyError::Failed`].
pub fn check_genesis(frame: &Frame, genesis: &Genesis, expected: &[u8]) -> Result<(), VerifyError> {
    let Some((offset, byte)) = payload_difference(frame, expected) else { return Ok(()) };
    let at = usize::try_from(offset - frame.payload_offset()).expect("a genesis frame is small");
    let field =
        fields_of(genesis, expected).and_then(|fields| fields.into_iter().find(|f| (f.start..f.end).contains(&at)));
    let place = match field {
        Some(field) => {
            let path = format!("genesis.{}", field.path);
            place(None, &path, frame.payload_offset() + field.start as u64, (field.end - field.start) as u64)
        }
        None => place(None, "genesis check sum", frame.payload_offset() + frame.payload.len() as u64, 4),
    };
    let (check, reason) = if frame.is_intact() {
        let found = tally_contracts::encoding::decode::<Genesis>(&frame.payload).map(|g| g.chain_id().to_string());
        let found = found.unwrap_or_else(|_| "of no alliance, for its genesis does not decode".into());
        let reason = format!("the archive is of chain {found}, the genesis given is of chain {}", genesis.chain_id());
        (CheckKind::Genesis, reason)
    } else {
        (CheckKind::CheckSum, "the genesis in the archive is damaged".into())
    };
    Err(Failure { check, place, byte, reason, verified: Height(0) }.into())
}

/// A block that an earlier run verified must be as it was written; the last of them must be the one that it ended with.
///
/// # Errors
/// [`VerifyError::Failed`].
pub fn check_skipped(frame: &Frame, saved: &Head) -> Result<(), VerifyError> {
    let id = intact_header(frame)?.id();
    if frame.height < saved.height || id == saved.block_id {
        return Ok(());
    }
    let place = place(Some(frame.height), "header", frame.offset, frame.length());
    let reason = format!(
        "this block is {id}, the one that was verified before is {}: two histories of one alliance; `tally compare` of the \
         two archives names where they part",
        saved.block_id
    );
    let verified = Height(frame.height.0.saturating_sub(1));
    Err(Failure { check: CheckKind::Resumption, place, byte: None, reason, verified }.into())
}

/// The header of a block frame whose bytes are as they were written.
///
/// # Errors
/// [`VerifyError::Failed`] where they are not, or are those of no block.
pub fn intact_header(frame: &Frame) -> Result<Header, VerifyError> {
    let failure = |check, reason: &str| {
        let place = place(Some(frame.height), "frame", frame.offset, frame.length());
        let verified = Height(frame.height.0.saturating_sub(1));
        Failure { check, place, byte: None, reason: reason.to_owned(), verified }
    };
    if !frame.is_intact() {
        return Err(
            failure(CheckKind::CheckSum, "the frame does not match its check sum; verify names the byte").into()
        );
    }
    let block = Frame::block_parts(&frame.payload).and_then(|parts| Block::decode(parts.block).ok());
    let block = block.ok_or_else(|| failure(CheckKind::Header, "the bytes are those of no block"))?;
    Ok(block.header)
}

/// The closing frame must say what the blocks before it are.
///
/// # Errors
/// [`VerifyError::Failed`].
pub fn check_closing(frame: &Frame, head: &Head) -> Result<(), VerifyError> {
    let expected = [head.block_id.0.as_slice(), &head.height.0.to_le_bytes()].concat();
    let Some((offset, byte)) = payload_difference(frame, &expected) else { return Ok(()) };
    let (field, start, bytes) = match offset - frame.payload_offset() {
        0..32 => ("closing frame, block id", 0, 32),
        32..40 => ("closing frame, number of blocks", 32, 8),
        _ => ("closing frame, check sum", 40, 4),
    };
    let place = place(None, field, frame.payload_offset() + start, bytes);
    let check = if frame.is_intact() { CheckKind::Format } else { CheckKind::CheckSum };
    let reason = format!("the last block is {} of height {}", head.block_id, head.height);
    Err(Failure { check, place, byte, reason, verified: head.height }.into())
}

/// The failure of a block frame, judged as the successor of `head`.
pub fn block_fault(chain: &Chain, head: &Head, frame: &Frame, fault: Fault) -> VerifyError {
    if matches!(fault, Fault::Damaged) {
        return damaged_block(chain, head, frame).into();
    }
    let parts = Frame::block_parts(&frame.payload);
    let fault = first_fault(chain, head, &frame.payload, fault);
    let Target { check, transaction, operation, path, reason } = target(&fault, head);
    let map = FrameMap::new(&frame.payload);
    let (start, bytes) = match map.range(transaction, &path) {
        Some(range) => range,
        None if path == "block" => (BLOCK_LENGTH_BYTES, parts.map_or(0, |parts| parts.block.len())),
        None => (0, frame.payload.len()),
    };
    let (path, operation) = match (operation, transaction, path.is_empty()) {
        (Some(_), ..) => ("operation".to_owned(), operation),
        (None, Some(_), true) => ("bytes".to_owned(), None),
        _ => (path, None),
    };
    let offset = frame.payload_offset() + start as u64;
    let place = Place { height: Some(frame.height), transaction, operation, field: path, offset, bytes: bytes as u64 };
    Failure { check, place, byte: None, reason, verified: head.height }.into()
}

/// What `check` meets first is what is reported, whatever was met before without a head.
fn first_fault(chain: &Chain, head: &Head, payload: &[u8], met: Fault) -> Fault {
    match Frame::block_parts(payload).map(|parts| chain.check(head, parts.block)) {
        Some(Err(error)) => Fault::Block(error),
        _ => met,
    }
}

/// A block frame whose check sum fails: the byte, where one explains it.
fn damaged_block(chain: &Chain, head: &Head, frame: &Frame) -> Failure {
    let follows = |payload: &[u8]| {
        let sound = judge(chain, &head.rota, frame, payload)?;
        chain.check_successor(head, sound.block).map_err(Fault::Block)
    };
    let end = frame.payload.len();
    for Repair { position, mask } in repairs(&frame.payload, frame.check_sum) {
        let mut mended = frame.payload.clone();
        let found = match mended.get_mut(position) {
            Some(byte) => std::mem::replace(byte, *byte ^ mask),
            None => frame.check_sum.to_le_bytes()[position - end],
        };
        if follows(&mended).is_err() {
            continue;
        }
        let offset = frame.payload_offset() + position as u64;
        let place = FrameMap::new(&mended).at(position, frame.height, frame.payload_offset());
        let place = place.unwrap_or_else(|| {
            self::place(Some(frame.height), "frame check sum", frame.payload_offset() + end as u64, 4)
        });
        let byte = Some(BadByte { offset, found, expected: found ^ mask });
        let reason = "with this byte repaired the block, its certificate and all its signatures check out".into();
        return Failure { check: CheckKind::CheckSum, place, byte, reason, verified: head.height };
    }
    let finding = match follows(&frame.payload) {
        Ok(_) => "though its content checks out: the check sum itself is damaged".to_owned(),
        Err(fault) => {
            let first = first_fault(chain, head, &frame.payload, fault);
            format!("and more than one byte is wrong; first: {}", target(&first, head).reason)
        }
    };
    let place = place(Some(frame.height), "frame", frame.offset, frame.length());
    let reason = format!("the frame does not match its check sum, {finding}");
    Failure { check: CheckKind::CheckSum, place, byte: None, reason, verified: head.height }
}

/// What a fault points at: a path in the frame, or within one of its transactions.
struct Target {
    check: CheckKind,
    transaction: Option<usize>,
    operation: Option<usize>,
    path: String,
    reason: String,
}

fn target(fault: &Fault, head: &Head) -> Target {
    let whole =
        |check, path: &str, reason| Target { check, transaction: None, operation: None, path: path.into(), reason };
    match fault {
        Fault::Damaged => whole(CheckKind::CheckSum, "payload", "the frame does not match its check sum".into()),
        Fault::Length => {
            whole(CheckKind::Format, "block (length)", "the block's length leads past the end of its frame".into())
        }
        Fault::CommitBytes(error) => whole(CheckKind::Certificate, "certificate", error.to_string()),
        Fault::Commit(id, error) => {
            let reason = format!("{error}; the header hashes to {id}");
            whole(CheckKind::Certificate, &certificate_path("certificate", error), reason)
        }
        Fault::Block(error) => invalid_block(error, head),
    }
}

fn invalid_block(error: &InvalidBlock, head: &Head) -> Target {
    let reason = error.to_string();
    let whole =
        |check, path: &str, reason| Target { check, transaction: None, operation: None, path: path.into(), reason };
    match error {
        InvalidBlock::Encoding(_) | InvalidBlock::Oversized(_) => whole(CheckKind::Header, "block", reason),
        InvalidBlock::Header { field: "last_commit", .. } => whole(CheckKind::Header, "last_commit", reason),
        InvalidBlock::Header { field, .. } if field.starts_with("outcome.") => {
            let reason = format!("{reason}, which is what re-executing block {} leads to", head.height);
            whole(CheckKind::Outcome, &format!("header.{field}"), reason)
        }
        InvalidBlock::Header { field, .. } => whole(CheckKind::Header, &format!("header.{field}"), reason),
        InvalidBlock::Certificate(error) => {
            whole(CheckKind::Certificate, &certificate_path("last_commit", error), reason)
        }
        InvalidBlock::Transaction { index, error } => {
            let (operation, path) = match error {
                InvalidTransaction::WrongChain { .. } => (None, "chain_id".to_owned()),
                InvalidTransaction::Signature(_) => (None, "signature".to_owned()),
                InvalidTransaction::OperationCount(_) => (None, "operations".to_owned()),
                InvalidTransaction::Operation { index, .. } => (Some(*index), format!("operations[{index}]")),
                InvalidTransaction::Authorization { index, .. } => {
                    (Some(*index), format!("operations[{index}].authorization.signature"))
                }
                InvalidTransaction::Encoding(_) | InvalidTransaction::Oversized { .. } => (None, String::new()),
            };
            Target {
                check: CheckKind::Transaction,
                transaction: Some(*index),
                operation,
                path,
                reason: error.to_string(),
            }
        }
    }
}

fn certificate_path(name: &str, error: &CertificateError) -> String {
    match error {
        CertificateError::Subject { .. } => format!("{name}.block_id"),
        CertificateError::Order(index) | CertificateError::Stranger { index, .. } => {
            format!("{name}.signatures[{index}].merchant")
        }
        CertificateError::Signature(index) => format!("{name}.signatures[{index}].signature"),
        CertificateError::Quorum { .. } => format!("{name}.signatures"),
    }
}

/// Where in the file a frame's payload with its check sum first differs from what it must be, and the byte there; no byte
/// where one of the two ends.
fn payload_difference(frame: &Frame, expected: &[u8]) -> Option<(u64, Option<BadByte>)> {
    let sums = (frame.check_sum.to_le_bytes(), crc32fast::hash(expected).to_le_bytes());
    let found = [frame.payload.as_slice(), &sums.0].concat();
    let expected = [expected, &sums.1].concat();
    match first_difference(&found, &expected, frame.payload_offset()) {
        Some(byte) => Some((byte.offset, Some(byte))),
        None if found.len() == expected.len() => None,
        None => Some((frame.payload_offset() + found.len().min(expected.len()) as u64, None)),
    }
}

fn first_difference(found: &[u8], expected: &[u8], offset: u64) -> Option<BadByte> {
    let pairs = found.iter().zip(expected).zip(offset..);
    pairs
        .filter(|((found, expected), _)| found != expected)
        .map(|((found, expected), offset)| BadByte { offset, found: *found, expected: *expected })
        .next()
}

fn place(height: Option<Height>, field: &str, offset: u64, bytes: u64) -> Place {
    Place { height, transaction: None, operation: None, field: field.to_owned(), offset, bytes }
}
