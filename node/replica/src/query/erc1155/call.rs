//! What the contract's functions answer: the reading ones of ERC-1155, its URI, and ERC-165. The writing ones are
//! refused.

use tally_contracts::types::Height;

use super::abi::{self, AbiError, Arguments, Value, bool_word, selector, uint_word};
use super::{Contract, balance};
use crate::query::Snapshot;

/// Interfaces that `supportsInterface` affirms: ERC-165, ERC-1155 and its metadata (the URI).
const INTERFACES: [[u8; 4]; 3] = [[0x01, 0xff, 0xc9, 0xa7], [0xd9, 0xb6, 0x7a, 0x26], [0x0e, 0x89, 0x34, 0x1c]];

const TRANSFERS: &str = "nothing is transferred here: submit transfers with POST /v1/operations at a merchant's node, \
                         with the member's authorization";
const APPROVALS: &str = "nobody is approved here: a member's authorization travels with each operation, submit it with \
                         POST /v1/operations at a merchant's node";

/// A call that the contract refuses, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("execution reverted: {0}")]
pub struct Revert(pub String);

impl Revert {
    /// The reason as Solidity gives it back.
    #[must_use]
    pub fn data(&self) -> Vec<u8> {
        abi::revert(&self.0)
    }
}

impl From<AbiError> for Revert {
    fn from(error: AbiError) -> Self {
        Self(error.to_string())
    }
}

type Answer = Result<Vec<u8>, Revert>;

/// What a function does: state, the block it is as of, the arguments.
type Function = fn(&Snapshot<'_>, Height, &Arguments<'_>) -> Answer;

/// The functions by their signatures.
const FUNCTIONS: [(&str, Function); 8] = [
    ("balanceOf(address,uint256)", balance_of),
    ("balanceOfBatch(address[],uint256[])", balance_of_batch),
    ("isApprovedForAll(address,address)", is_approved_for_all),
    ("uri(uint256)", uri),
    ("supportsInterface(bytes4)", supports_interface),
    ("safeTransferFrom(address,address,uint256,uint256,bytes)", |_, _, _| Err(Revert(TRANSFERS.into()))),
    ("safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)", |_, _, _| Err(Revert(TRANSFERS.into()))),
    ("setApprovalForAll(address,bool)", |_, _, _| Err(Revert(APPROVALS.into()))),
];

/// Calls the contract as of a block up to the head; `data` is a selector and arguments.
///
/// # Errors
/// [`Revert`].
pub fn call(snapshot: &Snapshot<'_>, height: Height, data: &[u8]) -> Answer {
    let (asked, arguments) = data.split_first_chunk::<4>().ok_or_else(|| unknown(data))?;
    let is_asked = |(signature, _): &&(&str, Function)| selector(signature) == *asked;
    let (_, function) = FUNCTIONS.iter().find(is_asked).ok_or_else(|| unknown(asked))?;
    function(snapshot, height, &Arguments::new(arguments))
}

fn unknown(asked: &[u8]) -> Revert {
    let names = FUNCTIONS.map(|(signature, _)| signature.split('(').next().unwrap_or_default());
    Revert(format!("there is no function 0x{}, only {}", hex::encode(asked), names.join(", ")))
}

fn balance_of(snapshot: &Snapshot<'_>, height: Height, arguments: &Arguments<'_>) -> Answer {
    let points = balance(snapshot, arguments.address(0)?, arguments.uint(1)?, height);
    Ok(abi::encode(&[Value::Word(uint_word(points.0))]))
}

fn balance_of_batch(snapshot: &Snapshot<'_>, height: Height, arguments: &Arguments<'_>) -> Answer {
    let (holders, ids) = (arguments.addresses(0)?, arguments.uints(1)?);
    if holders.len() != ids.len() {
        return Err(Revert(format!("{} accounts and {} ids: give an id for each account", holders.len(), ids.len())));
    }
    let pairs = holders.into_iter().zip(ids);
    let words: Vec<_> = pairs.map(|(holder, id)| uint_word(balance(snapshot, holder, id, height).0)).collect();
    Ok(abi::encode(&[Value::Words(&words)]))
}

/// An approval would be a second authority beside the member's consent.
fn is_approved_for_all(_: &Snapshot<'_>, _: Height, arguments: &Arguments<'_>) -> Answer {
    let _ = (arguments.address(0)?, arguments.address(1)?);
    Ok(abi::encode(&[Value::Word(bool_word(false))]))
}

fn uri(snapshot: &Snapshot<'_>, _: Height, arguments: &Arguments<'_>) -> Answer {
    arguments.uint(0)?;
    Ok(abi::encode(&[Value::Text(&Contract::of(&snapshot.genesis.chain_id()).uri)]))
}

fn supports_interface(_: &Snapshot<'_>, _: Height, arguments: &Arguments<'_>) -> Answer {
    let is_supported = INTERFACES.contains(&arguments.bytes4(0)?);
    Ok(abi::encode(&[Value::Word(bool_word(is_supported))]))
}
