//! Questions about merchants: where they stand, who validates, their keys, stores and open holds.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tally_contracts::types::MerchantId;
use utoipa::IntoParams;

use super::Api;
use super::params::{Names, NoParams, Params, page};
use super::problem::Problem;
use crate::query::classes::Listing;
use crate::query::merchants::{self, EpochView, HoldView, KeyView, MerchantView, StoreView};
use crate::query::page::Page;

type Answer<T> = Result<Json<T>, Problem>;
type Node = State<Arc<Api>>;

/// Every merchant: its cap, where it stands, what it owes the alliance pool.
#[utoipa::path(get, path = "/v1/merchants", operation_id = "listMerchants", tag = "settlement",
    responses((status = 200, description = "The merchants, by rising number.", body = Listing<MerchantView>)))]
pub async fn list(State(api): Node, _: NoParams) -> Answer<Listing<MerchantView>> {
    api.query(|s| Ok(merchants::merchants(s))).await.map(Json)
}

/// Who validates from which height on: every set that was announced. The last entry may be for a height to come.
#[utoipa::path(get, path = "/v1/validators", operation_id = "listValidators", tag = "chain",
    responses((status = 200, description = "The sets, by rising height.", body = Listing<EpochView>)))]
pub async fn validators(State(api): Node, _: NoParams) -> Answer<Listing<EpochView>> {
    api.query(|s| Ok(merchants::epochs(s))).await.map(Json)
}

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Most items.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// Where an earlier answer to the same question ended.
    pub cursor: Option<String>,
}

/// A merchant's operator keys: roles, store, and the block that revoked them.
#[utoipa::path(get, path = "/v1/merchants/{merchant}/keys", operation_id = "listOperatorKeys", tag = "settlement",
    params(("merchant" = MerchantId, Path, description = "The merchant."), PageParams),
    responses((status = 200, description = "A part of the list, by rising bytes.", body = Page<KeyView>)))]
pub async fn keys(
    State(api): Node,
    Names(merchant): Names<MerchantId>,
    Params(params): Params<PageParams>,
) -> Answer<Page<KeyView>> {
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| merchants::keys(s, merchant, &page)).await.map(Json)
}

/// A merchant's stores that have daily limits, and what of them is used today.
#[utoipa::path(get, path = "/v1/merchants/{merchant}/stores", operation_id = "listStores", tag = "settlement",
    params(("merchant" = MerchantId, Path, description = "The merchant."), PageParams),
    responses((status = 200, description = "A part of the list, by rising number.", body = Page<StoreView>)))]
pub async fn stores(
    State(api): Node,
    Names(merchant): Names<MerchantId>,
    Params(params): Params<PageParams>,
) -> Answer<Page<StoreView>> {
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| merchants::stores(s, merchant, &page)).await.map(Json)
}

/// A merchant's open holds; one that ended is told by the operation that placed it.
#[utoipa::path(get, path = "/v1/merchants/{merchant}/holds", operation_id = "listHolds", tag = "operations",
    params(("merchant" = MerchantId, Path, description = "The merchant."), PageParams),
    responses((status = 200, description = "A part of the list.", body = Page<HoldView>)))]
pub async fn holds(
    State(api): Node,
    Names(merchant): Names<MerchantId>,
    Params(params): Params<PageParams>,
) -> Answer<Page<HoldView>> {
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| merchants::holds(s, merchant, &page)).await.map(Json)
}
