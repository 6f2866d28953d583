//! Who changes the objects of the API: one change at a time, first to the store, then to the data plane.
//!
//! ```text
//! request -> tree of one load balancer -> rules -> model -> store (durable) -> inventory -> data plane -> settled
//! ```
//!
//! While a change is being applied, the tree that it belongs to takes no other. What the data plane refuses stays as it was
//! asked for, and says so; what was served before goes on being served.

mod clash;
mod event;
mod history;
mod log;
mod news;
mod opening;
mod recent;
mod refused;
mod request;
mod sessions;
mod statistics;
mod wanted;

use std::{
    sync::{Arc, Mutex as Lock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::AtomicBool},
    time::Duration,
};

use tokio::{
    sync::{Mutex, broadcast, mpsc, oneshot},
    task, time,
};
use tracing::{error, warn};
use uuid::Uuid;

use crate::{
    model::Managed,
    objects::{Difference, Fault, Inventory, ProvisioningStatus, Rules, Unsettled},
    store::{self, Change, CommitError, Expected, Revision, Store},
    translate::{Certificates, translate},
    views::Status,
};
pub use event::Event;
pub use history::{History, INTERVAL, SAMPLES, Sample, Values};
use log::Log;
pub use log::{Entry, Happening};
use news::Before;
pub use opening::OpeningError;
pub use recent::{Recent, unix_ms};
pub use request::ChangeRequest;
pub use statistics::Statistics;
pub use wanted::{Refusal, Wanted};

/// How long who asked for a change waits for the data plane: it mostly takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// Events that somebody may be behind.
const PENDING_EVENTS: usize = 1024;

/// The objects of the API, and who changes them.
pub struct Manager {
    store: Arc<dyn Store>,
    inventory: RwLock<Inventory>,
    /// Who has it may commit.
    writing: Mutex<()>,
    plane: mpsc::Sender<Wanted>,
    certificates: Certificates,
    events: broadcast::Sender<Event>,
    log: Lock<Log>,
    /// Whether it is known what the configuration file says.
    has_read_file: AtomicBool,
    last_look: Mutex<Option<recent::Look>>,
    history: RwLock<History>,
}

impl Manager {
    /// The objects as they are now. For a moment only: changes wait meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, Inventory> {
        self.inventory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inventory> {
        self.inventory.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears of what happens to the objects.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Changes the tree of the load balancer that the object of a request belongs to, which `change` is given by itself,
    /// beside all objects; and tells by `show` what has become of it, as it is while the data plane is still at it. Where
    /// that is quick, the answer waits for it.
    pub async fn change_tree<T, S>(
        self: &Arc<Self>,
        asked: ChangeRequest<'_, impl Rules>,
        change: impl FnOnce(&mut Inventory, &Inventory) -> Result<T, Fault>,
        show: impl FnOnce(&Inventory, T) -> S,
    ) -> Result<S, Fault> {
        let writing = self.writing.lock().await;
        let (balancer, difference, managed, made) = {
            let inventory = self.read();
            let balancer = refuse_while_pending(&inventory, asked.object)?;
            let before = inventory.tree(balancer);
            let mut after = before.clone();
            after.set_asker(asked.by);
            let made = change(&mut after, &inventory)?;
            let difference = before.difference(&after);
            self.certificates.check_changed(&difference, &before)?;
            let managed = translate(&after, balancer, &self.certificates)?;
            (balancer, difference, managed, made)
        };
        // Where something stood in the way of what there is, it is tried again.
        let is_refused = self.read().provisioning(balancer) == ProvisioningStatus::Error;
        if difference.is_empty() && !is_refused {
            return Ok(show(&self.read(), made));
        }
        self.check(balancer, managed.as_ref(), &asked).await?;
        let difference = self.commit(difference).await?;
        let (shown, change) = {
            let mut inventory = self.write();
            let before = Before::of(&inventory, [balancer], &difference);
            self.log_gone(&inventory, &difference.taken);
            let pending = mark(&mut inventory, balancer, &difference);
            (
                show(&inventory, made),
                Applying {
                    balancer,
                    pending,
                    before,
                },
            )
        };
        self.tell_gone(&difference.taken);
        self.tell(&change.pending);
        let settling = self.apply(managed, change).await;
        drop(writing);
        // It goes on by itself.
        let _ = time::timeout(PATIENCE, settling).await;
        Ok(shown)
    }

    /// Hands a change to the data plane, in the order of the commits.
    async fn apply(self: &Arc<Self>, managed: Option<Managed>, change: Applying) -> task::JoinHandle<()> {
        let (done, settled) = oneshot::channel();
        let apply = Wanted::Apply {
            load_balancer: change.balancer,
            managed,
            done,
        };
        if self.plane.send(apply).await.is_err() {
            warn!("the daemon is ending: what was changed is applied by the next one");
        }
        let this = Arc::clone(self);
        tokio::spawn(async move { this.settle(change, settled).await })
    }

    /// What these listeners have done, together.
    pub async fn statistics(&self, listeners: Vec<Uuid>) -> Result<Statistics, Fault> {
        let (told, statistics) = oneshot::channel();
        // Where nobody takes it, nobody tells.
        let _ = self.plane.send(Wanted::Statistics { listeners, told }).await;
        statistics.await.map_err(|_| ending())
    }

    /// Waits until the daemon is heard of, who does one thing after the other.
    pub async fn ping(&self) -> Result<(), Fault> {
        let (told, heard) = oneshot::channel();
        // Where nobody takes it, nobody tells.
        let _ = self.plane.send(Wanted::Ping { told }).await;
        heard.await.map_err(|_| ending())
    }

    /// How things stand.
    pub async fn status(&self) -> Result<Arc<Status>, Fault> {
        let (told, status) = oneshot::channel();
        // Where nobody takes it, nobody tells.
        let _ = self.plane.send(Wanted::Status { told }).await;
        status.await.map_err(|_| ending())
    }

    /// Changes objects that nothing is served by.
    pub async fn change_others<T, S>(
        &self,
        change: impl FnOnce(&mut Inventory, &Inventory) -> Result<T, Fault>,
        show: impl FnOnce(&Inventory, T) -> S,
    ) -> Result<S, Fault> {
        let _writing = self.writing.lock().await;
        let (difference, made) = {
            let inventory = self.read();
            let before = inventory.others();
            let mut after = before.clone();
            let made = change(&mut after, &inventory)?;
            (before.difference(&after), made)
        };
        let difference = self.commit(difference).await?;
        let mut inventory = self.write();
        difference.apply(&mut inventory);
        Ok(show(&inventory, made))
    }

    /// Has the store keep it, durably, and gives the objects the revision that they are of from now on.
    async fn commit(&self, mut difference: Difference) -> Result<Difference, Fault> {
        let changes = changes(&difference).map_err(|error| {
            error!("an object cannot be written as JSON: {error}");
            Fault::new(500, "The change cannot be stored; the log says why.")
        })?;
        if changes.is_empty() {
            return Ok(difference);
        }
        let store = Arc::clone(&self.store);
        let committed = task::spawn_blocking(move || store.commit(&changes)).await;
        let Revision(revision) = match committed {
            Ok(Ok(revision)) => revision,
            Ok(Err(refusal)) => return Err(not_stored(&refusal)),
            Err(gone) => {
                error!("the store was not heard of again: {gone}");
                return Err(Fault::new(500, "The change cannot be stored; the log says why."));
            }
        };
        for object in &mut difference.put {
            object.head_mut().revision = revision;
        }
        Ok(difference)
    }

    async fn settle(&self, change: Applying, settled: oneshot::Receiver<Result<(), Refusal>>) {
        let Applying {
            balancer,
            pending,
            before,
        } = change;
        // Who ends says nothing: the next daemon applies it all.
        let outcome = settled.await.unwrap_or(Ok(()));
        let inventory = {
            let mut inventory = self.write();
            inventory.settle(&pending);
            inventory.forget_unwatched();
            match outcome {
                Ok(()) => inventory.note_served(balancer),
                Err(Refusal { reason, served }) => {
                    error!(load_balancer = %balancer, "the data plane refused a change: {reason}");
                    inventory.note_refused(balancer, reason, &served);
                }
            }
            inventory
        };
        self.tell_since(&before, &inventory, [balancer], &pending);
    }
}

/// A change that is under way.
struct Applying {
    balancer: Uuid,
    /// What is said to be under way.
    pending: Vec<Uuid>,
    /// How all of it was doing before.
    before: Before,
}

fn ending() -> Fault {
    Fault::new(503, "The daemon is ending; ask the next one.")
}

/// The load balancer whose tree is to be changed. The service wants one in `ERROR` to be deleted; here a further change may
/// be what helps.
fn refuse_while_pending(inventory: &Inventory, object: &impl Rules) -> Result<Uuid, Fault> {
    let balancer = object.load_balancer(inventory)?;
    if is_under_way(inventory, balancer) {
        return Err(object.held(balancer, inventory));
    }
    Ok(balancer)
}

/// Whether a change is being applied to a load balancer.
fn is_under_way(inventory: &Inventory, balancer: Uuid) -> bool {
    let status = inventory.provisioning(balancer);
    !matches!(status, ProvisioningStatus::Active | ProvisioningStatus::Error)
}

/// What the store has to change.
fn changes(difference: &Difference) -> serde_json::Result<Vec<Change>> {
    let put = difference.put.iter().map(|object| {
        let revision = object.head().revision;
        Ok(Change {
            key: object.key(),
            expected: match revision {
                0 => Expected::Absent,
                revision => Expected::Revision(Revision(revision)),
            },
            value: Some(object.to_json()?),
        })
    });
    let taken = difference.taken.iter().map(|object| {
        Ok(Change {
            key: object.key(),
            expected: Expected::Revision(Revision(object.head().revision)),
            value: None,
        })
    });
    put.chain(taken).collect()
}

fn not_stored(refusal: &CommitError) -> Fault {
    error!("the store has refused a change: {refusal}");
    match refusal {
        CommitError::Conflict { .. } => {
            Fault::new(409, "Somebody else has changed it meanwhile; look at it again.")
        }
        CommitError::Store(error) if matches!(error.fault, store::Fault::Closed) => ending(),
        other => Fault::new(
            500,
            format!("The change cannot be stored, and nothing was changed: {other}"),
        ),
    }
}

/// Takes a change over, and marks what is under way by it.
fn mark(inventory: &mut Inventory, balancer: Uuid, difference: &Difference) -> Vec<Uuid> {
    let made: Vec<Uuid> = difference
        .put
        .iter()
        .map(|object| object.head().id)
        .filter(|id| !inventory.has(*id))
        .collect();
    difference.apply(inventory);
    let mut pending = inventory.above(difference);
    pending.extend(difference.put.iter().map(|object| object.head().id));
    pending.push(balancer);
    pending.retain(|id| inventory.has(*id));
    pending.sort_unstable();
    pending.dedup();
    let status = |status| Unsettled { status, reason: None };
    inventory.unsettle(
        pending.iter().copied(),
        &status(ProvisioningStatus::PendingUpdate),
    );
    inventory.unsettle(made, &status(ProvisioningStatus::PendingCreate));
    pending
}
