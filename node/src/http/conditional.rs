//! Conditional reads (RFC 9110, section 13): every answer to a GET has a strong `ETag`, and `If-None-Match` with it is 304.
//!
//! The tag is a hash of the very bytes that are answered, so two answers under one address have the same tag exactly where
//! they are the same. That saves the way, not the work: the answer is made before it is compared. Streams (archives,
//! events) are passed on as they are, unread.

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// For what never changes under its address. Private: it was asked for with a token.
pub const IMMUTABLE: (HeaderName, &str) = (header::CACHE_CONTROL, "private, max-age=31536000, immutable");
/// For everything else: to be kept, and asked for again before it is used.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Larger bodies are hashed off the threads that serve.
const LARGE_BYTES: usize = 64 << 10;
/// Bytes of the hash that make a tag.
const TAG_BYTES: usize = 16;

/// Middleware: tags what is answered to a GET, and answers 304 where the asker has it.
pub async fn conditional(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let response = next.run(request).await;
    if !is_read || response.status() != StatusCode::OK || response.body().size_hint().exact().is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It lies in memory already: its length is known.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return Problem::new("internal").into_response() };
    let Some(tag) = tag(&parts.headers, &bytes).await else { return Problem::new("internal").into_response() };
    parts.headers.entry(header::CACHE_CONTROL).or_insert(REVALIDATE);
    let is_known = known.iter().any(|value| names(value, &tag));
    parts.headers.insert(header::ETAG, tag);
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// The tag of a representation: its media type and its bytes.
async fn tag(headers: &HeaderMap, bytes: &Bytes) -> Option<HeaderValue> {
    let media_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let mut digest = Sha256::new();
    digest.update(media_type);
    digest.update([0]);
    let digest = if bytes.len() <= LARGE_BYTES {
        digest.update(bytes);
        digest.finalize()
    } else {
        let bytes = bytes.clone();
        let hash = move || {
            digest.update(bytes);
            digest.finalize()
        };
        tokio::task::spawn_blocking(hash).await.ok()?
    };
    HeaderValue::from_str(&format!("\"{}\"", hex::encode(&digest[..TAG_BYTES]))).ok()
}

/// Whether a value of `If-None-Match` names a tag. The comparison is weak, as the RFC has it for this header.
fn names(value: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(value), Ok(tag)) = (value.to_str(), tag.to_str()) else { return false };
    // No tag of ours has a comma in it.
    value.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_named_weakly_in_a_list_or_by_any() {
        let tag = HeaderValue::from_static("\"0a\"");
        for value in ["\"0a\"", "W/\"0a\"", "\"x\", \"0a\"", "*"] {
            assert!(names(&HeaderValue::from_static(value), &tag), "{value}");
        }
        for value in ["", "0a", "\"0b\"", "\"0a0\""] {
            assert!(!names(&HeaderValue::from_static(value), &tag), "{value}");
        }
    }

    #[tokio::test]
    async fn a_tag_depends_on_the_type_and_every_byte() {
        let tag_of = |kind: &'static str, bytes: Vec<u8>| async move {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
            tag(&headers, &Bytes::from(bytes)).await.expect("a tag")
        };
        let first = tag_of("application/json", vec![7; LARGE_BYTES + 1]).await;
        assert_eq!(first, tag_of("application/json", vec![7; LARGE_BYTES + 1]).await);
        assert_ne!(first, tag_of("application/json", vec![7; LARGE_BYTES]).await);
        assert_ne!(first, tag_of("text/plain", vec![7; LARGE_BYTES + 1]).await);
    }
}
