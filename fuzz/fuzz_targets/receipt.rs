//! Bytes -> receipt, due-work record: no panic, one encoding, and the same through JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tally_contracts::due::DueRecord;
use tally_contracts::receipt::Receipt;
use tally_contracts::types::Reference;
use tally_fuzz::codec;

fuzz_target!(|bytes: &[u8]| {
    // A receipt has its operation's reference, which was checked.
    if let Some(receipt) = codec::canonical::<Receipt>(bytes).filter(|receipt| receipt.reference.is_valid()) {
        codec::speaks_json(&receipt);
    }
    // So has what became due of an operation.
    let is_checked = |record: &DueRecord| reference_of(record).is_none_or(|reference| reference.is_valid());
    if let Some(record) = codec::canonical::<DueRecord>(bytes).filter(is_checked) {
        codec::speaks_json(&record);
    }
    if let Ok(receipt) = serde_json::from_slice::<Receipt>(bytes) {
        codec::speaks_json(&receipt);
        codec::encodes(&receipt);
    }
});

/// The operation that a record names.
const fn reference_of(record: &DueRecord) -> Option<Reference> {
    match record {
        DueRecord::TimedOut(hold) => Some(hold.hold),
        DueRecord::DisputeTimedOut(dispute) => Some(dispute.original),
        DueRecord::ChangeActivated(change) => Some(change.proposal),
        DueRecord::Closed(_)
        | DueRecord::Lapsed(_)
        | DueRecord::Swept { .. }
        | DueRecord::AnchorChanged(_)
        | DueRecord::LegEscalated(_)
        | DueRecord::Distributed(_)
        | DueRecord::WoundUp(_)
        | DueRecord::BoughtOut(_) => None,
    }
}
