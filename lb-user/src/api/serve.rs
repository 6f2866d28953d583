//! Serving connections, whatever they come by.

use std::time::Duration;

use axum::{Router, body::Body, extract::Request, http::HeaderValue};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tower_service::Service as _;

use super::{auth::Peer, events::Ending};

/// How long a request's header may take, and a connection be idle.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of a header.
const LONGEST_HEADER: usize = 64 * 1024;

/// Serves the requests of one connection, until its client goes away, or the daemon ends and they are answered.
pub async fn serve<S>(stream: S, router: Router, end: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve_as(stream, router, end, |_| {}).await;
}

/// What a connection is spoken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// The same of a connection that has come by network.
pub(super) async fn serve_from<S>(
    stream: S,
    router: Router,
    end: watch::Receiver<()>,
    peer: Peer,
    scheme: Scheme,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let note = move |request: &mut Request<Incoming>| {
        request.extensions_mut().insert(peer);
        if scheme == Scheme::Https {
            // As a proxy in front would say it: links in answers begin with it.
            let https = HeaderValue::from_static("https");
            request.headers_mut().insert("x-forwarded-proto", https);
        }
    };
    serve_as(stream, router, end, note).await;
}

async fn serve_as<S>(
    stream: S,
    router: Router,
    mut end: watch::Receiver<()>,
    note: impl Fn(&mut Request<Incoming>),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ending = Ending(end.clone());
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let mut router = router.clone();
        request.extensions_mut().insert(ending.clone());
        note(&mut request);
        async move { router.call(request.map(Body::new)).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LONGEST_HEADER)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = end.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Mostly clients that went away.
        tracing::debug!("a connection to the API ended: {error}");
    }
}
