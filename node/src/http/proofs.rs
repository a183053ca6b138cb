//! Checkpoints and proofs: what merchants vouch for, the transparency log as C2SP tiles, and proofs as files (ADR 0012).
//!
//! `/checkpoint` and `/tile/...` lie where C2SP `tlog-tiles` has them. They hold nothing but hashes and signatures, so
//! they take no token; the entries of the log are the merchants' business and take one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Month, Reference};
use tally_ledger::log::TilePath;
use tally_ledger::log::tile::{TILE_WIDTH, encode_bundle};
use tally_ledger::note::Policy;
use tally_ledger::proof::ProofFile;
use utoipa::IntoParams;

use super::Api;
use super::conditional::IMMUTABLE;
use super::merchants::PageParams;
use super::params::{Names, NoParams, Params, page};
use super::problem::Problem;
use crate::prover::{NoProof, Wanted};
use crate::query::checkpoints::{self, Attested, CheckpointView};
use crate::query::log::Log;
use crate::query::page::Page;
use crate::query::{Missing, QueryError};

type Node = State<Arc<Api>>;
type Answer<T> = Result<Json<T>, Problem>;

const TEXT: (header::HeaderName, &str) = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
const BYTES: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/octet-stream");
/// What is full never changes (C2SP `tlog-tiles`); a part of a tile does not either, but is soon of no use.
const FOR_GOOD: (header::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");

/// Which checkpoint's validators are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PolicyParams {
    /// Those of this height; of the latest final checkpoint where it is left out.
    at_height: Option<Height>,
}

/// Under which checkpoint something is proved.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProofParams {
    /// The checkpoint's height; the latest that will do where it is left out.
    checkpoint: Option<Height>,
}

/// Where a statement begins, and under which checkpoint it is proved.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementParams {
    /// The earlier checkpoint; the holding's beginning where it is left out.
    from: Option<Height>,
    /// The later checkpoint's height; the latest that will do where it is left out.
    checkpoint: Option<Height>,
}

/// The earlier checkpoint, and the later one.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GrowthParams {
    /// The earlier checkpoint's height.
    from: Height,
    /// The later one's; the latest final one where it is left out.
    checkpoint: Option<Height>,
}

/// Which evidence.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AnchoredParams {
    /// The evidence by its hash; the latest on record where it is left out.
    evidence: Option<Hash>,
    /// The checkpoint's height; any where it is left out.
    checkpoint: Option<Height>,
}

/// Checkpoints with what merchants attested and the evidence from outside, oldest first.
#[utoipa::path(get, path = "/v1/checkpoints", operation_id = "listCheckpoints", tag = "proofs", params(PageParams),
    responses((status = 200, description = "The checkpoints.", body = Page<CheckpointView>)))]
pub async fn list(State(api): Node, Params(params): Params<PageParams>) -> Answer<Page<CheckpointView>> {
    let page = page(params.limit, params.cursor)?;
    api.query(move |s| checkpoints::list(s, &page)).await.map(Json)
}

/// One checkpoint.
#[utoipa::path(get, path = "/v1/checkpoints/{height}", operation_id = "getCheckpoint", tag = "proofs",
    params(("height" = Height, Path, description = "The checkpoint's block.")),
    responses((status = 200, description = "The checkpoint.", body = CheckpointView)))]
pub async fn one(State(api): Node, Names(height): Names<Height>, _: NoParams) -> Answer<CheckpointView> {
    api.query(move |s| checkpoints::checkpoint(s, height)).await.map(Json)
}

/// Whose signatures make a checkpoint final, as C2SP `tlog-policy`: of the validators of a height.
#[utoipa::path(get, path = "/v1/policy", operation_id = "getPolicy", tag = "proofs", params(PolicyParams),
    responses((status = 200, description = "The policy.", body = String, content_type = "text/plain")))]
pub async fn policy(State(api): Node, Params(params): Params<PolicyParams>) -> Result<Response, Problem> {
    let chain_id = *api.replica.chain().chain_id();
    let policy = api.query(move |s| {
        let latest = || checkpoints::latest_final(s.store).unwrap_or(s.head.height);
        let height = s.height(Some(params.at_height.unwrap_or_else(latest)))?;
        let validators = checkpoints::validators_at(s.store, height);
        let cosigners: Vec<_> = validators.validators().iter().map(|v| (v.merchant, v.cosigner_key)).collect();
        Policy::of_cosigners(&chain_id, &cosigners).map_err(|fault| QueryError::Parameters(fault.to_string()))
    });
    Ok(([TEXT], policy.await?.to_string()).into_response())
}

/// Proves that an operation with its receipt is in the ledger.
#[utoipa::path(get, path = "/v1/proofs/operations/{merchant}/{reference}", operation_id = "proveOperation",
    tag = "proofs", params(ProofParams,
        ("merchant" = MerchantId, Path, description = "Who submitted it."),
        ("reference" = Reference, Path, description = "Under which reference.")),
    responses((status = 200, description = "The proof.", body = ProofFile)))]
pub async fn operation(
    State(api): Node,
    Names((merchant, reference)): Names<(MerchantId, Reference)>,
    Params(params): Params<ProofParams>,
) -> Answer<ProofFile> {
    api.prove(Wanted::Operation(merchant, reference), params.checkpoint).await
}

/// Proves that more than two thirds of the merchants vouch for a checkpoint.
#[utoipa::path(get, path = "/v1/proofs/signed", operation_id = "proveSigned", tag = "proofs", params(ProofParams),
    responses((status = 200, description = "The proof.", body = ProofFile)))]
pub async fn signed(State(api): Node, Params(params): Params<ProofParams>) -> Answer<ProofFile> {
    api.prove(Wanted::Signed, params.checkpoint).await
}

/// Proves that the ledger of one checkpoint begins with that of an earlier one.
#[utoipa::path(get, path = "/v1/proofs/growth", operation_id = "proveGrowth", tag = "proofs", params(GrowthParams),
    responses((status = 200, description = "The proof.", body = ProofFile)))]
pub async fn growth(State(api): Node, Params(params): Params<GrowthParams>) -> Answer<ProofFile> {
    api.prove(Wanted::Growth(params.from), params.checkpoint).await
}

/// Proves what a member has of a class at a checkpoint, also where that is nothing.
#[utoipa::path(get, path = "/v1/proofs/balances/{card}/{class}", operation_id = "proveBalance", tag = "proofs",
    params(ProofParams,
        ("card" = Address, Path, description = "The member's card code."),
        ("class" = ClassId, Path, description = "The class.")),
    responses((status = 200, description = "The proof.", body = ProofFile)))]
pub async fn balance(
    State(api): Node,
    Names((card, class)): Names<(Address, ClassId)>,
    Params(params): Params<ProofParams>,
) -> Answer<ProofFile> {
    api.prove(Wanted::Balance(card, class), params.checkpoint).await
}

/// Proves a member's statement of a class: every movement up to a checkpoint, and that none is missing.
#[utoipa::path(get, path = "/v1/proofs/statements/{card}/{class}", operation_id = "proveStatement", tag = "proofs",
    params(StatementParams,
        ("card" = Address, Path, description = "The member's card code."),
        ("class" = ClassId, Path, description = "The class.")),
    responses((status = 200, description = "The proof.", body = ProofFile)))]
pub async fn statement(
    State(api): Node,
    Names((card, class)): Names<(Address, ClassId)>,
    Params(params): Params<StatementParams>,
) -> Answer<ProofFile> {
    api.prove(Wanted::Statement(card, class, params.from), params.checkpoint).await
}

/// Proves a closed settlement cycle with its legs, as it stood at a checkpoint.
#[utoipa::path(get, path = "/v1/proofs/settlements/{cycle}", operation_id = "proveSettlement", tag = "proofs",
    params(ProofParams, ("cycle" = Month, Path, description = "The settlement cycle.")),
    responses((status = 200, description = "The proof.", body = ProofFile)))]
pub async fn settlement(
    State(api): Node,
    Names(cycle): Names<Month>,
    Params(params): Params<ProofParams>,
) -> Answer<ProofFile> {
    api.prove(Wanted::Settlement(cycle), params.checkpoint).await
}

/// Proves that a checkpoint existed before a time, by evidence from outside.
#[utoipa::path(get, path = "/v1/proofs/anchored", operation_id = "proveAnchored", tag = "proofs",
    params(AnchoredParams),
    responses((status = 200, description = "The proof.", body = ProofFile)))]
pub async fn anchored(State(api): Node, Params(params): Params<AnchoredParams>) -> Answer<ProofFile> {
    api.prove(Wanted::Anchored(params.evidence), params.checkpoint).await
}

/// The latest final checkpoint of the log, as a signed note (C2SP `tlog-checkpoint`).
pub async fn checkpoint(State(api): Node) -> Result<Response, Problem> {
    let chain_id = *api.replica.chain().chain_id();
    let note = api.query(move |s| {
        let attested = checkpoints::latest_final(s.store).and_then(|height| Attested::read(s.store, height));
        let note = attested.and_then(|attested| attested.log_note(&chain_id));
        note.ok_or(QueryError::NotFound(Missing::FinalCheckpoint))
    });
    Ok(([TEXT, (header::CACHE_CONTROL, "no-cache")], note.await?.to_string()).into_response())
}

/// A tile of hashes (C2SP `tlog-tiles`).
pub async fn tile(State(api): Node, Path(path): Path<String>) -> Result<Response, Problem> {
    match format!("tile/{path}").parse() {
        Ok(TilePath::Hashes(id)) => {
            let bytes = api.query(move |s| {
                let hashes = Log(s).hashes(id)?;
                id.encode(&hashes).map_err(|error| QueryError::Parameters(error.to_string()))
            });
            Ok(([BYTES, FOR_GOOD], bytes.await?).into_response())
        }
        _ => Err(Problem::new("not_found")),
    }
}

/// A bundle of entries (C2SP `tlog-tiles`).
pub async fn entries(State(api): Node, Path(path): Path<String>) -> Result<Response, Problem> {
    let Ok(TilePath::Entries { index, width }) = format!("tile/entries/{path}").parse() else {
        return Err(Problem::new("not_found"));
    };
    let start = index.checked_mul(u64::from(TILE_WIDTH)).ok_or_else(|| Problem::new("not_found"))?;
    let end = start.checked_add(u64::from(width)).ok_or_else(|| Problem::new("not_found"))?;
    let replica = api.replica.clone();
    let entries = api.blocking(move || replica.entries(start..end)).await?.map_err(Problem::from)?;
    let bundle = encode_bundle(&entries).map_err(|error| Problem::because("internal", error))?;
    Ok(([BYTES, IMMUTABLE], bundle).into_response())
}

impl Api {
    async fn prove(&self, wanted: Wanted, at: Option<Height>) -> Answer<ProofFile> {
        let replica = self.replica.clone();
        let proof = self.blocking(move || replica.prove(wanted, at)).await?;
        proof.map(Json).map_err(|why| match why {
            NoProof::Query(error) => Problem::from(error),
            NoProof::NotYet => Problem::new("no_checkpoint"),
            NoProof::NotKept(_) => Problem::because("checkpoint_gone", why),
            NoProof::Stopping => Problem::because("shutting_down", why),
            NoProof::TooLong => Problem::because("invalid_parameter", why),
        })
    }
}
