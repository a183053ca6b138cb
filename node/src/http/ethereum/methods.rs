//! The methods: what reads the chain is answered, what would write is refused by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tally_contracts::points::holdings_of;
use tally_contracts::types::{Address, Height};
use tally_ledger::block::Block;

use super::RpcError;
use super::params::{self, BlockName, LogFilter, Positions};
use super::views::{self, Answer, BlockFacts, LogView};
use crate::keeper::Kept;
use crate::query::Snapshot;
use crate::query::erc1155::events::{BlockLogs, TopicFilter, heights, next_block, transaction_hashes};
use crate::query::erc1155::{CODE, Contract, call};
use crate::replica::Replica;

/// Events of one request, all its calls together; the last block is told whole.
const MAX_LOGS: usize = 10_000;
/// Movements that one request looks at, as above.
const MAX_MOVEMENTS: usize = 100_000;
/// Blocks that one request looks at.
const MAX_BLOCKS: usize = 10_000;
/// Storage keys that one request gets proofs for.
const MAX_SLOTS: usize = 100;

/// The methods that there are.
const METHODS: [&str; 15] = [
    "eth_chainId",
    "net_version",
    "web3_clientVersion",
    "eth_syncing",
    "eth_accounts",
    "eth_blockNumber",
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getCode",
    "eth_getBalance",
    "eth_call",
    "eth_getLogs",
    "eth_getProof",
    "net_listening",
    "eth_getTransactionCount",
];

/// What writing methods begin with.
const WRITING: [&str; 9] = [
    "eth_send",
    "eth_sign",
    "eth_fillTransaction",
    "eth_estimateGas",
    "personal_",
    "wallet_",
    "miner_",
    "admin_",
    "clique_",
];

type Outcome = Result<Answer, RpcError>;

/// The calls of one request, and what they have cost so far.
pub struct Session<'a> {
    replica: &'a Replica,
    contract: Contract,
    spent: Spent,
}

#[derive(Default)]
struct Spent {
    blocks: usize,
    movements: usize,
    logs: usize,
    slots: usize,
}

impl<'a> Session<'a> {
    pub fn new(replica: &'a Replica) -> Self {
        let contract = Contract::of(replica.chain().chain_id());
        Self { replica, contract, spent: Spent::default() }
    }

    /// Answers one call.
    pub fn call(&mut self, method: &str, params: Value) -> Outcome {
        match method {
            "eth_chainId" => self.constant(params, views::quantity(self.contract.chain_number)),
            "net_version" => self.constant(params, self.contract.chain_number.to_string()),
            "web3_clientVersion" => self.constant(params, concat!("tallyd/", env!("CARGO_PKG_VERSION"))),
            "eth_syncing" => self.constant(params, false),
            "net_listening" => self.constant(params, true),
            "eth_accounts" => self.constant(params, json!([])),
            "eth_blockNumber" => self.constant(params, views::quantity(self.replica.head().height.0)),
            "eth_getBlockByNumber" => self.block_by_number(&Positions::read(params, 2)?),
            "eth_getBlockByHash" => self.block_by_hash(&Positions::read(params, 2)?),
            "eth_getCode" => self.code(&Positions::read(params, 2)?),
            "eth_getBalance" | "eth_getTransactionCount" => self.nothing(&Positions::read(params, 2)?),
            "eth_call" => self.contract_call(&Positions::read(params, 4)?),
            "eth_getLogs" => self.logs(&Positions::read(params, 1)?),
            "eth_getProof" => self.proof(&Positions::read(params, 3)?),
            _ => Err(unknown(method)),
        }
    }

    fn constant(&self, params: Value, value: impl Into<Value>) -> Outcome {
        Positions::read(params, 0).map(|_| Answer::Value(value.into()))
    }

    /// State at the head; nothing of the replica may be called within.
    fn read<T>(&self, question: impl FnOnce(&Snapshot<'_>) -> T) -> T {
        let genesis = self.replica.chain().genesis();
        self.replica.read(|view| question(&Snapshot { head: view.head, store: view.store, genesis }))
    }

    fn block_by_number(&self, params: &Positions) -> Outcome {
        self.block(params::block(params.get(0))?, params.get(1))
    }

    fn block_by_hash(&self, params: &Positions) -> Outcome {
        let name = json!({ "blockHash": params.get(0) });
        self.block(params::block(&name)?, params.get(1))
    }

    /// A block; null where there is none, as clients expect.
    fn block(&self, name: BlockName, whole: &Value) -> Outcome {
        if whole.as_bool().unwrap_or(false) {
            let reason = "transactions are told by their hashes: ask with `false`, and for what they hold with \
                          GET /v1/blocks/{height}";
            return Err(RpcError::params(reason));
        }
        let Some(height) = self.find(name) else { return Ok(Value::Null.into()) };
        let chain = self.replica.chain();
        if height == Height(0) {
            return Ok(views::block(&BlockFacts::genesis(*chain.chain_id(), chain.genesis().time_ms)).into());
        }
        let unreadable = || RpcError::new(RpcError::INTERNAL, format!("block {height} cannot be read"));
        let (bytes, _) = self.replica.committed(height).ok_or_else(unreadable)?;
        let header = Block::decode(&bytes).map_err(|_| unreadable())?.header;
        let transactions = self.read(|snapshot| transaction_hashes(snapshot, height, header.id()));
        Ok(views::block(&BlockFacts::of(&header, bytes.len(), transactions)).into())
    }

    /// The height of a block up to the head.
    fn find(&self, name: BlockName) -> Option<Height> {
        let head = self.replica.head().height;
        match name {
            BlockName::Latest => Some(head),
            BlockName::Number(number) => Some(Height(number)).filter(|height| *height <= head),
            BlockName::Id(id) if id == *self.replica.chain().chain_id() => Some(Height(0)),
            BlockName::Id(id) => self.replica.height_of(&id).filter(|height| *height <= head),
        }
    }

    /// The same, for questions that need the block.
    fn require(&self, name: BlockName) -> Result<Height, RpcError> {
        self.find(name).ok_or_else(|| {
            let what = match name {
                BlockName::Number(number) => format!("block {number} is ahead of this node, which stands at"),
                BlockName::Latest | BlockName::Id(_) => "this node has no block of that hash; it stands at".to_owned(),
            };
            RpcError::new(RpcError::MISSING, format!("{what} {}", self.replica.head().height))
        })
    }

    fn code(&self, params: &Positions) -> Outcome {
        self.require(params::block(params.get(1))?)?;
        let is_contract = params::address(params.get(0))? == self.contract.address;
        Ok(Value::from(views::data(if is_contract { &CODE } else { &[] })).into())
    }

    /// There is no ether, and nobody sends transactions as an account.
    fn nothing(&self, params: &Positions) -> Outcome {
        params::address(params.get(0))?;
        self.require(params::block(params.get(1))?)?;
        Ok(Value::from(views::quantity(0)).into())
    }

    fn contract_call(&self, params: &Positions) -> Outcome {
        let Value::Object(fields) = params.get(0) else {
            return Err(RpcError::params("eth_call takes an object with `to` and `data`, and a block"));
        };
        if !params.get(2).is_null() || !params.get(3).is_null() {
            return Err(RpcError::params("state and blocks are as they are: leave the overrides out"));
        }
        let field = |name| fields.get(name).filter(|value| !value.is_null());
        let to = field("to").map(params::address).transpose()?.ok_or_else(|| {
            let contract = views::checksummed(&self.contract.address);
            RpcError::params(format!("no code is run here: call the contract, `to` {contract}"))
        })?;
        let data = match (field("input"), field("data")) {
            (Some(input), Some(data)) if input != data => {
                return Err(RpcError::params("`input` and `data` differ: give one of them"));
            }
            (Some(data), _) | (None, Some(data)) => params::bytes(data)?,
            (None, None) => Vec::new(),
        };
        let height = self.require(params::block(params.get(1))?)?;
        if to != self.contract.address {
            // As of any account without code.
            return Ok(Value::from("0x").into());
        }
        match self.read(|snapshot| call::call(snapshot, height, &data)) {
            Ok(answer) => Ok(Value::from(views::data(&answer)).into()),
            Err(revert) => {
                let data = Some(views::data(&revert.data()));
                Err(RpcError { data, ..RpcError::new(RpcError::REVERTED, revert) })
            }
        }
    }

    fn logs(&mut self, params: &Positions) -> Outcome {
        let LogFilter { blocks, addresses, topics } = params::log_filter(params.get(0))?;
        let (from, to) = match blocks {
            Ok((from, to)) => (self.require(from)?, self.require(to)?),
            Err(id) => {
                let height = self.require(BlockName::Id(id))?;
                (height, height)
            }
        };
        if from > to {
            return Err(RpcError::params(format!("fromBlock {from} lies after toBlock {to}")));
        }
        let is_ours = addresses.is_none_or(|addresses| addresses.contains(&self.contract.address));
        match topics.filter(|_| is_ours) {
            Some(topics) => self.walk((from, to), &topics).map(Answer::Logs),
            None => Ok(Answer::Logs(Vec::new())),
        }
    }

    /// The events from one block to another. State is let go after each, for the next block of the chain may be
    /// waiting.
    fn walk(&mut self, (from, to): (Height, Height), topics: &TopicFilter) -> Result<Vec<LogView>, RpcError> {
        let mut heights = topics.members().map(|members| self.heights(&members, (from, to))).transpose()?;
        let (mut found, mut next) = (Vec::new(), from);
        loop {
            let range = match &mut heights {
                Some(heights) => heights.pop_first().map(|height| (height, height)),
                None => Some((next, to)),
            };
            let Some(range) = range else { break };
            let block = self.read(|snapshot| next_block(snapshot, range, topics));
            let Some(BlockLogs { height, block_id, movements, logs }) = block else { break };
            self.spent.add(height, movements, logs.len())?;
            let contract = self.contract.address;
            found.extend(logs.into_iter().map(|log| LogView { contract, height, block_id, log }));
            next = height.next();
        }
        Ok(found)
    }

    /// The blocks from one to another that moved points of these members.
    fn heights(&self, members: &[Address], (from, to): (Height, Height)) -> Result<BTreeSet<Height>, RpcError> {
        let mut found = BTreeSet::new();
        for member in members {
            let holdings = self.read(|snapshot| holdings_of(snapshot.store, member, to));
            for owner in holdings.into_iter().map(|(class, _)| (*member, class)) {
                let mut up_to = Some(to);
                while let Some(to) = up_to {
                    let (heights, next) = self.read(|snapshot| heights(snapshot, &owner, (from, to)));
                    found.extend(heights);
                    up_to = next;
                    if found.len() > MAX_BLOCKS {
                        let reason =
                            format!("these members' points moved in more than {MAX_BLOCKS} blocks: narrow the range");
                        return Err(RpcError::new(RpcError::LIMIT, reason));
                    }
                }
            }
        }
        Ok(found)
    }

    fn proof(&mut self, params: &Positions) -> Outcome {
        let address = params::address(params.get(0))?;
        let Value::Array(keys) = params.get(1) else {
            return Err(RpcError::params("eth_getProof takes an address, a list of storage keys, and a block"));
        };
        self.spent.slots += keys.len();
        if self.spent.slots > MAX_SLOTS {
            let reason = format!("a request gets proofs for {MAX_SLOTS} storage keys: ask in parts");
            return Err(RpcError::new(RpcError::LIMIT, reason));
        }
        if address != self.contract.address {
            let contract = views::checksummed(&self.contract.address);
            let reason = format!("there is no trie of accounts, and no storage but that of {contract}");
            return Err(RpcError::params(reason));
        }
        let kept = self.kept(params::block(params.get(2))?)?;
        let prove = |key: &Value| {
            let proof = kept.slot(params::slot(key)?);
            let proof = proof.ok_or_else(|| RpcError::new(RpcError::INTERNAL, "the node is stopping, ask again"))?;
            Ok(views::slot(key, &proof))
        };
        let slots = keys.iter().map(prove).collect::<Result<_, RpcError>>()?;
        Ok(views::proof(&address, kept.height, &kept.roots.erc1155_root, slots).into())
    }

    /// The checkpoint of a block; the latest one of `latest`.
    fn kept(&self, name: BlockName) -> Result<Arc<Kept>, RpcError> {
        let keeper = self.replica.keeper();
        let heights = keeper.map(|keeper| keeper.heights()).unwrap_or_default();
        let height = match name {
            BlockName::Latest => heights.last().copied(),
            BlockName::Number(_) | BlockName::Id(_) => Some(self.require(name)?),
        };
        let kept = keeper.zip(height).and_then(|(keeper, height)| keeper.at(height));
        kept.ok_or_else(|| {
            let heights: Vec<String> = heights.iter().map(|height| views::quantity(height.0)).collect();
            let there = match heights[..] {
                [] => "none so far".to_owned(),
                _ => heights.join(" and "),
            };
            let reason =
                format!("proofs are of the last checkpoints that this node keeps: {there}; or ask for `latest`");
            RpcError::new(RpcError::MISSING, reason)
        })
    }
}

impl Spent {
    /// Counts one more block, with what was looked at and found in it, if there is room: the first is told whatever it
    /// holds.
    fn add(&mut self, height: Height, movements: usize, logs: usize) -> Result<(), RpcError> {
        let has_room = self.blocks < MAX_BLOCKS && self.movements < MAX_MOVEMENTS && self.logs + logs <= MAX_LOGS;
        if self.blocks > 0 && !has_room {
            let reason = format!(
                "a request gets {MAX_LOGS} events, and looks at {MAX_MOVEMENTS} movements and {MAX_BLOCKS} blocks that \
                 have any: narrow the range, or ask alone; there was room before block {:#x}",
                height.0
            );
            return Err(RpcError::new(RpcError::LIMIT, reason));
        }
        self.blocks += 1;
        self.movements += movements;
        self.logs += logs;
        Ok(())
    }
}

/// Why a method is not there.
fn unknown(method: &str) -> RpcError {
    if WRITING.iter().any(|start| method.starts_with(start)) {
        let reason = "this endpoint reads only, and no key is held here: points move by operations, which merchants \
                      submit with POST /v1/operations, with the member's own authorization";
        return RpcError::new(RpcError::UNSUPPORTED, format!("{method}: {reason}"));
    }
    let name: String = method.chars().take(64).collect();
    RpcError::new(RpcError::METHOD, format!("there is no method `{name}`, only {}", METHODS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_room_for_one_block_whatever_it_holds_and_not_for_ever_more() {
        let mut spent = Spent::default();
        assert_eq!(spent.add(Height(5), 10 * MAX_MOVEMENTS, 10 * MAX_LOGS), Ok(()));
        let full = spent.add(Height(9), 1, 0).expect_err("there is no room");
        assert_eq!(full.code, RpcError::LIMIT);
        assert!(full.message.contains("0x9"), "{}", full.message);
        let mut spent = Spent::default();
        for height in 0..MAX_BLOCKS as u64 {
            assert_eq!(spent.add(Height(height), 1, 1), Ok(()));
        }
        assert!(spent.add(Height(MAX_BLOCKS as u64), 1, 1).is_err());
    }

    #[test]
    fn what_would_write_is_refused_by_name() {
        for method in
            ["eth_sendTransaction", "eth_signTypedData_v4", "personal_unlockAccount", "wallet_addEthereumChain"]
        {
            assert_eq!(unknown(method).code, RpcError::UNSUPPORTED, "{method}");
        }
        assert_eq!(unknown("eth_getUncleCount").code, RpcError::METHOD);
        assert!(unknown(&"x".repeat(10_000)).message.len() < 1_000);
    }
}
