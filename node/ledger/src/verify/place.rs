//! Places in an archive: which block, transaction, operation and field a byte belongs to, and back.

use std::fmt;

use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::transaction::Transaction;
use tally_contracts::types::Height;

use super::layout::{Field, fields_of};
use crate::archive::{BLOCK_LENGTH_BYTES, Frame};
use crate::block::Block;
use crate::certificate::CommitCertificate;

/// A place in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The block whose frame it lies in; none outside block frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
    /// The transaction's position in the block, from 0 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<usize>,
    /// The operation's position in the transaction, from 0 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<usize>,
    /// The field, as `header.time_ms` or `issue.lines[0].amount_fen`.
    pub field: String,
    /// Its first byte in the file.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, transaction, operation, field, .. } = self;
        if let Some(height) = height {
            write!(f, "block {height}, ")?;
        }
        if let Some(transaction) = transaction {
            write!(f, "transaction {transaction}, ")?;
        }
        if let Some(operation) = operation {
            write!(f, "operation {operation}, ")?;
        }
        f.write_str(field)
    }
}

/// The fields of a block frame's payload: block, then certificate.
#[derive(Debug)]
pub struct FrameMap {
    fields: Vec<Mapped>,
}

/// A field, its `path` within the transaction where it lies in one.
#[derive(Debug)]
struct Mapped {
    transaction: Option<usize>,
    field: Field,
}

impl FrameMap {
    /// The map of a payload. Where a part does not decode, it is one single field.
    #[must_use]
    pub fn new(payload: &[u8]) -> Self {
        let mut map = Self { fields: Vec::new() };
        map.push(payload.len().min(BLOCK_LENGTH_BYTES), "block (length)");
        let Some(parts) = Frame::block_parts(payload) else {
            map.push(payload.len() - map.end(), "payload");
            return map;
        };
        match Block::decode(parts.block) {
            Ok(block) => map.block(&block),
            Err(_) => map.push(parts.block.len(), "block"),
        }
        match encoding::decode::<CommitCertificate>(parts.certificate) {
            Ok(certificate) => map.record("certificate", &certificate, parts.certificate),
            Err(_) => map.push(parts.certificate.len(), "certificate"),
        }
        map
    }

    /// The place of a byte of the payload.
    #[must_use]
    pub fn at(&self, position: usize, height: Height, payload_offset: u64) -> Option<Place> {
        let mapped = self.fields.iter().find(|m| (m.field.start..m.field.end).contains(&position))?;
        let (start, end) = (mapped.field.start, mapped.field.end);
        let (operation, field) = operation_of(mapped);
        let (offset, bytes) = (payload_offset + start as u64, (end - start) as u64);
        Some(Place { height: Some(height), transaction: mapped.transaction, operation, field, offset, bytes })
    }

    /// First byte and length of a field with all that it holds, by its path; of a whole transaction for an empty path.
    #[must_use]
    pub fn range(&self, transaction: Option<usize>, path: &str) -> Option<(usize, usize)> {
        let within = |m: &&Mapped| {
            let rest = m.field.path.strip_prefix(path);
            m.transaction == transaction
                && rest.is_some_and(|r| path.is_empty() || r.is_empty() || r.starts_with(['.', '[', ' ']))
        };
        let start = self.fields.iter().find(within)?.field.start;
        let end = self.fields.iter().rev().find(within)?.field.end;
        Some((start, end - start))
    }

    /// The canonical layout of a block: header, the parent's certificate if any, count, then each transaction's bytes.
    fn block(&mut self, block: &Block) {
        let Block { header, last_commit, transactions } = block;
        self.record("header", header, &encoding::encode(header));
        self.record("last_commit", last_commit, &encoding::encode(last_commit));
        self.push(8, "transactions (length)");
        for (index, bytes) in transactions.iter().enumerate() {
            self.push(8, &format!("transactions[{index}] (length)"));
            let start = self.end();
            let fields = encoding::decode::<Transaction>(bytes).ok().and_then(|t| fields_of(&t, bytes));
            let fields = fields.unwrap_or_else(|| vec![Field { start: 0, end: bytes.len(), path: "bytes".into() }]);
            self.fields.extend(fields.into_iter().map(|field| Mapped {
                transaction: Some(index),
                field: Field { start: start + field.start, end: start + field.end, path: field.path },
            }));
        }
    }

    fn record(&mut self, name: &str, record: &impl Serialize, bytes: &[u8]) {
        let start = self.end();
        let Some(fields) = fields_of(record, bytes) else { return self.push(bytes.len(), name) };
        self.fields.extend(fields.into_iter().map(|Field { start: from, end, path }| {
            let dot = if path.is_empty() || path.starts_with([' ', '[']) { "" } else { "." };
            let field = Field { start: start + from, end: start + end, path: format!("{name}{dot}{path}") };
            Mapped { transaction: None, field }
        }));
    }

    fn push(&mut self, bytes: usize, path: &str) {
        let start = self.end();
        self.fields
            .push(Mapped { transaction: None, field: Field { start, end: start + bytes, path: path.to_owned() } });
    }

    fn end(&self) -> usize {
        self.fields.last().map_or(0, |m| m.field.end)
    }
}

/// Takes `operations[n].` and `body.` off the path of a transaction's field.
fn operation_of(mapped: &Mapped) -> (Option<usize>, String) {
    let path = &mapped.field.path;
    let inside = mapped.transaction.and_then(|_| path.strip_prefix("operations[")?.split_once("]."));
    match inside.and_then(|(index, rest)| Some((index.parse().ok()?, rest))) {
        Some((index, rest)) => (Some(index), rest.strip_prefix("body.").unwrap_or(rest).to_owned()),
        None => (None, path.clone()),
    }
}
