//! Signed notes (C2SP `signed-note`): a text, an empty line, and a line `— <name> <base64 of key id ‖ signature>` for
//! each signature.
//!
//! Limits of ours: at most [`MAX_SIGNATURES`] lines, the limit of the Go implementation.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tally_contracts::checkpoint::cosigned_text;
use tally_contracts::crypto::Signature;

use super::key::{SignatureType, VerifierKey, is_key_name};

/// Most signature lines of a note.
pub const MAX_SIGNATURES: usize = 100;
/// Latest time of a cosignature in seconds (C2SP `tlog-cosignature`).
const MAX_TIME_S: u64 = i64::MAX as u64;

/// A signature line, checked by nobody yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: [u8; 4],
    /// What follows the id, at least a byte: of a cosignature the time in s as a big-endian u64, then the 64 bytes.
    bytes: Vec<u8>,
}

/// A note with at least one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// Not a signed note, or nothing to make one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Of the text.
    #[error("the text of a note ends with a newline and holds no control characters but that; mend it before signing")]
    Text,
    /// No empty line with signature lines after it.
    #[error("the note has no signature lines after an empty line; get the signed note, not its text alone")]
    Unsigned,
    /// Of a signature line.
    #[error("a signature line is not `— <name> <base64 of key id and signature>`; get the note again")]
    Line,
    /// More than [`MAX_SIGNATURES`].
    #[error("the note has more than {MAX_SIGNATURES} signatures; leave out those that the policy does not ask for")]
    TooMany,
    /// A plain signature for a cosigner's key, or the other way round.
    #[error("the key signs another type of signature; use the key with the same name of the right type")]
    Type,
    /// Past 2^63 - 1 seconds.
    #[error("the time of a cosignature is in seconds, at most 2^63 - 1")]
    Time,
}

/// A note that a key does not vouch for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No line has the key's name and id.
    #[error("{0} has not signed the note")]
    Missing(String),
    /// A line of the key does not hold.
    #[error("the note carries a signature of {0} that does not hold; do not trust it, get it again from elsewhere")]
    Invalid(String),
}

impl NoteSignature {
    /// The line of a plain signature, over the text.
    ///
    /// # Errors
    /// [`NoteError::Type`] for a key of another type.
    pub fn plain(key: &VerifierKey, signature: &Signature) -> Result<Self, NoteError> {
        Self::of(key, SignatureType::Ed25519, signature.0.to_vec())
    }

    /// The line of a cosignature, over [`cosigned_text`] of a time in s and the text.
    ///
    /// # Errors
    /// [`NoteError::Type`] for a key of another type, [`NoteError::Time`].
    pub fn cosignature(key: &VerifierKey, time_s: u64, signature: &Signature) -> Result<Self, NoteError> {
        if time_s > MAX_TIME_S {
            return Err(NoteError::Time);
        }
        Self::of(key, SignatureType::Cosignature, [&time_s.to_be_bytes()[..], &signature.0].concat())
    }

    fn of(key: &VerifierKey, kind: SignatureType, bytes: Vec<u8>) -> Result<Self, NoteError> {
        if key.kind() != kind {
            return Err(NoteError::Type);
        }
        Ok(Self { name: key.name().to_owned(), id: key.id(), bytes })
    }

    /// The name of the key that is said to have signed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn is_of(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == key.name()
    }

    /// The time of a cosignature that holds; `Some(None)` for a plain signature that does.
    fn verify(&self, text: &str, key: &VerifierKey) -> Option<Option<u64>> {
        match key.kind() {
            SignatureType::Ed25519 => {
                let signature = Signature(self.bytes.as_slice().try_into().ok()?);
                key.public_key().verify(text.as_bytes(), &signature).ok().map(|()| None)
            }
            SignatureType::Cosignature => {
                let (time_s, signature) = self.bytes.split_first_chunk()?;
                let time_s = u64::from_be_bytes(*time_s);
                let signature = Signature(signature.try_into().ok()?);
                let signed = cosigned_text(time_s, text);
                key.public_key().verify(signed.as_bytes(), &signature).ok()?;
                (time_s <= MAX_TIME_S).then_some(Some(time_s))
            }
        }
    }
}

impl SignedNote {
    /// A note of a text and 1 to [`MAX_SIGNATURES`] signatures. Whether they hold is for [`SignedNote::verify`].
    ///
    /// # Errors
    /// [`NoteError::Text`], [`NoteError::Unsigned`], [`NoteError::TooMany`].
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || text.contains(|c: char| c < ' ' && c != '\n') {
            return Err(NoteError::Text);
        }
        match signatures.len() {
            0 => Err(NoteError::Unsigned),
            1..=MAX_SIGNATURES => Ok(Self { text, signatures }),
            _ => Err(NoteError::TooMany),
        }
    }

    /// What is signed, with its last newline. It means nothing until a policy has judged the note.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in their order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks that a key has signed, and that every line with its name and id holds. Gives the time in s of a
    /// cosignature (of several, the first line's), and none for a plain signature.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(&self, key: &VerifierKey) -> Result<Option<u64>, VerifyError> {
        let mut first = None;
        for line in self.signatures.iter().filter(|line| line.is_of(key)) {
            let time_s = line.verify(&self.text, key).ok_or_else(|| VerifyError::Invalid(key.name().to_owned()))?;
            first.get_or_insert(time_s);
        }
        first.ok_or_else(|| VerifyError::Missing(key.name().to_owned()))
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id[..], &self.bytes].concat();
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode(bytes))
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for NoteSignature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (name, bytes) =
            line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or(NoteError::Line)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| NoteError::Line)?;
        let (id, bytes) = bytes.split_first_chunk().ok_or(NoteError::Line)?;
        if !is_key_name(name) || bytes.is_empty() {
            return Err(NoteError::Line);
        }
        Ok(Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, Self::Err> {
        // The last empty line parts them: the text may hold others.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Unsigned)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Unsigned)?;
        // One more than is allowed, so that a note of too many is known for what it is.
        let signatures = lines.split('\n').take(MAX_SIGNATURES + 1).map(str::parse).collect::<Result<_, _>>()?;
        Self::new(format!("{text}\n"), signatures)
    }
}
