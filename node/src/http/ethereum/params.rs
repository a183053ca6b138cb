//! What calls say: numbers and bytes in hexadecimal, blocks by number, name or hash, filters of events.

use serde_json::{Map, Value};
use tally_contracts::types::{Address, Hash};

use super::RpcError;
use crate::query::erc1155::abi::Word;
use crate::query::erc1155::events::TopicFilter;

/// Topics of one position, or addresses, of a filter.
const MAX_CHOICES: usize = 1_000;

/// A block as a call names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockName {
    /// The head. Each block is final, so `safe` and `finalized` are the same; none is pending.
    Latest,
    /// By height; the genesis is 0.
    Number(u64),
    /// By id.
    Id(Hash),
}

/// Which events are asked for.
#[derive(Debug)]
pub struct LogFilter {
    /// The first block and the last, or one block alone.
    pub blocks: Result<(BlockName, BlockName), Hash>,
    /// Whose events; anyone's where there is none.
    pub addresses: Option<Vec<Address>>,
    /// Which of them; none where no event has so many topics.
    pub topics: Option<TopicFilter>,
}

/// A call's parameters, by position.
#[derive(Debug)]
pub struct Positions(Vec<Value>);

impl Positions {
    /// The parameters of a method that takes so many at most.
    pub fn read(params: Value, most: usize) -> Result<Self, RpcError> {
        let list = match params {
            Value::Null => Vec::new(),
            Value::Array(list) => list,
            _ => return Err(RpcError::params("`params` is a list, in the order of the method's parameters")),
        };
        if list.len() > most {
            return Err(RpcError::params(format!("there are {} parameters, the method takes {most}", list.len())));
        }
        Ok(Self(list))
    }

    /// The parameter at a position; null where it is left out.
    pub fn get(&self, at: usize) -> &Value {
        self.0.get(at).unwrap_or(&Value::Null)
    }
}

/// A number in hexadecimal.
pub fn quantity(value: &Value) -> Result<u64, RpcError> {
    let wrong = || RpcError::params(format!("{value} is no number such as \"0x1f\" of at most 64 bits"));
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(wrong)?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { Ok(0) } else { u64::from_str_radix(digits, 16).map_err(|_| wrong()) }
}

/// Bytes in hexadecimal.
pub fn bytes(value: &Value) -> Result<Vec<u8>, RpcError> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let decoded = digits.and_then(|digits| hex::decode(digits).ok());
    decoded.ok_or_else(|| RpcError::params(format!("{value} is no text of bytes such as \"0x00fdd58e\"")))
}

/// So many bytes.
fn exactly<const N: usize>(value: &Value) -> Result<[u8; N], RpcError> {
    let wrong = |found: Vec<u8>| RpcError::params(format!("{value} has {} bytes, not {N}", found.len()));
    bytes(value)?.try_into().map_err(wrong)
}

/// An address, in any case of letters.
pub fn address(value: &Value) -> Result<Address, RpcError> {
    exactly(value).map(Address)
}

/// A position in storage: 32 bytes, or a number.
pub fn slot(value: &Value) -> Result<Word, RpcError> {
    let wrong = || RpcError::params(format!("{value} is no storage key: give 32 bytes, or a number, in hexadecimal"));
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(wrong)?;
    if digits.is_empty() || digits.len() > 64 {
        return Err(wrong());
    }
    let mut word = [0; 32];
    hex::decode_to_slice(format!("{digits:0>64}"), &mut word).map_err(|_| wrong())?;
    Ok(word)
}

/// A block; the head's where none is named.
pub fn block(value: &Value) -> Result<BlockName, RpcError> {
    match value {
        Value::Null => Ok(BlockName::Latest),
        Value::Object(fields) => match (fields.get("blockNumber"), fields.get("blockHash")) {
            (Some(number), None) => block(number),
            (None, Some(hash)) => exactly(hash).map(|id| BlockName::Id(Hash(id))),
            _ => Err(RpcError::params("a block is named by `blockNumber` or `blockHash`, one of them")),
        },
        Value::String(name) => match name.as_str() {
            "latest" | "safe" | "finalized" | "pending" => Ok(BlockName::Latest),
            "earliest" => Ok(BlockName::Number(0)),
            _ => quantity(value).map(BlockName::Number),
        },
        _ => Err(RpcError::params(format!("{value} names no block: give a number such as \"0x1f\", or `latest`"))),
    }
}

/// A filter of events.
pub fn log_filter(value: &Value) -> Result<LogFilter, RpcError> {
    let Value::Object(fields) = value else { return Err(RpcError::params("a filter is an object")) };
    let known = ["fromBlock", "toBlock", "blockHash", "address", "topics"];
    if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(RpcError::params(format!("a filter has no `{unknown}`, only {}", known.join(", "))));
    }
    let addresses = choices(fields.get("address"), address)?;
    Ok(LogFilter { blocks: filter_blocks(fields)?, addresses, topics: topics(fields.get("topics"))? })
}

fn filter_blocks(fields: &Map<String, Value>) -> Result<Result<(BlockName, BlockName), Hash>, RpcError> {
    let named = |name| fields.get(name).unwrap_or(&Value::Null);
    match named("blockHash") {
        Value::Null => Ok(Ok((block(named("fromBlock"))?, block(named("toBlock"))?))),
        hash if named("fromBlock").is_null() && named("toBlock").is_null() => exactly(hash).map(|id| Err(Hash(id))),
        _ => Err(RpcError::params("a filter has `blockHash`, or `fromBlock` and `toBlock`, not both")),
    }
}

fn topics(value: Option<&Value>) -> Result<Option<TopicFilter>, RpcError> {
    let positions = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(positions)) => {
            positions.iter().map(|position| choices(Some(position), exactly::<32>)).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(RpcError::params("`topics` is a list: of a topic, of a list of topics, or null")),
    };
    Ok(TopicFilter::new(positions))
}

/// One of what a value lists, or what it is alone; anything where there is none.
fn choices<T>(value: Option<&Value>, read: impl Fn(&Value) -> Result<T, RpcError>) -> Result<Option<Vec<T>>, RpcError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        // An empty list stands for anything, as in Ethereum's own nodes.
        Some(Value::Array(list)) if list.is_empty() => Ok(None),
        Some(Value::Array(list)) if list.len() > MAX_CHOICES => {
            let reason = format!("a filter lists at most {MAX_CHOICES} choices, this one {}", list.len());
            Err(RpcError::params(reason))
        }
        Some(Value::Array(list)) => list.iter().map(read).collect::<Result<_, _>>().map(Some),
        Some(alone) => read(alone).map(|one| Some(vec![one])),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_and_nothing_else_is() {
        let cases = [("0x0", 0), ("0x1f", 31), ("0x00ff", 255), ("0xffffffffffffffff", u64::MAX)];
        for (text, number) in cases {
            assert_eq!(quantity(&json!(text)), Ok(number), "{text}");
        }
        for wrong in [json!("0x"), json!("31"), json!("0x+1"), json!("0x10000000000000000"), json!(31), json!(null)] {
            assert!(quantity(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_block_has_many_names() {
        for name in [json!("latest"), json!("safe"), json!("finalized"), json!("pending"), json!(null)] {
            assert_eq!(block(&name), Ok(BlockName::Latest), "{name}");
        }
        assert_eq!(block(&json!("earliest")), Ok(BlockName::Number(0)));
        assert_eq!(block(&json!({ "blockNumber": "0x5" })), Ok(BlockName::Number(5)));
        let id = format!("0x{}", "ab".repeat(32));
        let by_hash = json!({ "blockHash": id, "requireCanonical": true });
        assert_eq!(block(&by_hash), Ok(BlockName::Id(Hash([0xab; 32]))));
        for wrong in [json!("newest"), json!(5), json!({}), json!({ "blockNumber": "0x5", "blockHash": id })] {
            assert!(block(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_storage_key_is_a_word_or_a_number() {
        assert_eq!(slot(&json!("0x2")).map(|word| word[31]), Ok(2));
        assert_eq!(slot(&json!(format!("0x{}", "cd".repeat(32)))), Ok([0xcd; 32]));
        for wrong in [json!("0x"), json!(2), json!("0xzz"), json!(format!("0x{}", "0".repeat(65)))] {
            assert!(slot(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_filter_that_contradicts_itself_is_refused() {
        let word = format!("0x{}", "01".repeat(32));
        let good = json!({ "fromBlock": "0x1", "topics": [null, [word, word], word, []], "address": [] });
        let read = log_filter(&good).expect("a filter");
        assert_eq!(read.blocks, Ok((BlockName::Number(1), BlockName::Latest)));
        assert!(read.addresses.is_none() && read.topics.is_some());
        let many = log_filter(&json!({ "topics": [null, null, null, null, null] })).expect("a filter");
        assert!(many.topics.is_none(), "no event has five topics");
        let wrong = [
            json!([]),
            json!({ "blockHash": word, "fromBlock": "0x1" }),
            json!({ "topics": "0x01" }),
            json!({ "topics": ["0x01"] }),
            json!({ "address": "0x01" }),
            json!({ "adress": null }),
        ];
        for wrong in wrong {
            assert!(log_filter(&wrong).is_err(), "{wrong}");
        }
    }
}
