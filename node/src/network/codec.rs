//! What travels between nodes: transactions on one topic, a word on each of them on another.
//!
//! Format: a transaction is the number that its sender gave it, u64 little-endian, and its canonical bytes, from 1 to
//! [`MAX_LEAF_BYTES`] of them; an answer is the number and one byte, 1 accepted, 2 busy, 3 refused.

use bytes::{BufMut as _, Bytes, BytesMut};
use libp2p_scatter::Topic;
use tally_contracts::transaction::MAX_LEAF_BYTES;

const NUMBER_BYTES: usize = size_of::<u64>();

/// Longest message that is read at all, in bytes: longer than any transaction, so that one that is too long is told from a
/// lost connection.
pub const MAX_MESSAGE_BYTES: usize = MAX_LEAF_BYTES + 1_024;

/// What a node says to a transaction it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It waits for a block there, or did before.
    Accepted,
    /// No room just now: to be sent again.
    Busy,
    /// Not to be sent again.
    Refused,
}

/// Of transactions.
pub static TRANSACTIONS: Topic = Topic::from_static(b"transactions/1");

/// Of answers.
pub static ANSWERS: Topic = Topic::from_static(b"answers/1");

/// A transaction as a message.
#[must_use]
pub fn write_transaction(number: u64, transaction: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(NUMBER_BYTES + transaction.len());
    message.put_u64_le(number);
    message.put_slice(transaction);
    message.freeze()
}

/// The number and the bytes of a transaction; none where it cannot be one.
#[must_use]
pub fn read_transaction(message: &Bytes) -> Option<(u64, Bytes)> {
    let number = message.first_chunk().map(|number| u64::from_le_bytes(*number))?;
    let transaction = message.slice(NUMBER_BYTES..);
    (1..=MAX_LEAF_BYTES).contains(&transaction.len()).then_some((number, transaction))
}

/// An answer as a message.
#[must_use]
pub fn write_answer(number: u64, answer: Answer) -> Bytes {
    let word = match answer {
        Answer::Accepted => 1,
        Answer::Busy => 2,
        Answer::Refused => 3,
    };
    write_transaction(number, &[word])
}

/// The number of a transaction and the answer; none where it cannot be one.
#[must_use]
pub fn read_answer(message: &[u8]) -> Option<(u64, Answer)> {
    let (number, word) = message.split_first_chunk()?;
    let answer = match word {
        [1] => Answer::Accepted,
        [2] => Answer::Busy,
        [3] => Answer::Refused,
        _ => return None,
    };
    Some((u64::from_le_bytes(*number), answer))
}
