//! The queue alone: what is answered is kept, the same order is the same reference, nothing is forgotten that may matter.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use tally_contracts::types::{DAY_MS, HOUR_MS, Hash};

use super::*;
use crate::submit::parse_till;
use crate::till::testing::{NOW_MS, config, dir, issue, member, queue};

fn order(order: &str, fen: u64) -> NewOperation {
    NewOperation { order: Some(order.into()), ..plain(fen) }
}

fn plain(fen: u64) -> NewOperation {
    NewOperation { members: Map::from_iter([("body".to_owned(), issue(fen))]), ..NewOperation::default() }
}

fn add_one(queue: &mut Queue, new: NewOperation) -> Added {
    queue.add(vec![new], NOW_MS).unwrap().pop().unwrap()
}

fn reference(added: &Added) -> tally_contracts::types::Reference {
    match added {
        Added::Queued { reference, .. } | Added::Known(reference, _) => *reference,
        Added::Refused(reason) => panic!("{reason}"),
    }
}

fn refusal(added: Added) -> String {
    match added {
        Added::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_order_is_the_same_reference_whenever_it_comes_again() {
    let dir = dir();
    let mut queue = queue(&dir);
    let first = add_one(&mut queue, order("4711", 100));
    assert!(matches!(first, Added::Queued { kind: "issue", .. }), "{first:?}");
    let later = queue.add(vec![order("4711", 100)], NOW_MS + DAY_MS).unwrap().pop().unwrap();
    assert!(matches!(later, Added::Known(_, Some(_))), "{later:?}");
    assert_eq!(reference(&first), reference(&later));
    // Twice in one group, and by another process of the till.
    let mut other = Queue::open(&queue.dir).unwrap();
    let both = other.add(vec![order("4712", 5), order("4712", 5)], NOW_MS).unwrap();
    assert!(matches!(both[0], Added::Queued { .. }) && matches!(both[1], Added::Known(..)), "{both:?}");
    assert_eq!(queue.entries(&Filter { state: None, after: 0, limit: 9 }).unwrap().len(), 2);
}

#[test]
fn another_operation_under_a_known_order_or_reference_is_refused() {
    let dir = dir();
    let mut queue = queue(&dir);
    let first = reference(&add_one(&mut queue, order("4711", 100)));
    assert!(refusal(add_one(&mut queue, order("4711", 101))).contains("4711/redeem"));
    let other = NewOperation { reference: Some(first), ..plain(7) };
    assert!(refusal(add_one(&mut queue, other)).contains("another operation"));
    let same = NewOperation { reference: Some(first), ..plain(100) };
    assert!(matches!(add_one(&mut queue, same), Added::Known(..)));
}

#[test]
fn with_the_orders_own_time_the_reference_follows_from_the_order_alone() {
    let (one, other) = (dir(), dir());
    let at = |order: NewOperation| NewOperation { at_ms: Some(NOW_MS - HOUR_MS), ..order };
    let first = reference(&add_one(&mut queue(&one), at(order("4711", 100))));
    // The till lost its disk, and the cash register feeds its journal into a new queue, later.
    let again = queue(&other).add(vec![at(order("4711", 100))], NOW_MS + DAY_MS).unwrap().pop().unwrap();
    assert_eq!(first, reference(&again));
    assert_eq!(first.time_ms(), NOW_MS - HOUR_MS);
    assert!(first.is_valid());
    let neighbour = Config { till: parse_till("330:2").unwrap(), ..config() };
    assert_ne!(first, adding::order_reference(&neighbour, "4711", NOW_MS - HOUR_MS), "another till's order");
}

#[test]
fn what_no_node_would_take_is_refused_at_once_with_the_reason() {
    let dir = dir();
    let mut queue = queue(&dir);
    let with = |members: Value| {
        let Value::Object(members) = members else { panic!("an object") };
        NewOperation { members, ..NewOperation::default() }
    };
    let cases: [(NewOperation, &str); 9] = [
        (with(json!({})), "missing field `body`"),
        (with(json!({ "body": { "burn": {} } })), "unknown variant"),
        (with(json!({ "body": issue(1), "surprise": 1 })), "surprise"),
        (with(json!({ "body": { "issue": { "class": 1, "member": member(), "lines": [] } } })), "1 to 1000"),
        (with(json!({ "body": { "set_clock": { "time_ms": 1 } } })), "no act of a till"),
        (with(json!({ "till": { "store_id": 9, "till_id": 9 }, "body": issue(1) })), "another till"),
        (NewOperation { at_ms: Some(NOW_MS - 91 * DAY_MS), ..order("old", 1) }, "90 days"),
        (NewOperation { at_ms: Some(NOW_MS + 2 * HOUR_MS), ..order("ahead", 1) }, "ahead"),
        (order("", 1), "empty"),
    ];
    for (new, expected) in cases {
        let reason = refusal(add_one(&mut queue, new));
        assert!(reason.contains(expected), "`{reason}` lacks `{expected}`");
    }
    assert!(queue.counts().unwrap().is_empty());
    assert_eq!(queue.reference_of_order("old").unwrap(), None);
}

#[test]
fn pruning_keeps_what_is_queued_and_every_order_number() {
    let dir = dir();
    let mut queue = queue(&dir);
    let done = reference(&add_one(&mut queue, order("done", 1)));
    let waits = reference(&add_one(&mut queue, order("waits", 2)));
    queue.end(&[(done, End::refused("malformed_operation", "x"))], NOW_MS).unwrap();
    assert_eq!(queue.prune(NOW_MS).unwrap(), 0, "it ended now, not before");
    assert_eq!(queue.prune(NOW_MS + 1).unwrap(), 1);
    assert_eq!(queue.prune(u64::MAX >> 1).unwrap(), 0);
    assert!(queue.entry(waits).unwrap().is_some());
    assert_eq!(add_one(&mut queue, order("done", 1)), Added::Known(done, None));
    assert!(refusal(add_one(&mut queue, order("done", 9))).contains("another operation"));
}

#[test]
fn a_damaged_entry_is_never_sent_and_does_not_hold_up_the_others() {
    let dir = dir();
    let mut queue = queue(&dir);
    let bad = reference(&add_one(&mut queue, order("1", 100)));
    let good = reference(&add_one(&mut queue, order("2", 100)));
    let flip = "UPDATE entries SET operation = replace(operation, '100', '900') WHERE number = 1";
    queue.connection.execute(flip, []).unwrap();
    let limits = Limits { operations: 9, alliance_ms: NOW_MS, refuses_ahead: true, empty_bytes: 147 };
    let batch = queue.next_batch(&limits).unwrap();
    assert_eq!(batch.operations.iter().map(|o| o.reference).collect::<Vec<_>>(), [good]);
    assert_eq!(batch.ended[0].0, bad);
    assert_eq!(batch.ended[0].1.code.as_deref(), Some(DAMAGED));
}

#[test]
fn a_batch_fits_into_one_transaction_and_keeps_the_order() {
    let dir = dir();
    let mut queue = queue(&dir);
    let lines: Vec<Value> = (0..400).map(|n| json!({ "category": n, "amount_fen": "5" })).collect();
    let body = json!({ "issue": { "class": 1, "member": member(), "lines": lines } });
    let long = NewOperation { members: Map::from_iter([("body".to_owned(), body)]), ..NewOperation::default() };
    // Some thirteen of these fill a log entry; a short one behind them must not overtake.
    queue.add(vec![long; 20], NOW_MS).unwrap();
    add_one(&mut queue, order("short", 1));
    let limits = Limits { operations: 1_000, alliance_ms: NOW_MS, refuses_ahead: true, empty_bytes: 147 };
    let batch = queue.next_batch(&limits).unwrap();
    assert!((10..20).contains(&batch.operations.len()), "{}", batch.operations.len());
    let all = queue.entries(&Filter { state: None, after: 0, limit: 100 }).unwrap();
    let sent = batch.operations.iter().map(|o| o.reference);
    assert!(sent.eq(all.iter().take(batch.operations.len()).map(|entry| entry.reference)));
}

#[test]
fn a_wrong_clock_makes_no_reference_that_no_block_takes() {
    let dir = dir();
    let queue = queue(&dir);
    let contact = |local_ms| Contact { local_ms, alliance_ms: NOW_MS, node: "n".into() };
    let at = |local_ms| queue.reference_time_ms(local_ms).unwrap();
    assert_eq!(at(5), 5, "never told better");
    queue.set_contact(&contact(NOW_MS + 3)).unwrap();
    assert_eq!(at(NOW_MS + 1_003), NOW_MS + 1_000);
    assert_eq!(at(NOW_MS - 40 * DAY_MS), NOW_MS, "the battery died");
    queue.set_contact(&contact(NOW_MS + 2 * DAY_MS)).unwrap();
    assert_eq!(at(NOW_MS + 2 * DAY_MS + 60), NOW_MS + 60, "two days ahead all along");
    assert_eq!(at(NOW_MS + 60), NOW_MS, "put right since");
    queue.set_contact(&contact(NOW_MS - 900 * DAY_MS)).unwrap();
    assert_eq!(at(NOW_MS - 900 * DAY_MS + 60), NOW_MS + 60, "years behind all along");
    assert_eq!(at(NOW_MS + 60), NOW_MS + 60, "put right since");
}

/// Once `till status` stopped a `till run` that began in the same moment.
#[test]
fn who_looks_whether_somebody_delivers_keeps_nobody_from_it() {
    let dir = dir();
    let queue = queue(&dir);
    let (path, stop) = (queue.dir.clone(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let looking = Queue::open(&path).unwrap();
            while !stop.load(Ordering::Relaxed) {
                looking.is_delivering().unwrap();
            }
        });
        let taken: Vec<_> = (0..50).map(|_| queue.lock_delivery().map(drop)).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(taken.iter().all(Result::is_ok), "{taken:?}");
    });
}

#[test]
fn a_queue_is_for_one_alliance_merchant_and_till_and_delivered_by_one_process() {
    let dir = dir();
    let first = queue(&dir);
    assert!(!first.is_delivering().unwrap());
    let lock = first.lock_delivery().unwrap();
    assert!(first.is_delivering().unwrap());
    assert!(Queue::open(&first.dir).unwrap().lock_delivery().is_err());
    drop(lock);
    assert!(Queue::create(&first.dir, &config()).is_err(), "never over another");
    let path = first.dir.join(super::super::config::FILE);
    let changed = Config { chain_id: Hash([9; 32]), ..config() };
    std::fs::write(&path, changed.text().unwrap()).unwrap();
    let error = format!("{:#}", Queue::open(&first.dir).unwrap_err());
    assert!(error.contains("chain_id"), "{error}");
}
