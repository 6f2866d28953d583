//! Changes as they happen: a stream of server-sent events; and what has happened, for those who come later.

use std::{convert::Infallible, future, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::{
    sync::{Semaphore, broadcast::error::RecvError, watch},
    time,
};

use super::{Shared, answer, auth, caller::Caller, traffic};
use crate::{admission::Shares, model::ApiSettings, objects::Fault};

/// Streams at a time.
const MOST_STREAMS: usize = 128;
/// Streams at a time of one caller: others want some too, and the control socket, where all are one, has twice as many places.
pub(super) const OF_ONE_CALLER: usize = 32;
/// How long a stream lasts: then who listens has to show again who it is.
const LONGEST: Duration = Duration::from_hours(1);

/// Who listens.
pub(super) struct Streams {
    all: Arc<Semaphore>,
    of_callers: Shares<(String, String)>,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MOST_STREAMS)),
            of_callers: Shares::of(OF_ONE_CALLER),
        }
    }
}

impl Streams {
    /// A place among them, as long as it is kept.
    fn admit(&self, caller: &Caller) -> Result<impl Send + use<>, Fault> {
        let too_many = |whose: &str, most: usize| {
            let text = format!("{whose} {most} streams of events already; try again later.");
            Fault::new(503, text)
        };
        let whose = (caller.project_id.clone(), caller.name.clone());
        let share = self.of_callers.admit(whose);
        let share = share.ok_or_else(|| too_many("You have", OF_ONE_CALLER))?;
        let place = Arc::clone(&self.all).try_acquire_owned();
        let place = place.map_err(|_| too_many("There are", MOST_STREAMS))?;
        Ok((share, place))
    }
}

/// Fires when the connection that a request has come by is to end.
#[derive(Clone)]
pub(super) struct Ending(pub(super) watch::Receiver<()>);

/// Fires when others are let in than before.
#[derive(Clone)]
pub(super) struct Rights(pub(super) watch::Receiver<ApiSettings>);

/// How often it is looked whether somebody who listens may do so still.
const LOOK: Duration = Duration::from_secs(5);

pub(super) async fn events(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    OriginalUri(uri): OriginalUri,
    ending: Option<Extension<Ending>>,
    rights: Option<Extension<Rights>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Fault> {
    let traffic = traffic::told_of(&api, &caller, &uri)?;
    let place = api.streams.admit(&caller)?;
    let receiver = api.manager.subscribe();
    let events = stream::unfold(
        (receiver, caller, place),
        |(mut receiver, caller, place)| async move {
            loop {
                let event = match receiver.recv().await {
                    Ok(event) if caller.may_see(event.project_id()).is_err() => continue,
                    Ok(event) => {
                        sse::Event::default().data(serde_json::to_string(&event).unwrap_or_default())
                    }
                    // Whoever is too slow has to look at all of it again.
                    Err(RecvError::Lagged(_)) => sse::Event::default().event("lost").data("{}"),
                    Err(RecvError::Closed) => return None,
                };
                return Some((Ok::<_, Infallible>(event), (receiver, caller, place)));
            }
        },
    );
    let traffic = traffic.map_or_else(|| stream::pending().left_stream(), StreamExt::right_stream);
    let events = stream::select(events, traffic);
    // Those of the configuration end with that. It is looked now, since it may be taken back before anybody listens.
    let token = auth::token_of(&headers).filter(|token| api.access.issued(token).is_some());
    let end = async move {
        tokio::select! {
            () = is_taken_back(api, token) => {},
            () = fires(ending.map(|Extension(Ending(end))| end)) => {},
            () = fires(rights.map(|Extension(Rights(others))| others)) => {},
            () = time::sleep(LONGEST) => {},
        }
    };
    Ok(Sse::new(events.take_until(Box::pin(end))).keep_alive(KeepAlive::default()))
}

/// What has happened last of what the caller may hear of, the newest first.
pub(super) async fn latest(State(api): State<Shared>, Extension(caller): Extension<Caller>) -> Response {
    let events = api.manager.log(|project| caller.may_see(project).is_ok());
    answer::json_of(StatusCode::OK, &json!({ "events": events }))
}

/// Waits until a token is not good any more.
async fn is_taken_back(api: Shared, token: Option<String>) {
    let Some(token) = token else {
        return future::pending().await;
    };
    while api.access.issued(&token).is_some() {
        time::sleep(LOOK).await;
    }
}

async fn fires<T>(receiver: Option<watch::Receiver<T>>) {
    match receiver {
        // One whose sender is gone has fired too.
        Some(mut receiver) => drop(receiver.changed().await),
        None => future::pending().await,
    }
}
