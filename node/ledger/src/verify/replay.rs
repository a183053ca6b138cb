//! Re-execution: runs the blocks of an archive one by one on a state in memory, and keeps count.

use std::ops::ControlFlow;
use std::time::Instant;

use tally_contracts::checkpoint::{Checkpoint, CheckpointClock};
use tally_contracts::governance::Protocol;
use tally_contracts::governance::change::PROTOCOL_VERSION;
use tally_contracts::receipt::{Applied, Outcome, Receipt};
use tally_contracts::state::{MemoryStore, read, tag};
use tally_contracts::transaction::{Body, CheckedTransaction};
use tally_contracts::types::Height;

use super::anchors::Anchors;
use super::checkpoints::{Judge, WrongRoots};
use super::conservation;
use super::crew::{Fault, Judged, Sound};
use super::history::Versions;
use super::report::{Check, Epoch, Finding, Report};
use super::saved::{SavedState, Tallies};
use super::{Audit, CheckKind, Executed, Failure, Place, VerifyError, locate};
use crate::anchor::Trust;
use crate::chain::{Chain, Head, Warm};

/// The chain as far as it was executed.
pub struct Replay<'a> {
    chain: &'a Chain,
    head: Head,
    store: MemoryStore,
    warm: Warm,
    tallies: Tallies,
    versions: Versions,
    start: Start,
    anchors: Anchors,
    findings: Vec<Finding>,
}

/// Where a replay began.
#[derive(Clone, Copy, Debug, Default)]
struct Start {
    /// The block up to which an earlier run verified.
    height: Option<Height>,
    /// Operations up to there.
    operations: u64,
    /// The last checkpoint that was final there.
    latest_final: Height,
}

impl<'a> Replay<'a> {
    /// The chain before its first block.
    pub fn new(chain: &'a Chain) -> Self {
        let (head, writes) = chain.start();
        let mut store = MemoryStore::default();
        store.apply(&writes);
        let mut replay = Self::over(chain, head, store, Tallies::default(), Versions::default());
        replay.versions.note(Height(0), &writes);
        replay
    }

    /// The chain up to where an earlier run verified it.
    pub fn resume(chain: &'a Chain, saved: SavedState) -> Self {
        let SavedState { chain_id: _, head, tallies, store, versions } = saved;
        let clock: Option<CheckpointClock> = read(&store, tag::checkpoint_clock, &());
        let latest_final = clock.and_then(|clock| clock.latest_final).unwrap_or_default();
        let start = Start { height: Some(head.height), operations: tallies.counts.total(), latest_final };
        Self { start, ..Self::over(chain, head, store, tallies, versions) }
    }

    fn over(chain: &'a Chain, head: Head, store: MemoryStore, tallies: Tallies, versions: Versions) -> Self {
        let (warm, start, anchors, findings) = Default::default();
        Self { chain, head, store, warm, tallies, versions, start, anchors, findings }
    }

    /// The end of what was executed.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Operations executed, by an earlier run too.
    pub const fn operations(&self) -> u64 {
        self.tallies.counts.total()
    }

    /// Takes up the next block, and shows it to `each`, which says whether to go on.
    ///
    /// # Errors
    /// [`VerifyError::Failed`] when it is no valid successor, [`VerifyError::Outdated`] where its rules are not known here.
    pub fn apply(
        &mut self,
        judged: Judged,
        trust: &Trust,
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
        self.versions.note(height, &executed.writes);
        if height == Height(1) || self.head.rota.of(self.head.height) != validators {
            let epoch = Epoch { from_height: height, validators: validators.validators().to_vec() };
            self.tallies.epochs.push(epoch);
        }
        self.head = executed.head;
        self.tallies.votes += votes as u64;
        self.tallies.transactions += block.transactions().len() as u64;
        self.tallies.flows.add_due(&executed.due);
        for (transaction, receipts) in block.transactions().iter().zip(&executed.receipts) {
            self.take_up(transaction, receipts, trust);
        }
        Ok(flow)
    }

    fn take_up(&mut self, transaction: &CheckedTransaction, receipts: &[Receipt], trust: &Trust) {
        let transaction = transaction.transaction();
        self.tallies.flows.add(transaction, receipts);
        for (operation, receipt) in transaction.operations.iter().zip(receipts) {
            let counter = match &receipt.outcome {
                Outcome::Applied(_) => &mut self.tallies.counts.applied,
                Outcome::Duplicate { .. } => &mut self.tallies.counts.duplicate,
                Outcome::Rejected(_) => &mut self.tallies.counts.rejected,
            };
            *counter += 1;
            let (Body::Anchor(anchor), Outcome::Applied(Applied::Anchored)) = (&operation.body, &receipt.outcome)
            else {
                continue;
            };
            let checkpoint: Option<Checkpoint> = read(&self.store, tag::checkpoints, &anchor.checkpoint);
            let checkpoint = checkpoint.expect("what is anchored is on record");
            let place = (self.head.height, transaction.merchant);
            self.findings.extend(self.anchors.take_up(place, anchor, &checkpoint, (self.chain.chain_id(), trust)));
        }
    }

    /// Sums up all of state, judges what merchants vouched for, and reports.
    ///
    /// # Errors
    /// [`VerifyError::Failed`] when something does not add up, or a final checkpoint has roots that are not those of state.
    pub fn finish(self, audit: &Audit, bytes: u64, started: Instant) -> Result<(Report, SavedState), VerifyError> {
        let Self { chain, head, store, warm: _, tallies, versions, start, anchors, mut findings } = self;
        let sums = conservation::check(&store, &tallies.flows).map_err(|reason| state_failure(reason, head.height))?;
        let threads = audit.threads();
        let judge =
            Judge { chain, store: &store, versions: &versions, which: audit.roots, after: start.latest_final, threads };
        let (checkpoints, others) = judge.check().map_err(|wrong| wrong_checkpoint(wrong, head.height))?;
        findings.extend(others);
        findings.sort_by_key(|finding| (finding.height, finding.merchant));
        let seconds = started.elapsed().as_secs_f64();
        let executed = tallies.counts.total() - start.operations;
        let report = Report {
            chain_id: *chain.chain_id(),
            name: chain.genesis().name.clone(),
            height: head.height,
            block_id: head.block_id,
            transactions: tallies.transactions,
            operations: tallies.counts,
            vote_signatures: tallies.votes,
            epochs: tallies.epochs.clone(),
            leaves: head.outcome.log_size,
            log_root: head.outcome.log_root,
            state_hash: head.outcome.state_hash,
            settlements: sums.settlements,
            classes: sums.classes,
            checks: Check::list(&head, start.height, &checkpoints, &anchors),
            checkpoints,
            anchors,
            findings,
            resumed_from: start.height,
            threads,
            bytes,
            seconds,
            operations_per_second: if seconds > 0.0 { executed as f64 / seconds } else { 0.0 },
        };
        Ok((report, SavedState { chain_id: *chain.chain_id(), head, tallies, store, versions }))
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

fn wrong_checkpoint(wrong: WrongRoots, verified: Height) -> VerifyError {
    let WrongRoots { height, field, reason } = wrong;
    let field = format!("checkpoint, {field}");
    let place = Place { height: Some(height), transaction: None, operation: None, field, offset: 0, bytes: 0 };
    Failure { check: CheckKind::Checkpoint, place, byte: None, reason, verified }.into()
}
