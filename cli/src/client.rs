//! Talks to a node's HTTP interface (`/v1`, docs/http.md): one client a node, with its token.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tally_contracts::encoding;
use tally_contracts::exchange::Ask;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::transaction::{Operation, Transaction};
use tally_contracts::types::{Hash, Height, MerchantId, Reference};

/// Reads the first line of a token file.
pub fn read_token(path: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the token file {}", path.display()))?;
    let token = text.lines().next().unwrap_or("").trim();
    if token.is_empty() {
        bail!("{} is empty: its first line must be the API token", path.display());
    }
    Ok(token.to_owned())
}

/// Why a node did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer at all: the request may or may not have been taken.
    #[error("no answer from {base}: {reason}. Is the node running? (`tally network status --dir DIR`)")]
    Unreachable {
        /// The node's address.
        base: String,
        /// Why.
        reason: String,
    },
    /// The node refused.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// An answer that this version does not understand.
    #[error("unexpected answer from {path}: {reason}. Are node and command line of the same version?")]
    Malformed {
        /// What was asked.
        path: String,
        /// What is odd about the answer.
        reason: String,
    },
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The stable name.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// One sentence.
    pub title: String,
    /// What is wrong and what to do next.
    pub detail: String,
    /// The stable number of a rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
    /// Everything else.
    #[serde(flatten)]
    pub more: serde_json::Map<String, Value>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number.map(|n| format!(" ({n})")).unwrap_or_default();
        // Of a rule the detail is what to do, and the title what is wrong.
        match (self.number, self.detail.as_str()) {
            (_, "") => write!(f, "{}{number}: {}", self.code, self.title),
            (Some(_), detail) => write!(f, "{}{number}: {}. {detail}", self.code, self.title),
            (None, detail) => write!(f, "{}: {detail}", self.code),
        }
    }
}

impl ApiError {
    /// Whether the same request may succeed later: the node is down, catching up, or full.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => matches!(problem.status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            Self::Malformed { .. } => false,
        }
    }

    /// How long to wait before trying again: as the node says, else a moment.
    pub fn pause(&self) -> Duration {
        let told = self.problem().and_then(|problem| problem.more.get("retry_after_s")).and_then(Value::as_u64);
        told.map_or(Duration::from_millis(200), |seconds| Duration::from_secs(seconds.min(5)))
    }

    /// The problem document, if there is one.
    pub fn problem(&self) -> Option<&Problem> {
        if let Self::Problem(problem) = self { Some(problem) } else { None }
    }
}

/// Whether a submitted line is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineStatus {
    /// Durable in the node's outbox; the receipt comes later.
    Accepted,
    /// The receipt is here.
    Final,
    /// Not taken at all.
    Refused,
}

/// The node's answer to one line of a bulk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BulkLine {
    /// The operation, unless the line could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Whether it is done.
    pub status: LineStatus,
    /// Block of the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
    /// Position in that block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The first receipt, where the operation was executed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Receipt>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// Everything else the node says.
    #[serde(flatten)]
    pub more: serde_json::Map<String, Value>,
}

impl BulkLine {
    /// What became of the operation, a duplicate's being that of the first time; none where that is not known yet.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.first.as_ref().or(self.receipt.as_ref()).map(|receipt| &receipt.outcome)
    }
}

/// A part of a list.
#[derive(Debug, Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// How a bulk is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkMode {
    /// Each operation for itself.
    Continue,
    /// All operations succeed, or none.
    Atomic,
}

/// What became of a pre-signed transaction.
#[derive(Debug)]
pub struct SignedAnswer {
    /// The transaction's id.
    pub transaction_id: Hash,
    /// The whole answer; with receipts if it is final.
    pub answer: Value,
    /// The receipts, if it is final.
    pub receipts: Option<Vec<Receipt>>,
}

/// One node.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    timeout: Duration,
}

/// The longest that a request may take: the longest wait that a node allows, and what it takes besides.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

impl Client {
    /// A client of the node at `base`.
    pub fn new(base: &str, token: Option<String>) -> anyhow::Result<Self> {
        let base = base.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            bail!(
                "`{base}` is no address of a node: it starts with http:// or https://, such as http://127.0.0.1:8400"
            );
        }
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy();
        let http = http.tcp_nodelay(true).build().context("cannot make an HTTP client")?;
        Ok(Self { http, base, token, timeout: REQUEST_TIMEOUT })
    }

    /// The same node, with another bound on how long a request may take.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The node's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks for a path under the node's address and reads its JSON.
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.get_as(path).await
    }

    /// The same, into a type of its own.
    pub async fn get_as<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let response = self.send(self.request(Method::GET, path).timeout(self.timeout)).await?;
        self.json(path, response).await
    }

    /// Asks what an exchange would give now.
    pub async fn quote(&self, ask: &Ask) -> Result<Value, ApiError> {
        let path = "/v1/quotes";
        let body = serde_json::to_vec(ask).map_err(|e| malformed(path, e))?;
        let request = self.request(Method::POST, path).header("content-type", "application/json").body(body);
        let response = self.send(request.timeout(self.timeout)).await?;
        self.json(path, response).await
    }

    /// Asks for a path whose answer is a stream of octets, as long as it takes.
    pub async fn stream(&self, path: &str) -> Result<Response, ApiError> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Every page of a list, one after the other.
    pub async fn pages<T: DeserializeOwned>(&self, path: &str, mut take: impl FnMut(Vec<T>)) -> Result<(), ApiError> {
        let mut cursor: Option<String> = None;
        loop {
            let page: Page<T> = self.get_as(&page_path(path, cursor.as_deref())).await?;
            take(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether the node is up and keeps up with the others.
    pub async fn is_ready(&self) -> bool {
        let request = self.request(Method::GET, "/readyz").timeout(Duration::from_secs(2));
        matches!(request.send().await, Ok(response) if response.status() == StatusCode::OK)
    }

    /// Submits operations through the node, which signs them, and waits up to `wait_s` seconds for their receipts.
    ///
    /// The answer has one line for each operation, in the same order.
    pub async fn bulk(&self, lines: &[Operation], mode: BulkMode, wait_s: u32) -> Result<Vec<BulkLine>, ApiError> {
        let mode = if mode == BulkMode::Atomic { "atomic" } else { "continue" };
        let path = format!("/v1/operations/bulk?mode={mode}");
        let mut body = Vec::with_capacity(lines.len() * 256);
        for operation in lines {
            serde_json::to_writer(&mut body, operation).expect("an operation has a JSON form");
            body.push(b'\n');
        }
        let request = self.request(Method::POST, &path).header("content-type", "application/x-ndjson").body(body);
        let response = self.send(prefer(request, wait_s).timeout(self.timeout)).await?;
        let answer = response.bytes().await.map_err(|e| self.unreachable(&e))?;
        let answers = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let answers: Vec<BulkLine> = answers
            .map(|line| serde_json::from_slice(line).map_err(|e| malformed(&path, e)))
            .collect::<Result<_, _>>()?;
        if answers.len() != lines.len() {
            // The node went away in the middle of its answer: what is missing has to be asked for again.
            let reason = format!("{} answers to {} operations", answers.len(), lines.len());
            return Err(ApiError::Unreachable { base: self.base.clone(), reason });
        }
        Ok(answers)
    }

    /// Posts a transaction that was signed here, and waits up to `wait_s` seconds for its receipts.
    pub async fn submit_signed(&self, transaction: &Transaction, wait_s: u32) -> Result<SignedAnswer, ApiError> {
        let answer: Value = self.submit_bytes(encoding::encode(transaction), wait_s).await?;
        let path = "/v1/transactions";
        let id = answer.get("transaction_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let transaction_id = id.ok_or_else(|| malformed(path, "no transaction_id"))?;
        let receipts = match answer.get("receipts").and_then(Value::as_array) {
            None => None,
            Some(list) => Some(receipts(list).map_err(|e| malformed(path, e))?),
        };
        Ok(SignedAnswer { transaction_id, answer, receipts })
    }

    /// The same with its canonical bytes, and the answer as the node gave it.
    pub async fn submit_bytes<T: DeserializeOwned>(&self, bytes: Vec<u8>, wait_s: u32) -> Result<T, ApiError> {
        let path = "/v1/transactions";
        let request = self.request(Method::POST, path).header("content-type", "application/octet-stream");
        let request = prefer(request.body(bytes), wait_s).timeout(self.timeout);
        let response = self.send(request).await?;
        self.json(path, response).await
    }

    /// Submits one operation, given as the JSON of what goes without its reference, and waits likewise.
    pub async fn submit_one<T: DeserializeOwned>(
        &self,
        reference: Reference,
        body: Vec<u8>,
        wait_s: u32,
    ) -> Result<T, ApiError> {
        let path = "/v1/operations";
        let request = self.request(Method::POST, path).header("content-type", "application/json").body(body);
        let request = request.header("idempotency-key", reference.to_string());
        let response = self.send(prefer(request, wait_s).timeout(self.timeout)).await?;
        self.json(path, response).await
    }

    /// What became of one operation; `None` where the node knows nothing of it.
    pub async fn operation(&self, merchant: MerchantId, reference: Reference) -> Result<Option<Value>, ApiError> {
        match self.get(&format!("/v1/operations/{merchant}/{reference}")).await {
            Ok(answer) => Ok(Some(answer)),
            Err(ApiError::Problem(problem)) if problem.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().await.map_err(|e| self.unreachable(&e))?;
        let mut problem: Problem = serde_json::from_slice(&body).unwrap_or_else(|_| Problem {
            code: "http_error".into(),
            title: format!("HTTP {status}"),
            detail: format!("HTTP {status} {}", String::from_utf8_lossy(&body).chars().take(200).collect::<String>()),
            ..Problem::default()
        });
        problem.status = status.as_u16();
        if status == StatusCode::UNAUTHORIZED {
            problem.detail.push_str(" (give --token-file or --dir)");
        }
        Err(ApiError::Problem(Box::new(problem)))
    }

    async fn json<T: DeserializeOwned>(&self, path: &str, response: Response) -> Result<T, ApiError> {
        let body = response.bytes().await.map_err(|e| self.unreachable(&e))?;
        serde_json::from_slice(&body).map_err(|e| malformed(path, e))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ApiError {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            reason = cause.to_string();
            source = cause.source();
        }
        ApiError::Unreachable { base: self.base.clone(), reason }
    }
}

fn prefer(request: RequestBuilder, wait_s: u32) -> RequestBuilder {
    if wait_s == 0 { request } else { request.header("prefer", format!("wait={wait_s}")) }
}

/// The long lists, those of operations, also of those behind a settlement, come in large pages; not all of the others have pages,
/// and those that do say so by a cursor.
fn page_path(path: &str, cursor: Option<&str>) -> String {
    let limit = path.contains("/operations").then(|| "limit=1000".to_owned());
    let cursor = cursor.map(|cursor| format!("cursor={cursor}"));
    let mut whole = path.to_owned();
    for parameter in limit.into_iter().chain(cursor) {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(&parameter);
    }
    whole
}

fn receipts(list: &[Value]) -> Result<Vec<Receipt>, serde_json::Error> {
    list.iter().map(|item| Receipt::deserialize(item.get("receipt").unwrap_or(item))).collect()
}

/// An answer that this version does not understand.
pub fn malformed(path: &str, reason: impl fmt::Display) -> ApiError {
    ApiError::Malformed { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_operations_are_asked_for_page_by_page() {
        assert_eq!(page_path("/v1/settlements", None), "/v1/settlements");
        assert_eq!(page_path("/v1/operations", None), "/v1/operations?limit=1000");
        assert_eq!(page_path("/v1/disputes", Some("c")), "/v1/disputes?cursor=c");
        let behind = "/v1/settlements/2017-03/operations?debtor=1&creditor=2";
        assert_eq!(page_path(behind, Some("c")), format!("{behind}&limit=1000&cursor=c"));
    }
}
