//! Changes are done to their end, whatever becomes of the connections that they were asked for by.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::{sync::Semaphore, task};
use tracing::error;

use crate::objects::Fault;

/// Changes that are under way or wait for each other, at most: those who asked for them may have gone away.
const AT_ONCE: usize = 1024;

/// As many places as there may be changes at a time.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AT_ONCE))
}

/// Has a change done by a task of its own, which goes on where its client goes away. The work on a request ends with its
/// connection; of one that was given up between the store and what is known of it, the rest would hear only at the next start.
pub(super) async fn detached(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let Ok(place) = places.try_acquire_owned() else {
        return Fault::new(503, "Too much is being changed; try again later.").into_response();
    };
    let done = task::spawn(async move {
        let response = next.run(request).await;
        drop(place);
        response
    });
    done.await.unwrap_or_else(|gone| {
        error!("a request was not answered: {gone}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}
