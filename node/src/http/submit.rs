//! The doors: one operation as JSON, and transactions signed elsewhere. Bulks have their own file.
//!
//! 202 is sent only after the operation is synced in the outbox. The same operation under the same key gets the same
//! answer: its first receipt, found in state before anything is submitted.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tally_contracts::authorization::Authorization;
use tally_contracts::encoding;
use tally_contracts::execute::known_reference;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Till, Transaction};
use tally_contracts::types::{Hash, Height, MerchantId, Reference};
use utoipa::{IntoParams, ToSchema};

use super::chain::{OperationName, OperationStatus, TransactionName, TransactionStatus};
use super::dry_run::{DryRunAnswer, DryRunTransaction};
use super::openapi::Octets;
use super::params::{JsonBody, Params, RawBody, idempotency_key, media_type, require_media_type, wait_seconds};
use super::problem::{Problem, ProblemBody};
use super::{Api, Door};
use crate::ingress::submitter::{Found, Mode, SubmitError, TransactionEnd};
use crate::query::Snapshot;
use crate::query::index::{self, Place};
use crate::query::limits;
use crate::query::operations::{self, ReceiptView};

/// An operation as it is submitted alone: its reference is the idempotency key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Where a till acts: its store and number.
    #[serde(default)]
    till: Option<Till>,
    /// What is done.
    body: Body,
    /// The member's own word for it.
    #[serde(default)]
    authorization: Option<Authorization>,
}

/// What a submitted operation came to, or would come to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum OperationAnswer {
    /// It has its final receipt.
    Final(Answer),
    /// It was judged only.
    DryRun(DryRunAnswer),
}

/// A final receipt as it is answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FinalAnswer)]
pub struct Answer {
    /// Where the receipt stands.
    #[serde(flatten)]
    pub place: Place,
    /// The transaction it came in.
    pub transaction_id: Option<Hash>,
    /// The receipt.
    pub receipt: Receipt,
    /// The first receipt, where the operation was executed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Receipt>,
}

impl Submission {
    pub(super) fn operation(self, reference: Reference) -> Operation {
        let Self { till, body, authorization } = self;
        Operation { reference, till, body, authorization }
    }
}

/// Parameters of a submission.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubmitParams {
    /// Judges on the state at the node's head, and takes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What a transaction came to, or would come to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SignedAnswer {
    /// It was executed, or all its operations were.
    Final(TransactionAnswer),
    /// It was judged only.
    DryRun(DryRunTransaction),
}

/// About how many bytes of JSON a receipt takes.
const RECEIPT_JSON_BYTES: usize = 256;

/// Into a buffer that it fits, for there may be hundreds of receipts: one that grows is copied again and again.
impl IntoResponse for SignedAnswer {
    fn into_response(self) -> Response {
        let receipts = match &self {
            Self::Final(answer) => answer.receipts.len(),
            Self::DryRun(_) => 0,
        };
        let mut body = Vec::with_capacity(RECEIPT_JSON_BYTES * (1 + receipts));
        serde_json::to_writer(&mut body, &self).expect("an answer has a JSON form");
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// The receipts of a transaction as they are answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransactionAnswer {
    /// Always `final`.
    status: IsFinal,
    /// What it is known by.
    pub transaction_id: Hash,
    /// The block that executed it; none where all its operations were known before, and no block took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
    /// One for each operation, in order.
    pub receipts: Vec<TransactionReceipt>,
}

/// That nothing more is to come.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IsFinal {
    /// It is final.
    Final,
}

/// One receipt of a transaction.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransactionReceipt {
    /// The operation's position in the block; none where no block took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The receipt.
    #[serde(flatten)]
    pub receipt: ReceiptView,
}

/// Submits one operation of the node's own merchant, which the node signs.
///
/// The reference in Idempotency-Key makes it happen once: after a lost answer send the same again. With `Prefer: wait=5` the
/// answer waits up to so many seconds for the receipt, else it is 202.
#[utoipa::path(post, path = "/v1/operations", operation_id = "submitOperation", tag = "submit",
    params(
        SubmitParams,
        ("Idempotency-Key" = Option<Reference>, Header,
            description = "The operation's reference; only a dry run may leave it out, and is judged under a new one."),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: how many seconds the answer may take."),
    ),
    request_body = Submission,
    responses(
        (status = 200, description = "Applied; or judged, with dry_run.", body = OperationAnswer),
        (status = 202, description = "Acknowledged: on disk, and sure to get its receipt.", body = OperationStatus,
            headers(("Location" = String, description = "Where the receipt will be."))),
        (status = 422, description = "A rule refused it, or would.", body = ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub async fn operation(
    State(api): State<Arc<Api>>,
    Params(params): Params<SubmitParams>,
    headers: HeaderMap,
    JsonBody(submission): JsonBody<Submission>,
) -> Result<Response, Problem> {
    if params.dry_run {
        return api.dry_run_operation(&headers, submission).await;
    }
    let operation = submission.operation(idempotency_key(&headers)?);
    let Door { merchant, submitter } = api.door()?;
    submitter.check(&operation).map_err(submit_problem)?;
    let (merchant, reference) = (*merchant, operation.reference);
    let wait = api.wait_time(&headers)?;
    // Looked up here and now: of a new reference memory knows that it is new, and most are.
    if api.replica.read(|view| known_reference(view.store, merchant, reference)).is_some() {
        let operation = operation.clone();
        let known = api.query(move |snapshot| Ok(known_answer(snapshot, merchant, &operation))).await?;
        if let Some(answer) = known {
            return answer.and_then(respond_final);
        }
    }
    let asked = operation.clone();
    let (mut entered, mut receipts) = submitter.enter_awaited(vec![operation], Mode::Each).map_err(submit_problem)?;
    let found = match wait.zip(receipts.pop()) {
        Some((time, receipt)) => entered.within(time, receipt).await.map_err(submit_problem)?,
        None => None,
    };
    match found {
        Some(found) => {
            let answer = api.answer(merchant, found).await?;
            match answer.refusal() {
                Some(problem) => Err(api.with_left(problem, merchant, asked).await?),
                None => respond_final(answer),
            }
        }
        None => {
            entered.synced().await.map_err(submit_problem)?;
            let status = OperationStatus::Pending(OperationName { merchant, reference });
            Ok(accepted(&format!("/v1/operations/{merchant}/{reference}"), &status))
        }
    }
}

/// Takes a transaction that was signed elsewhere, for any merchant: as canonical bytes or as JSON.
///
/// That is how treasurers and governors act, whose keys never live in a node.
#[utoipa::path(post, path = "/v1/transactions", operation_id = "submitTransaction", tag = "submit",
    params(
        SubmitParams,
        ("Prefer" = Option<String>, Header, description = "`wait=5`: how many seconds the answer may take."),
    ),
    request_body(content((Transaction = "application/json"), (Octets = "application/octet-stream"))),
    responses(
        (status = 200, description = "Executed; look into the receipts. Or judged, with dry_run.", body = SignedAnswer),
        (status = 202, description = "Acknowledged: on disk.", body = TransactionStatus,
            headers(("Location" = String, description = "Where the receipts will be."))),
        (status = 422, description = "It is not valid, or its time or key is not.", body = ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub async fn transaction(
    State(api): State<Arc<Api>>,
    Params(params): Params<SubmitParams>,
    headers: HeaderMap,
    RawBody(bytes): RawBody,
) -> Result<Response, Problem> {
    require_media_type(&headers, &["application/json", "application/octet-stream"])?;
    let wait = api.wait_time(&headers)?;
    let is_bytes = media_type(&headers).as_deref() == Some("application/octet-stream");
    let bytes = if is_bytes { bytes.to_vec() } else { canonical(&bytes)? };
    let chain_id = *api.replica.chain().chain_id();
    let checked = api.blocking(move || CheckedTransaction::check(bytes, &chain_id)).await??;
    if params.dry_run {
        return api.dry_run_transaction(checked).await;
    }
    let id = checked.id();
    let transaction = checked.clone();
    // Sent again, perhaps after its time: what became of it is on record, and no block takes it twice.
    if let Some(answer) = api.executed_transaction(id).await? {
        return Ok(SignedAnswer::Final(answer).into_response());
    }
    let Door { submitter, .. } = api.door()?;
    let end = wait.map(|time| (time, submitter.wait_transaction(id)));
    submitter.submit_signed(checked).await.map_err(submit_problem)?;
    let end = match end {
        Some((time, end)) => tokio::time::timeout(time, end).await.ok(),
        None => None,
    };
    match end {
        Some(TransactionEnd::Executed { height, first_index, receipts }) => {
            let place = Place { height, index: first_index };
            let answer = api.query(move |snapshot| Ok(transaction_answer(snapshot, id, place, receipts))).await?;
            Ok(SignedAnswer::Final(answer).into_response())
        }
        Some(TransactionEnd::Known) => {
            let answer = match api.executed_transaction(id).await? {
                Some(answer) => answer,
                None => {
                    api.query(move |snapshot| Ok(known_transaction(snapshot, id, transaction.transaction()))).await?
                }
            };
            Ok(SignedAnswer::Final(answer).into_response())
        }
        Some(TransactionEnd::Expired) => Err(Problem::rejection(Rejection::Expired)),
        None => {
            let status = TransactionStatus::Pending(TransactionName { transaction_id: id });
            Ok(accepted(&format!("/v1/transactions/{id}"), &status))
        }
    }
}

/// The canonical bytes of a transaction given as JSON.
fn canonical(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let transaction: Transaction = super::params::json(bytes)?;
    Ok(encoding::encode(&transaction))
}

/// The answer to a transaction whose first operation stands at a place.
fn transaction_answer(
    snapshot: &Snapshot<'_>,
    transaction_id: Hash,
    place: Place,
    receipts: Vec<Receipt>,
) -> TransactionAnswer {
    let placed = |(receipt, index)| TransactionReceipt { index: Some(index), receipt };
    let receipts = operations::with_first(snapshot, receipts).into_iter().zip(place.index..).map(placed).collect();
    TransactionAnswer { status: IsFinal::Final, transaction_id, height: Some(place.height), receipts }
}

/// The answer to a transaction that no block took, since all its operations were known: each a duplicate.
fn known_transaction(snapshot: &Snapshot<'_>, transaction_id: Hash, transaction: &Transaction) -> TransactionAnswer {
    let duplicate = |operation: &Operation| {
        let known = known_reference(snapshot.store, transaction.merchant, operation.reference)?;
        let outcome = Outcome::Duplicate { height: known.height, index: known.index };
        Some(Receipt { reference: operation.reference, outcome })
    };
    let receipts = transaction.operations.iter().filter_map(duplicate).collect();
    let receipts = operations::with_first(snapshot, receipts);
    let receipts = receipts.into_iter().map(|receipt| TransactionReceipt { index: None, receipt }).collect();
    TransactionAnswer { status: IsFinal::Final, transaction_id, height: None, receipts }
}

fn accepted(location: &str, body: &impl Serialize) -> Response {
    (StatusCode::ACCEPTED, [(header::LOCATION, location.to_owned())], Json(body)).into_response()
}

/// The answer to an operation whose outcome is kept already; a problem where its reference was another's.
fn known_answer(
    snapshot: &Snapshot<'_>,
    merchant: MerchantId,
    operation: &Operation,
) -> Option<Result<Answer, Problem>> {
    let known = known_reference(snapshot.store, merchant, operation.reference)?;
    let place = Place { height: known.height, index: known.index };
    if known.body_hash != operation.body_hash() {
        return Some(Err(Problem::rejection(Rejection::ReferenceReused).with("first", place)));
    }
    let found = operations::at(snapshot, place)?;
    let transaction_id = Some(found.transaction_id);
    Some(Ok(Answer { place, transaction_id, receipt: found.receipt, first: None }))
}

/// 200 for what was applied, 422 for what was refused.
fn respond_final(answer: Answer) -> Result<Response, Problem> {
    match answer.refusal() {
        Some(problem) => Err(problem),
        None => Ok(Json(OperationAnswer::Final(answer)).into_response()),
    }
}

impl Answer {
    /// The problem of an operation that a rule refused; a duplicate is what its first receipt is.
    pub(super) fn refusal(&self) -> Option<Problem> {
        let problem = refusal(&self.receipt, self.first.as_ref())?.at(self.place);
        Some(problem.with("transaction_id", self.transaction_id))
    }
}

/// The problem of a receipt that tells a refusal, its own or that of the first receipt.
pub(super) fn refusal(receipt: &Receipt, first: Option<&Receipt>) -> Option<Problem> {
    match first.unwrap_or(receipt).outcome {
        Outcome::Rejected(rejection) => Some(Problem::rejection(rejection).with("reference", receipt.reference)),
        Outcome::Applied(_) | Outcome::Duplicate { .. } => None,
    }
}

/// Why a submission was not taken.
#[must_use]
pub fn submit_problem(error: SubmitError) -> Problem {
    match &error {
        SubmitError::Busy { retry_after_ms } => Problem::overloaded(&error, *retry_after_ms),
        SubmitError::ReferenceReused { reference } => {
            Problem::rejection(Rejection::ReferenceReused).with("reference", reference)
        }
        SubmitError::ReferenceAhead { reference } => {
            Problem::rejection(Rejection::ReferenceAhead).with("reference", reference)
        }
        SubmitError::Malformed { reason, .. } => Problem::because("malformed_operation", reason),
        SubmitError::Authorization(error) => Problem::because("wrong_authorization", error),
        SubmitError::OperationCount(_) => Problem::because("operation_count", &error),
        SubmitError::Oversized { .. } => Problem::because("transaction_oversized", &error),
        SubmitError::Refused(rejection) => Problem::rejection(*rejection),
        SubmitError::Fault => Problem::because("shutting_down", &error),
    }
}

impl Api {
    /// A refusal with what is left of the limit that it is about.
    pub(super) async fn with_left(
        self: &Arc<Self>,
        problem: Problem,
        merchant: MerchantId,
        operation: Operation,
    ) -> Result<Problem, Problem> {
        let Some(rule) = problem.rule() else { return Ok(problem) };
        let left = self.query(move |snapshot| Ok(limits::left(snapshot, merchant, &operation, rule))).await?;
        Ok(match left {
            Some(left_fen) => problem.with("left_fen", left_fen),
            None => problem,
        })
    }

    /// How long a request is ready to wait, within the node's bound.
    pub(super) fn wait_time(&self, headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
        let seconds = wait_seconds(headers)?.map(|s| s.min(self.timeouts.max_wait_s));
        Ok(seconds.filter(|s| *s > 0).map(Duration::from_secs))
    }

    /// The answer to a receipt that was waited for: with its transaction, and the first receipt of a duplicate.
    pub(super) async fn answer(self: &Arc<Self>, merchant: MerchantId, found: Found) -> Result<Answer, Problem> {
        let mut answers = self.answers(merchant, vec![found]).await?;
        answers.pop().ok_or(Problem::new("internal"))
    }

    /// As [`Api::answer`], for many receipts in one read; in the same order.
    pub(super) async fn answers(
        self: &Arc<Self>,
        merchant: MerchantId,
        found: Vec<Found>,
    ) -> Result<Vec<Answer>, Problem> {
        let needs_state =
            |f: &Found| f.transaction_id.is_none() || matches!(f.receipt.outcome, Outcome::Duplicate { .. });
        if !found.iter().any(needs_state) {
            return Ok(found.into_iter().map(plain_answer).collect());
        }
        self.query(move |snapshot| {
            let answer = |f: Found| if needs_state(&f) { full_answer(snapshot, merchant, f) } else { plain_answer(f) };
            Ok(found.into_iter().map(answer).collect())
        })
        .await
    }

    /// The receipts of a transaction that was executed.
    async fn executed_transaction(self: &Arc<Self>, id: Hash) -> Result<Option<TransactionAnswer>, Problem> {
        self.query(move |snapshot| {
            let place = index::place_of_transaction(snapshot.store, &id);
            let row = place.and_then(|place| Some((place, index::transaction_of(snapshot.store, place)?.0)));
            Ok(row.map(|(place, row)| transaction_answer(snapshot, id, place, row.receipts)))
        })
        .await
    }
}

fn plain_answer(found: Found) -> Answer {
    let Found { height, index, transaction_id, receipt } = found;
    Answer { place: Place { height, index }, transaction_id, receipt, first: None }
}

fn full_answer(snapshot: &Snapshot<'_>, merchant: MerchantId, found: Found) -> Answer {
    let mut answer = plain_answer(found);
    let first_place = match answer.receipt.outcome {
        Outcome::Duplicate { height, index } => Place { height, index },
        _ => answer.place,
    };
    let Some(first) = operations::at(snapshot, first_place).filter(|f| f.merchant == merchant) else { return answer };
    if first_place == answer.place {
        // Found in state, where the receipt said no more than where it stands.
        answer.receipt = first.receipt;
        answer.transaction_id = Some(first.transaction_id);
    } else {
        answer.first = Some(first.receipt);
    }
    answer
}
