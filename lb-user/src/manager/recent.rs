//! How things stood a moment ago: for those who watch, and of whom there may be many.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::Manager;
use crate::{objects::Fault, views::Status};

/// How old what is told may be.
const FRESH: Duration = Duration::from_millis(1500);
/// A look may take so much of the time, as a divisor.
const SHARE: u32 = 20;

/// How things stood, and when.
#[derive(Clone)]
pub struct Recent {
    /// How.
    pub status: Arc<Status>,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
}

/// The last look.
pub(super) struct Look {
    recent: Recent,
    taken: Instant,
    /// How long it took.
    cost: Duration,
}

impl Look {
    fn is_fresh(&self) -> bool {
        self.taken.elapsed() < FRESH.max(self.cost * SHARE)
    }
}

impl Manager {
    /// How things stood a moment ago: the more there is to look at, the longer.
    pub async fn recent(&self) -> Result<Recent, Fault> {
        // Whoever comes while somebody looks has that look.
        let mut last = self.last_look.lock().await;
        if let Some(look) = last.as_ref().filter(|look| look.is_fresh()) {
            return Ok(look.recent.clone());
        }
        let begun = Instant::now();
        let recent = Recent {
            status: self.status().await?,
            at_unix_ms: unix_ms(),
        };
        *last = Some(Look {
            recent: recent.clone(),
            taken: Instant::now(),
            cost: begun.elapsed(),
        });
        Ok(recent)
    }
}

/// The time, in milliseconds since 1970.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
