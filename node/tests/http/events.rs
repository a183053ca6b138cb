//! Events reach their client in the order of the chain, none is missed and none comes twice, whatever the connection does.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::node::{CLOCK_KEY, CONFIG, Event, Events, Node, genesis, key, now_ms, reference};
use crate::{enrol, height, set_clock};

const OPERATIONS: usize = 200;

#[test]
fn two_hundred_operations_reach_a_client_that_keeps_losing_its_connection() {
    let mut node = Node::prepare();
    node.start();
    let (mut seen, mut last): (Vec<Event>, Option<String>) = (Vec::new(), None);
    let mut submitted = 0;
    // Cut off after a few events, each time after another number; the node restarts in between, once.
    for round in 0_usize.. {
        for _ in 0..5.min(OPERATIONS - submitted) {
            submit(&node, submitted);
            submitted += 1;
        }
        if round == 20 {
            node.stop();
            node.start();
        }
        let mut events = node.events("?from_height=1", last.as_deref()).expect("a stream");
        for _ in 0..1 + round % 13 {
            let event = events.next().expect("the node runs");
            last = Some(event.id.clone());
            seen.push(event);
        }
        let told = seen.iter().filter(|event| event.name == "operation").count();
        if told >= OPERATIONS {
            break;
        }
    }
    let last = seen.last().expect("events").data["height"].as_u64().expect("a height");
    let chain: Vec<(String, Value)> = (1..=last).flat_map(|height| events_of(&node, height)).collect();
    let told: Vec<(String, Value)> = seen.iter().map(|event| (event.id.clone(), what_of(event))).collect();
    assert_eq!(told[..], chain[..told.len()]);
    assert_eq!(told.iter().filter(|(_, what)| what["operation"].is_object()).count(), OPERATIONS);
}

fn submit(node: &Node, number: usize) {
    let mut commitment = [0; 32];
    commitment[..8].copy_from_slice(&(number as u64).to_le_bytes());
    let body = json!({ "body": { "enrol": { "commitment": hex::encode(commitment) } } }).to_string();
    let key = reference().to_string();
    node.send("POST", "/v1/operations", &[("Idempotency-Key", &key)], body.as_bytes()).expect(202);
}

/// What an event says; of a block's own event the block alone.
fn what_of(event: &Event) -> Value {
    if event.name == "block" { event.data["block_id"].clone() } else { event.data.clone() }
}

/// The events that a block must lead to, from the block itself: no due work here, each operation that is no duplicate (a
/// node that was restarted may send an operation again), and the block.
fn events_of(node: &Node, height: u64) -> Vec<(String, Value)> {
    let block = node.get(&format!("/v1/blocks/{height}")).expect(200);
    let (mut events, mut count) = (Vec::new(), 0);
    for transaction in block["transactions"].as_array().expect("a list") {
        let signed = &transaction["transaction"];
        for (at, placed) in transaction["receipts"].as_array().expect("a list").iter().enumerate() {
            count += 1;
            if placed["receipt"]["outcome"]["duplicate"].is_object() {
                continue;
            }
            let operation = &signed["operations"][at];
            let kind = operation["body"].as_object().and_then(|body| body.keys().next()).expect("a kind");
            let event = json!({
                "height": height, "index": placed["index"], "time_ms": block["header"]["time_ms"],
                "transaction_id": transaction["transaction_id"], "merchant": signed["merchant"], "kind": kind,
                "operation": operation, "receipt": placed["receipt"],
            });
            events.push((format!("{height}-{}", placed["index"]), event));
        }
    }
    assert_eq!(block["due"], json!([]));
    events.push((format!("{height}-{count}"), block["block_id"].clone()));
    events
}

#[test]
fn filters_are_exact_and_what_they_cannot_serve_is_refused() {
    let mut node = Node::prepare();
    node.start();
    let (member, other) = (enrol(&node, 9), enrol(&node, 10));
    let issue = |member: &str| {
        let lines = json!([{ "category": 3, "amount_fen": "10000" }]);
        json!({ "issue": { "class": 1, "member": member, "lines": lines } })
    };
    node.submit(&reference(), issue(&member)).expect(200);
    node.submit(&reference(), issue(&other)).expect(200);
    let redeem = json!({ "redeem": { "class": 1, "member": member, "points": "100000" } });
    node.submit(&reference(), redeem).expect(422);
    let head = height(&node);

    let kinds = |query: &str| -> Vec<String> {
        let mut events = node.events(&format!("?from_height=1{query}"), None).expect("a stream");
        let events =
            std::iter::from_fn(|| events.next()).take_while(|event| event.data["height"].as_u64() <= Some(head));
        let operations = events.filter(|event| event.name == "operation");
        operations.map(|event| event.data["kind"].as_str().expect("a kind").to_owned()).collect()
    };
    assert_eq!(kinds(""), ["enrol", "enrol", "issue", "issue", "redeem"]);
    assert_eq!(kinds("&merchant=1&store_id=7"), ["enrol", "enrol", "issue", "issue", "redeem"]);
    assert_eq!(kinds("&merchant=0"), [""; 0]);
    assert_eq!(kinds("&kind=issue"), ["issue", "issue"]);
    assert_eq!(kinds(&format!("&member={member}")), ["enrol", "issue", "redeem"]);
    assert_eq!(kinds(&format!("&member={other}&kind=issue&merchant=1")), ["issue"]);

    let refused = |query: &str, last: Option<&str>, status: u16, code: &str| {
        let answer = node.events(query, last).err().unwrap_or_else(|| panic!("{query} {last:?} gave a stream"));
        assert_eq!(answer.expect(status)["code"], code, "{query} {last:?}");
    };
    refused("?kind=gift", None, 400, "invalid_parameter");
    refused("?merchant=9", None, 404, "not_found");
    refused("?store_id=7", None, 400, "invalid_parameter");
    refused("?merchant=1&store_id=8", None, 404, "not_found");
    refused("?class=1", None, 400, "invalid_parameter");
    refused("?from_height=0", None, 400, "invalid_parameter");
    refused("?from_height=99999999", None, 404, "height_ahead");
    let nobody = tally_contracts::types::Address([1; 20]);
    refused(&format!("?member={nobody}"), None, 404, "not_found");
    for malformed in ["", "7", "1-", "0-0", "01-0", "1-99"] {
        refused("", Some(malformed), 400, "last_event_id_invalid");
    }
    refused("?from_height=1", Some("99999999-0"), 409, "last_event_id_ahead");
    let post = node.send("POST", "/v1/events", &[], b"");
    assert_eq!(post.expect(405)["code"], "method_not_allowed");
}

#[test]
fn streams_are_bounded_outlive_the_time_of_a_request_and_end_with_the_node() {
    let config = format!("{CONFIG}[timeouts]\nrequest_ms = 1000\n");
    let mut node = Node::prepare_with(genesis(), &config);
    node.start();
    let open = || node.events("", None);
    let mut streams: Vec<Events> = (0..3).map(|_| open().expect("a stream")).collect();
    let answer = open().err().expect("no fourth stream");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.expect(429)["code"], "overloaded");
    streams.pop();
    let deadline = now_ms() + 20_000;
    while let Err(answer) = open() {
        assert!(now_ms() < deadline, "its place is not free: {}", answer.text());
        std::thread::sleep(Duration::from_millis(50));
    }

    let started_ms = now_ms();
    let mut blocks = BTreeSet::new();
    while now_ms() < started_ms + 2_500 {
        blocks.insert(streams[0].next_of("block").id);
    }
    assert!(blocks.len() > 2, "an idle chain is seen to live: {blocks:?}");
    let took = node.stop();
    assert!(took < Duration::from_secs(5), "it took {took:?} to stop");
    for mut stream in streams {
        while stream.next().is_some() {}
    }
}

#[test]
fn a_closed_cycle_is_told_before_the_operations_of_its_block() {
    let mut node = Node::prepare_simulated();
    node.start();
    let member = enrol(&node, 9);
    let mut events = node.events("?kind=redeem", None).expect("a stream");
    let time_ms = node.get("/v1/status").expect(200)["time_ms"].as_u64().expect("a time");
    set_clock(&node, time_ms + 40 * 86_400_000, &key(CLOCK_KEY));
    let closed = events.next_of("due");
    assert!(closed.id.ends_with("-0"), "{closed:?}");
    assert_eq!(closed.data["due"]["closed"]["cycle"], cycle_of(&node));
    let block = events.next_of("block");
    assert_eq!(block.data["operations"], 1, "{block:?}");
    let redeem = json!({ "redeem": { "class": 1, "member": member, "points": "5" } });
    node.submit(&reference(), redeem).expect(422);
    assert_eq!(events.next_of("operation").data["receipt"]["outcome"]["rejected"], "insufficient_points");
}

fn cycle_of(node: &Node) -> Value {
    node.get("/v1/settlements").expect(200)["items"][0]["cycle"].clone()
}
