//! Identifiers. Each is a newtype, so that a store never passes for a till; none converts from a bare integer by itself.

use std::fmt;
use std::str::FromStr;

use bech32::{Bech32m, Hrp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;
use uuid::Uuid;
use uuid::fmt::Hyphenated;
use wincode::{SchemaRead, SchemaWrite};

/// Defines a newtype over an integer that is written as a JSON number.
macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map($name)
            }
        }
    };
}

integer_id!(
    /// A merchant of the alliance. 0 is the alliance pool, which is a participant of settlement and nobody's node.
    MerchantId(u16)
);
integer_id!(
    /// A point class; also the ERC-1155 token id.
    ClassId(u32)
);
integer_id!(
    /// The position of a block in the chain; the first block after genesis has height 1.
    Height(u64)
);
integer_id!(
    /// A store, by the merchant's own numeric code.
    StoreId(u32)
);
integer_id!(
    /// A till within a store, by the merchant's own numeric code.
    TillId(u32)
);
integer_id!(
    /// A category of goods, by the merchant's own numeric code.
    Category(u32)
);

impl MerchantId {
    /// The alliance pool: participant 0 of settlement (docs/rules.md, 4).
    pub const POOL: Self = Self(0);
}

impl Height {
    /// The height that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A SHA-256 digest; hexadecimal as text.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Thirty-two zero bytes: what stands where there is nothing to hash yet.
    pub const ZERO: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Hash {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// The identity of an alliance: the domain-separated hash of its genesis.
pub type ChainId = Hash;

/// A holder of points: 20 bytes, fixed at enrolment, and an ERC-1155 holder as it stands.
///
/// As text it is bech32m with the prefix `tally` (BIP 350), which a till reads offline or by QR and which finds a
/// mistyped character.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Address(pub [u8; 20]);

impl Address {
    /// The last 20 bytes of a hash.
    #[must_use]
    pub fn of_hash(hash: &Hash) -> Self {
        let (_, last) = hash.0.split_last_chunk::<20>().expect("32 bytes have 20");
        Self(*last)
    }
}

/// Human-readable prefix of a card code.
const ADDRESS_PREFIX: Hrp = Hrp::parse_unchecked("tally");

/// Why a card code is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The checksum, the alphabet or the case is wrong.
    #[error("the card code is not valid bech32m: {0}")]
    Encoding(String),
    /// A valid bech32m text of something else.
    #[error("the card code does not start with `tally1`, or does not hold 20 bytes")]
    Kind,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_to_fmt::<Bech32m, _>(f, ADDRESS_PREFIX, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
            .map_err(|e| AddressError::Encoding(e.to_string()))?;
        let bytes: Vec<u8> = checked.byte_iter().collect();
        if checked.hrp() != ADDRESS_PREFIX {
            return Err(AddressError::Kind);
        }
        bytes.try_into().map(Self).map_err(|_| AddressError::Kind)
    }
}

/// A merchant's own name for one operation: unique per merchant, ordered by time (UUIDv7, RFC 9562), and the HTTP
/// `Idempotency-Key`. The low 74 bits may be a hash of the order number. UUID text.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub struct Reference(pub u128);

/// Why a text is not a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reference is a UUID of version 7, such as 01941f29-7c00-7000-8000-000000000001")]
pub struct ReferenceError;

impl Reference {
    /// Makes a reference from its time and 74 free bits (the excess is dropped).
    #[must_use]
    pub const fn new(time_ms: u64, free: u128) -> Self {
        let high = (free >> 62) & 0xfff;
        let low = free & ((1 << 62) - 1);
        Self(((time_ms as u128) << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)
    }

    /// The time it carries, in milliseconds since 1970.
    #[must_use]
    pub const fn time_ms(self) -> u64 {
        (self.0 >> 80) as u64
    }

    /// Whether version and variant are those of a UUIDv7.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        (self.0 >> 76) & 0xf == 7 && (self.0 >> 62) & 0b11 == 0b10
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Uuid::from_u128(self.0).hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Of the forms of a UUID only the one with hyphens is as long.
        let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == Hyphenated::LENGTH);
        uuid.map(|uuid| Self(uuid.as_u128())).filter(|reference| reference.is_valid()).ok_or(ReferenceError)
    }
}

/// Serde through `Display` and `FromStr`. A writer that is no text format gets the canonical bytes: the auditor's field map
/// learns from them where each field of a record lies. The pattern says to readers of the HTTP interface which texts there
/// are; what is read is decided by `FromStr`.
macro_rules! serde_as_text {
    ($($name:ident: $description:literal, $pattern:literal;)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&$crate::encoding::encode(self))
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                use utoipa::openapi::schema::{ObjectBuilder, Type};
                let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some($pattern));
                text.description(Some($description)).into()
            }
        }
        impl utoipa::ToSchema for $name {}
    )+};
}
pub(crate) use serde_as_text;

serde_as_text! {
    Hash: "A SHA-256 digest, in hexadecimal.", "^[0-9a-fA-F]{64}$";
    Address: "A card code: the address of a holder of points, in bech32m.", "^tally1[02-9ac-hj-np-z]{38}$";
    Reference: "A merchant's own name for one operation: a UUID of version 7, unique per merchant.",
        "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_it_is_written_and_in_no_other_form_of_a_uuid() {
        let text = "01941f29-7c00-7000-8000-000000000abc";
        let reference: Reference = text.parse().expect("a UUID of version 7");
        assert_eq!((reference.time_ms(), reference.to_string().as_str()), (0x0194_1f29_7c00, text));
        assert_eq!(text.to_uppercase().parse(), Ok(reference));
        for other in [
            "01941f297c00700080000000000000000abc",
            "01941f297c0070008000000000000abc",
            "{01941f29-7c00-7000-8000-000000000abc}",
            "urn:uuid:01941f29-7c00-7000-8000-000000000abc",
            "01941f29-7c00-4000-8000-000000000abc",
            "01941f29-7c00-7000-0000-000000000abc",
            "01941f29-7c007-000-8000-000000000abc",
            "+1941f29-7c00-7000-8000-000000000abc",
            "é1941f29-7c00-7000-8000-000000000ab",
            "",
        ] {
            assert_eq!(other.parse::<Reference>(), Err(ReferenceError), "{other}");
        }
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = Hash(std::array::from_fn(|at| u8::try_from(at).expect("32 bytes")));
        let text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        assert_eq!((hash.to_string().as_str(), text.parse()), (text, Ok(hash)));
    }
}
