//! The part of Solidity's contract ABI that ERC-1155 needs: what a call asks, what it answers, what an event holds.
//!
//! Source: Solidity documentation, "Contract ABI Specification". Arguments stand in words of 32 bytes, big-endian; an
//! array or a text is an offset there, counted from the first argument on, to its length and its content. What comes
//! from outside is read strictly within its bytes; bytes that nothing points to are ignored, as Solidity does.

use alloy_primitives::{U256, keccak256};
use tally_contracts::types::Address;

/// Thirty-two bytes, big-endian.
pub type Word = [u8; 32];
/// What names a function: the first bytes of the hash of its signature.
pub type Selector = [u8; 4];

/// Bytes of a word.
const WORD: usize = 32;
/// Longest array of a call: far more than a client asks for at once, and soon answered.
pub const MAX_ITEMS: usize = 1_000;

/// Arguments that are not what the function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AbiError {
    /// Something lies past the end.
    #[error("the arguments end early: encode them by the ABI of the function")]
    Short,
    /// A word that is too large for its type.
    #[error("argument {0} is no {1}: encode it by the ABI of the function")]
    Range(usize, &'static str),
    /// A long array.
    #[error("an array has {0} items, more than {MAX_ITEMS}: ask in parts")]
    Long(U256),
}

/// The arguments of a call.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    /// What comes after the selector.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The argument at a position, as a number.
    ///
    /// # Errors
    /// [`AbiError::Short`].
    pub fn uint(&self, at: usize) -> Result<U256, AbiError> {
        self.word(at.checked_mul(WORD).ok_or(AbiError::Short)?).map(|word| U256::from_be_bytes(*word))
    }

    /// The argument at a position, as an address.
    ///
    /// # Errors
    /// [`AbiError::Short`], [`AbiError::Range`].
    pub fn address(&self, at: usize) -> Result<Address, AbiError> {
        address(self.uint(at)?).ok_or(AbiError::Range(at, "address"))
    }

    /// The argument at a position, as four bytes, which stand first in their word.
    ///
    /// # Errors
    /// [`AbiError::Short`], [`AbiError::Range`].
    pub fn bytes4(&self, at: usize) -> Result<[u8; 4], AbiError> {
        let word: Word = self.uint(at)?.to_be_bytes();
        match word.split_first_chunk::<4>() {
            Some((bytes, rest)) if rest.iter().all(|byte| *byte == 0) => Ok(*bytes),
            _ => Err(AbiError::Range(at, "bytes4")),
        }
    }

    /// The argument at a position, as numbers.
    ///
    /// # Errors
    /// [`AbiError::Short`], [`AbiError::Long`].
    pub fn uints(&self, at: usize) -> Result<Vec<U256>, AbiError> {
        let start = usize::try_from(self.uint(at)?).map_err(|_| AbiError::Short)?;
        let length = U256::from_be_bytes(*self.word(start)?);
        let length = usize::try_from(length).ok().filter(|l| *l <= MAX_ITEMS).ok_or(AbiError::Long(length))?;
        let first = start + WORD;
        (0..length).map(|item| self.word(first + item * WORD).map(|word| U256::from_be_bytes(*word))).collect()
    }

    /// The argument at a position, as addresses.
    ///
    /// # Errors
    /// As [`Self::uints`], and [`AbiError::Range`].
    pub fn addresses(&self, at: usize) -> Result<Vec<Address>, AbiError> {
        let words = self.uints(at)?.into_iter();
        words.map(|word| address(word).ok_or(AbiError::Range(at, "address[]"))).collect()
    }

    /// The word that starts at a byte.
    fn word(&self, start: usize) -> Result<&'a Word, AbiError> {
        self.0.get(start..).and_then(|rest| rest.first_chunk::<WORD>()).ok_or(AbiError::Short)
    }
}

/// One value of an answer or of an event's data.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A number, an address or a bool.
    Word(Word),
    /// An array of such.
    Words(&'a [Word]),
    /// A text.
    Text(&'a str),
}

/// The encoding of values, in order.
#[must_use]
pub fn encode(values: &[Value<'_>]) -> Vec<u8> {
    let (mut head, mut tail) = (Vec::with_capacity(values.len() * WORD), Vec::new());
    for value in values {
        let offset = uint_word((values.len() * WORD + tail.len()) as u64);
        match value {
            Value::Word(word) => head.extend_from_slice(word),
            Value::Words(words) => {
                head.extend_from_slice(&offset);
                tail.extend_from_slice(&uint_word(words.len() as u64));
                tail.extend(words.iter().flatten());
            }
            Value::Text(text) => {
                head.extend_from_slice(&offset);
                tail.extend_from_slice(&uint_word(text.len() as u64));
                tail.extend_from_slice(text.as_bytes());
                tail.resize(tail.len().next_multiple_of(WORD), 0);
            }
        }
    }
    head.append(&mut tail);
    head
}

/// What a call that is refused gives back: `Error(string)`.
#[must_use]
pub fn revert(reason: &str) -> Vec<u8> {
    [&selector("Error(string)")[..], &encode(&[Value::Text(reason)])].concat()
}

/// The selector of a function by its signature, `balanceOf(address,uint256)`.
#[must_use]
pub fn selector(signature: &str) -> Selector {
    let [a, b, c, d, ..] = keccak256(signature).0;
    [a, b, c, d]
}

/// The first topic of an event by its signature.
#[must_use]
pub fn topic(signature: &str) -> Word {
    keccak256(signature).0
}

/// A number as a word.
#[must_use]
pub fn uint_word(number: u64) -> Word {
    U256::from(number).to_be_bytes()
}

/// A truth value as a word.
#[must_use]
pub fn bool_word(is_true: bool) -> Word {
    uint_word(is_true.into())
}

/// An address as a word.
#[must_use]
pub fn address_word(address: &Address) -> Word {
    let mut word = [0; WORD];
    word[12..].copy_from_slice(&address.0);
    word
}

/// The address that a word is, where nothing stands before it.
fn address(word: U256) -> Option<Address> {
    let word: Word = word.to_be_bytes();
    let (front, address) = word.split_last_chunk::<20>()?;
    front.iter().all(|byte| *byte == 0).then_some(Address(*address))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Selectors and topics as ERC-1155 and ERC-165 print them.
    #[test]
    fn names_are_those_of_the_standard() {
        let selectors = [
            ("balanceOf(address,uint256)", "00fdd58e"),
            ("balanceOfBatch(address[],uint256[])", "4e1273f4"),
            ("isApprovedForAll(address,address)", "e985e9c5"),
            ("setApprovalForAll(address,bool)", "a22cb465"),
            ("safeTransferFrom(address,address,uint256,uint256,bytes)", "f242432a"),
            ("safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)", "2eb2c2d6"),
            ("uri(uint256)", "0e89341c"),
            ("supportsInterface(bytes4)", "01ffc9a7"),
            ("Error(string)", "08c379a0"),
        ];
        for (signature, expected) in selectors {
            assert_eq!(hex::encode(selector(signature)), expected, "{signature}");
        }
        let single = "c3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62";
        assert_eq!(hex::encode(topic("TransferSingle(address,address,address,uint256,uint256)")), single);
        let batch = "4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb";
        assert_eq!(hex::encode(topic("TransferBatch(address,address,address,uint256[],uint256[])")), batch);
    }

    /// After the examples of the specification: heads first, what they point to behind them.
    #[test]
    fn values_lie_where_the_specification_has_them() {
        let words = [uint_word(0x456), uint_word(0x789)];
        let encoded = encode(&[Value::Word(uint_word(0x123)), Value::Words(&words), Value::Text("Hello, world!")]);
        let word = |hex: &str| format!("{hex:0>64}");
        let text = format!("{:0<64}", hex::encode("Hello, world!"));
        let lines = [word("123"), word("60"), word("c0"), word("2"), word("456"), word("789"), word("d"), text];
        assert_eq!(hex::encode(encoded), lines.concat());
        let reverted = revert("no");
        let expected = ["08c379a0".to_owned(), word("20"), word("2"), format!("{:0<64}", "6e6f")].concat();
        assert_eq!(hex::encode(reverted), expected);
    }

    #[test]
    fn arguments_that_are_none_are_refused() {
        let array = |length: u64, items: u64| {
            let words: Vec<Word> = (0..items).map(uint_word).collect();
            [&uint_word(32)[..], &uint_word(length), &words.concat()].concat()
        };
        assert_eq!(Arguments::new(&array(2, 2)).uints(0).map(|items| items.len()), Ok(2));
        assert_eq!(Arguments::new(&array(2, 1)).uints(0), Err(AbiError::Short));
        assert_eq!(Arguments::new(&array(1_001, 1_001)).uints(0), Err(AbiError::Long(U256::from(1_001))));
        assert_eq!(Arguments::new(&[0xff; 32]).uints(0), Err(AbiError::Short), "an offset beyond all memory");
        assert_eq!(Arguments::new(&[0; 31]).uint(0), Err(AbiError::Short));
        assert_eq!(Arguments::new(&[0; 32]).uint(usize::MAX), Err(AbiError::Short));
        let mut wide = [0; 32];
        wide[11] = 1;
        assert_eq!(Arguments::new(&wide).address(0), Err(AbiError::Range(0, "address")));
        wide[11] = 0;
        assert_eq!(Arguments::new(&wide).address(0), Ok(Address([0; 20])));
        wide[4] = 1;
        assert_eq!(Arguments::new(&wide).bytes4(0), Err(AbiError::Range(0, "bytes4")));
    }

    proptest! {
        /// What is encoded is read as it was.
        #[test]
        fn arrays_come_back(
            holders in prop::collection::vec(any::<[u8; 20]>(), 0..20),
            ids in prop::collection::vec(any::<u64>(), 0..20),
        ) {
            let words: Vec<Word> = holders.iter().map(|holder| address_word(&Address(*holder))).collect();
            let numbers: Vec<Word> = ids.iter().map(|id| uint_word(*id)).collect();
            let encoded = encode(&[Value::Words(&words), Value::Words(&numbers)]);
            let arguments = Arguments::new(&encoded);
            prop_assert_eq!(arguments.addresses(0), Ok(holders.into_iter().map(Address).collect()));
            prop_assert_eq!(arguments.uints(1), Ok(ids.into_iter().map(U256::from).collect()));
            for length in 0..encoded.len() {
                let cut = Arguments::new(&encoded[..length]);
                prop_assert!(cut.addresses(0).is_err() || cut.uints(1).is_err());
            }
        }

        /// No bytes lead to a panic, nor to more items than there are bytes for.
        #[test]
        fn any_bytes_are_read_or_refused(
            words in prop::collection::vec(prop_oneof![Just(0_u64), 0_u64..200, any::<u64>()], 0..8),
            tail in prop::collection::vec(any::<u8>(), 0..70),
            at in 0_usize..4,
        ) {
            let bytes = [words.into_iter().flat_map(uint_word).collect(), tail].concat();
            let arguments = Arguments::new(&bytes);
            let _ = (arguments.uint(at), arguments.address(at), arguments.bytes4(at), arguments.addresses(at));
            prop_assert!(arguments.uints(at).map_or(0, |items| items.len()) * WORD <= bytes.len());
        }
    }
}
