//! Batches: operations put together into one transaction that fits into a log entry, and signed.

use ed25519_dalek::SigningKey;
use tally_contracts::crypto::{self, PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::transaction::{
    CheckedTransaction, LEAF_OVERHEAD_BYTES, MAX_LEAF_BYTES, MAX_OPERATIONS, Operation, Transaction,
};
use tally_contracts::types::{ChainId, Hash, MerchantId};

/// Signs for the merchant.
pub(super) struct Signer {
    pub chain_id: ChainId,
    pub merchant: MerchantId,
    key: SigningKey,
    public_key: PublicKey,
}

/// What a transaction is to say besides whose it is.
pub(super) struct Content {
    pub operations: Vec<Operation>,
    pub atomic: bool,
    pub valid_until_ms: u64,
}

impl Signer {
    /// The key, and its signature over a hash.
    pub fn sign_hash(&self, hash: &Hash) -> (PublicKey, Signature) {
        (self.public_key, crypto::sign(&self.key, &hash.0))
    }

    pub fn new(chain_id: ChainId, merchant: MerchantId, key: SigningKey) -> Self {
        Self { chain_id, merchant, public_key: PublicKey::of(&key), key }
    }

    pub const fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The signed transaction.
    ///
    /// # Panics
    /// When the operations do not fit: they were measured before they were accepted.
    pub fn sign(&self, content: Content) -> CheckedTransaction {
        let Content { operations, atomic, valid_until_ms } = content;
        let mut transaction = Transaction {
            chain_id: self.chain_id,
            merchant: self.merchant,
            public_key: self.public_key,
            valid_until_ms,
            atomic,
            operations,
            signature: Signature::default(),
        };
        transaction.sign(&self.key);
        CheckedTransaction::check(encoding::encode(&transaction), &self.chain_id)
            .expect("an own transaction is valid because its operations were checked and measured")
    }
}

/// How much more a transaction holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    bytes: usize,
    operations: usize,
}

/// Bytes of an encoded transaction without operations.
const EMPTY_TRANSACTION_BYTES: usize = 32 + 2 + 32 + 8 + 1 + 8 + 64;

impl Room {
    /// The room of an empty transaction.
    pub const fn new() -> Self {
        Self { bytes: MAX_LEAF_BYTES - LEAF_OVERHEAD_BYTES - EMPTY_TRANSACTION_BYTES, operations: MAX_OPERATIONS }
    }

    /// Takes the room of operations that take `leaf_bytes` in a log entry; says whether there was enough.
    pub const fn take(&mut self, operations: usize, leaf_bytes: usize) -> bool {
        if operations > self.operations || leaf_bytes > self.bytes {
            return false;
        }
        self.operations -= operations;
        self.bytes -= leaf_bytes;
        true
    }

    /// Bytes that are left.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Whether a transaction of this operation alone fits into a log entry.
#[must_use]
pub fn fits_alone(operation: &Operation) -> bool {
    Room::new().take(1, leaf_bytes(operation, encoding::encode(operation).len()))
}

/// What an operation takes up in a log entry at most, its receipt included, if `encoded_bytes` is its own length.
pub(super) const fn leaf_bytes(operation: &Operation, encoded_bytes: usize) -> usize {
    encoded_bytes + operation.body.max_receipt_bytes()
}

#[cfg(test)]
mod tests;
