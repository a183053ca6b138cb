//! Witnesses: one that keeps the protocol, and checks the proofs it is sent with the ledger's verifier.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use tally_contracts::checkpoint::{TreeHead, cosigned_text};
use tally_contracts::crypto::{PublicKey, sign};
use tally_contracts::types::Hash;
use tally_ledger::anchor::timestamp::Roots;
use tally_ledger::anchor::{self, Trust};
use tally_ledger::log::path::verify_consistency;
use tally_ledger::note::{Checkpoint, NoteSignature, SignatureType, SignedNote, VerifierKey};

use super::support::{Fake, Reply, World, anchored, asked};
use crate::anchoring::Operator;

const NAME: &str = "witness.example/1";
const TIME_S: u64 = 1_800_000_000;

/// What a witness keeps of the log.
#[derive(Clone, Copy)]
struct Seen {
    size: u64,
    root: Hash,
}

type Memory = Arc<Mutex<Seen>>;

fn nothing_seen() -> Memory {
    Arc::new(Mutex::new(Seen { size: 0, root: tally_ledger::log::empty_root() }))
}

fn secret() -> SigningKey {
    SigningKey::from_bytes(&[77; 32])
}

fn public() -> VerifierKey {
    VerifierKey::new(NAME, SignatureType::Cosignature, PublicKey::of(&secret())).unwrap()
}

async fn witness(memory: &Memory) -> Fake {
    let memory = memory.clone();
    Fake::serve(move |body| answer(&mut memory.lock().unwrap(), body)).await
}

fn operator(name: &str, fake: &Fake) -> Operator {
    Operator::witness(name, fake.url.clone(), &public().to_string()).unwrap()
}

/// What the witness answers to `POST add-checkpoint` (C2SP `tlog-witness`).
fn answer(seen: &mut Seen, body: &[u8]) -> Reply {
    let body = std::str::from_utf8(body).unwrap();
    let (head, note) = body.split_once("\n\n").unwrap();
    let mut head = head.lines();
    let old_size: u64 = head.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
    let proof: Vec<Hash> = head.map(hash).collect();
    let note: SignedNote = note.parse().unwrap();
    assert!(note.signatures().len() >= 2, "the log's signature and a merchant's");
    let TreeHead { size, root } = note.text().parse::<Checkpoint>().unwrap().log;
    if old_size != seen.size {
        return (409, "text/x.tlog.size", format!("{}\n", seen.size).into_bytes());
    }
    if verify_consistency(seen.size, &seen.root, size, &root, &proof).is_err() {
        return (422, "text/plain", b"inconsistent\n".to_vec());
    }
    *seen = Seen { size, root };
    let signature = sign(&secret(), cosigned_text(TIME_S, note.text()).as_bytes());
    let line = NoteSignature::cosignature(&public(), TIME_S, &signature).unwrap();
    (200, "text/plain", format!("{line}\n").into_bytes())
}

/// 32 bytes of base64.
fn hash(text: &str) -> Hash {
    Hash(STANDARD.decode(text).unwrap().try_into().unwrap())
}

#[tokio::test]
async fn a_witness_sees_the_log_grow_and_cosigns() {
    let memory = nothing_seen();
    let fake = witness(&memory).await;
    let mut world = World::new();
    let anchoring = world.start(vec![operator("witness", &fake)], 1);
    let auditor = Trust::new(Roots::default(), vec![public()]);
    for _ in 0..3 {
        let mark = world.checkpoint();
        world.until(&anchoring, "it is cosigned", anchored(mark)).await;
        assert_eq!(memory.lock().unwrap().size, world.on_record(mark.height).log_size);
        let evidence = world.evidence(mark);
        assert_eq!(evidence.len(), 1);
        let judged = anchor::judge(evidence[0], &world.text(mark), &auditor).unwrap();
        assert_eq!((judged.operator.as_str(), judged.time_ms), (NAME, TIME_S * 1_000));
    }
    assert_eq!(fake.asked().len(), 3, "the size that it has is remembered");
    assert_eq!(fake.asked()[0].path, "/service/add-checkpoint");
    anchoring.shutdown().await;
}

#[tokio::test]
async fn a_witness_that_has_seen_more_is_shown_the_proof_from_there() {
    let memory = nothing_seen();
    let fake = witness(&memory).await;
    let mut world = World::new();
    let first = world.on_record(world.checkpoint().height);
    // Another merchant's node was there first.
    *memory.lock().unwrap() = Seen { size: first.log_size, root: first.log_root };
    let mark = world.checkpoint();
    let anchoring = world.start(vec![operator("witness", &fake)], 1);
    world.until(&anchoring, "it is cosigned", anchored(mark)).await;
    let asked: Vec<String> = fake.asked().iter().map(|asked| String::from_utf8(asked.body.to_vec()).unwrap()).collect();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].starts_with("old 0\n\n"), "{}", asked[0]);
    assert!(asked[1].starts_with(&format!("old {}\n", first.log_size)), "{}", asked[1]);
    anchoring.shutdown().await;
}

#[tokio::test]
async fn a_claim_of_a_fork_is_kept_and_the_others_go_on() {
    let memory = nothing_seen();
    let (honest, alarmed) = (witness(&memory).await, nothing_seen());
    let fake = witness(&alarmed).await;
    let mut world = World::new();
    let first = world.on_record(world.checkpoint().height);
    // It was shown another history.
    *alarmed.lock().unwrap() = Seen { size: first.log_size, root: Hash([9; 32]) };
    let anchoring = world.start(vec![operator("honest", &honest), operator("alarmed", &fake)], 1);
    let forks = world.alliance.dir.path().join("anchors/forks");
    let mut kept = Vec::new();
    for claims in 1..=2 {
        let mark = world.checkpoint();
        world.until(&anchoring, "the other cosigns", anchored(mark)).await;
        let claimed = |standings: &[crate::anchoring::Standing]| {
            standings[1].queued == 0 && std::fs::read_dir(&forks).is_ok_and(|files| files.count() >= claims)
        };
        world.until(&anchoring, "the claim is kept", claimed).await;
        let path = forks.join(format!("alarmed-{}.txt", mark.time_ms));
        kept.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
        let sent = fake.asked().last().unwrap().body.clone();
        let text = &kept.last().unwrap().1;
        assert!(text.contains("\nstatus 422\n") && text.contains(&public().to_string()), "{text}");
        assert!(text.ends_with(&format!("{}inconsistent\n", String::from_utf8(sent.to_vec()).unwrap())), "{text}");
    }
    assert!(kept.iter().all(|(path, text)| std::fs::read_to_string(path).unwrap() == *text), "none is written over");
    assert_eq!(anchoring.progress().standings()[1].anchored, None);
    anchoring.shutdown().await;
}

#[tokio::test]
async fn an_older_checkpoint_is_not_shown_to_a_witness_that_has_a_later_one() {
    let memory = nothing_seen();
    let away = Fake::serve(|_| (503, "text/plain", Vec::new())).await;
    let mut world = World::new();
    let anchoring = world.start(vec![operator("witness", &away)], 1);
    world.checkpoint();
    world.until(&anchoring, "it is asked", asked(&away, 2)).await;
    // The head's log is later than any checkpoint.
    let head = world.alliance.replica.head();
    let Seen { size, root } = Seen { size: head.outcome.log_size, root: head.outcome.log_root };
    *memory.lock().unwrap() = Seen { size, root };
    anchoring.shutdown().await;
    let fake = witness(&memory).await;
    let anchoring = world.start(vec![operator("witness", &fake)], 1);
    world.until(&anchoring, "it is left out", |standings| standings[0].queued == 0).await;
    assert_eq!(world.anchors, []);
    let next = world.checkpoint();
    world.until(&anchoring, "the next is cosigned", anchored(next)).await;
    assert_eq!(fake.asked().len(), 2, "its size is remembered");
    anchoring.shutdown().await;
}

#[tokio::test]
async fn a_witness_that_does_not_know_the_log_is_asked_until_it_does() {
    let memory = nothing_seen();
    let (mut turn, seen) = (0, memory.clone());
    let fake = Fake::serve(move |body| {
        turn += 1;
        let mut good = answer(&mut seen.lock().unwrap().clone(), body);
        match turn {
            1 => (404, "text/plain", Vec::new()),
            2 => (403, "text/plain", Vec::new()),
            // No line of its key, and one whose signature is of something else.
            3 => (200, "text/plain", b"\n".to_vec()),
            4 => {
                let at = good.2.len() - 10;
                good.2[at] = if good.2[at] == b'A' { b'B' } else { b'A' };
                good
            }
            _ => good,
        }
    })
    .await;
    let mut world = World::new();
    let anchoring = world.start(vec![operator("witness", &fake)], 1);
    let mark = world.checkpoint();
    world.until(&anchoring, "it is cosigned", anchored(mark)).await;
    assert_eq!((fake.asked().len(), world.evidence(mark).len()), (5, 1));
    anchoring.shutdown().await;
}
