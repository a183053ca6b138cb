//! Witnesses of transparency logs: each keeps the newest checkpoint of a log that it saw, and cosigns a later one
//! only if it is shown that the log merely grew. A log that shows two of them different histories is found out.
//!
//! [`add_checkpoint`] makes what is sent to a witness, [`Answer::judge`] judges what comes back, [`cosignature`]
//! judges a line of it, at once or years later.
//!
//! Sources: C2SP `tlog-witness` v1.0, `tlog-cosignature` v1.0 (Ed25519, type 0x04), `signed-note` v1.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tally_contracts::types::Hash;

use crate::note::{
    Checkpoint, KeyError, NoteError, NoteSignature, SignatureType, SignedNote, VerifierKey, VerifyError, decimal,
};

/// The content type of an answer that is a log's size.
const SIZE_TYPE: &str = "text/x.tlog.size";

/// Most hashes that a proof may have in a request.
pub const MAX_PROOF_HASHES: usize = 63;

/// Largest answer that is judged, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 << 10;

/// A witness's word for a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Its signature line, `— <name> <base64>`, without the newline.
    pub line: String,
    /// When it cosigned, in seconds since 1970.
    pub time_s: u64,
}

/// What a witness replied, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// HTTP status.
    pub status: u16,
    /// The header `Content-Type`, empty where there is none.
    pub content_type: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// What a witness's reply means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It saw the log grow and cosigned: 200.
    Cosigned(Cosignature),
    /// It last cosigned another size than was said: 409. Send the proof from that size on.
    Size(u64),
    /// What it cosigned before is no part of this checkpoint's log: 422, or 409 for another root of the same size.
    Fork(Fork),
    /// It does not know the log: 404. Its operator has to add the log's origin and keys.
    UnknownLog,
    /// It trusts none of the keys that signed the checkpoint: 403. Its operator has to be given the new ones.
    UntrustedKeys,
}

/// A witness's claim that the log forked: worth an inquiry, and all that one needs to begin. Either a proof was
/// wrong, or someone holds a checkpoint of this log with another history: the witness's own, which has its
/// cosignature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// What was sent: the size it was said to have, the proof, the signed checkpoint.
    pub sent: String,
    /// The status that came back.
    pub status: u16,
    /// The body that came back.
    pub body: String,
}

/// Words of a witness that prove nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// Not a key's text.
    #[error("`{text}` is no key of a witness: {fault}")]
    Key {
        /// The beginning of the text.
        text: String,
        /// What is wrong with it.
        fault: KeyError,
    },
    /// A key of another type.
    #[error("the key of `{0}` signs no cosignatures; configure its key of type 4")]
    NoWitness(String),
    /// Not a signature line.
    #[error("{0}; ask the witness again")]
    Line(#[from] NoteError),
    /// Of another key.
    #[error("the line is signed by `{found}`, not by `{expected}`; configure the key of the witness that was asked")]
    OtherKey {
        /// The name of the key that signed.
        found: String,
        /// The name of the key that was asked for, which another key may bear as well.
        expected: String,
    },
    /// The signature.
    #[error("the cosignature of `{0}` does not hold for this checkpoint; ask the witness again")]
    Signature(String),
    /// No line of the witness's key among the answer.
    #[error("the witness `{0}` answered without a cosignature by its key; check the key that is configured for it")]
    NoCosignature(String),
    /// Something that the protocol does not have.
    #[error("the witness answered with status {status}: {body}; {hint}")]
    Unexpected {
        /// HTTP status.
        status: u16,
        /// The beginning of its body.
        body: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The request that is said to have been answered is none.
    #[error("what was sent to the witness is no request to it; send what `add_checkpoint` makes")]
    Sent,
}

/// Reads a witness's key, `<name>+<id>+<base64>` of type 0x04.
///
/// # Errors
/// [`WitnessError::Key`], [`WitnessError::NoWitness`].
pub fn witness_key(text: &str) -> Result<VerifierKey, WitnessError> {
    let bad = |fault| WitnessError::Key { text: text.escape_debug().take(200).collect(), fault };
    let key: VerifierKey = text.parse().map_err(bad)?;
    match key.kind() {
        SignatureType::Cosignature => Ok(key),
        SignatureType::Ed25519 => Err(WitnessError::NoWitness(key.name().to_owned())),
    }
}

impl Cosignature {
    /// When it cosigned, in ms since 1970; a time beyond what 64 bits hold is the last that they hold.
    #[must_use]
    pub const fn time_ms(&self) -> u64 {
        self.time_s.saturating_mul(1_000)
    }
}

/// The body of `POST <submission prefix>/add-checkpoint`: the size that the witness cosigned last (0 if none), the
/// RFC 6962 consistency proof from there, and the signed checkpoint.
///
/// # Panics
/// With more than [`MAX_PROOF_HASHES`]: no tree below 2^62 leaves has such a proof.
#[must_use]
pub fn add_checkpoint(old_size: u64, proof: &[Hash], checkpoint: &str) -> String {
    assert!(proof.len() <= MAX_PROOF_HASHES, "a proof has as many hashes as the tree is high");
    let proof: String = proof.iter().map(|hash| STANDARD.encode(hash.0) + "\n").collect();
    format!("old {old_size}\n{proof}\n{checkpoint}")
}

impl Answer {
    /// Judges the reply of the witness of that key to `sent`, which [`add_checkpoint`] made.
    ///
    /// # Errors
    /// [`WitnessError`], when the reply is none of the protocol or its cosignature does not hold.
    pub fn judge(sent: &str, reply: &Reply<'_>, key: &VerifierKey) -> Result<Self, WitnessError> {
        let (old_size, checkpoint) = read_sent(sent).ok_or(WitnessError::Sent)?;
        let body = std::str::from_utf8(reply.body).ok().filter(|body| body.len() <= MAX_ANSWER_BYTES);
        let body = body.ok_or_else(|| unexpected(reply, "the body is no text of a witness: check its address"))?;
        let fork = || Ok(Self::Fork(Fork { sent: sent.to_owned(), status: reply.status, body: body.to_owned() }));
        match reply.status {
            200 => cosignature_in(body, checkpoint, key).map(Self::Cosigned),
            403 => Ok(Self::UntrustedKeys),
            404 => Ok(Self::UnknownLog),
            409 => match size(reply.content_type, body) {
                Some(size) if size != old_size => Ok(Self::Size(size)),
                // The size was right: what is in conflict is the root of a checkpoint of that same size.
                _ if checkpoint.parse().is_ok_and(|own: Checkpoint| own.log.size == old_size) => fork(),
                _ => Err(unexpected(reply, "a conflict without another size: report it to the witness's operator")),
            },
            422 => fork(),
            400 => Err(unexpected(reply, "it could not read the request: check that the log did not shrink")),
            _ => Err(unexpected(reply, "ask again later, or another witness")),
        }
    }
}

/// Judges a signature line `— <name> <base64>` of the witness of that key, over a checkpoint's text (without
/// signatures).
///
/// # Errors
/// [`WitnessError`]: not such a line, of another key, or a signature that does not hold.
pub fn cosignature(line: &str, checkpoint_text: &str, key: &VerifierKey) -> Result<Cosignature, WitnessError> {
    let signature: NoteSignature = line.parse()?;
    let found = signature.name().to_owned();
    match SignedNote::new(checkpoint_text.to_owned(), vec![signature])?.verify(key) {
        Ok(Some(time_s)) => Ok(Cosignature { line: line.to_owned(), time_s }),
        Ok(None) | Err(VerifyError::Missing(_)) => {
            Err(WitnessError::OtherKey { found, expected: key.name().to_owned() })
        }
        Err(VerifyError::Invalid(name)) => Err(WitnessError::Signature(name)),
    }
}

/// The first line of the answer that is of the witness's key. Lines of other keys are passed over, as the protocol
/// asks.
fn cosignature_in(body: &str, checkpoint: &str, key: &VerifierKey) -> Result<Cosignature, WitnessError> {
    let Some(lines) = body.strip_suffix('\n') else { return Err(NoteError::Line.into()) };
    for line in lines.split('\n') {
        match cosignature(line, checkpoint, key) {
            Err(WitnessError::OtherKey { .. }) => {}
            judged => return judged,
        }
    }
    Err(WitnessError::NoCosignature(key.name().to_owned()))
}

/// The old size and the checkpoint's text of a request.
fn read_sent(sent: &str) -> Option<(u64, &str)> {
    let (head, note) = sent.split_once("\n\n")?;
    let old_size = head.split('\n').next()?.strip_prefix("old ")?.parse().ok()?;
    let (text, _signatures) = note.rsplit_once("\n\n")?;
    // The text ends in its newline; the next one is the empty line's.
    Some((old_size, &note[..=text.len()]))
}

/// The size of a conflict's answer.
fn size(content_type: &str, body: &str) -> Option<u64> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case(SIZE_TYPE) { decimal(body.strip_suffix('\n')?) } else { None }
}

fn unexpected(reply: &Reply<'_>, hint: &'static str) -> WitnessError {
    let body = String::from_utf8_lossy(reply.body).trim_end().escape_debug().take(200).collect();
    WitnessError::Unexpected { status: reply.status, body, hint }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;
    use tally_contracts::crypto::{PublicKey, sign};

    use super::*;

    const TEXT: &str = "tally/abc\n7\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    const TIME_S: u64 = 1_700_000_000;

    fn secret(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn witness(name: &str, n: u8) -> VerifierKey {
        VerifierKey::new(name, SignatureType::Cosignature, PublicKey::of(&secret(n))).unwrap()
    }

    /// What the witness `w.example/1` sends for a checkpoint.
    fn line(n: u8, text: &str) -> String {
        let key = witness("w.example/1", n);
        let signature = sign(&secret(n), format!("cosignature/v1\ntime {TIME_S}\n{text}").as_bytes());
        NoteSignature::cosignature(&key, TIME_S, &signature).unwrap().to_string()
    }

    fn sent(old_size: u64) -> String {
        add_checkpoint(old_size, &[Hash([1; 32])], &format!("{TEXT}\n\u{2014} tally/abc AAAA\n"))
    }

    fn answer(old_size: u64, status: u16, content_type: &str, body: &str) -> Result<Answer, WitnessError> {
        let reply = Reply { status, content_type, body: body.as_bytes() };
        Answer::judge(&sent(old_size), &reply, &witness("w.example/1", 1))
    }

    #[test]
    fn a_request_is_as_the_protocol_has_it() {
        let expected = "old 3\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\n";
        assert_eq!(sent(3), format!("{expected}{TEXT}\n\u{2014} tally/abc AAAA\n"));
        assert_eq!(add_checkpoint(0, &[], "note"), "old 0\n\nnote");
        assert_eq!(read_sent(&sent(3)), Some((3, TEXT)));
    }

    #[test]
    fn a_witness_has_a_key_for_cosignatures() {
        let key = witness("w.example/1", 1);
        assert_eq!(witness_key(&key.to_string()), Ok(key));
        assert!(matches!(witness_key("w.example"), Err(WitnessError::Key { .. })));
        // The published key of Go's checksum database: a good one, but not a witness's.
        let type_1 = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        assert_eq!(witness_key(type_1), Err(WitnessError::NoWitness("sum.golang.org".to_owned())));
    }

    #[test]
    fn a_cosignature_holds_for_its_checkpoint_key_and_time_alone() {
        let good = line(1, TEXT);
        let key = witness("w.example/1", 1);
        assert_eq!(cosignature(&good, TEXT, &key), Ok(Cosignature { line: good.clone(), time_s: TIME_S }));
        let no = Err(WitnessError::Signature("w.example/1".to_owned()));
        assert_eq!(cosignature(&good, &TEXT.replace('7', "8"), &key), no);
        for other in [witness("w.example/1", 2), witness("w.example/2", 1)] {
            assert!(matches!(cosignature(&good, TEXT, &other), Err(WitnessError::OtherKey { .. })), "{other}");
        }
        let blob = STANDARD.decode(good.rsplit(' ').next().unwrap()).unwrap();
        for at in 0..blob.len() {
            let mut flipped = blob.clone();
            flipped[at] ^= 1;
            let line = format!("\u{2014} w.example/1 {}", STANDARD.encode(flipped));
            cosignature(&line, TEXT, &key).expect_err(&line);
        }
    }

    /// Key and line were made by a witness that is not ours (the Python package aics-witness 0.1.0).
    #[test]
    fn a_cosignature_of_another_program_holds() {
        let key = witness_key("w.example/one+2f62e64a+BL86oMtTJ/3OLVZp+arcd+L2ROEEegl9QXKMFtkn6sZI").unwrap();
        let line = "\u{2014} w.example/one \
            L2LmSgAAAABrAzigQEOZLHt7d13Er3b8+tN99twAZfRC7QWqoQpmsy+K5B/vst4g7wcBeMgLGHbGLN8aFM4mswc7BE77f58wBXqeAw==";
        let mut log = crate::log::Frontier::default();
        (0_u8..4).for_each(|leaf| log.append(&[leaf]));
        let text = format!("tally/abc\n4\n{}\n", STANDARD.encode(log.root().0));
        let cosigned = cosignature(line, &text, &key).unwrap();
        assert_eq!(cosigned.time_ms(), 1_795_373_216_000);
        cosignature(line, &text.replace('4', "5"), &key).unwrap_err();
    }

    #[test]
    fn a_cosigned_answer_may_hold_lines_of_other_keys() {
        let good = line(1, TEXT);
        let cosigned = Answer::Cosigned(Cosignature { line: good.clone(), time_s: TIME_S });
        assert_eq!(answer(3, 200, "", &format!("{good}\n")), Ok(cosigned.clone()));
        assert_eq!(answer(3, 200, "", &format!("{}\n{good}\n", line(2, TEXT))), Ok(cosigned));
        let none = Err(WitnessError::NoCosignature("w.example/1".to_owned()));
        assert_eq!(answer(3, 200, "", &format!("{}\n", line(2, TEXT))), none);
        let of_another = line(1, &TEXT.replace('7', "8"));
        let signature = Err(WitnessError::Signature("w.example/1".to_owned()));
        assert_eq!(answer(3, 200, "", &format!("{of_another}\n{good}\n")), signature);
        for body in ["", "\n", &good, "cosigned\n"] {
            assert!(matches!(answer(3, 200, "", body), Err(WitnessError::Line(_))), "{body}");
        }
    }

    #[test]
    fn a_conflict_tells_the_size_and_a_fork_is_never_taken_for_one() {
        assert_eq!(answer(3, 409, "text/x.tlog.size", "5\n"), Ok(Answer::Size(5)));
        assert_eq!(answer(3, 409, "Text/X.tlog.size; charset=utf-8", "0\n"), Ok(Answer::Size(0)));
        let fork = |old_size, status, body: &str| {
            Ok(Answer::Fork(Fork { sent: sent(old_size), status, body: body.to_owned() }))
        };
        assert_eq!(answer(3, 422, "text/plain", "no\n"), fork(3, 422, "no\n"));
        assert_eq!(answer(7, 409, "text/x.tlog.size", "7\n"), fork(7, 409, "7\n"), "same size, other root");
        assert_eq!(answer(7, 409, "", ""), fork(7, 409, ""), "the same, from a witness that sends no size");
        for (content_type, body) in [("", "5\n"), ("text/x.tlog.size", "05\n"), ("text/x.tlog.size", "3\n")] {
            let judged = answer(3, 409, content_type, body);
            assert!(matches!(judged, Err(WitnessError::Unexpected { status: 409, .. })), "{judged:?}");
        }
    }

    #[test]
    fn a_witness_that_does_not_know_the_log_or_its_keys_says_so() {
        assert_eq!(answer(3, 404, "", ""), Ok(Answer::UnknownLog));
        assert_eq!(answer(3, 403, "", ""), Ok(Answer::UntrustedKeys));
        for status in [400, 500, 302, 0] {
            let judged = answer(3, status, "", "what?");
            assert!(matches!(judged, Err(WitnessError::Unexpected { .. })), "{judged:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_witness_sends_stops_the_program(
            status in prop::sample::select(vec![200_u16, 400, 403, 404, 409, 422]),
            content_type in ".*",
            body in prop::collection::vec(any::<u8>(), 0..200),
            line in "(\u{2014} )?[a-z. ]{0,9}[A-Za-z0-9+/=]{0,120}\n?",
            old_size: u64,
        ) {
            for body in [body.as_slice(), line.as_bytes()] {
                let reply = Reply { status, content_type: &content_type, body };
                let judged = Answer::judge(&sent(old_size), &reply, &witness("w.example/1", 1));
                prop_assert!(!matches!(judged, Ok(Answer::Cosigned(_))));
            }
            let _ = witness_key(&line);
        }
    }
}
