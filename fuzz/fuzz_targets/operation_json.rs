//! JSON -> operation -> JSON: what is read is written and read again as the same, in JSON and in canonical bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tally_contracts::transaction::{Operation, Transaction};
use tally_fuzz::codec;

fuzz_target!(|text: &[u8]| {
    if let Ok(operation) = serde_json::from_slice::<Operation>(text) {
        let body = &operation.body;
        let _ = (body.max_receipt_bytes(), body.members(), body.class(), operation.body_hash());
        let _ = (operation.check_stateless(), operation.check_authorization());
        codec::speaks_json(&operation);
        codec::encodes(&operation);
    }
    if let Ok(transaction) = serde_json::from_slice::<Transaction>(text) {
        codec::speaks_json(&transaction);
        codec::encodes(&transaction);
    }
});
