//! Bytes of a stream -> a peer's transaction, or its answer: no panic, and one encoding. The first byte says which.

#![no_main]

use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use libp2p::request_response::Codec as _;
use tally_contracts::transaction::MAX_LEAF_BYTES;
use tally_node::network::codec::{PROTOCOL, TransactionCodec};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, stream)) = bytes.split_first() else { return };
    let (mut codec, mut rest, mut again) = (TransactionCodec, stream, Vec::new());
    if first % 2 == 0 {
        let Ok(transaction) = block_on(codec.read_request(&PROTOCOL, &mut rest)) else { return };
        assert!((1..=MAX_LEAF_BYTES).contains(&transaction.len()), "{} bytes were read", transaction.len());
        block_on(codec.write_request(&PROTOCOL, &mut again, transaction)).expect("memory can be written");
        assert_eq!(again, stream, "a request is written as it was read");
    } else {
        let Ok(answer) = block_on(codec.read_response(&PROTOCOL, &mut rest)) else { return };
        block_on(codec.write_response(&PROTOCOL, &mut again, answer)).expect("memory can be written");
        assert_eq!(again, stream[..1], "an answer is written as it was read");
    }
});
