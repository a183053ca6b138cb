//! `POST /v1/operations/bulk`: many operations at once, one a line of NDJSON; one answer a line, in the same order.
//!
//! Memory is bounded by the body's limit, the number of lines and the number of bulks in progress. A line that is no
//! operation is refused alone; where there is no room, nothing at all is taken, so that a retry is simple.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tally_contracts::encoding;
use tally_contracts::transaction::{LEAF_OVERHEAD_BYTES, MAX_LEAF_BYTES, Operation};
use tally_contracts::types::Reference;
use tokio::time::Instant;

use super::Api;
use super::params::{Params, RawBody, require_media_type};
use super::problem::{Language, Problem};
use super::submit::{Answer, submit_problem};
use crate::ingress::submitter::{Found, Mode, SubmitError};

/// Parameters of a bulk.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkParams {
    #[serde(default)]
    mode: BulkMode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BulkMode {
    /// Each line for itself.
    #[default]
    Continue,
    /// All lines or none.
    Atomic,
}

/// What is known of a line.
#[derive(Clone, Debug)]
enum Line {
    /// To be submitted: the position among the operations.
    Taken(usize),
    /// Not taken.
    Refused { reference: Option<Reference>, problem: Problem },
}

/// A bulk read line by line.
struct Bulk {
    lines: Vec<Line>,
    operations: Vec<Operation>,
}

/// `POST /v1/operations/bulk`.
pub async fn bulk(
    State(api): State<Arc<Api>>,
    Params(params): Params<BulkParams>,
    language: Language,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    require_media_type(&headers, &["application/x-ndjson", "application/json", "text/plain"])?;
    let wait = api.wait_time(&headers)?;
    let _permit = api.bulks.try_acquire().map_err(|_| Problem::overloaded("too many bulks are in progress", 1_000))?;
    let RawBody(bytes) = RawBody::from_request(request, &()).await?;
    let (most, mode) = (api.limits.bulk_operations, params.mode);
    let mut bulk = api.blocking(move || Bulk::read(&bytes, most)).await??;
    if mode == BulkMode::Atomic {
        bulk.refuse_all_if_any();
    }
    let found = api.take(&mut bulk, mode, wait).await?;
    let answers = api.collect(found, wait).await?;
    Ok(ndjson(bulk, answers, language))
}

impl Bulk {
    fn read(bytes: &[u8], most: usize) -> Result<Self, Problem> {
        let mut bulk = Self { lines: Vec::new(), operations: Vec::new() };
        let mut seen: HashMap<Reference, usize> = HashMap::new();
        for line in bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            if bulk.lines.len() == most {
                let reason = format!("a bulk has at most {most} operations");
                return Err(Problem::because("request_too_large", reason));
            }
            let line = bulk.read_line(line, &mut seen);
            bulk.lines.push(line);
        }
        if bulk.lines.is_empty() {
            return Err(Problem::because("malformed_request", "a bulk has one operation a line, this one has none"));
        }
        Ok(bulk)
    }

    fn read_line(&mut self, line: &[u8], seen: &mut HashMap<Reference, usize>) -> Line {
        let operation: Operation = match super::params::json(line) {
            Ok(operation) => operation,
            Err(problem) => return Line::Refused { reference: None, problem },
        };
        let reference = operation.reference;
        let refused = |problem| Line::Refused { reference: Some(reference), problem };
        if let Err(reason) = operation.body.check_stateless() {
            return refused(Problem::because("malformed_operation", reason));
        }
        // Only a long line can be too large for a transaction of its own.
        if line.len() > LONG_LINE_BYTES && leaf_bytes(&operation) > MAX_LEAF_BYTES {
            return refused(Problem::new("transaction_oversized"));
        }
        match seen.entry(reference) {
            Entry::Vacant(entry) => {
                entry.insert(self.operations.len());
                self.operations.push(operation);
                Line::Taken(self.operations.len() - 1)
            }
            // The same operation twice is one operation with two lines.
            Entry::Occupied(entry) if self.operations[*entry.get()] == operation => Line::Taken(*entry.get()),
            Entry::Occupied(_) => refused(Problem::new("reference_reused")),
        }
    }

    /// An atomic bulk with a line that cannot be taken is not taken at all.
    fn refuse_all_if_any(&mut self) {
        if self.lines.iter().all(|line| matches!(line, Line::Taken(_))) {
            return;
        }
        for line in &mut self.lines {
            if let Line::Taken(at) = line {
                let reference = Some(self.operations[*at].reference);
                *line = Line::Refused { reference, problem: Problem::new("atomic_aborted") };
            }
        }
        self.operations.clear();
    }

    /// Takes an operation out again, for a reason that its own submission would have had.
    fn refuse(&mut self, reference: Reference, problem: &Problem) {
        let Some(at) = self.operations.iter().position(|o| o.reference == reference) else { return };
        self.operations.remove(at);
        for line in &mut self.lines {
            match line {
                Line::Taken(other) if *other == at => {
                    *line = Line::Refused { reference: Some(reference), problem: problem.clone() };
                }
                Line::Taken(other) if *other > at => *other -= 1,
                _ => {}
            }
        }
    }
}

/// JSON of an operation is longer than its canonical bytes and its largest receipt together, and far below a log entry
/// where it is shorter than this.
const LONG_LINE_BYTES: usize = 8_192;

/// What a transaction of this operation alone takes up in a log entry at most.
fn leaf_bytes(operation: &Operation) -> usize {
    EMPTY_LEAF_BYTES + encoding::encode(operation).len() + operation.body.max_receipt_bytes()
}

/// A log entry of a transaction without operations: chain, merchant, key, validity, mode, count and signature.
const EMPTY_LEAF_BYTES: usize = LEAF_OVERHEAD_BYTES + 32 + 2 + 32 + 8 + 1 + 8 + 64;

/// Operations that may turn out to be another's pending reference before the whole bulk is refused.
const MAX_REFUSED_ONE_BY_ONE: usize = 64;

/// A receipt that is waited for.
type Awaited = std::pin::Pin<Box<dyn Future<Output = Found> + Send>>;

impl Api {
    /// Submits what a bulk holds, less what is refused; gives the receipts to wait for, where there is a wait.
    async fn take(
        self: &Arc<Self>,
        bulk: &mut Bulk,
        mode: BulkMode,
        wait: Option<Duration>,
    ) -> Result<Vec<Awaited>, Problem> {
        let submit_mode = if mode == BulkMode::Atomic { Mode::Atomic } else { Mode::Each };
        for _ in 0..MAX_REFUSED_ONE_BY_ONE {
            if bulk.operations.is_empty() {
                return Ok(Vec::new());
            }
            let awaited = |o: &Operation| -> Awaited { Box::pin(self.submitter.wait(self.merchant, o.reference)) };
            let found = wait.map_or_else(Vec::new, |_| bulk.operations.iter().map(awaited).collect());
            let error = match self.submitter.submit(bulk.operations.clone(), submit_mode).await {
                Ok(()) => return Ok(found),
                Err(error) => error,
            };
            let reference = match &error {
                SubmitError::ReferenceReused { reference } | SubmitError::ReferenceAhead { reference } => *reference,
                SubmitError::Malformed { index, .. } if *index < bulk.operations.len() => {
                    bulk.operations[*index].reference
                }
                _ => return Err(submit_problem(error)),
            };
            bulk.refuse(reference, &submit_problem(error));
            if mode == BulkMode::Atomic {
                bulk.refuse_all_if_any();
            }
        }
        Err(Problem::because("reference_reused", "many references of the bulk are pending already with other bodies"))
    }

    /// Waits for receipts until the time is up; an answer for each operation, none where there is no receipt yet.
    async fn collect(
        self: &Arc<Self>,
        awaited: Vec<Awaited>,
        wait: Option<Duration>,
    ) -> Result<Vec<Option<Answer>>, Problem> {
        let deadline = Instant::now() + wait.unwrap_or_default();
        let count = awaited.len();
        let (mut found, mut places) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (at, future) in awaited.into_iter().enumerate() {
            // Past the deadline, what is there already is still taken.
            if let Ok(receipt) = tokio::time::timeout_at(deadline, future).await {
                found.push(receipt);
                places.push(at);
            }
        }
        let mut answers = vec![None; count];
        for (at, answer) in places.into_iter().zip(self.answers(self.merchant, found).await?) {
            answers[at] = Some(answer);
        }
        Ok(answers)
    }
}

/// Lines that are written at once.
const LINES_PER_CHUNK: usize = 256;

fn ndjson(bulk: Bulk, answers: Vec<Option<Answer>>, language: Language) -> Response {
    let Bulk { lines, operations } = bulk;
    let mut chunks: Vec<String> = Vec::with_capacity(lines.len() / LINES_PER_CHUNK + 1);
    for lines in lines.chunks(LINES_PER_CHUNK) {
        let mut chunk = String::new();
        for line in lines {
            chunk.push_str(&line_answer(line, &operations, &answers, language).to_string());
            chunk.push('\n');
        }
        chunks.push(chunk);
    }
    let body = Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, std::convert::Infallible>)));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

fn line_answer(line: &Line, operations: &[Operation], answers: &[Option<Answer>], language: Language) -> Value {
    match line {
        Line::Refused { reference, problem } => {
            json!({ "reference": reference, "status": "refused", "problem": problem.body(language) })
        }
        Line::Taken(at) => {
            let reference = operations[*at].reference;
            match answers.get(*at).and_then(Option::as_ref) {
                None => json!({ "reference": reference, "status": "accepted" }),
                Some(answer) => {
                    let mut value = json!(answer);
                    if let Value::Object(members) = &mut value {
                        members.insert("reference".into(), json!(reference));
                        members.insert("status".into(), json!("final"));
                    }
                    value
                }
            }
        }
    }
}
