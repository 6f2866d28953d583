//! Questions that take a look at every session or flow. The look goes in slices between the daemon's other work.

use std::{ops::ControlFlow, time::SystemTime};

use tokio::sync::oneshot;
use tracing::warn;

use crate::{
    api::Answer,
    bpf::{Attachment, Maps, SessionCursor},
    persistence::app_cookies::{Cursor, Round},
    proxy::Look,
    views::{self, Census, Explainer, Scene, SessionList},
};

/// Buckets of the flow table that a slice looks at: 4 MiB.
const SLICE_BUCKETS: usize = 8192;

/// Shards of the table of application cookies that a slice looks at: some ten thousand sessions.
const SLICE_SHARDS: usize = 16;

/// A question that is being looked into.
pub(super) struct Inquiry {
    about: About,
    /// Where the look at the flows goes on.
    next_bucket: usize,
    /// Where that at the sessions does; none: all were looked at.
    sessions: Option<SessionCursor>,
    /// The same of those by application cookie.
    app_cookies: Option<Cursor>,
    answer: oneshot::Sender<Answer>,
}

enum About {
    Status(Census),
    Sessions(SessionList),
    Explanation(Explainer),
}

impl Inquiry {
    pub(super) fn status(answer: oneshot::Sender<Answer>) -> Self {
        Self::new(About::Status(Census::default()), answer)
    }

    pub(super) fn sessions(list: SessionList, answer: oneshot::Sender<Answer>) -> Self {
        Self::new(About::Sessions(list), answer)
    }

    pub(super) fn explanation(explainer: Explainer, answer: oneshot::Sender<Answer>) -> Self {
        Self::new(About::Explanation(explainer), answer)
    }

    fn new(about: About, answer: oneshot::Sender<Answer>) -> Self {
        // The one session that is explained is found by its key.
        let looks_at_sessions = !matches!(about, About::Explanation(_));
        let looks_at_cookies = matches!(about, About::Sessions(_));
        Self {
            about,
            next_bucket: 0,
            sessions: looks_at_sessions.then_some(SessionCursor::START),
            app_cookies: looks_at_cookies.then(Cursor::default),
            answer,
        }
    }

    /// Looks at a slice; after the last one gives the answer.
    pub(super) fn step(
        mut self,
        scene: &Scene<'_, Maps>,
        attachments: &[Attachment],
    ) -> ControlFlow<(), Self> {
        self.look_at_sessions(scene.sight);
        self.look_at_cookies(&scene.look);
        self.look_at_flows(scene.sight);
        let is_listed = self.sessions.is_none() && self.app_cookies.is_none();
        let is_whole = is_listed && self.next_bucket >= scene.sight.flows.len();
        // Who asked may have gone away.
        if !is_whole && !self.answer.is_closed() {
            return ControlFlow::Continue(self);
        }
        let answer = match self.about {
            About::Status(census) => Answer::Status(views::status(scene, &census, attachments)),
            About::Sessions(list) => Answer::Sessions(list.finish()),
            About::Explanation(explainer) => match explainer.finish(scene, unix_s()) {
                Ok(explanation) => Answer::Explanation(Box::new(explanation)),
                Err(reason) => Answer::Failed(reason),
            },
        };
        let _ = self.answer.send(answer);
        ControlFlow::Break(())
    }

    fn look_at_sessions(&mut self, maps: &Maps) {
        let Some(from) = self.sessions.take() else { return };
        match maps.session_batch(from) {
            Ok((entries, next)) => {
                for entry in &entries {
                    match &mut self.about {
                        About::Status(census) => census.note_session(maps, entry),
                        About::Sessions(list) => list.note(maps, entry),
                        About::Explanation(_) => {}
                    }
                }
                self.sessions = next;
            }
            Err(error) => warn!("cannot read all sessions, some will not be told of: {error}"),
        }
    }

    fn look_at_cookies(&mut self, look: &Look) {
        let About::Sessions(list) = &mut self.about else {
            return;
        };
        let (Some(mut cursor), Some(table)) = (self.app_cookies.take(), look.app_cookies()) else {
            return;
        };
        for _ in 0..SLICE_SHARDS {
            if table.list(&mut cursor, |session| list.note_cookie(look.now_s(), &session)) == Round::Complete
            {
                return;
            }
        }
        self.app_cookies = Some(cursor);
    }

    fn look_at_flows(&mut self, maps: &Maps) {
        let end = self.next_bucket + SLICE_BUCKETS;
        let flows = maps.flow_records_in(self.next_bucket..end);
        self.next_bucket = end;
        match &mut self.about {
            About::Status(census) => flows.for_each(|record| census.note_flow(record)),
            About::Explanation(explainer) if explainer.looks_at_flows() => {
                flows.for_each(|record| explainer.note_flow(maps, record));
            }
            About::Explanation(_) | About::Sessions(_) => self.next_bucket = maps.flows.len(),
        }
    }
}

fn unix_s() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
