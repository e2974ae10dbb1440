//! The listener: connections, their limits, request ids, compression and graceful stop.
//!
//! Invariant: knows no protocol; whoever is slow to send a request's head, sends too long a one or holds
//! too many connections is cut off before any of our code runs, and whoever stops reading is cut off too. A
//! body's limits are those of its protocol.

mod patience;
pub(crate) mod stream;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use tower::ServiceExt;
use tower_http::{
    compression::CompressionLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

use self::patience::Patient;

/// Connections at one time; further ones wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 4_096;
/// How long a client may take to send a request's head, and to begin with its first one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long running requests may go on once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers of one request.
const HEADERS_MAX: usize = 100;
/// Length of a request's head; no connection holds more unread bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Requests at one time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;

/// Binds an address.
///
/// # Errors
/// Says which address cannot be had, why, and what to do.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program uses this port; stop it or choose another with --listen"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need more rights; choose another with --listen"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; choose another with --listen"
            }
            _ => "choose another address with --listen",
        };
        anyhow::anyhow!("cannot listen on {address}: {error}; {advice}")
    })
}

/// Serves until `stop` is ready, then lets running requests end.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let router = router
        .layer(CompressionLayer::new().gzip(true))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid));
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_concurrent_streams(STREAMS_MAX);
    tokio::pin!(stop);
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        // A failed accept concerns one client, or a lack of file handles that passes.
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let begun = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&begun);
        let service =
            tower::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                asked.store(true, Ordering::Relaxed);
                request.extensions_mut().insert(ConnectInfo(peer));
                router.clone().oneshot(request)
            });
        let connection = builder
            .serve_connection(TokioIo::new(Patient::new(stream)), TowerToHyperService::new(service))
            .into_owned();
        let watched = graceful.watch(connection);
        tasks.spawn(async move {
            if let Err(error) = until_end(watched, &begun).await {
                tracing::debug!(%peer, %error, "connection ended early");
            }
            drop(permit);
        });
        while tasks.try_join_next().is_some() {}
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    tasks.abort_all();
}

/// Runs a connection to its end; one without a request in time has reached it. hyper watches a head only
/// once it knows HTTP's version, which a silent client never lets it know.
async fn until_end<E: From<io::Error>>(
    connection: impl Future<Output = Result<(), E>>,
    begun: &AtomicBool,
) -> Result<(), E> {
    tokio::pin!(connection);
    match tokio::time::timeout(HEAD_TIMEOUT, &mut connection).await {
        Ok(ended) => ended,
        Err(_) if begun.load(Ordering::Relaxed) => connection.await,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}
