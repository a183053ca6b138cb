//! Drafts: what operations would go out as, for a dry run.
//!
//! A draft is checked, measured and cut into transactions by the rules that hold for what is submitted, so that it fails
//! where the submission would. It never touches the book, the outbox, the mempool or the network; and what it is signed
//! for is the time of one block that is only imagined, so that no later block could execute it.

use tally_contracts::transaction::{CheckedTransaction, Operation};

use super::{Mode, SubmitError, Submitter};
use crate::ingress::batch::{Content, Room};
use crate::ingress::book::{Prepared, Submission};

/// Operations as they would go out together.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The operations of each transaction, in order.
    batches: Vec<Vec<Operation>>,
    atomic: bool,
}

impl Submitter {
    /// Checks and measures operations without accepting them.
    ///
    /// # Errors
    /// Those of [`Submitter::submit`] that the operations themselves lead to.
    pub fn draft(&self, operations: Vec<Operation>, mode: Mode) -> Result<Draft, SubmitError> {
        Ok(match self.prepare(operations, mode)? {
            Submission::Each(prepared) => Draft { batches: cut(prepared), atomic: false },
            Submission::Group(group) => {
                Draft { batches: vec![group.into_iter().map(Prepared::into_operation).collect()], atomic: true }
            }
            Submission::Signed(_) => unreachable!("operations are prepared for this node to sign"),
        })
    }

    /// Signs a draft for a block of exactly this time, in ms since 1970.
    #[must_use]
    pub fn sign_draft(&self, draft: Draft, time_ms: u64) -> Vec<CheckedTransaction> {
        let Draft { batches, atomic } = draft;
        let content = |operations| Content { operations, atomic, valid_until_ms: time_ms };
        batches.into_iter().map(|operations| self.shared.signer.sign(content(operations))).collect()
    }
}

/// As many operations in each transaction as it has room for, in their order.
fn cut(prepared: Vec<Prepared>) -> Vec<Vec<Operation>> {
    let (mut batches, mut batch, mut room) = (Vec::new(), Vec::new(), Room::new());
    for one in prepared {
        let leaf_bytes = one.leaf_bytes();
        if !room.take(1, leaf_bytes) {
            batches.push(std::mem::take(&mut batch));
            room = Room::new();
            let fits = room.take(1, leaf_bytes);
            assert!(fits, "an operation fits into a transaction of its own because it was measured");
        }
        batch.push(one.into_operation());
    }
    batches.push(batch);
    batches
}
