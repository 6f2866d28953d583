//! The log of events: what has happened, a row for each, for people who come later.
//!
//! It is not the stream (`event`), by which programs hear of each step and look again: here nothing is under way, and
//! nothing is said of what came back as it was.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
    fmt,
    net::IpAddr,
    sync::PoisonError,
};

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{
    Manager,
    event::{Standing, Statuses},
    is_under_way,
    news::Before,
};
use crate::{
    model::{OperatingStatus, Word, words},
    objects::{Any, Inventory, ListenerProtocol, ProvisioningStatus, Stamp},
    store::Kind,
};

/// How many rows are kept of a project.
const LONGEST: usize = 500;
/// Of how many projects any are kept: of those where something happened last.
const MOST_PROJECTS: usize = 64;

words! {
    /// What has happened to an object.
    pub enum Happening {
        /// It was made.
        Created = "created",
        /// It was changed.
        Updated = "updated",
        /// It was taken away.
        Deleted = "deleted",
        /// Nobody has changed it, and it is doing otherwise.
        StatusChanged = "status_changed",
    }
}

/// Something that has happened.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    #[serde(serialize_with = "in_utc")]
    at: Stamp,
    event: Happening,
    kind: Kind,
    id: Uuid,
    name: String,
    project_id: String,
    /// What it is called by where it has no name.
    #[serde(flatten)]
    endpoint: Option<Endpoint>,
    /// Where it is, or was.
    loadbalancer_id: Option<Uuid>,
    pool_id: Option<Uuid>,
    /// How it was doing then, unless it was taken away.
    #[serde(flatten)]
    statuses: Option<Statuses>,
    /// How it was doing before, where that was otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_operating_status: Option<OperatingStatus>,
    /// Why it fails, or was refused.
    reason: Option<String>,
}

/// Where an object is reached.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Endpoint {
    Listener {
        protocol: ListenerProtocol,
        protocol_port: u16,
    },
    Member {
        address: IpAddr,
        protocol_port: u16,
    },
}

impl Endpoint {
    fn of(object: &Any) -> Option<Self> {
        match object {
            Any::Listener(listener) => Some(Self::Listener {
                protocol: listener.protocol,
                protocol_port: listener.protocol_port,
            }),
            Any::Member(member) => Some(Self::Member {
                address: member.address?,
                protocol_port: member.protocol_port,
            }),
            _ => None,
        }
    }
}

impl Entry {
    fn new(event: Happening, object: &Any, inventory: &Inventory) -> Self {
        let head = object.head();
        Self {
            at: Stamp::default(),
            event,
            kind: object.key().kind,
            id: head.id,
            name: head.name.clone(),
            project_id: head.project_id.clone(),
            endpoint: Endpoint::of(object),
            loadbalancer_id: balancer_of(object, inventory),
            pool_id: match object {
                Any::Pool(pool) => Some(pool.head.id),
                Any::Member(member) => Some(member.pool_id),
                Any::HealthMonitor(monitor) => Some(monitor.pool_id),
                _ => None,
            },
            statuses: None,
            previous_operating_status: None,
            reason: None,
        }
    }

    /// Something that has happened to an object that is there.
    fn of(event: Happening, object: &Any, inventory: &Inventory, before: Option<Statuses>) -> Self {
        let now = Statuses::of(object, inventory);
        let previous = before.and_then(|before| before.operating_status);
        Self {
            statuses: Some(now),
            previous_operating_status: previous.filter(|_| previous != now.operating_status),
            reason: inventory.why(object).map(str::to_owned),
            ..Self::new(event, object, inventory)
        }
    }

    /// The same, of what somebody has asked for: which may have been refused.
    fn of_asked(event: Happening, object: &Any, inventory: &Inventory, before: Option<Statuses>) -> Self {
        let mut entry = Self::of(event, object, inventory, before);
        let refused = entry.loadbalancer_id.and_then(|id| inventory.reason(id));
        if let (Some(reason), Some(statuses)) = (refused, &mut entry.statuses) {
            statuses.provisioning_status = ProvisioningStatus::Error;
            entry.reason = Some(reason.to_owned());
        }
        entry
    }
}

/// The load balancer that an object belongs to; of several, the first.
fn balancer_of(object: &Any, inventory: &Inventory) -> Option<Uuid> {
    match object {
        Any::LoadBalancer(balancer) => Some(balancer.head.id),
        _ => balancer_of(&inventory.find(*object.parents().first()?)?, inventory),
    }
}

/// Those who read this are in many zones.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn in_utc<S: Serializer>(at: &Stamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{at}Z"))
}

/// What has happened last in each project, the newest first: much that happens in one leaves that of the others where it is.
#[derive(Debug, Default)]
pub(super) struct Log {
    projects: HashMap<String, VecDeque<Entry>>,
}

impl Log {
    /// Takes in what has happened together. What is above comes before what is below it, so that it is not lost among many.
    fn note(&mut self, mut entries: Vec<Entry>) {
        entries.sort_by(|a, b| (b.kind, &b.name).cmp(&(a.kind, &a.name)));
        for entry in entries {
            self.push(Entry {
                at: Stamp::now(),
                ..entry
            });
        }
    }

    fn push(&mut self, entry: Entry) {
        if !self.projects.contains_key(&entry.project_id) {
            self.make_room();
        }
        let latest = self.projects.entry(entry.project_id.clone()).or_default();
        latest.truncate(LONGEST - 1);
        latest.push_front(entry);
    }

    /// Forgets the project where nothing has happened for longest, if there are too many.
    fn make_room(&mut self) {
        if self.projects.len() < MOST_PROJECTS {
            return;
        }
        let newest = |latest: &VecDeque<Entry>| latest.front().map(|entry| entry.at);
        let quietest = self.projects.iter().min_by_key(|(_, latest)| newest(latest));
        if let Some(project) = quietest.map(|(project, _)| project.clone()) {
            self.projects.remove(&project);
        }
    }

    /// What has happened in the projects that somebody may see, the newest first.
    fn of(&self, may_see: impl Fn(&str) -> bool) -> Vec<Entry> {
        let seen = self.projects.iter().filter(|(project, _)| may_see(project));
        let mut all: Vec<&Entry> = seen.flat_map(|(_, latest)| latest).collect();
        // No two are of the same time.
        all.sort_unstable_by_key(|entry| Reverse(entry.at));
        all.into_iter().take(LONGEST).cloned().collect()
    }
}

impl Manager {
    /// What has happened last, the newest first.
    #[must_use]
    pub fn log(&self, may_see: impl Fn(&str) -> bool) -> Vec<Entry> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.of(may_see)
    }

    fn log_all(&self, entries: Vec<Entry>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.note(entries);
    }

    /// Notes that objects are being taken away, while it is known still what they belong to. They are gone at once: whether
    /// the data plane can do without them is seen of what is left.
    pub(super) fn log_gone(&self, inventory: &Inventory, taken: &[Any]) {
        let gone = taken.iter();
        let gone = gone.map(|object| Entry::new(Happening::Deleted, object, inventory));
        self.log_all(gone.collect());
    }

    /// Notes what has come of what was asked for, and who is doing otherwise than before: of these `after` says.
    pub(super) fn log_since(&self, before: &Before, inventory: &Inventory, after: &Standing) {
        let statuses_before = |id| before.standing.get(&id)?.statuses();
        let asked = before.asked.iter().filter_map(|(id, event)| {
            let object = inventory.find(*id)?;
            Some(Entry::of_asked(*event, &object, inventory, statuses_before(*id)))
        });
        let others = after.iter().filter_map(|(id, event)| {
            let before_that = statuses_before(*id)?;
            if before.asked.contains_key(id) || event.statuses() == Some(before_that) {
                return None;
            }
            let object = inventory.find(*id)?;
            let entry = Entry::of(Happening::StatusChanged, &object, inventory, Some(before_that));
            // What is under way is told of when it has come to its end.
            let is_settled = entry
                .loadbalancer_id
                .is_none_or(|id| !is_under_way(inventory, id));
            is_settled.then_some(entry)
        });
        self.log_all(asked.chain(others).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::{Head, LoadBalancer};

    /// Something that happened in a project.
    fn of_project(project: &str) -> Vec<Entry> {
        let head = Head {
            project_id: project.into(),
            ..Head::new(Uuid::nil(), Stamp::default())
        };
        let object = Any::LoadBalancer(LoadBalancer::new(head).into());
        vec![Entry::new(Happening::Deleted, &object, &Inventory::default())]
    }

    fn of(log: &Log, project: &str) -> usize {
        log.of(|one| one == project).len()
    }

    #[test]
    fn much_that_happens_in_one_project_leaves_the_events_of_the_others() {
        let mut log = Log::default();
        log.note(of_project("quiet"));
        for _ in 0..2 * LONGEST {
            log.note(of_project("busy"));
        }
        assert_eq!((of(&log, "quiet"), of(&log, "busy")), (1, LONGEST));
        let all = log.of(|_| true);
        assert_eq!(all.len(), LONGEST);
        assert!(all.is_sorted_by_key(|entry| Reverse(entry.at)));
    }

    #[test]
    fn of_too_many_projects_the_quietest_is_forgotten() {
        let mut log = Log::default();
        for project in 0..=MOST_PROJECTS {
            log.note(of_project(&project.to_string()));
        }
        assert_eq!(log.projects.len(), MOST_PROJECTS);
        assert_eq!((of(&log, "0"), of(&log, "1")), (0, 1));
    }
}
