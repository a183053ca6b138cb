//! An entry of the queue, and how entries are looked up and counted.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tally_contracts::transaction::Operation;
use tally_contracts::types::Reference;

use super::Queue;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Taken, and not known to be final.
    Queued,
    /// Final: it took effect once.
    Applied,
    /// Final: a rule refused it, nothing took effect.
    Rejected,
    /// Never taken by the alliance, and not tried any more.
    Refused,
}

impl State {
    /// The name, in the database as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
        }
    }

    fn of(name: &str) -> anyhow::Result<Self> {
        let all = [Self::Queued, Self::Applied, Self::Rejected, Self::Refused];
        all.into_iter().find(|state| state.name() == name).with_context(|| format!("`{name}` is no state of an entry"))
    }
}

/// An operation in the queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Its place in the order of arrival, from 1 on.
    pub number: u64,
    /// What the alliance knows it by.
    pub reference: Reference,
    /// What the cash register knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The kind of operation.
    pub kind: String,
    /// Where it stands.
    pub state: State,
    /// When it was taken, by the till's own clock, in ms since 1970.
    pub added_ms: u64,
    /// The rule that rejected it or the reason of its refusal; of a queued one, why the last try did not end it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Block of its receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Its position in that block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The transaction that took effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The receipt as the node gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Value>,
    /// The node that said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When it ended, by the till's own clock, in ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// The operation as it is kept.
    #[serde(skip)]
    pub text: String,
    /// SHA-256 of that text when it was taken.
    #[serde(skip)]
    pub digest: Vec<u8>,
}

impl Entry {
    pub(super) const COLUMNS: &str = "number, reference, order_number, kind, state, added_ms, code, detail, height, \
                                      position, transaction_id, receipt, node, ended_ms, operation, digest";

    pub(super) fn of(row: &Row<'_>) -> anyhow::Result<Self> {
        let (reference, state): (String, String) = (row.get(1)?, row.get(4)?);
        let receipt: Option<String> = row.get(11)?;
        Ok(Self {
            number: row.get(0)?,
            reference: reference.parse()?,
            order: row.get(2)?,
            kind: row.get(3)?,
            state: State::of(&state)?,
            added_ms: row.get(5)?,
            code: row.get(6)?,
            detail: row.get(7)?,
            height: row.get(8)?,
            index: row.get(9)?,
            transaction_id: row.get(10)?,
            receipt: receipt.map(|text| serde_json::from_str(&text)).transpose()?,
            node: row.get(12)?,
            ended_ms: row.get(13)?,
            text: row.get(14)?,
            digest: row.get(15)?,
        })
    }

    /// The operation.
    ///
    /// # Errors
    /// When the text is not the one that was taken, or this version does not know such an operation.
    pub fn operation(&self) -> anyhow::Result<Operation> {
        ensure!(digest(&self.text) == *self.digest, "the text on disk is not the one that was taken");
        let operation: Operation = serde_json::from_str(&self.text)?;
        ensure!(operation.reference == self.reference, "the text on disk is another operation's");
        Ok(operation)
    }
}

pub(super) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Which entries are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Where they stand; anywhere if none is given.
    pub state: Option<State>,
    /// Only those after this number.
    pub after: u64,
    /// Most entries of the answer.
    pub limit: u32,
}

/// The queued entry that waits longest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Oldest {
    /// What the alliance knows it by.
    pub reference: Reference,
    /// What the cash register knows it by.
    pub order: Option<String>,
    /// When it was taken, by the till's own clock, in ms since 1970.
    pub added_ms: u64,
}

impl Queue {
    /// Entries in the order of their arrival.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn entries(&self, filter: &Filter) -> anyhow::Result<Vec<Entry>> {
        // An index for each: those that are queued must be found at once among the many that ended.
        let of_state = if filter.state.is_some() { "state = ?2 AND" } else { "?2 IS NULL AND" };
        let sql =
            format!("SELECT {} FROM entries WHERE {of_state} number > ?1 ORDER BY number LIMIT ?3", Entry::COLUMNS);
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query(params![filter.after, filter.state.map(State::name), filter.limit])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(Entry::of(row)?);
        }
        Ok(entries)
    }

    /// The entry of a reference.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn entry(&self, reference: Reference) -> anyhow::Result<Option<Entry>> {
        let sql = format!("SELECT {} FROM entries WHERE reference = ?1", Entry::COLUMNS);
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([reference.to_string()])?;
        rows.next()?.map(Entry::of).transpose()
    }

    /// The reference of an order number; there is one for good once it was added.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn reference_of_order(&self, order: &str) -> anyhow::Result<Option<Reference>> {
        let mut statement = self.connection.prepare("SELECT reference FROM orders WHERE order_number = ?1")?;
        let text: Option<String> = statement.query_one([order], |row| row.get(0)).optional()?;
        Ok(text.map(|text| text.parse()).transpose()?)
    }

    /// How many entries stand where, and under which code.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn counts(&self) -> anyhow::Result<BTreeMap<(State, Option<String>), u64>> {
        let sql = "SELECT state, code, COUNT(*) FROM entries GROUP BY state, code";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut counts = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let state: String = row.get(0)?;
            counts.insert((State::of(&state)?, row.get(1)?), row.get(2)?);
        }
        Ok(counts)
    }

    /// How many entries are queued.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn queued(&self) -> anyhow::Result<u64> {
        let sql = "SELECT COUNT(*) FROM entries WHERE state = 'queued'";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// The queued entry that waits longest.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn oldest(&self) -> anyhow::Result<Option<Oldest>> {
        let queued = Filter { state: Some(State::Queued), after: 0, limit: 1 };
        let first = self.entries(&queued)?.pop();
        Ok(first.map(|entry| Oldest { reference: entry.reference, order: entry.order, added_ms: entry.added_ms }))
    }

    /// Forgets entries that ended before a time, in ms since 1970 by the till's own clock; never one that is queued, never an
    /// order number. Gives how many.
    ///
    /// # Errors
    /// When the queue cannot be written.
    pub fn prune(&mut self, before_ms: u64) -> anyhow::Result<usize> {
        // The space is used again by what comes; giving it back to the disk would keep `add` waiting.
        self.change(|transaction| {
            let sql = "DELETE FROM entries WHERE state != 'queued' AND ended_ms < ?1";
            Ok(transaction.execute(sql, [before_ms])?)
        })
    }
}
