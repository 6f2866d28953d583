//! A look at what the proxy holds. It changes nothing: no session is renewed.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{Proxy, persist::Sessions, worker::unix_s};
use crate::persistence::AppCookies;

/// What the proxy holds.
#[derive(Clone, Debug, Default)]
pub struct Look {
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
    /// At a proxy that holds no sessions yet.
    pub fn at(now_s: u32) -> Self {
        use crate::persistence::KeyRing;

        Self {
            sessions: Some(Arc::new(Sessions {
                keys: arc_swap::ArcSwap::from_pointee(KeyRing::begin(now_s).unwrap()),
                app_cookies: AppCookies::new(10_000).unwrap(),
                clock_offset_s: 0.into(),
            })),
            now_s,
        }
    }
}
