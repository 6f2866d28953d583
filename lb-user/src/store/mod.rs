//! What the management API makes is kept here, and what is here is the truth.
//!
//! The layer above has the objects themselves in memory; the store keeps each as JSON that it does not look into. What it
//! promises: a commit is there as a whole or not at all, whatever happens, and it is durable when it returns. The functions
//! wait for the disk: a task calls them by `spawn_blocking`.
//!
//! [`Store`] is made so that several nodes could share one: who changes a record says which revision of it he has seen, and
//! whoever wants to know of the changes of others watches the revision of the whole. What has changed since a revision
//! cannot be asked: all of it is read in a fraction of a second, and a log of what was deleted would need bounds of its own.

mod backup;
mod embedded;
mod error;
mod file;
mod schema;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use crate::model::{Word, words};
pub use backup::{BackupError, Replace, Restored, Summary, backup, restore};
pub use embedded::Embedded;
pub use error::{CommitError, Error, Fault};

/// The longest value.
pub const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// The most changes of one commit.
pub const MAX_CHANGES: usize = 10_000;

words! {
    /// What kind of object a record is of.
    pub enum Kind {
        /// A VIP and its listeners.
        LoadBalancer = "load_balancer",
        /// A protocol and port of a load balancer.
        Listener = "listener",
        /// Servers that clients are spread over.
        Pool = "pool",
        /// One of these servers.
        Member = "member",
        /// How a pool finds out which members are up.
        HealthMonitor = "health_monitor",
        /// Where some requests of a listener go.
        L7Policy = "l7policy",
        /// What has to be true of these requests.
        L7Rule = "l7rule",
        /// How many objects a project may have.
        Quota = "quota",
        /// What users may choose of what load balancers can do.
        Flavor = "flavor",
        /// What a flavor stands for.
        FlavorProfile = "flavor_profile",
        /// Where users may want their load balancers to be.
        AvailabilityZone = "availability_zone",
        /// What an availability zone stands for.
        AvailabilityZoneProfile = "availability_zone_profile",
    }
}

/// What a record is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What kind of object it is.
    pub kind: Kind,
    /// Which one.
    pub id: Uuid,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// How many commits there have been. That of a record is the one of the commit that wrote it last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An object as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was written.
    pub revision: Revision,
    /// JSON on one line, with no blanks around it.
    pub value: Vec<u8>,
}

/// All that is there at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The last commit.
    pub revision: Revision,
    /// What there is after it.
    pub records: BTreeMap<Key, Record>,
}

/// What a record has to be like for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// There is none.
    Absent,
    /// It is of this revision.
    Revision(Revision),
    /// Whatever there is.
    Any,
}

impl Expected {
    fn is_met_by(self, found: Option<Revision>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Revision(revision) => found == Some(revision),
            Self::Any => true,
        }
    }
}

/// What becomes of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub key: Key,
    /// What it has to be like before.
    pub expected: Expected,
    /// What it is afterwards: JSON on one line, with no blanks around it. `None` deletes it.
    pub value: Option<Vec<u8>>,
}

/// Where records are kept.
pub trait Store: Send + Sync {
    /// All records, as they are at one time.
    fn load(&self) -> Result<Contents, Error>;

    /// Makes all of these changes, one after the other, or none. They are durable when this returns; all records that were
    /// written are of the revision that it gives. An error says that nothing has changed. When that is due to the disk, it
    /// may be tried again.
    fn commit(&self, changes: &[Change]) -> Result<Revision, CommitError>;

    /// Tells of each commit, also of those of other nodes.
    fn watch(&self) -> watch::Receiver<Revision>;
}
