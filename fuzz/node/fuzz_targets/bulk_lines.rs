//! NDJSON of a client -> operations of a bulk, and an answer for each line. No panic; what is taken is well formed, fits a
//! transaction and has a reference of its own. The first byte bounds the bulk.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use tally_contracts::encoding::encode;
use tally_contracts::transaction::MAX_LEAF_BYTES;
use tally_node::http::read_bulk;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    let (most, is_atomic) = (usize::from(first >> 1), first % 2 == 1);
    let lines = body.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
    let Ok((operations, answers)) = read_bulk(body, most, is_atomic) else {
        assert!(lines == 0 || lines > most, "a bulk of {lines} lines is refused, {most} are allowed");
        return;
    };
    assert_eq!(answers.len(), lines, "one answer a line");
    let references: BTreeSet<_> = operations.iter().map(|o| o.reference).collect();
    assert_eq!(references.len(), operations.len(), "each reference once");
    for operation in &operations {
        assert!(operation.check_stateless().is_ok());
        assert!(operation.check_authorization().is_ok());
        assert!(encode(operation).len() + operation.body.max_receipt_bytes() < MAX_LEAF_BYTES);
    }
    let accepted = answers.iter().filter(|answer| answer["status"] == "accepted").count();
    assert!(accepted >= operations.len(), "what is submitted is accepted");
    assert!(!is_atomic || accepted == 0 || accepted == lines, "an atomic bulk is taken as a whole or not at all");
});
