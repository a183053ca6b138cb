//! What is taken into the queue, and under which reference.
//!
//! An order number gives the low bits of its reference: a hash over alliance, merchant, till and number. Its time is that of
//! the first `add` (or the order's own, if the cash register gives it), and is kept with the order number for good: the same
//! order again is the same reference, so it takes effect once whatever is repeated. With the order's own time the reference
//! follows from the order alone, and a till that lost its queue makes the same ones again.

use anyhow::{Context as _, bail, ensure};
use ed25519_dalek::SigningKey;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};
use tally_contracts::encoding::{self, Domain};
use tally_contracts::genesis::Role;
use tally_contracts::membership::{member_address, wallet_address};
use tally_contracts::transaction::{Body, CheckedTransaction, Operation};
use tally_contracts::types::{Address, DAY_MS, HOUR_MS, Reference};

use super::entry::digest;
use super::{Config, Entry, Queue, State};
use crate::submit::{Signing, new_reference, sign};

const ORDER: Domain = Domain::new("tally/till-order/v1\0");
/// Longest order number, in bytes.
const MAX_ORDER_BYTES: usize = 256;
/// A reference this old is refused by every block (docs/rules.md, 1).
pub const MAX_AGE_MS: u64 = 90 * DAY_MS;

/// An operation as it comes from the cash register.
#[derive(Clone, Debug, Default)]
pub struct NewOperation {
    /// What the cash register knows it by.
    pub order: Option<String>,
    /// The order's own time, in ms since 1970.
    pub at_ms: Option<u64>,
    /// A reference made elsewhere.
    pub reference: Option<Reference>,
    /// The members of the operation besides reference and till: `body`, and what else an operation may have.
    pub members: serde_json::Map<String, Value>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Added {
    /// It is in the queue, on disk.
    Queued {
        /// Its reference.
        reference: Reference,
        /// Its kind.
        kind: &'static str,
        /// The card code that an enrolment will give: it follows from the operation alone.
        member: Option<Address>,
    },
    /// It was added before; nothing was done. Its entry, unless that was pruned.
    Known(Reference, Option<Box<Entry>>),
    /// It cannot be taken, and why.
    Refused(String),
}

/// An operation that is well formed.
struct Sound {
    order: Option<String>,
    operation: Operation,
    text: String,
}

/// The reference of an order at a time, in ms since 1970.
pub fn order_reference(config: &Config, order: &str, time_ms: u64) -> Reference {
    let (merchant, store, till) = (config.merchant.0, config.till.store_id.0, config.till.till_id.0);
    let parts: [&[u8]; 5] =
        [&config.chain_id.0, &merchant.to_be_bytes(), &store.to_be_bytes(), &till.to_be_bytes(), order.as_bytes()];
    let hash = ORDER.hash(&parts).0;
    let (_, free) = hash.split_last_chunk::<16>().expect("32 bytes have 16");
    Reference::new(time_ms, u128::from_be_bytes(*free))
}

impl Queue {
    /// Takes operations, all in one synced commit; each is answered for itself.
    ///
    /// # Errors
    /// When the queue cannot be written: nothing was taken.
    pub fn add(&mut self, new: Vec<NewOperation>, local_ms: u64) -> anyhow::Result<Vec<Added>> {
        let now_ms = self.reference_time_ms(local_ms)?;
        let config = self.config.clone();
        self.change(|transaction| {
            let add = |new: NewOperation| add_one(transaction, &config, new, (now_ms, local_ms));
            new.into_iter().map(add).collect()
        })
    }
}

fn add_one(
    transaction: &Transaction<'_>,
    config: &Config,
    new: NewOperation,
    (now_ms, local_ms): (u64, u64),
) -> anyhow::Result<Added> {
    let known = match &new.order {
        Some(order) => known_order(transaction, order)?,
        None => None,
    };
    let reference = known.as_ref().map(|(reference, _)| *reference);
    let sound = match sound(config, new, reference, now_ms) {
        Ok(sound) => sound,
        Err(reason) => return Ok(Added::Refused(format!("{reason:#}"))),
    };
    let reference = sound.operation.reference;
    let entry = entry(transaction, reference)?;
    // An entry is compared as this version reads it; of a pruned one only the digest is left.
    let same = match (&entry, &known) {
        (Some(entry), _) => Some(entry.operation().is_ok_and(|before| before == sound.operation)),
        (None, Some((_, known))) => Some(*known == digest(&sound.text)),
        (None, None) => None,
    };
    match same {
        Some(true) => return Ok(Added::Known(reference, entry.map(Box::new))),
        Some(false) => {
            let name = sound.order.map_or_else(|| reference.to_string(), |order| format!("order {order}"));
            return Ok(Added::Refused(format!(
                "{name} was added before with another operation ({reference}); nothing was taken. Each operation of an \
                 order needs a number of its own, such as 4711/redeem and 4711/issue"
            )));
        }
        None => insert(transaction, &sound, local_ms)?,
    }
    let member = match &sound.operation.body {
        Body::Enrol(enrol) => Some(member_address(config.merchant, &enrol.commitment)),
        Body::EnrolWallet(enrol) => Some(wallet_address(&enrol.wallet_key)),
        _ => None,
    };
    Ok(Added::Queued { reference, kind: sound.operation.body.kind(), member })
}

fn insert(transaction: &Transaction<'_>, sound: &Sound, local_ms: u64) -> anyhow::Result<()> {
    let Sound { order, operation, text } = sound;
    let (reference, digest) = (operation.reference.to_string(), digest(text));
    if let Some(order) = order {
        transaction.prepare("INSERT INTO orders VALUES (?1, ?2, ?3)")?.execute(params![order, reference, digest])?;
    }
    transaction
        .prepare(
            "INSERT INTO entries (reference, order_number, kind, operation, digest, added_ms, state) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![reference, order, operation.body.kind(), text, digest, local_ms, State::Queued.name()])?;
    Ok(())
}

fn known_order(transaction: &Transaction<'_>, order: &str) -> anyhow::Result<Option<(Reference, Vec<u8>)>> {
    let mut statement = transaction.prepare("SELECT reference, digest FROM orders WHERE order_number = ?1")?;
    let row = statement.query_one([order], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).optional()?;
    row.map(|(reference, digest)| Ok((reference.parse()?, digest))).transpose()
}

fn entry(transaction: &Transaction<'_>, reference: Reference) -> anyhow::Result<Option<Entry>> {
    let sql = format!("SELECT {} FROM entries WHERE reference = ?1", Entry::COLUMNS);
    let mut statement = transaction.prepare(&sql)?;
    let mut rows = statement.query([reference.to_string()])?;
    rows.next()?.map(Entry::of).transpose()
}

/// The operation with its reference and till, if every node would take it.
fn sound(config: &Config, new: NewOperation, known: Option<Reference>, now_ms: u64) -> anyhow::Result<Sound> {
    let NewOperation { order, at_ms, reference: given, mut members } = new;
    if let Some(order) = &order {
        ensure!(!order.is_empty(), "an order number is not empty");
        ensure!(order.len() <= MAX_ORDER_BYTES, "an order number has at most {MAX_ORDER_BYTES} bytes");
    }
    ensure!(given.is_none() || at_ms.is_none(), "a reference has its own time: give it or the order's time, not both");
    ensure!(order.is_some() || at_ms.is_none(), "the order's time goes with an order number");
    let reference = match (known, given, &order) {
        (Some(known), None, _) => known,
        (Some(known), Some(given), Some(order)) => {
            ensure!(given == known, "order {order} has the reference {known} already");
            known
        }
        (_, Some(given), _) => given,
        (None, None, Some(order)) => order_reference(config, order, at_ms.unwrap_or(now_ms)),
        (None, None, None) => new_reference(now_ms),
    };
    if known.is_none() {
        let time_ms = reference.time_ms();
        ensure!(
            time_ms.saturating_add(MAX_AGE_MS) > now_ms,
            "its time ({time_ms} ms) is 90 days past: no block would take it any more"
        );
        ensure!(
            time_ms <= now_ms + HOUR_MS,
            "its time ({time_ms} ms) lies more than an hour ahead of the till's: see to the clock"
        );
    }
    let (till, named) = (json!(config.till), members.get("till"));
    ensure!(named.is_none_or(|named| *named == till), "it names another till, this queue is that of {till}");
    members.insert("till".into(), till);
    members.insert("reference".into(), json!(reference));
    let operation: Operation = serde_json::from_value(Value::Object(members)).context("no operation")?;
    let role = operation.body.required_role();
    let kind = operation.body.kind();
    if !matches!(role, Some(Role::Issuer | Role::Acceptor)) {
        bail!("{kind} is no act of a till; submit it with the key that may: tally submit --key FILE");
    }
    check(config, &operation)?;
    let text = serde_json::to_string(&operation)?;
    Ok(Sound { order, operation, text })
}

/// What every node checks of bytes alone, on a transaction with this operation only. Who signs does not matter to it.
fn check(config: &Config, operation: &Operation) -> anyhow::Result<()> {
    let (chain_id, merchant) = (config.chain_id, config.merchant);
    let anyone = SigningKey::from_bytes(&[1; 32]);
    let signing = Signing { chain_id, merchant, valid_until_ms: 0, key: &anyone };
    let bytes = encoding::encode(&sign(&signing, vec![operation.clone()]));
    CheckedTransaction::check(bytes, &chain_id).context("no node would take it")?;
    Ok(())
}
