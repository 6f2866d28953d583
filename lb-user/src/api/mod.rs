//! The management API: that of `OpenStack`'s load balancing service (Octavia, v2), so that its tools can be used.
//!
//! ```text
//! connection -> route -> caller (who is it?) -> read (query, body) -> manager -> show
//! ```
//!
#![doc = include_str!("differences.md")]

mod administration;
mod amphorae;
mod answer;
mod auth;
mod caller;
mod capabilities;
mod console;
mod detached;
mod discovery;
mod doors;
mod events;
mod health;
mod identity;
mod list;
mod load_balancers;
mod members;
mod negotiation;
mod network;
mod objects;
mod offers;
mod openapi;
mod path;
mod populated;
mod providers;
mod query;
mod quotas;
mod serve;
mod sessions;
mod show;
#[cfg(test)]
mod tests;
mod traffic;
mod whole;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::{
    Extension, Router,
    middleware::{from_fn_with_state, map_request, map_response},
    routing::{get, put},
};
use tokio::sync::Mutex;

pub use caller::{Caller, Role};
pub(crate) use doors::{Doors, Sharing, check_files};
pub use serve::serve;

use crate::{
    manager::Manager,
    objects::{DEFAULT_PROJECT, HealthMonitor, L7Policy, L7Rule, Listener, LoadBalancer, Member, Pool},
    tls::server::Expiry,
};
use auth::Access;

/// The largest body of a request, in bytes.
const LARGEST_BODY: usize = 4 << 20;

/// What requests are answered by.
pub struct Api {
    manager: Arc<Manager>,
    access: Arc<Access>,
    streams: events::Streams,
    /// Until when the certificate is good that is shown by network.
    certificates: ArcSwap<Vec<Expiry>>,
    writing_metrics: Arc<Mutex<()>>,
}

type Shared = Arc<Api>;

impl Api {
    /// Answers by what `manager` has.
    #[must_use]
    pub fn new(manager: Arc<Manager>) -> Arc<Self> {
        Arc::new(Self {
            manager,
            access: Access::new().into(),
            streams: events::Streams::default(),
            certificates: ArcSwap::default(),
            writing_metrics: Arc::default(),
        })
    }

    /// What answers which path.
    fn routes(self: &Arc<Self>) -> Router {
        let lbaas = Router::new()
            .merge(objects::routes::<LoadBalancer>("/loadbalancers"))
            .merge(objects::routes::<Listener>("/listeners"))
            .merge(objects::routes::<Pool>("/pools"))
            .merge(objects::routes::<Member>("/pools/{parent}/members"))
            .merge(objects::routes::<HealthMonitor>("/healthmonitors"))
            .merge(objects::routes::<L7Policy>("/l7policies"))
            .merge(objects::routes::<L7Rule>("/l7policies/{parent}/rules"))
            .merge(load_balancers::routes())
            .merge(administration::routes())
            .merge(providers::routes())
            .merge(quotas::routes())
            .route("/pools/{parent}/members", put(members::replace))
            .merge(sessions::routes())
            .merge(traffic::routes())
            .route("/capabilities", get(capabilities::capabilities))
            .route("/events", get(events::events))
            .route("/events/latest", get(events::latest));
        let versions = Router::new()
            .nest("/v2.0/lbaas", lbaas.clone())
            .nest("/v2/lbaas", lbaas)
            .nest("/v2.0/octavia", amphorae::routes())
            .nest("/v2/octavia", amphorae::routes())
            .merge(discovery::routes())
            .merge(network::routes())
            .merge(identity::beside());
        Router::new()
            .route("/openapi.json", get(openapi::openapi))
            .merge(health::routes())
            .merge(versions.clone())
            .nest("/load-balancer", versions)
            .merge(network::service())
            .merge(identity::routes())
            .fallback(answer::not_found)
            .method_not_allowed_fallback(answer::method_not_allowed)
            .with_state(Arc::clone(self))
    }

    /// What answers requests. Who asks has to be among the extensions of one, as a [`Caller`].
    pub fn router(self: &Arc<Self>) -> Router {
        // What changes a request has to come before the way is looked for by its path.
        Router::new()
            .fallback_service(self.routes())
            .layer(from_fn_with_state(detached::places(), detached::detached))
            .layer(map_request(query::check_accept))
            .layer(map_request(query::without_trailing_slash))
            .layer(map_response(answer::with_usual_headers))
    }

    /// The same for those who come by network: who asks is what they show, where they are let in.
    pub(crate) fn guarded(self: &Arc<Self>) -> Router {
        let guard = from_fn_with_state(Arc::clone(&self.access), auth::admit);
        let guarded = self.router().layer(guard);
        // Whoever is not let in may want to speak of that too.
        console::before(self, guarded).layer(map_response(answer::with_usual_headers))
    }
}

/// Has whoever comes by a way that only administrators have be one.
pub fn trusted(router: Router) -> Router {
    router.layer(Extension(Caller::admin("local", DEFAULT_PROJECT)))
}
