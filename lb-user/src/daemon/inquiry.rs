//! Questions that take a look at every session or flow. The look goes in slices between the daemon's other work.

use std::{ops::ControlFlow, sync::Arc, time::SystemTime};

use tokio::sync::oneshot;
use tracing::warn;

use crate::{
    bpf::{Attachment, SessionCursor},
    control::Answer,
    persistence::app_cookies::{Cursor, Round},
    proxy::Look,
    views::{
        self, Census, Doings, Explainer, MaybeMaps, Page, Refusal, Scene, SessionList, Sessions, Status,
    },
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
    answer: Asker,
}

/// Who wants to know.
enum Asker {
    /// Somebody at the control socket.
    Control(oneshot::Sender<Answer>),
    /// All who want the status for the metrics, by one look.
    Metrics(Vec<oneshot::Sender<Arc<Status>>>),
    /// A client of the API who wants to see a page of sessions.
    Page(oneshot::Sender<Result<Sessions, Refusal>>),
}

/// A page of sessions that somebody wants to see.
pub(super) struct PageWanted {
    pub(super) wanted: views::Wanted,
    pub(super) page: Page,
    pub(super) told: oneshot::Sender<Result<Sessions, Refusal>>,
}

impl Asker {
    fn is_gone(&self) -> bool {
        match self {
            Self::Control(answer) => answer.is_closed(),
            Self::Metrics(all) => all.iter().all(oneshot::Sender::is_closed),
            Self::Page(told) => told.is_closed(),
        }
    }

    /// Who asked may have gone away.
    fn hears(self, answer: Answer) {
        match (self, answer) {
            (Self::Control(control), answer) => drop(control.send(answer)),
            (Self::Metrics(all), Answer::Status(status)) => {
                let status: Arc<Status> = Arc::from(status);
                for told in all {
                    let _ = told.send(Arc::clone(&status));
                }
            }
            (Self::Page(told), Answer::Sessions(sessions)) => drop(told.send(Ok(sessions))),
            (Self::Metrics(_) | Self::Page(_), _) => {}
        }
    }
}

enum About {
    Status(Census),
    Sessions(SessionList),
    Explanation(Explainer),
}

impl Inquiry {
    pub(super) fn status(scene: &Scene<'_, MaybeMaps<'_>>, answer: oneshot::Sender<Answer>) -> Self {
        Self::new(About::Status(Census::new(scene)), Asker::Control(answer))
    }

    /// The same for the metrics.
    pub(super) fn metrics(scene: &Scene<'_, MaybeMaps<'_>>, all: Vec<oneshot::Sender<Arc<Status>>>) -> Self {
        Self::new(About::Status(Census::new(scene)), Asker::Metrics(all))
    }

    pub(super) fn sessions(list: SessionList, answer: oneshot::Sender<Answer>) -> Self {
        Self::new(About::Sessions(list), Asker::Control(answer))
    }

    /// A page of them for a client of the API; none, where the question is refused.
    pub(super) fn page(scene: &Scene<'_, MaybeMaps<'_>>, wanted: PageWanted) -> Option<Self> {
        let PageWanted { wanted, page, told } = wanted;
        match SessionList::new(scene, wanted) {
            Ok(list) => Some(Self::new(About::Sessions(list.paged(page)), Asker::Page(told))),
            Err(refusal) => {
                // Who asked may have gone away.
                let _ = told.send(Err(refusal));
                None
            }
        }
    }

    pub(super) fn explanation(explainer: Explainer, answer: oneshot::Sender<Answer>) -> Self {
        Self::new(About::Explanation(explainer), Asker::Control(answer))
    }

    fn new(about: About, answer: Asker) -> Self {
        // The one session that is explained is found by its key.
        let looks_at_sessions = !matches!(about, About::Explanation(_));
        Self {
            about,
            next_bucket: 0,
            sessions: looks_at_sessions.then_some(SessionCursor::START),
            app_cookies: looks_at_sessions.then(Cursor::default),
            answer,
        }
    }

    /// Looks at a slice; after the last one gives the answer.
    pub(super) fn step(
        mut self,
        scene: &Scene<'_, MaybeMaps<'_>>,
        attachments: &[Attachment],
        doings: impl FnOnce() -> Doings,
    ) -> ControlFlow<(), Self> {
        self.look_at_sessions(*scene.sight);
        self.look_at_cookies(&scene.look);
        self.look_at_flows(*scene.sight);
        let is_listed = self.sessions.is_none() && self.app_cookies.is_none();
        let is_whole = is_listed && self.next_bucket >= scene.sight.flow_buckets();
        if !is_whole && !self.answer.is_gone() {
            return ControlFlow::Continue(self);
        }
        let answer = match self.about {
            About::Status(census) => {
                Answer::Status(views::status(scene, &census, attachments, doings()).into())
            }
            About::Sessions(list) => Answer::Sessions(list.finish()),
            About::Explanation(explainer) => match explainer.finish(scene, unix_s()) {
                Ok(explanation) => Answer::Explanation(Box::new(explanation)),
                Err(refusal) => refusal.into(),
            },
        };
        self.answer.hears(answer);
        ControlFlow::Break(())
    }

    fn look_at_sessions(&mut self, maps: MaybeMaps<'_>) {
        let Some(from) = self.sessions.take() else { return };
        match maps.session_batch(from) {
            Ok((entries, next)) => {
                for entry in &entries {
                    match &mut self.about {
                        About::Status(census) => census.note_session(&maps, entry),
                        About::Sessions(list) => list.note(&maps, entry),
                        About::Explanation(_) => {}
                    }
                }
                self.sessions = next;
            }
            Err(error) => warn!("cannot read all sessions, some will not be told of: {error}"),
        }
    }

    fn look_at_cookies(&mut self, look: &Look) {
        let (Some(mut cursor), Some(table)) = (self.app_cookies.take(), look.app_cookies()) else {
            return;
        };
        for _ in 0..SLICE_SHARDS {
            let note = |session| match &mut self.about {
                About::Status(census) => census.note_remembered(look.now_s(), &session),
                About::Sessions(list) => list.note_remembered(look.now_s(), &session),
                About::Explanation(_) => {}
            };
            if table.list(&mut cursor, note) == Round::Complete {
                return;
            }
        }
        self.app_cookies = Some(cursor);
    }

    fn look_at_flows(&mut self, maps: MaybeMaps<'_>) {
        let end = self.next_bucket + SLICE_BUCKETS;
        let flows = maps.flow_records_in(self.next_bucket..end);
        self.next_bucket = end;
        match &mut self.about {
            About::Status(census) => flows.for_each(|record| census.note_flow(record)),
            About::Explanation(explainer) if explainer.looks_at_flows() => {
                flows.for_each(|record| explainer.note_flow(&maps, record));
            }
            About::Explanation(_) | About::Sessions(_) => self.next_bucket = maps.flow_buckets(),
        }
    }
}

fn unix_s() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
