//! The questions: each handler reads its parameters, asks `query`, and answers JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tally_contracts::due::due_at_ms;
use tally_contracts::genesis::{Clock, Genesis};
use tally_contracts::types::{Address, ClassId, Height, MerchantId, Month, StoreId};

use super::Api;
use super::params::{Names, NoParams, Params, page};
use super::problem::Problem;
use crate::query::classes::{ClassView, Listing, MerchantView};
use crate::query::index::{KINDS, PairKey, kind_number};
use crate::query::members::{BalancesView, MemberView, StatementLine};
use crate::query::operations::{DayLine, Listed, OperationsQuery};
use crate::query::page::Page;
use crate::query::rates::{RatesQuery, RatesView};
use crate::query::settlements::{CycleView, ObligationLine, ObligationsView, SettlementView};
use crate::query::{classes, members, operations, rates, settlements};

type Answer<T> = Result<Json<T>, Problem>;
type Node = State<Arc<Api>>;

/// `GET /v1/status`.
pub async fn status(State(api): Node, _: NoParams) -> Answer<Value> {
    let (head, due_ms) =
        api.query(|snapshot| Ok((snapshot.head.clone(), due_at_ms(snapshot.store, snapshot.calendar())))).await?;
    let genesis = api.replica.chain().genesis();
    let is_real = matches!(genesis.clock, Clock::Real);
    let next_ms = if is_real { super::health::now_ms().max(head.time_ms + 1) } else { head.time_ms + 1 };
    Ok(Json(json!({
        "name": genesis.name,
        "chain_id": api.replica.chain().chain_id(),
        "height": head.height,
        "time_ms": head.time_ms,
        "block_id": head.block_id,
        "version": env!("CARGO_PKG_VERSION"),
        "merchant": api.merchant,
        "peers": api.peers(),
        "validators": genesis.merchants.len(),
        "lag_ms": api.health.lag_ms(&head),
        "mempool_transactions": api.mempool.len(),
        "mempool_bytes": api.mempool.bytes(),
        "outbox_operations": api.submitter.pending_operations(),
        "clock": if is_real { "real" } else { "simulated" },
        "due": due_ms <= next_ms,
    })))
}

/// `GET /v1/genesis`.
pub async fn genesis(State(api): Node, _: NoParams) -> Json<Genesis> {
    Json(api.replica.chain().genesis().clone())
}

/// `GET /v1/members/{address}`.
pub async fn member(State(api): Node, Names(address): Names<Address>, _: NoParams) -> Answer<MemberView> {
    api.query(move |s| members::member(s, &address)).await.map(Json)
}

/// Parameters of balances.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtHeight {
    at_height: Option<Height>,
}

/// `GET /v1/members/{address}/balances`.
pub async fn balances(
    State(api): Node,
    Names(address): Names<Address>,
    Params(params): Params<AtHeight>,
) -> Answer<BalancesView> {
    api.query(move |s| members::balances(s, &address, params.at_height)).await.map(Json)
}

/// Parameters of a statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementParams {
    class: ClassId,
    at_height: Option<Height>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /v1/members/{address}/statement`.
pub async fn statement(
    State(api): Node,
    Names(address): Names<Address>,
    Params(params): Params<StatementParams>,
) -> Answer<Page<StatementLine>> {
    let page = page(params.limit, params.cursor)?;
    let owner = (address, params.class);
    api.query(move |s| members::statement(s, &owner, params.at_height, &page)).await.map(Json)
}

/// `GET /v1/classes`.
pub async fn classes(State(api): Node, _: NoParams) -> Answer<Listing<ClassView>> {
    api.query(|s| Ok(classes::classes(s))).await.map(Json)
}

/// `GET /v1/classes/{id}`.
pub async fn class(State(api): Node, Names(id): Names<ClassId>, _: NoParams) -> Answer<ClassView> {
    api.query(move |s| classes::class(s, id)).await.map(Json)
}

/// `GET /v1/merchants`.
pub async fn merchants(State(api): Node, _: NoParams) -> Answer<Listing<MerchantView>> {
    api.query(|s| Ok(classes::merchants(s))).await.map(Json)
}

/// Parameters of the rates.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatesParams {
    from_class: Option<ClassId>,
    to_class: Option<ClassId>,
}

/// `GET /v1/rates`.
pub async fn rates(State(api): Node, Params(params): Params<RatesParams>) -> Answer<RatesView> {
    let query = RatesQuery { from_class: params.from_class, to_class: params.to_class };
    api.query(move |s| rates::rates(s, &query)).await.map(Json)
}

/// Parameters of obligations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleParams {
    cycle: Option<Month>,
}

/// `GET /v1/obligations`.
pub async fn obligations(State(api): Node, Params(params): Params<CycleParams>) -> Answer<ObligationsView> {
    api.query(move |s| settlements::obligations(s, params.cycle)).await.map(Json)
}

/// `GET /v1/settlements`.
pub async fn settlements(State(api): Node, _: NoParams) -> Answer<Listing<CycleView>> {
    api.query(|s| Ok(settlements::settlements(s))).await.map(Json)
}

/// `GET /v1/settlements/{cycle}`.
pub async fn settlement(State(api): Node, Names(cycle): Names<Month>, _: NoParams) -> Answer<SettlementView> {
    api.query(move |s| settlements::settlement(s, cycle)).await.map(Json)
}

/// Parameters of the operations behind an obligation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairParams {
    debtor: MerchantId,
    creditor: MerchantId,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /v1/settlements/{cycle}/operations`.
pub async fn settlement_operations(
    State(api): Node,
    Names(cycle): Names<Month>,
    Params(params): Params<PairParams>,
) -> Answer<Page<ObligationLine>> {
    let page = page(params.limit, params.cursor)?;
    let pair = PairKey { cycle, debtor: params.debtor, creditor: params.creditor };
    api.query(move |s| settlements::operations(s, &pair, &page)).await.map(Json)
}

/// Parameters of a merchant's operations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationsParams {
    merchant: MerchantId,
    store_id: Option<StoreId>,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
    kind: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

impl OperationsParams {
    fn query(&self) -> Result<OperationsQuery, Problem> {
        let kind = self.kind.as_deref().map(|name| kind_number(name).ok_or_else(|| unknown_kind(name))).transpose()?;
        let (from_ms, to_ms) = (self.from_ms.unwrap_or(0), self.to_ms.unwrap_or(u64::MAX));
        if from_ms >= to_ms {
            let reason =
                format!("from_ms ({from_ms}) must lie before to_ms ({to_ms}), which is not part of the period");
            return Err(Problem::because("invalid_parameter", reason));
        }
        Ok(OperationsQuery { merchant: self.merchant, store_id: self.store_id, from_ms, to_ms, kind })
    }
}

fn unknown_kind(name: &str) -> Problem {
    let names: Vec<&str> = KINDS.iter().map(|(_, name)| *name).collect();
    Problem::because("invalid_parameter", format!("kind `{name}` is none of {}", names.join(", ")))
}

/// `GET /v1/operations`.
pub async fn operations(State(api): Node, Params(params): Params<OperationsParams>) -> Answer<Page<Listed>> {
    let query = params.query()?;
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| operations::list(s, &query, &page)).await.map(Json)
}

/// `GET /v1/operations/days`.
pub async fn days(State(api): Node, Params(params): Params<OperationsParams>) -> Answer<Page<DayLine>> {
    let query = params.query()?;
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| operations::days(s, &query, &page)).await.map(Json)
}

/// `GET /v1/problems/{code}`: what a problem's `type` leads to.
pub async fn problem(Names(code): Names<String>, _: NoParams) -> Result<Response, Problem> {
    let text = super::texts::text(&code);
    if text.code != code {
        return Err(Problem::because("not_found", format!("there is no problem `{code}`")));
    }
    let body = json!({
        "code": text.code,
        "status": text.status.as_u16(),
        "title": { "en": text.title, "zh": text.title_zh },
        "advice": { "en": text.advice, "zh": text.advice_zh },
    });
    Ok(([(header::CACHE_CONTROL, "public, max-age=3600")], Json(body)).into_response())
}
