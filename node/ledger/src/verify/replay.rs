//! Re-execution: runs the blocks of an archive one by one on a state in memory, and keeps count.

use std::ops::ControlFlow;
use std::time::Duration;

use tally_contracts::governance::Protocol;
use tally_contracts::governance::change::PROTOCOL_VERSION;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::state::{MemoryStore, read, tag};
use tally_contracts::types::Height;

use super::conservation::{self, Flows};
use super::crew::{Fault, Judged, Sound};
use super::report::{Check, Epoch, OperationCounts, Report};
use super::{CheckKind, Executed, Failure, Place, VerifyError, locate};
use crate::chain::{Chain, Head, Warm};

/// The chain as far as it was executed.
pub struct Replay<'a> {
    chain: &'a Chain,
    head: Head,
    store: MemoryStore,
    warm: Warm,
    flows: Flows,
    transactions: u64,
    votes: u64,
    counts: OperationCounts,
    epochs: Vec<Epoch>,
}

impl<'a> Replay<'a> {
    /// The chain before its first block.
    pub fn new(chain: &'a Chain) -> Self {
        let (head, writes) = chain.start();
        let mut store = MemoryStore::default();
        store.apply(&writes);
        Self {
            chain,
            head,
            store,
            warm: Warm::default(),
            flows: Flows::default(),
            transactions: 0,
            votes: 0,
            counts: OperationCounts::default(),
            epochs: Vec::new(),
        }
    }

    /// The end of what was executed.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Operations executed.
    pub const fn operations(&self) -> u64 {
        self.counts.total()
    }

    /// Takes up the next block, and shows it to `each`, which says whether to go on.
    ///
    /// # Errors
    /// [`VerifyError::Failed`] when it is no valid successor, [`VerifyError::Outdated`] where its rules are not known here.
    pub fn apply(
        &mut self,
        judged: Judged,
        each: impl FnOnce(&Executed<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, VerifyError> {
        let protocol: Protocol = read(&self.store, tag::protocol, &()).unwrap_or_default();
        if protocol.version > PROTOCOL_VERSION && self.head.height.next() >= protocol.from_height {
            return Err(VerifyError::Outdated(protocol.from_height, protocol.version));
        }
        let (frame, verdict) = judged.verdict(self.chain, &self.head.rota);
        let fault = |fault| locate::block_fault(self.chain, &self.head, &frame, fault);
        let Sound { block, votes } = verdict.map_err(fault)?;
        let block = self.chain.check_successor(&self.head, block).map_err(|e| fault(Fault::Block(e)))?;
        let executed = self.chain.execute_warm(&self.store, &self.head, &block, &mut self.warm);
        let flow = each(&Executed {
            height: block.header().height,
            time_ms: block.header().time_ms,
            transactions: block.transactions(),
            due: &executed.due,
            receipts: &executed.receipts,
            writes: &executed.writes,
            before: &self.store,
        });
        self.store.apply(&executed.writes);
        let (validators, height) = (self.head.rota.of(block.header().height), block.header().height);
        if height == Height(1) || self.head.rota.of(self.head.height) != validators {
            self.epochs.push(Epoch { from_height: height, validators: validators.validators().to_vec() });
        }
        self.head = executed.head;
        self.votes += votes as u64;
        self.transactions += block.transactions().len() as u64;
        self.flows.add_due(&executed.due);
        for (transaction, receipts) in block.transactions().iter().zip(&executed.receipts) {
            self.flows.add(transaction.transaction(), receipts);
            receipts.iter().for_each(|receipt| self.count(receipt));
        }
        Ok(flow)
    }

    /// Sums up all of state, and reports.
    ///
    /// # Errors
    /// [`VerifyError::Failed`] when something does not add up.
    pub fn finish(self, bytes: u64, took: Duration) -> Result<Report, VerifyError> {
        let Self { chain, head, store, warm: _, flows, transactions, votes, counts, epochs } = self;
        let sums = conservation::check(&store, &flows).map_err(|reason| state_failure(reason, head.height))?;
        let seconds = took.as_secs_f64();
        let total = counts.total();
        Ok(Report {
            chain_id: *chain.chain_id(),
            name: chain.genesis().name.clone(),
            height: head.height,
            block_id: head.block_id,
            transactions,
            operations: counts,
            vote_signatures: votes,
            epochs,
            leaves: head.outcome.log_size,
            log_root: head.outcome.log_root,
            state_hash: head.outcome.state_hash,
            settlements: sums.settlements,
            classes: sums.classes,
            checks: Check::list(&head),
            bytes,
            seconds,
            operations_per_second: if seconds > 0.0 { total as f64 / seconds } else { 0.0 },
        })
    }

    const fn count(&mut self, receipt: &Receipt) {
        let counter = match &receipt.outcome {
            Outcome::Applied(_) => &mut self.counts.applied,
            Outcome::Duplicate { .. } => &mut self.counts.duplicate,
            Outcome::Rejected(_) => &mut self.counts.rejected,
        };
        *counter += 1;
    }
}

fn state_failure(reason: String, verified: Height) -> VerifyError {
    let place = Place {
        height: Some(verified),
        transaction: None,
        operation: None,
        field: "state after it".into(),
        offset: 0,
        bytes: 0,
    };
    Failure { check: CheckKind::Conservation, place, byte: None, reason, verified }.into()
}
