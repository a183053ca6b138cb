//! One node as the till sees it: its time, and its answer to the transaction that is on its way.
//!
//! Receipts are read as JSON and by name, so that a till understands the outcome of kinds and rules newer than itself.

use serde::Deserialize;
use serde_json::Value;
use tally_contracts::types::{ChainId, MerchantId, Reference};

use super::queue::Trouble;
use crate::client::{ApiError, Client, Problem, malformed};
use crate::network::now_ms;

/// How long a node is asked to wait for receipts, in seconds.
pub const WAIT_S: u32 = 10;

/// What a node says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The alliance.
    pub chain_id: ChainId,
    /// Time of its last block, in ms since 1970.
    pub time_ms: u64,
    clock: String,
}

impl Status {
    /// Whether the alliance's clock is set by a key, so that no reference lies ahead of it.
    pub fn is_simulated(&self) -> bool {
        self.clock == "simulated"
    }
}

/// The answer to a transaction.
#[derive(Debug)]
pub enum Answer {
    /// Executed.
    Final(Landing),
    /// Taken, not executed yet.
    Pending,
    /// Not executed, and never will be: its time is over.
    Expired,
    /// An operation in it is what no node of this version takes. It is on no way by this node.
    Unfit(Problem),
}

/// An executed transaction.
#[derive(Debug, Deserialize)]
pub struct Landing {
    /// The transaction.
    pub transaction_id: String,
    /// Its block; none where all its operations were known before, and no block took it.
    pub height: Option<u64>,
    /// One for each of its operations, in their order.
    pub receipts: Vec<Placed>,
}

/// A receipt and its position in the block.
#[derive(Clone, Debug, Deserialize)]
pub struct Placed {
    /// Over all operations of the block; none where no block took it.
    pub index: Option<u64>,
    /// As the node gave it.
    pub receipt: Value,
}

/// The outcome of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect.
    Applied,
    /// The rule, by its stable name.
    Rejected(String),
    /// The first receipt stands elsewhere.
    Duplicate,
}

/// The final receipt of one operation, looked up.
#[derive(Debug, Deserialize)]
pub struct First {
    /// Its block.
    pub height: u64,
    /// Its position in that block.
    pub index: u64,
    /// The transaction that brought it.
    pub transaction_id: String,
    /// As the node gave it.
    pub receipt: Value,
}

/// What a receipt says of an operation; none where it is another's, or says what no version says.
pub fn outcome(receipt: &Value, reference: Reference) -> Option<Outcome> {
    if receipt.get("reference")?.as_str()?.parse() != Ok(reference) {
        return None;
    }
    let outcome = receipt.get("outcome")?;
    if let Some(rule) = outcome.get("rejected") {
        return Some(Outcome::Rejected(rule.as_str()?.to_owned()));
    }
    let has = |name: &str| outcome.get(name).is_some();
    if has("applied") {
        return Some(Outcome::Applied);
    }
    has("duplicate").then_some(Outcome::Duplicate)
}

/// What the node says of itself, if it is one of the alliance.
///
/// # Errors
/// Why nothing can be delivered there.
pub async fn status(client: &Client, chain_id: &ChainId) -> Result<Status, Trouble> {
    let status: Status = client.get_as("/v1/status").await.map_err(|e| trouble(client, &e))?;
    if status.chain_id != *chain_id {
        let found = status.chain_id;
        let detail = format!("{} is a node of another alliance ({found}): correct `nodes` in till.toml", client.base());
        return Err(lasting("wrong_chain", detail));
    }
    Ok(status)
}

/// Posts a transaction and waits a while for its receipts. Posting one again is safe: it is executed once.
///
/// # Errors
/// Why the answer is not known.
pub async fn post(client: &Client, bytes: &[u8]) -> Result<Answer, Trouble> {
    let patient = client.clone().with_timeout(super::config::REQUEST_TIMEOUT + WAIT);
    match patient.submit_bytes::<Value>(bytes.to_vec(), WAIT_S).await {
        Ok(answer) if answer.get("receipts").is_some() => match Landing::deserialize(&answer) {
            Ok(landing) => Ok(Answer::Final(landing)),
            Err(error) => Err(trouble(client, &malformed("/v1/transactions", error))),
        },
        Ok(_) => Ok(Answer::Pending),
        Err(ApiError::Problem(problem)) => match problem.code.as_str() {
            "expired" => Ok(Answer::Expired),
            // What an operation itself is to blame for. Whatever else a node objects to may pass, or concerns all of them.
            "malformed_transaction" | "malformed_operation" | "transaction_oversized" | "operation_count" => {
                Ok(Answer::Unfit(*problem))
            }
            _ => Err(trouble(client, &ApiError::Problem(problem))),
        },
        Err(error) => Err(trouble(client, &error)),
    }
}

/// The first receipt of an operation that was executed before.
///
/// # Errors
/// Why it is not known.
pub async fn first(client: &Client, merchant: MerchantId, reference: Reference) -> Result<First, Trouble> {
    let answer = client.operation(merchant, reference).await.map_err(|e| trouble(client, &e))?;
    let found = answer.filter(|answer| answer.get("receipt").is_some());
    let Some(found) = found else {
        let detail = format!("{} has no receipt yet of {reference}, which was executed before", client.base());
        return Err(passing("receipt_missing", detail));
    };
    First::deserialize(&found).map_err(|e| trouble(client, &malformed("/v1/operations", e)))
}

const WAIT: std::time::Duration = std::time::Duration::from_secs(WAIT_S as u64);

/// Why a node did not do what was asked, and whether somebody has to act.
fn trouble(client: &Client, error: &ApiError) -> Trouble {
    match error {
        ApiError::Unreachable { base, reason } => passing("no_line", format!("no answer from {base}: {reason}")),
        ApiError::Malformed { .. } => lasting("unexpected_answer", error.to_string()),
        ApiError::Problem(problem) => {
            let code = if problem.status == 401 { "unauthorized" } else { problem.code.as_str() };
            // A node that lags finds a validity too far ahead; it will not when it has caught up.
            let passes = error.is_passing() || code == "valid_until_too_far";
            let detail = format!("{}: {problem}", client.base());
            let detail = match code {
                "unauthorized" => format!("{}: the API token is not one of this node; see till.toml", client.base()),
                _ if is_of_key(code) => {
                    format!(
                        "{detail}. The alliance does not take this till's key; everything stays queued until it does"
                    )
                }
                _ => detail,
            };
            Trouble { passes, ..lasting(code, detail) }
        }
    }
}

/// Whether a code says that the till's key may not sign, which somebody has to see to.
pub fn is_of_key(code: &str) -> bool {
    code.contains("key") || code == "wrong_store"
}

/// What passes by itself.
pub fn passing(code: &str, detail: String) -> Trouble {
    Trouble { passes: true, ..lasting(code, detail) }
}

/// What somebody has to see to.
pub fn lasting(code: &str, detail: String) -> Trouble {
    Trouble { code: code.to_owned(), detail, since_ms: now_ms().unwrap_or_default(), passes: false }
}
