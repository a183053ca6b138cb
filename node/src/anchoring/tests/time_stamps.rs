//! Time-stamp authorities: `openssl ts` answers our requests.

use std::sync::Arc;

use tally_contracts::checkpoint::{Evidence, MAX_RESPONSE_BYTES};
use tally_ledger::anchor::timestamp::Roots;
use tally_ledger::anchor::{self, Trust};

use super::authority::{Authority, GOOD};
use super::support::{Fake, Reply, World, anchored, asked, wait};
use crate::anchoring::Operator;

const REPLY: &str = "application/timestamp-reply";

fn operator(fake: &Fake, authority: &Authority) -> Operator {
    Operator::time_stamps("stamps", fake.url.clone(), roots(authority))
}

fn roots(authority: &Authority) -> Roots {
    Roots::from_pem(&authority.root()).unwrap()
}

fn stamp(authority: &Authority, request: &[u8]) -> Reply {
    (200, REPLY, authority.stamp(request))
}

/// Nobody there.
const AWAY: Reply = (503, "text/plain", Vec::new());

#[tokio::test]
async fn the_first_final_checkpoint_of_each_period_is_stamped_once() {
    let authority = Arc::new(Authority::new(GOOD));
    let stamping = authority.clone();
    let fake = Fake::serve(move |request| stamp(&stamping, request)).await;
    let mut world = World::new();
    let anchoring = world.start(vec![operator(&fake, &authority)], 3);
    let mut periods = Vec::new();
    for _ in 0..5 {
        let mark = world.checkpoint();
        let period = mark.time_ms / 1_800_000;
        if periods.last().is_none_or(|(last, _)| *last < period) {
            periods.push((period, mark));
            world.until(&anchoring, "a due checkpoint is anchored", anchored(mark)).await;
        }
    }
    assert!(periods.len() < 5 && periods.len() > 1, "{periods:?}");
    let auditor = Trust::new(roots(&authority), Vec::new());
    for (_, mark) in &periods {
        let evidence = world.evidence(*mark);
        assert_eq!(evidence.len(), 1);
        let judged = anchor::judge(evidence[0], &world.text(*mark), &auditor).unwrap();
        assert_eq!(judged.operator, "CN=Stamps signer,O=Outside Ltd");
    }
    assert_eq!(world.anchors.len(), periods.len());
    assert_eq!(fake.asked().len(), periods.len());
    assert_eq!(fake.asked()[0].content_type, "application/timestamp-query");
    anchoring.shutdown().await;
}

#[tokio::test]
async fn what_proves_nothing_is_not_submitted_and_asked_for_again() {
    let authority = Arc::new(Authority::new(GOOD));
    let (stamping, stranger) = (authority.clone(), Authority::new(GOOD));
    let mut turn = 0;
    let fake = Fake::serve(move |request| {
        turn += 1;
        let response = stamping.stamp(request);
        match turn {
            1 => AWAY,
            2 => (200, "text/html", response),
            3 => (200, REPLY, stamping.stamp(b"no request")),
            4 => (200, REPLY, stranger.stamp(request)),
            5 => (200, REPLY, vec![0x30; MAX_RESPONSE_BYTES + 1]),
            // A good stamp of the same checkpoint, for another request.
            6 => (200, REPLY, stamping.stamp(&other(request))),
            _ => (200, REPLY, response),
        }
    })
    .await;
    let mut world = World::new();
    let anchoring = world.start(vec![operator(&fake, &authority)], 1);
    let mark = world.checkpoint();
    world.until(&anchoring, "the seventh answer is good", anchored(mark)).await;
    assert_eq!(fake.asked().len(), 7);
    let auditor = Trust::new(roots(&authority), Vec::new());
    let evidence = world.evidence(mark);
    assert_eq!(evidence.len(), 1);
    anchor::judge(evidence[0], &world.text(mark), &auditor).unwrap();
    anchoring.shutdown().await;
}

/// A request with the last byte of its nonce changed: it stands before `certReq`, the last three bytes.
fn other(request: &[u8]) -> Vec<u8> {
    let mut other = request.to_vec();
    let at = other.len() - 4;
    other[at] ^= 1;
    other
}

#[tokio::test]
async fn what_waits_survives_a_restart() {
    let authority = Arc::new(Authority::new(GOOD));
    let away = Fake::serve(|_| AWAY).await;
    let mut world = World::new();
    let anchoring = world.start(vec![operator(&away, &authority)], 1);
    let first = world.checkpoint();
    world.until(&anchoring, "it is asked for", asked(&away, 1)).await;
    let second = world.checkpoint();
    world.until(&anchoring, "both wait", |standings| standings[0].queued == 2).await;
    let waiting = anchoring.progress().standings()[0].clone();
    assert_eq!((waiting.anchored, waiting.lag_ms(second.time_ms)), (None, Some(second.time_ms - first.time_ms)));
    anchoring.shutdown().await;
    let stamping = authority.clone();
    let fake = Fake::serve(move |request| stamp(&stamping, request)).await;
    let anchoring = world.start(vec![operator(&fake, &authority)], 1);
    world.until(&anchoring, "what waited is anchored", anchored(second)).await;
    assert_eq!((world.evidence(first).len(), world.evidence(second).len()), (1, 1));
    assert_eq!(world.anchors[0].checkpoint, second.height, "the newest first");
    assert_eq!(fake.asked().len(), 2);
    anchoring.shutdown().await;
    let again = world.start(vec![operator(&fake, &authority)], 1);
    assert_eq!(again.progress().standings()[0].anchored, Some(second), "remembered");
    again.shutdown().await;
}

#[tokio::test]
async fn evidence_that_was_given_is_not_asked_for_again_after_a_restart() {
    let authority = Arc::new(Authority::new(GOOD));
    let stamping = authority.clone();
    let fake = Fake::serve(move |request| stamp(&stamping, request)).await;
    let mut world = World::new();
    let anchoring = world.start(vec![operator(&fake, &authority)], 1);
    let mark = world.checkpoint();
    let queue = world.alliance.dir.path().join("anchors/stamps.json");
    // No block is made meanwhile, so there is no receipt.
    wait("it is stamped", || std::fs::read_to_string(&queue).is_ok_and(|text| text.contains("time_stamp"))).await;
    anchoring.shutdown().await;
    let anchoring = world.start(vec![operator(&fake, &authority)], 1);
    world.until(&anchoring, "it is anchored", anchored(mark)).await;
    assert_eq!(fake.asked().len(), 1);
    assert!(matches!(world.evidence(mark)[..], [Evidence::TimeStamp { .. }]), "and once");
    anchoring.shutdown().await;
}
