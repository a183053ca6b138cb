//! `GET /v1/events`: what happens, as server-sent events (WHATWG HTML, section 9.2), without a gap and each once.
//!
//! A stream is a walk along the chain: it reads block after block from the block log and the index, at the pace at which
//! its client takes them, and waits at the head for the next. Nothing is sent from a memory of recent events, so where a
//! client was cut off it goes on after the last id it saw, however long ago that was.
//!
//! **Invariant**: a stream holds one decoded block and the events of about [`CHUNK_BYTES`] at most; the number of streams is
//! bounded; all end when the node stops.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use serde::Deserialize;
use tally_contracts::types::{Address, Height, MerchantId, StoreId};
use tally_ledger::block::Block;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;

use super::Api;
use super::params::{Params, kind_parameter};
use super::problem::Problem;
use crate::query::events::{Event, EventFilter, EventId, OpenBlock, events_at};
use crate::query::index::{self, KindName};
use crate::query::{QueryError, Snapshot};
use crate::replica::Replica;

/// Parameters of the events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventParams {
    /// The first block, where there is no Last-Event-ID; the next one where it is left out.
    from_height: Option<Height>,
    /// Only operations that this merchant submitted.
    merchant: Option<MerchantId>,
    /// Only operations at tills of this store of the merchant.
    store_id: Option<StoreId>,
    /// Only operations of this kind.
    #[param(value_type = Option<KindName>)]
    kind: Option<String>,
    /// Only operations that name this member, enrolled it, or changed what it holds.
    member: Option<Address>,
}

/// Events that are read at once, in bytes of their data; one transaction more at most.
const CHUNK_BYTES: usize = 64 << 10;
/// When a client that was cut off comes again.
const RETRY: Duration = Duration::from_secs(2);
/// Silence after which a comment line is sent, so that nothing on the way takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Tells proxies of nginx's kind to pass each event on at once.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// What happens, as server-sent events in the order of the chain: due work, operations, and each block at its end.
///
/// `id` is the height and the event's position in its block, `event` is `due`, `operation` or `block`, `data` is a DueEvent,
/// OperationEvent or BlockEvent as JSON on one line. Whoever comes again with Last-Event-ID gets everything after it, once.
#[utoipa::path(get, path = "/v1/events", operation_id = "streamEvents", tag = "operations",
    params(
        EventParams,
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was received: go on after it."),
    ),
    responses((status = 200, description = "The stream; it stays open.", body = String, content_type = "text/event-stream")))]
pub async fn events(
    State(api): State<Arc<Api>>,
    Params(params): Params<EventParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let EventParams { from_height, merchant, store_id, kind, member } = params;
    let kind = kind.as_deref().map(kind_parameter).transpose()?;
    let filter = EventFilter { merchant, store_id, kind, member };
    let last_seen = last_event_id(&headers)?;
    let permit = api.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::overloaded("too many event streams are open", 10_000))?;
    let next = api.query(move |snapshot| Ok(start(snapshot, &filter, last_seen, from_height))).await??;
    let told = Told {
        heads: api.replica.watch_height(),
        stopping: api.stopping.subscribe(),
        walk: Walk { replica: api.replica.clone(), filter, next, open: None },
        queue: VecDeque::from([sse::Event::default().retry(RETRY)]),
        _permit: permit,
    };
    let stream = stream::unfold(told, Told::next).map(Ok::<_, Infallible>);
    let sse = Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    Ok(([UNBUFFERED], sse).into_response())
}

/// The last event that the client saw, as it says when it comes again.
fn last_event_id(headers: &HeaderMap) -> Result<Option<EventId>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let wrong = |reason: &dyn std::fmt::Display| Problem::because("last_event_id_invalid", reason);
    let text = value.to_str().map_err(|e| wrong(&e))?;
    text.parse().map(Some).map_err(|e| wrong(&format!("`{text}`: {e}")))
}

/// The first event to tell: after the last one seen, else from a height on, else what comes next.
fn start(
    snapshot: &Snapshot<'_>,
    filter: &EventFilter,
    last_seen: Option<EventId>,
    from_height: Option<Height>,
) -> Result<EventId, Problem> {
    filter.check(snapshot)?;
    let head = snapshot.head.height;
    if let Some(EventId { height, index }) = last_seen {
        if height > head {
            let reason = format!("event {height}-{index} is ahead of this node, which stands at {head}");
            return Err(Problem::because("last_event_id_ahead", reason));
        }
        if index >= events_at(snapshot, height) {
            let reason = format!("block {height} has no event {index}");
            return Err(Problem::because("last_event_id_invalid", reason));
        }
        return Ok(EventId { height, index: index + 1 });
    }
    let height = from_height.unwrap_or(head.next());
    if height == Height(0) {
        return Err(Problem::because("invalid_parameter", "from_height is 0: the first block has height 1"));
    }
    if height > head.next() {
        return Err(QueryError::HeightAhead { asked: height, head }.into());
    }
    Ok(EventId { height, index: 0 })
}

/// A stream under way.
struct Told {
    heads: watch::Receiver<Height>,
    stopping: watch::Receiver<bool>,
    walk: Walk,
    /// Read and not sent yet.
    queue: VecDeque<sse::Event>,
    /// One of the streams that there may be.
    _permit: OwnedSemaphorePermit,
}

/// A place on the chain, and what is told of it.
struct Walk {
    replica: Arc<Replica>,
    filter: EventFilter,
    /// The first event to tell that was not read yet, or was skipped to.
    next: EventId,
    /// The block at `next`, where it was begun.
    open: Option<OpenBlock>,
}

impl Told {
    /// The next event, when there is one; none when the node stops.
    async fn next(mut self) -> Option<(sse::Event, Self)> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some((event, self));
            }
            let height = self.walk.next.height;
            tokio::select! {
                biased;
                // An error means that the other end is gone, and with it the node.
                _ = self.stopping.wait_for(|stop| *stop) => return None,
                reached = self.heads.wait_for(|head| *head >= height) => drop(reached.ok()?),
            }
            let mut walk = self.walk;
            let read = tokio::task::spawn_blocking(move || (walk.read(), walk)).await;
            let (events, walk) = read.ok()?;
            self.walk = walk;
            // A block that cannot be read has been logged: the client comes again, here or at another node.
            self.queue.extend(events?.into_iter().map(sent));
        }
    }
}

fn sent(event: Event) -> sse::Event {
    sse::Event::default().id(event.id.to_string()).event(event.name).data(event.data)
}

impl Walk {
    /// Reads on, to the block's end at most. Blocks on the store.
    fn read(&mut self) -> Option<Vec<Event>> {
        let (height, mut events) = (self.next.height, Vec::new());
        let mut block = match self.open.take() {
            Some(block) => block,
            None => {
                let (bytes, _) = self.replica.committed(height)?;
                let block =
                    Block::decode(&bytes).inspect_err(|error| tracing::error!(%height, %error, "a stored block"));
                let due = self.replica.read(|view| index::due_at(view.store, height));
                let mut block = OpenBlock::new(block.ok()?, due);
                block.tell_due(&mut events);
                block
            }
        };
        while let Some(place) = block.next_place() {
            if events.iter().map(|event| event.data.len()).sum::<usize>() >= CHUNK_BYTES {
                self.open = Some(block);
                return Some(self.unseen(events));
            }
            let row = self.replica.read(|view| index::transaction_of(view.store, place));
            let (row, _) = row.expect("an executed transaction has its row in the index");
            block.tell_transaction(&row, &self.filter, &mut events);
        }
        events.push(block.tell_end());
        let events = self.unseen(events);
        self.next = EventId { height: height.next(), index: 0 };
        Some(events)
    }

    /// Without those that the client has.
    fn unseen(&self, mut events: Vec<Event>) -> Vec<Event> {
        events.retain(|event| event.id >= self.next);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingress::testing::{Alliance, OPERATOR, operations, signed, unsigned};

    /// The positions that a walk from one on tells of block 1, and in how many parts it reads them.
    fn told_from(alliance: &Alliance, index: u32) -> (Vec<u32>, usize) {
        let next = EventId { height: Height(1), index };
        let mut walk = Walk { replica: alliance.replica.clone(), filter: EventFilter::default(), next, open: None };
        let (mut told, mut parts) = (Vec::new(), 0);
        while walk.next.height == Height(1) {
            told.extend(walk.read().expect("the block can be read").iter().map(|event| event.id.index));
            parts += 1;
        }
        (told, parts)
    }

    #[test]
    fn a_large_block_is_read_in_parts_and_gone_on_with_anywhere() {
        let alliance = Alliance::new();
        let transactions = [0..150, 150..300, 300..450].map(|numbers| signed(unsigned(operations(numbers)), OPERATOR));
        alliance.commit(transactions.to_vec(), 1);
        let (all, parts) = told_from(&alliance, 0);
        assert_eq!(all, (0..=450).collect::<Vec<_>>());
        assert!(parts > 1, "it does not fit into one part");
        for index in [1, 149, 150, 151, 299, 300, 449, 450, 451] {
            assert_eq!(told_from(&alliance, index).0, (index..=450).collect::<Vec<_>>(), "from {index} on");
        }
    }
}
