//! The listener: connections, routes to the hosts, and connections that end before an answer.
//!
//! Invariant: a response marked with [`Abort`] is never sent; its connection is closed instead.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Response, header},
    response::Html,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tower::ServiceExt as _;

use crate::{
    control,
    counters::Violation,
    entra::{Entra, Host},
};

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
pub(crate) fn router(entra: Arc<Entra>) -> Router {
    let login = async |State(entra): State<Arc<Entra>>, request: Request| {
        entra.serve(Host::Login, request).await
    };
    let graph = async |State(entra): State<Arc<Entra>>, request: Request| {
        entra.serve(Host::Graph, request).await
    };
    Router::new()
        .route("/entra/login/{*path}", axum::routing::any(login))
        .route("/entra/graph/{*path}", axum::routing::any(graph))
        .with_state(Arc::clone(&entra))
        .merge(control::router(entra))
}

/// A host that is not the vendor's: whoever follows a foreign link ends here, and is counted.
pub(crate) fn foreign_router(entra: Arc<Entra>) -> Router {
    let seen = async |State(entra): State<Arc<Entra>>, headers: HeaderMap| {
        let token = headers.contains_key(header::AUTHORIZATION);
        entra.counters.foreign(token);
        if token {
            entra.counters.violation(Violation::TokenToForeignHost);
        }
        Html("<!DOCTYPE html><title>Elsewhere</title><p>This is not the vendor.</p>")
    };
    Router::new().fallback(seen).with_state(entra)
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
            let service = tower::service_fn(move |request| answer(router.clone(), peer, request));
            let builder = auto::Builder::new(TokioExecutor::new());
            let _ = builder
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
    connections.shutdown().await;
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    mut request: hyper::Request<hyper::body::Incoming>,
) -> io::Result<Response<Body>> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.extensions().get::<Abort>().is_some() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(response)
}
