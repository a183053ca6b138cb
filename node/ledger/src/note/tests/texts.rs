//! The texts of checkpoints and state notes.

use tally_contracts::checkpoint::{StateHead, state_text};
use tally_contracts::types::Height;

use super::*;

const STATE: StateHead = StateHead {
    height: Height(5),
    time_ms: 1_700_000_000_123,
    log_size: 70_000,
    state_root: Hash([1; 32]),
    erc1155_root: Hash([2; 32]),
};

#[test]
fn the_texts_that_merchants_sign_are_read_back() {
    for size in [0, 1, u64::MAX] {
        let log = TreeHead { size, root: Hash([3; 32]) };
        let text = checkpoint_text(&CHAIN_ID, &log);
        let checkpoint = Checkpoint { origin: origin(&CHAIN_ID), log };
        assert_eq!(text.parse(), Ok(checkpoint.clone()));
        assert_eq!(checkpoint.to_string(), text);
    }
    let text = state_text(&CHAIN_ID, &STATE);
    let state = StateNote { origin: origin(&CHAIN_ID), state: STATE };
    assert_eq!(text.parse(), Ok(state.clone()));
    assert_eq!(state.to_string(), text);
}

/// Replaces one line of a text.
fn with_line(text: &str, at: usize, line: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines[at] = line;
    lines.join("\n") + "\n"
}

/// What is neither a number nor a root.
const NUMBERS: [&str; 8] = ["", "01", "+1", "-1", "1 ", "0x1", "1.0", "18446744073709551616"];
const ROOTS: [&str; 6] = [
    "",
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF=",
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==",
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB",
    " AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
];

#[test]
fn a_checkpoint_in_any_other_form_is_refused() {
    let text = checkpoint_text(&CHAIN_ID, &TreeHead { size: 7, root: Hash([1; 32]) });
    let refused =
        |text: &str, line| assert_eq!(text.parse::<Checkpoint>(), Err(TextError { text: "checkpoint", line }));
    refused("", "the end");
    refused(text.trim_end(), "the end");
    refused(&format!("{text}extension\n"), "the number of lines");
    refused(&format!("{text}\n"), "the number of lines");
    refused("a\n1\n", "the number of lines");
    for name in ["", "a b", "a+b", "a\t"] {
        refused(&with_line(&text, 0, name), "the origin");
    }
    NUMBERS.into_iter().for_each(|number| refused(&with_line(&text, 1, number), "the size"));
    ROOTS.into_iter().for_each(|root| refused(&with_line(&text, 2, root), "the root"));
}

#[test]
fn a_state_note_in_any_other_form_is_refused() {
    let text = state_text(&CHAIN_ID, &STATE);
    let refused = |text: &str, line| assert_eq!(text.parse::<StateNote>(), Err(TextError { text: "state note", line }));
    refused(text.trim_end(), "the end");
    refused(&format!("{text}more\n"), "the number of lines");
    for name in ["", "/state", "a b/state", "tally", "tally/State", "tally/state/"] {
        refused(&with_line(&text, 0, name), "the name");
    }
    for (at, line) in [(1, "the height"), (2, "the time"), (3, "the log's size")] {
        NUMBERS.into_iter().for_each(|number| refused(&with_line(&text, at, number), line));
    }
    for (at, line) in [(4, "the state root"), (5, "the ERC-1155 root")] {
        ROOTS.into_iter().for_each(|root| refused(&with_line(&text, at, root), line));
    }
}

#[test]
fn a_state_note_opens_for_the_quorum_that_signed_it() {
    let text = state_text(&CHAIN_ID, &STATE);
    let signed = |by: &[u8]| {
        let lines = by.iter().map(|n| state_signature(*n, &text)).collect();
        SignedNote::new(text.clone(), lines).unwrap()
    };
    let three = signed(&[4, 1, 2]);
    golden("state.txt", &three.to_string());
    let (note, signers) = StateNote::open(&three, &policy(4)).unwrap();
    assert_eq!(note.state, STATE);
    assert_eq!(signers.len(), 3);
    assert_eq!(StateNote::open(&signed(&[1, 2]), &policy(4)), Err(Refusal::NoQuorum { signed: 2, known: 4 }));
    // The log's signature and a cosignature are other statements.
    for other in [log_signature as fn(u8, &str) -> NoteSignature, cosignature] {
        let lines = (1..=4).map(|n| other(n, &text)).collect();
        let note = SignedNote::new(text.clone(), lines).unwrap();
        assert_eq!(StateNote::open(&note, &policy(4)), Err(Refusal::NoQuorum { signed: 0, known: 4 }));
    }
}
