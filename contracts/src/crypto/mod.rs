//! Keys and signatures: made by ed25519-dalek, judged by one verifier everywhere.
//!
//! Validity is ZIP-215 (cofactored) on every path, so that single and batch verification agree by construction and two
//! honest nodes never differ about a block (ADR 0003). Keys of small order are refused: under them every message has a
//! valid signature.

use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use wincode::{SchemaRead, SchemaWrite};

use crate::types::Hash;

/// An Ed25519 public key, 32 bytes; hexadecimal as text. Not yet known to be a point of the curve.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature, 64 bytes; hexadecimal as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Signature(pub [u8; 64]);

/// Sixteen bytes that tell two equal records apart; hexadecimal as text. Made outside, never drawn here.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Nonce(pub [u8; 16]);

impl Default for Signature {
    fn default() -> Self {
        Self([0; 64])
    }
}

/// A signature that does not hold, or a key that may not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a point of the curve, or a point of small order.
    #[error("the public key is not a usable Ed25519 key")]
    Key,
    /// The signature is not valid for the message under ZIP-215.
    #[error("the signature does not match")]
    Mismatch,
}

impl PublicKey {
    /// The public half of a signing key.
    #[must_use]
    pub fn of(key: &ed25519_dalek::SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }

    /// Whether it is a point of the curve, and not of small order.
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    pub fn check(&self) -> Result<(), SignatureError> {
        self.usable().map(|_| ())
    }

    /// Verifies one signature.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        self.usable()?.verify(&signature.0.into(), message).map_err(|_| SignatureError::Mismatch)
    }

    fn usable(&self) -> Result<VerificationKey, SignatureError> {
        if self.is_of_small_order() {
            return Err(SignatureError::Key);
        }
        VerificationKey::try_from(self.0).map_err(|_| SignatureError::Key)
    }

    /// Told by its bytes: whoever verifies unpacks the point anyway, which is a good part of the work in a batch.
    fn is_of_small_order(&self) -> bool {
        let mut y = self.0;
        // But for the sign of x: a point and its inverse are of one order.
        y[31] &= 0x7f;
        SMALL_ORDER.contains(&y)
    }
}

/// The `y`, little-endian, of all that unpacks to a point whose order divides eight: 0, 1 and -1 modulo p = 2^255 - 19, p and
/// p + 1, which stand for the first two, and the two of order eight (RFC 8032, section 5.1; ZIP-215 takes what is not reduced).
const SMALL_ORDER: [[u8; 32]; 7] = [
    near_zero(0),
    near_zero(1),
    near_p(0xec),
    near_p(0xed),
    near_p(0xee),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn near_zero(first: u8) -> [u8; 32] {
    let mut y = [0; 32];
    y[0] = first;
    y
}

const fn near_p(first: u8) -> [u8; 32] {
    let mut y = [0xff; 32];
    (y[0], y[31]) = (first, 0x7f);
    y
}

/// Signs a message.
#[must_use]
pub fn sign(key: &ed25519_dalek::SigningKey, message: &[u8]) -> Signature {
    use ed25519_dalek::Signer as _;
    Signature(key.sign(message).to_bytes())
}

/// One message with its claimed signature, for [`verify_batch`].
#[derive(Clone, Copy, Debug)]
pub struct Signed {
    /// Who is said to have signed.
    pub key: PublicKey,
    /// The signed digest.
    pub message: Hash,
    /// The claimed signature.
    pub signature: Signature,
}

/// Verifies many signatures at once; the answer is that of verifying each alone.
///
/// The batch equation needs random weights. They are drawn here from the operating system and can only turn a forged
/// batch into a refused one, never change what is valid, so determinism holds.
///
/// # Errors
/// The index of the first item that is not valid, and why.
pub fn verify_batch(items: &[Signed]) -> Result<(), (usize, SignatureError)> {
    let each = || items.iter().enumerate().try_for_each(|(i, s)| one(s).map_err(|e| (i, e)));
    if items.len() < MIN_BATCH {
        return each();
    }
    if items.iter().any(|item| item.key.is_of_small_order()) {
        return each();
    }
    let mut verifier = batch::Verifier::new();
    for item in items {
        let key = VerificationKeyBytes::from(item.key.0);
        verifier.queue((key, item.signature.0.into(), &item.message.0));
    }
    match verifier.verify(rand_core::OsRng) {
        Ok(()) => Ok(()),
        Err(_) => each(),
    }
}

/// Below this many signatures a batch is not worth its set-up.
const MIN_BATCH: usize = 4;

fn one(item: &Signed) -> Result<(), SignatureError> {
    item.key.verify(&item.message.0, &item.signature)
}

macro_rules! hex_text {
    ($($name:ident[$length:literal]),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        impl FromStr for $name {
            type Err = hex::FromHexError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; $length];
                hex::decode_to_slice(text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }
    )+};
}
hex_text!(PublicKey[32], Signature[64], Nonce[16]);
crate::types::serde_as_text! {
    PublicKey: "An Ed25519 public key, in hexadecimal.", "^[0-9a-fA-F]{64}$";
    Signature: "An Ed25519 signature, in hexadecimal.", "^[0-9a-fA-F]{128}$";
    Nonce: "16 bytes of the maker's choice, in hexadecimal.", "^[0-9a-fA-F]{32}$";
}

#[cfg(test)]
mod tests;
