//! What the management API has made, beside what the file says.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::mpsc;
use tracing::{error, info};
use uuid::Uuid;

use super::{
    Daemon,
    inquiry::PageWanted,
    sift::{common, sift},
};
use crate::{
    api::{Api, Sharing},
    control::Running,
    lock,
    manager::{Manager, Refusal, Wanted},
    model::{Config, Conflict, DataPlane, Managed},
    objects::{declared, member_id},
    proxy::Proxy,
    store::{Embedded, Store},
    translate::Certificates,
    views,
};

/// Load balancers of the API, by their ids.
pub(super) type AllManaged = BTreeMap<Uuid, Arc<Managed>>;

/// What the file says, and what the API has made.
pub(super) fn together(file: &Config, managed: &AllManaged, plane: DataPlane) -> Result<Config, Conflict> {
    let mut managed: Vec<_> = managed.values().cloned().collect();
    managed.sort_by_key(|one| one.made);
    file.with(&managed, plane)
}

impl Daemon {
    /// Does what the manager wants, and says what came of it.
    pub(super) fn take_wanted(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Apply {
                load_balancer,
                managed,
                done,
            } => {
                let outcome = self.take_managed(load_balancer, managed);
                let outcome = outcome
                    .map_err(|reason| refusal(format!("{reason:#}"), self.managed.get(&load_balancer)));
                // What is said to be served is shown as it is served.
                self.tell_failures();
                // Who asked may have gone away.
                let _ = done.send(outcome);
            }
            Wanted::Check {
                load_balancer,
                managed,
                told,
            } => {
                let all = self.with_managed(load_balancer, managed);
                let _ = told.send(together(&self.file, &all, self.plane).map(drop));
            }
            Wanted::Ping { told } => drop(told.send(())),
            Wanted::Status { told } => self.status_wanted.push(told),
            // Who asked does not wait any more.
            Wanted::Statistics { told, .. } if told.is_closed() => {}
            Wanted::Sessions { wanted, page, told } => {
                self.pages_wanted.push_back(PageWanted { wanted, page, told });
            }
            Wanted::DropSession { pool, by, told } => {
                let _ = told.send(self.drop_session(&pool, by));
            }
            Wanted::Statistics { listeners, told } => {
                let listeners = listeners.into_iter().collect();
                let _ = told.send(self.show(|scene| views::statistics(scene, &listeners)));
            }
        }
    }

    fn take_managed(&mut self, id: Uuid, managed: Option<Managed>) -> anyhow::Result<()> {
        let refused = match self.turn_to_managed(id, managed.clone()) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        // What is served already follows, though something else of the load balancer cannot be.
        if let (Some(managed), Some(before)) = (managed, self.managed.get(&id)) {
            let part = common(&managed, before);
            if !part.load_balancer.listeners.is_empty() {
                // It was said already that there is something wrong.
                let _ = self.turn_to_managed(id, Some(part));
            }
        }
        Err(refused)
    }

    fn turn_to_managed(&mut self, id: Uuid, managed: Option<Managed>) -> anyhow::Result<()> {
        let next = self.with_managed(id, managed);
        let config = together(&self.file, &next, self.plane)?;
        self.turn_to(&config.served_by(self.plane), Proxy::prepare_changed)?;
        self.managed = next;
        self.config = config;
        Ok(())
    }

    fn with_managed(&self, id: Uuid, managed: Option<Managed>) -> AllManaged {
        let mut all = self.managed.clone();
        match managed {
            Some(managed) => all.insert(id, managed.into()),
            None => all.remove(&id),
        };
        all
    }

    /// Takes another file, beside which the API's load balancers stay.
    pub(super) fn take_file(&mut self, file: Config) -> anyhow::Result<()> {
        let config = together(&file, &self.managed, self.plane)?;
        let doors = self.doors.prepare(&file.api, Sharing::WithNobody)?;
        self.turn_to(&config.served_by(self.plane), Proxy::prepare)?;
        self.doors.serve(doors);
        self.file = file;
        self.config = config;
        self.declare();
        self.tell_failures();
        info!("reloaded");
        // What the file before stood in the way of is asked for by the manager, as any other change.
        let manager = Arc::clone(&self.manager);
        tokio::spawn(async move { manager.apply_refused().await });
        Ok(())
    }

    /// Has the API show what the file says.
    pub(super) fn declare(&self) {
        let objects = declared(&self.file, &self.path);
        self.manager.declare(objects, &self.file);
    }

    /// Has the API show what is known of the health of members.
    pub(super) fn tell_health(&self) {
        let down = self.health.down();
        let down = down.map(|(pool, member, reason)| (member_id(pool, member), Some(reason.to_owned())));
        self.manager.note_health(down);
    }

    /// What it runs with, and what of that the API has made.
    pub(super) fn running(&self) -> Running {
        let made = self.managed.values().flat_map(|managed| {
            let balancer = &managed.load_balancer;
            let listeners = balancer.listeners.iter().map(|listener| &listener.name);
            let pools = managed.pools.iter().map(|pool| &pool.name);
            std::iter::once(&balancer.name).chain(listeners).chain(pools)
        });
        Running {
            made_by_api: made.cloned().collect(),
            dataplane: self.plane,
            config: self.config.clone(),
            refused: self.manager.refused(),
            unused_pools: self.manager.unused_pools(),
        }
    }

    /// Lets another daemon have the store.
    pub(super) fn lend_store(&self) {
        self.store.close();
    }

    /// Takes the store back.
    pub(super) fn reclaim_store(&self) {
        if let Err(reason) = self.store.reopen(lock::TIME_TO_END) {
            error!("the store cannot be opened again, and nothing can be changed by the API: {reason}");
        }
    }
}

/// The management API at the start.
pub(super) struct Management {
    pub(super) manager: Arc<Manager>,
    pub(super) api: Arc<Api>,
    pub(super) store: Arc<Embedded>,
    pub(super) wanted: mpsc::Receiver<Wanted>,
}

impl Management {
    /// Opens the store, as soon as an earlier daemon has let go of it.
    pub(super) fn open(config: &Config, plane: DataPlane) -> anyhow::Result<Self> {
        let store = Arc::new(Embedded::open(&config.daemon.state_path, lock::TIME_TO_END)?);
        let kept: Arc<dyn Store> = Arc::<Embedded>::clone(&store);
        let certificates = Certificates {
            directory: config.api.certificates_path.clone(),
        };
        let (manager, wanted) = Manager::open(kept, plane, certificates)?;
        Ok(Self {
            api: Api::new(Arc::clone(&manager)),
            manager,
            store,
            wanted,
        })
    }

    /// Those of the API's load balancers that go with a file.
    pub(super) fn managed_beside(&self, file: &Config, plane: DataPlane) -> anyhow::Result<AllManaged> {
        let mut candidates = AllManaged::new();
        for (id, managed) in self.manager.managed() {
            match managed {
                Ok(managed) => drop(candidates.insert(id, managed.into())),
                Err(reason) => self.refuse(id, reason, None),
            }
        }
        self.sift(candidates, &mut |managed| {
            Ok(together(file, managed, plane).map(drop)?)
        })
    }

    /// Those that fit, or as much of them as does; of the others the API says why they do not.
    pub(super) fn sift(
        &self,
        candidates: AllManaged,
        fits: &mut impl FnMut(&AllManaged) -> anyhow::Result<()>,
    ) -> anyhow::Result<AllManaged> {
        let (accepted, refused) = sift(candidates, fits)?;
        for (id, reason) in refused {
            self.refuse(id, reason, accepted.get(&id));
        }
        Ok(accepted)
    }

    fn refuse(&self, id: Uuid, reason: String, accepted: Option<&Arc<Managed>>) {
        error!(load_balancer = %id, "not all that the API has made of it is served: {reason}");
        self.manager.note_refused(id, refusal(reason, accepted));
    }
}

fn refusal(reason: String, served: Option<&Arc<Managed>>) -> Refusal {
    let listeners = served
        .into_iter()
        .flat_map(|managed| &managed.load_balancer.listeners);
    Refusal {
        reason,
        served: listeners
            .filter_map(|listener| listener.name.parse().ok())
            .collect(),
    }
}
