//! How things stood a moment ago: for those who watch, and of whom there may be many.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Manager;
use crate::{objects::Fault, views::Status};

/// How old what is told may be.
const FRESH: Duration = Duration::from_millis(1500);
/// A look may take so much of the time, as a divisor.
const SHARE: u32 = 20;

/// The last look.
pub(super) struct Look {
    status: Arc<Status>,
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
    pub async fn recent_status(&self) -> Result<Arc<Status>, Fault> {
        // Whoever comes while somebody looks has that look.
        let mut last = self.last_look.lock().await;
        if let Some(look) = last.as_ref().filter(|look| look.is_fresh()) {
            return Ok(Arc::clone(&look.status));
        }
        let begun = Instant::now();
        let status = self.status().await?;
        *last = Some(Look {
            status: Arc::clone(&status),
            taken: Instant::now(),
            cost: begun.elapsed(),
        });
        Ok(status)
    }
}
