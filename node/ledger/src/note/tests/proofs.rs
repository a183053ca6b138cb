//! Proofs of entries as text, and the golden files.

use proptest::prelude::*;

use super::*;
use crate::log::path::inclusion;
use crate::log::{Frontier, ProofError, TileId, Tiles, leaf_hash};

/// A log within one tile.
struct Leaves(Vec<Hash>);

impl Tiles for Leaves {
    type Error = ();

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, ()> {
        Ok(self.0[..usize::from(id.width)].to_vec())
    }
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// The proof of one entry, under just as many signatures as four merchants need.
fn proof(index: u64, size: u64) -> TlogProof {
    let mut frontier = Frontier::default();
    let leaves: Vec<Hash> = (0..size).map(|at| leaf_hash(&entry(at))).collect();
    leaves.iter().for_each(|leaf| frontier.append_hash(*leaf));
    let log = TreeHead { size, root: frontier.root() };
    let path = inclusion(&Leaves(leaves), index, size).unwrap();
    TlogProof { extra: None, index, path, checkpoint: signed_checkpoint(&log, &[2], &[1, 2, 4]) }
}

#[test]
fn golden_files_are_made_and_opened_to_the_byte() {
    let made = TlogProof { extra: Some(b"by hand".to_vec()), ..proof(69, 100) };
    golden("checkpoint.txt", &made.checkpoint.to_string());
    let policy: Policy = golden("policy.txt", &policy(4).to_string()).parse().unwrap();
    let read: TlogProof = golden("entry.tlog-proof", &made.to_string()).parse().unwrap();
    let (checkpoint, signers) = read.verify(&entry(69), &policy).unwrap();
    assert_eq!((checkpoint.log.size, signers.len()), (100, 3));
}

#[test]
fn a_proof_of_something_else_is_refused() {
    let good = proof(5, 9);
    let policy4 = policy(4);
    let refused = |proof: &TlogProof, leaf: u64| proof.verify(&entry(leaf), &policy4).unwrap_err();
    assert_eq!(refused(&good, 6), TlogProofError::Inclusion(ProofError::Root));
    assert_eq!(refused(&TlogProof { index: 9, ..good.clone() }, 5), TlogProofError::Inclusion(ProofError::Beyond));
    assert_eq!(refused(&TlogProof { path: vec![], ..good.clone() }, 5), TlogProofError::Inclusion(ProofError::Length));
    let elsewhere = TlogProof { checkpoint: proof(5, 10).checkpoint, ..good.clone() };
    assert!(matches!(refused(&elsewhere, 5), TlogProofError::Inclusion(_)));
    let quorum = Refusal::NoQuorum { signed: 3, known: 7 };
    assert_eq!(good.verify(&entry(5), &policy(7)), Err(TlogProofError::Refused(quorum)));
}

#[test]
fn a_proof_in_any_other_form_is_refused() {
    let text = proof(5, 9).to_string();
    let (version, index) = ("c2sp.org/tlog-proof@v1\n", "index 5\n");
    let hash = format!("{}\n", text.lines().nth(2).unwrap());
    let wrong = |line| TlogProofError::Text(TextError { text: "proof", line });
    for (from, to, error) in [
        (version, "", wrong("the first line")),
        (version, "c2sp.org/tlog-proof@v2\n", wrong("the first line")),
        (version, "\n\n", wrong("the first line")),
        (version, "c2sp.org/tlog-proof@v1\r\n", wrong("the first line")),
        (index, "", wrong("the index")),
        (index, "index\n", wrong("the index")),
        (index, "index 05\n", wrong("the index")),
        (index, "index  5\n", wrong("the index")),
        (index, "index -5\n", wrong("the index")),
        (index, "Index 5\n", wrong("the index")),
        (index, "extra\nindex 5\n", wrong("the index")),
        (index, "extra AA==\nextra AA==\nindex 5\n", wrong("the index")),
        (index, "extra AA\nindex 5\n", wrong("the extra data")),
        (index, "extra  \nindex 5\n", wrong("the extra data")),
        (index, "index 5\nextra AA==\n", wrong("a hash")),
        (&hash, "AAAA\n", wrong("a hash")),
        (&hash, &format!("{}\n", hash.trim_end().trim_end_matches('=')), wrong("a hash")),
        (&hash, &hash.repeat(64), wrong("the number of hashes")),
        (&hash, "\n", TlogProofError::Note(NoteError::Unsigned)),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        match changed.parse::<TlogProof>() {
            Err(found) => assert_eq!(found, error, "{changed}"),
            // An early end makes the rest of the hashes part of the note's text, which the policy refuses.
            Ok(early) => assert!(matches!(early.verify(&entry(5), &policy(4)), Err(TlogProofError::Refused(_)))),
        }
    }
    for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        let cut = text[..cut].parse::<TlogProof>();
        assert!(cut.is_err() || cut.is_ok_and(|proof| proof.verify(&entry(5), &policy(4)).is_err()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn proofs_are_read_back_and_hold(
        size in 1_u64..=256, at: u64, extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
    ) {
        let made = TlogProof { extra, ..proof(at % size, size) };
        let read: TlogProof = made.to_string().parse().unwrap();
        prop_assert_eq!(&read, &made);
        prop_assert!(read.verify(&entry(at % size), &policy(4)).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]
    #[test]
    fn a_changed_byte_anywhere_in_a_proof_is_refused(change in 1_u8..128) {
        // No signature more than the policy asks for, so that each is needed.
        let proof = proof(5, 9);
        let log = proof.checkpoint.text().parse::<Checkpoint>().unwrap().log;
        let text = TlogProof { checkpoint: signed_checkpoint(&log, &[1], &[1]), ..proof }.to_string();
        let policy = policy(1);
        prop_assert!(text.parse::<TlogProof>().is_ok_and(|proof| proof.verify(&entry(5), &policy).is_ok()));
        for changed in with_a_changed_byte(&text, change) {
            let held = changed.parse::<TlogProof>().is_ok_and(|proof| proof.verify(&entry(5), &policy).is_ok());
            prop_assert!(!held, "{}", changed);
        }
    }
}
