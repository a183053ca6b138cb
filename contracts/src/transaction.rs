//! A transaction: a merchant's signed batch of operations, and everything about it that its bytes alone decide.
//!
//! Layout and signing bytes: `docs/formats.md`. The stage is in the type: a [`Transaction`] is a claim, a
//! [`CheckedTransaction`] is well formed, bounded and signed; whether its key may do what it asks is judged at execution.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::{self, PublicKey, Signature, SignatureError, Signed};
use crate::encoding::{self, DecodeError, Domain};
pub use crate::operation::{Body, Operation, Till};
use crate::types::{ChainId, Hash, MerchantId};

/// What a merchant's operator key signs.
const SIGNING: Domain = Domain::new("tally/transaction/v1\0");
/// What a transaction is known by.
const IDENTITY: Domain = Domain::new("tally/transaction-id/v1\0");

/// Longest entry of the transparency log: a C2SP tlog-tiles entry has a 16-bit length.
pub const MAX_LEAF_BYTES: usize = 65_535;
/// What a log leaf adds to the transaction and its receipts: tag, height, index and two sequence lengths.
pub const LEAF_OVERHEAD_BYTES: usize = 4 + 8 + 4 + 8 + 8;
/// Most operations of one transaction: a bound for every loop over them.
pub const MAX_OPERATIONS: usize = 1_000;

/// A merchant's batch, signed once.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// The alliance it is for.
    pub chain_id: ChainId,
    /// The merchant that submits it.
    pub merchant: MerchantId,
    /// The operator key that signed it.
    pub public_key: PublicKey,
    /// Last block time at which it may be executed, in ms since 1970; at most 24 h after block time.
    pub valid_until_ms: u64,
    /// All operations succeed, or none.
    pub atomic: bool,
    /// One to [`MAX_OPERATIONS`] operations, executed in order.
    pub operations: Vec<Operation>,
    /// Over [`Transaction::signing_hash`].
    pub signature: Signature,
}

/// A transaction that no node accepts, whatever its state: bytes that are wrong in themselves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransaction {
    /// Truncated, trailing or otherwise not the canonical bytes of a transaction of this version.
    #[error(transparent)]
    Encoding(#[from] DecodeError),
    /// For another alliance.
    #[error("the transaction is for chain {found}, this alliance is {expected}")]
    WrongChain {
        /// The chain it names.
        found: ChainId,
        /// The chain it was offered to.
        expected: ChainId,
    },
    /// Transaction and largest possible receipts do not fit into a log entry.
    #[error("with its receipts the transaction may take {bytes} bytes, a log entry holds {MAX_LEAF_BYTES}")]
    Oversized {
        /// Encoded length plus the operations' `MAX_RECEIPT_BYTES`.
        bytes: usize,
    },
    /// No operation, or too many.
    #[error("a transaction has 1 to {MAX_OPERATIONS} operations, this one has {0}")]
    OperationCount(usize),
    /// A rule on an operation that its bytes alone decide.
    #[error("operation {index}: {reason}")]
    Operation {
        /// Its position in the transaction.
        index: usize,
        /// The broken rule.
        reason: &'static str,
    },
    /// The signature of the operation's authorization, or its key.
    #[error("operation {index}: authorization: {error}")]
    Authorization {
        /// Its position in the transaction.
        index: usize,
        /// What is wrong.
        error: SignatureError,
    },
    /// The signature, or the key itself.
    #[error(transparent)]
    Signature(SignatureError),
}

impl InvalidTransaction {
    /// The stable name of the fault, as JSON has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "malformed_transaction",
            Self::WrongChain { .. } => "wrong_chain",
            Self::Oversized { .. } => "transaction_oversized",
            Self::OperationCount(_) => "operation_count",
            Self::Operation { .. } => "malformed_operation",
            Self::Authorization { .. } => "wrong_authorization",
            Self::Signature(SignatureError::Key) => "unusable_key",
            Self::Signature(SignatureError::Mismatch) => "wrong_signature",
        }
    }
}

/// The signed part of a transaction: all of it but the signature, in the same order.
#[derive(SchemaWrite)]
struct Unsigned<'a> {
    chain_id: &'a ChainId,
    merchant: MerchantId,
    public_key: &'a PublicKey,
    valid_until_ms: u64,
    atomic: bool,
    operations: &'a Vec<Operation>,
}

impl Transaction {
    /// The digest that the operator key signs: everything before the signature, domain-separated.
    #[must_use]
    pub fn signing_hash(&self) -> Hash {
        let Self { chain_id, merchant, public_key, valid_until_ms, atomic, operations, signature: _ } = self;
        let unsigned = Unsigned {
            chain_id,
            merchant: *merchant,
            public_key,
            valid_until_ms: *valid_until_ms,
            atomic: *atomic,
            operations,
        };
        SIGNING.hash(&[&encoding::encode(&unsigned)])
    }

    /// Sets public key and signature.
    pub fn sign(&mut self, key: &ed25519_dalek::SigningKey) {
        self.public_key = PublicKey::of(key);
        self.signature = crypto::sign(key, &self.signing_hash().0);
    }
}

/// Whose signature it is: the transaction's, or that of an operation's authorization.
#[derive(Clone, Copy)]
struct Claim {
    transaction: usize,
    operation: Option<usize>,
}

impl Claim {
    fn invalid(self, error: SignatureError) -> (usize, InvalidTransaction) {
        let invalid = match self.operation {
            None => InvalidTransaction::Signature(error),
            Some(index) => InvalidTransaction::Authorization { index, error },
        };
        (self.transaction, invalid)
    }
}

/// A transaction that is well formed, of this alliance, bounded and rightly signed. Clones share it: mempool, proposal and
/// block hold the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedTransaction(Arc<Checked>);

/// What a transaction of these bytes is known by, whatever they are: their hash.
#[must_use]
pub fn transaction_id(bytes: &[u8]) -> Hash {
    IDENTITY.hash(&[bytes])
}

/// Gives a transaction by its id, if it was checked before for this alliance.
pub type Known<'a> = &'a dyn Fn(&Hash) -> Option<CheckedTransaction>;

#[derive(Debug, PartialEq, Eq)]
struct Checked {
    transaction: Transaction,
    bytes: Vec<u8>,
    id: Hash,
    /// By operation.
    body_hashes: Vec<Hash>,
}

impl CheckedTransaction {
    /// Checks one transaction's bytes, its signatures included.
    ///
    /// # Errors
    /// The first fault, judged in this order: size, encoding, chain, count, size with receipts, operations, the
    /// transaction's signature, those of its operations' authorizations.
    pub fn check(bytes: Vec<u8>, chain_id: &ChainId) -> Result<Self, InvalidTransaction> {
        Self::check_all(vec![bytes], chain_id).map(|mut checked| checked.remove(0)).map_err(|(_, invalid)| invalid)
    }

    /// Checks many transactions, their signatures in one batch; the verdict on each is that of [`Self::check`].
    ///
    /// # Errors
    /// The index of the first invalid transaction, and what is wrong with it. Signatures come after all else.
    pub fn check_all(all_bytes: Vec<Vec<u8>>, chain_id: &ChainId) -> Result<Vec<Self>, (usize, InvalidTransaction)> {
        Self::check_new(all_bytes, chain_id, &|_| None)
    }

    /// The same, where some of them may have been checked before for this alliance: `known` gives those, by id. An id is the
    /// hash of all of a transaction's bytes, so nothing of them is looked at again.
    ///
    /// # Errors
    /// As [`Self::check_all`].
    pub fn check_new(
        all_bytes: Vec<Vec<u8>>,
        chain_id: &ChainId,
        known: Known<'_>,
    ) -> Result<Vec<Self>, (usize, InvalidTransaction)> {
        let mut claims: Vec<(Claim, Signed)> = Vec::new();
        let mut checked = Vec::with_capacity(all_bytes.len());
        for (at, bytes) in all_bytes.into_iter().enumerate() {
            let id = transaction_id(&bytes);
            if let Some(known) = known(&id) {
                checked.push(known);
                continue;
            }
            let one = Self::check_unsigned(bytes, id, chain_id).map_err(|e| (at, e))?;
            claims.extend(one.claims(at));
            checked.push(one);
        }
        let signed: Vec<Signed> = claims.iter().map(|(_, signed)| *signed).collect();
        crypto::verify_batch(&signed).map_err(|(at, error)| claims[at].0.invalid(error))?;
        Ok(checked)
    }

    fn check_unsigned(bytes: Vec<u8>, id: Hash, chain_id: &ChainId) -> Result<Self, InvalidTransaction> {
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(InvalidTransaction::Oversized { bytes: bytes.len() });
        }
        let transaction: Transaction = encoding::decode(&bytes)?;
        if transaction.chain_id != *chain_id {
            return Err(InvalidTransaction::WrongChain { found: transaction.chain_id, expected: *chain_id });
        }
        let count = transaction.operations.len();
        if count == 0 || count > MAX_OPERATIONS {
            return Err(InvalidTransaction::OperationCount(count));
        }
        let receipts: usize = transaction.operations.iter().map(|o| o.body.max_receipt_bytes()).sum();
        let leaf_bytes = LEAF_OVERHEAD_BYTES + bytes.len() + receipts;
        if leaf_bytes > MAX_LEAF_BYTES {
            return Err(InvalidTransaction::Oversized { bytes: leaf_bytes });
        }
        for (index, operation) in transaction.operations.iter().enumerate() {
            operation.check_stateless().map_err(|reason| InvalidTransaction::Operation { index, reason })?;
        }
        let body_hashes = transaction.operations.iter().map(Operation::body_hash).collect();
        Ok(Self(Arc::new(Checked { transaction, bytes, id, body_hashes })))
    }

    /// Every signature in it, the transaction's own first.
    fn claims(&self, transaction: usize) -> Vec<(Claim, Signed)> {
        let Checked { transaction: said, bytes, .. } = &*self.0;
        let own = Signed {
            key: said.public_key,
            // What is signed is all of it but the signature, which comes last.
            message: SIGNING.hash(&[&bytes[..bytes.len() - size_of::<Signature>()]]),
            signature: said.signature,
        };
        let authorization = |(index, operation): (usize, &Operation)| {
            let signed = operation.authorization.as_ref()?.signed(operation);
            Some((Claim { transaction, operation: Some(index) }, signed))
        };
        let authorizations = said.operations.iter().enumerate().filter_map(authorization);
        [(Claim { transaction, operation: None }, own)].into_iter().chain(authorizations).collect()
    }

    /// What it says.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.0.transaction
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// [`Operation::body_hash`] of each operation, worked out once, beside the thread that executes.
    #[must_use]
    pub fn body_hashes(&self) -> &[Hash] {
        &self.0.body_hashes
    }

    /// What it is known by: the hash of its bytes, signature included.
    #[must_use]
    pub fn id(&self) -> Hash {
        self.0.id
    }
}
