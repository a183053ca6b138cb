//! `POST /ethereum`: the ledger for programs of Ethereum, over JSON-RPC 2.0, to be read only.
//!
//! What is asked is answered from the same state as `/v1`: [`crate::query::erc1155`] makes a contract of ERC-1155 of
//! it. Sources: Ethereum's execution API for methods and fields, EIP-1474 for error codes, EIP-1898 for blocks by
//! object, EIP-1186 for proofs. **Invariant**: whatever is sent, however deep a batch, the work of one request is
//! bounded.

mod methods;
mod params;
mod views;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tally_contracts::types::{Address, Height};
use utoipa::{IntoParams, ToSchema};

use self::methods::Session;
use self::views::Answer;
use super::Api;
use super::params::{Names, NoParams, Params, RawBody, require_media_type};
use super::problem::Problem;
use crate::query::erc1155::Contract;
use crate::replica::Replica;

/// Calls of one batch.
const MAX_BATCH: usize = 100;

/// A call (JSON-RPC 2.0). Fields of a call's object that a reader has no use for (gas, fees, nonce) are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RpcCall {
    /// `2.0`.
    #[schema(value_type = String)]
    jsonrpc: Value,
    /// Comes back with the answer; a call without it gets none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Value>)]
    id: Option<Value>,
    /// The method, such as `eth_call`.
    #[schema(value_type = String)]
    method: Value,
    /// Its parameters, in order.
    #[serde(default)]
    #[schema(value_type = Vec<Value>)]
    params: Value,
}

/// An answer to a call: `result`, or `error`.
#[derive(Debug, Serialize, ToSchema)]
pub struct RpcAnswer {
    /// `2.0`.
    jsonrpc: &'static str,
    /// The call's.
    id: Value,
    /// What was asked for; null where there is no such block.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    result: Option<Answer>,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RpcError>,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RpcError {
    /// By JSON-RPC 2.0 and EIP-1474; 3 where the contract refuses.
    code: i32,
    /// What is wrong, and what to do next.
    message: String,
    /// What the contract gave back, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// A call, or a batch of up to 100.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "what the description says of the body, which is read call by call")]
pub enum RpcRequest {
    /// One call.
    Call(RpcCall),
    /// Several.
    Batch(Vec<RpcCall>),
}

/// An answer, or those of a batch, in its order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum RpcResponse {
    /// Of one call.
    Answer(Box<RpcAnswer>),
    /// Of several.
    Batch(Vec<RpcAnswer>),
}

/// Where programs of Ethereum find the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub struct Erc1155View {
    /// The number of the chain: what `eth_chainId` and `net_version` answer, made of the alliance's chain id.
    chain_number: u64,
    /// The contract's address (EIP-55).
    contract: String,
    /// What the contract answers to `uri`.
    uri: String,
    /// Heights at which this node proves balances with `eth_getProof`, rising.
    proof_heights: Vec<Height>,
    /// The member's address as Ethereum writes it (EIP-55); where a member was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
}

/// Parameters of the contract.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Erc1155Params {
    /// A card code, to be told as Ethereum writes it; whether it is a member's is not asked.
    member: Option<Address>,
}

/// A field that is there, even if it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Where programs of Ethereum find the ledger: the chain's number, and the contract's address.
#[utoipa::path(get, path = "/v1/erc1155", operation_id = "getErc1155", tag = "ethereum", params(Erc1155Params),
    responses((status = 200, description = "The contract.", body = Erc1155View)))]
pub async fn erc1155(
    State(api): State<Arc<Api>>,
    Params(params): Params<Erc1155Params>,
) -> Result<Json<Erc1155View>, Problem> {
    let Contract { chain_number, address, uri } = Contract::of(api.replica.chain().chain_id());
    let proof_heights = api.replica.keeper().map(|keeper| keeper.heights()).unwrap_or_default();
    let (contract, holder) = (views::checksummed(&address), params.member.as_ref().map(views::checksummed));
    Ok(Json(Erc1155View { chain_number, contract, uri, proof_heights, holder }))
}

/// Ethereum's JSON-RPC, to read balances and events of the ledger as a contract of ERC-1155.
#[utoipa::path(post, path = "/ethereum", operation_id = "callEthereum", tag = "ethereum", request_body = RpcRequest,
    responses(
        (status = 200, description = "The answers; errors of calls stand in them.", body = RpcResponse),
        (status = 204, description = "No call asked for an answer."),
    ))]
pub async fn ethereum(
    State(api): State<Arc<Api>>,
    _: NoParams,
    headers: axum::http::HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    require_media_type(&headers, &["application/json"])?;
    let replica = api.replica.clone();
    let answered = api.blocking(move || answer(&body, Session::new(&replica))).await?;
    Ok(answered.map_or_else(|| StatusCode::NO_CONTENT.into_response(), |answer| Json(answer).into_response()))
}

/// The same, with the token in the path, for programs that send no headers of their own.
#[utoipa::path(post, path = "/ethereum/{token}", operation_id = "callEthereumByToken", tag = "ethereum", security(()),
    params(("token" = String, Path, description = "The token, of letters, digits, `-`, `_`, `.` and `~`.")),
    request_body = RpcRequest,
    responses(
        (status = 200, description = "The answers; errors of calls stand in them.", body = RpcResponse),
        (status = 204, description = "No call asked for an answer."),
    ))]
pub async fn ethereum_by_token(
    api: State<Arc<Api>>,
    Names(_): Names<String>,
    no_params: NoParams,
    headers: axum::http::HeaderMap,
    body: RawBody,
) -> Result<Response, Problem> {
    ethereum(api, no_params, headers, body).await
}

/// Answers a body as JSON, for the fuzz targets.
pub fn answer_ethereum(body: &[u8], replica: &Replica) -> Option<Value> {
    answer(body, Session::new(replica)).map(|answer| serde_json::to_value(answer).expect("an answer is JSON"))
}

/// Answers a body; none where nothing in it asks for an answer.
fn answer(body: &[u8], mut session: Session<'_>) -> Option<RpcResponse> {
    let alone = |error| Some(RpcResponse::Answer(Box::new(RpcAnswer::new(Value::Null, Err(error)))));
    match serde_json::from_slice(body) {
        Err(error) => alone(RpcError::new(RpcError::PARSE, format!("the body is no JSON: {error}"))),
        Ok(Value::Array(calls)) if calls.is_empty() || calls.len() > MAX_BATCH => {
            let reason = format!("a batch has 1 to {MAX_BATCH} calls, this one {}: send them in parts", calls.len());
            alone(RpcError::new(RpcError::REQUEST, reason))
        }
        Ok(Value::Array(calls)) => {
            let answers: Vec<_> = calls.into_iter().filter_map(|call| answer_one(call, &mut session)).collect();
            (!answers.is_empty()).then_some(RpcResponse::Batch(answers))
        }
        Ok(call) => answer_one(call, &mut session).map(|answer| RpcResponse::Answer(Box::new(answer))),
    }
}

fn answer_one(call: Value, session: &mut Session<'_>) -> Option<RpcAnswer> {
    let RpcCall { jsonrpc, id, method, params } = match serde_json::from_value(call) {
        Ok(call) => call,
        Err(error) => {
            let error = RpcError::new(RpcError::REQUEST, format!("this is no call of JSON-RPC 2.0: {error}"));
            return Some(RpcAnswer::new(Value::Null, Err(error)));
        }
    };
    let (Some("2.0"), Some(method)) = (jsonrpc.as_str(), method.as_str()) else {
        let error = RpcError::new(RpcError::REQUEST, "a call has `jsonrpc` \"2.0\" and a `method` by name");
        return Some(RpcAnswer::new(id.unwrap_or_default(), Err(error)));
    };
    // Nothing is changed here, so what needs no answer needs not be done.
    let id = id?;
    Some(RpcAnswer::new(id, session.call(method, params)))
}

impl RpcAnswer {
    fn new(id: Value, outcome: Result<Answer, RpcError>) -> Self {
        let (result, error) = match outcome {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        Self { jsonrpc: "2.0", id, result, error }
    }
}

impl RpcError {
    const PARSE: i32 = -32_700;
    const REQUEST: i32 = -32_600;
    const METHOD: i32 = -32_601;
    const PARAMS: i32 = -32_602;
    const INTERNAL: i32 = -32_603;
    /// What is asked for is not there (EIP-1474, "resource not found").
    const MISSING: i32 = -32_001;
    /// "Method not supported".
    const UNSUPPORTED: i32 = -32_004;
    /// "Limit exceeded".
    const LIMIT: i32 = -32_005;
    /// What clients take for a contract's refusal.
    const REVERTED: i32 = 3;

    fn new(code: i32, message: impl ToString) -> Self {
        Self { code, message: message.to_string(), data: None }
    }

    fn params(message: impl ToString) -> Self {
        Self::new(Self::PARAMS, message)
    }
}
