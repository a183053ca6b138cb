//! `dry_run=true`: what a submission would come to, judged on the state at the head; nothing is taken.
//!
//! Operations are signed as they would be, for one imagined block, and the contracts run that block on state whose writes
//! are dropped. No answer here is an acknowledgement: nothing reaches outbox, mempool or chain, and the same submission
//! without `dry_run` is judged anew.

use std::sync::Arc;

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tally_contracts::execute::check_advisory;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::CheckedTransaction;
use tally_contracts::types::{Hash, Height, Reference};
use utoipa::ToSchema;

use super::Api;
use super::params::idempotency_key;
use super::problem::Problem;
use super::submit::{OperationAnswer, SignedAnswer, Submission, refusal, submit_problem};
use crate::clock::now_ms;
use crate::ingress::submitter::{Draft, Mode};
use crate::query::dry_run::dry_run;
use crate::query::index;
use crate::query::operations::{ReceiptView, with_first};
use crate::query::{QueryError, Snapshot};

/// The state and time that a dry run was judged by.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Judgement {
    /// Always true: nothing was taken.
    pub dry_run: bool,
    /// The height whose state it was judged on.
    pub height: Height,
    /// The time that the next block would have had, in ms since 1970.
    pub time_ms: u64,
}

/// What one operation would come to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DryRunAnswer {
    /// By what it was judged.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// The receipt it would have.
    #[serde(flatten)]
    pub receipt: ReceiptView,
}

/// What a transaction would come to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DryRunTransaction {
    /// What it is known by.
    pub transaction_id: Hash,
    /// By what it was judged.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// The receipt that each operation would have, in order.
    pub receipts: Vec<ReceiptView>,
}

/// The receipts of a draft.
pub(super) struct Judged {
    pub judgement: Judgement,
    pub receipts: Vec<ReceiptView>,
}

impl Judgement {
    const fn new(snapshot: &Snapshot<'_>, time_ms: u64) -> Self {
        Self { dry_run: true, height: snapshot.head.height, time_ms }
    }

    /// A problem as this judgement's.
    fn mark(self, problem: Problem) -> Problem {
        problem.with("dry_run", true).with("height", self.height).with("time_ms", self.time_ms)
    }
}

impl Judged {
    /// The problem of the operation at a position, where it would be refused.
    pub fn refusal(&self, at: usize) -> Option<Problem> {
        let view = &self.receipts[at];
        Some(self.judgement.mark(refusal(&view.receipt, view.first.as_ref())?))
    }
}

impl Api {
    /// Judges one operation; under a reference of now where none is given.
    pub(super) async fn dry_run_operation(
        self: &Arc<Self>,
        headers: &HeaderMap,
        submission: Submission,
    ) -> Result<Response, Problem> {
        let reference = match headers.contains_key("idempotency-key") {
            true => idempotency_key(headers)?,
            false => self.fresh_reference(),
        };
        let submitter = &self.door()?.submitter;
        let operation = submission.operation(reference);
        let (merchant, asked) = (self.door()?.merchant, operation.clone());
        let checked = submitter.check(&operation);
        let draft = checked.and_then(|()| submitter.draft(vec![operation], Mode::Each));
        let judged = self.judge(draft.map_err(|e| submit_problem(e).with("dry_run", true))?).await?;
        if let Some(problem) = judged.refusal(0) {
            return Err(self.with_left(problem, merchant, asked).await?);
        }
        let Judged { judgement, mut receipts } = judged;
        let receipt = receipts.pop().ok_or(Problem::new("internal"))?;
        Ok(Json(OperationAnswer::DryRun(DryRunAnswer { judgement, receipt })).into_response())
    }

    /// Judges a transaction signed elsewhere.
    pub(super) async fn dry_run_transaction(
        self: &Arc<Self>,
        transaction: CheckedTransaction,
    ) -> Result<Response, Problem> {
        let api = self.clone();
        let answer = self.query(move |snapshot| Ok(api.dry_run_signed(snapshot, transaction))).await?;
        answer.map(|answer| SignedAnswer::DryRun(answer).into_response())
    }

    fn dry_run_signed(
        &self,
        snapshot: &Snapshot<'_>,
        transaction: CheckedTransaction,
    ) -> Result<DryRunTransaction, Problem> {
        let transactions = [transaction];
        let [transaction] = &transactions;
        let time_ms = self.replica.chain().next_time_ms(snapshot.head, now_ms(), &transactions);
        let (judgement, transaction_id) = (Judgement::new(snapshot, time_ms), transaction.id());
        // Sent again, perhaps after its time: no block takes it twice, its receipts are on record.
        if let Some(receipts) = executed(snapshot, &transaction_id) {
            return Ok(DryRunTransaction { transaction_id, judgement, receipts });
        }
        check_advisory(snapshot.store, snapshot.genesis, time_ms, transaction.transaction())
            .map_err(|rejection: Rejection| judgement.mark(Problem::rejection(rejection)))?;
        let receipts = dry_run(snapshot, time_ms, &transactions).into_iter().flatten().collect();
        Ok(DryRunTransaction { transaction_id, judgement, receipts })
    }

    /// Judges operations of this node's merchant, in their order.
    pub(super) async fn judge(self: &Arc<Self>, draft: Draft) -> Result<Judged, Problem> {
        let (api, submitter) = (self.clone(), self.door()?.submitter.clone());
        self.query(move |snapshot| -> Result<Judged, QueryError> {
            // None of them can set a clock: that takes a key that no node holds.
            let time_ms = api.replica.chain().next_time_ms(snapshot.head, now_ms(), &[]);
            let transactions = submitter.sign_draft(draft, time_ms);
            let receipts = dry_run(snapshot, time_ms, &transactions).into_iter().flatten().collect();
            Ok(Judged { judgement: Judgement::new(snapshot, time_ms), receipts })
        })
        .await
    }

    fn fresh_reference(&self) -> Reference {
        let time_ms = self.replica.chain().next_time_ms(&self.replica.head(), now_ms(), &[]);
        Reference::new(time_ms, rand::random())
    }
}

/// The receipts of an executed transaction, as those of its duplicate.
fn executed(snapshot: &Snapshot<'_>, id: &Hash) -> Option<Vec<ReceiptView>> {
    let place = index::place_of_transaction(snapshot.store, id)?;
    let (row, _) = index::transaction_of(snapshot.store, place)?;
    let duplicate = |(known, index): (ReceiptView, u32)| match known.receipt.outcome {
        Outcome::Duplicate { .. } => known,
        Outcome::Applied(_) | Outcome::Rejected(_) => {
            let outcome = Outcome::Duplicate { height: place.height, index };
            let receipt = Receipt { reference: known.receipt.reference, outcome };
            ReceiptView { receipt, first: Some(known.receipt) }
        }
    };
    Some(with_first(snapshot, row.receipts).into_iter().zip(place.index..).map(duplicate).collect())
}
