//! Who may use the interface: a static token per client, known to the node by its SHA-256.
//!
//! It comes in `Authorization`, or, for clients of Ethereum that send no headers of their own, as the end of the path of
//! `/ethereum`. The hash of what is presented is compared, so the time of the comparison tells nothing about a token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::Api;
use super::problem::Problem;

/// The client behind a request, by its configured name.
#[derive(Clone, Debug)]
pub struct ClientName(pub Arc<str>);

/// Middleware: lets only known clients pass.
pub async fn authenticate(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = header.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let token = token.or_else(|| request.uri().path().strip_prefix("/ethereum/"));
    let Some(token) = token else { return Problem::new("unauthorized").into_response() };
    let hash: [u8; 32] = Sha256::digest(token).into();
    match api.clients.iter().find(|c| c.sha256 == hash) {
        Some(client) => {
            let name = ClientName(client.name.as_str().into());
            request.extensions_mut().insert(name.clone());
            let mut response = next.run(request).await;
            response.extensions_mut().insert(name);
            response
        }
        None => {
            metrics::counter!("tally_http_unauthorized_total").increment(1);
            Problem::new("unauthorized").into_response()
        }
    }
}
