//! Dry runs: what the next block would make of transactions if it were made now, of them alone.
//!
//! The contracts run as they do in a block, due work included, on the state at the head; what they write is dropped. What
//! waits in outbox and mempool is not counted, and the next real block may find another state: the answer is true of its
//! height and promises nothing.

use tally_contracts::execute::{BlockContext, execute_block};
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::transaction::CheckedTransaction;

use super::Snapshot;
use super::index::Place;
use super::operations::{ReceiptView, Rows};

/// Most operations of a dry run: state stands still while they run, and the next block waits for that.
pub const MAX_OPERATIONS: usize = 10_000;

/// The receipts of transactions in a block at this time that follows the head, by transaction and operation.
///
/// # Panics
/// When the contracts break conservation, which no input may bring about.
#[must_use]
pub fn dry_run(snapshot: &Snapshot<'_>, time_ms: u64, transactions: &[CheckedTransaction]) -> Vec<Vec<ReceiptView>> {
    let chain_id = snapshot.genesis.chain_id();
    let height = snapshot.head.height.next();
    let context = BlockContext::new(snapshot.genesis, chain_id, height, time_ms);
    let run = execute_block(snapshot.store, context, transactions);
    let own: Vec<Receipt> = run.receipts.iter().flatten().cloned().collect();
    let mut rows = Rows::new(snapshot);
    let mut view = |receipt: Receipt| {
        let first = match receipt.outcome {
            // Of an operation that is there twice: the first is of the imagined block too.
            Outcome::Duplicate { height: at, index } if at == height => own.get(index as usize).cloned(),
            Outcome::Duplicate { height, index } => rows.get(Place { height, index }).map(|found| found.receipt),
            Outcome::Applied(_) | Outcome::Rejected(_) => None,
        };
        ReceiptView { receipt, first }
    };
    run.receipts.into_iter().map(|receipts| receipts.into_iter().map(&mut view).collect()).collect()
}
