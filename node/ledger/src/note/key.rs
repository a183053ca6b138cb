//! Verifier keys: a name, a type of signature and an Ed25519 key, and the short id that signature lines carry.
//!
//! As text: `<name>+<id, 8 hexadecimal digits>+<base64 of type ‖ key>` (C2SP `signed-note`).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tally_contracts::crypto::PublicKey;

/// What a key signs, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SignatureType {
    /// Ed25519 over the text of a note.
    Ed25519 = 0x01,
    /// Ed25519 over a time and the text of a checkpoint (C2SP `tlog-cosignature` v1).
    Cosignature = 0x04,
}

/// A key that opens notes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    kind: SignatureType,
    key: PublicKey,
}

/// Not a verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, or with a space, a plus or a control character.
    #[error("the name of a key may not be empty nor hold spaces, plus signs or control characters")]
    Name,
    /// Not three parts, or one of them not in its form.
    #[error("write the key as <name>+<id, 8 lowercase hexadecimal digits>+<base64 of a type and 32 bytes>")]
    Form,
    /// Neither 0x01 nor 0x04.
    #[error("keys are of type 1 (Ed25519) or 4 (cosignature), this one is of type {0}; leave it out")]
    Type(u8),
    /// Not a point of the curve, or one of small order.
    #[error("the 32 bytes are not a usable Ed25519 key; ask its owner for it again")]
    Key,
    /// Made for another name, type or key.
    #[error("the id does not belong to this name and key, so one of them was mistyped")]
    Id,
}

impl VerifierKey {
    /// A key by its parts.
    ///
    /// # Errors
    /// [`KeyError::Name`], [`KeyError::Key`].
    pub fn new(name: &str, kind: SignatureType, key: PublicKey) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        key.check().map_err(|_| KeyError::Key)?;
        Ok(Self { name: name.to_owned(), id: key_id(name, kind, &key), kind, key })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first 4 bytes of `SHA-256(name ‖ 0x0A ‖ type ‖ key)`.
    #[must_use]
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> SignatureType {
        self.kind
    }

    /// The Ed25519 key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The same key of the same owner for signatures of another type.
    #[must_use]
    pub(super) fn with_type(&self, kind: SignatureType) -> Self {
        Self { id: key_id(&self.name, kind, &self.key), kind, ..self.clone() }
    }
}

fn key_id(name: &str, kind: SignatureType, key: &PublicKey) -> [u8; 4] {
    let mut digest = Sha256::new();
    digest.update(name);
    digest.update([b'\n', kind as u8]);
    digest.update(key.0);
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest.finalize());
    [a, b, c, d]
}

/// Whether a note may name a key so: not empty, no Unicode spaces, plus signs or control characters.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+' || c < ' ')
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind as u8];
        bytes.extend_from_slice(&self.key.0);
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Base64 may hold a plus itself, a name may not.
        let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
        let (id, key) = rest.split_once('+').ok_or(KeyError::Form)?;
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let kind = match bytes.first() {
            None => return Err(KeyError::Form),
            Some(0x01) => SignatureType::Ed25519,
            Some(0x04) => SignatureType::Cosignature,
            Some(other) => return Err(KeyError::Type(*other)),
        };
        let key = Self::new(name, kind, PublicKey(bytes[1..].try_into().map_err(|_| KeyError::Form)?))?;
        if hex::encode(key.id) == id { Ok(key) } else { Err(KeyError::Id) }
    }
}
