//! Execution of a block: due work, then each transaction in order; a pure function of state, context and bytes.
//!
//! Everything that depends on state is judged here, whatever a mempool thought before. An operation's changes go to the
//! overlay and are undone as one when a rule refuses it.

mod conservation;
mod context;
mod envelope;
mod reference;

pub use context::BlockContext;
pub use envelope::{MAX_VALIDITY_MS, check_advisory};
pub use reference::{KnownReference, known_reference};

use crate::checkpoint;
use crate::due::{self, DueRecord};
use crate::governance::ValidatorSet;
use crate::operation::{Caller, Done};
use crate::points::Standing;
use crate::receipt::{Outcome, Receipt};
use crate::rejection::Rejection;
use crate::state::{Cache, Overlay, Store, WriteSet};
use crate::transaction::{CheckedTransaction, Operation};
use crate::types::{Hash, Height, MerchantId};

use envelope::Authority;
use reference::Seen;
pub(crate) use reference::{set_standing, standing};

/// What a block did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRun {
    /// Due work, in order.
    pub due: Vec<DueRecord>,
    /// Receipts by transaction and operation.
    pub receipts: Vec<Vec<Receipt>>,
    /// Validators that it announced, with the first height that they are for.
    pub epochs: Vec<(Height, ValidatorSet)>,
    /// Whether it is a checkpoint.
    pub is_checkpoint: bool,
    /// What it wrote.
    pub writes: WriteSet,
}

/// Runs a block on the state of its parent.
///
/// # Panics
/// When conservation is broken, which no input may bring about.
#[must_use]
pub fn execute_block(store: &dyn Store, context: BlockContext<'_>, transactions: &[CheckedTransaction]) -> BlockRun {
    execute_next(store, context, transactions, &mut Cache::default())
}

/// The same, with records that its parent has met; then with those that it has met itself.
///
/// # Panics
/// As [`execute_block`].
#[must_use]
pub fn execute_next(
    store: &dyn Store,
    context: BlockContext<'_>,
    transactions: &[CheckedTransaction],
    cache: &mut Cache,
) -> BlockRun {
    let mut overlay = Overlay::new(store, context, std::mem::take(cache));
    let is_checkpoint = checkpoint::mark(&mut overlay);
    let due = due::run(&mut overlay);
    let mut first_index = 0;
    let mut receipts = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        receipts.push(execute_transaction(&mut overlay, transaction, first_index));
        first_index += u32::try_from(transaction.transaction().operations.len()).expect("a transaction is bounded");
    }
    conservation::assert_holds(&overlay);
    let epochs = overlay.epochs.changes();
    let epochs = epochs.into_iter().filter_map(|change| Some((change.key, change.after?))).collect();
    let (writes, met) = overlay.finish();
    *cache = met;
    BlockRun { due, receipts, epochs, is_checkpoint, writes }
}

/// Runs one transaction; `first_index` is the position of its first operation in the block.
fn execute_transaction(overlay: &mut Overlay<'_>, checked: &CheckedTransaction, first_index: u32) -> Vec<Receipt> {
    let transaction = checked.transaction();
    let authority = match envelope::authorize(overlay, transaction) {
        Ok(authority) => authority,
        Err(rejection) => {
            let refuse = |o: &Operation| Receipt::rejected(o.reference, rejection);
            return transaction.operations.iter().map(refuse).collect();
        }
    };
    let batch = Batch {
        merchant: transaction.merchant,
        authority,
        operations: &transaction.operations,
        body_hashes: checked.body_hashes(),
        first_index,
    };
    let receipts = if transaction.atomic { batch.run_atomic(overlay) } else { batch.run_each(overlay) };
    overlay.keep();
    overlay.context.operation = None;
    receipts
}

/// The operations of an authorized transaction.
struct Batch<'t> {
    merchant: MerchantId,
    authority: Authority,
    operations: &'t [Operation],
    body_hashes: &'t [Hash],
    first_index: u32,
}

impl Batch<'_> {
    /// Each operation for itself.
    fn run_each(&self, overlay: &mut Overlay<'_>) -> Vec<Receipt> {
        let mut receipts = Vec::with_capacity(self.operations.len());
        for (at, (operation, index)) in self.operations.iter().zip(self.first_index..).enumerate() {
            let outcome = match self.look_up(overlay, operation) {
                Seen::Before { height, index } => Outcome::Duplicate { height, index },
                Seen::Refused(rejection) => Outcome::Rejected(rejection),
                Seen::Never => {
                    let (outcome, kept) = match self.run_one(overlay, operation, index) {
                        Ok(done) => (Outcome::Applied(done.applied), Some(done.standing)),
                        Err(rejection) => {
                            overlay.undo();
                            (Outcome::Rejected(rejection), rejection.is_kept().then_some(Standing::Nothing))
                        }
                    };
                    if let Some(standing) = kept {
                        self.remember(overlay, at, standing);
                    }
                    overlay.keep();
                    outcome
                }
            };
            receipts.push(Receipt { reference: operation.reference, outcome });
        }
        receipts
    }

    /// All operations, or none; of a failed one nothing is kept, its cause included.
    fn run_atomic(&self, overlay: &mut Overlay<'_>) -> Vec<Receipt> {
        let seen: Vec<Seen> = self.operations.iter().map(|o| self.look_up(overlay, o)).collect();
        if let Some(at) = seen.iter().position(|s| matches!(s, Seen::Refused(_))) {
            let Seen::Refused(rejection) = seen[at] else { unreachable!("`at` is the position of a refusal") };
            return self.aborted(at, rejection);
        }
        let known = seen.iter().filter(|s| matches!(s, Seen::Before { .. })).count();
        if known == self.operations.len() {
            let duplicate = |(operation, seen): (&Operation, &Seen)| match *seen {
                Seen::Before { height, index } => {
                    Receipt { reference: operation.reference, outcome: Outcome::Duplicate { height, index } }
                }
                _ => unreachable!("all are known"),
            };
            return self.operations.iter().zip(&seen).map(duplicate).collect();
        }
        if known > 0 {
            return self.operations.iter().map(|o| Receipt::rejected(o.reference, Rejection::AtomicMixed)).collect();
        }
        let mut receipts = Vec::with_capacity(self.operations.len());
        for (at, (operation, index)) in self.operations.iter().zip(self.first_index..).enumerate() {
            // A reference that occurs twice in one atomic transaction is new for the first of the two only.
            let result = match self.look_up(overlay, operation) {
                Seen::Never => self.run_one(overlay, operation, index),
                Seen::Before { .. } => Err(Rejection::AtomicMixed),
                Seen::Refused(rejection) => Err(rejection),
            };
            match result {
                Ok(done) => {
                    receipts.push(Receipt { reference: operation.reference, outcome: Outcome::Applied(done.applied) });
                    self.remember(overlay, at, done.standing);
                }
                Err(rejection) => {
                    overlay.undo();
                    return self.aborted(at, rejection);
                }
            }
        }
        receipts
    }

    /// Receipts of a failed atomic transaction.
    fn aborted(&self, at: usize, cause: Rejection) -> Vec<Receipt> {
        let receipt = |(i, operation): (usize, &Operation)| {
            Receipt::rejected(operation.reference, if i == at { cause } else { Rejection::AtomicAborted })
        };
        self.operations.iter().enumerate().map(receipt).collect()
    }

    /// Whether the key may sign such an operation at all; then what the index of references says of it.
    fn look_up(&self, overlay: &Overlay<'_>, operation: &Operation) -> Seen {
        match self.authority.require(operation) {
            Ok(()) => reference::look_up(overlay, self.merchant, operation),
            Err(rejection) => Seen::Refused(rejection),
        }
    }

    /// Keeps the outcome of the operation at a position, whose reference is new.
    fn remember(&self, overlay: &mut Overlay<'_>, at: usize, standing: Standing) {
        let index = self.first_index + u32::try_from(at).expect("a transaction is bounded");
        let known = KnownReference { body_hash: self.body_hashes[at], height: overlay.context.height, index, standing };
        reference::remember(overlay, self.merchant, self.operations[at].reference, known);
    }

    /// One operation whose key may sign it and whose reference is new.
    fn run_one(&self, overlay: &mut Overlay<'_>, operation: &Operation, index: u32) -> Result<Done, Rejection> {
        overlay.context.operation = Some(index);
        operation.body.execute(overlay, &Caller { merchant: self.merchant, operation })
    }
}

#[cfg(test)]
mod tests;
