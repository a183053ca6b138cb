//! Text -> signed notes, checkpoints, state notes, keys, `.tlog-proof` and policies of C2SP: no panic, and what is read
//! prints as what was read. The golden notes, damaged, say what they said or are refused. The first byte says which.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tally_fuzz::edits::damage;
use tally_fuzz::input::Input;
use tally_ledger::note::{Checkpoint, NoteSignature, Policy, SignedNote, StateNote, TlogProof, VerifierKey};

const CHECKPOINT: &str = include_str!("../../node/ledger/tests/golden/checkpoint.txt");
const STATE: &str = include_str!("../../node/ledger/tests/golden/state.txt");
const POLICY: &str = include_str!("../../node/ledger/tests/golden/policy.txt");
const PROOF: &str = include_str!("../../node/ledger/tests/golden/entry.tlog-proof");

static GOLDEN: LazyLock<Policy> = LazyLock::new(|| POLICY.parse().expect("the golden policy reads"));

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    if first % 2 == 0 {
        let Ok(text) = std::str::from_utf8(rest) else { return };
        read(text);
    } else {
        let golden = [CHECKPOINT, STATE, POLICY, PROOF][usize::from(first >> 1) % 4];
        let mut text = golden.as_bytes().to_vec();
        damage(&mut Input::new(rest), &mut text);
        read(&String::from_utf8_lossy(&text));
    }
});

/// Reads a text as each of the formats.
fn read(text: &str) {
    prints::<Checkpoint>(text);
    prints::<StateNote>(text);
    prints::<VerifierKey>(text);
    prints::<NoteSignature>(text);
    if let Some(note) = prints::<SignedNote>(text) {
        prints::<Checkpoint>(note.text());
        prints::<StateNote>(note.text());
        if Checkpoint::open(&note, &GOLDEN).is_ok() {
            assert!(CHECKPOINT.starts_with(note.text()), "merchants signed no such checkpoint");
        }
        if StateNote::open(&note, &GOLDEN).is_ok() {
            assert!(STATE.starts_with(note.text()), "merchants signed no such state");
        }
    }
    if let Some(proof) = prints::<TlogProof>(text) {
        let _ = proof.verify(b"", &GOLDEN);
    }
    // A policy may have comments, empty lines and spaces, which are not kept.
    if let Ok(policy) = text.parse::<Policy>() {
        let printed = policy.to_string();
        assert_eq!(printed.parse::<Policy>().expect("what is printed reads").to_string(), printed);
    }
}

fn prints<T: FromStr + Display + Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    assert_eq!(value.to_string(), text, "a text is read in one form alone");
    Some(value)
}
