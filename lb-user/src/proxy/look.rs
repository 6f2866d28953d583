//! A look at what the proxy serves and holds. It changes nothing: no turn is taken, and no session is renewed.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{Proxy, persist::Sessions, serving::Serving, worker::unix_s};
use crate::persistence::AppCookies;

/// What the proxy serves and holds.
#[derive(Clone, Debug, Default)]
pub struct Look {
    pub(super) serving: Arc<Serving>,
    /// None where it never served anything.
    pub(super) sessions: Option<Arc<Sessions>>,
    /// The time by which sessions are judged, in Unix seconds.
    pub(super) now_s: u32,
}

impl Proxy {
    /// What there is to look at.
    #[must_use]
    pub fn look(&self) -> Look {
        let sessions = self.sessions.as_ref();
        let offset_s = sessions.map_or(0, |sessions| sessions.clock_offset_s.load(Relaxed));
        Look {
            serving: Arc::clone(&self.serving),
            sessions: sessions.map(Arc::clone),
            now_s: unix_s().wrapping_add(offset_s),
        }
    }
}

impl Look {
    /// The sessions by the application's cookie.
    #[must_use]
    pub fn app_cookies(&self) -> Option<&AppCookies> {
        self.sessions.as_ref().map(|sessions| &sessions.app_cookies)
    }

    /// The time by which sessions by cookie are judged, in Unix seconds.
    #[must_use]
    pub const fn now_s(&self) -> u32 {
        self.now_s
    }
}

#[cfg(test)]
impl Look {
    /// At what `config` has served, without any worker; members are as `health` says.
    pub fn at(config: &crate::model::Config, health: &crate::health::Health, now_s: u32) -> Self {
        use super::serving::Resources;
        use crate::persistence::KeyRing;

        let serving = Serving::new(config, health, &Resources::AsBefore, &Serving::default(), 0);

        Self {
            serving: Arc::new(serving),
            sessions: Some(Arc::new(Sessions {
                keys: arc_swap::ArcSwap::from_pointee(KeyRing::begin(now_s).unwrap()),
                app_cookies: AppCookies::new(10_000).unwrap(),
                saving: ().into(),
                clock_offset_s: 0.into(),
            })),
            now_s,
        }
    }

    /// The same, with other members up.
    #[must_use]
    pub fn with_health(&self, config: &crate::model::Config, health: &crate::health::Health) -> Self {
        let Self { serving, .. } = Self::at(config, health, self.now_s);
        Self {
            serving,
            ..self.clone()
        }
    }

    /// How things stand.
    pub fn report(&self) -> super::Report {
        super::Report::of(&self.serving)
    }

    /// A cookie of the balancer's, sealed at that time.
    pub fn seal(&self, pool: &str, session: &crate::persistence::Session) -> String {
        use crate::persistence::{PoolTag, token};

        let ring = self.sessions.as_ref().unwrap().keys.load();
        let sealed = token::seal(&ring, PoolTag::of(pool), session).unwrap();
        sealed.as_str().to_owned()
    }
}
