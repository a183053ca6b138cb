//! Canonical bytes: one encoding for everything that is hashed or signed.
//!
//! The bincode 1 format with fixed-width little-endian integers, through `wincode` (ADR 0002): sequence lengths are u64,
//! enum tags u32, `Option` and `bool` one byte. Decoding refuses trailing bytes, so that a value has one encoding.

use sha2::{Digest, Sha256};
use wincode::config::DefaultConfig;
use wincode::{SchemaReadOwned, SchemaWrite};

use crate::types::Hash;

/// Bytes that are not the canonical encoding of what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a canonical encoding: {0}")]
pub struct DecodeError(String);

/// The canonical bytes of a value.
///
/// # Panics
/// When a sequence exceeds wincode's preallocation bound of 4 MiB, which every record here stays well below.
pub fn encode<T>(value: &T) -> Vec<u8>
where
    T: SchemaWrite<DefaultConfig, Src = T> + ?Sized,
{
    wincode::serialize(value).expect("a record encodes because its sequences are bounded")
}

/// Appends the canonical bytes of a value.
///
/// # Panics
/// As [`encode`].
pub fn encode_into<T>(value: &T, to: &mut Vec<u8>)
where
    T: SchemaWrite<DefaultConfig, Src = T> + ?Sized,
{
    wincode::serialize_into(to, value).expect("a record encodes because its sequences are bounded");
}

/// Whether a text is of 1 to `max` printable ASCII characters: a name that every bank and every old system can carry.
#[must_use]
pub fn is_printable(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// Reads a value that takes up all of `bytes`.
///
/// # Errors
/// When the bytes are short, long, or no such value.
pub fn decode<T>(bytes: &[u8]) -> Result<T, DecodeError>
where
    T: SchemaReadOwned<DefaultConfig, Dst = T>,
{
    wincode::deserialize_exact(bytes).map_err(|e| DecodeError(e.to_string()))
}

/// Reads a record that this code wrote.
///
/// # Panics
/// When the bytes are not such a record: the store is damaged, and a stopped replica is safe.
pub fn decode_own<T>(bytes: &[u8]) -> T
where
    T: SchemaReadOwned<DefaultConfig, Dst = T>,
{
    decode(bytes).expect("a stored record decodes because this code wrote it")
}

/// What a hash or a signature is over: no bytes of one thing ever pass for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain(&'static str);

impl Domain {
    /// A domain by its text, which ends in the version and a zero byte: `tally/<thing>/v1\0`.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        assert!(text.as_bytes()[text.len() - 1] == 0, "a domain ends in a zero byte");
        Self(text)
    }

    /// The bytes that stand before what is hashed.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }

    /// SHA-256 over the domain and the parts, one after the other. Only one part may vary in length.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> Hash {
        let mut digest = Sha256::new();
        digest.update(self.0);
        for part in parts {
            digest.update(part);
        }
        Hash(digest.finalize().into())
    }
}
