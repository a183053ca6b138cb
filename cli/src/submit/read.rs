//! Reads operations from a file, and makes references.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use rand::RngCore as _;
use serde_json::{Value, json};
use tally_contracts::transaction::Operation;
use tally_contracts::types::Reference;

/// A fresh UUIDv7.
pub fn new_reference(time_ms: u64) -> Reference {
    let mut free = [0; 16];
    rand::rngs::OsRng.fill_bytes(&mut free);
    Reference::new(time_ms, u128::from_be_bytes(free))
}

/// The text of a file, or of standard input for `-`.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads one JSON value or one a line; gives a reference to those without.
pub fn operations(path: &Path, time_ms: u64) -> anyhow::Result<Vec<Operation>> {
    let text = read_text(path)?;
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let operation = |(i, value): (usize, Result<Value, serde_json::Error>)| -> anyhow::Result<Operation> {
        let at = || format!("{}: operation {}", path.display(), i + 1);
        let mut value = value.with_context(at)?;
        if let Some(object) = value.as_object_mut() {
            object.entry("reference").or_insert_with(|| json!(new_reference(time_ms)));
        }
        serde_json::from_value(value).with_context(at)
    };
    let operations = values.enumerate().map(operation).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!operations.is_empty(), "{} holds no operation", path.display());
    Ok(operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_of_a_file_get_the_references_they_lack() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ops.ndjson");
        let given = "01941f29-7c00-7000-8000-000000000001";
        let text = format!(
            "{{\"body\":{{\"set_clock\":{{\"time_ms\":1}}}}}}\n{{\"reference\":\"{given}\",\"body\":{{\"set_clock\":{{\"time_ms\":2}}}}}}\n"
        );
        std::fs::write(&path, text).unwrap();
        let read = operations(&path, 77).unwrap();
        assert_eq!(read[0].reference.time_ms(), 77);
        assert!(read[0].reference.is_valid());
        assert_eq!(read[1].reference.to_string(), given);
        std::fs::write(&path, "{\"body\":{\"set_clock\":{\"time_ms\":1}},\"surprise\":1}").unwrap();
        let error = format!("{:#}", operations(&path, 77).unwrap_err());
        assert!(error.contains("operation 1") && error.contains("surprise"), "{error}");
    }
}
