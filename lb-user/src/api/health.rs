//! What machines ask of the daemon now and then: how it is doing, and how all of it is doing.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::{task, time};

use super::{Shared, caller::Caller, negotiation};
use crate::{
    metrics::{self, Coding},
    objects::{DEFAULT_PROJECT, Fault},
};

/// How long the daemon may take to be heard of.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a look at all flows and sessions may take, with what is to be done before.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// What is answered in text.
pub(super) const METRICS: &str = "/metrics";
pub(super) const HEALTHZ: &str = "/healthz";
pub(super) const READYZ: &str = "/readyz";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(METRICS, get(metrics))
        .route(HEALTHZ, get(async || "ok\n"))
        .route(READYZ, get(readyz))
}

/// Of everybody's objects: for whoever has the machine.
async fn metrics(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    caller.may_see(DEFAULT_PROJECT)?;
    let form = negotiation::form(&headers);
    let coding = if negotiation::takes_gzip(&headers) {
        Coding::Gzip
    } else {
        Coding::Identity
    };
    let told = async {
        let status = api.manager.status().await?;
        let api_certificates = api.certificates.load_full();
        // One after the other, also of those whose clients have gone away: it takes a processor, and others want to know
        // something too.
        let turn = Arc::clone(&api.writing_metrics).lock_owned().await;
        let written = task::spawn_blocking(move || {
            let _turn = turn;
            let told = metrics::Told {
                status,
                api_certificates,
                process: metrics::Process::this().ok(),
            };
            metrics::render(told, form, coding)
        });
        let failed = || Fault::new(500, "The metrics cannot be written.");
        written.await.ok().and_then(Result::ok).ok_or_else(failed)
    };
    let text = time::timeout(LONGEST_LOOK, told).await;
    let text = text.unwrap_or_else(|_| Err(Fault::new(503, "The daemon is busy; ask again.")))?;
    let says = [
        (CONTENT_TYPE, form.content_type()),
        (VARY, "accept, accept-encoding"),
    ];
    let mut response = (says, text).into_response();
    if coding == Coding::Gzip {
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(CONTENT_ENCODING, gzip);
    }
    Ok(response)
}

/// Whether the daemon serves, and does what it is asked for.
async fn readyz(State(api): State<Shared>) -> Response {
    match time::timeout(PATIENCE, api.manager.ping()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the daemon is ending\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the daemon is busy\n").into_response(),
    }
}
