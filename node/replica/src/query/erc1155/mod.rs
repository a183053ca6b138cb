//! The ledger as a contract of ERC-1155: holders, balances and events, for programs that know Ethereum and not us.
//!
//! A holder is an [`Address`] as it stands, a token id is a class, an amount is points in minor units. Balances are
//! live points at a block's time, which is what `erc1155_root` is of at checkpoints. The standard knows no clock:
//! points lapse when their month ends, and the event that burns them comes with the movement that takes them off the
//! holding. Nothing can be changed here: by whose word points move is for the contracts to judge.

pub mod abi;
pub mod call;
pub mod events;

use alloy_primitives::{U256, keccak256};
use tally_contracts::checkpoint::token_uri;
use tally_contracts::points::{balance_at, latest_in};
use tally_contracts::types::{Address, ChainId, ClassId, Height, MerchantId, Points};

use super::Snapshot;

/// What stands before the alliance where the contract's address is derived.
const CONTRACT: &[u8] = b"tally/erc1155/v1\0";
/// Bytes of the chain id that make the chain's number: below 2^53, so that every JSON reader has it exactly.
const NUMBER_BYTES: usize = 6;

/// What is stored as the contract's code: INVALID (EIP-141), for there is nothing to run.
pub const CODE: [u8; 1] = [0xfe];

/// Where Ethereum's programs find the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// `eth_chainId`: the first 6 bytes of the chain id, big-endian; 1 instead of 0.
    pub chain_number: u64,
    /// The last 20 bytes of the Keccak-256 of `tally/erc1155/v1\0` and the chain id.
    pub address: Address,
    /// What `uri` answers for every token.
    pub uri: String,
}

impl Contract {
    /// The contract of an alliance.
    #[must_use]
    pub fn of(chain_id: &ChainId) -> Self {
        let number = chain_id.0[..NUMBER_BYTES].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let hash = keccak256([CONTRACT, &chain_id.0].concat()).0;
        let address = Address::of_hash(&tally_contracts::types::Hash(hash));
        Self { chain_number: number.max(1), address, uri: token_uri(chain_id) }
    }
}

/// The operator of an event: 18 zero bytes and the merchant's number, big-endian. Merchant 0, which is the zero
/// address, stands for nobody: time itself.
#[must_use]
pub fn operator(merchant: MerchantId) -> Address {
    let mut address = Address([0; 20]);
    address.0[18..].copy_from_slice(&merchant.0.to_be_bytes());
    address
}

/// Live points of a holder at the time of a block up to the head; nothing of a token that is no class.
#[must_use]
pub fn balance(snapshot: &Snapshot<'_>, holder: Address, id: U256, height: Height) -> Points {
    let Ok(class) = u32::try_from(id) else { return Points(0) };
    let month = snapshot.calendar().month(snapshot.time_ms(height));
    let movement = latest_in(snapshot.store, &(holder, ClassId(class)), height);
    movement.map_or(Points(0), |(_, movement)| balance_at(&movement.lots, month))
}

#[cfg(test)]
mod tests;
