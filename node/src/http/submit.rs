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
use serde_json::json;
use tally_contracts::encoding;
use tally_contracts::execute::known_reference;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Till, Transaction};
use tally_contracts::types::{Hash, Height, MerchantId};

use super::Api;
use super::params::{JsonBody, NoParams, RawBody, idempotency_key, media_type, require_media_type, wait_seconds};
use super::problem::Problem;
use crate::ingress::submitter::{Found, Mode, SubmitError, TransactionEnd};
use crate::query::index::{self, Place};
use crate::query::{Snapshot, operations};

/// An operation as it is submitted alone: its reference is the idempotency key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    #[serde(default)]
    till: Option<Till>,
    body: Body,
}

/// A final receipt as it is answered.
#[derive(Clone, Debug, Serialize)]
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

/// `POST /v1/operations`.
pub async fn operation(
    State(api): State<Arc<Api>>,
    _: NoParams,
    headers: HeaderMap,
    JsonBody(submission): JsonBody<Submission>,
) -> Result<Response, Problem> {
    let operation = Operation { reference: idempotency_key(&headers)?, till: submission.till, body: submission.body };
    let (merchant, reference) = (api.merchant, operation.reference);
    let wait = api.wait_time(&headers)?;
    let known = {
        let operation = operation.clone();
        api.query(move |snapshot| Ok(known_answer(snapshot, merchant, &operation))).await?
    };
    if let Some(answer) = known {
        return answer.and_then(respond_final);
    }
    let found = wait.map(|time| (time, api.submitter.wait(merchant, reference)));
    api.submitter.submit(vec![operation], Mode::Each).await.map_err(submit_problem)?;
    let found = match found {
        Some((time, found)) => tokio::time::timeout(time, found).await.ok(),
        None => None,
    };
    match found {
        Some(found) => respond_final(api.answer(merchant, found).await?),
        None => Ok(accepted(
            &format!("/v1/operations/{merchant}/{reference}"),
            json!({ "status": "pending", "merchant": merchant, "reference": reference }),
        )),
    }
}

/// `POST /v1/transactions`.
pub async fn transaction(
    State(api): State<Arc<Api>>,
    _: NoParams,
    headers: HeaderMap,
    RawBody(bytes): RawBody,
) -> Result<Response, Problem> {
    require_media_type(&headers, &["application/json", "application/octet-stream"])?;
    let wait = api.wait_time(&headers)?;
    let is_bytes = media_type(&headers).as_deref() == Some("application/octet-stream");
    let bytes = if is_bytes { bytes.to_vec() } else { canonical(&bytes)? };
    let chain_id = *api.replica.chain().chain_id();
    let checked = api.blocking(move || CheckedTransaction::check(bytes, &chain_id)).await??;
    let id = checked.id();
    // Sent again, perhaps after its time: what became of it is on record, and no block takes it twice.
    if let Some(answer) = api.executed_transaction(id).await? {
        return Ok(Json(answer).into_response());
    }
    let end = wait.map(|time| (time, api.submitter.wait_transaction(id)));
    api.submitter.submit_signed(checked).await.map_err(submit_problem)?;
    let end = match end {
        Some((time, end)) => tokio::time::timeout(time, end).await.ok(),
        None => None,
    };
    match end {
        Some(TransactionEnd::Executed { height, first_index, receipts }) => {
            Ok(Json(transaction_answer(id, height, first_index, receipts)).into_response())
        }
        Some(TransactionEnd::Known) => {
            let executed = api.executed_transaction(id).await?;
            let other = json!({ "transaction_id": id, "status": "known" });
            Ok(Json(executed.unwrap_or(other)).into_response())
        }
        Some(TransactionEnd::Expired) => Err(Problem::rejection(Rejection::Expired)),
        None => Ok(accepted(&format!("/v1/transactions/{id}"), json!({ "status": "pending", "transaction_id": id }))),
    }
}

/// The canonical bytes of a transaction given as JSON.
fn canonical(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let transaction: Transaction = super::params::json(bytes)?;
    Ok(encoding::encode(&transaction))
}

fn transaction_answer(id: Hash, height: Height, first: u32, receipts: Vec<Receipt>) -> serde_json::Value {
    let placed = |(receipt, index): (Receipt, u32)| json!({ "index": index, "receipt": receipt });
    let receipts: Vec<_> = receipts.into_iter().zip(first..).map(placed).collect();
    json!({ "transaction_id": id, "height": height, "receipts": receipts })
}

fn accepted(location: &str, body: serde_json::Value) -> Response {
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

/// 200 for what was applied, 422 for what was refused; a duplicate is what its first receipt is.
fn respond_final(answer: Answer) -> Result<Response, Problem> {
    let outcome = &answer.first.as_ref().unwrap_or(&answer.receipt).outcome;
    if let Outcome::Rejected(rejection) = outcome {
        let problem = Problem::rejection(*rejection).at(answer.place);
        return Err(problem.with("reference", answer.receipt.reference).with("transaction_id", answer.transaction_id));
    }
    Ok(Json(answer).into_response())
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
        SubmitError::OperationCount(_) => Problem::because("operation_count", &error),
        SubmitError::Oversized { .. } => Problem::because("transaction_oversized", &error),
        SubmitError::Refused(rejection) => Problem::rejection(*rejection),
        SubmitError::Fault => Problem::because("shutting_down", &error),
    }
}

impl Api {
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
    async fn executed_transaction(self: &Arc<Self>, id: Hash) -> Result<Option<serde_json::Value>, Problem> {
        self.query(move |snapshot| {
            let place = index::place_of_transaction(snapshot.store, &id);
            let row = place.and_then(|place| Some((place, index::transaction_of(snapshot.store, place)?.0)));
            Ok(row.map(|(place, row)| transaction_answer(id, place.height, place.index, row.receipts)))
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
