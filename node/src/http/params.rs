//! What a request says, read strictly: an unknown parameter or field is an error, never ignored.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use tally_contracts::transaction::Body;
use tally_contracts::types::Reference;

use super::problem::Problem;
use crate::query::index::kind_number;
use crate::query::page::{DEFAULT_LIMIT, MAX_LIMIT, PageRequest};

/// The query string; `T` denies unknown fields.
pub struct Params<T>(pub T);

/// No query string at all.
pub struct NoParams;

/// The names in the path.
pub struct Names<T>(pub T);

/// A JSON body; `T` denies unknown fields.
pub struct JsonBody<T>(pub T);

/// The body's bytes, within the route's limit.
pub struct RawBody(pub Bytes);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::from_request_parts(parts, state).await;
        let Query(value) = read.map_err(|e: QueryRejection| Problem::because("invalid_parameter", e.body_text()))?;
        Ok(Self(value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoParams {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.uri.query() {
            None | Some("") => Ok(Self),
            Some(query) => {
                let reason = format!("this address takes no parameters, there is `{query}`");
                Err(Problem::because("invalid_parameter", reason))
            }
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Names<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::from_request_parts(parts, state).await;
        let Path(value) = read.map_err(|e: PathRejection| Problem::because("invalid_parameter", e.body_text()))?;
        Ok(Self(value))
    }
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, state).await;
        let bytes = read.map_err(|e: BytesRejection| match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new("request_too_large"),
            _ => Problem::because("malformed_request", e.body_text()),
        })?;
        Ok(Self(bytes))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_media_type(request.headers(), &["application/json"])?;
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        json(&bytes).map(Self)
    }
}

/// Reads JSON that takes up all of `bytes`.
///
/// # Errors
/// `malformed_request`, with what is wrong and where.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|e| Problem::because("malformed_request", e))
}

/// Checks the body's media type, where the request names one.
///
/// # Errors
/// `unsupported_media_type`.
pub fn require_media_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    match media_type(headers) {
        Some(found) if !accepted.contains(&found.as_str()) => {
            Err(Problem::because("unsupported_media_type", format!("the body is said to be {found}")))
        }
        _ => Ok(()),
    }
}

/// The media type that a request names for its body, without parameters.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or("").trim().to_ascii_lowercase())
}

/// The reference in `Idempotency-Key`.
///
/// # Errors
/// `idempotency_key_missing`, `idempotency_key_invalid`.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Reference, Problem> {
    let value = headers.get("idempotency-key").ok_or(Problem::new("idempotency_key_missing"))?;
    let text = value.to_str().map_err(|_| Problem::new("idempotency_key_invalid"))?;
    // The draft of the header makes it a structured string, in quotes; most clients send it bare.
    let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    bare.parse().map_err(|e| Problem::because("idempotency_key_invalid", e))
}

/// The seconds that a request is ready to wait: `Prefer: wait=5` (RFC 7240). Other preferences are ignored, as it says.
///
/// # Errors
/// `invalid_header`, where `wait` is no number.
pub fn wait_seconds(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    for value in headers.get_all("prefer") {
        for preference in value.to_str().unwrap_or("").split(',') {
            let name = preference.split(';').next().unwrap_or("").trim();
            if let Some(seconds) = name.strip_prefix("wait=") {
                let wrong =
                    || Problem::because("invalid_header", format!("Prefer: `{name}` names no number of seconds"));
                return seconds.trim_matches('"').parse().map(Some).map_err(|_| wrong());
            }
        }
    }
    Ok(None)
}

/// The number of a kind of operation, from its name.
///
/// # Errors
/// `invalid_parameter`, with the kinds that there are.
pub fn kind_parameter(name: &str) -> Result<u8, Problem> {
    kind_number(name).ok_or_else(|| {
        let names: Vec<&str> = Body::KINDS.iter().map(|(_, name)| *name).collect();
        Problem::because("invalid_parameter", format!("kind `{name}` is none of {}", names.join(", ")))
    })
}

/// What is asked of a list, from its parameters.
///
/// # Errors
/// `invalid_parameter`, for a limit out of bounds.
pub fn page(limit: Option<usize>, cursor: Option<String>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::because("invalid_parameter", format!("limit is {limit}, must lie in 1..={MAX_LIMIT}")));
    }
    Ok(PageRequest { limit, cursor })
}
