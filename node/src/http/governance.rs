//! Questions about governance: parameters, proposals, what is coming, the pool.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tally_contracts::types::Month;

use super::Api;
use super::merchants::PageParams;
use super::params::{Names, NoParams, Params, page};
use super::problem::Problem;
use crate::query::classes::Listing;
use crate::query::governance::{self, Notice, ParametersView, ProposalView};
use crate::query::page::Page;
use crate::query::pool::{self, DistributionView, PoolView};

type Answer<T> = Result<Json<T>, Problem>;
type Node = State<Arc<Api>>;

/// The alliance's parameters as they are, and the hash that a change of them names.
#[utoipa::path(get, path = "/v1/parameters", operation_id = "getParameters", tag = "governance",
    responses((status = 200, description = "The parameters.", body = ParametersView)))]
pub async fn parameters(State(api): Node, _: NoParams) -> Answer<ParametersView> {
    api.query(|s| Ok(governance::parameters(s))).await.map(Json)
}

/// Changes that were proposed, with every vote, by merchant and reference.
#[utoipa::path(get, path = "/v1/proposals", operation_id = "listProposals", tag = "governance", params(PageParams),
    responses((status = 200, description = "A part of the list.", body = Page<ProposalView>)))]
pub async fn proposals(State(api): Node, Params(params): Params<PageParams>) -> Answer<Page<ProposalView>> {
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| governance::proposals(s, &page)).await.map(Json)
}

/// What is announced and not in effect yet: changes, anchors, run-offs, validators; the soonest first.
#[utoipa::path(get, path = "/v1/notices", operation_id = "listNotices", tag = "governance",
    responses((status = 200, description = "What is coming, and when.", body = Listing<Notice>)))]
pub async fn notices(State(api): Node, _: NoParams) -> Answer<Listing<Notice>> {
    api.query(|s| Ok(governance::notices(s))).await.map(Json)
}

/// The alliance pool: what it is owed, and what merchants contributed this month.
#[utoipa::path(get, path = "/v1/pool", operation_id = "getPool", tag = "governance",
    responses((status = 200, description = "The pool.", body = PoolView)))]
pub async fn pool(State(api): Node, _: NoParams) -> Answer<PoolView> {
    api.query(|s| Ok(pool::pool(s))).await.map(Json)
}

/// How ended months were shared out, oldest first: weights, shares, rebates, what was reserved and what is left.
#[utoipa::path(get, path = "/v1/pool/distributions", operation_id = "listDistributions", tag = "governance",
    responses((status = 200, description = "The distributions.", body = Listing<DistributionView>)))]
pub async fn distributions(State(api): Node, _: NoParams) -> Answer<Listing<DistributionView>> {
    api.query(|s| Ok(pool::distributions(s))).await.map(Json)
}

/// How one month was shared out.
#[utoipa::path(get, path = "/v1/pool/distributions/{month}", operation_id = "getDistribution", tag = "governance",
    params(("month" = Month, Path, description = "The month that ended.")),
    responses((status = 200, description = "The distribution.", body = DistributionView)))]
pub async fn distribution(State(api): Node, Names(month): Names<Month>, _: NoParams) -> Answer<DistributionView> {
    api.query(move |s| pool::distribution(s, month)).await.map(Json)
}
