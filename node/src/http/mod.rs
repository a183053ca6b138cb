//! The HTTP interface under `/v1` (DESIGN 8): submit, ask, observe.
//!
//! Layers from the outside in: problems get their body and language, panics become problems, requests are counted and
//! bounded in number and time, the client is authenticated. A handler reads its parameters strictly, asks [`crate::query`]
//! or the submitter, and answers; blocking work runs on blocking threads.
//!
//! **Invariants.** Nothing is queued without bound: what finds no room is answered 429 with `Retry-After`. What cannot be
//! served is refused with 4xx, never answered with an empty list. A state or a block that cannot be read ends the process
//! where it is read (`crate::storage`), not here.

mod auth;
mod bulk;
mod chain;
mod export;
mod health;
mod params;
mod problem;
mod read;
mod submit;
mod texts;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use tally_contracts::types::MerchantId;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::{ClientToken, Limits, Timeouts};
use crate::ingress::submitter::Submitter;
use crate::mempool::Mempool;
use crate::network::NetworkHandle;
use crate::query::{QueryError, Snapshot};
use crate::replica::Replica;

pub use health::Health;
pub use problem::{Language, Problem};

/// What the interface is made of.
pub struct ApiOptions {
    /// The merchant whose node this is.
    pub merchant: MerchantId,
    /// The chain and its state.
    pub replica: Arc<Replica>,
    /// Transactions that wait for a block.
    pub mempool: Arc<Mempool>,
    /// Where operations are taken.
    pub submitter: Arc<Submitter>,
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

/// Exports under way at once: each keeps a thread for as long as its reader takes.
const MAX_EXPORTS: usize = 4;

/// The interface of one node, shared by all requests.
pub struct Api {
    merchant: MerchantId,
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
    submitter: Arc<Submitter>,
    network: Option<NetworkHandle>,
    clients: Vec<ClientToken>,
    limits: Limits,
    timeouts: Timeouts,
    metrics: PrometheusHandle,
    health: Arc<Health>,
    requests: Semaphore,
    bulks: Semaphore,
    exports: Arc<Semaphore>,
    stopping: AtomicBool,
}

impl Api {
    /// The interface; nothing is served yet. Needs a tokio runtime.
    #[must_use]
    pub fn new(options: ApiOptions) -> Arc<Self> {
        let ApiOptions { merchant, replica, mempool, submitter, network, clients, limits, timeouts, metrics } = options;
        let health = Arc::new(Health::new(replica.chain().genesis(), timeouts.ready_lag_ms));
        tokio::spawn(health.clone().follow(replica.clone()));
        Arc::new(Self {
            merchant,
            replica,
            mempool,
            submitter,
            network,
            clients,
            requests: Semaphore::new(limits.requests),
            bulks: Semaphore::new(limits.bulk_requests),
            exports: Arc::new(Semaphore::new(MAX_EXPORTS)),
            limits,
            timeouts,
            metrics,
            health,
            stopping: AtomicBool::new(false),
        })
    }

    /// Serves until `shutdown` ends; then takes no more connections and lets requests in progress end.
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
            api.stopping.store(true, Ordering::Relaxed);
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

    fn peers(&self) -> usize {
        self.network.as_ref().map_or(0, |network| network.connected_peers().len())
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

fn router(api: Arc<Api>) -> Router {
    let bulk = DefaultBodyLimit::max(api.limits.bulk_bytes);
    let v1 = Router::new()
        .route("/v1/operations", post(submit::operation).get(read::operations))
        .route("/v1/operations/bulk", post(bulk::bulk).layer(bulk))
        .route("/v1/operations/days", get(read::days))
        .route("/v1/operations/{merchant}/{reference}", get(chain::operation))
        .route("/v1/transactions", post(submit::transaction))
        .route("/v1/transactions/{id}", get(chain::transaction))
        .route("/v1/status", get(read::status))
        .route("/v1/genesis", get(read::genesis))
        .route("/v1/members/{address}", get(read::member))
        .route("/v1/members/{address}/balances", get(read::balances))
        .route("/v1/members/{address}/statement", get(read::statement))
        .route("/v1/classes", get(read::classes))
        .route("/v1/classes/{id}", get(read::class))
        .route("/v1/merchants", get(read::merchants))
        .route("/v1/rates", get(read::rates))
        .route("/v1/obligations", get(read::obligations))
        .route("/v1/settlements", get(read::settlements))
        .route("/v1/settlements/{cycle}", get(read::settlement))
        .route("/v1/settlements/{cycle}/operations", get(read::settlement_operations))
        .route("/v1/blocks/{height}", get(chain::block))
        .route("/v1/blocks/{height}/raw", get(chain::raw))
        .route("/v1/blocks/{height}/certificate", get(chain::certificate))
        .route("/v1/export", get(export::export))
        .route_layer(middleware::from_fn_with_state(api.clone(), auth::authenticate))
        .layer(DefaultBodyLimit::max(api.limits.request_bytes));
    let open = Router::new()
        .route("/v1/problems/{code}", get(read::problem))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics));
    v1.merge(open)
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
    let is_health = !path.starts_with("/v1/");
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
