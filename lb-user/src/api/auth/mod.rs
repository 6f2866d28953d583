//! Who asks: what a request shows is turned into a [`Caller`].
//!
//! ```text
//! credential -> (source has failed too often) -> (token of ours) -> (seen before) -> argon2id -> caller
//! ```

mod credential;
mod failures;
mod issued;
mod known;
mod refusal;
mod seen;

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header::ORIGIN},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use ring::hmac;
use tokio::{
    sync::{Semaphore, watch},
    task, time,
};
use tracing::warn;
use uuid::Uuid;

use super::{
    Caller, console,
    events::Rights,
    health::{HEALTHZ, READYZ},
};
use crate::{
    model::{ApiAuth, ApiSettings},
    objects::{DEFAULT_PROJECT, Fault},
};
pub(super) use credential::{Credential, TOKEN};
use failures::Failures;
use issued::IssuedTokens;
pub(super) use issued::{CONSOLE_LIFE, Issued, TOKEN_LIFE};
use known::Known;
pub(super) use known::Person;
pub(super) use refusal::{Refusal, error};

/// Passwords that are verified at a time: each takes a core, and 19 MiB.
const AT_A_TIME: usize = 2;
/// How many wait for that.
const WAITING: usize = 64;

/// The largest request to be let in, in bytes.
const LARGEST: usize = 16 * 1024;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a request has come from, by network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Where an address is counted by: whoever has one of IPv6 has all of its /64.
pub(super) fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Who is let in.
pub(crate) struct Access {
    known: ArcSwap<Known>,
    settings: watch::Sender<ApiSettings>,
    issued: Mutex<IssuedTokens>,
    failures: Mutex<Failures>,
    /// What is remembered of credentials is hashed with it.
    key: hmac::Key,
    verifying: Semaphore,
    waiting: Semaphore,
}

/// Somebody who was let in, and the project that they came for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    pub(super) person: Person,
    pub(super) project_id: String,
}

impl From<Admitted> for Caller {
    fn from(admitted: Admitted) -> Self {
        Self {
            name: admitted.person.name,
            project_id: admitted.project_id,
            role: admitted.person.role,
        }
    }
}

fn random_key() -> hmac::Key {
    // Two UUIDs of version 4 have 244 random bits.
    let random = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
    hmac::Key::new(hmac::HMAC_SHA256, random.as_flattened())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Access {
    /// Nobody is, until it is [said](Self::take) who.
    pub(crate) fn new() -> Self {
        Self {
            known: ArcSwap::from_pointee(Known::default()),
            settings: watch::Sender::default(),
            issued: Mutex::default(),
            failures: Mutex::default(),
            key: random_key(),
            verifying: Semaphore::new(AT_A_TIME),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// Lets those in from now on that the settings name. What was remembered of others' passwords is forgotten.
    pub(crate) fn take(&self, settings: &ApiSettings) {
        self.known.store(Arc::new(Known::new(settings)));
        self.settings.send_if_modified(|before| {
            let are_others = before != settings;
            before.clone_from(settings);
            are_others
        });
    }

    /// Whether those who come by network have to say who they are.
    pub(super) fn is_required(&self) -> bool {
        self.known.load().auth == ApiAuth::Required
    }

    /// The projects that somebody is of.
    pub(super) fn projects(&self) -> Vec<String> {
        self.known
            .load()
            .people
            .iter()
            .map(|person| person.project.clone())
            .collect()
    }

    /// Who shows this.
    pub(super) async fn authenticate(
        &self,
        credential: Credential,
        peer: Option<Peer>,
    ) -> Result<Admitted, Refusal> {
        self.check_failures(peer)?;
        if let Credential::Token(token) = &credential
            && let Some(issued) = self.issued(token)
        {
            return Ok(issued.admitted);
        }
        let known = self.known.load_full();
        let digest = credential.digest(&self.key);
        if let Some(person) = lock(&known.seen).get(&digest) {
            return Ok(person.into());
        }
        let waiting = self.waiting.try_acquire().map_err(|_| Refusal::Busy)?;
        let verifying = self.verifying.acquire().await;
        drop(waiting);
        // Others of the same source may have failed meanwhile, and the same credential have been verified.
        self.check_failures(peer)?;
        if let Some(person) = lock(&known.seen).get(&digest) {
            return Ok(person.into());
        }
        let called = known.called(&credential);
        let verified = {
            let (known, key) = (Arc::clone(&known), self.key.clone());
            task::spawn_blocking(move || known.verify(&credential, &key)).await
        };
        drop(verifying);
        if let Ok(Some(person)) = verified {
            lock(&known.seen).put(digest, person.clone());
            return Ok(person.into());
        }
        if let Some(Peer(source)) = peer {
            lock(&self.failures).note(source, Instant::now());
        }
        // A name that nobody has may be a password in the wrong place.
        let who = called.unwrap_or("somebody unknown");
        let source = peer.map(|Peer(source)| source.to_string());
        warn!(
            source = source.as_deref().unwrap_or("the control socket"),
            "the API did not let in {who}: the password or the token is not right"
        );
        Err(Refusal::Unknown)
    }

    fn check_failures(&self, peer: Option<Peer>) -> Result<(), Refusal> {
        let Some(Peer(source)) = peer else { return Ok(()) };
        match lock(&self.failures).wait(source, Instant::now()) {
            None => Ok(()),
            Some(wait) => Err(Refusal::TooMany(wait)),
        }
    }

    /// Gives out a token to somebody who was let in; for one from before, until that ends.
    pub(super) fn issue(
        &self,
        admitted: Admitted,
        life: Duration,
        before: Option<&Issued>,
    ) -> Option<(String, Issued)> {
        lock(&self.issued).issue(admitted, life, before, &self.key, Instant::now())
    }

    /// What was given out by this token, as long as it is good: those it was given to have to be let in still.
    pub(super) fn issued(&self, token: &str) -> Option<Issued> {
        let mut issued = lock(&self.issued).get(token, &self.key, Instant::now())?;
        let person = self.known.load().still(&issued.admitted.person)?;
        if !person.may_come_for(&issued.admitted.project_id) {
            return None;
        }
        issued.admitted.person = person;
        Some(issued)
    }

    /// Who has signed in at the console with the browser that sends this.
    fn signed_in(&self, headers: &HeaderMap) -> Option<Admitted> {
        let issued = self.issued(&console::cookie_of(headers)?)?;
        Some(issued.admitted)
    }

    /// Takes a token back.
    pub(super) fn revoke(&self, token: &str) {
        lock(&self.issued).revoke(token, &self.key);
    }
}

impl From<Person> for Admitted {
    fn from(person: Person) -> Self {
        Self {
            project_id: person.project.clone(),
            person,
        }
    }
}

/// The token that a request shows, or the cookie of the console, which is one.
pub(super) fn token_of(headers: &HeaderMap) -> Option<String> {
    match Credential::of(headers) {
        Some(Credential::Token(token)) => Some(token),
        Some(Credential::Password { .. }) => None,
        None => console::cookie_of(headers),
    }
}

/// Reads what anybody may send to be let in: little, and within some time. Or says what is wrong with it.
pub(super) async fn small_body(body: Body) -> Result<Bytes, Response> {
    match time::timeout(PATIENCE, to_bytes(body, LARGEST)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(error(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.")),
        Err(_) => Err(error(StatusCode::REQUEST_TIMEOUT, "The body does not come.")),
    }
}

/// Lets a request pass that shows who it is of, or asks for what anybody may know.
pub(super) async fn admit(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    if is_public(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    // What is done for long is done for those who are let in now.
    let rights = Rights(access.settings.subscribe());
    request.extensions_mut().insert(rights);
    let caller = match access.known.load().auth {
        ApiAuth::None => {
            if let Err(fault) = console::check_local(request.headers()) {
                return fault.into_response();
            }
            // Browsers say which page it is that has them change something: any page that somebody looks at could.
            let is_of_a_page = request.headers().contains_key(ORIGIN);
            if !request.method().is_safe()
                && is_of_a_page
                && console::check_change(request.headers()).is_err()
            {
                let text =
                    "Without authentication nothing is changed for web pages but the console (api.auth).";
                return Fault::new(403, text).into_response();
            }
            Caller::admin("anybody", DEFAULT_PROJECT)
        }
        ApiAuth::Required => {
            let peer = request.extensions().get::<Peer>().copied();
            let credential = Credential::of(request.headers());
            // A cookie goes along with whatever a browser sends, as does a password that it was told.
            let is_kept_by_browsers = match credential {
                None => true,
                Some(Credential::Password { .. }) => console::is_of_a_browser(request.headers()),
                Some(Credential::Token(_)) => false,
            };
            let admitted = match credential {
                Some(credential) => access.authenticate(credential, peer).await,
                None => access.signed_in(request.headers()).ok_or(Refusal::Unknown),
            };
            let admitted = match admitted {
                Ok(admitted) => admitted,
                Err(refusal) => return refusal.to(request.headers()),
            };
            if is_kept_by_browsers
                && !request.method().is_safe()
                && let Err(fault) = console::check_change(request.headers())
            {
                return fault.into_response();
            }
            admitted.into()
        }
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// What clients ask for before they know whether they have to say who they are, and how they say it.
pub(super) fn is_public(method: &Method, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    if method == Method::POST {
        return path == "/identity/v3/auth/tokens";
    }
    let path = ["/load-balancer", "/network"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .unwrap_or(path);
    [Method::GET, Method::HEAD].contains(method)
        && [
            "",
            "/v2",
            "/v2.0",
            "/v2/lbaas",
            "/v2.0/lbaas",
            "/identity",
            "/identity/v3",
            HEALTHZ,
            READYZ,
        ]
        .contains(&path)
}

#[cfg(test)]
mod tests;
