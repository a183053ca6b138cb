//! A dry run says what a submission would come to, and leaves nothing behind.

use std::time::Duration;

use serde_json::{Value, json};
use tally_contracts::encoding;
use tally_contracts::settlement::ConfirmLeg;
use tally_contracts::transaction::{Body, Transaction};
use tally_contracts::types::{Fen, MerchantId};

use crate::node::{Answer, Node, key, reference};
use crate::{enrol, lines_of, transaction};

fn issue(member: &str, amount_fen: &str) -> Value {
    json!({ "issue": { "class": 1, "member": member, "lines": [{ "category": 3, "amount_fen": amount_fen }] } })
}

fn redeem(member: &str, points: &str) -> Value {
    json!({ "redeem": { "class": 1, "member": member, "points": points } })
}

fn try_out(node: &Node, key: Option<&str>, body: &Value) -> Answer {
    let headers: Vec<(&str, &str)> = key.map(|key| ("Idempotency-Key", key)).into_iter().collect();
    let body = json!({ "till": { "store_id": 7, "till_id": 1 }, "body": body }).to_string();
    node.send("POST", "/v1/operations?dry_run=true", &headers, body.as_bytes())
}

/// All that a submission could leave a trace in, but the passing of time.
fn traces(node: &Node, member: &str) -> Value {
    let status = node.get("/v1/status").expect(200);
    let operations = node.get("/v1/operations?merchant=1").expect(200);
    json!([
        node.get(&format!("/v1/members/{member}")).expect(200)["balances"],
        node.get("/v1/classes").expect(200)["items"],
        node.get("/v1/merchants").expect(200)["items"],
        operations["items"],
        [&status["outbox_operations"], &status["mempool_transactions"]],
    ])
}

/// The same when nothing waits for a block any more: a receipt is told a moment before the mempool lets go.
fn settled_traces(node: &Node, member: &str) -> Value {
    for _ in 0..200 {
        let found = traces(node, member);
        if found[4] == json!([0, 0]) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("something waits for a block still");
}

#[test]
fn a_dry_run_tells_the_receipt_and_changes_nothing() {
    let mut node = Node::prepare();
    node.start();
    let member = enrol(&node, 9);
    node.submit(&reference(), issue(&member, "10000")).expect(200);
    let before = settled_traces(&node, &member);

    let planned = reference().to_string();
    let would = try_out(&node, Some(&planned), &issue(&member, "2850")).expect(200);
    assert_eq!((&would["dry_run"], &would["receipt"]["reference"]), (&json!(true), &json!(planned)));
    assert_eq!(would["receipt"]["outcome"]["applied"]["issued"]["balance"], "128");
    assert!(would["height"].is_u64() && would["time_ms"].is_u64(), "{would}");
    let unnamed = try_out(&node, None, &redeem(&member, "50")).expect(200);
    assert_eq!(unnamed["receipt"]["outcome"]["applied"]["redeemed"]["balance"], "50");

    let refused = try_out(&node, None, &redeem(&member, "101")).expect(422);
    assert_eq!((&refused["code"], &refused["number"]), (&json!("insufficient_points"), &json!(404)));
    assert_eq!((&refused["dry_run"], refused["height"].is_u64()), (&json!(true), true), "{refused}");
    let unknown =
        json!({ "issue": { "class": 99, "member": member, "lines": [{ "category": 1, "amount_fen": "1" }] } });
    assert_eq!(try_out(&node, None, &unknown).expect(422)["code"], "unknown_class");
    let old = "01941f29-7c00-7000-8000-000000000001";
    assert_eq!(try_out(&node, Some(old), &issue(&member, "1")).expect(422)["code"], "reference_too_old");
    let ahead = "7fffffff-ffff-7000-8000-000000000001";
    assert_eq!(try_out(&node, Some(ahead), &issue(&member, "1")).expect(422)["code"], "reference_ahead");
    assert_eq!(try_out(&node, Some("7"), &issue(&member, "1")).expect(400)["code"], "idempotency_key_invalid");
    let no_lines = json!({ "issue": { "class": 1, "member": member, "lines": [] } });
    assert_eq!(try_out(&node, None, &no_lines).expect(422)["code"], "malformed_operation");
    assert_eq!(traces(&node, &member), before);
    assert_eq!(node.get(&format!("/v1/operations/1/{planned}")).expect(404)["code"], "not_found");

    // The very same, for real: the same receipt; and from then on a dry run tells the first receipt.
    let real = node.submit(&planned.parse().expect("a reference"), issue(&member, "2850")).expect(200);
    assert_eq!(real["receipt"], would["receipt"]);
    let known = try_out(&node, Some(&planned), &issue(&member, "2850")).expect(200);
    assert_eq!(known["first"], real["receipt"]);
    let place = json!({ "height": real["height"], "index": real["index"] });
    assert_eq!(known["receipt"]["outcome"]["duplicate"], place);
    let other = try_out(&node, Some(&planned), &issue(&member, "2851")).expect(422);
    assert_eq!(other["code"], "reference_reused");
    let wrong = node.send("POST", "/v1/operations?dry_run=maybe", &[], b"{}").expect(400);
    assert_eq!(wrong["code"], "invalid_parameter");
}

#[test]
fn a_bulk_is_judged_line_by_line_or_as_one() {
    let mut node = Node::prepare();
    node.start();
    let member = enrol(&node, 9);
    let before = settled_traces(&node, &member);
    let line = |body: Value| json!({ "reference": reference().to_string(), "body": body }).to_string();
    let body = [line(issue(&member, "10000")), line(redeem(&member, "60")), line(redeem(&member, "60"))].join("\n");
    let judge = |mode: &str, body: &str| {
        let path = format!("/v1/operations/bulk?dry_run=true&mode={mode}");
        lines_of(&node.send("POST", &path, &[("Accept-Language", "zh")], body.as_bytes()))
    };

    let each = judge("continue", &body);
    assert!(each.iter().all(|line| line["status"] == "judged" && line["dry_run"] == true), "{each:?}");
    assert_eq!(each[1]["receipt"]["outcome"]["applied"]["redeemed"]["balance"], "40", "it sees the line before");
    assert_eq!(each[2]["receipt"]["outcome"]["rejected"], "insufficient_points");
    assert_eq!(each[2]["problem"]["title"], "會員的有效積分不足");
    let as_one = judge("atomic", &body);
    let rejected: Vec<&Value> = as_one.iter().map(|line| &line["receipt"]["outcome"]["rejected"]).collect();
    assert_eq!(rejected, ["atomic_aborted", "atomic_aborted", "insufficient_points"]);
    let malformed = judge("continue", &format!("{{}}\n\n{}", line(issue(&member, "100"))));
    assert_eq!((&malformed[0]["status"], &malformed[0]["line"]), (&json!("refused"), &json!(1)));
    assert_eq!((&malformed[1]["status"], &malformed[1]["line"]), (&json!("judged"), &json!(3)));
    assert_eq!(judge("continue", "{}")[0]["status"], "refused", "nothing to judge");
    assert_eq!(traces(&node, &member), before);

    let real = lines_of(&node.send("POST", "/v1/operations/bulk", &[("Prefer", "wait=30")], body.as_bytes()));
    let receipts = |lines: &[Value]| lines.iter().map(|line| line["receipt"].clone()).collect::<Vec<_>>();
    assert_eq!(receipts(&real), receipts(&each), "the same bulk for real");
    let again = judge("continue", &body);
    let first: Vec<Value> = again.iter().map(|line| line["first"].clone()).collect();
    assert_eq!(first, receipts(&each));
}

#[test]
fn a_transaction_signed_elsewhere_is_judged_too() {
    let mut node = Node::prepare();
    node.start();
    let body = Body::ConfirmLeg(ConfirmLeg { cycle: "2017-03".parse().expect("a month"), leg: 0, amount_fen: Fen(1) });
    let mut signed = transaction(&node, MerchantId(1), vec![body]);
    signed.sign(&key(4));
    let send = |transaction: &Transaction, query: &str| {
        let headers = [("Content-Type", "application/octet-stream"), ("Prefer", "wait=30")];
        node.send("POST", &format!("/v1/transactions{query}"), &headers, &encoding::encode(transaction))
    };
    let would = send(&signed, "?dry_run=true").expect(200);
    assert_eq!(would["dry_run"], true);
    assert_eq!(would["receipts"][0]["receipt"]["outcome"]["rejected"], "unknown_leg");
    let id = would["transaction_id"].as_str().expect("an id");
    assert_eq!(node.get(&format!("/v1/transactions/{id}")).expect(404)["code"], "not_found");
    let mut stranger = signed.clone();
    stranger.sign(&key(9));
    let refused = send(&stranger, "?dry_run=true").expect(422);
    assert_eq!((&refused["code"], &refused["dry_run"]), (&json!("unknown_key"), &json!(true)));
    let mut late = signed.clone();
    late.valid_until_ms = 1;
    late.sign(&key(4));
    assert_eq!(send(&late, "?dry_run=true").expect(422)["code"], "expired");

    let real = send(&signed, "").expect(200);
    assert_eq!(real["receipts"][0]["receipt"], would["receipts"][0]["receipt"]);
    let known = send(&signed, "?dry_run=true").expect(200);
    assert_eq!(known["receipts"][0]["first"], real["receipts"][0]["receipt"]);
    // The same reference under another signature is the same operation.
    let mut again = signed.clone();
    again.valid_until_ms += 1;
    again.sign(&key(4));
    assert_eq!(send(&again, "?dry_run=true").expect(200)["receipts"], known["receipts"]);
    let answered = send(&again, "").expect(200);
    assert_eq!(answered["receipts"][0]["first"], real["receipts"][0]["receipt"]);
    let asked = node.get(&format!("/v1/transactions/{}", answered["transaction_id"].as_str().expect("an id")));
    assert_eq!(asked.expect(200)["receipts"], answered["receipts"]);
}
