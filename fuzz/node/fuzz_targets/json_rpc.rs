//! Bodies of Ethereum's JSON-RPC, asked of a node with a few blocks. No panic; each call that asks for an answer gets
//! one under its own id, with a result or an error and never both. An odd first byte makes a call of a known method of
//! the rest.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tally_contracts::types::Hash;
use tally_fuzz::alliance::Alliance;
use tally_fuzz::world::Start;
use tally_node::http::answer_ethereum;
use tally_node::query::index::index_writes;
use tally_node::replica::{Replica, ReplicaOptions};

const METHODS: [&str; 10] = [
    "eth_blockNumber",
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getCode",
    "eth_getBalance",
    "eth_call",
    "eth_getLogs",
    "eth_getProof",
    "eth_getTransactionCount",
    "eth_sendRawTransaction",
];

static REPLICA: LazyLock<Replica> = LazyLock::new(|| {
    let alliance = Alliance::start(Start::Real);
    let dir = std::env::temp_dir().join(format!("tally-fuzz-json-rpc-{}", std::process::id()));
    let mut options = ReplicaOptions::new(dir, alliance.chain.clone());
    options.index = index_writes;
    let replica = Replica::open(options).expect("an empty directory holds a chain's start");
    for (block, certificate) in &alliance.blocks {
        let id: Hash = replica.store_block(&block.encode().into()).expect("the disk works");
        assert_eq!(id, certificate.block_id);
        replica.commit(certificate.clone()).expect("an honest block is executed");
    }
    replica
});

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let body = if first % 2 == 0 {
        rest.to_vec()
    } else {
        let Ok(params) = serde_json::from_slice::<Value>(rest) else { return };
        let method = METHODS[usize::from(first >> 1) % METHODS.len()];
        json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string().into_bytes()
    };
    let answered = answer_ethereum(&body, &REPLICA);
    match (serde_json::from_slice(&body).ok(), answered) {
        (Some(Value::Array(calls)), Some(Value::Array(answers))) => {
            assert!(!answers.is_empty() && answers.len() <= calls.len(), "an answer a call");
            answers.iter().for_each(check);
        }
        (asked, Some(answer)) => {
            check(&answer);
            let id = asked.as_ref().and_then(|asked| asked.get("id")).unwrap_or(&Value::Null);
            assert!(answer["id"] == *id || answer["id"].is_null(), "the answer to another call: {answer}");
        }
        (asked, None) => assert!(asked.is_some(), "what is no JSON is refused"),
    }
});

fn check(answer: &Value) {
    assert_eq!(answer["jsonrpc"], "2.0");
    assert!(answer.get("result").is_some() != answer.get("error").is_some(), "a result or an error: {answer}");
}
