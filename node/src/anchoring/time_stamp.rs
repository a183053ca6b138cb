//! Asks a time-stamp authority over HTTP. Source: RFC 3161 section 3.4.

use reqwest::{Client, Url};
use tally_contracts::checkpoint::{Evidence, MAX_RESPONSE_BYTES};
use tally_ledger::anchor::imprint;
use tally_ledger::anchor::timestamp::{Roots, judge, request};

use super::error::Failure;
use super::http::post;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";

/// Has a checkpoint's text stamped by an authority under one of the roots.
///
/// # Errors
/// [`Failure`]: no answer, or one that proves nothing.
pub(super) async fn ask(client: &Client, url: &Url, text: &str, roots: &Roots) -> Result<Evidence, Failure> {
    let imprint = imprint(text);
    let nonce = rand::random();
    let answered = post(client, url, (QUERY, request(&imprint, nonce)), MAX_RESPONSE_BYTES).await?;
    let media_type = answered.content_type.split(';').next().unwrap_or_default().trim();
    if answered.status != 200 || !media_type.eq_ignore_ascii_case(REPLY) {
        let content_type = answered.content_type.escape_debug().take(100).collect();
        return Err(Failure::NoTimeStamp { url: url.clone(), status: answered.status, content_type });
    }
    judge(&answered.body, &imprint, Some(nonce), roots)?;
    Ok(Evidence::TimeStamp { response: answered.body })
}
