//! The courier against nodes that behave badly: each operation once, in order, and an end for each.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tally_contracts::types::DAY_MS;
use tempfile::TempDir;

use super::*;
use crate::till::queue::{Entry, Filter};
use crate::till::testing::{FakeNode, NOW_MS, Reaction, buy, dir, queue_to};

const VALIDITY_MS: u64 = 10 * 60_000;

fn courier(queue: Queue) -> Courier {
    Courier::new(queue, Manner { batch: 200, validity_ms: VALIDITY_MS }).unwrap()
}

/// A courier to one node.
fn single() -> (TempDir, FakeNode, Courier) {
    let (dir, node) = (dir(), FakeNode::start());
    let courier = courier(queue_to(&dir, &[&node]));
    (dir, node, courier)
}

/// Steps until nothing is queued.
async fn finish(courier: &mut Courier, most: usize) {
    for _ in 0..most {
        if matches!(courier.step().await.unwrap(), Step::Empty) {
            return;
        }
    }
    panic!("not empty after {most} rounds: {:?}", courier.queue.counts());
}

async fn trouble(courier: &mut Courier) -> Trouble {
    match courier.step().await.unwrap() {
        Step::Trouble(trouble) => trouble,
        other => panic!("{other:?}"),
    }
}

fn entry(courier: &Courier, reference: Reference) -> Entry {
    courier.queue.entry(reference).unwrap().unwrap()
}

fn states(courier: &Courier) -> Vec<State> {
    let all = Filter { state: None, after: 0, limit: 1_000 };
    courier.queue.entries(&all).unwrap().iter().map(|entry| entry.state).collect()
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_with_the_same_bytes() {
    let (_dir, node, mut courier) = single();
    let sent = buy(&mut courier.queue, 1..=3);
    node.script([Reaction::HangUp, Reaction::ExecuteAndHangUp]);
    assert_eq!(trouble(&mut courier).await.code, "no_line");
    assert_eq!(trouble(&mut courier).await.code, "no_line");
    finish(&mut courier, 2).await;
    let ledger = node.ledger();
    assert_eq!(ledger.executed, sent);
    assert!(ledger.posted.len() == 2 && ledger.posted[0] == ledger.posted[1], "{:?}", ledger.posted);
    let entry = entry(&courier, sent[2]);
    assert_eq!((entry.state, entry.height, entry.index), (State::Applied, Some(1), Some(2)));
    assert!(entry.receipt.is_some() && entry.node.as_deref() == Some(node.url.as_str()));
}

#[tokio::test]
async fn what_is_on_its_way_is_sent_again_after_a_crash_and_nothing_else_is_signed_meanwhile() {
    let (_dir, node, mut first) = single();
    let sent = buy(&mut first.queue, 1..=2);
    node.script([Reaction::TakeAndHangUp]);
    trouble(&mut first).await;
    drop(first);
    let mut second = courier(Queue::open(&_dir.path().join("queue")).unwrap());
    let later = buy(&mut second.queue, 3..=4);
    finish(&mut second, 3).await;
    let ledger = node.ledger();
    assert_eq!(ledger.executed, [sent, later].concat());
    assert_eq!(ledger.posted[0], ledger.posted[1]);
    assert_eq!(ledger.violations, Vec::<String>::new());
}

#[tokio::test]
async fn what_expired_is_signed_again_under_the_same_references() {
    let (_dir, node, mut courier) = single();
    let sent = buy(&mut courier.queue, 1..=2);
    node.script([Reaction::Take, Reaction::Take]);
    assert!(matches!(courier.step().await.unwrap(), Step::Pending(_)));
    assert!(matches!(courier.step().await.unwrap(), Step::Pending(_)));
    node.ledger().time_ms += VALIDITY_MS + 1;
    finish(&mut courier, 2).await;
    let ledger = node.ledger();
    assert_eq!(ledger.executed, sent);
    assert_ne!(ledger.posted.first(), ledger.posted.last());
    assert_eq!(ledger.violations, Vec::<String>::new());
}

#[tokio::test]
async fn of_a_duplicate_the_first_receipt_counts() {
    let (_dir, node, mut courier) = single();
    let sent = buy(&mut courier.queue, 1..=2);
    node.ledger().rules.insert(sent[1], ("insufficient_points", true));
    // The first queue delivered, then the till got back an older copy of its disk.
    let older = Queue::create(&_dir.path().join("older"), &courier.queue.config).unwrap();
    finish(&mut courier, 2).await;
    let mut second = self::courier(older);
    let again = [1, 2].map(|fen| crate::till::queue::NewOperation {
        reference: Some(sent[fen - 1]),
        members: serde_json::Map::from_iter([("body".to_owned(), crate::till::testing::issue(fen as u64))]),
        ..Default::default()
    });
    second.queue.add(again.into(), NOW_MS).unwrap();
    finish(&mut second, 2).await;
    assert_eq!(node.ledger().executed, sent);
    let (applied, rejected) = (entry(&second, sent[0]), entry(&second, sent[1]));
    assert_eq!((applied.state, applied.height), (State::Applied, Some(1)));
    assert_eq!((rejected.state, rejected.code.as_deref()), (State::Rejected, Some("insufficient_points")));
    assert!(rejected.detail.is_some());
}

#[tokio::test]
async fn one_operation_that_no_node_takes_ends_refused_and_the_others_go_on_in_order() {
    let (_dir, node, mut courier) = single();
    let sent = buy(&mut courier.queue, 1..=20);
    node.ledger().unfit.extend([sent[6], sent[13]]);
    finish(&mut courier, 40).await;
    let good: Vec<Reference> = sent.iter().copied().filter(|r| *r != sent[6] && *r != sent[13]).collect();
    assert_eq!(node.ledger().executed, good);
    assert_eq!(node.ledger().violations, Vec::<String>::new());
    let refused = entry(&courier, sent[6]);
    assert_eq!((refused.state, refused.code.as_deref()), (State::Refused, Some("malformed_operation")));
    // A node of the right version comes: the same reference goes out again.
    node.ledger().unfit.clear();
    assert_eq!(courier.queue.put_back(&[sent[6]]).unwrap(), 1);
    finish(&mut courier, 2).await;
    assert_eq!(entry(&courier, sent[6]).state, State::Applied);
}

#[tokio::test]
async fn nothing_is_signed_anew_while_another_node_may_have_the_transaction() {
    let (dir, node) = (dir(), FakeNode::start());
    let mut courier = courier(queue_to(&dir, &[&node, &node.peer()]));
    let sent = buy(&mut courier.queue, 1..=2);
    // The first node takes it and its line is cut; the second cannot read it.
    node.script([Reaction::TakeAndHangUp, Reaction::Refuse(422, "malformed_operation")]);
    assert!(!trouble(&mut courier).await.code.is_empty());
    let refuse = [Reaction::Refuse(422, "malformed_operation"); 2];
    node.script(refuse);
    assert_eq!(trouble(&mut courier).await.code, "malformed_operation");
    assert_eq!(states(&courier), [State::Queued; 2]);
    node.ledger().time_ms += VALIDITY_MS + 1;
    node.script([Reaction::Refuse(422, "malformed_operation")]);
    finish(&mut courier, 4).await;
    assert_eq!(node.ledger().executed, sent);
    assert_eq!(node.ledger().violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_key_that_is_not_taken_ends_nothing() {
    let (_dir, node, mut courier) = single();
    let sent = buy(&mut courier.queue, 1..=2);
    node.script([Reaction::Refuse(422, "unknown_key"), Reaction::Refuse(401, "unauthorized")]);
    let key = trouble(&mut courier).await;
    assert!(key.code == "unknown_key" && !key.passes && key.detail.contains("queued"), "{key:?}");
    assert_eq!(trouble(&mut courier).await.code, "unauthorized");
    // The same rule in a block: the key was revoked between the door and execution.
    node.ledger().rules.insert(sent[0], ("unknown_key", false));
    assert!(matches!(courier.step().await.unwrap(), Step::Landed { .. }));
    assert_eq!(states(&courier), [State::Queued, State::Applied]);
    node.ledger().rules.clear();
    finish(&mut courier, 2).await;
    assert_eq!(states(&courier), [State::Applied; 2]);
}

#[tokio::test]
async fn what_is_rejected_ends_with_its_rule_and_may_be_put_back_if_it_is_not_kept() {
    let (_dir, node, mut courier) = single();
    let sent = buy(&mut courier.queue, 1..=2);
    node.ledger().rules.insert(sent[0], ("role_missing", false));
    node.ledger().rules.insert(sent[1], ("a_rule_of_a_later_version", true));
    finish(&mut courier, 2).await;
    assert_eq!(states(&courier), [State::Rejected; 2]);
    assert_eq!(entry(&courier, sent[1]).code.as_deref(), Some("a_rule_of_a_later_version"));
    node.ledger().rules.clear();
    courier.queue.put_back(&sent).unwrap();
    finish(&mut courier, 2).await;
    assert_eq!(states(&courier), [State::Applied, State::Rejected], "what is kept stays");
}

#[tokio::test]
async fn old_references_end_and_those_ahead_wait() {
    let (_dir, node, mut courier) = single();
    let old = buy(&mut courier.queue, 1..=1);
    node.ledger().time_ms += 91 * DAY_MS;
    finish(&mut courier, 2).await;
    let entry = entry(&courier, old[0]);
    assert_eq!((entry.state, entry.code.as_deref()), (State::Refused, Some("reference_too_old")));
    // The till's clock is a day ahead, and it was never told.
    let (_dir, node, mut courier) = single();
    node.ledger().time_ms = NOW_MS - DAY_MS;
    buy(&mut courier.queue, 2..=3);
    assert!(matches!(courier.step().await.unwrap(), Step::Held(2)));
    assert!(node.ledger().posted.is_empty());
    node.ledger().time_ms = NOW_MS;
    finish(&mut courier, 2).await;
}

#[tokio::test]
async fn a_node_of_another_alliance_gets_nothing() {
    let (dir, foreign, own) = (dir(), FakeNode::foreign(), FakeNode::start());
    let mut courier = courier(queue_to(&dir, &[&foreign, &own]));
    let sent = buy(&mut courier.queue, 1..=2);
    finish(&mut courier, 2).await;
    assert_eq!(own.ledger().executed, sent);
    assert!(foreign.ledger().posted.is_empty());
    let lost = self::dir();
    let mut alone = self::courier(queue_to(&lost, &[&foreign]));
    buy(&mut alone.queue, 1..=1);
    let trouble = trouble(&mut alone).await;
    assert!(trouble.code == "wrong_chain" && !trouble.passes, "{trouble:?}");
}

#[tokio::test]
async fn whatever_the_line_does_each_operation_takes_effect_once_and_in_order() {
    for seed in 0..12 {
        let mut random = StdRng::seed_from_u64(seed);
        let (dir, node) = (dir(), FakeNode::start());
        let mut courier = courier(queue_to(&dir, &[&node, &node.peer()]));
        let mut sent = Vec::new();
        for round in 0..60 {
            let first = 1 + round * 10;
            sent.extend(buy(&mut courier.queue, first..first + random.gen_range(0..4)));
            let reaction = match random.gen_range(0..8) {
                0 => Reaction::Execute,
                1 | 2 => Reaction::ExecuteAndHangUp,
                3 => Reaction::Take,
                4 => Reaction::TakeAndHangUp,
                5 => Reaction::Refuse(429, "overloaded"),
                6 => Reaction::Refuse(503, "timed_out"),
                _ => Reaction::HangUp,
            };
            node.script([reaction]);
            node.ledger().time_ms += random.gen_range(0..VALIDITY_MS);
            if random.gen_bool(0.2) {
                // Kill -9.
                courier = self::courier(Queue::open(&dir.path().join("queue")).unwrap());
            }
            courier.step().await.unwrap();
        }
        finish(&mut courier, 100).await;
        let ledger = node.ledger();
        assert_eq!(ledger.executed, sent, "seed {seed}");
        assert_eq!(ledger.violations, Vec::<String>::new(), "seed {seed}");
        assert!(states(&courier).iter().all(|state| *state == State::Applied), "seed {seed}");
    }
}
