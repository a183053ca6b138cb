//! Blocks on the contracts alone, with everything asserted that must hold of any block.
//!
//! State is kept twice: once as written, once with every record read and written again between blocks. Both must lead
//! every block to the same. What was refused is shown to have left nothing by running the block without it.

use std::sync::LazyLock;

use tally_contracts::encoding;
use tally_contracts::execute::{BlockContext, BlockRun, check_advisory, execute_block, execute_next};
use tally_contracts::genesis::MAX_TIME_MS;
use tally_contracts::points::{Void, holdings_of};
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::state::{Cache, MemoryStore, Row, WriteSet, tag};
use tally_contracts::transaction::{Body, CheckedTransaction, MAX_LEAF_BYTES, Operation, Transaction};
use tally_contracts::types::{ChainId, Hash, Height, Reference};
use tally_ledger::leaf::Leaf;
use tally_ledger::verify::conservation::{self, Flows};

use crate::bodies::Kind;
use crate::first_blocks;
use crate::input::Input;
use crate::keys::Signer;
use crate::plan;
use crate::records;
use crate::world::{NAMED_MEMBERS, Start, World, member};

/// Blocks of one run, at most.
const MAX_BLOCKS: usize = 12;

/// An alliance that runs blocks.
#[derive(Clone, Debug)]
pub struct Execution {
    /// As it stands.
    pub world: World,
    /// State, each record read and written again.
    mirror: MemoryStore,
    /// What its blocks have met.
    cache: Cache,
    /// What the receipts say was moved.
    flows: Flows,
}

/// One of each [`Start`], with members that hold points.
static STARTED: LazyLock<[Execution; 3]> = LazyLock::new(|| Start::ALL.map(Execution::prepare));

impl Execution {
    /// An alliance whose members are enrolled and hold points.
    #[must_use]
    pub fn start(start: Start) -> Self {
        let at = Start::ALL.iter().position(|s| *s == start).expect("every start is listed");
        STARTED[at].clone()
    }

    fn prepare(start: Start) -> Self {
        let world = World::new(start);
        let mut execution =
            Self { mirror: world.store.clone(), cache: Cache::default(), world, flows: Flows::default() };
        for make in first_blocks::ALL {
            let transactions = make(&mut execution.world);
            execution.block(execution.world.time_ms + 1, &transactions);
        }
        execution
    }

    /// Runs block after block while there are bytes; the first choice is the alliance. Gives what became of each operation.
    ///
    /// # Panics
    /// When something does not hold that must hold of every block, or of state.
    pub fn run(bytes: &[u8]) -> Vec<(Kind, Outcome)> {
        let mut input = Input::new(bytes);
        let mut execution = Self::start(input.pick(&Start::ALL));
        let mut outcomes = Vec::new();
        for _ in 0..MAX_BLOCKS {
            let time_ms = plan::time_ms(&mut input, &execution.world);
            if input.is_empty() || time_ms > MAX_TIME_MS {
                break;
            }
            let transactions = plan::transactions(&mut input, &mut execution.world, time_ms);
            outcomes.extend(execution.block(time_ms, &transactions));
        }
        execution.finish();
        outcomes
    }

    /// Runs a block of those transactions that are valid; gives what became of each of their operations.
    ///
    /// # Panics
    /// When something does not hold that must hold of every block.
    pub fn block(&mut self, time_ms: u64, transactions: &[Transaction]) -> Vec<(Kind, Outcome)> {
        let World { genesis, chain_id, store, .. } = &self.world;
        let height = self.world.height.next();
        let checked: Vec<CheckedTransaction> = valid(transactions, chain_id);
        for transaction in &checked {
            let _ = check_advisory(store, genesis, time_ms, transaction.transaction());
        }
        let context = BlockContext::new(genesis, *chain_id, height, time_ms);
        let run = execute_next(store, context, &checked, &mut self.cache);
        assert_eq!(run, execute_block(&self.mirror, context, &checked), "the same block leads to the same");
        for (transaction, receipts) in checked.iter().zip(&run.receipts) {
            assert_answered(transaction.transaction(), receipts);
            self.flows.add(transaction.transaction(), receipts);
        }
        self.flows.add_due(&run.due);
        assert_leaves_fit(&checked, &run);
        self.assert_refused_left_nothing(context, &checked, &run);
        self.mirror.apply(&records::reread_all(&run.writes));
        self.world.store.apply(&run.writes);
        assert_eq!(self.mirror, self.world.store, "state reads back");
        (self.world.height, self.world.time_ms) = (height, time_ms);
        let kinds = checked.iter().flat_map(|t| &t.transaction().operations).map(|o| Kind::of(&o.body));
        kinds.zip(run.receipts.into_iter().flatten().map(|receipt| receipt.outcome)).collect()
    }

    /// Sums up all of state.
    ///
    /// # Panics
    /// When a point or a fen was made or lost.
    pub fn finish(&self) {
        if let Err(reason) = conservation::check(&self.world.store, &self.flows) {
            panic!("conservation: {reason}");
        }
        for number in NAMED_MEMBERS {
            let _ = holdings_of(&self.world.store, &member(number), self.world.height);
        }
    }

    /// Runs the block again with a stand-in for every operation that was not applied, which is refused at once: but for the
    /// index of references, the block must write the same.
    fn assert_refused_left_nothing(&self, context: BlockContext<'_>, checked: &[CheckedTransaction], run: &BlockRun) {
        let is_applied = |receipt: &Receipt| matches!(receipt.outcome, Outcome::Applied(_));
        if run.receipts.iter().flatten().all(is_applied) {
            return;
        }
        let without: Vec<Vec<u8>> = checked
            .iter()
            .zip(&run.receipts)
            .map(|(transaction, receipts)| {
                let mut transaction = transaction.transaction().clone();
                let signer = Signer::of(&transaction.public_key).expect("a generated transaction has a known signer");
                for (number, (operation, receipt)) in (0..).zip(transaction.operations.iter_mut().zip(receipts)) {
                    if !is_applied(receipt) {
                        *operation = outdated(number);
                    }
                }
                transaction.sign(signer.key());
                encoding::encode(&transaction)
            })
            .collect();
        let without = CheckedTransaction::check_all(without, &self.world.chain_id).expect("a stand-in is well formed");
        let again = execute_block(&self.world.store, context, &without);
        assert_eq!(again.due, run.due, "due work does not depend on transactions");
        assert_eq!(but_references(&again.writes), but_references(&run.writes), "what was refused left something");
    }
}

/// An operation that is refused, whoever signs it: no role is right for a clock key, and the reference is too old.
fn outdated(number: u128) -> Operation {
    Operation::new(Reference::new(0, number), Body::Void(Void { hold: Reference::new(0, number) }))
}

fn but_references(writes: &WriteSet) -> Vec<Row<'_>> {
    writes.iter().filter(|(key, _)| key[0] != tag::references).collect()
}

/// Those transactions that a block may hold.
#[must_use]
pub fn valid(transactions: &[Transaction], chain_id: &ChainId) -> Vec<CheckedTransaction> {
    let bytes: Vec<Vec<u8>> = transactions.iter().map(encoding::encode).collect();
    // In one batch where all are valid, for most of a run goes into signatures.
    CheckedTransaction::check_all(bytes.clone(), chain_id).unwrap_or_else(|_| {
        bytes.into_iter().filter_map(|bytes| CheckedTransaction::check(bytes, chain_id).ok()).collect()
    })
}

/// The ids of transactions by their bytes; of what is no transaction, a hash of nothing.
#[must_use]
pub fn ids(transactions: &[Vec<u8>], chain_id: &ChainId) -> Vec<Hash> {
    let id = |bytes: &Vec<u8>| CheckedTransaction::check(bytes.clone(), chain_id).map_or(Hash::ZERO, |t| t.id());
    transactions.iter().map(id).collect()
}

/// Every operation has its receipt, in bounds; an atomic transaction is applied as a whole, known as a whole, or refused.
fn assert_answered(transaction: &Transaction, receipts: &[Receipt]) {
    assert_eq!(transaction.operations.len(), receipts.len(), "one receipt an operation");
    for (operation, receipt) in transaction.operations.iter().zip(receipts) {
        assert_eq!(operation.reference, receipt.reference);
        let bytes = encoding::encode(receipt).len();
        assert!(bytes <= operation.body.max_receipt_bytes(), "{} bytes of {receipt:?}", bytes);
    }
    if transaction.atomic {
        let kind = |receipt: &Receipt| std::mem::discriminant(&receipt.outcome);
        assert!(receipts.iter().all(|r| kind(r) == kind(&receipts[0])), "atomic, and yet: {receipts:?}");
    }
}

/// What stands in the transparency log fits its entries.
fn assert_leaves_fit(checked: &[CheckedTransaction], run: &BlockRun) {
    let height = Height(1);
    let due = run.due.iter().map(|record| Leaf::Due { height, record });
    let transactions = checked.iter().zip(&run.receipts).map(|(transaction, receipts)| Leaf::Transaction {
        height,
        index: 0,
        bytes: transaction.bytes(),
        receipts,
    });
    for leaf in due.chain(transactions) {
        assert!(encoding::encode(&leaf).len() <= MAX_LEAF_BYTES, "a log entry is too long: {leaf:?}");
    }
}
