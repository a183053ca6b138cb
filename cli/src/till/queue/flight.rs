//! From the queue into a signed transaction, and its outcome back into the queue.

use anyhow::Context as _;
use rusqlite::{OptionalExtension as _, params};
use serde_json::Value;
use tally_contracts::encoding;
use tally_contracts::transaction::{LEAF_OVERHEAD_BYTES, MAX_LEAF_BYTES, MAX_OPERATIONS, Operation};
use tally_contracts::types::{HOUR_MS, Hash, Reference};

use super::adding::MAX_AGE_MS;
use super::{DAMAGED, Entry, Filter, Queue, State};

/// The transaction that may be on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The transaction's id.
    pub id: Hash,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// Last block time at which it may be executed, in ms since 1970.
    pub valid_until_ms: u64,
    /// Its operations' references, in their order.
    pub references: Vec<Reference>,
}

/// What a batch may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most operations, at most [`MAX_OPERATIONS`].
    pub operations: usize,
    /// The alliance's time, in ms since 1970.
    pub alliance_ms: u64,
    /// Whether references that lie ahead of that time are refused: they are, unless its clock is simulated.
    pub refuses_ahead: bool,
    /// Encoded length of a transaction without operations.
    pub empty_bytes: usize,
}

/// What may be sent next.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// In the order of arrival; they fit into one transaction.
    pub operations: Vec<Operation>,
    /// Entries that must not be sent any more, and why.
    pub ended: Vec<(Reference, End)>,
    /// Entries whose reference lies too far ahead to be sent already.
    pub held: usize,
}

/// How a try ended for an entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    /// Where the entry stands now; queued if it is to be tried again.
    pub state: Option<State>,
    /// The rule, or the reason.
    pub code: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// Block of the receipt that counts.
    pub height: Option<u64>,
    /// Its position in that block.
    pub index: Option<u64>,
    /// The transaction that brought it.
    pub transaction_id: Option<String>,
    /// The receipt that counts.
    pub receipt: Option<Value>,
    /// The node that said so.
    pub node: Option<String>,
}

impl End {
    /// An entry that the alliance never took, and why.
    pub fn refused(code: &str, detail: impl ToString) -> Self {
        let (code, detail) = (Some(code.to_owned()), Some(detail.to_string()));
        Self { state: Some(State::Refused), code, detail, ..Self::default() }
    }
}

impl Queue {
    /// The transaction that may be on its way, if there is one.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn flight(&self) -> anyhow::Result<Option<Flight>> {
        let mut statement = self.connection.prepare("SELECT id, bytes, valid_until_ms FROM flight")?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?));
        let Some((id, bytes, valid_until_ms)) = statement.query_one([], row).optional()? else { return Ok(None) };
        let mut statement =
            self.connection.prepare("SELECT reference FROM entries WHERE in_flight != 0 ORDER BY in_flight")?;
        let texts = statement.query_map([], |row| row.get::<_, String>(0))?;
        let references = texts.map(|text| Ok(text?.parse()?)).collect::<anyhow::Result<_>>()?;
        Ok(Some(Flight { id: id.parse().context("the id of the flight")?, bytes, valid_until_ms, references }))
    }

    /// The entries to be sent next.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn next_batch(&self, limits: &Limits) -> anyhow::Result<Batch> {
        let mut room = MAX_LEAF_BYTES - LEAF_OVERHEAD_BYTES - limits.empty_bytes;
        let mut batch = Batch::default();
        let mut filter = Filter { state: Some(State::Queued), after: 0, limit: 256 };
        loop {
            let entries = self.entries(&filter)?;
            let Some(last) = entries.last() else { return Ok(batch) };
            filter.after = last.number;
            for entry in entries {
                match judge(&entry, limits) {
                    Judged::Held => batch.held += 1,
                    Judged::Ended(end) => batch.ended.push((entry.reference, end)),
                    Judged::Good(operation) => {
                        let bytes = encoding::encode(&operation).len() + operation.body.max_receipt_bytes();
                        if batch.operations.len() == limits.operations.min(MAX_OPERATIONS) || bytes > room {
                            return Ok(batch);
                        }
                        room -= bytes;
                        batch.operations.push(*operation);
                    }
                }
            }
        }
    }

    /// Keeps a signed transaction before it is sent for the first time.
    ///
    /// # Errors
    /// When the queue cannot be written, or a transaction is on its way already.
    pub fn take_off(&mut self, flight: &Flight) -> anyhow::Result<()> {
        self.change(|transaction| {
            transaction.execute(
                "INSERT INTO flight VALUES (1, ?1, ?2, ?3)",
                params![flight.id.to_string(), flight.bytes, flight.valid_until_ms],
            )?;
            let mut mark = transaction.prepare("UPDATE entries SET in_flight = ?2 WHERE reference = ?1")?;
            for (position, reference) in flight.references.iter().enumerate() {
                mark.execute(params![reference.to_string(), position + 1])?;
            }
            Ok(())
        })
    }

    /// Ends the flight: its entries get what became of them, those that are not named are queued as before.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub fn land(&mut self, ends: &[(Reference, End)], local_ms: u64) -> anyhow::Result<()> {
        self.change(|transaction| {
            transaction.execute("DELETE FROM flight", [])?;
            transaction.execute("UPDATE entries SET in_flight = 0 WHERE in_flight != 0", [])?;
            record(transaction, ends, local_ms)
        })
    }

    /// Ends entries that are in no flight.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub fn end(&mut self, ends: &[(Reference, End)], local_ms: u64) -> anyhow::Result<()> {
        self.change(|transaction| record(transaction, ends, local_ms))
    }

    /// Puts entries back that were refused, or rejected for a reason that the alliance does not keep, under their reference.
    /// Gives how many.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub fn put_back(&mut self, references: &[Reference]) -> anyhow::Result<usize> {
        self.change(|transaction| {
            let mut put_back = transaction.prepare(
                "UPDATE entries SET state = 'queued', code = NULL, detail = NULL, height = NULL, position = NULL, \
                 transaction_id = NULL, receipt = NULL, node = NULL, ended_ms = NULL WHERE reference = ?1",
            )?;
            let mut count = 0;
            for reference in references {
                count += put_back.execute([reference.to_string()])?;
            }
            Ok(count)
        })
    }
}

fn record(transaction: &rusqlite::Transaction<'_>, ends: &[(Reference, End)], local_ms: u64) -> anyhow::Result<()> {
    let mut set = transaction.prepare(
        "UPDATE entries SET state = ?2, code = ?3, detail = ?4, height = ?5, position = ?6, transaction_id = ?7, \
         receipt = ?8, node = ?9, ended_ms = ?10 WHERE reference = ?1 AND state = 'queued'",
    )?;
    for (reference, end) in ends {
        let receipt = end.receipt.as_ref().map(Value::to_string);
        let state = end.state.unwrap_or(State::Queued);
        set.execute(params![
            reference.to_string(),
            state.name(),
            end.code,
            end.detail,
            end.height,
            end.index,
            end.transaction_id,
            receipt,
            end.node,
            (state != State::Queued).then_some(local_ms),
        ])?;
    }
    Ok(())
}

enum Judged {
    Good(Box<Operation>),
    Held,
    Ended(End),
}

fn judge(entry: &Entry, limits: &Limits) -> Judged {
    let operation = match entry.operation() {
        Ok(operation) => operation,
        Err(error) => {
            let advice =
                "the disk is failing, or another version wrote it; find the order in the cash register's journal";
            return Judged::Ended(End::refused(DAMAGED, format!("{error:#}: {advice}")));
        }
    };
    let time_ms = entry.reference.time_ms();
    if time_ms.saturating_add(MAX_AGE_MS) < limits.alliance_ms {
        let detail = "it waited for more than 90 days, no block takes it any more; settle it with the customer by hand";
        return Judged::Ended(End::refused("reference_too_old", detail));
    }
    if limits.refuses_ahead && time_ms > limits.alliance_ms + HOUR_MS {
        return Judged::Held;
    }
    Judged::Good(Box::new(operation))
}
