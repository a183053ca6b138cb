//! Bytes -> a peer's frame, its transaction, or its answer: no panic, and one encoding. The first byte says which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use libp2p_scatter::frame::Frame;
use tally_contracts::transaction::MAX_LEAF_BYTES;
use tally_node::network::codec::{read_answer, read_transaction, write_answer, write_transaction};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, message)) = bytes.split_first() else { return };
    match first % 3 {
        0 => {
            let Some((number, transaction)) = read_transaction(&message.to_vec().into()) else { return };
            assert!((1..=MAX_LEAF_BYTES).contains(&transaction.len()), "{} bytes were read", transaction.len());
            assert_eq!(write_transaction(number, &transaction), message, "a transaction is written as it was read");
        }
        1 => {
            let Some((number, answer)) = read_answer(message) else { return };
            assert_eq!(write_answer(number, answer), message, "an answer is written as it was read");
        }
        _ => {
            let Ok(frame) = Frame::decode(message.to_vec().into()) else { return };
            assert_eq!(frame.encode(), message, "a frame is written as it was read");
        }
    }
});
