//! Verifier keys and signed notes.

use proptest::prelude::*;

use super::*;

/// The example of the Go package `sumdb/note`.
const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NEUMANN_NOTE: &str = "\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
";

#[test]
fn keys_and_notes_of_others_are_read() {
    for text in [NEUMANN, "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"] {
        let key: VerifierKey = text.parse().unwrap();
        assert_eq!(key.kind(), SignatureType::Ed25519);
        assert_eq!(key.to_string(), text);
    }
    let note: SignedNote = NEUMANN_NOTE.parse().unwrap();
    assert_eq!(note.verify(&NEUMANN.parse().unwrap()), Ok(None));
    assert_eq!(note.to_string(), NEUMANN_NOTE);
}

#[test]
fn what_is_no_key_is_refused() {
    let bytes = |kind: u8, length: usize| {
        STANDARD.encode([&[kind][..], &seed(1).verifying_key().to_bytes()[..length]].concat())
    };
    let (good, short) = (bytes(1, 32), bytes(1, 31));
    let id = hex::encode(key(1, "a", SignatureType::Ed25519).id());
    assert_eq!(format!("a+{id}+{good}").parse(), Ok(key(1, "a", SignatureType::Ed25519)));
    let weak = STANDARD.encode([&[1][..], &[0; 32]].concat());
    for (text, error) in [
        (String::new(), KeyError::Form),
        (format!("a+{id}"), KeyError::Form),
        (format!("a+{id}+"), KeyError::Form),
        (format!("a+{id}+{short}"), KeyError::Form),
        (format!("a+{id}+{}", good.trim_end_matches('=').to_owned() + "!"), KeyError::Form),
        (format!("a+{id}+{}", bytes(2, 32)), KeyError::Type(2)),
        (format!("a+{id}+{}", bytes(6, 32)), KeyError::Type(6)),
        (format!("+{id}+{good}"), KeyError::Name),
        (format!("a b+{id}+{good}"), KeyError::Name),
        (format!("a\u{a0}b+{id}+{good}"), KeyError::Name),
        (format!("a\0b+{id}+{good}"), KeyError::Name),
        (format!("a+{id}+{weak}"), KeyError::Key),
        (format!("b+{id}+{good}"), KeyError::Id),
        (format!("a+{id}+{}", bytes(4, 32)), KeyError::Id),
        (format!("a+0{id}+{good}"), KeyError::Id),
        (format!("a+{}+{good}", id.to_uppercase()), KeyError::Id),
        (format!("a+00000000+{good}"), KeyError::Id),
    ] {
        assert_eq!(text.parse::<VerifierKey>(), Err(error), "{text}");
    }
}

#[test]
fn what_is_no_note_is_refused() {
    let good = signed_checkpoint(&TreeHead::default(), &[1], &[]).to_string();
    let (text, line) = good.split_once("\n\n").unwrap();
    let line = line.trim_end();
    let (name, bytes) = line.strip_prefix("— ").unwrap().split_once(' ').unwrap();
    for (note, error) in [
        (String::new(), NoteError::Unsigned),
        (format!("{text}\n"), NoteError::Unsigned),
        (format!("{text}\n\n"), NoteError::Unsigned),
        (format!("{text}\n{line}\n"), NoteError::Unsigned),
        (format!("{text}\n\n{line}"), NoteError::Unsigned),
        (format!("{text}\n\n\n"), NoteError::Unsigned),
        (format!("{text}\n\n{line}\nand more\n"), NoteError::Line),
        (format!("{text}\n\n{line} \n"), NoteError::Line),
        (format!("{text}\n\n{line}\r\n"), NoteError::Line),
        (format!("{text}\n\n- {name} {bytes}\n"), NoteError::Line),
        (format!("{text}\n\n—{name} {bytes}\n"), NoteError::Line),
        (format!("{text}\n\n— {name}  {bytes}\n"), NoteError::Line),
        (format!("{text}\n\n— {name}\t{bytes}\n"), NoteError::Line),
        (format!("{text}\n\n—  {bytes}\n"), NoteError::Line),
        (format!("{text}\n\n— a+b {bytes}\n"), NoteError::Line),
        (format!("{text}\n\n— a\u{2003}b {bytes}\n"), NoteError::Line),
        (format!("{text}\n\n— {name} \n"), NoteError::Line),
        (format!("{text}\n\n— {name} AAAAAA==\n"), NoteError::Line),
        (format!("{text}\n\n— {name} {}\n", bytes.trim_end_matches('=')), NoteError::Line),
        (format!("{text}\r\n\n{line}\n"), NoteError::Text),
        (format!("{text}\t\n\n{line}\n"), NoteError::Text),
        (format!("\0{text}\n\n{line}\n"), NoteError::Text),
        (format!("{text}\n\n{}", format!("{line}\n").repeat(101)), NoteError::TooMany),
    ] {
        assert_eq!(note.parse::<SignedNote>(), Err(error), "{note:?}");
    }
    let most: SignedNote = format!("{text}\n\n{}", format!("{line}\n").repeat(100)).parse().unwrap();
    assert_eq!(most.signatures().len(), 100);
    assert_eq!(SignedNote::new("no end".to_owned(), most.signatures().to_vec()), Err(NoteError::Text));
    assert_eq!(SignedNote::new("end\n".to_owned(), Vec::new()), Err(NoteError::Unsigned));
}

#[test]
fn the_last_empty_line_parts_text_and_signatures() {
    for text in ["\n", "a\n\n", "\n\n\n", "a\n\n— b AAAAAAA=\n", "ünï\n"] {
        let note = SignedNote::new(text.to_owned(), vec![log_signature(1, text)]).unwrap();
        let read: SignedNote = note.to_string().parse().unwrap();
        assert_eq!(read, note);
        assert_eq!(read.verify(&key(1, &origin(&CHAIN_ID), SignatureType::Ed25519)), Ok(None), "{text:?}");
    }
}

#[test]
fn a_key_answers_for_its_own_lines_only() {
    let text = checkpoint_text(&CHAIN_ID, &TreeHead::default());
    let name = origin(&CHAIN_ID);
    let log = key(1, &name, SignatureType::Ed25519);
    let missing = |key: &VerifierKey| Err(VerifyError::Missing(key.name().to_owned()));
    let invalid = |key: &VerifierKey| Err(VerifyError::Invalid(key.name().to_owned()));
    let note = |lines: Vec<NoteSignature>| SignedNote::new(text.clone(), lines).unwrap();
    let wrong = NoteSignature::plain(&log, &sign(&seed(1), b"another text")).unwrap();
    assert_eq!(note(vec![log_signature(2, &text)]).verify(&log), missing(&log));
    assert_eq!(note(vec![wrong.clone()]).verify(&log), invalid(&log));
    assert_eq!(note(vec![log_signature(2, &text), log_signature(1, &text)]).verify(&log), Ok(None));
    assert_eq!(
        note(vec![log_signature(1, &text), wrong]).verify(&log),
        invalid(&log),
        "a good line does not hide a bad one"
    );
    let renamed = log_signature(1, &text).to_string().replace(&name, "other").parse().unwrap();
    assert_eq!(note(vec![renamed]).verify(&log), missing(&log), "the id alone names no key");
    // Neither type passes for the other, not even with the other's signature in it.
    let cosigner = key(1, &name, SignatureType::Cosignature);
    let plain = sign(&seed(1), text.as_bytes());
    assert_eq!(NoteSignature::plain(&cosigner, &plain), Err(NoteError::Type));
    assert_eq!(NoteSignature::cosignature(&log, TIME_S, &plain), Err(NoteError::Type));
    assert_eq!(note(vec![log_signature(1, &text)]).verify(&cosigner), missing(&cosigner));
    let disguised = NoteSignature::cosignature(&cosigner, TIME_S, &plain).unwrap();
    assert_eq!(note(vec![disguised]).verify(&cosigner), invalid(&cosigner));
}

#[test]
fn a_cosignature_holds_for_its_time_alone() {
    let text = checkpoint_text(&CHAIN_ID, &TreeHead::default());
    let key = key(1, "witness", SignatureType::Cosignature);
    let cosigned = |said: u64, signed: u64| {
        let signature = sign(&seed(1), cosigned_text(signed, &text).as_bytes());
        let line = NoteSignature::cosignature(&key, said, &signature)?;
        Ok(SignedNote::new(text.clone(), vec![line])?.verify(&key).ok())
    };
    assert_eq!(cosigned(TIME_S, TIME_S), Ok(Some(Some(TIME_S))));
    assert_eq!(cosigned(0, 0), Ok(Some(Some(0))));
    assert_eq!(cosigned(TIME_S + 1, TIME_S), Ok(None));
    let last = i64::MAX as u64;
    assert_eq!(cosigned(last, last), Ok(Some(Some(last))));
    assert_eq!(cosigned(last + 1, last + 1), Err(NoteError::Time));
    // The same from outside, where nobody refused to make it.
    let late = sign(&seed(1), cosigned_text(last + 1, &text).as_bytes());
    let bytes = [&key.id()[..], &(last + 1).to_be_bytes(), &late.0].concat();
    let note: SignedNote = format!("{text}\n— witness {}\n", STANDARD.encode(bytes)).parse().unwrap();
    assert_eq!(note.verify(&key), Err(VerifyError::Invalid("witness".to_owned())));
}

proptest! {
    #[test]
    fn keys_and_notes_are_read_back(n in 1_u8.., name in "[^\\s\\pC+]{1,20}", text in "[^\\pC]{0,30}", cosigned: bool) {
        let text = format!("{text}\n");
        let kind = if cosigned { SignatureType::Cosignature } else { SignatureType::Ed25519 };
        let key = key(n, &name, kind);
        prop_assert_eq!(key.to_string().parse(), Ok(key.clone()));
        let line = match kind {
            SignatureType::Ed25519 => NoteSignature::plain(&key, &sign(&seed(n), text.as_bytes())),
            SignatureType::Cosignature => {
                let signature = sign(&seed(n), cosigned_text(TIME_S, &text).as_bytes());
                NoteSignature::cosignature(&key, TIME_S, &signature)
            }
        };
        let note = SignedNote::new(text, vec![line.unwrap()]).unwrap();
        let read: SignedNote = note.to_string().parse().unwrap();
        prop_assert_eq!(&read, &note);
        prop_assert_eq!(read.verify(&key), Ok(cosigned.then_some(TIME_S)));
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in "(— |a|\\+|\n\n|\n|0|AAAAAAA=|time| |/state|.){0,40}") {
        if let Ok(note) = text.parse::<SignedNote>() {
            prop_assert_eq!(note.to_string(), text.as_str());
        }
        if let Ok(key) = text.parse::<VerifierKey>() {
            prop_assert_eq!(key.to_string(), text.as_str());
        }
        prop_assert!(text.parse::<Checkpoint>().is_err());
        prop_assert!(text.parse::<StateNote>().is_err());
        prop_assert!(text.parse::<TlogProof>().is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn a_changed_byte_anywhere_in_a_note_is_refused(change in 1_u8..128) {
        let text = signed_checkpoint(&TreeHead { size: 7, root: Hash([9; 32]) }, &[1], &[]).to_string();
        let key = key(1, &origin(&CHAIN_ID), SignatureType::Ed25519);
        for changed in with_a_changed_byte(&text, change) {
            let opened = changed.parse::<SignedNote>().is_ok_and(|note| note.verify(&key).is_ok());
            prop_assert!(!opened, "{}", changed);
        }
    }
}
