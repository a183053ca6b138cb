//! Witnesses of transparency logs: each keeps the newest checkpoint of a log that it saw, and cosigns a later one
//! only if it is shown that the log merely grew. A log that shows two of them different histories is found out.
//!
//! [`add_checkpoint`] makes what is sent to a witness, [`Answer::judge`] judges what comes back, [`cosignature`]
//! judges a line of it, at once or years later.
//!
//! Sources: C2SP `tlog-witness` v1.0, `tlog-cosignature` v1.0 (Ed25519, type 0x04), `signed-note` v1.0.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tally_contracts::checkpoint::cosigned_text;
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::types::Hash;

/// The signature type of cosignatures with a time.
const COSIGNATURE: u8 = 0x04;

/// The content type of an answer that is a log's size.
const SIZE_TYPE: &str = "text/x.tlog.size";

/// Most hashes that a proof may have in a request.
pub const MAX_PROOF_HASHES: usize = 63;

/// Largest answer that is judged, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 << 10;

/// A witness's key: `<name>+<key id in hexadecimals>+<base64 of type and key>` as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: PublicKey,
}

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
    #[error("`{key}` is no key of a witness ({reason}); copy it whole from the witness's page")]
    Key {
        /// The text.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a signature line.
    #[error("not a signature line `— <name> <base64>` ({0}); ask the witness again")]
    Line(&'static str),
    /// Of another key.
    #[error("the line is signed by `{found}`, not by `{expected}`; configure the key of the witness that was asked")]
    OtherKey {
        /// The key that the line names: name and id.
        found: String,
        /// The key that was asked for.
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

impl WitnessKey {
    /// A witness by its name and public key.
    ///
    /// # Errors
    /// [`WitnessError::Key`] when the name cannot stand in a signature line.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, WitnessError> {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(bad_key(name, "the name is empty or has spaces or plus signs"));
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// Who operates it, as it calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name ‖ "\n" ‖ 0x04 ‖ key)`.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', COSIGNATURE]).chain_update(self.key.0);
        let hash: [u8; 32] = hash.finalize().into();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl Cosignature {
    /// When it cosigned, in ms since 1970; a time beyond what 64 bits hold is the last that they hold.
    #[must_use]
    pub const fn time_ms(&self) -> u64 {
        self.time_s.saturating_mul(1_000)
    }
}

impl std::fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = STANDARD.encode([[COSIGNATURE].as_slice(), &self.key.0].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.id()))
    }
}

impl FromStr for WitnessKey {
    type Err = WitnessError;

    fn from_str(text: &str) -> Result<Self, WitnessError> {
        let bad = |reason| bad_key(text, reason);
        // Base64 may have plus signs of its own, a name may not.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it is not <name>+<id>+<key>"));
        };
        let key = STANDARD.decode(key).map_err(|_| bad("its last part is not base64"))?;
        let Some((&COSIGNATURE, key)) = key.split_first() else { return Err(bad("its type is not 0x04")) };
        let key = PublicKey(key.try_into().map_err(|_| bad("an Ed25519 key has 32 bytes"))?);
        key.check().map_err(|_| bad("it is no usable Ed25519 key"))?;
        let witness = Self::new(name, key)?;
        if hex::encode(witness.id()) != id {
            return Err(bad("its id is not that of its name and key"));
        }
        Ok(witness)
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
    pub fn judge(sent: &str, reply: &Reply<'_>, key: &WitnessKey) -> Result<Self, WitnessError> {
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
                _ if checkpoint_size(checkpoint) == Some(old_size) => fork(),
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
pub fn cosignature(line: &str, checkpoint_text: &str, key: &WitnessKey) -> Result<Cosignature, WitnessError> {
    let (name, id, signature) = read_line(line)?;
    if name != key.name || id != key.id() {
        let found = format!("{name}+{}", hex::encode(id));
        return Err(WitnessError::OtherKey { found, expected: format!("{}+{}", key.name, hex::encode(key.id())) });
    }
    let parts = signature.split_first_chunk::<8>();
    let (time, signature) = parts.ok_or(WitnessError::Line("no time before the signature"))?;
    let signature = signature.try_into().map_err(|_| WitnessError::Line("an Ed25519 signature has 64 bytes"))?;
    let time_s = u64::from_be_bytes(*time);
    if i64::try_from(time_s).is_err() {
        return Err(WitnessError::Line("a time beyond 2^63 seconds"));
    }
    let signed = cosigned_text(time_s, checkpoint_text);
    key.key.verify(signed.as_bytes(), &Signature(signature)).map_err(|_| WitnessError::Signature(key.name.clone()))?;
    Ok(Cosignature { line: line.to_owned(), time_s })
}

/// The first line of the answer that is of the witness's key. Lines of other keys are passed over, as the protocol
/// asks.
fn cosignature_in(body: &str, checkpoint: &str, key: &WitnessKey) -> Result<Cosignature, WitnessError> {
    let Some(lines) = body.strip_suffix('\n') else { return Err(WitnessError::Line("no newline at the end")) };
    for line in lines.split('\n') {
        match cosignature(line, checkpoint, key) {
            Err(WitnessError::OtherKey { .. }) => {}
            judged => return judged,
        }
    }
    Err(WitnessError::NoCosignature(key.name.clone()))
}

/// Name, key id and the rest of a signature line.
fn read_line(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), WitnessError> {
    let rest = line.strip_prefix("\u{2014} ").ok_or(WitnessError::Line("no dash at its beginning"))?;
    let (name, signature) = rest.split_once(' ').ok_or(WitnessError::Line("no space after the name"))?;
    let signature = STANDARD.decode(signature).map_err(|_| WitnessError::Line("no base64 after the name"))?;
    let (id, signature) = signature.split_first_chunk::<4>().ok_or(WitnessError::Line("no key id"))?;
    Ok((name, *id, signature.to_vec()))
}

/// The old size and the checkpoint's text of a request.
fn read_sent(sent: &str) -> Option<(u64, &str)> {
    let (head, note) = sent.split_once("\n\n")?;
    let old_size = head.split('\n').next()?.strip_prefix("old ")?.parse().ok()?;
    let (text, _signatures) = note.rsplit_once("\n\n")?;
    // The text ends in its newline; the next one is the empty line's.
    Some((old_size, &note[..=text.len()]))
}

/// The second line of a checkpoint.
fn checkpoint_size(checkpoint: &str) -> Option<u64> {
    decimal(checkpoint.split('\n').nth(1)?)
}

/// The size of a conflict's answer.
fn size(content_type: &str, body: &str) -> Option<u64> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case(SIZE_TYPE) { decimal(body.strip_suffix('\n')?) } else { None }
}

/// A decimal without sign or leading zeroes.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn bad_key(key: &str, reason: &'static str) -> WitnessError {
    WitnessError::Key { key: key.escape_debug().take(200).collect(), reason }
}

fn unexpected(reply: &Reply<'_>, hint: &'static str) -> WitnessError {
    let body = String::from_utf8_lossy(reply.body).trim_end().escape_debug().take(200).collect();
    WitnessError::Unexpected { status: reply.status, body, hint }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;
    use tally_contracts::crypto::sign;

    use super::*;

    const TEXT: &str = "tally/abc\n7\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    const TIME_S: u64 = 1_700_000_000;

    fn secret(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn witness(name: &str, n: u8) -> WitnessKey {
        WitnessKey::new(name, PublicKey::of(&secret(n))).unwrap()
    }

    /// What the witness `w.example/1` sends for a checkpoint.
    fn line(n: u8, text: &str) -> String {
        let key = witness("w.example/1", n);
        let signature = sign(&secret(n), format!("cosignature/v1\ntime {TIME_S}\n{text}").as_bytes());
        let blob = [key.id().as_slice(), &TIME_S.to_be_bytes(), &signature.0].concat();
        format!("\u{2014} w.example/1 {}", STANDARD.encode(blob))
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
    fn a_key_is_read_as_it_is_written() {
        let key = witness("w.example/1", 1);
        let text = key.to_string();
        assert_eq!(text.parse::<WitnessKey>().unwrap(), key);
        let short = &text[..text.len() - 4];
        let renamed = text.replace("w.example", "v.example");
        // The published key of Go's checksum database: a good one, but not a witness's.
        let type_1 = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        for wrong in ["", "w.example", "w.example+00000000+", short, &renamed, type_1, "a b+00+AA==", "++"] {
            assert!(matches!(wrong.parse::<WitnessKey>(), Err(WitnessError::Key { .. })), "{wrong}");
        }
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
        let key = "w.example/one+2f62e64a+BL86oMtTJ/3OLVZp+arcd+L2ROEEegl9QXKMFtkn6sZI".parse().unwrap();
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
            let _ = line.parse::<WitnessKey>();
        }
    }
}
