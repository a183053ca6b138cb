//! The chain, block by block: what makes a block valid, and what its execution leads to.
//!
//! Validity depends only on the block's bytes, its parent and the parent's outcome: every node and every auditor gives
//! the same verdict. Whether a key may do what its transaction asks is no part of it; execution answers that with a
//! rejection. Whether a live proposal's time is close to the clock is judged by the node alone.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use tally_contracts::checkpoint::TreeHead;
use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::execute::{BlockContext, BlockRun, MAX_VALIDITY_MS, execute_next};
use tally_contracts::genesis::{Clock, Genesis, MAX_TIME_MS};
use tally_contracts::governance::{ValidatorSet, genesis_writes};
use tally_contracts::receipt::Receipt;
use tally_contracts::state::{Cache, Store, WriteSet};
use tally_contracts::transaction::{Body, CheckedTransaction, InvalidTransaction, Known, transaction_id};
use tally_contracts::types::{ChainId, Hash, Height, MerchantId};
use wincode::{SchemaRead, SchemaWrite};

use crate::block::{Block, BlockId, Header, MAX_BLOCK_BYTES, Outcome, VERSION, transactions_root};
use crate::certificate::{CertificateError, CommitCertificate, VerifiedVotes};
use crate::leaf::Leaf;
use crate::log::{Frontier, Subtree, leaf_hash};
use crate::rota::Rota;

/// The header's fields that a block's other parts must come to.
const TRANSACTIONS_ROOT: &str = "transactions_root";
const LAST_COMMIT_HASH: &str = "last_commit_hash";

/// From so many operations on, a thread for some of a block's work is worth its start.
pub const BIG_BLOCK_OPERATIONS: usize = 1_000;

/// The end of the executed chain: all that the next block is judged by and built on, besides state.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Head {
    /// Height of the last executed block; 0 before the first.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// Its id; the chain id before the first.
    pub block_id: BlockId,
    /// What it led to.
    pub outcome: Outcome,
    /// The transparency log's frontier after it.
    pub frontier: Frontier,
    /// The validators of this height and of those to come.
    pub rota: Rota,
}

/// The alliance's rules for the chain: its genesis and what follows from it.
#[derive(Clone, Debug)]
pub struct Chain {
    genesis: Genesis,
    chain_id: ChainId,
    /// Shared by clones.
    votes: Arc<VerifiedVotes>,
}

/// A block that is no valid successor of its parent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// Not the canonical bytes of a block.
    #[error("the block's bytes: {0}")]
    Encoding(#[from] encoding::DecodeError),
    /// Larger than [`MAX_BLOCK_BYTES`].
    #[error("the block has {0} bytes, at most {MAX_BLOCK_BYTES} are allowed")]
    Oversized(usize),
    /// A header field that does not follow from parent and genesis.
    #[error("header field `{field}` is {found}, must be {expected}")]
    Header {
        /// The field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it must say.
        expected: String,
    },
    /// The parent's certificate.
    #[error("last_commit: {0}")]
    Certificate(#[from] CertificateError),
    /// One of the transactions.
    #[error("transaction {index}: {error}")]
    Transaction {
        /// Its position.
        index: usize,
        /// What is wrong with it.
        error: InvalidTransaction,
    },
}

impl InvalidBlock {
    /// Whether the id of the block, which was judged so, is that of an invalid block: no other bytes can make a valid one of it.
    /// Else the bytes are not those that its header speaks of.
    #[must_use]
    pub fn is_pinned(&self, block: &Block) -> bool {
        match self {
            Self::Encoding(_) | Self::Oversized(_) => false,
            Self::Header { field, .. } => ![TRANSACTIONS_ROOT, LAST_COMMIT_HASH].contains(field),
            Self::Certificate(_) => true,
            Self::Transaction { .. } => {
                let ids = block.transactions.iter().map(|bytes| transaction_id(bytes));
                transactions_root(ids) == block.header.transactions_root
            }
        }
    }
}

/// A block that holds by itself: its parent's certificate is one for the parent it names, its transactions are valid and
/// are those of its root. Whether it follows a head is open still.
#[derive(Clone, Debug)]
pub struct SoundBlock {
    header: Header,
    last_commit: Option<CommitCertificate>,
    transactions: Vec<CheckedTransaction>,
}

/// A block that is a valid successor of the head it was checked against.
#[derive(Clone, Debug)]
pub struct CheckedBlock {
    header: Header,
    id: BlockId,
    transactions: Vec<CheckedTransaction>,
}

/// What execution remembers from one block to the next.
#[derive(Default)]
pub struct Warm {
    /// The block at whose end `cache` is true; none where it is of no state.
    after: Option<BlockId>,
    cache: Cache,
}

/// What a block led to.
#[derive(Clone, Debug)]
pub struct ExecutedBlock {
    /// The chain's end after it.
    pub head: Head,
    /// Work that fell due in it, in order.
    pub due: Vec<DueRecord>,
    /// Receipts by transaction and operation.
    pub receipts: Vec<Vec<Receipt>>,
    /// What the rows of tiles of the log gained by it: the hashes of its leaves, and of subtrees that they completed.
    pub subtrees: Vec<Subtree>,
    /// Whether it is a checkpoint, whose state merchants vouch for.
    pub is_checkpoint: bool,
    /// What it wrote to state.
    pub writes: Arc<WriteSet>,
}

/// What a proposer adds to the head to make a block.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The proposing merchant.
    pub proposer: MerchantId,
    /// The proposer's time in ms since 1970; what the simulated clock makes of it is the chain's matter.
    pub now_ms: u64,
    /// The head's certificate; none at height 1.
    pub last_commit: Option<CommitCertificate>,
    /// In the order in which they are to be executed.
    pub transactions: Vec<CheckedTransaction>,
}

impl Chain {
    /// The chain of an alliance.
    ///
    /// # Panics
    /// When `genesis` does not pass [`Genesis::check`].
    #[must_use]
    pub fn new(genesis: Genesis) -> Self {
        genesis.check().expect("a chain starts from a checked genesis");
        Self { chain_id: genesis.chain_id(), genesis, votes: Arc::default() }
    }

    /// The founding agreement.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The alliance's identity.
    #[must_use]
    pub const fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The votes that need not be verified again.
    #[must_use]
    pub const fn votes(&self) -> &Arc<VerifiedVotes> {
        &self.votes
    }

    /// Checks that a certificate commits `block_id` at `height` under the validators of that height.
    ///
    /// # Errors
    /// As [`CommitCertificate::verify`].
    pub fn check_certificate(
        &self,
        certificate: &CommitCertificate,
        validators: &ValidatorSet,
        height: Height,
        block_id: &BlockId,
    ) -> Result<(), CertificateError> {
        certificate.verify(&self.votes, &self.chain_id, validators, height, block_id)
    }

    /// The chain before its first block, and the state it starts from.
    #[must_use]
    pub fn start(&self) -> (Head, WriteSet) {
        let writes = genesis_writes(&self.genesis);
        let frontier = Frontier::default();
        let outcome = Outcome { log_size: 0, log_root: frontier.root(), state_hash: writes.state_hash(&self.chain_id) };
        let rota = Rota::of_genesis(&self.genesis);
        let (height, time_ms, block_id) = (Height(0), self.genesis.time_ms, self.chain_id);
        (Head { height, time_ms, block_id, outcome, frontier, rota }, writes)
    }

    /// Makes the block that follows `head`.
    #[must_use]
    pub fn propose(&self, head: &Head, proposal: Proposal) -> Block {
        let Proposal { proposer, now_ms, last_commit, transactions } = proposal;
        let time_ms = self.next_time_ms(head, now_ms, &transactions);
        let header = Header {
            version: VERSION,
            chain_id: self.chain_id,
            height: head.height.next(),
            time_ms,
            parent_hash: head.block_id,
            proposer,
            transactions_root: transactions_root(transactions.iter().map(CheckedTransaction::id)),
            validators_hash: head.rota.of(head.height.next()).hash(),
            last_commit_hash: last_commit.as_ref().map_or(Hash::ZERO, CommitCertificate::hash),
            outcome: head.outcome,
        };
        Block { header, last_commit, transactions: transactions.iter().map(|t| t.bytes().to_vec()).collect() }
    }

    /// The time in ms since 1970 of a block of these transactions that follows `head`, proposed at `now_ms` of the
    /// proposer's clock: that time, but later than the parent's; under a simulated clock what follows from the parent.
    #[must_use]
    pub fn next_time_ms(&self, head: &Head, now_ms: u64, transactions: &[CheckedTransaction]) -> u64 {
        self.simulated_time(head, transactions).unwrap_or_else(|| now_ms.max(head.time_ms + 1))
    }

    /// Judges the block that is to follow `head`.
    ///
    /// # Errors
    /// The first [`InvalidBlock`]: size, encoding, header, certificate, transactions, and last the header's
    /// `transactions_root` and `time_ms`, which need the transactions.
    pub fn check(&self, head: &Head, bytes: &[u8]) -> Result<CheckedBlock, InvalidBlock> {
        self.check_new(head, bytes, &|_| None)
    }

    /// The same, where some of the block's transactions may have been checked before for this alliance: `known` gives
    /// those, by id.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_new(&self, head: &Head, bytes: &[u8], known: Known<'_>) -> Result<CheckedBlock, InvalidBlock> {
        let Block { header, last_commit, transactions } = decode(bytes)?;
        self.check_header(head, &header, last_commit.as_ref())?;
        let transactions = self.check_parts(&head.rota, &header, last_commit.as_ref(), transactions, known)?;
        self.check_time(head, &header, &transactions)?;
        Ok(CheckedBlock { id: header.id(), header, transactions })
    }

    /// Judges what of a block needs no head, which is nearly all of the work: so many blocks can be judged at once, ahead
    /// of execution. Followed by [`Self::check_successor`], it accepts what [`Self::check`] accepts, provided that `rota`
    /// gives the block's parent the validators that its head's rota gives it.
    ///
    /// # Errors
    /// An [`InvalidBlock`], which need not be the one that [`Self::check`] meets first.
    pub fn check_alone(&self, rota: &Rota, bytes: &[u8]) -> Result<SoundBlock, InvalidBlock> {
        let Block { header, last_commit, transactions } = decode(bytes)?;
        let transactions = self.check_parts(rota, &header, last_commit.as_ref(), transactions, &|_| None)?;
        Ok(SoundBlock { header, last_commit, transactions })
    }

    /// Judges whether a sound block follows `head`.
    ///
    /// # Errors
    /// The first [`InvalidBlock::Header`].
    pub fn check_successor(&self, head: &Head, block: SoundBlock) -> Result<CheckedBlock, InvalidBlock> {
        let SoundBlock { header, last_commit, transactions } = block;
        self.check_header(head, &header, last_commit.as_ref())?;
        self.check_time(head, &header, &transactions)?;
        Ok(CheckedBlock { id: header.id(), header, transactions })
    }

    /// Runs a checked block on the state of its parent.
    ///
    /// # Panics
    /// When the contracts break conservation, which no input may bring about: a stopped replica is safe.
    #[must_use]
    pub fn execute(&self, store: &dyn Store, head: &Head, block: &CheckedBlock) -> ExecutedBlock {
        self.execute_warm(store, head, block, &mut Warm::default())
    }

    /// The same, faster where the block before it ran with the same `warm`.
    ///
    /// # Panics
    /// As [`Self::execute`].
    #[must_use]
    pub fn execute_warm(&self, store: &dyn Store, head: &Head, block: &CheckedBlock, warm: &mut Warm) -> ExecutedBlock {
        let run = self.run(store, head, block, warm);
        ExecutedBlock::new(seal(head, block, &run), run)
    }

    /// The same, and what `beside` makes of what contracts did; the hashes of a big block are worked out meanwhile, on a
    /// thread of their own.
    ///
    /// # Panics
    /// As [`Self::execute`], where `beside` does, and where no thread can be started.
    #[must_use]
    pub fn execute_beside<T>(
        &self,
        store: &dyn Store,
        head: &Head,
        block: &CheckedBlock,
        warm: &mut Warm,
        beside: impl FnOnce(&BlockRun) -> T,
    ) -> (ExecutedBlock, T) {
        let run = self.run(store, head, block, warm);
        let is_big = run.receipts.iter().map(Vec::len).sum::<usize>() >= BIG_BLOCK_OPERATIONS;
        let (end, made) = if is_big {
            thread::scope(|scope| {
                let end = scope.spawn(|| seal(head, block, &run));
                let made = beside(&run);
                (end.join().unwrap_or_else(|panic| resume_unwind(panic)), made)
            })
        } else {
            (seal(head, block, &run), beside(&run))
        };
        (ExecutedBlock::new(end, run), made)
    }

    /// Runs the contracts.
    fn run(&self, store: &dyn Store, head: &Head, block: &CheckedBlock, warm: &mut Warm) -> BlockRun {
        let header = &block.header;
        assert_eq!(header.parent_hash, head.block_id, "a block runs on the state of its parent");
        let log = TreeHead { size: header.outcome.log_size, root: header.outcome.log_root };
        let context = BlockContext::new(&self.genesis, self.chain_id, header.height, header.time_ms).after_log(log);
        if warm.after != Some(head.block_id) {
            warm.cache = Cache::default();
        }
        // Until the block is done: what a panic leaves behind is of no state.
        warm.after = None;
        let run = execute_next(store, context, &block.transactions, &mut warm.cache);
        warm.after = Some(block.id);
        run
    }

    /// Certificate, transactions and their root, against the header alone.
    fn check_parts(
        &self,
        rota: &Rota,
        header: &Header,
        last_commit: Option<&CommitCertificate>,
        transactions: Vec<Vec<u8>>,
        known: Known<'_>,
    ) -> Result<Vec<CheckedTransaction>, InvalidBlock> {
        if let Some(certificate) = last_commit {
            let parent = Height(header.height.0.saturating_sub(1));
            self.check_certificate(certificate, rota.of(parent), parent, &header.parent_hash)?;
        }
        let transactions = CheckedTransaction::check_new(transactions, &self.chain_id, known)
            .map_err(|(index, error)| InvalidBlock::Transaction { index, error })?;
        let root = transactions_root(transactions.iter().map(CheckedTransaction::id));
        field(TRANSACTIONS_ROOT, &header.transactions_root, &root)?;
        Ok(transactions)
    }

    fn check_header(
        &self,
        head: &Head,
        header: &Header,
        last_commit: Option<&CommitCertificate>,
    ) -> Result<(), InvalidBlock> {
        let validators = head.rota.of(head.height.next());
        field("version", &header.version, &VERSION)?;
        field("chain_id", &header.chain_id, &self.chain_id)?;
        field("height", &header.height, &head.height.next())?;
        field("parent_hash", &header.parent_hash, &head.block_id)?;
        field("validators_hash", &header.validators_hash, &validators.hash())?;
        field(LAST_COMMIT_HASH, &header.last_commit_hash, &last_commit.map_or(Hash::ZERO, CommitCertificate::hash))?;
        field("outcome.log_size", &header.outcome.log_size, &head.outcome.log_size)?;
        field("outcome.log_root", &header.outcome.log_root, &head.outcome.log_root)?;
        field("outcome.state_hash", &header.outcome.state_hash, &head.outcome.state_hash)?;
        if validators.get(header.proposer).is_none() {
            return Err(fault("proposer", &header.proposer, "a validator of this height"));
        }
        let needs_commit = head.height > Height(0);
        if last_commit.is_some() != needs_commit {
            let expected = if needs_commit { "the parent's certificate" } else { "nothing at height 1" };
            return Err(fault("last_commit", &last_commit.map_or("nothing", |_| "a certificate"), expected));
        }
        Ok(())
    }

    fn check_time(
        &self,
        head: &Head,
        header: &Header,
        transactions: &[CheckedTransaction],
    ) -> Result<(), InvalidBlock> {
        if let Some(expected) = self.simulated_time(head, transactions) {
            return field("time_ms", &header.time_ms, &expected);
        }
        if header.time_ms <= head.time_ms || header.time_ms > MAX_TIME_MS {
            let expected = format!("later than {} and at most {MAX_TIME_MS}", head.time_ms);
            return Err(fault("time_ms", &header.time_ms, &expected));
        }
        Ok(())
    }

    /// Block time under a simulated clock, `None` under the real one: a millisecond after the parent, unless the block's
    /// only operation is a `set_clock`, rightly signed and forward, which gives its time.
    fn simulated_time(&self, head: &Head, transactions: &[CheckedTransaction]) -> Option<u64> {
        let Clock::Simulated { keys } = &self.genesis.clock else { return None };
        let tick_ms = head.time_ms + 1;
        let [transaction] = transactions else { return Some(tick_ms) };
        let transaction = transaction.transaction();
        let is_clock = transaction.merchant == MerchantId::POOL && keys.contains(&transaction.public_key);
        let is_live = |time_ms: u64| {
            let validity_ms = time_ms..=time_ms.saturating_add(MAX_VALIDITY_MS);
            (tick_ms..=MAX_TIME_MS).contains(&time_ms) && validity_ms.contains(&transaction.valid_until_ms)
        };
        match transaction.operations.as_slice() {
            [operation] if is_clock => match &operation.body {
                Body::SetClock(set) if is_live(set.time_ms) => Some(set.time_ms),
                _ => Some(tick_ms),
            },
            _ => Some(tick_ms),
        }
    }
}

impl ExecutedBlock {
    fn new((head, subtrees): (Head, Vec<Subtree>), run: BlockRun) -> Self {
        let BlockRun { due, receipts, is_checkpoint, writes, .. } = run;
        Self { head, due, receipts, subtrees, is_checkpoint, writes: writes.into() }
    }
}

impl SoundBlock {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The certificate of the parent it names; none at height 1.
    #[must_use]
    pub const fn last_commit(&self) -> Option<&CommitCertificate> {
        self.last_commit.as_ref()
    }
}

impl CheckedBlock {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The block's id.
    #[must_use]
    pub const fn id(&self) -> BlockId {
        self.id
    }

    /// The transactions, in order.
    #[must_use]
    pub fn transactions(&self) -> &[CheckedTransaction] {
        &self.transactions
    }

    /// The leaves that the executed block adds to the log, in order.
    pub fn leaves<'a>(&'a self, due: &'a [DueRecord], receipts: &'a [Vec<Receipt>]) -> impl Iterator<Item = Leaf<'a>> {
        let height = self.header.height;
        let due = due.iter().map(move |record| Leaf::Due { height, record });
        let transactions = self.transactions.iter().zip(receipts).zip(0_u32..);
        let transactions = transactions.map(move |((transaction, receipts), index)| Leaf::Transaction {
            height,
            index,
            bytes: transaction.bytes(),
            receipts,
        });
        due.chain(transactions).chain([Leaf::Header(&self.header)])
    }
}

/// The chain's end after a block that ran, and what its leaves add to the log.
fn seal(head: &Head, block: &CheckedBlock, run: &BlockRun) -> (Head, Vec<Subtree>) {
    let header = &block.header;
    let mut frontier = head.frontier.clone();
    let mut subtrees = Vec::new();
    for leaf in block.leaves(&run.due, &run.receipts) {
        frontier.append_hash_noting(leaf_hash(&encoding::encode(&leaf)), &mut |subtree| subtrees.push(subtree));
    }
    let outcome = Outcome {
        log_size: frontier.size(),
        log_root: frontier.root(),
        state_hash: run.writes.state_hash(&head.outcome.state_hash),
    };
    let rota = head.rota.after(header.height, &run.epochs);
    let (height, time_ms, block_id) = (header.height, header.time_ms, block.id);
    (Head { height, time_ms, block_id, outcome, frontier, rota }, subtrees)
}

fn decode(bytes: &[u8]) -> Result<Block, InvalidBlock> {
    if bytes.len() > MAX_BLOCK_BYTES {
        return Err(InvalidBlock::Oversized(bytes.len()));
    }
    Ok(Block::decode(bytes)?)
}

/// Compares a header field with what it must be.
fn field<T: PartialEq + std::fmt::Display>(name: &'static str, found: &T, expected: &T) -> Result<(), InvalidBlock> {
    if found == expected { Ok(()) } else { Err(fault(name, found, &expected.to_string())) }
}

fn fault(field: &'static str, found: &dyn std::fmt::Display, expected: &str) -> InvalidBlock {
    InvalidBlock::Header { field, found: found.to_string(), expected: expected.to_owned() }
}
