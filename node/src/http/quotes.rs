//! `POST /v1/quotes`: what an exchange would give now, signed by the node, which holds its merchant to it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::exchange::{Ask, Quote, quote};
use tally_contracts::execute::BlockContext;
use tally_contracts::types::{Height, MerchantId};
use utoipa::ToSchema;

use super::params::{JsonBody, NoParams};
use super::problem::{Problem, ProblemBody};
use super::{Api, Door};
use crate::clock::now_ms;

/// How long a quote stands, in ms: as long as a customer looks at a till.
const TTL_MS: u64 = 120_000;

/// A quote, by whose word, and as of when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuoteView {
    /// The quote.
    #[serde(flatten)]
    quote: Quote,
    /// The merchant whose node gives it.
    merchant: MerchantId,
    /// The node's operator key.
    public_key: PublicKey,
    /// Its signature over the quote's bytes, the alliance and the merchant (docs/formats.md, section 15).
    signature: Signature,
    /// The height whose state it was worked out on.
    height: Height,
}

/// What an exchange would give now: points, expiry, cash value lost, and what is left of each limit.
///
/// Pass `terms` on as the `quote` of the exchange, with `points_out` as its `min_out`: it then gives what was quoted, or is
/// `stale_quote`; points and limits must suffice then too, and by whose word it is made is judged with it.
#[utoipa::path(post, path = "/v1/quotes", operation_id = "quoteExchange", tag = "classes", request_body = Ask,
    responses(
        (status = 200, description = "The quote.", body = QuoteView),
        (status = 422, description = "The rule by which the exchange would be refused.", body = ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub async fn quotes(
    State(api): State<Arc<Api>>,
    _: NoParams,
    JsonBody(ask): JsonBody<Ask>,
) -> Result<Json<QuoteView>, Problem> {
    let Door { merchant, submitter } = api.door()?;
    let replica = api.replica.clone();
    let judged = api.query(move |snapshot| {
        let time_ms = replica.chain().next_time_ms(snapshot.head, now_ms(), &[]);
        let height = snapshot.head.height;
        let context = BlockContext::new(snapshot.genesis, *replica.chain().chain_id(), height.next(), time_ms);
        Ok((height, quote(snapshot.store, context, &ask, TTL_MS)))
    });
    let (height, quote) = judged.await?;
    let quote = quote.map_err(Problem::rejection)?;
    let (public_key, signature) = submitter.sign_hash(&quote.signing_hash(api.replica.chain().chain_id(), *merchant));
    Ok(Json(QuoteView { quote, merchant: *merchant, public_key, signature, height }))
}
