//! The chain itself: blocks, certificates, transactions, single operations with their body, and the whole as an archive.
//! What stands in a block never changes, so it may be cached for good.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tally_contracts::encoding;
use tally_contracts::receipt::Outcome;
use tally_contracts::transaction::Transaction;
use tally_contracts::types::{Hash, Height, MerchantId, Reference};
use tally_ledger::block::Block;
use tally_ledger::certificate::CommitCertificate;

use super::Api;
use super::params::{Names, NoParams};
use super::problem::Problem;
use crate::ingress::submitter::Status;
use crate::query::blocks::{self, StoredBlock};
use crate::query::operations;

type Node = State<Arc<Api>>;

const IMMUTABLE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "private, max-age=31536000, immutable");

/// `GET /v1/blocks/{height}`.
pub async fn block(State(api): Node, Names(height): Names<Height>, _: NoParams) -> Result<Response, Problem> {
    let stored = api.stored_block(height).await?;
    let view = api.query(move |snapshot| Ok(blocks::block(snapshot, stored))).await?;
    Ok(([IMMUTABLE], Json(view)).into_response())
}

/// `GET /v1/blocks/{height}/raw`: the canonical bytes.
pub async fn raw(State(api): Node, Names(height): Names<Height>, _: NoParams) -> Result<Response, Problem> {
    let (bytes, _) = api.committed(height).await?;
    Ok(([IMMUTABLE, (header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// `GET /v1/blocks/{height}/certificate`.
pub async fn certificate(State(api): Node, Names(height): Names<Height>, _: NoParams) -> Result<Response, Problem> {
    let (_, certificate) = api.committed(height).await?;
    Ok(([IMMUTABLE], Json(certificate)).into_response())
}

/// `GET /v1/transactions/{id}`.
pub async fn transaction(State(api): Node, Names(id): Names<Hash>, _: NoParams) -> Result<Response, Problem> {
    // Before state is looked at: a block in between ends the entry only after its receipts can be found.
    let status = api.submitter.transaction_status(&id);
    let place = match api.query(move |snapshot| blocks::transaction_place(snapshot, &id)).await {
        Ok(place) => place,
        Err(problem) => {
            let status = match status {
                Status::Pending => "pending",
                Status::Expired => "expired",
                Status::Unknown => return Err(problem),
            };
            return Ok(Json(json!({ "status": status, "transaction_id": id })).into_response());
        }
    };
    let (height, first, row) = place;
    let stored = api.stored_block(height).await?;
    let mut view = json!(blocks::transaction(&stored.block, row, first));
    view["status"] = json!("final");
    Ok(Json(view).into_response())
}

/// `GET /v1/operations/{merchant}/{reference}`.
pub async fn operation(
    State(api): Node,
    Names((merchant, reference)): Names<(MerchantId, Reference)>,
    _: NoParams,
) -> Result<Response, Problem> {
    // Before state is looked at: a block in between ends the entry only after its receipt can be found.
    let is_pending = api.submitter.status(merchant, reference) == Status::Pending;
    let found = api.query(move |snapshot| Ok(operations::by_reference(snapshot, merchant, reference))).await?;
    // What was refused for a reason that is not kept may be on its way again.
    let is_refused = |found: &operations::Final| matches!(found.receipt.outcome, Outcome::Rejected(_));
    if is_pending && found.as_ref().is_none_or(is_refused) {
        let body = json!({ "status": "pending", "merchant": merchant, "reference": reference });
        return Ok(Json(body).into_response());
    }
    let Some(found) = found else {
        let reason = format!("merchant {merchant} has no operation {reference} here, pending or final");
        return Err(Problem::because("not_found", reason));
    };
    let stored = api.stored_block(found.place.height).await?;
    let (position, at) = found.within;
    let transaction: Transaction = encoding::decode_own(&stored.block.transactions[position as usize]);
    let mut view = json!(found);
    view["status"] = json!("final");
    view["operation"] = json!(transaction.operations[at]);
    Ok(Json(view).into_response())
}

impl Api {
    /// A decided block's bytes with its certificate.
    pub(super) async fn committed(
        self: &Arc<Self>,
        height: Height,
    ) -> Result<(bytes::Bytes, CommitCertificate), Problem> {
        self.query(move |snapshot| snapshot.height(Some(height))).await?;
        if height == Height(0) {
            return Err(Problem::because("not_found", "height 0 is the genesis, which /v1/genesis gives"));
        }
        let api = self.clone();
        let found = self.blocking(move || api.replica.committed(height)).await?;
        found.ok_or_else(|| Problem::because("internal", format!("block {height} cannot be read")))
    }

    /// A decided block, decoded.
    pub(super) async fn stored_block(self: &Arc<Self>, height: Height) -> Result<StoredBlock, Problem> {
        let (bytes, certificate) = self.committed(height).await?;
        let decoded = self.blocking(move || Block::decode(&bytes)).await?;
        let block = decoded.map_err(|e| Problem::because("internal", format!("block {height}: {e}")))?;
        Ok(StoredBlock { block, certificate })
    }
}
