//! What travels on a stream: frames, each on a topic.
//!
//! Format: a frame is its length, an unsigned varint, and so many bytes: one for the word (1 subscribe, 2 unsubscribe, 3 message,
//! 4 ask, 5 alive), one for the length of the topic, from 1 to [`Topic::MAX_BYTES`], the topic, and, of a message, all the rest.

use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};
use libp2p::StreamProtocol;

/// The name of the protocol; its version changes with the format.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/tally/broadcast/1");

/// Bytes of a frame beside its message, at most.
pub const MAX_HEADER_BYTES: usize = 2 + Topic::MAX_BYTES;

/// What messages are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Topic(Bytes);

impl Topic {
    /// Longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// A topic by its name.
    ///
    /// # Panics
    /// Where the name is empty or longer than [`Self::MAX_BYTES`].
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        assert!((1..=Self::MAX_BYTES).contains(&name.len()), "a topic has a name of 1 to {} bytes", Self::MAX_BYTES);
        Self(Bytes::copy_from_slice(name))
    }

    /// A topic of our own, which costs nothing to make; too long or short a name does not compile in a `static`.
    ///
    /// # Panics
    /// Those of [`Self::new`].
    #[must_use]
    pub const fn from_static(name: &'static [u8]) -> Self {
        assert!(!name.is_empty() && name.len() <= Self::MAX_BYTES);
        Self(Bytes::from_static(name))
    }
}

/// What is said on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Sends what is broadcast on it from now on.
    Subscribe,
    /// Sends it no longer.
    Unsubscribe,
    /// A message.
    Message(Bytes),
    /// Whether the other side is still there, ...
    Ask,
    /// ... and that it is.
    Alive,
}

/// A word on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is about.
    pub topic: Topic,
    /// What is said.
    pub word: Word,
}

impl Frame {
    /// Its bytes, without their length.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let (word, message): (u8, &[u8]) = match &self.word {
            Word::Subscribe => (1, &[]),
            Word::Unsubscribe => (2, &[]),
            Word::Message(message) => (3, message),
            Word::Ask => (4, &[]),
            Word::Alive => (5, &[]),
        };
        let name = &self.topic.0;
        let mut bytes = BytesMut::with_capacity(2 + name.len() + message.len());
        bytes.put_u8(word);
        bytes.put_u8(u8::try_from(name.len()).expect("a name is at most 64 bytes long"));
        bytes.put_slice(name);
        bytes.put_slice(message);
        bytes.freeze()
    }

    /// Reads them.
    ///
    /// # Errors
    /// They are no frame.
    pub fn decode(mut bytes: Bytes) -> io::Result<Self> {
        let &[word, length, ..] = bytes.as_ref() else { return Err(invalid("a frame without a topic")) };
        let length = usize::from(length);
        if !(1..=Topic::MAX_BYTES).contains(&length) || bytes.len() < 2 + length {
            return Err(invalid("a topic that is no topic"));
        }
        let message = bytes.split_off(2 + length);
        let word = match word {
            1 if message.is_empty() => Word::Subscribe,
            2 if message.is_empty() => Word::Unsubscribe,
            3 => Word::Message(message),
            4 if message.is_empty() => Word::Ask,
            5 if message.is_empty() => Word::Alive,
            _ => return Err(invalid("a word that is none")),
        };
        // Copied, since a peer's topics are kept, and would keep the message.
        Ok(Self { topic: Topic::new(&bytes[2..]), word })
    }
}

pub(crate) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_these_bytes_and_read_as_what_was_written() {
        let topic = Topic::new(b"votes");
        let table: [(Word, &[u8]); 6] = [
            (Word::Subscribe, b"\x01\x05votes"),
            (Word::Unsubscribe, b"\x02\x05votes"),
            (Word::Message(Bytes::new()), b"\x03\x05votes"),
            (Word::Message(Bytes::from_static(b"aye")), b"\x03\x05votesaye"),
            (Word::Ask, b"\x04\x05votes"),
            (Word::Alive, b"\x05\x05votes"),
        ];
        for (word, bytes) in table {
            let frame = Frame { topic: topic.clone(), word };
            assert_eq!(frame.encode(), bytes);
            assert_eq!(Frame::decode(Bytes::from_static(bytes)).unwrap(), frame);
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let long = [&[3, 65][..], &[b'x'; 65]].concat();
        let table: [&[u8]; 7] = [b"", b"\x03", b"\x03\x00", b"\x03\x05vote", b"\x06\x01v", b"\x01\x01vmore", &long];
        for bytes in table {
            assert!(Frame::decode(Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
    }
}
