//! The listener: connections, routes to the hosts, and connections that end before an answer.
//!
//! Invariant: a response marked with [`Abort`] is never sent; its connection is reset instead, with all that it
//! carries.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Response, StatusCode, Uri, header},
    response::Html,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower::ServiceExt as _;

use crate::{Providers, control, counters::Counters, exchange, provider::Simulated};

/// Marks a response whose connection is to be closed without it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abort;

impl Abort {
    /// A response that is never sent.
    pub(crate) fn response() -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Self);
        response
    }
}

/// All routes of the simulator.
pub(crate) fn router(providers: &Providers) -> Router {
    let mut router = Router::new();
    for provider in providers.iter() {
        for prefix in provider.hosts() {
            router = router.merge(host(Arc::clone(provider), prefix));
        }
    }
    let hosts = providers.iter().flat_map(|provider| provider.hosts().iter().copied());
    let hosts = hosts.collect::<Vec<_>>().join(", ");
    let nothing_here = async move |uri: Uri| {
        let text =
            format!("there is nothing at {}; this simulator has {hosts} and /__sim", uri.path());
        (StatusCode::NOT_FOUND, Json(json!({"error": text})))
    };
    router.merge(control::router(providers.clone())).fallback(nothing_here)
}

/// Marks a request that came through TLS: links in its answer lead there too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encrypted;

/// All routes, for what comes through TLS.
pub(crate) fn encrypted_router(providers: &Providers) -> Router {
    router(providers).layer(Extension(Encrypted))
}

/// The routes of one host of a provider.
fn host(provider: Arc<dyn Simulated>, prefix: &'static str) -> Router {
    let serve = async move |State(provider): State<Arc<dyn Simulated>>, request: Request| {
        exchange::serve(provider, prefix, request).await
    };
    Router::new()
        .route(&format!("{prefix}/{{*path}}"), axum::routing::any(serve))
        .with_state(provider)
}

/// A host that is no vendor's: whoever follows a foreign link ends here, and is counted. Which provider sent them
/// cannot be told, so each of them counts it.
pub(crate) fn foreign_router(providers: &Providers) -> Router {
    let seen = async |State(providers): State<Providers>, headers: HeaderMap| {
        let token = headers.contains_key(header::AUTHORIZATION);
        let counters = providers.iter().map(|provider| &provider.world().counters);
        counters.for_each(|counters: &Counters| counters.foreign(token));
        Html("<!DOCTYPE html><title>Elsewhere</title><p>This is not the vendor.</p>")
    };
    Router::new().fallback(seen).with_state(providers.clone())
}

/// Serves until told to stop; connections are then cut.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, peer)) = accepted else { continue };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        connections.spawn(async move {
            let cut = Arc::new(AtomicBool::new(false));
            let line = Line { stream, cut: Arc::clone(&cut) };
            let service = tower::service_fn(move |request| {
                answer(router.clone(), peer, Arc::clone(&cut), request)
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            // How a connection ends is the client's business.
            let _ = builder
                .serve_connection(TokioIo::new(line), TowerToHyperService::new(service))
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
    connections.shutdown().await;
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    cut: Arc<AtomicBool>,
    mut request: hyper::Request<hyper::body::Incoming>,
) -> io::Result<Response<Body>> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.extensions().get::<Abort>().is_some() {
        cut.store(true, Ordering::Relaxed);
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(response)
}

/// A connection that can be cut: then nothing more goes through it, and the peer sees it reset.
struct Line {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl Line {
    /// The stream, unless the connection was cut.
    fn open(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.cut.load(Ordering::Relaxed) {
            // Without lingering, closing sends a reset. If that fails, the peer sees an early end instead.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.open()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
