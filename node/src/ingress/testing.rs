//! Small things that the tests of ingress, mempool and network share: keys, operations, transactions, and an alliance of
//! one merchant whose blocks the test itself proposes and commits.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use tally_contracts::authorization::{Authorization, WalletAuthorization};
use tally_contracts::crypto::{self, PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::genesis::{
    BusinessCalendar, Clock, ExchangeParameters, Genesis, GenesisMerchant, OperatorKey, Parameters, Role,
};
use tally_contracts::membership::{Enrol, HolderKind};
use tally_contracts::points::Redeem;
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{Address, ChainId, ClassId, Fen, Hash, MerchantId, Points, Rate, Reference};
use tally_ledger::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_bytes};
use tally_ledger::chain::{Chain, Proposal};

use crate::query::index::index_writes;
use crate::replica::{Committed, Replica, ReplicaOptions};

/// Time before the first block, in ms since 1970.
pub const GENESIS_MS: u64 = 1_700_000_000_000;
/// The merchant whose node is under test.
pub const MERCHANT: MerchantId = MerchantId(1);
/// Seed of its validator's key.
const VALIDATOR: u8 = 1;
/// Seed of its cosigner's.
pub const COSIGNER: u8 = 90;
/// Seed of its operator's key.
pub const OPERATOR: u8 = 2;
/// Seed of a member's wallet key.
const WALLET: u8 = 3;

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub fn reference(number: u32) -> Reference {
    Reference::new(GENESIS_MS, u128::from(number))
}

/// An enrolment; another one for each number.
pub fn operation(number: u32) -> Operation {
    let mut commitment = Hash::ZERO;
    commitment.0[..4].copy_from_slice(&number.to_le_bytes());
    let body = Body::Enrol(Enrol { holder: HolderKind::Member, commitment });
    Operation::new(reference(number), body)
}

pub fn operations(numbers: std::ops::Range<u32>) -> Vec<Operation> {
    numbers.map(operation).collect()
}

/// A redemption that a wallet authorizes up to a time.
pub fn authorized(number: u32, valid_until_ms: u64) -> Operation {
    let body = Body::Redeem(Redeem { class: ClassId(1), member: Address([1; 20]), points: Points(5) });
    let to = (chain_id(), MERCHANT);
    let wallet = WalletAuthorization::sign(&key(WALLET), to, valid_until_ms, (reference(number), &body));
    let authorization = Some(Authorization::Wallet(wallet));
    Operation { authorization, ..Operation::new(reference(number), body) }
}

/// An unsigned transaction of [`MERCHANT`], valid for an hour.
pub fn unsigned(operations: Vec<Operation>) -> Transaction {
    Transaction {
        chain_id: chain_id(),
        merchant: MERCHANT,
        public_key: PublicKey::default(),
        valid_until_ms: GENESIS_MS + 3_600_000,
        atomic: false,
        operations,
        signature: Signature::default(),
    }
}

pub fn signed(mut transaction: Transaction, key_seed: u8) -> CheckedTransaction {
    transaction.sign(&key(key_seed));
    let chain_id = transaction.chain_id;
    CheckedTransaction::check(encoding::encode(&transaction), &chain_id).expect("a valid transaction")
}

pub fn chain_id() -> ChainId {
    genesis().chain_id()
}

pub fn genesis() -> Genesis {
    let operator = OperatorKey {
        public_key: PublicKey::of(&key(OPERATOR)),
        roles: vec![Role::Issuer, Role::Acceptor],
        store_id: None,
    };
    Genesis {
        name: "one".into(),
        time_ms: GENESIS_MS,
        utc_offset_minutes: 0,
        clock: Clock::Real,
        parameters: Parameters {
            idle_block_ms: 1_000,
            min_anchor: Rate::from_millionths(1),
            max_anchor: Rate::from_millionths(Rate::ONE),
            exchange: ExchangeParameters { spread: Rate::ZERO, ..ExchangeParameters::default() },
            no_consent_limit_fen: Fen(0),
            refund_window_days: 30,
            ..Parameters::default()
        },
        merchants: vec![GenesisMerchant {
            id: MERCHANT,
            name: "shop".into(),
            validator_key: PublicKey::of(&key(VALIDATOR)),
            cosigner_key: PublicKey::of(&key(COSIGNER)),
            operator_keys: vec![operator],
            net_debit_cap_fen: Fen(0),
            collateral_fen: Fen(0),
            industry: 0,
            base_share: 1,
        }],
        partners: Vec::new(),
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
        classes: Vec::new(),
    }
}

/// A replica of the alliance of one, in a directory that goes with it.
pub struct Alliance {
    pub replica: Arc<Replica>,
    pub dir: tempfile::TempDir,
}

impl Alliance {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = ReplicaOptions::new(dir.path().join("chain"), Chain::new(genesis()));
        options.index = index_writes;
        Self { replica: Arc::new(Replica::open(options).unwrap()), dir }
    }

    /// Commits a block of these transactions, so much later than the head.
    pub fn commit(&self, transactions: Vec<CheckedTransaction>, later_ms: u64) -> Arc<Committed> {
        let head = self.replica.head();
        let proposal = Proposal {
            proposer: MERCHANT,
            now_ms: head.time_ms + later_ms,
            last_commit: self.replica.last_certificate(),
            transactions,
        };
        let block = self.replica.chain().propose(&head, proposal);
        let (height, block_id) = (block.header.height, block.header.id());
        self.replica.store_block(&block.encode().into()).unwrap();
        let vote = vote_bytes(&chain_id(), VoteKind::Precommit, height, 0, Some(&block_id), MERCHANT);
        let signature = crypto::sign(&key(VALIDATOR), &vote);
        let signatures = vec![CommitSignature { merchant: MERCHANT, signature }];
        self.replica.commit(CommitCertificate { height, round: 0, block_id, signatures }).unwrap()
    }
}
