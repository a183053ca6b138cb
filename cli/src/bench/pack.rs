//! Transactions as full as they may be: operations are measured with their largest receipts before they go in.

use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::transaction::{LEAF_OVERHEAD_BYTES, MAX_LEAF_BYTES, MAX_OPERATIONS, Operation, Transaction};
use tally_contracts::types::{Hash, MerchantId};

use super::market::{Market, Trader};
use crate::submit::{Signing, sign};

/// How much more a transaction holds.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    bytes: usize,
    operations: usize,
}

impl Room {
    /// The room of an empty transaction that is to have at most so many operations.
    pub fn new(most: usize) -> Self {
        let empty = Transaction {
            chain_id: Hash::ZERO,
            merchant: MerchantId(0),
            public_key: PublicKey::default(),
            valid_until_ms: 0,
            atomic: false,
            operations: vec![],
            signature: Signature::default(),
        };
        let bytes = MAX_LEAF_BYTES - LEAF_OVERHEAD_BYTES - encoding::encode(&empty).len();
        Self { bytes, operations: most.min(MAX_OPERATIONS) }
    }

    /// How many more operations, if they were small.
    pub const fn operations(&self) -> usize {
        self.operations
    }

    /// Takes the room of operations that belong together; says whether there was enough.
    pub fn take(&mut self, operations: &[Operation]) -> bool {
        let measured = operations.iter().map(|o| encoding::encode(o).len() + o.body.max_receipt_bytes());
        let bytes: usize = measured.sum();
        if operations.len() > self.operations || bytes > self.bytes {
            return false;
        }
        self.operations -= operations.len();
        self.bytes -= bytes;
        true
    }
}

/// The canonical bytes of a transaction by a merchant.
pub fn signed(market: &Market, trader: &Trader, operations: Vec<Operation>) -> Vec<u8> {
    let valid_until_ms = market.valid_until_ms();
    let signing = Signing { chain_id: market.chain_id, merchant: trader.id, valid_until_ms, key: &trader.key };
    encoding::encode(&sign(&signing, operations))
}

#[cfg(test)]
mod tests {
    use tally_contracts::transaction::CheckedTransaction;

    use super::super::testing;
    use super::*;

    #[test]
    fn a_full_transaction_is_one_that_nodes_take() {
        let settings = testing::settings(&[]);
        let (market, mut draw) = (testing::market(), testing::draw(&settings));
        let (mut room, mut operations) = (Room::new(usize::MAX), Vec::new());
        loop {
            let next = draw.next(1, room.operations());
            if !room.take(&next) {
                break;
            }
            operations.extend(next);
        }
        assert!(operations.len() > 100, "{}", operations.len());
        CheckedTransaction::check(signed(&market, &market.merchants[1], operations), &market.chain_id).unwrap();
    }
}
