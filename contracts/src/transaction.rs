//! A transaction: a merchant's signed batch of operations, and everything about it that its bytes alone decide.
//!
//! Layout and signing bytes: `docs/formats.md`. The stage is in the type: a [`Transaction`] is a claim, a
//! [`CheckedTransaction`] is well formed, bounded and signed; whether its key may do what it asks is judged at execution.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::{self, PublicKey, Signature, SignatureError, Signed};
use crate::encoding::{self, DecodeError, Domain};
use crate::types::{Address, ChainId, ClassId, Hash, MerchantId, Reference, StoreId, TillId};
use crate::{exchange, governance, membership, points, receipt, settlement};

/// What a merchant's operator key signs.
const SIGNING: Domain = Domain::new("tally/transaction/v1\0");
/// What a transaction is known by.
const IDENTITY: Domain = Domain::new("tally/transaction-id/v1\0");
/// What the index of references remembers of an operation.
const OPERATION: Domain = Domain::new("tally/operation/v1\0");

/// Longest entry of the transparency log: a C2SP tlog-tiles entry has a 16-bit length.
pub const MAX_LEAF_BYTES: usize = 65_535;
/// What a log leaf adds to the transaction and its receipts: tag, height, index and two sequence lengths.
pub const LEAF_OVERHEAD_BYTES: usize = 4 + 8 + 4 + 8 + 8;
/// Most operations of one transaction: a bound for every loop over them.
pub const MAX_OPERATIONS: usize = 1_000;

/// A merchant's batch, signed once.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
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

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The merchant's own name for it, mandatory and unique.
    pub reference: Reference,
    /// Where a till acts: its store and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub till: Option<Till>,
    /// What is done.
    pub body: Body,
}

/// A till, by the merchant's own codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Till {
    /// The store.
    pub store_id: StoreId,
    /// The till within the store.
    pub till_id: TillId,
}

/// The kinds of operation. A number is never given to another kind; one unknown to the version does not decode.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// Sets the simulated clock.
    #[wincode(tag = 1)]
    SetClock(governance::SetClock),
    /// Opens a point class.
    #[wincode(tag = 2)]
    CreateClass(points::CreateClass),
    /// Enrols a member into the merchant's custody.
    #[wincode(tag = 10)]
    Enrol(membership::Enrol),
    /// Issues points for a purchase.
    #[wincode(tag = 20)]
    Issue(points::Issue),
    /// Gives points to another member.
    #[wincode(tag = 21)]
    Transfer(points::Transfer),
    /// Spends points for cash off.
    #[wincode(tag = 22)]
    Redeem(points::Redeem),
    /// Turns points of one class into points of another.
    #[wincode(tag = 30)]
    Exchange(exchange::Exchange),
    /// Confirms that a settlement leg was paid.
    #[wincode(tag = 40)]
    ConfirmLeg(settlement::ConfirmLeg),
}

impl Body {
    /// The stable name of the kind, as JSON has it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SetClock(_) => "set_clock",
            Self::CreateClass(_) => "create_class",
            Self::Enrol(_) => "enrol",
            Self::Issue(_) => "issue",
            Self::Transfer(_) => "transfer",
            Self::Redeem(_) => "redeem",
            Self::Exchange(_) => "exchange",
            Self::ConfirmLeg(_) => "confirm_leg",
        }
    }

    /// Most bytes of the operation's receipt.
    #[must_use]
    pub const fn max_receipt_bytes(&self) -> usize {
        receipt::max_bytes(match self {
            Self::SetClock(_) => governance::SetClock::MAX_RECEIPT_BYTES,
            Self::CreateClass(_) => points::CreateClass::MAX_RECEIPT_BYTES,
            Self::Enrol(_) => membership::Enrol::MAX_RECEIPT_BYTES,
            Self::Issue(_) => points::Issue::MAX_RECEIPT_BYTES,
            Self::Transfer(_) => points::Transfer::MAX_RECEIPT_BYTES,
            Self::Redeem(_) => points::Redeem::MAX_RECEIPT_BYTES,
            Self::Exchange(_) => exchange::Exchange::MAX_RECEIPT_BYTES,
            Self::ConfirmLeg(_) => settlement::ConfirmLeg::MAX_RECEIPT_BYTES,
        })
    }

    /// The members whose points the operation touches, for indexes and filters.
    #[must_use]
    pub fn members(&self) -> Vec<Address> {
        match self {
            Self::SetClock(_) | Self::CreateClass(_) | Self::Enrol(_) | Self::ConfirmLeg(_) => Vec::new(),
            Self::Issue(o) => vec![o.member],
            Self::Transfer(o) => vec![o.from, o.to],
            Self::Redeem(o) => vec![o.member],
            Self::Exchange(o) => vec![o.member],
        }
    }

    /// The point class the operation is about, if it is about one (the source of an exchange).
    #[must_use]
    pub const fn class(&self) -> Option<ClassId> {
        match self {
            Self::SetClock(_) | Self::Enrol(_) | Self::ConfirmLeg(_) => None,
            Self::CreateClass(o) => Some(o.class),
            Self::Issue(o) => Some(o.class),
            Self::Transfer(o) => Some(o.class),
            Self::Redeem(o) => Some(o.class),
            Self::Exchange(o) => Some(o.from_class),
        }
    }

    /// The rules on an operation that its bytes alone decide.
    ///
    /// # Errors
    /// The broken rule, as a sentence.
    pub fn check_stateless(&self) -> Result<(), &'static str> {
        match self {
            Self::SetClock(_) | Self::CreateClass(_) | Self::Enrol(_) | Self::ConfirmLeg(_) => Ok(()),
            Self::Issue(o) => o.check_stateless(),
            Self::Transfer(_) | Self::Redeem(_) | Self::Exchange(_) => Ok(()),
        }
    }
}

impl Operation {
    /// What the index of references remembers: the same body again is a duplicate, another one a reused reference.
    #[must_use]
    pub fn body_hash(&self) -> Hash {
        OPERATION.hash(&[&encoding::encode(&(self.till, &self.body))])
    }
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
    /// The signature, or the key itself.
    #[error(transparent)]
    Signature(#[from] SignatureError),
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
        SIGNING.hash(&[&wincode::serialize(&unsigned).expect("a transaction encodes because its length is bounded")])
    }

    /// Sets public key and signature.
    pub fn sign(&mut self, key: &ed25519_dalek::SigningKey) {
        self.public_key = PublicKey::of(key);
        self.signature = crypto::sign(key, &self.signing_hash().0);
    }
}

/// A transaction that is well formed, of this alliance, bounded and rightly signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedTransaction {
    transaction: Transaction,
    bytes: Vec<u8>,
    id: Hash,
}

impl CheckedTransaction {
    /// Checks one transaction's bytes, signature included.
    ///
    /// # Errors
    /// The first fault, judged in this order: size, encoding, chain, count, size with receipts, operations, signature.
    pub fn check(bytes: Vec<u8>, chain_id: &ChainId) -> Result<Self, InvalidTransaction> {
        let checked = Self::check_unsigned(bytes, chain_id)?;
        let signed = checked.signed();
        signed.key.verify(&signed.message.0, &signed.signature)?;
        Ok(checked)
    }

    /// Checks many transactions, their signatures in one batch; the verdict on each is that of [`Self::check`].
    ///
    /// # Errors
    /// The index of the first invalid transaction, and what is wrong with it. Signatures come after all else.
    pub fn check_all(all_bytes: Vec<Vec<u8>>, chain_id: &ChainId) -> Result<Vec<Self>, (usize, InvalidTransaction)> {
        let checked = all_bytes
            .into_iter()
            .enumerate()
            .map(|(i, bytes)| Self::check_unsigned(bytes, chain_id).map_err(|e| (i, e)))
            .collect::<Result<Vec<_>, _>>()?;
        let signed: Vec<Signed> = checked.iter().map(Self::signed).collect();
        crypto::verify_batch(&signed).map_err(|(i, e)| (i, e.into()))?;
        Ok(checked)
    }

    fn check_unsigned(bytes: Vec<u8>, chain_id: &ChainId) -> Result<Self, InvalidTransaction> {
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
            if !operation.reference.is_valid() {
                return Err(InvalidTransaction::Operation { index, reason: "the reference is not a UUIDv7" });
            }
            operation.body.check_stateless().map_err(|reason| InvalidTransaction::Operation { index, reason })?;
        }
        let id = IDENTITY.hash(&[&bytes]);
        Ok(Self { transaction, bytes, id })
    }

    fn signed(&self) -> Signed {
        Signed {
            key: self.transaction.public_key,
            message: self.transaction.signing_hash(),
            signature: self.transaction.signature,
        }
    }

    /// What it says.
    #[must_use]
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it is known by: the hash of its bytes, signature included.
    #[must_use]
    pub const fn id(&self) -> Hash {
        self.id
    }
}
