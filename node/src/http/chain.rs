//! The chain itself: blocks, certificates, transactions, single operations with their body, and the whole as an archive.
//! What stands in a block never changes, so it may be kept for good.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::execute::known_reference;
use tally_contracts::points::Standing;
use tally_contracts::receipt::Outcome;
use tally_contracts::transaction::{Operation, Transaction};
use tally_contracts::types::{Hash, Height, MerchantId, Reference};
use tally_ledger::block::Block;
use tally_ledger::certificate::CommitCertificate;
use utoipa::ToSchema;

use super::Api;
use super::conditional::IMMUTABLE;
use super::openapi::Octets;
use super::params::{Names, NoParams};
use super::problem::Problem;
use crate::ingress::submitter::Status;
use crate::query::blocks::{self, BlockView, StoredBlock, TransactionView};
use crate::query::{Snapshot, operations};

type Node = State<Arc<Api>>;

/// What is known of a transaction.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum TransactionStatus {
    /// It was executed.
    Final(Box<TransactionView>),
    /// It was acknowledged and waits for a block.
    Pending(TransactionName),
    /// Its time ran out before it was executed.
    Expired(TransactionName),
}

/// What a transaction is known by.
#[derive(Serialize, ToSchema)]
pub struct TransactionName {
    /// The hash of its bytes, signature included.
    pub transaction_id: Hash,
}

/// What is known of an operation.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum OperationStatus {
    /// It has its receipt.
    Final(Box<FinalOperation>),
    /// It was acknowledged and waits for a block.
    Pending(OperationName),
}

/// What an operation is known by.
#[derive(Serialize, ToSchema)]
#[schema(as = PendingOperationName)]
pub struct OperationName {
    /// Who submitted it.
    pub merchant: MerchantId,
    /// Under which reference.
    pub reference: Reference,
}

/// An operation with its final receipt.
#[derive(Serialize, ToSchema)]
pub struct FinalOperation {
    /// Where it stands, and its receipt.
    #[serde(flatten)]
    found: operations::Final,
    /// The operation as submitted.
    operation: Operation,
    /// What a later operation can still capture, void or reverse of it.
    standing: Standing,
}

/// A block: header, due work, transactions with their receipts, certificate.
#[utoipa::path(get, path = "/v1/blocks/{height}", operation_id = "getBlock", tag = "chain",
    params(("height" = Height, Path, description = "The block, from 1 on.")),
    responses((status = 200, description = "The block.", body = BlockView)))]
pub async fn block(State(api): Node, Names(height): Names<Height>, _: NoParams) -> Result<Response, Problem> {
    let stored = api.stored_block(height).await?;
    let view = api.query(move |snapshot| Ok(blocks::block(snapshot, stored))).await?;
    Ok(([IMMUTABLE], Json(view)).into_response())
}

/// A block as it is stored: its canonical bytes.
#[utoipa::path(get, path = "/v1/blocks/{height}/raw", operation_id = "getBlockBytes", tag = "chain",
    params(("height" = Height, Path, description = "The block, from 1 on.")),
    responses((status = 200, description = "The bytes.", body = Octets, content_type = "application/octet-stream")))]
pub async fn raw(State(api): Node, Names(height): Names<Height>, _: NoParams) -> Result<Response, Problem> {
    let (bytes, _) = api.committed(height).await?;
    Ok(([IMMUTABLE, (header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// The commit certificate of a block.
#[utoipa::path(get, path = "/v1/blocks/{height}/certificate", operation_id = "getBlockCertificate", tag = "chain",
    params(("height" = Height, Path, description = "The block, from 1 on.")),
    responses((status = 200, description = "The certificate.", body = CommitCertificate)))]
pub async fn certificate(State(api): Node, Names(height): Names<Height>, _: NoParams) -> Result<Response, Problem> {
    let (_, certificate) = api.committed(height).await?;
    Ok(([IMMUTABLE], Json(certificate)).into_response())
}

/// What became of a transaction.
#[utoipa::path(get, path = "/v1/transactions/{transaction_id}", operation_id = "getTransaction", tag = "operations",
    params(("transaction_id" = Hash, Path, description = "What the transaction is known by.")),
    responses((status = 200, description = "Executed, pending or expired.", body = TransactionStatus)))]
pub async fn transaction(State(api): Node, Names(id): Names<Hash>, _: NoParams) -> Result<Response, Problem> {
    // Before state is looked at: a block in between ends the entry only after its receipts can be found.
    let status = api.door.as_ref().map_or(Status::Unknown, |door| door.submitter.transaction_status(&id));
    let executed = match api.query(move |snapshot| blocks::executed(snapshot, &id)).await {
        Ok(executed) => executed,
        Err(problem) => {
            let name = TransactionName { transaction_id: id };
            let status = match status {
                Status::Pending => TransactionStatus::Pending(name),
                Status::Expired => TransactionStatus::Expired(name),
                Status::Unknown => return Err(problem),
            };
            return Ok(Json(status).into_response());
        }
    };
    let stored = api.stored_block(executed.place.height).await?;
    let view = TransactionStatus::Final(Box::new(blocks::transaction(&stored.block, executed)));
    Ok(([IMMUTABLE], Json(view)).into_response())
}

/// What became of an operation, by its reference; at every node of the alliance.
#[utoipa::path(get, path = "/v1/operations/{merchant}/{reference}", operation_id = "getOperation", tag = "operations",
    params(
        ("merchant" = MerchantId, Path, description = "Who submitted it."),
        ("reference" = Reference, Path, description = "Under which reference."),
    ),
    responses((status = 200, description = "Final or pending.", body = OperationStatus)))]
pub async fn operation(
    State(api): Node,
    Names((merchant, reference)): Names<(MerchantId, Reference)>,
    _: NoParams,
) -> Result<Response, Problem> {
    // Before state is looked at: a block in between ends the entry only after its receipt can be found.
    let is_pending =
        api.door.as_ref().is_some_and(|door| door.submitter.status(merchant, reference) == Status::Pending);
    let look_up = move |snapshot: &Snapshot<'_>| {
        let known = known_reference(snapshot.store, merchant, reference);
        Ok((operations::by_reference(snapshot, merchant, reference), known))
    };
    let (found, known) = api.query(look_up).await?;
    // What was refused for a reason that is not kept may be on its way again.
    let is_refused = |found: &operations::Final| matches!(found.receipt.outcome, Outcome::Rejected(_));
    if is_pending && found.as_ref().is_none_or(is_refused) {
        return Ok(Json(OperationStatus::Pending(OperationName { merchant, reference })).into_response());
    }
    let Some(found) = found else {
        let english = format!("merchant {merchant} has no operation {reference} here, pending or final");
        let chinese = format!("商戶 {merchant} 在此沒有待處理或最終確定的操作 {reference}");
        return Err(Problem::because_both("not_found", english, chinese));
    };
    let stored = api.stored_block(found.place.height).await?;
    let (position, at) = found.within;
    let mut transaction: Transaction = encoding::decode_own(&stored.block.transactions[position as usize]);
    let operation = transaction.operations.swap_remove(at);
    // A refusal that is not kept makes way for what a retry comes to, and what can be taken up changes.
    let is_final = |standing: &Standing| matches!(standing, Standing::Nothing | Standing::Debt(_));
    let is_settled = known.as_ref().is_some_and(|known| is_final(&known.standing));
    let standing = known.map(|known| known.standing).unwrap_or_default();
    let answer = Json(OperationStatus::Final(Box::new(FinalOperation { found, operation, standing })));
    Ok(if is_settled { ([IMMUTABLE], answer).into_response() } else { answer.into_response() })
}

impl Api {
    /// A decided block's bytes with its certificate.
    pub(super) async fn committed(
        self: &Arc<Self>,
        height: Height,
    ) -> Result<(bytes::Bytes, CommitCertificate), Problem> {
        self.query(move |snapshot| snapshot.height(Some(height))).await?;
        if height == Height(0) {
            let (english, chinese) =
                ("height 0 is the genesis, which /v1/genesis gives", "高度 0 是創世設定，見 /v1/genesis");
            return Err(Problem::because_both("not_found", english, chinese.to_owned()));
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
