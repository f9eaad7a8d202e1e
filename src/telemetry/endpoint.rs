//! The HTTP listener of the metrics: `GET /metrics`, and nothing else.
//!
//! Owns: its thread, its connections and their limits. A connection serves one request and has one deadline for all of it,
//! so that nobody can hold a place by being slow. Does not know: what the text says.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tracing::{debug, warn};

use super::exposition::Format;

/// From the first byte of a request to the last of its answer.
const CONNECTION_MAX: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const HEAD_MAX: usize = 16 << 10;
/// The pause after a failed accept, as in `net`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Writes an answer. Runs on the endpoint's thread; `None` if it cannot be written, which is our mistake.
pub(crate) type Scrape = Arc<dyn Fn(Format) -> Pin<Box<dyn Future<Output = Option<String>>>> + Send + Sync>;

/// What the endpoint is started with.
#[derive(Debug)]
pub(crate) struct EndpointOptions {
    /// Bound already.
    pub(crate) socket: TcpListener,
    /// `metrics.connections.max`.
    pub(crate) connections_max: usize,
}

/// The thread of the endpoint, which ends when the broker stops.
#[derive(Debug)]
pub(crate) struct Endpoint {
    thread: JoinHandle<()>,
}

impl Endpoint {
    /// Starts it.
    ///
    /// # Errors
    /// The system's, when the thread or its runtime cannot be made.
    pub(crate) fn start(
        options: EndpointOptions,
        scrape: Scrape,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let stopping = stopping.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            // What is under way when the broker stops is dropped: the scraper asks again.
            LocalSet::new().block_on(&runtime, serve(options, scrape, stopping));
        })?;
        Ok(Self { thread })
    }

    /// Waits for its end; the caller has said `stopping`.
    pub(crate) fn join(self) {
        if self.thread.join().is_err() {
            warn!("the metrics thread ended with a panic");
        }
    }
}

async fn serve(options: EndpointOptions, scrape: Scrape, mut stopping: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(options.socket) {
        Ok(listener) => listener,
        Err(error) => return warn!(%error, "the metrics are not shown: the listener cannot be used"),
    };
    let mut connections = JoinSet::new();
    while !*stopping.borrow() {
        // Every arm is cancel-safe: an unaccepted connection stays in the kernel's queue, a finished task in its set.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopping.changed() => return,
        };
        match accepted {
            Ok((_, remote)) if connections.len() >= options.connections_max => {
                warn!(%remote, "connection refused: metrics.connections.max");
            }
            Ok((stream, _)) => {
                let scrape = Arc::clone(&scrape);
                connections.spawn_local(async move {
                    drop(tokio::time::timeout(CONNECTION_MAX, answer_one(stream, scrape)).await);
                });
            }
            Err(error) => {
                warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one request.
async fn answer_one(stream: TcpStream, scrape: Scrape) {
    let service = service_fn(move |request: Request<Incoming>| {
        let scrape = Arc::clone(&scrape);
        async move { Ok::<_, Infallible>(answer(&request, &scrape).await) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        debug!(%error, "a scraper went away");
    }
}

async fn answer(request: &Request<Incoming>, scrape: &Scrape) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = accept.map_or(Format::Prometheus, Format::asked);
    let Some(text) = scrape(format).await else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n");
    };
    let mut found = Response::new(Full::new(Bytes::from(text)));
    found.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    found
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
