//! The HTTP interface under `/v1` (docs/http.md): submit, ask, observe; and under `/ethereum`, for programs of Ethereum.
//!
//! Layers from the outside in: problems get their body and language, panics become problems, requests are counted and
//! bounded in number and time, the client is authenticated, answers to a GET are tagged. A handler reads its parameters strictly, asks [`crate::query`]
//! or the submitter, and answers; blocking work runs on blocking threads.
//!
//! **Invariants.** Nothing is queued without bound: what finds no room is answered 429 with `Retry-After`. What cannot be
//! served is refused with 4xx, never answered with an empty list. A state or a block that cannot be read ends the process
//! where it is read (`crate::storage`), not here.

mod auth;
mod bulk;
mod chain;
mod conditional;
mod dry_run;
mod ethereum;
mod events;
mod export;
mod governance;
mod health;
mod merchants;
mod missing;
mod openapi;
mod params;
mod problem;
mod proofs;
mod quotes;
mod read;
mod settlement;
mod submit;
mod texts;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tally_contracts::governance::ValidatorSet;
use tally_contracts::types::MerchantId;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::anchoring::Progress;
use crate::config::{ClientToken, Limits, Timeouts};
use crate::ingress::submitter::Submitter;
use crate::mempool::Mempool;
use crate::network::NetworkHandle;
use crate::query::{QueryError, Snapshot};
use crate::replica::Replica;

// What reads bytes of clients, for the fuzz targets: no part of the interface.
#[doc(hidden)]
pub use bulk::read_bulk;
#[doc(hidden)]
pub use ethereum::answer_ethereum;
#[doc(hidden)]
pub use params::{idempotency_key, media_type, wait_seconds};

pub use health::Health;
pub use problem::{Language, Problem};

/// What the interface is made of.
pub struct ApiOptions {
    /// The chain and its state.
    pub replica: Arc<Replica>,
    /// Transactions that wait for a block.
    pub mempool: Arc<Mempool>,
    /// Where a merchant's node takes operations; none for an observer.
    pub door: Option<Door>,
    /// How far anchoring has come.
    pub anchors: Progress,
    /// The peers; none for a node alone.
    pub network: Option<NetworkHandle>,
    /// Who may use the interface.
    pub clients: Vec<ClientToken>,
    /// Bounds.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// The numbers for monitoring.
    pub metrics: PrometheusHandle,
}

/// Where a merchant's node takes operations.
#[derive(Clone)]
pub struct Door {
    /// The merchant.
    pub merchant: MerchantId,
    /// Takes what the node signs in its name, and what was signed elsewhere.
    pub submitter: Arc<Submitter>,
}

/// Exports under way at once: each keeps a thread for as long as its reader takes.
const MAX_EXPORTS: usize = 4;

/// The interface of one node, shared by all requests.
pub struct Api {
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
    door: Option<Door>,
    anchors: Progress,
    network: Option<NetworkHandle>,
    clients: Vec<ClientToken>,
    limits: Limits,
    timeouts: Timeouts,
    metrics: PrometheusHandle,
    health: Arc<Health>,
    requests: Semaphore,
    bulks: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
}

impl Api {
    /// The interface; nothing is served yet. Needs a tokio runtime.
    #[must_use]
    pub fn new(options: ApiOptions) -> Arc<Self> {
        let ApiOptions { replica, mempool, door, anchors, network, clients, limits, timeouts, metrics } = options;
        let health = Arc::new(Health::new(replica.chain().genesis(), timeouts.ready_lag_ms));
        tokio::spawn(health.clone().follow(replica.clone()));
        Arc::new(Self {
            replica,
            mempool,
            door,
            anchors,
            network,
            clients,
            requests: Semaphore::new(limits.requests),
            bulks: Arc::new(Semaphore::new(limits.bulk_requests)),
            exports: Arc::new(Semaphore::new(MAX_EXPORTS)),
            streams: Arc::new(Semaphore::new(limits.event_streams)),
            limits,
            timeouts,
            metrics,
            health,
            stopping: watch::Sender::new(false),
        })
    }

    /// Serves until `shutdown` ends; then takes no more connections, ends the streams of events and lets requests in progress
    /// end.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let api = self.clone();
        let stop = async move {
            shutdown.await;
            api.stopping.send_replace(true);
        };
        axum::serve(listener, router(self)).with_graceful_shutdown(stop).await
    }

    /// Runs work that blocks, off the threads that serve.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "a request panicked");
            Problem::new("internal")
        })
    }

    /// Asks a question about state at the head.
    async fn query<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Snapshot<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Problem> {
        let replica = self.replica.clone();
        let ask = move || {
            let genesis = replica.chain().genesis();
            replica.read(|view| question(&Snapshot { head: view.head, store: view.store, genesis }))
        };
        self.blocking(ask).await?.map_err(Problem::from)
    }

    /// Where operations are taken.
    ///
    /// # Errors
    /// `observer`.
    fn door(&self) -> Result<&Door, Problem> {
        self.door.as_ref().ok_or_else(|| Problem::new("observer"))
    }

    fn peers(&self) -> usize {
        self.network.as_ref().map_or(0, |network| network.connected_peers().len())
    }

    /// Whether this node is one of the validators.
    fn validates(&self, validators: &ValidatorSet) -> bool {
        self.door.as_ref().is_some_and(|door| validators.get(door.merchant).is_some())
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

/// The routes that take a token; a bulk has at most so many bytes.
fn v1(bulk_bytes: usize) -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(submit::operation, read::operations))
        .routes(routes!(bulk::bulk).layer(DefaultBodyLimit::max(bulk_bytes)))
        .routes(routes!(read::days))
        .routes(routes!(chain::operation))
        .routes(routes!(submit::transaction))
        .routes(routes!(chain::transaction))
        .routes(routes!(read::status))
        .routes(routes!(read::genesis))
        .routes(routes!(read::member))
        .routes(routes!(read::balances))
        .routes(routes!(read::statement))
        .routes(routes!(read::spend_plan))
        .routes(routes!(read::grant))
        .routes(routes!(read::classes))
        .routes(routes!(read::class))
        .routes(routes!(merchants::validators))
        .routes(routes!(merchants::list))
        .routes(routes!(merchants::keys))
        .routes(routes!(merchants::stores))
        .routes(routes!(merchants::holds))
        .routes(routes!(read::rates))
        .routes(routes!(quotes::quotes))
        .routes(routes!(settlement::obligations))
        .routes(routes!(settlement::settlements))
        .routes(routes!(settlement::settlement))
        .routes(routes!(settlement::statement))
        .routes(routes!(settlement::settlement_operations))
        .routes(routes!(settlement::disputes))
        .routes(routes!(settlement::calendar))
        .routes(routes!(governance::parameters))
        .routes(routes!(governance::proposals))
        .routes(routes!(governance::notices))
        .routes(routes!(governance::pool))
        .routes(routes!(governance::distributions))
        .routes(routes!(governance::distribution))
        .routes(routes!(chain::block))
        .routes(routes!(chain::raw))
        .routes(routes!(chain::certificate))
        .routes(routes!(events::events))
        .routes(routes!(export::export))
        .merge(proofs())
        .routes(routes!(ethereum::erc1155))
        .routes(routes!(ethereum::ethereum))
        .routes(routes!(ethereum::ethereum_by_token))
}

/// Checkpoints and proofs; they take a token too.
fn proofs() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(proofs::list))
        .routes(routes!(proofs::one))
        .routes(routes!(proofs::policy))
        .routes(routes!(proofs::operation))
        .routes(routes!(proofs::signed))
        .routes(routes!(proofs::growth))
        .routes(routes!(proofs::balance))
        .routes(routes!(proofs::statement))
        .routes(routes!(proofs::settlement))
        .routes(routes!(proofs::anchored))
        // Where C2SP has it, in a form of its own: not in the description of the interface.
        .route("/tile/entries/{*path}", get(proofs::entries))
}

/// The routes that take none.
fn open() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(read::problem).layer(middleware::from_fn(conditional::conditional)))
        .routes(routes!(openapi::document).layer(middleware::from_fn(conditional::conditional)))
        .route("/checkpoint", get(proofs::checkpoint))
        .route("/tile/{*path}", get(proofs::tile))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

fn router(api: Arc<Api>) -> Router {
    let v1 = v1(api.limits.bulk_bytes)
        .route_layer(middleware::from_fn(conditional::conditional))
        .route_layer(middleware::from_fn_with_state(api.clone(), auth::authenticate))
        .layer(DefaultBodyLimit::max(api.limits.request_bytes));
    let (routes, _) = v1.merge(open()).split_for_parts();
    routes
        .fallback(|| async { Problem::new("not_found") })
        .route_layer(middleware::from_fn_with_state(api.clone(), bound))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(problem::render))
        .with_state(api)
}

/// Middleware: bounds requests in number and time, counts and logs them.
async fn bound(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map_or("unknown".to_owned(), |p| p.as_str().to_owned());
    let is_health = ["/livez", "/readyz", "/metrics"].contains(&path.as_str());
    let response = match api.requests.try_acquire() {
        // Whether the node lives is told under any load.
        Err(_) if !is_health => Problem::overloaded("too many requests are in progress", 1_000).into_response(),
        permit => {
            let wait_s =
                params::wait_seconds(request.headers()).ok().flatten().unwrap_or(0).min(api.timeouts.max_wait_s);
            let limit = Duration::from_millis(api.timeouts.request_ms) + Duration::from_secs(wait_s);
            let answer = tokio::time::timeout(limit, next.run(request)).await;
            drop(permit);
            answer.unwrap_or_else(|_| Problem::new("timed_out").into_response())
        }
    };
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let client = response.extensions().get::<auth::ClientName>().map_or("-", |c| c.0.as_ref()).to_owned();
    let labels = [("method", method_label(&method).to_owned()), ("path", path.clone()), ("status", status.to_string())];
    metrics::counter!("tally_http_requests_total", &labels).increment(1);
    metrics::histogram!("tally_http_request_seconds", "path" => path.clone()).record(took.as_secs_f64());
    tracing::debug!(%method, path, status, client, took_us = took.as_micros() as u64, "request");
    response
}

/// A method as a metric's label: whatever a client makes up is one label.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        _ => "other",
    }
}

/// A panic in a handler is a bug: it is answered, logged by the panic itself, and the node goes on.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    metrics::counter!("tally_http_panics_total").increment(1);
    Problem::new("internal").into_response()
}
