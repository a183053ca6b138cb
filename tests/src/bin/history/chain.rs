//! The contracts at work: a chain of blocks in memory, and what each of them did as a line of JSON.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tally_contracts::checkpoint::TreeHead;
use tally_contracts::encoding;
use tally_contracts::execute::{BlockContext, BlockRun, execute_next};
use tally_contracts::genesis::Genesis;
use tally_contracts::governance::genesis_writes;
use tally_contracts::points::Movement;
use tally_contracts::state::{Cache, Key as _, MemoryStore, WriteSet, tag};
use tally_contracts::transaction::{CheckedTransaction, Transaction};
use tally_contracts::types::{Address, ClassId, Height};

/// What a block's header says of it, and of the log before it.
#[derive(Clone, Copy)]
pub struct Header {
    pub height: u64,
    pub time_ms: u64,
    pub parent_log: TreeHead,
}

/// A chain in memory.
pub struct Chain {
    pub genesis: Genesis,
    pub store: MemoryStore,
    cache: Cache,
}

impl Chain {
    /// A chain without blocks.
    pub fn new(genesis: Genesis) -> Self {
        let mut store = MemoryStore::default();
        store.apply(&genesis_writes(&genesis));
        Self { genesis, store, cache: Cache::default() }
    }

    /// Executes a block of transactions, which must be well formed.
    ///
    /// # Errors
    /// When one is not.
    pub fn execute(&mut self, header: Header, transactions: &[Transaction]) -> Result<BlockRun> {
        let Header { height, time_ms, parent_log } = header;
        let bytes = transactions.iter().map(encoding::encode).collect();
        let checked = CheckedTransaction::check_all(bytes, &self.genesis.chain_id())
            .map_err(|(index, fault)| anyhow!("transaction {index} of block {height}: {fault}"))?;
        let context = BlockContext::new(&self.genesis, self.genesis.chain_id(), Height(height), time_ms);
        let context = context.after_log(parent_log);
        let run = execute_next(&self.store, context, &checked, &mut self.cache);
        self.store.apply(&run.writes);
        Ok(run)
    }
}

/// A block and what it did.
pub fn block_line(header: Header, transactions: &[Transaction], run: &BlockRun) -> Value {
    let transactions: Vec<Value> = transactions.iter().map(transaction_line).collect();
    json!({ "block": {
        "height": header.height,
        "time_ms": header.time_ms,
        "parent_log": { "size": header.parent_log.size, "root": header.parent_log.root },
        "due": run.due,
        "transactions": transactions,
        "receipts": run.receipts,
        "movements": movements(&run.writes).iter().map(movement_line).collect::<Vec<Value>>(),
    }})
}

fn transaction_line(transaction: &Transaction) -> Value {
    json!({
        "merchant": transaction.merchant,
        "public_key": transaction.public_key,
        "valid_until_ms": transaction.valid_until_ms,
        "atomic": transaction.atomic,
        "operations": transaction.operations,
    })
}

/// What moved in a block, in order.
pub fn movements(writes: &WriteSet) -> Vec<(Address, ClassId, Movement)> {
    let mut rows: Vec<(u32, (Address, ClassId, Movement))> = Vec::new();
    for (key, record) in writes.iter() {
        let Some(record) = record.filter(|_| key[0] == tag::HOLDINGS) else { continue };
        let mut rest = &key[1..];
        let (address, class) = <(Address, ClassId)>::take(&mut rest);
        let index = rest.last_chunk::<4>().map_or(0, |bytes| !u32::from_be_bytes(*bytes));
        rows.push((index, (address, class, encoding::decode_own(record))));
    }
    rows.sort_by_key(|(index, _)| *index);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn movement_line((address, class, movement): &(Address, ClassId, Movement)) -> Value {
    json!({
        "member": address,
        "class": class,
        "operation": movement.operation,
        "delta": movement.delta.to_string(),
        "reason": movement.reason,
        "lots": movement.lots,
    })
}
