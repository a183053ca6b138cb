//! `POST /v1/operations/bulk`: many operations at once, one a line of NDJSON; one answer a line, in the same order.
//!
//! Memory is bounded by the body's limit, the number of lines and the number of bulks in progress. A line that is no
//! operation is refused alone, by its number; where there is no room, nothing at all is taken, so that a retry is simple.

mod answer;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::Operation;
use tally_contracts::types::Reference;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::dry_run::Judged;
use super::params::{Params, RawBody, require_media_type};
use super::problem::{Language, Problem};
use super::submit::{Answer, submit_problem};
use crate::ingress::fits_alone;
use crate::ingress::submitter::{Found, Mode, SubmitError, Submitter, check_at};
use crate::query::dry_run;
use answer::{BulkLine, line_answer, ndjson};

/// Parameters of a bulk.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BulkParams {
    /// How the lines belong together.
    #[serde(default)]
    mode: BulkMode,
    /// Judges on the state at the node's head, and takes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// How the lines of a bulk belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkMode {
    /// Each line for itself.
    #[default]
    Continue,
    /// All lines or none.
    Atomic,
}

/// A line with an operation.
#[derive(Clone, Debug)]
struct Line {
    /// Its number in the body, from 1 on; blank lines count.
    number: usize,
    fate: Fate,
}

/// What is known of a line.
#[derive(Clone, Debug)]
enum Fate {
    /// To be submitted: the position among the operations.
    Taken(usize),
    /// Not taken.
    Refused { reference: Option<Reference>, problem: Problem },
}

/// What became of the operations that were taken, by their position.
enum Results {
    /// A receipt where there is one already.
    Submitted(Vec<Option<Answer>>),
    /// What they would come to.
    Judged(Judged),
}

/// A bulk read line by line.
struct Bulk {
    lines: Vec<Line>,
    operations: Vec<Operation>,
}

/// Submits many operations, one a line; the answer has a line for each, in the same order.
///
/// A line of the request is an Operation, a line of the answer a BulkLine, both as JSON (NDJSON).
#[utoipa::path(post, path = "/v1/operations/bulk", operation_id = "submitBulk", tag = "submit",
    params(
        BulkParams,
        ("Prefer" = Option<String>, Header, description = "`wait=5`: how many seconds the answer may take."),
    ),
    request_body(content = Operation, content_type = "application/x-ndjson"),
    responses((status = 200, description = "A line for each line.", body = BulkLine, content_type = "application/x-ndjson")))]
pub async fn bulk(
    State(api): State<Arc<Api>>,
    Params(params): Params<BulkParams>,
    language: Language,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    require_media_type(&headers, &["application/x-ndjson", "application/json", "text/plain"])?;
    let wait = api.wait_time(&headers)?;
    let permit = api.bulks.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::overloaded("too many bulks are in progress", 1_000))?;
    let RawBody(bytes) = RawBody::from_request(request, &()).await?;
    let mode = params.mode;
    let most = match params.dry_run {
        true => api.limits.bulk_operations.min(dry_run::MAX_OPERATIONS),
        false => api.limits.bulk_operations,
    };
    let submitter = api.door()?.submitter.clone();
    let mut bulk = api.blocking(move || Bulk::read(&bytes, most, |operation| submitter.check(operation))).await??;
    if mode == BulkMode::Atomic {
        bulk.refuse_all_if_any();
    }
    let results = if params.dry_run && !bulk.operations.is_empty() {
        Results::Judged(api.judge_bulk(&bulk, mode).await?)
    } else {
        let found = api.take(&mut bulk, mode, wait).await?;
        Results::Submitted(api.collect(found, wait).await?)
    };
    Ok(ndjson(bulk, results, language, permit))
}

impl Bulk {
    fn read(bytes: &[u8], most: usize, check: impl Fn(&Operation) -> Result<(), SubmitError>) -> Result<Self, Problem> {
        let mut bulk = Self { lines: Vec::new(), operations: Vec::new() };
        let mut seen: HashMap<Reference, usize> = HashMap::new();
        let lines = bytes.split(|b| *b == b'\n').zip(1..);
        for (line, number) in lines.filter(|(line, _)| !line.trim_ascii().is_empty()) {
            if bulk.lines.len() == most {
                let reason = format!("a bulk of this mode has at most {most} operations");
                return Err(Problem::because("request_too_large", reason));
            }
            let fate = bulk.read_line(line, &check, &mut seen);
            bulk.lines.push(Line { number, fate });
        }
        if bulk.lines.is_empty() {
            return Err(Problem::because("malformed_request", "a bulk has one operation a line, this one has none"));
        }
        Ok(bulk)
    }

    fn read_line(
        &mut self,
        line: &[u8],
        check: impl Fn(&Operation) -> Result<(), SubmitError>,
        seen: &mut HashMap<Reference, usize>,
    ) -> Fate {
        let operation: Operation = match super::params::json(line) {
            Ok(operation) => operation,
            Err(problem) => {
                // Whose it is can often still be told.
                let named = serde_json::from_slice::<Named>(line).ok();
                return Fate::Refused { reference: named.map(|n| n.reference), problem };
            }
        };
        let reference = operation.reference;
        let refused = |problem| Fate::Refused { reference: Some(reference), problem };
        if let Err(error) = check(&operation) {
            return refused(submit_problem(error));
        }
        // Only a long line can be too large for a transaction of its own.
        if line.len() > LONG_LINE_BYTES && !fits_alone(&operation) {
            return refused(Problem::new("transaction_oversized"));
        }
        match seen.entry(reference) {
            Entry::Vacant(entry) => {
                entry.insert(self.operations.len());
                self.operations.push(operation);
                Fate::Taken(self.operations.len() - 1)
            }
            // The same operation twice is one operation with two lines.
            Entry::Occupied(entry) if self.operations[*entry.get()].repeats(&operation) => Fate::Taken(*entry.get()),
            Entry::Occupied(_) => refused(Problem::rejection(Rejection::ReferenceReused)),
        }
    }

    /// An atomic bulk with a line that cannot be taken is not taken at all.
    fn refuse_all_if_any(&mut self) {
        if self.lines.iter().all(|line| matches!(line.fate, Fate::Taken(_))) {
            return;
        }
        for Line { fate, .. } in &mut self.lines {
            if let Fate::Taken(at) = fate {
                let reference = Some(self.operations[*at].reference);
                *fate = Fate::Refused { reference, problem: Problem::rejection(Rejection::AtomicAborted) };
            }
        }
        self.operations.clear();
    }

    /// Takes an operation out again, for a reason that its own submission would have had.
    fn refuse(&mut self, reference: Reference, problem: &Problem) {
        let Some(at) = self.operations.iter().position(|o| o.reference == reference) else { return };
        self.operations.remove(at);
        for Line { fate, .. } in &mut self.lines {
            match fate {
                Fate::Taken(other) if *other == at => {
                    *fate = Fate::Refused { reference: Some(reference), problem: problem.clone() };
                }
                Fate::Taken(other) if *other > at => *other -= 1,
                _ => {}
            }
        }
    }
}

/// Reads a bulk that is not submitted, whatever the clock says: what would be, and an answer for each line.
///
/// # Errors
/// As for a bulk as a whole.
pub fn read_bulk(bytes: &[u8], most: usize, is_atomic: bool) -> Result<(Vec<Operation>, Vec<Value>), Problem> {
    let mut bulk = Bulk::read(bytes, most, |operation| check_at(operation, u64::MAX))?;
    if is_atomic {
        bulk.refuse_all_if_any();
    }
    let Bulk { lines, operations } = bulk;
    let nothing = Results::Submitted(Vec::new());
    let answers = lines.iter().map(|line| line_answer(line, &operations, &nothing, Language::English));
    let answers = answers.map(|answer| serde_json::to_value(answer).expect("an answer has a JSON form")).collect();
    Ok((operations, answers))
}

/// What can be read of a line that is no operation.
#[derive(Deserialize)]
struct Named {
    reference: Reference,
}

/// JSON of an operation is longer than its canonical bytes and its largest receipt together, and far below a log entry
/// where it is shorter than this.
const LONG_LINE_BYTES: usize = 8_192;

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
        let door = self.door()?;
        for _ in 0..MAX_REFUSED_ONE_BY_ONE {
            if bulk.operations.is_empty() {
                return Ok(Vec::new());
            }
            let error = match submit(&door.submitter, bulk.operations.clone(), mode.into(), wait.is_some()).await {
                Ok(receipts) => return Ok(receipts),
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

    /// Judges what a bulk holds, all of it in one block.
    async fn judge_bulk(self: &Arc<Self>, bulk: &Bulk, mode: BulkMode) -> Result<Judged, Problem> {
        let (submitter, operations) = (self.door()?.submitter.clone(), bulk.operations.clone());
        let draft = self.blocking(move || submitter.draft(operations, mode.into())).await?;
        self.judge(draft.map_err(|error| submit_problem(error).with("dry_run", true))?).await
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
        for (at, answer) in places.into_iter().zip(self.answers(self.door()?.merchant, found).await?) {
            answers[at] = Some(answer);
        }
        Ok(answers)
    }
}

/// Returns when operations are on disk; with what gives their receipts, where those are waited for.
async fn submit(
    submitter: &Submitter,
    operations: Vec<Operation>,
    mode: Mode,
    waits: bool,
) -> Result<Vec<Awaited>, SubmitError> {
    if !waits {
        return submitter.submit(operations, mode).await.map(|()| Vec::new());
    }
    let (entered, receipts) = submitter.enter_awaited(operations, mode)?;
    entered.synced().await?;
    Ok(receipts.into_iter().map(|receipt| -> Awaited { Box::pin(receipt) }).collect())
}

impl From<BulkMode> for Mode {
    fn from(mode: BulkMode) -> Self {
        if mode == BulkMode::Atomic { Self::Atomic } else { Self::Each }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingress::testing::{GENESIS_MS, authorized};

    #[test]
    fn a_line_whose_authorization_was_signed_anew_is_the_same_operation() {
        let lines: Vec<String> =
            [0, 1].map(|later_ms| serde_json::json!(authorized(1, GENESIS_MS + later_ms)).to_string()).into();
        assert_ne!(lines[0], lines[1]);
        let (operations, answers) = read_bulk(lines.join("\n").as_bytes(), 2, false).expect("a bulk");
        assert_eq!((operations.len(), answers.len()), (1, 2));
        assert!(answers.iter().all(|answer| answer["status"] == "accepted"), "{answers:?}");
    }
}
