//! Bytes -> receipt, due-work record: no panic, one encoding, and the same through JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tally_contracts::due::DueRecord;
use tally_contracts::receipt::Receipt;
use tally_fuzz::codec;

fuzz_target!(|bytes: &[u8]| {
    // A receipt has its operation's reference, which was checked.
    if let Some(receipt) = codec::canonical::<Receipt>(bytes).filter(|receipt| receipt.reference.is_valid()) {
        codec::speaks_json(&receipt);
    }
    // So has a hold that timed out.
    let is_checked = |record: &DueRecord| !matches!(record, DueRecord::TimedOut(hold) if !hold.hold.is_valid());
    if let Some(record) = codec::canonical::<DueRecord>(bytes).filter(is_checked) {
        codec::speaks_json(&record);
    }
    if let Ok(receipt) = serde_json::from_slice::<Receipt>(bytes) {
        codec::speaks_json(&receipt);
        codec::encodes(&receipt);
    }
});
