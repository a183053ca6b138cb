//! Requests to operators: one `POST`, with bounds on time and bytes.

use std::error::Error;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};

use super::error::Failure;

/// What came back.
pub(super) struct Answered {
    pub status: u16,
    /// As it stands in the header; empty where there is none.
    pub content_type: String,
    pub body: Vec<u8>,
}

/// A client that gives a request so long, from connecting to the last byte. It follows no redirect: an operator's address
/// is the one that was configured. Proxies are those of the environment (`HTTPS_PROXY`).
///
/// # Errors
/// When TLS cannot be set up.
pub fn client(timeout: Duration) -> reqwest::Result<Client> {
    let builder = Client::builder().timeout(timeout).redirect(reqwest::redirect::Policy::none());
    builder.user_agent(concat!("tallyd/", env!("CARGO_PKG_VERSION"))).build()
}

/// Sends `body`, and reads up to `limit` bytes of the answer, whatever its status.
///
/// # Errors
/// [`Failure::Unreachable`], [`Failure::Oversized`].
pub(super) async fn post(
    client: &Client,
    url: &Url,
    (content_type, body): (&str, Vec<u8>),
    limit: usize,
) -> Result<Answered, Failure> {
    let unreachable = |error| Failure::Unreachable { url: url.clone(), reason: chain(&error) };
    let request = client.post(url.clone()).header(CONTENT_TYPE, content_type).body(body);
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(Failure::Oversized { url: url.clone(), limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered { status, content_type, body })
}

/// An error with what lies behind it; without the address, which whoever tells it has.
fn chain(error: &reqwest::Error) -> String {
    let mut reasons = Vec::new();
    let mut source = error.source();
    while let Some(error) = source {
        reasons.push(error.to_string());
        source = error.source();
    }
    match () {
        () if error.is_timeout() => "no answer in time".to_owned(),
        () if reasons.is_empty() => "the request failed".to_owned(),
        () => reasons.join(": "),
    }
}
