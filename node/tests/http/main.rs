//! The HTTP interface of a real `tallyd`, from a client's side.

mod dry_run;
mod ethereum;
mod events;
mod node;
mod reads;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use node::{Node, key, now_ms, reference};
use serde_json::{Value, json};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::governance::SetClock;
use tally_contracts::settlement::ConfirmLeg;
use tally_contracts::transaction::{Body, Operation, Transaction};
use tally_contracts::types::{Fen, MerchantId, Month};

#[test]
fn a_configuration_that_is_wrong_is_refused_with_its_key_and_what_to_do() {
    let node = Node::prepare();
    assert_eq!(node.check(), (true, String::new()));
    let config = node.dir.path().join("node.toml");
    let text = fs::read_to_string(&config).expect("read");
    let said_of = |text: &str| {
        fs::write(&config, text).expect("written");
        let (ok, said) = node.check();
        assert!(!ok, "accepted: {text}");
        said
    };
    assert!(said_of(&text.replace("merchant = 1", "merchant = 1\nmercahnt = 2")).contains("mercahnt"));
    assert!(said_of(&text.replace("operator.key", "validator.key")).contains("holds a validator key"));
    assert!(said_of(&text.replace("request_bytes = 10000", "request_bytes = 0")).contains("limits.request_bytes"));
    assert!(said_of(&text.replace("genesis.json", "nothing.json")).contains("genesis: cannot read"));
    let validator = node.dir.path().join("validator.key");
    fs::set_permissions(&validator, Permissions::from_mode(0o640)).expect("set");
    assert!(said_of(&text).contains("chmod 600"));
}

#[test]
fn operators_outside_are_told_of_and_hold_up_nothing() {
    // Nobody listens on port 1.
    let witness = "witness.one.example+4093f9d9+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
    let anchors = format!("[[anchors.witnesses]]\nname = \"w1\"\nurl = \"http://127.0.0.1:1\"\nkey = \"{witness}\"\n");
    let mut node = Node::prepare_with(node::genesis(), &format!("{}{anchors}", node::CONFIG));
    node.start();
    // Whether its first block is there already, it is told either way.
    let ready = node.send_plain("GET", "/readyz", &[], b"").json();
    assert_eq!(ready["anchors"], json!([{ "operator": "w1", "height": null, "lag_ms": null, "queued": 0 }]));
    let metrics = node.send_plain("GET", "/metrics", &[], b"").text();
    for line in ["tally_anchor_queue{operator=\"w1\"} 0", "tally_anchor_forks_total{operator=\"w1\"} 0"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(node.stop() < Duration::from_secs(5));
}

#[test]
fn a_client_walks_through_the_interface() {
    let mut node = Node::prepare();
    node.start();
    let member = enrol(&node, 9);
    let before = height(&node);
    let issue = json!({ "issue": { "class": 1, "member": member, "lines": [
        { "category": 3, "amount_fen": "10000" }, { "category": 4, "amount_fen": "2850" },
    ] } });
    let key = reference();
    let issued = node.submit(&key, issue.clone()).expect(200);
    assert_eq!(issued["receipt"]["outcome"]["applied"]["issued"]["points"], "128");

    the_same_key_gets_the_same_answer(&node, &key.to_string(), &issue, &issued);
    balances_and_statement_tell_it(&node, &member, before, &issued);
    what_lacks_points_is_refused_in_both_languages(&node, &member);
    the_chain_can_be_read(&node, &issued);
    operations_and_day_totals_are_listed(&node, &key.to_string());
    a_bulk_is_answered_line_by_line(&node, &member);
    a_list_comes_in_pages_that_end_within_a_transaction(&node, &member);
    signed_elsewhere_it_is_taken_too(&node);
    bad_requests_are_named(&node, &member);
    the_rest_is_there(&node);

    let balance = node.get(&format!("/v1/members/{member}")).expect(200)["balances"].clone();
    let took = node.stop();
    assert!(took < Duration::from_secs(5), "it took {took:?} to stop");
    node.start();
    assert_eq!(node.get(&format!("/v1/members/{member}")).expect(200)["balances"], balance);
    let again = node.submit(&key, issue).expect(200);
    assert_eq!(again, issued, "also after a restart");
}

/// Enrols a member of a number; gives the card code.
fn enrol(node: &Node, number: u8) -> String {
    let commitment = hex::encode([number; 32]);
    let answer = node.submit(&reference(), json!({ "enrol": { "commitment": commitment } })).expect(200);
    let member = answer["receipt"]["outcome"]["applied"]["enrolled"]["member"].as_str().expect("a card code");
    assert!(member.starts_with("tally1"), "{member}");
    member.to_owned()
}

fn height(node: &Node) -> u64 {
    node.get("/v1/status").expect(200)["height"].as_u64().expect("a height")
}

fn the_same_key_gets_the_same_answer(node: &Node, key: &str, issue: &Value, issued: &Value) {
    let reference = key.parse().expect("a reference");
    assert_eq!(node.submit(&reference, issue.clone()).expect(200), *issued);
    let mut other = issue.clone();
    other["issue"]["lines"][0]["amount_fen"] = json!("10001");
    let problem = node.submit(&reference, other).expect(422);
    assert_eq!((&problem["code"], &problem["number"]), (&json!("reference_reused"), &json!(106)));
    let found = node.get(&format!("/v1/operations/1/{key}")).expect(200);
    assert_eq!(found["status"], "final");
    assert_eq!(found["operation"]["body"], *issue);
    assert_eq!(found["receipt"], issued["receipt"]);
}

fn balances_and_statement_tell_it(node: &Node, member: &str, before: u64, issued: &Value) {
    let view = node.get(&format!("/v1/members/{member}")).expect(200);
    assert_eq!(view["custodian"], 1);
    assert_eq!(view["balances"][0]["points"], "128");
    assert_eq!(view["balances"][0]["lots"][0]["points"], "128");
    let earlier = node.get(&format!("/v1/members/{member}/balances?at_height={before}")).expect(200);
    assert_eq!((&earlier["balances"], &earlier["height"]), (&json!([]), &json!(before)));
    let at = &issued["height"];
    let then = node.get(&format!("/v1/members/{member}/balances?at_height={at}")).expect(200);
    assert_eq!(then["balances"][0]["points"], "128");
    let ahead = node.get(&format!("/v1/members/{member}/balances?at_height=999999999")).expect(404);
    assert_eq!(ahead["code"], "height_ahead");
    let statement = node.get(&format!("/v1/members/{member}/statement?class=1&limit=1")).expect(200);
    let line = &statement["items"][0];
    assert_eq!((&line["reason"], &line["delta"], &line["balance"]), (&json!("issued"), &json!("128"), &json!("128")));
    assert_eq!(line["operation"]["reference"], issued["receipt"]["reference"]);
    assert_eq!(statement["next_cursor"], Value::Null);
    let unknown = node.get(&format!("/v1/members/{member}/statement?class=99")).expect(404);
    assert_eq!(unknown["code"], "not_found");
}

fn what_lacks_points_is_refused_in_both_languages(node: &Node, member: &str) {
    let redeem = json!({ "redeem": { "class": 1, "member": member, "points": "100000" } });
    let key = reference();
    let answer = node.submit(&key, redeem.clone());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let english = answer.expect(422);
    assert_eq!((&english["code"], &english["number"]), (&json!("insufficient_points"), &json!(404)));
    assert!(english["height"].is_u64() && english["detail"].as_str().is_some_and(|d| d.contains("balance")));
    let answer = node.submit_in(&key, redeem, "zh-CN,zh;q=0.9");
    assert_eq!(answer.header("content-language"), Some("zh-Hant"));
    let chinese = answer.expect(422);
    assert_eq!(chinese["title"], "會員的有效積分不足");
    assert_eq!(chinese["height"], english["height"]);
    let about = node.send_plain("GET", english["type"].as_str().expect("a path"), &[], b"").expect(200);
    assert_eq!(about["title"]["en"], english["title"]);
}

fn the_chain_can_be_read(node: &Node, issued: &Value) {
    let height = &issued["height"];
    let block = node.get(&format!("/v1/blocks/{height}")).expect(200);
    assert_eq!(block["header"]["height"], *height);
    assert_eq!(block["transactions"][0]["transaction_id"], issued["transaction_id"]);
    assert_eq!(block["transactions"][0]["receipts"][0]["receipt"], issued["receipt"]);
    let certificate = node.get(&format!("/v1/blocks/{height}/certificate")).expect(200);
    assert_eq!(certificate, block["certificate"]);
    assert_eq!(certificate["block_id"], block["block_id"]);
    let raw = node.get(&format!("/v1/blocks/{height}/raw"));
    assert_eq!(raw.status, 200);
    let decoded = tally_ledger::block::Block::decode(&raw.body).expect("a block");
    assert_eq!(json!(decoded.header.id()), block["block_id"]);
    let id = issued["transaction_id"].as_str().expect("an id");
    let transaction = node.get(&format!("/v1/transactions/{id}")).expect(200);
    assert_eq!((&transaction["status"], &transaction["height"]), (&json!("final"), height));
    assert_eq!(node.get("/v1/blocks/0").expect(404)["code"], "not_found");
    assert_eq!(node.get("/v1/blocks/99999999").expect(404)["code"], "height_ahead");
    let archive = node.get(&format!("/v1/export?to_height={height}"));
    assert_eq!(archive.status, 200);
    assert!(archive.body.len() > raw.body.len());
}

fn operations_and_day_totals_are_listed(node: &Node, key: &str) {
    let all = node.get("/v1/operations?merchant=1").expect(200);
    let items = all["items"].as_array().expect("a list");
    assert_eq!(items.len(), 3, "{all}");
    let kinds: Vec<&str> = items.iter().filter_map(|i| i["kind"].as_str()).collect();
    assert_eq!(kinds, ["enrol", "issue", "redeem"]);
    let issues = node.get("/v1/operations?merchant=1&store_id=7&kind=issue&from_ms=1").expect(200);
    assert_eq!(issues["items"][0]["receipt"]["reference"], key);
    assert_eq!(issues["items"].as_array().map(Vec::len), Some(1));
    let first = node.get("/v1/operations?merchant=1&limit=2").expect(200);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = node.get(&format!("/v1/operations?merchant=1&limit=2&cursor={cursor}")).expect(200);
    assert_eq!(second["items"][0]["kind"], "redeem");
    assert_eq!((&second["next_cursor"], &second["height"]), (&Value::Null, &first["height"]));
    assert_eq!(node.get("/v1/operations?merchant=9").expect(404)["code"], "not_found");
    let wrong = node.get(&format!("/v1/operations/days?merchant=1&cursor={cursor}")).expect(400);
    assert_eq!(wrong["code"], "cursor_invalid");

    let days = node.get("/v1/operations/days?merchant=1&kind=issue").expect(200);
    let total = &days["items"][0];
    assert_eq!((&total["operations"], &total["amount_fen"]), (&json!(1), &json!("12850")));
    assert_eq!((&total["points_in"], &total["points_out"], &total["class"]), (&json!("128"), &json!("0"), &json!(1)));
    let refused = node.get("/v1/operations/days?merchant=1&kind=redeem").expect(200);
    assert_eq!((&refused["items"][0]["operations"], &refused["items"][0]["rejected"]), (&json!(0), &json!(1)));
}

fn a_bulk_is_answered_line_by_line(node: &Node, member: &str) {
    let (one, two) = (reference().to_string(), reference().to_string());
    let issue = |reference: &str, class: u32| {
        let lines = json!([{ "category": 1, "amount_fen": "100" }]);
        json!({ "reference": reference, "body": { "issue": { "class": class, "member": member, "lines": lines } } })
    };
    let body = format!("{}\n{{ \"reference\": 1 }}\n{}\n{}\n", issue(&one, 1), issue(&two, 99), issue(&one, 1));
    let headers = [("Prefer", "wait=30"), ("Content-Type", "application/x-ndjson")];
    let answer = node.send("POST", "/v1/operations/bulk?mode=continue", &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut lines = lines_of(&answer);
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["status"], &lines[0]["reference"]), (&json!("final"), &json!(one)));
    assert_eq!(lines[0]["receipt"]["outcome"]["applied"]["issued"]["points"], "1");
    assert_eq!((&lines[1]["status"], &lines[1]["problem"]["code"]), (&json!("refused"), &json!("malformed_request")));
    assert_eq!((&lines[1]["line"], &lines[1]["reference"]), (&json!(2), &Value::Null));
    assert_eq!(lines[2]["receipt"]["outcome"]["rejected"], "unknown_class");
    assert_eq!((&lines[2]["problem"]["code"], &lines[2]["line"]), (&json!("unknown_class"), &json!(3)));
    let number = lines[3]["line"].take();
    assert_eq!((number, lines[0]["line"].take()), (json!(4), json!(1)));
    assert_eq!(lines[3], lines[0], "the same operation twice in one bulk");

    let atomic = lines_of(&node.send("POST", "/v1/operations/bulk?mode=atomic", &headers, body.as_bytes()));
    let codes: Vec<&Value> = atomic.iter().map(|line| &line["problem"]["code"]).collect();
    assert_eq!(codes, ["atomic_aborted", "malformed_request", "atomic_aborted", "atomic_aborted"]);
    assert!(atomic.iter().all(|line| line["status"] == "refused"), "{atomic:?}");
    a_line_that_cannot_be_taken_is_refused_alone(node, &issue);
    let many = format!("{}\n", issue(&one, 1)).repeat(6);
    let many = node.send("POST", "/v1/operations/bulk", &headers, many.as_bytes()).expect(413);
    assert_eq!(many["code"], "request_too_large");
    assert_eq!(node.send("POST", "/v1/operations/bulk?mode=some", &headers, b"{}").expect(400)["status"], 400);
}

fn a_list_comes_in_pages_that_end_within_a_transaction(node: &Node, member: &str) {
    // One transaction, whose operations are of two stores by turns.
    let line = |number: u32| {
        let lines = json!([{ "category": 1, "amount_fen": "100" }]);
        let body = json!({ "issue": { "class": 1, "member": member, "lines": lines } });
        let till = json!({ "store_id": 70 + number % 2, "till_id": 1 });
        format!("{}\n", json!({ "reference": reference().to_string(), "till": till, "body": body }))
    };
    let body: String = (0..5).map(line).collect();
    let headers = [("Prefer", "wait=30")];
    let answer = node.send("POST", "/v1/operations/bulk?mode=atomic", &headers, body.as_bytes());
    assert!(lines_of(&answer).iter().all(|line| line["status"] == "final"), "{}", answer.text());
    for (filter, at_least) in [("", 5), ("&store_id=70", 3), ("&store_id=71", 2), ("&kind=issue&store_id=70", 3)] {
        let all = node.get(&format!("/v1/operations?merchant=1{filter}&limit=100")).expect(200);
        let all = all["items"].as_array().expect("a list").clone();
        assert!(all.len() >= at_least, "{filter}: {all:?}");
        for limit in [1, 2, 3] {
            let (mut items, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = node.get(&format!("/v1/operations?merchant=1{filter}&limit={limit}{cursor}")).expect(200);
                items.extend(page["items"].as_array().expect("a list").clone());
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(items, all, "{filter}, {limit} a page");
        }
    }
}

fn a_line_that_cannot_be_taken_is_refused_alone(node: &Node, issue: &impl Fn(&str, u32) -> Value) {
    let (good, ahead) = (reference().to_string(), "7fffffff-ffff-7000-8000-000000000001");
    let (unnamed, odd) = (reference().to_string(), reference().to_string());
    let mut no_lines = issue(&unnamed, 1);
    no_lines["body"]["issue"]["lines"] = json!([]);
    let mut extra = issue(&odd, 1);
    extra["note"] = json!("a field that there is not");
    let body = format!("{no_lines}\n{extra}\n{}\n\n{}\n", issue(ahead, 1), issue(&good, 1));
    let headers = [("Prefer", "wait=30"), ("Accept-Language", "zh-Hant")];
    let answer = node.send("POST", "/v1/operations/bulk", &headers, body.as_bytes());
    assert_eq!(answer.header("content-language"), Some("zh-Hant"));
    let lines = lines_of(&answer);
    let told = |line: &Value| json!([line["line"], line["reference"], line["status"], line["problem"]["code"]]);
    let told: Vec<Value> = lines.iter().map(told).collect();
    assert_eq!(told[0], json!([1, unnamed, "refused", "malformed_operation"]));
    assert_eq!(told[1], json!([2, odd, "refused", "malformed_request"]), "its reference can be read all the same");
    assert_eq!(told[2], json!([3, ahead, "refused", "reference_ahead"]));
    assert_eq!(told[3], json!([5, good, "final", null]));
    assert_eq!(lines[0]["problem"]["title"], "操作格式不正確");
    for empty in ["", "\n \n"] {
        let problem = node.send("POST", "/v1/operations/bulk", &[], empty.as_bytes()).expect(400);
        assert_eq!(problem["code"], "malformed_request");
    }
}

/// The lines of a bulk's answer.
fn lines_of(answer: &node::Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A transaction of these operations under new references, to be signed; valid for a minute.
fn transaction(node: &Node, merchant: MerchantId, bodies: Vec<Body>) -> Transaction {
    let status = node.get("/v1/status").expect(200);
    let operation = |body| Operation::new(reference(), body);
    Transaction {
        chain_id: status["chain_id"].as_str().expect("an id").parse().expect("a hash"),
        merchant,
        public_key: PublicKey::default(),
        valid_until_ms: status["time_ms"].as_u64().expect("a time").max(now_ms()) + 60_000,
        atomic: false,
        operations: bodies.into_iter().map(operation).collect(),
        signature: Signature::default(),
    }
}

/// Sets a simulated clock.
fn set_clock(node: &Node, time_ms: u64, key: &SigningKey) {
    let mut transaction = transaction(node, MerchantId::POOL, vec![Body::SetClock(SetClock { time_ms })]);
    transaction.valid_until_ms = time_ms;
    transaction.sign(key);
    let headers = [("Content-Type", "application/octet-stream"), ("Prefer", "wait=30")];
    let answer = node.send("POST", "/v1/transactions", &headers, &encoding::encode(&transaction)).expect(200);
    assert_eq!(answer["receipts"][0]["receipt"]["outcome"]["applied"], "clock_set", "{answer}");
}

fn signed_elsewhere_it_is_taken_too(node: &Node) {
    let month: Month = "2017-03".parse().expect("a month");
    let body = Body::ConfirmLeg(ConfirmLeg { cycle: month, leg: 0, amount_fen: Fen(1) });
    let mut transaction = transaction(node, MerchantId(1), vec![body]);
    transaction.sign(&key(4));
    let bytes = encoding::encode(&transaction);
    let headers = [("Content-Type", "application/octet-stream"), ("Prefer", "wait=30")];
    let answer = node.send("POST", "/v1/transactions", &headers, &bytes).expect(200);
    assert_eq!(answer["receipts"][0]["receipt"]["outcome"]["rejected"], "unknown_leg");
    let again =
        node.send("POST", "/v1/transactions", &[("Prefer", "wait=30")], json!(transaction).to_string().as_bytes());
    assert_eq!(again.expect(200)["receipts"], answer["receipts"]);

    let trailing = [bytes.as_slice(), &[0]].concat();
    let problem = node.send("POST", "/v1/transactions", &headers, &trailing).expect(400);
    assert_eq!(problem["code"], "malformed_transaction");
    transaction.signature.0[5] ^= 1;
    let problem = node.send("POST", "/v1/transactions", &headers, &encoding::encode(&transaction)).expect(422);
    assert_eq!(problem["code"], "wrong_signature");
    transaction.sign(&key(9));
    let problem = node.send("POST", "/v1/transactions", &headers, &encoding::encode(&transaction)).expect(422);
    assert_eq!(problem["code"], "unknown_key");
    transaction.chain_id.0[0] ^= 1;
    let problem = node.send("POST", "/v1/transactions", &headers, &encoding::encode(&transaction)).expect(422);
    assert_eq!(problem["code"], "wrong_chain");
}

fn bad_requests_are_named(node: &Node, member: &str) {
    let reference = reference().to_string();
    let key = ("Idempotency-Key", reference.as_str());
    let post = |headers: &[(&str, &str)], body: &[u8]| node.send("POST", "/v1/operations", headers, body);
    let code = |answer: node::Answer, status: u16| answer.expect(status)["code"].as_str().unwrap_or("").to_owned();
    let enrol = format!("{{\"body\":{{\"enrol\":{{\"commitment\":\"{}\"}}}}}}", hex::encode([8; 32]));

    assert_eq!(code(post(&[], enrol.as_bytes()), 400), "idempotency_key_missing");
    assert_eq!(code(post(&[("Idempotency-Key", "7")], enrol.as_bytes()), 400), "idempotency_key_invalid");
    assert_eq!(code(post(&[key], b"{\"body\":"), 400), "malformed_request");
    let unknown = enrol.replacen('{', "{\"extra\":1,", 1);
    let problem = post(&[key], unknown.as_bytes()).expect(400);
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("extra")), "{problem}");
    assert_eq!(code(post(&[key, ("Content-Type", "text/xml")], enrol.as_bytes()), 415), "unsupported_media_type");
    assert_eq!(code(post(&[key, ("Prefer", "wait=soon")], enrol.as_bytes()), 400), "invalid_header");
    assert_eq!(code(post(&[key], &vec![b' '; 10_001]), 413), "request_too_large");
    let no_lines = json!({ "body": { "issue": { "class": 1, "member": member, "lines": [] } } }).to_string();
    assert_eq!(code(post(&[key], no_lines.as_bytes()), 422), "malformed_operation");

    assert_eq!(code(node.get("/v1/status?verbose=1"), 400), "invalid_parameter");
    assert_eq!(code(node.get(&format!("/v1/members/{member}/balances?at=1")), 400), "invalid_parameter");
    assert_eq!(code(node.get("/v1/operations?merchant=1&limit=0"), 400), "invalid_parameter");
    assert_eq!(code(node.get("/v1/operations?merchant=1&kind=gift"), 400), "invalid_parameter");
    assert_eq!(code(node.get("/v1/members/tally1nonsense"), 400), "invalid_parameter");
    assert_eq!(code(node.get("/v1/nothing"), 404), "not_found");
    assert_eq!(code(node.get(&format!("/v1/operations/1/{reference}")), 404), "not_found");
    assert_eq!(code(node.send("DELETE", "/v1/status", &[], b""), 405), "method_not_allowed");

    let no_token = node.send_plain("GET", "/v1/status", &[], b"");
    assert!(no_token.header("www-authenticate").is_some());
    assert_eq!(code(no_token, 401), "unauthorized");
    let bad_token = node.send_plain("GET", "/v1/status", &[("Authorization", "Bearer guessed")], b"");
    assert_eq!(code(bad_token, 401), "unauthorized");
}

fn the_rest_is_there(node: &Node) {
    let status = node.get("/v1/status").expect(200);
    assert_eq!((&status["name"], &status["merchant"], &status["clock"]), (&json!("one"), &json!(1), &json!("real")));
    assert_eq!(status["due"], false);
    assert_eq!(node.get("/v1/genesis").expect(200)["name"], "one");
    let class = node.get("/v1/classes/1").expect(200);
    assert_eq!((&class["name"], &class["totals"]["issued"]), (&json!("Alpha points"), &json!("135")));
    assert_eq!(node.get("/v1/classes").expect(200)["items"].as_array().map(Vec::len), Some(2));
    let rates = node.get("/v1/rates?from_class=1").expect(200);
    let rate = &rates["pairs"][0];
    assert_eq!(rate["out_per_in"], json!({ "numerator": "49", "denominator": "50" }));
    assert_eq!(rate["out_per_in_decimal"], "0.980000000");
    assert_eq!(node.get("/v1/merchants").expect(200)["items"][0]["name"], "Alpha");
    let obligations = node.get("/v1/obligations").expect(200);
    assert_eq!((&obligations["is_open"], &obligations["pairs"]), (&json!(true), &json!([])));
    assert_eq!(node.get("/v1/obligations?cycle=1999-01").expect(404)["code"], "not_found");
    assert_eq!(node.get("/v1/settlements").expect(200)["items"], json!([]));
    let cycle = obligations["cycle"].as_str().expect("a month");
    let drill = node.get(&format!("/v1/settlements/{cycle}/operations?debtor=1&creditor=0")).expect(200);
    assert_eq!(drill["items"], json!([]));

    assert_eq!(node.send_plain("GET", "/livez", &[], b"").text(), "ok\n");
    let ready = node.send_plain("GET", "/readyz", &[], b"").expect(200);
    assert_eq!((&ready["ready"], ready.get("anchors")), (&json!(true), None));
    let metrics = node.send_plain("GET", "/metrics", &[], b"");
    assert!(metrics.text().contains("tally_height "), "{}", metrics.text());
    assert!(metrics.text().contains("tally_operations_total{"), "{}", metrics.text());
}
