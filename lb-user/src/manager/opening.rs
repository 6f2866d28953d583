//! Beginning with what the store has.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex as Lock, RwLock, atomic::AtomicBool},
};

use tokio::sync::{Mutex, broadcast, mpsc};
use uuid::Uuid;

use super::{Manager, PENDING_EVENTS, Refusal, Wanted};
use crate::{
    model::{DataPlane, Managed},
    objects::{Any, Inventory, Origin},
    store::{self, Key, Store},
    translate::{Certificates, translate},
};

/// Changes that wait for the daemon at a time.
const PENDING_CHANGES: usize = 64;

/// Why what the store has cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// An object is not understood.
    #[error(
        "the store's {key} is not understood: {error}; `holdfast store restore FILE --config CONFIG --replace` puts a backup in its place"
    )]
    Object {
        /// Which.
        key: Key,
        /// Why.
        error: serde_json::Error,
    },
}

impl Manager {
    /// Begins with what the store has. What is to be applied from now on comes by the receiver.
    pub fn open(
        store: Arc<dyn Store>,
        plane: DataPlane,
        certificates: Certificates,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Wanted>), OpeningError> {
        let mut inventory = Inventory::on(plane);
        for (key, record) in store.load()?.records {
            let mut object = Any::from_json(key.kind, &record.value)
                .map_err(|error| OpeningError::Object { key, error })?;
            object.head_mut().revision = record.revision.0;
            inventory.put(object);
        }
        let (plane, changes) = mpsc::channel(PENDING_CHANGES);
        let manager = Self {
            store,
            inventory: inventory.into(),
            writing: Mutex::default(),
            plane,
            certificates,
            events: broadcast::Sender::new(PENDING_EVENTS),
            log: Lock::default(),
            has_read_file: AtomicBool::default(),
            last_look: Mutex::default(),
            history: RwLock::default(),
        };
        Ok((Arc::new(manager), changes))
    }

    /// What the data plane is to serve of what the API has made: each load balancer with its pools, or why it cannot be.
    pub fn managed(&self) -> Vec<(Uuid, Result<Managed, String>)> {
        let inventory = self.read();
        let mut all: Vec<_> = inventory
            .load_balancers
            .iter()
            .filter(|balancer| balancer.head.origin == Origin::Api)
            .collect();
        all.sort_by_key(|balancer| balancer.head.created_at);
        let managed = all.into_iter().filter_map(|balancer| {
            let id = balancer.head.id;
            match translate(&inventory.tree(id), id, &self.certificates) {
                Ok(managed) => Some((id, Ok(managed?))),
                Err(fault) => Some((id, Err(fault.text))),
            }
        });
        managed.collect()
    }

    /// Notes that the data plane refused a load balancer as it was found in the store, all or some of it.
    pub fn note_refused(&self, balancer: Uuid, Refusal { reason, served }: Refusal) {
        self.watch(&mut self.write(), &BTreeSet::from([balancer]), |inventory| {
            inventory.note_refused(balancer, reason, &served);
        });
    }
}
