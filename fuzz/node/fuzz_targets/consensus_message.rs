//! Bytes -> message of the consensus engine: votes, proposals, parts, certificates, sync. No panic, and one encoding. The
//! first byte says which kind of message the rest is read as.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tally_node::consensus::{MessageKind, reread};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let kind = MessageKind::ALL[usize::from(*first) % MessageKind::ALL.len()];
    if let Some(again) = reread(kind, rest) {
        assert_eq!(again, rest, "{kind:?}: what decodes encodes to the same bytes");
    }
});
