//! What is read is tagged, so that nobody fetches it twice; what cannot be served is refused, never answered with nothing.

use serde_json::{Value, json};
use tally_contracts::genesis::MAX_TIME_MS;

use crate::node::{Answer, Node, reference};
use crate::{enrol, height};

const IMMUTABLE: &str = "private, max-age=31536000, immutable";

#[test]
fn what_is_read_again_is_304_until_it_changes() {
    let mut node = Node::prepare();
    node.start();
    let member = enrol(&node, 9);
    let key = reference();
    let lines = json!([{ "category": 3, "amount_fen": "10000" }]);
    let issued = node.submit(&key, json!({ "issue": { "class": 1, "member": member, "lines": lines } })).expect(200);
    let (at, id) = (&issued["height"], issued["transaction_id"].as_str().expect("an id"));
    let (given, friend) = (reference(), enrol(&node, 10));
    let gift = json!({ "class": 1, "from": member, "to": friend, "points": "1" });
    node.submit(&given, json!({ "transfer": gift })).expect(200);

    let fixed = [
        "/v1/genesis".to_owned(),
        format!("/v1/blocks/{at}"),
        format!("/v1/blocks/{at}/raw"),
        format!("/v1/blocks/{at}/certificate"),
        format!("/v1/operations/1/{given}"),
        format!("/v1/transactions/{id}"),
    ];
    for path in fixed.iter().map(String::as_str).chain(["/v1/problems/not_found"]) {
        let answer = node.get(path);
        let tag = answer.header("etag").unwrap_or_else(|| panic!("{path} has no tag")).to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong tag: {tag}");
        if path != "/v1/problems/not_found" {
            assert_eq!(answer.header("cache-control"), Some(IMMUTABLE), "{path}");
        }
        let again = node.send("GET", path, &[("If-None-Match", &format!("\"other\", W/{tag}"))], b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
        assert_eq!(again.header("cache-control"), answer.header("cache-control"), "{path}");
        let other = node.send("GET", path, &[("If-None-Match", "\"other\"")], b"");
        assert_eq!((other.status, &other.body), (200, &answer.body), "{path}");
        let head = node.send("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, Some(tag.as_str())), "{path}");
    }

    let balances = format!("/v1/members/{member}/balances?at_height={at}");
    let answer = node.get(&balances);
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    let tag = answer.header("etag").expect("a tag").to_owned();
    node.submit(&reference(), json!({ "redeem": { "class": 1, "member": member, "points": "1" } })).expect(200);
    assert_eq!(node.send("GET", &balances, &[("If-None-Match", &tag)], b"").status, 304, "as of the same height");
    let now = format!("/v1/members/{member}");
    let tag = node.get(&now).header("etag").expect("a tag").to_owned();
    node.submit(&reference(), json!({ "redeem": { "class": 1, "member": member, "points": "1" } })).expect(200);
    assert_eq!(node.send("GET", &now, &[("If-None-Match", &tag)], b"").status, 200, "points were spent");

    let purchase = format!("/v1/operations/1/{key}");
    let kept = |answer: &Answer| answer.json()["standing"]["purchase"]["kept_fen"].as_str().map(ToOwned::to_owned);
    let answer = node.get(&purchase);
    assert_eq!((answer.header("cache-control"), kept(&answer).as_deref()), (Some("private, no-cache"), Some("10000")));
    let refund = json!({ "reverse_issue": { "original": key, "amount_fen": "4000" } });
    node.submit(&reference(), refund).expect(200);
    assert_eq!(kept(&node.get(&purchase)).as_deref(), Some("6000"), "less is left to refund");

    assert_eq!(node.get("/v1/export?to_height=1").header("etag"), None, "a stream is not held to be hashed");
    let missing = node.send("GET", "/v1/blocks/99999999", &[("If-None-Match", "*")], b"");
    assert_eq!(missing.header("cache-control"), Some("no-store"));
    assert_eq!(missing.expect(404)["code"], "height_ahead");
    let pending = reference().to_string();
    assert_eq!(node.get(&format!("/v1/operations/1/{pending}")).header("etag"), None);
}

#[test]
fn the_keys_of_a_merchant_come_in_parts() {
    let mut node = Node::prepare();
    node.start();
    let whole = node.get("/v1/merchants/1/keys").expect(200);
    assert_eq!((whole["items"].as_array().map(Vec::len), &whole["next_cursor"]), (Some(2), &Value::Null));
    let first = node.get("/v1/merchants/1/keys?limit=1").expect(200);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = node.get(&format!("/v1/merchants/1/keys?limit=1&cursor={cursor}")).expect(200);
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(json!([first["items"][0], second["items"][0]]), whole["items"]);
    let elsewhere = node.get(&format!("/v1/merchants/1/stores?cursor={cursor}")).expect(400);
    assert_eq!(elsewhere["code"], "cursor_invalid");
    let cut = node.get(&format!("/v1/merchants/1/keys?cursor={}", &cursor[..cursor.len() - 2])).expect(400);
    assert_eq!(cut["code"], "cursor_invalid");
    assert_eq!(node.get("/v1/merchants/1/stores?limit=1").expect(200)["items"], json!([]));
}

#[test]
fn what_cannot_be_served_is_refused_by_name() {
    let mut node = Node::prepare();
    node.start();
    let (member, other) = (enrol(&node, 9), enrol(&node, 10));
    let lines = json!([{ "category": 3, "amount_fen": "10000" }]);
    for member in [&member, &member, &other, &other] {
        let issue = json!({ "issue": { "class": 1, "member": member, "lines": lines } });
        node.submit(&reference(), issue).expect(200);
    }
    let cycle = node.get("/v1/obligations").expect(200)["cycle"].as_str().expect("a month").to_owned();
    let statement = node.get(&format!("/v1/members/{member}/statement?class=1&limit=1")).expect(200);
    let operations = node.get("/v1/operations?merchant=1&store_id=7&limit=1").expect(200);
    let cursor = |page: &Value| page["next_cursor"].as_str().expect("there is more").to_owned();
    let (statement, operations) = (cursor(&statement), cursor(&operations));

    let refused = |path: &str, status: u16, code: &str| {
        let problem = node.get(path).expect(status);
        assert_eq!(problem["code"], code, "{path}");
        problem["detail"].as_str().expect("a detail").to_owned()
    };
    assert!(refused("/v1/operations", 400, "invalid_parameter").contains("merchant"));
    assert!(refused("/v1/operations?merchant=1&kind=gift", 400, "invalid_parameter").contains("redeem"));
    assert!(refused("/v1/operations?merchant=1&class=1", 400, "invalid_parameter").contains("store_id"));
    for list in ["/v1/operations", "/v1/operations/days"] {
        refused(&format!("{list}?merchant=9"), 404, "not_found");
        refused(&format!("{list}?merchant=1&store_id=8"), 404, "not_found");
        refused(&format!("{list}?merchant=1&from_ms=5&to_ms=5"), 400, "invalid_parameter");
        refused(&format!("{list}?merchant=1&merchant=1"), 400, "invalid_parameter");
    }
    assert!(
        refused("/v1/operations/days?merchant=1&from_ms=1700000000000", 400, "invalid_parameter").contains("whole")
    );
    let day = node.get("/v1/operations/days?merchant=1&from_ms=1699977600000").expect(200);
    assert_eq!(day["items"].as_array().map(Vec::len), Some(2), "{day}");
    let grant = format!("/v1/grants/{}?expires_ms", hex::encode([1; 32]));
    assert_eq!(node.get(&format!("{grant}={MAX_TIME_MS}")).expect(200)["spent_points"], "0");
    for late in [MAX_TIME_MS + 1, u64::MAX] {
        refused(&format!("{grant}={late}"), 400, "invalid_parameter");
    }
    refused(&format!("/v1/members/{}", tally_contracts::types::Address([1; 20])), 404, "not_found");
    refused(&format!("/v1/members/{member}/statement"), 400, "invalid_parameter");
    refused(&format!("/v1/members/{member}/statement?class=9"), 404, "not_found");
    let plan = format!("/v1/members/{member}/spend-plan");
    assert_eq!(node.get(&format!("{plan}?amount_fen=50")).expect(200)["merchant"], 1, "the node's own");
    assert!(refused(&plan, 400, "invalid_parameter").contains("amount_fen"));
    refused(&format!("{plan}?amount_fen=0"), 400, "invalid_parameter");
    refused(&format!("{plan}?amount_fen=50&merchant=9"), 404, "not_found");
    refused("/v1/classes/9", 404, "not_found");
    refused("/v1/rates?from_class=9", 404, "not_found");
    refused("/v1/rates?from_class=1&to_class=1", 400, "invalid_parameter");
    refused("/v1/obligations?cycle=2999-01", 404, "not_found");
    refused(&format!("/v1/settlements/{cycle}"), 404, "not_found");
    refused(&format!("/v1/settlements/{cycle}/operations?debtor=1&creditor=9"), 404, "not_found");
    refused(&format!("/v1/settlements/{cycle}/operations?debtor=9&creditor=1"), 404, "not_found");
    refused(&format!("/v1/settlements/{cycle}/operations?debtor=1&creditor=1"), 400, "invalid_parameter");
    refused(&format!("/v1/settlements/{cycle}/operations?debtor=1"), 400, "invalid_parameter");
    refused(&format!("/v1/export?to_height={}", height(&node) + 1_000_000), 404, "height_ahead");

    // A cursor goes on with the list that gave it, and with no other.
    let theirs = format!("/v1/members/{other}/statement?class=1&limit=1&cursor={statement}");
    refused(&theirs, 400, "cursor_invalid");
    refused(&format!("/v1/members/{member}/statement?class=2&cursor={statement}"), 400, "cursor_invalid");
    refused(&format!("/v1/operations?merchant=1&cursor={operations}"), 400, "cursor_invalid");
    refused(&format!("/v1/operations?merchant=1&store_id=7&kind=issue&cursor={operations}"), 400, "cursor_invalid");
    refused(&format!("/v1/operations/days?merchant=1&store_id=7&cursor={operations}"), 400, "cursor_invalid");
    let mine = format!("/v1/members/{member}/statement?class=1&limit=1&cursor={statement}");
    assert_eq!(node.get(&mine).expect(200)["items"].as_array().map(Vec::len), Some(1));
    let next = node.get(&format!("/v1/operations?merchant=1&store_id=7&cursor={operations}")).expect(200);
    assert_eq!(next["items"].as_array().map(Vec::len), Some(5));
}
