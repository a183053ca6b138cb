//! What every decoder owes: no panic, and of what it takes, the same bytes again.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tally_contracts::encoding;
use wincode::config::DefaultConfig;
use wincode::{SchemaReadOwned, SchemaWrite};

/// Reads canonical bytes.
///
/// # Panics
/// When what they decode to has other bytes: a value has one encoding.
pub fn canonical<T>(bytes: &[u8]) -> Option<T>
where
    T: SchemaReadOwned<DefaultConfig, Dst = T> + SchemaWrite<DefaultConfig, Src = T>,
{
    let value: T = encoding::decode(bytes).ok()?;
    assert_eq!(encoding::encode(&value), bytes, "what decodes encodes to the same bytes");
    Some(value)
}

/// Encodes a value and reads it back.
///
/// # Panics
/// When another value comes back.
pub fn encodes<T>(value: &T)
where
    T: SchemaReadOwned<DefaultConfig, Dst = T> + SchemaWrite<DefaultConfig, Src = T> + PartialEq + Debug,
{
    assert_eq!(encoding::decode::<T>(&encoding::encode(value)).as_ref(), Ok(value), "a value reads back");
}

/// Writes a value as JSON and reads it back, from text and from a tree.
///
/// # Panics
/// When another value comes back.
pub fn speaks_json<T>(value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let text = serde_json::to_string(value).expect("a record is JSON");
    let again: T = serde_json::from_str(&text).expect("what we wrote as JSON reads back");
    assert_eq!(again, *value, "{text}");
    let tree = serde_json::to_value(value).expect("a record is JSON");
    let again: T = serde_json::from_value(tree).expect("what we wrote as JSON reads back");
    assert_eq!(again, *value, "{text}");
}
