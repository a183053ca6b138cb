//! What is answered, in the forms of Ethereum: numbers and bytes in hexadecimal.
//!
//! Fields that nothing here corresponds to are there all the same, since clients want them: zero, and of the length
//! they have on Ethereum.

use std::sync::LazyLock;

use alloy_primitives::{U256, keccak256};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tally_contracts::types::{Address, Hash, Height};
use tally_ledger::block::Header;
use tally_ledger::roots::trie::StorageProof;

use crate::query::erc1155::events::Log;
use crate::query::erc1155::{CODE, operator};

/// What a method answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Anything small.
    Value(Value),
    /// Events.
    Logs(Vec<LogView>),
}

/// An event with the block it is of.
#[derive(Debug)]
pub struct LogView {
    pub contract: Address,
    pub height: Height,
    pub block_id: Hash,
    pub log: Log,
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Serialize for LogView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { contract, height, block_id, log } = self;
        let mut fields = serializer.serialize_struct("Log", 9)?;
        fields.serialize_field("address", &data(&contract.0))?;
        fields.serialize_field("topics", &log.topics.map(|topic| data(&topic)))?;
        fields.serialize_field("data", &data(&log.data))?;
        fields.serialize_field("blockNumber", &quantity(height.0))?;
        fields.serialize_field("blockHash", &data(&block_id.0))?;
        fields.serialize_field("transactionHash", &data(&log.transaction.0))?;
        fields.serialize_field("transactionIndex", &quantity(log.transaction_index.into()))?;
        fields.serialize_field("logIndex", &quantity(log.index.into()))?;
        fields.serialize_field("removed", &false)?;
        fields.end()
    }
}

/// A block as it is told: what its header says.
pub struct BlockFacts {
    pub height: Height,
    pub id: Hash,
    pub parent: Hash,
    pub time_ms: u64,
    /// The merchant's address.
    pub proposer: Address,
    pub transactions_root: Hash,
    pub bytes: usize,
    pub transactions: Vec<Hash>,
}

impl BlockFacts {
    /// A block of the chain, of so many bytes.
    pub fn of(header: &Header, bytes: usize, transactions: Vec<Hash>) -> Self {
        Self {
            height: header.height,
            id: header.id(),
            parent: header.parent_hash,
            time_ms: header.time_ms,
            proposer: operator(header.proposer),
            transactions_root: header.transactions_root,
            bytes,
            transactions,
        }
    }

    /// The genesis, whose id is the chain id.
    pub const fn genesis(chain_id: Hash, time_ms: u64) -> Self {
        Self {
            height: Height(0),
            id: chain_id,
            parent: Hash::ZERO,
            time_ms,
            proposer: Address([0; 20]),
            transactions_root: Hash::ZERO,
            bytes: 0,
            transactions: Vec::new(),
        }
    }
}

/// Keccak-256 of an empty list in RLP: of no uncles.
static NO_UNCLES: LazyLock<String> = LazyLock::new(|| data(&keccak256([0xc0]).0));

/// A block.
pub fn block(facts: &BlockFacts) -> Value {
    let zero = data(&[0; 32]);
    let transactions: Vec<String> = facts.transactions.iter().map(|id| data(&id.0)).collect();
    json!({
        "number": quantity(facts.height.0),
        "hash": data(&facts.id.0),
        "parentHash": data(&facts.parent.0),
        "timestamp": quantity(facts.time_ms / 1_000),
        "miner": data(&facts.proposer.0),
        "transactionsRoot": data(&facts.transactions_root.0),
        "transactions": transactions,
        "size": quantity(facts.bytes as u64),
        // All bits are set: who trusts the filter passes no block over.
        "logsBloom": data(&[0xff; 256]),
        "sha3Uncles": *NO_UNCLES,
        "uncles": [],
        "stateRoot": zero,
        "receiptsRoot": zero,
        "mixHash": zero,
        "nonce": data(&[0; 8]),
        "extraData": "0x",
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "gasLimit": "0x0",
        "gasUsed": "0x0",
    })
}

/// What a proof says besides the slots: EIP-1186 without the account, for there is no trie of accounts.
pub fn proof(contract: &Address, height: Height, storage_root: &Hash, slots: Vec<Value>) -> Value {
    json!({
        "address": data(&contract.0),
        "accountProof": [],
        "balance": "0x0",
        "nonce": "0x0",
        "codeHash": data(&keccak256(CODE).0),
        "storageHash": data(&storage_root.0),
        "storageProof": slots,
        "blockNumber": quantity(height.0),
    })
}

/// A slot's value with its proof; the key comes back as it was given.
pub fn slot(key: &Value, proof: &StorageProof) -> Value {
    let nodes: Vec<String> = proof.nodes.iter().map(|node| data(node)).collect();
    json!({ "key": key, "value": wide_quantity(proof.value), "proof": nodes })
}

/// Bytes.
pub fn data(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// A number.
pub fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

fn wide_quantity(number: U256) -> String {
    format!("{number:#x}")
}

/// An address as EIP-55 writes it.
pub fn checksummed(address: &Address) -> String {
    alloy_primitives::Address::from(address.0).to_checksum(None)
}
