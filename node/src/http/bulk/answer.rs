//! The answer to a bulk: a line of NDJSON for each line that had an operation, in the asker's language.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Serialize;
use serde_json::Value;
use tally_contracts::receipt::Receipt;
use tally_contracts::transaction::Operation;
use tally_contracts::types::{Hash, Height, Reference};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::{Bulk, Fate, Line, Results};
use crate::http::problem::{Language, ProblemBody};

/// The answer to one line.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkLine<'a> {
    /// The line's number in the body, from 1 on; blank lines count.
    line: usize,
    /// The operation's reference, unless it could not be read.
    reference: Option<Reference>,
    /// What became of the line.
    status: LineStatus,
    /// Of a final one: where the receipt stands. Of a dry run: the height it was judged on.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<Height>,
    /// Of a final one: the operation's position in the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    /// Of a final one: the transaction it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<Hash>,
    /// The receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
    /// Of a duplicate: the first receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<&'a Receipt>,
    /// Why the line was refused, or the operation rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProblemBody>)]
    problem: Option<Value>,
    /// True where nothing was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    /// Of a dry run: the time it was judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ms: Option<u64>,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineStatus {
    /// Acknowledged; no receipt yet.
    Accepted,
    /// The receipt is here; it may be a rejection.
    Final,
    /// Not taken at all.
    Refused,
    /// Of a dry run: the receipt that it would have is here.
    Judged,
}

/// Lines that are written at once.
const LINES_PER_CHUNK: usize = 256;

/// The whole answer; each chunk is made when there is room to send it. Until the last one is sent the bulk is in progress, which
/// `permit` counts.
pub(super) fn ndjson(bulk: Bulk, results: Results, language: Language, permit: OwnedSemaphorePermit) -> Response {
    let Bulk { lines, operations } = bulk;
    let count = lines.len();
    let chunk = move |start: usize| {
        let _permit = &permit;
        let mut chunk = String::new();
        for line in lines[start..].iter().take(LINES_PER_CHUNK) {
            let answer = line_answer(line, &operations, &results, language);
            chunk.push_str(&serde_json::to_string(&answer).expect("an answer has a JSON form"));
            chunk.push('\n');
        }
        Ok::<_, std::convert::Infallible>(chunk)
    };
    let body = Body::from_stream(stream::iter((0..count).step_by(LINES_PER_CHUNK).map(chunk)));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, "Accept-Language"),
    ];
    (headers, body).into_response()
}

pub(super) fn line_answer<'a>(
    line: &Line,
    operations: &[Operation],
    results: &'a Results,
    language: Language,
) -> BulkLine<'a> {
    let at = match &line.fate {
        Fate::Taken(at) => *at,
        Fate::Refused { reference, problem } => {
            let problem = Some(problem.body(language));
            return BulkLine { problem, ..BulkLine::new(line.number, *reference, LineStatus::Refused) };
        }
    };
    let reference = Some(operations[at].reference);
    match results {
        Results::Submitted(answers) => match answers.get(at).and_then(Option::as_ref) {
            None => BulkLine::new(line.number, reference, LineStatus::Accepted),
            Some(answer) => BulkLine {
                height: Some(answer.place.height),
                index: Some(answer.place.index),
                transaction_id: answer.transaction_id,
                receipt: Some(&answer.receipt),
                first: answer.first.as_ref(),
                problem: answer.refusal().map(|problem| problem.body(language)),
                ..BulkLine::new(line.number, reference, LineStatus::Final)
            },
        },
        Results::Judged(judged) => BulkLine {
            height: Some(judged.judgement.height),
            time_ms: Some(judged.judgement.time_ms),
            dry_run: Some(true),
            receipt: Some(&judged.receipts[at].receipt),
            first: judged.receipts[at].first.as_ref(),
            problem: judged.refusal(at).map(|problem| problem.body(language)),
            ..BulkLine::new(line.number, reference, LineStatus::Judged)
        },
    }
}

impl BulkLine<'_> {
    const fn new(line: usize, reference: Option<Reference>, status: LineStatus) -> Self {
        Self {
            line,
            reference,
            status,
            height: None,
            index: None,
            transaction_id: None,
            receipt: None,
            first: None,
            problem: None,
            dry_run: None,
            time_ms: None,
        }
    }
}
