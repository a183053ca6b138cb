//! The ledger as programs of Ethereum see it: balances, events and proofs of a contract of ERC-1155, to be read only.

use std::time::Duration;

use serde_json::{Value, json};
use tally_contracts::types::{Address, ClassId, DAY_MS, Hash};
use tally_ledger::roots::erc1155::balance_slot;
use tally_ledger::roots::trie::StorageProof;

use crate::node::{Answer, CLOCK_KEY, Node, TOKEN, key, reference};
use crate::{enrol, height, set_clock};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

fn post(node: &Node, body: &Value) -> Answer {
    node.send("POST", "/ethereum", &JSON, body.to_string().as_bytes())
}

fn rpc(node: &Node, method: &str, params: Value) -> Value {
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let answer = post(node, &call).expect(200);
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)));
    answer
}

fn result(node: &Node, method: &str, params: Value) -> Value {
    let answer = rpc(node, method, params);
    assert!(answer.get("error").is_none(), "{answer}");
    answer["result"].clone()
}

fn error(node: &Node, method: &str, params: Value) -> (i64, String) {
    let answer = rpc(node, method, params);
    assert!(answer.get("result").is_none(), "{answer}");
    let message = answer["error"]["message"].as_str().expect("a message");
    (answer["error"]["code"].as_i64().expect("a code"), message.to_owned())
}

/// A word of a call's data: an address or a number, in hexadecimal.
fn word(hex: &str) -> String {
    format!("{:0>64}", hex.trim_start_matches("0x").to_lowercase())
}

fn number(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("a number in hexadecimal");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { 0 } else { u64::from_str_radix(digits, 16).expect("a number of 64 bits") }
}

/// A node with two members, of whom the first has given to the second.
struct Scene {
    node: Node,
    contract: Value,
    /// The members' addresses in hexadecimal.
    holders: [String; 2],
    cards: [String; 2],
}

impl Scene {
    fn new() -> Self {
        let mut node = Node::prepare_simulated();
        node.start();
        let cards = [9, 10].map(|number| enrol(&node, number));
        let lines = json!([{ "category": 3, "amount_fen": "10000" }]);
        for class in [1, 2] {
            let issue = json!({ "class": class, "member": cards[0], "lines": lines });
            node.submit(&reference(), json!({ "issue": issue })).expect(200);
        }
        let gift = json!({ "class": 1, "from": cards[0], "to": cards[1], "points": "30" });
        node.submit(&reference(), json!({ "transfer": gift })).expect(200);
        let holder = |card: &String| {
            let view = node.get(&format!("/v1/erc1155?member={card}")).expect(200);
            view["holder"].as_str().expect("an address").to_owned()
        };
        let holders = [holder(&cards[0]), holder(&cards[1])];
        let contract = node.get("/v1/erc1155").expect(200);
        Self { node, contract, holders, cards }
    }

    fn to(&self) -> &Value {
        &self.contract["contract"]
    }

    fn balance(&self, holder: usize, class: u32, block: Value) -> u64 {
        let data = format!("0x00fdd58e{}{}", word(&self.holders[holder]), word(&format!("{class:x}")));
        number(&result(&self.node, "eth_call", json!([{ "to": self.to(), "data": data }, block])))
    }
}

#[test]
fn a_client_of_ethereum_reads_balances_and_events() {
    let scene = Scene::new();
    let Scene { node, contract, holders, cards } = &scene;
    let address: Address = cards[0].parse().expect("a card code");
    assert_eq!(holders[0].to_lowercase(), format!("0x{}", hex::encode(address.0)));
    assert_eq!(number(&result(node, "eth_chainId", json!([]))), contract["chain_number"]);
    assert_eq!(result(node, "net_version", json!([])), contract["chain_number"].to_string());
    assert_eq!(result(node, "eth_getCode", json!([scene.to(), "latest"])), "0xfe");
    assert_eq!(result(node, "eth_getCode", json!([holders[0], "latest"])), "0x");
    assert!(number(&result(node, "eth_blockNumber", json!([]))) >= 4);

    let now = json!("latest");
    let balances = [(0, 1), (1, 1), (0, 2), (1, 2), (0, 9)].map(|(of, class)| scene.balance(of, class, now.clone()));
    assert_eq!(balances, [70, 30, 100, 0, 0]);
    assert_eq!(scene.balance(0, 1, json!("earliest")), 0);
    let everything = json!([{ "address": scene.to(), "fromBlock": "0x0", "toBlock": "latest" }]);
    let logs = result(node, "eth_getLogs", everything);
    let told: Vec<u64> = logs
        .as_array()
        .expect("a list")
        .iter()
        .map(|log| {
            let data = log["data"].as_str().expect("data");
            number(&json!(format!("0x{}", &data[66..])))
        })
        .collect();
    assert_eq!(told, [100, 100, 30], "{logs}");
    let gift = &logs[2];
    assert_eq!(gift["topics"][2], format!("0x{}", word(&holders[0])));
    assert_eq!(gift["topics"][3], format!("0x{}", word(&holders[1])));
    assert_eq!(gift["topics"][1], format!("0x{}", word("1")), "merchant 1 submitted it");
    let before = json!({ "blockNumber": format!("{:#x}", number(&gift["blockNumber"]) - 1) });
    assert_eq!(scene.balance(1, 1, before), 0, "as of the block before");

    let block = result(node, "eth_getBlockByHash", json!([gift["blockHash"], false]));
    assert_eq!((&block["number"], &block["transactions"][0]), (&gift["blockNumber"], &gift["transactionHash"]));
    let own = node.get(&format!("/v1/blocks/{}", number(&block["number"]))).expect(200);
    assert_eq!(block["hash"], format!("0x{}", own["block_id"].as_str().expect("an id")));
    assert_eq!(number(&block["timestamp"]), own["header"]["time_ms"].as_u64().expect("a time") / 1_000);
    assert_eq!(block["logsBloom"].as_str().map(str::len), Some(2 + 512));
    let parent = result(node, "eth_getBlockByHash", json!([block["parentHash"], false]));
    assert_eq!(number(&parent["number"]), number(&block["number"]) - 1);
    let alone = json!([{ "blockHash": gift["blockHash"], "topics": [null, null, format!("0x{}", word(&holders[0]))] }]);
    assert_eq!(result(node, "eth_getLogs", alone), json!([gift]));
    let genesis = result(node, "eth_getBlockByNumber", json!(["0x0", false]));
    let first = result(node, "eth_getBlockByNumber", json!(["0x1", false]));
    assert_eq!(first["parentHash"], genesis["hash"]);
    assert_eq!(result(node, "eth_getBlockByNumber", json!(["0xffffff", false])), Value::Null);
}

#[test]
fn nothing_is_written_and_what_is_wrong_is_named() {
    let scene = Scene::new();
    let node = &scene.node;
    for method in ["eth_sendRawTransaction", "eth_sendTransaction", "personal_sign", "eth_sign"] {
        let (code, message) = error(node, method, json!(["0x00"]));
        assert_eq!(code, -32_004, "{message}");
        assert!(message.contains("POST /v1/operations"), "{message}");
    }
    let (code, message) = error(node, "eth_getTransactionReceipt", json!([]));
    assert_eq!((code, message.contains("eth_getLogs")), (-32_601, true), "{message}");

    let approve = format!("0xa22cb465{}{}", word(&scene.holders[1]), word("1"));
    let refused = rpc(node, "eth_call", json!([{ "to": scene.to(), "data": approve }, "latest"]));
    assert_eq!(refused["error"]["code"], 3);
    let data = refused["error"]["data"].as_str().expect("data");
    assert!(data.starts_with("0x08c379a0"), "{refused}");
    let reason = hex::decode(&data[2..]).expect("bytes");
    assert!(String::from_utf8_lossy(&reason).contains("POST /v1/operations"));

    let wrong = [
        ("eth_call", json!([{ "data": "0x00fdd58e" }, "latest"]), -32_602),
        ("eth_call", json!([{ "to": scene.to(), "data": "0x0" }, "latest"]), -32_602),
        ("eth_call", json!([{ "to": scene.to() }, "0xffffff"]), -32_001),
        ("eth_call", json!("latest"), -32_602),
        ("eth_getLogs", json!([{ "fromBlock": "0x2", "toBlock": "0x1" }]), -32_602),
        ("eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": "0xffffff" }]), -32_001),
        ("eth_getBlockByNumber", json!(["latest", true]), -32_602),
        ("eth_chainId", json!([1]), -32_602),
        ("eth_getProof", json!([scene.holders[0], [], "latest"]), -32_602),
        ("eth_getProof", json!([scene.to(), ["0x2"], "0x1"]), -32_001),
    ];
    for (method, params, code) in wrong {
        let (found, message) = error(node, method, params.clone());
        assert_eq!(found, code, "{method} {params}: {message}");
    }
}

#[test]
fn calls_come_alone_or_in_batches_and_with_a_token() {
    let mut node = Node::prepare();
    node.start();
    let call = |id: Value| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" });
    let answers = post(&node, &json!([call(json!(1)), call(json!("b")), { "jsonrpc": "2.0" }, 5])).expect(200);
    let ids: Vec<&Value> = answers.as_array().expect("a list").iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!("b"), &Value::Null, &Value::Null]);
    assert_eq!(answers[0]["result"], answers[1]["result"]);
    assert_eq!((&answers[2]["error"]["code"], &answers[3]["error"]["code"]), (&json!(-32_600), &json!(-32_600)));

    let many = post(&node, &json!(vec![call(json!(1)); 101])).expect(200);
    assert_eq!(many["error"]["code"], -32_600);
    assert_eq!(node.send("POST", "/ethereum", &JSON, b"{").expect(200)["error"]["code"], -32_700);
    let notice = json!({ "jsonrpc": "2.0", "method": "eth_chainId" });
    assert_eq!(post(&node, &notice).status, 204, "nobody asked for an answer");
    assert_eq!(node.send("POST", "/ethereum", &[("Content-Type", "text/plain")], b"{}").status, 415);

    let body = call(json!(1)).to_string();
    let plain = |path: &str| node.send_plain("POST", path, &JSON, body.as_bytes());
    assert_eq!(plain("/ethereum").expect(401)["code"], "unauthorized");
    assert_eq!(plain("/ethereum/guessed").expect(401)["code"], "unauthorized");
    assert_eq!(plain(&format!("/ethereum/{TOKEN}")).expect(200)["result"], answers[0]["result"]);
    assert_eq!(node.get("/ethereum").expect(405)["code"], "method_not_allowed");
}

#[test]
fn balances_are_proved_at_checkpoints() {
    let scene = Scene::new();
    let Scene { node, cards, .. } = &scene;
    let address: Address = cards[0].parse().expect("a card code");
    let slots = [balance_slot(&address, ClassId(1)), balance_slot(&address, ClassId(9))];
    let keys = slots.map(|slot| format!("0x{}", hex::encode(slot)));
    let ask = |block: Value| json!([scene.to(), keys, block]);
    assert_eq!(error(node, "eth_getProof", ask(json!("latest"))).0, -32_001, "no checkpoint so far");

    let time_ms = node.get("/v1/status").expect(200)["time_ms"].as_u64().expect("a time");
    set_clock(node, time_ms + DAY_MS, &key(CLOCK_KEY));
    let checkpoint = height(node);
    let mut tries = 0;
    while node.get("/v1/erc1155").expect(200)["proof_heights"] != json!([checkpoint]) {
        tries += 1;
        assert!(tries < 1_000, "the checkpoint at {checkpoint} is not worked out");
        std::thread::sleep(Duration::from_millis(10));
    }
    let spent = json!({ "redeem": { "class": 1, "member": cards[0], "points": "5" } });
    node.submit(&reference(), spent).expect(200);
    assert_eq!(scene.balance(0, 1, json!("latest")), 65);

    let proved = result(node, "eth_getProof", ask(json!("latest")));
    assert_eq!(number(&proved["blockNumber"]), checkpoint);
    assert_eq!(result(node, "eth_getProof", ask(proved["blockNumber"].clone())), proved);
    let bytes = |value: &Value| hex::decode(&value.as_str().expect("bytes")[2..]).expect("hexadecimal");
    let root = Hash(bytes(&proved["storageHash"]).try_into().expect("a hash"));
    for (at, points) in [(0, 70), (1, 0)] {
        let told = &proved["storageProof"][at];
        assert_eq!((&told["key"], number(&told["value"])), (&json!(keys[at]), points));
        let nodes = told["proof"].as_array().expect("nodes").iter().map(|node| bytes(node).into()).collect();
        let proof = StorageProof { slot: slots[at], value: alloy_primitives::U256::from(points), nodes };
        assert_eq!(proof.verify(&root), Ok(()), "{points}");
    }
    let (_, message) = error(node, "eth_getProof", ask(json!("0x1")));
    assert!(message.contains(&format!("{checkpoint:#x}")), "{message}");
}
