//! Files of proofs: any JSON, true proofs damaged, and proofs of any content under notes that merchants did sign. No
//! panic; what is read is written as the same; a damaged proof shows what it showed or nothing. The first byte says
//! which.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tally_contracts::types::{Hash, Month, Points};
use tally_fuzz::codec;
use tally_fuzz::edits::damage;
use tally_fuzz::input::Input;
use tally_fuzz::vouching::VOUCHING;
use tally_fuzz::world::member;
use tally_ledger::proof::{Fact, GrowthProof, Hex, NoteText, ProofFile, Proved, SettlementProof, StatementProof};

/// True proofs as text, each with what it shows.
static TRUE: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let with_claim = |fact| {
        let file = VOUCHING.file(fact);
        let text = serde_json::to_string(&file).expect("a proof is JSON");
        (text, claim(&judge(&file).expect("a true proof verifies")))
    };
    VOUCHING.facts().into_iter().map(with_claim).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    match first % 3 {
        0 => drop(read(rest)),
        1 => {
            let (text, shown) = &TRUE[usize::from(first / 3) % TRUE.len()];
            let mut text = text.clone().into_bytes();
            damage(&mut Input::new(rest), &mut text);
            if let Some(proved) = read(&text) {
                assert_eq!(claim(&proved), *shown, "a damaged proof shows something else");
            }
        }
        _ => {
            let file = VOUCHING.file(forged(first / 3, rest));
            codec::speaks_json(&file);
            let _ = judge(&file);
        }
    }
});

/// What a text shows as a proof, if it is one.
fn read(text: &[u8]) -> Option<Proved> {
    let file: ProofFile = serde_json::from_slice(text).ok()?;
    codec::speaks_json(&file);
    judge(&file)
}

fn judge(file: &ProofFile) -> Option<Proved> {
    file.verify(&VOUCHING.chain_id, &VOUCHING.policy, &VOUCHING.trust).ok()
}

/// What is proved, whoever vouches for it.
fn claim(proved: &Proved) -> Value {
    let mut value = serde_json::to_value(proved).expect("what is proved is JSON");
    forget_signers(&mut value);
    value
}

fn forget_signers(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("signers");
            members.values_mut().for_each(forget_signers);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_signers),
        _ => {}
    }
}

/// A proof of any content, under notes that merchants signed.
fn forged(kind: u8, bytes: &[u8]) -> Fact {
    let class = tally_contracts::types::ClassId(1);
    match kind % 5 {
        0 => {
            let leaf = [&2_u32.to_le_bytes()[..], bytes].concat();
            VOUCHING.operation(leaf, bytes.first().map_or(0, |byte| (byte % 4).into()))
        }
        1 => {
            let (points, nodes) = bytes.split_first().unwrap_or((&0, &[]));
            VOUCHING.balance(Points(u64::from(*points)), pieces(nodes))
        }
        2 => {
            let mut lines = pieces(bytes);
            let to = [&1_u32.to_le_bytes()[..], &lines.pop().unwrap_or_default()].concat();
            let (to, lines) = (VOUCHING.record(to), lines.into_iter().map(Hex).collect());
            Fact::Statement(StatementProof { holder: member(1), class, from: None, to, lines })
        }
        3 => {
            let mut records = pieces(bytes).into_iter().map(|record| VOUCHING.record(record));
            let empty = || VOUCHING.record(Vec::new());
            let statement = records.next().unwrap_or_else(empty);
            Fact::Settlement(SettlementProof { cycle: Month(571), statement, legs: records.collect() })
        }
        _ => {
            let mut input = Input::new(bytes);
            let sizes = [input.amount(), input.amount()];
            let mut hashes = input.rest().chunks(32).map(|chunk| {
                let mut hash = Hash::ZERO;
                hash.0[..chunk.len()].copy_from_slice(chunk);
                hash
            });
            let [from, to] =
                sizes.map(|size| NoteText(VOUCHING.checkpoint(size, hashes.next().unwrap_or(Hash::ZERO)).to_string()));
            Fact::Growth(GrowthProof { from, to, path: hashes.collect() })
        }
    }
}

/// Parts of some bytes, each as long as the byte before it says.
fn pieces(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut left = bytes;
    while let Some((length, after)) = left.split_first() {
        let (piece, rest) = after.split_at(usize::from(*length).min(after.len()));
        pieces.push(piece.to_vec());
        left = rest;
    }
    pieces
}
