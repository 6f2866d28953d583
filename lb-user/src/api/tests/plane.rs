//! A stand-in for the data plane's end of the channel.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{
    http::forwarded::Prefix,
    manager::{Refusal, Statistics, Wanted},
    model::{Config, Conflict, DataPlane, Managed},
    views::{self, CookieValue, PageKey, RecognisedBy, Session, Sessions},
};

/// What becomes of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Mood {
    /// It is served.
    #[default]
    Accepts,
    /// It is not, for this reason.
    Refuses(String),
    /// Nothing is heard of it for now.
    Holds,
}

#[derive(Default)]
struct State {
    mood: Mood,
    held: Vec<oneshot::Sender<Result<(), Refusal>>>,
    /// Listeners, by their load balancers.
    served: HashMap<Uuid, Vec<Uuid>>,
    /// What is served.
    managed: HashMap<Uuid, Arc<Managed>>,
    applied: Vec<(Uuid, Option<Managed>)>,
    /// In the order of their keys.
    sessions: Vec<Session>,
}

/// All of it beside the file of a daemon that is attached somewhere.
fn together(managed: HashMap<Uuid, Arc<Managed>>) -> Result<Config, Conflict> {
    let mut file = Config::default();
    file.datapath.interfaces.push("eth0".into());
    let mut managed: Vec<_> = managed.into_values().collect();
    managed.sort_by_key(|one| one.made);
    file.with(&managed, DataPlane::Kernel)
}

/// What serves load balancers here: nothing, but it says so as it is told to.
#[derive(Clone, Default)]
pub(super) struct Plane {
    state: Arc<Mutex<State>>,
}

impl Plane {
    /// What each listener is said to have done.
    pub(super) const STATISTICS: Statistics = Statistics {
        active_connections: 1,
        bytes_in: 20,
        bytes_out: 300,
        request_errors: 4,
        total_connections: 50,
    };

    /// Takes what comes from now on.
    pub(super) fn serve(&self, mut wanted: mpsc::Receiver<Wanted>) {
        let plane = self.clone();
        tokio::spawn(async move {
            while let Some(wanted) = wanted.recv().await {
                plane.take(wanted);
            }
        });
    }

    fn take(&self, wanted: Wanted) {
        let mut state = self.state();
        match wanted {
            Wanted::Apply {
                load_balancer,
                managed,
                done,
            } => {
                let listeners = managed
                    .iter()
                    .flat_map(|managed| &managed.load_balancer.listeners);
                let listeners = listeners.map(|listener| listener.name.parse().expect("an id"));
                let listeners = listeners.collect();
                state.applied.push((load_balancer, managed.clone()));
                let outcome = match &state.mood {
                    Mood::Accepts => Ok(()),
                    Mood::Refuses(reason) => Err(Refusal {
                        reason: reason.clone(),
                        served: state.served.get(&load_balancer).cloned().unwrap_or_default(),
                    }),
                    Mood::Holds => return state.held.push(done),
                };
                if outcome.is_ok() {
                    state.served.insert(load_balancer, listeners);
                    state.managed.remove(&load_balancer);
                    let managed = managed.map(|managed| (load_balancer, Arc::new(managed)));
                    state.managed.extend(managed);
                }
                let _ = done.send(outcome);
            }
            Wanted::Check {
                load_balancer,
                managed,
                told,
            } => {
                let mut all = state.managed.clone();
                all.remove(&load_balancer);
                all.extend(managed.map(|managed| (load_balancer, Arc::new(managed))));
                let _ = told.send(together(all).map(drop));
            }
            Wanted::Ping { told } => drop(told.send(())),
            Wanted::Status { told } => drop(told.send(Arc::default())),
            Wanted::Sessions { wanted, page, told } => {
                let mut sessions = state.sessions.clone();
                sessions.retain(|session| {
                    let is_its = |network: Prefix| match session.by {
                        RecognisedBy::Client(client) => network.contains(client),
                        RecognisedBy::Cookie(_) | RecognisedBy::ClientId(_) => false,
                    };
                    // Nobody here has a cookie, but whose is called so.
                    let has_it = |CookieValue(value): &CookieValue| value == "held";
                    wanted.pool.as_ref() == Some(&session.pool)
                        && wanted.client.is_none_or(is_its)
                        && wanted.cookie.as_ref().is_none_or(has_it)
                        && page.after.is_none_or(|after| PageKey::from(session.by) > after)
                });
                let total = sessions.len() as u64;
                sessions.truncate(page.limit);
                let _ = told.send(Ok(Sessions {
                    has_more: sessions.len() < total as usize,
                    listed: sessions,
                    total,
                    ..Sessions::default()
                }));
            }
            Wanted::DropSession { pool, by, told } => {
                let before = state.sessions.len();
                state
                    .sessions
                    .retain(|session| session.pool != pool || session.by != by);
                let _ = told.send(if state.sessions.len() < before {
                    Ok(())
                } else {
                    Err(views::Refusal::NoSuch("there is none".into()))
                });
            }
            Wanted::Statistics { listeners, told } => {
                let times = listeners.len() as u64;
                let one = Self::STATISTICS;
                let _ = told.send(Statistics {
                    active_connections: times * one.active_connections,
                    bytes_in: times * one.bytes_in,
                    bytes_out: times * one.bytes_out,
                    request_errors: times * one.request_errors,
                    total_connections: times * one.total_connections,
                });
            }
        }
    }

    /// From now on nothing is heard of a change until it is let go.
    pub(super) fn holds_changes(&self) {
        self.state().mood = Mood::Holds;
    }

    /// Holds clients of a pool with a member, by their addresses.
    pub(super) fn holds(&self, pool: &str, member: &str, clients: &[&str]) {
        let sessions = clients.iter().map(|client| Session {
            pool: pool.into(),
            by: RecognisedBy::Client(client.parse().expect("an address")),
            member: member.into(),
            age_s: 60,
            idle_s: 5,
            ends_in_s: 1195,
        });
        self.state().sessions.extend(sessions);
    }

    /// From now on changes are not served.
    pub(super) fn refuses(&self, reason: &str) {
        self.state().mood = Mood::Refuses(reason.into());
    }

    /// Serves what was held back, and whatever comes.
    pub(super) fn accepts(&self) {
        let held = {
            let mut state = self.state();
            state.mood = Mood::Accepts;
            std::mem::take(&mut state.held)
        };
        for done in held {
            let _ = done.send(Ok(()));
        }
    }

    /// What it was last told to serve of a load balancer.
    pub(super) fn last_of(&self, balancer: Uuid) -> Option<Managed> {
        let state = self.state();
        let mut applied = state.applied.iter().rev();
        applied.find(|(id, _)| *id == balancer)?.1.clone()
    }

    /// How many changes there have been.
    pub(super) fn times_applied(&self) -> usize {
        self.state().applied.len()
    }

    /// All that is served, as one configuration.
    pub(super) fn config(&self) -> Config {
        together(self.state().managed.clone()).expect("what was looked at before")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
