//! Every kind of proof holds as it was made, and no longer once any of its bytes is changed.

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::Value;
use tally_contracts::checkpoint::{
    Evidence, StateHead, TreeHead, checkpoint_text, cosigned_text, cosigner_name, origin, state_text,
};
use tally_contracts::crypto::{PublicKey, Signature, sign};
use tally_contracts::encoding::encode;
use tally_contracts::points::{Lot, Movement, Reason};
use tally_contracts::receipt::{Applied, Receipt};
use tally_contracts::settlement::{Leg, LegState, NetPosition, Statement};
use tally_contracts::state::{Key, MemoryStore, WriteSet, Writes, tag};
use tally_contracts::transaction::{Body, Operation, Transaction};
use tally_contracts::types::{Address, ClassId, Fen, Hash, Height, MerchantId, Month, Points, Reference};

use super::*;
use crate::anchor::timestamp::Roots;
use crate::leaf::Leaf;
use crate::log::{leaf_hash, node_hash};
use crate::note::{NoteSignature, SignatureType, TlogProof, VerifierKey};
use crate::roots::checkpoint_roots;
use crate::roots::erc1155::balance_slot;
use crate::roots::records::RecordId;

const CHAIN: ChainId = Hash([0x42; 32]);
const HOLDER: Address = Address([0xaa; 20]);
const STRANGER: Address = Address([0xbb; 20]);
const CLASS: ClassId = ClassId(7);
const TIME_S: u64 = 1_700_000_000;

fn key(merchant: u16) -> SigningKey {
    SigningKey::from_bytes(&[merchant as u8; 32])
}

fn policy() -> Policy {
    let cosigners: Vec<_> = (1..=4).map(|id| (MerchantId(id), PublicKey::of(&key(id)))).collect();
    Policy::of_cosigners(&CHAIN, &cosigners).unwrap()
}

fn verifier(name: &str, kind: SignatureType, merchant: u16) -> VerifierKey {
    VerifierKey::new(name, kind, PublicKey::of(&key(merchant))).unwrap()
}

/// A checkpoint that so many merchants signed.
fn checkpoint(log: TreeHead, signers: u16) -> SignedNote {
    let text = checkpoint_text(&CHAIN, &log);
    let plain = verifier(&origin(&CHAIN), SignatureType::Ed25519, 1);
    let mut lines = vec![NoteSignature::plain(&plain, &sign(&key(1), text.as_bytes())).unwrap()];
    for id in 1..=signers {
        let cosigner = verifier(&cosigner_name(&CHAIN, MerchantId(id)), SignatureType::Cosignature, id);
        let signature = sign(&key(id), cosigned_text(TIME_S, &text).as_bytes());
        lines.push(NoteSignature::cosignature(&cosigner, TIME_S, &signature).unwrap());
    }
    SignedNote::new(text, lines).unwrap()
}

fn state_note(state_root: Hash, erc1155_root: Hash, height: u64) -> NoteText {
    let head = StateHead { height: Height(height), time_ms: 5, log_size: 2, state_root, erc1155_root };
    let text = state_text(&CHAIN, &head);
    let line = |id: u16| {
        let key_of = verifier(&cosigner_name(&CHAIN, MerchantId(id)), SignatureType::Ed25519, id);
        NoteSignature::plain(&key_of, &sign(&key(id), text.as_bytes())).unwrap()
    };
    let lines = (1..=3).map(line).collect();
    NoteText::from(&SignedNote::new(text, lines).unwrap())
}

/// Two leaves, of which the first is a transaction.
fn log() -> (Vec<u8>, Hash, TreeHead) {
    let member = HOLDER;
    let redeem = tally_contracts::points::Redeem { class: CLASS, member, points: Points(1) };
    let transaction = Transaction {
        chain_id: CHAIN,
        merchant: MerchantId(2),
        public_key: PublicKey([1; 32]),
        valid_until_ms: 9,
        atomic: false,
        operations: vec![Operation::new(Reference::new(5, 5), Body::Redeem(redeem))],
        signature: Signature([2; 64]),
    };
    let receipts = [Receipt {
        reference: Reference::new(5, 5),
        outcome: tally_contracts::receipt::Outcome::Applied(Applied::ReferralConverted),
    }];
    let bytes = encode(&transaction);
    let leaf = encode(&Leaf::Transaction { height: Height(3), index: 0, bytes: &bytes, receipts: &receipts });
    let sibling = leaf_hash(b"header");
    let root = node_hash(&leaf_hash(&leaf), &sibling);
    (leaf, sibling, TreeHead { size: 2, root })
}

fn operation() -> Fact {
    let (leaf, sibling, head) = log();
    let proof = TlogProof { extra: None, index: 0, path: vec![sibling], checkpoint: checkpoint(head, 3) };
    Fact::Operation(OperationProof { operation: 0, leaf: Hex(leaf), tlog_proof: proof.to_string() })
}

/// A member's two movements and a closed cycle of one leg.
fn store() -> (MemoryStore, Vec<Movement>) {
    let movement = |delta, points, before: &Hash, height| {
        let lots = vec![Lot { expires: Month(600), points: Points(points) }];
        let fresh = Movement { operation: Some(0), delta, reason: Reason::Issued, lots, statement_hash: Hash::ZERO };
        fresh.chained(before, (HOLDER, CLASS), Height(height), 0)
    };
    let first = movement(10, 10, &Hash::ZERO, 1);
    let second = movement(-4, 6, &first.statement_hash, 2);
    let mut writes = Writes::default();
    for (height, movement) in [(1_u64, &first), (2, &second)] {
        let put = |to: &mut Vec<u8>| {
            to.push(tag::HOLDINGS);
            (HOLDER, CLASS).put(to);
            to.extend_from_slice(&(!height).to_be_bytes());
            to.extend_from_slice(&(!0_u32).to_be_bytes());
        };
        writes.put(put, Some(movement));
    }
    let cycle = Month(560);
    let positions = vec![NetPosition { merchant: MerchantId(1), net_fen: 1 }];
    let statement = Statement { height: Height(1), time_ms: 1, positions, legs: 1 };
    let leg = Leg {
        payer: MerchantId(2),
        payee: MerchantId(1),
        amount_fen: Fen(1),
        due_ms: 1,
        deadline_ms: 2,
        bank_reference: None,
        is_escalated: false,
        state: LegState::Open,
    };
    let table = |to: &mut Vec<u8>, tag: u8, key: &dyn Fn(&mut Vec<u8>)| {
        to.push(tag);
        key(to);
    };
    writes.put(|to| table(to, tag::statements, &|to| cycle.put(to)), Some(&statement));
    writes.put(|to| table(to, tag::legs, &|to| (cycle, 0_u16).put(to)), Some(&leg));
    let mut store = MemoryStore::default();
    store.apply(&WriteSet::new(&writes));
    (store, vec![first, second])
}

fn facts() -> Vec<Fact> {
    let (store, movements) = store();
    let roots = checkpoint_roots(&store, Month(590), "tally", 1);
    let note = state_note(roots.state.root(), roots.storage.root(), 9);
    let record = |id| RecordPart::new(roots.state.prove(&store, &id).unwrap(), note.clone());
    let balance = |holder| {
        let read = |range: std::ops::Range<usize>| roots.balances.entries()[range].to_vec();
        BalanceProof::new(holder, CLASS, roots.storage.prove(&balance_slot(&holder, CLASS), read), note.clone())
    };
    let line = |(movement, height): (&Movement, u64)| {
        Hex(encode(&movement.clone().into_line((HOLDER, CLASS), Height(height), 0)))
    };
    let lines = movements.iter().zip(1..).map(line).collect();
    let (_, _, head) = log();
    let (old, new) = (TreeHead { size: 1, root: leaf_hash(b"a") }, {
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        TreeHead { size: 2, root: node_hash(&a, &b) }
    });
    let text = checkpoint_text(&CHAIN, &head);
    let cosigner = verifier("w.example", SignatureType::Cosignature, 9);
    let signature = sign(&key(9), cosigned_text(TIME_S, &text).as_bytes());
    let cosigned = NoteSignature::cosignature(&cosigner, TIME_S, &signature).unwrap();
    vec![
        operation(),
        Fact::Signed(SignedProof { checkpoint: NoteText::from(&checkpoint(head, 3)), state: note.clone() }),
        Fact::Growth(GrowthProof {
            from: NoteText::from(&checkpoint(old, 3)),
            to: NoteText::from(&checkpoint(new, 3)),
            path: vec![leaf_hash(b"b")],
        }),
        Fact::Balance(balance(HOLDER)),
        Fact::Balance(balance(STRANGER)),
        Fact::Statement(StatementProof {
            holder: HOLDER,
            class: CLASS,
            from: None,
            to: record(RecordId::Holding(HOLDER, CLASS)),
            lines,
        }),
        Fact::Settlement(SettlementProof {
            cycle: Month(560),
            statement: record(RecordId::Statement(Month(560))),
            legs: vec![record(RecordId::Leg(Month(560), 0))],
        }),
        Fact::Anchored(AnchoredProof {
            checkpoint: NoteText::from(&checkpoint(head, 3)),
            evidence: Evidence::Witness { key: cosigner.to_string(), line: cosigned.to_string() },
        }),
    ]
}

fn trust() -> Trust {
    Trust::new(Roots::default(), vec![verifier("w.example", SignatureType::Cosignature, 9)])
}

fn verify(file: &ProofFile) -> Result<Proved, ProofFault> {
    file.verify(&CHAIN, &policy(), &trust())
}

#[test]
fn every_proof_holds_through_its_file() {
    let mut shown = Vec::new();
    for fact in facts() {
        let file = ProofFile::new(CHAIN, &policy(), fact);
        let text = serde_json::to_string(&file).unwrap();
        let read: ProofFile = serde_json::from_str(&text).unwrap();
        assert_eq!(read, file);
        shown.push(verify(&read).unwrap_or_else(|fault| panic!("{fault}: {text}")));
    }
    let [
        Proved::Operation(operation),
        _,
        _,
        Proved::Balance(balance),
        Proved::Balance(nothing),
        Proved::Statement(statement),
        ..,
    ] = &shown[..]
    else {
        panic!("{shown:?}")
    };
    assert_eq!((operation.height, operation.merchant), (Height(3), MerchantId(2)));
    assert_eq!((balance.points, nothing.points), (Points(6), Points(0)));
    assert_eq!(statement.lines.iter().map(|line| line.delta).collect::<Vec<_>>(), [10, -4]);
}

#[test]
fn two_of_four_are_not_enough_and_another_alliance_is_another() {
    let (_, _, head) = log();
    let (store, _) = store();
    let roots = checkpoint_roots(&store, Month(590), "tally", 1);
    let state = state_note(roots.state.root(), roots.storage.root(), 9);
    let few = SignedProof { checkpoint: NoteText::from(&checkpoint(head, 2)), state };
    let file = ProofFile::new(CHAIN, &policy(), Fact::Signed(few));
    assert!(matches!(verify(&file), Err(ProofFault::Refused(Refusal::NoQuorum { signed: 2, known: 4 }))));
    let file = ProofFile::new(CHAIN, &policy(), operation());
    let other = file.verify(&Hash([1; 32]), &policy(), &trust());
    assert!(matches!(other, Err(ProofFault::OtherAlliance { .. })));
    let nobody = Policy::of_cosigners(&CHAIN, &[(MerchantId(1), PublicKey::of(&key(7)))]).unwrap();
    assert!(matches!(file.verify(&CHAIN, &nobody, &trust()), Err(ProofFault::Entry(_))));
}

#[test]
fn a_statement_that_lacks_a_line_is_not_complete() {
    let Some(Fact::Statement(whole)) = facts().into_iter().nth(5) else { panic!("the order of facts") };
    for at in 0..2 {
        let mut part = whole.clone();
        part.lines.remove(at);
        let file = ProofFile::new(CHAIN, &policy(), Fact::Statement(part));
        assert!(matches!(verify(&file), Err(ProofFault::Mismatch(_))), "without line {at}");
    }
}

/// Every text and number of a JSON value, by its path.
fn leaves(value: &Value, path: String, to: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| leaves(value, format!("{path}/{name}"), to)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, value)| leaves(value, format!("{path}/{i}"), to)),
        _ => to.push(path),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A character anywhere in what a file says is changed: it is refused, or shows the very same.
    #[test]
    fn a_changed_file_shows_nothing_else(which in 0_usize..8, at: prop::sample::Index, position: prop::sample::Index, to in "[0-9a-fA-Z+/]") {
        let file = ProofFile::new(CHAIN, &policy(), facts().swap_remove(which));
        let shown = verify(&file).expect("it holds");
        let mut value = serde_json::to_value(&file).expect("it is written");
        let mut paths = Vec::new();
        leaves(&value["fact"], "/fact".to_owned(), &mut paths);
        let path = &paths[at.index(paths.len())];
        let leaf = value.pointer_mut(path).expect("it is there");
        let mut text: Vec<char> = leaf.as_str().map_or_else(|| leaf.to_string(), str::to_owned).chars().collect();
        if text.is_empty() {
            return Ok(());
        }
        let position = position.index(text.len());
        text[position] = to.chars().next().expect("one character");
        let text: String = text.into_iter().collect();
        *leaf = if leaf.is_string() { Value::from(text) } else { serde_json::from_str(&text).unwrap_or(Value::Null) };
        let changed: Result<ProofFile, _> = serde_json::from_value(value);
        if let Ok(changed) = changed
            && let Ok(other) = verify(&changed)
        {
            prop_assert_eq!(other, shown, "{} was changed", path);
        }
    }
}
