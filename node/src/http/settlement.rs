//! Questions about settlement: what is owed, how cycles closed, statements, disputes, the calendar.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tally_contracts::types::{Day, MerchantId, Month};
use utoipa::IntoParams;

use super::Api;
use super::merchants::PageParams;
use super::params::{Names, NoParams, Params, page};
use super::problem::Problem;
use crate::query::classes::Listing;
use crate::query::disputes::{self, CalendarView, DisputeView};
use crate::query::index::PairKey;
use crate::query::page::Page;
use crate::query::settlements::{self, CycleView, ObligationLine, ObligationsView, SettlementView};
use crate::query::statements::{self, MerchantStatement};

type Answer<T> = Result<Json<T>, Problem>;
type Node = State<Arc<Api>>;

/// Parameters of obligations.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CycleParams {
    /// The settlement cycle; the open one where it is left out.
    cycle: Option<Month>,
}

/// What merchants owe each other in a settlement cycle, gross.
#[utoipa::path(get, path = "/v1/obligations", operation_id = "getObligations", tag = "settlement", params(CycleParams),
    responses((status = 200, description = "The obligations.", body = ObligationsView)))]
pub async fn obligations(State(api): Node, Params(params): Params<CycleParams>) -> Answer<ObligationsView> {
    api.query(move |s| settlements::obligations(s, params.cycle)).await.map(Json)
}

/// Every closed settlement cycle, oldest first.
#[utoipa::path(get, path = "/v1/settlements", operation_id = "listSettlements", tag = "settlement",
    responses((status = 200, description = "The closed cycles.", body = Listing<CycleView>)))]
pub async fn settlements(State(api): Node, _: NoParams) -> Answer<Listing<CycleView>> {
    api.query(|s| Ok(settlements::settlements(s))).await.map(Json)
}

/// One closed settlement cycle in full: gross, nets, positions, legs.
#[utoipa::path(get, path = "/v1/settlements/{cycle}", operation_id = "getSettlement", tag = "settlement",
    params(("cycle" = Month, Path, description = "The settlement cycle.")),
    responses((status = 200, description = "The settlement.", body = SettlementView)))]
pub async fn settlement(State(api): Node, Names(cycle): Names<Month>, _: NoParams) -> Answer<SettlementView> {
    api.query(move |s| settlements::settlement(s, cycle)).await.map(Json)
}

/// A merchant's or partner's statement of a closed cycle: the same bytes at whatever height it is asked for.
#[utoipa::path(get, path = "/v1/settlements/{cycle}/statements/{merchant}", operation_id = "getSettlementStatement",
    tag = "settlement",
    params(("cycle" = Month, Path, description = "The settlement cycle."),
        ("merchant" = MerchantId, Path, description = "Whose statement.")),
    responses((status = 200, description = "The statement.", body = MerchantStatement)))]
pub async fn statement(
    State(api): Node,
    Names((cycle, merchant)): Names<(Month, MerchantId)>,
    _: NoParams,
) -> Answer<MerchantStatement> {
    api.query(move |s| statements::statement(s, cycle, merchant)).await.map(Json)
}

/// Parameters of the operations behind an obligation.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PairParams {
    /// Who owes.
    debtor: MerchantId,
    /// Who is owed; 0 is the alliance pool.
    creditor: MerchantId,
    /// Most items.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where an earlier answer to the same question ended.
    cursor: Option<String>,
}

/// The operations behind what one merchant owes another in a cycle, in the order of the chain.
#[utoipa::path(get, path = "/v1/settlements/{cycle}/operations", operation_id = "listSettlementOperations",
    tag = "settlement", params(("cycle" = Month, Path, description = "The settlement cycle."), PairParams),
    responses((status = 200, description = "A part of the list.", body = Page<ObligationLine>)))]
pub async fn settlement_operations(
    State(api): Node,
    Names(cycle): Names<Month>,
    Params(params): Params<PairParams>,
) -> Answer<Page<ObligationLine>> {
    let page = page(params.limit, params.cursor)?;
    let pair = PairKey { cycle, debtor: params.debtor, creditor: params.creditor };
    api.query(move |s| settlements::operations(s, &pair, &page)).await.map(Json)
}

/// Disputes, open and ended, by merchant and reference of the disputed operation.
#[utoipa::path(get, path = "/v1/disputes", operation_id = "listDisputes", tag = "settlement", params(PageParams),
    responses((status = 200, description = "A part of the list.", body = Page<DisputeView>)))]
pub async fn disputes(State(api): Node, Params(params): Params<PageParams>) -> Answer<Page<DisputeView>> {
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| disputes::disputes(s, &page)).await.map(Json)
}

/// Which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CalendarParams {
    /// The first day; that of the head's block time where it is left out.
    from: Option<Day>,
    /// How many days.
    #[param(minimum = 1, maximum = 400, default = 31)]
    days: Option<u32>,
}

/// Days of the alliance's calendar, and whether each is a business day.
#[utoipa::path(get, path = "/v1/calendar", operation_id = "getCalendar", tag = "settlement", params(CalendarParams),
    responses((status = 200, description = "The days.", body = CalendarView)))]
pub async fn calendar(State(api): Node, Params(params): Params<CalendarParams>) -> Answer<CalendarView> {
    let days = params.days.unwrap_or(31);
    if !(1..=400).contains(&days) {
        return Err(Problem::because("invalid_parameter", format!("days is {days}, must lie in 1..=400")));
    }
    api.query(move |s| {
        let from = params.from.unwrap_or_else(|| s.calendar().day(s.head.time_ms));
        Ok(disputes::calendar(s, from, days))
    })
    .await
    .map(Json)
}
