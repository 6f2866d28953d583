//! What is noted of objects: what monitors and the data plane have found.

use std::{mem, sync::Arc};

use uuid::Uuid;

use super::{Any, Inventory, LoadBalancer, ProvisioningStatus, Unsettled};
use crate::model::OperatingStatus;

impl Inventory {
    /// Notes what the monitor of a member found.
    pub fn note_health(&mut self, member: Uuid, why_down: Option<String>) {
        match why_down {
            Some(reason) => self.down.insert(member, reason),
            None => self.down.remove(&member),
        };
    }

    /// Notes why the data plane itself gives a member nothing, if it does not.
    pub fn note_failure(&mut self, member: Uuid, why: Option<String>) {
        match why {
            Some(reason) => self.failed.insert(member, reason),
            None => self.failed.remove(&member),
        };
    }

    /// Notes that all of a load balancer is served as it is to be.
    pub fn note_served(&mut self, balancer: Uuid) {
        self.unserved.remove(&balancer);
        for listener in self.listeners.of(balancer) {
            self.unserved.remove(&listener.head.id);
        }
    }

    /// Notes why a load balancer is not served as it is to be, if there is one, and which of its listeners are all the same.
    pub fn note_refused(&mut self, balancer: Uuid, reason: String, served: &[Uuid]) {
        self.note_served(balancer);
        if self.load_balancers.get(balancer).is_none() {
            return;
        }
        let unsettled = Unsettled {
            status: ProvisioningStatus::Error,
            reason: Some(reason),
        };
        self.unsettle([balancer], &unsettled);
        let listeners = self.listeners.of(balancer).map(|listener| listener.head.id);
        self.unserved.extend(listeners.filter(|id| !served.contains(id)));
        if served.is_empty() {
            self.unserved.insert(balancer);
        }
    }

    /// Why an object fails, where that is known.
    #[must_use]
    pub fn why(&self, object: &Any) -> Option<&str> {
        match object {
            Any::LoadBalancer(balancer) => self.reason(balancer.head.id),
            Any::Listener(listener) if self.unserved.contains(&listener.head.id) => {
                self.reason(listener.load_balancer_id)
            }
            Any::Member(member) if self.operating_of_member(member) == OperatingStatus::Error => {
                let (id, is_watched) = (&member.head.id, self.is_watched(member.pool_id));
                let found = self.down.get(id).filter(|_| is_watched);
                found.or_else(|| self.failed.get(id)).map(String::as_str)
            }
            _ => None,
        }
    }

    /// The load balancers of which not all is served that they are to be, and why; in the order in which they were made.
    #[must_use]
    pub fn refused(&self) -> Vec<(&Arc<LoadBalancer>, &str)> {
        // Few are unsettled.
        let unsettled = self.unsettled.iter();
        let refused = unsettled.filter(|(_, unsettled)| unsettled.status == ProvisioningStatus::Error);
        let refused = refused.filter_map(|(id, unsettled)| {
            let balancer = self.load_balancers.get(*id)?;
            Some((balancer, unsettled.reason.as_deref().unwrap_or_default()))
        });
        let mut refused: Vec<_> = refused.collect();
        refused.sort_by_key(|(balancer, _)| (balancer.head.created_at, balancer.head.id));
        refused
    }

    /// Forgets what was found of members that are gone, or that nobody watches any more: one that is watched again is looked
    /// at anew.
    pub fn forget_unwatched(&mut self) {
        let mut down = mem::take(&mut self.down);
        down.retain(|member, _| {
            self.members
                .get(*member)
                .is_some_and(|member| self.is_watched(member.pool_id))
        });
        self.down = down;
    }
}
