//! The questions: each handler reads its parameters, asks `query`, and answers JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tally_contracts::due::due_at_ms;
use tally_contracts::genesis::{Clock, Genesis, MAX_TIME_MS};
use tally_contracts::types::{Address, ChainId, ClassId, Fen, Hash, Height, MerchantId, StoreId};
use tally_ledger::block::BlockId;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::conditional::IMMUTABLE;
use super::params::{Names, NoParams, Params, kind_parameter, page};
use super::problem::{Problem, ProblemBody, ProblemCode};
use crate::query::classes::{ClassView, Listing};
use crate::query::index::KindName;
use crate::query::members::{BalancesView, GrantView, MemberView, StatementLine};
use crate::query::operations::{DayLine, Listed, OperationsQuery};
use crate::query::page::Page;
use crate::query::rates::{RatesQuery, RatesView};
use crate::query::spend_plan::{Bill, SpendPlan};
use crate::query::{classes, members, operations, rates, spend_plan};

type Answer<T> = Result<Json<T>, Problem>;
type Node = State<Arc<Api>>;

/// How the node stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatusView {
    /// The alliance's name for people.
    name: String,
    /// The alliance: the hash of its genesis.
    chain_id: ChainId,
    /// The last executed block.
    height: Height,
    /// Its time in ms since 1970; that of genesis before the first.
    time_ms: u64,
    /// Its id; the chain id before the first.
    block_id: BlockId,
    /// The node's version.
    version: &'static str,
    /// The merchant whose node it is; none for an observer's.
    merchant: Option<MerchantId>,
    /// Peers that are connected.
    peers: usize,
    /// Validators of the next block.
    validators: usize,
    /// Whether this node is one of them.
    is_validator: bool,
    /// How far block time lies behind the node's clock, in ms; none under a simulated clock.
    lag_ms: Option<u64>,
    /// Transactions that wait for a block.
    mempool_transactions: usize,
    /// Their bytes.
    mempool_bytes: usize,
    /// Operations that were acknowledged and have no receipt yet.
    outbox_operations: usize,
    /// Where block time comes from.
    clock: ClockKind,
    /// Whether the next block has work that fell due.
    due: bool,
}

/// Where block time comes from.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// The proposer's clock.
    Real,
    /// A clock that an operator sets.
    Simulated,
}

/// How the node stands: height, time, peers, what waits.
#[utoipa::path(get, path = "/v1/status", operation_id = "getStatus", tag = "chain",
    responses((status = 200, description = "How the node stands.", body = StatusView)))]
pub async fn status(State(api): Node, _: NoParams) -> Answer<StatusView> {
    let (head, due_ms) = api
        .query(|snapshot| Ok((snapshot.head.clone(), due_at_ms(snapshot.store, snapshot.calendar(), u64::MAX))))
        .await?;
    let genesis = api.replica.chain().genesis();
    let validators = head.rota.of(head.height.next());
    let is_real = matches!(genesis.clock, Clock::Real);
    let next_ms = if is_real { crate::clock::now_ms().max(head.time_ms + 1) } else { head.time_ms + 1 };
    Ok(Json(StatusView {
        name: genesis.name.clone(),
        chain_id: *api.replica.chain().chain_id(),
        height: head.height,
        time_ms: head.time_ms,
        block_id: head.block_id,
        version: env!("CARGO_PKG_VERSION"),
        merchant: api.door.as_ref().map(|door| door.merchant),
        peers: api.peers(),
        validators: validators.validators().len(),
        is_validator: api.validates(validators),
        lag_ms: api.health.lag_ms(&head),
        mempool_transactions: api.mempool.len(),
        mempool_bytes: api.mempool.bytes(),
        outbox_operations: api.door.as_ref().map_or(0, |door| door.submitter.pending_operations()),
        clock: if is_real { ClockKind::Real } else { ClockKind::Simulated },
        due: due_ms <= next_ms,
    }))
}

/// The agreement that the alliance was founded on; its hash is the chain id.
#[utoipa::path(get, path = "/v1/genesis", operation_id = "getGenesis", tag = "chain",
    responses((status = 200, description = "The genesis.", body = Genesis)))]
pub async fn genesis(State(api): Node, _: NoParams) -> Response {
    ([IMMUTABLE], Json(api.replica.chain().genesis())).into_response()
}

/// A member with its live holdings, lot by lot.
#[utoipa::path(get, path = "/v1/members/{member}", operation_id = "getMember", tag = "members",
    params(("member" = Address, Path, description = "The card code.")),
    responses((status = 200, description = "The member.", body = MemberView)))]
pub async fn member(State(api): Node, Names(address): Names<Address>, _: NoParams) -> Answer<MemberView> {
    api.query(move |s| members::member(s, &address)).await.map(Json)
}

/// Parameters of balances.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AtHeight {
    /// As of the end of this block; of the newest where it is left out.
    at_height: Option<Height>,
}

/// A member's holdings, also as of an earlier block.
#[utoipa::path(get, path = "/v1/members/{member}/balances", operation_id = "getBalances", tag = "members",
    params(("member" = Address, Path, description = "The card code."), AtHeight),
    responses((status = 200, description = "The holdings.", body = BalancesView)))]
pub async fn balances(
    State(api): Node,
    Names(address): Names<Address>,
    Params(params): Params<AtHeight>,
) -> Answer<BalancesView> {
    api.query(move |s| members::balances(s, &address, params.at_height)).await.map(Json)
}

/// Parameters of a statement.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementParams {
    /// The point class.
    class: ClassId,
    /// As of the end of this block; of the newest where it is left out.
    at_height: Option<Height>,
    /// Most items.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where an earlier answer to the same question ended.
    cursor: Option<String>,
}

/// The movements of a member's points of one class, newest first; each line's hash chains all before it.
#[utoipa::path(get, path = "/v1/members/{member}/statement", operation_id = "getStatement", tag = "members",
    params(("member" = Address, Path, description = "The card code."), StatementParams),
    responses((status = 200, description = "A part of the statement.", body = Page<StatementLine>)))]
pub async fn statement(
    State(api): Node,
    Names(address): Names<Address>,
    Params(params): Params<StatementParams>,
) -> Answer<Page<StatementLine>> {
    let page = page(params.limit, params.cursor)?;
    let owner = (address, params.class);
    api.query(move |s| members::statement(s, &owner, params.at_height, &page)).await.map(Json)
}

/// Parameters of a spend plan.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SpendPlanParams {
    /// Where the bill is paid; at the node's own merchant where it is left out.
    merchant: Option<MerchantId>,
    /// The bill in fen, above 0.
    amount_fen: Fen,
}

/// Which points a bill should take, in which order, and why.
///
/// A recommendation, as of the head: nothing is set aside. By whose word the points are spent, and the limits, are judged with
/// each operation; `dry_run` tells.
#[utoipa::path(get, path = "/v1/members/{member}/spend-plan", operation_id = "getSpendPlan", tag = "members",
    params(("member" = Address, Path, description = "The card code."), SpendPlanParams),
    responses(
        (status = 200, description = "The plan.", body = SpendPlan),
        (status = 422, description = "Nothing is spent at a partner.", body = ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub async fn spend_plan(
    State(api): Node,
    Names(member): Names<Address>,
    Params(params): Params<SpendPlanParams>,
) -> Answer<SpendPlan> {
    if params.amount_fen == Fen(0) {
        return Err(Problem::because("invalid_parameter", "amount_fen is 0: there is no bill to pay"));
    }
    let own = api.door.as_ref().map(|door| door.merchant);
    let Some(merchant) = params.merchant.or(own) else {
        return Err(Problem::because("invalid_parameter", "this node is no merchant's: name the merchant"));
    };
    let bill = Bill { member, merchant, amount_fen: params.amount_fen };
    api.query(move |s| spend_plan::plan(s, &bill)).await.map(Json)
}

/// Parameters of a grant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GrantParams {
    /// When the grant ends, as it says itself, in ms since 1970.
    expires_ms: u64,
}

/// What was spent of a grant: a till that was shown one learns what is left.
#[utoipa::path(get, path = "/v1/grants/{grant}", operation_id = "getGrant", tag = "members",
    params(("grant" = Hash, Path, description = "What the grant is known by."), GrantParams),
    responses((status = 200, description = "What was spent of it.", body = GrantView)))]
pub async fn grant(
    State(api): Node,
    Names(grant): Names<Hash>,
    Params(params): Params<GrantParams>,
) -> Answer<GrantView> {
    if params.expires_ms > MAX_TIME_MS {
        let reason =
            format!("expires_ms ({}) lies after all block times, which end at {MAX_TIME_MS}", params.expires_ms);
        return Err(Problem::because("invalid_parameter", reason));
    }
    api.query(move |s| Ok(members::grant(s, params.expires_ms, grant))).await.map(Json)
}

/// Every point class with its terms and totals.
#[utoipa::path(get, path = "/v1/classes", operation_id = "listClasses", tag = "classes",
    responses((status = 200, description = "The classes, by rising number.", body = Listing<ClassView>)))]
pub async fn classes(State(api): Node, _: NoParams) -> Answer<Listing<ClassView>> {
    api.query(|s| Ok(classes::classes(s))).await.map(Json)
}

/// One point class with its terms and totals.
#[utoipa::path(get, path = "/v1/classes/{class}", operation_id = "getClass", tag = "classes",
    params(("class" = ClassId, Path, description = "The class.")),
    responses((status = 200, description = "The class.", body = ClassView)))]
pub async fn class(State(api): Node, Names(id): Names<ClassId>, _: NoParams) -> Answer<ClassView> {
    api.query(move |s| classes::class(s, id)).await.map(Json)
}

/// Parameters of the rates.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RatesParams {
    /// Only pairs that give up this class.
    from_class: Option<ClassId>,
    /// Only pairs that receive this class.
    to_class: Option<ClassId>,
}

/// What points are worth, and what a point of one class becomes in another.
#[utoipa::path(get, path = "/v1/rates", operation_id = "getRates", tag = "classes", params(RatesParams),
    responses((status = 200, description = "Anchors, spread and rates.", body = RatesView)))]
pub async fn rates(State(api): Node, Params(params): Params<RatesParams>) -> Answer<RatesView> {
    let query = RatesQuery { from_class: params.from_class, to_class: params.to_class };
    api.query(move |s| rates::rates(s, &query)).await.map(Json)
}

/// Parameters of a merchant's operations.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OperationsParams {
    /// Who submitted them.
    merchant: MerchantId,
    /// Only at tills of this store of the merchant.
    store_id: Option<StoreId>,
    /// Block time from here on, in ms since 1970. For day totals the start of a local day.
    from_ms: Option<u64>,
    /// Block time before this, in ms since 1970. For day totals the start of a local day.
    to_ms: Option<u64>,
    /// Only of this kind.
    #[param(value_type = Option<KindName>)]
    kind: Option<String>,
    /// Most items.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where an earlier answer to the same question ended.
    cursor: Option<String>,
}

impl OperationsParams {
    fn query(&self) -> Result<OperationsQuery, Problem> {
        let kind = self.kind.as_deref().map(kind_parameter).transpose()?;
        let (from_ms, to_ms) = (self.from_ms.unwrap_or(0), self.to_ms.unwrap_or(u64::MAX));
        if from_ms >= to_ms {
            let reason =
                format!("from_ms ({from_ms}) must lie before to_ms ({to_ms}), which is not part of the period");
            return Err(Problem::because("invalid_parameter", reason));
        }
        Ok(OperationsQuery { merchant: self.merchant, store_id: self.store_id, from_ms, to_ms, kind })
    }
}

/// A merchant's operations, by store, then in the order of the chain.
#[utoipa::path(get, path = "/v1/operations", operation_id = "listOperations", tag = "operations",
    params(OperationsParams),
    responses((status = 200, description = "A part of the list.", body = Page<Listed>)))]
pub async fn operations(State(api): Node, Params(params): Params<OperationsParams>) -> Answer<Page<Listed>> {
    let query = params.query()?;
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| operations::list(s, &query, &page)).await.map(Json)
}

/// What a merchant's operations came to, by local day, store, kind and class.
#[utoipa::path(get, path = "/v1/operations/days", operation_id = "listDayTotals", tag = "operations",
    params(OperationsParams),
    responses((status = 200, description = "A part of the list.", body = Page<DayLine>)))]
pub async fn days(State(api): Node, Params(params): Params<OperationsParams>) -> Answer<Page<DayLine>> {
    let query = params.query()?;
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| operations::days(s, &query, &page)).await.map(Json)
}

/// What a problem means, in every language.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ProblemText {
    /// The stable name.
    #[schema(value_type = ProblemCode)]
    code: &'static str,
    /// The HTTP status.
    status: u16,
    /// What it is.
    title: Translated,
    /// What to do.
    advice: Translated,
}

/// A text in every language that there is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Translated {
    /// English.
    en: &'static str,
    /// Chinese.
    zh: &'static str,
}

/// What a problem means, and what to do: where a problem's `type` leads.
#[utoipa::path(get, path = "/v1/problems/{code}", operation_id = "getProblem", tag = "node", security(()),
    params(("code" = ProblemCode, Path, description = "The problem's code.")),
    responses((status = 200, description = "The problem.", body = ProblemText)))]
pub async fn problem(Names(code): Names<String>, _: NoParams) -> Result<Response, Problem> {
    let text = super::texts::text(&code);
    if text.code != code {
        let (english, chinese) = (format!("there is no problem `{code}`"), format!("沒有名為 `{code}` 的問題"));
        return Err(Problem::because_both("not_found", english, chinese));
    }
    let body = ProblemText {
        code: text.code,
        status: text.status.as_u16(),
        title: Translated { en: text.title, zh: text.title_zh },
        advice: Translated { en: text.advice, zh: text.advice_zh },
    };
    Ok(([(header::CACHE_CONTROL, "public, max-age=3600")], Json(body)).into_response())
}
