//! What does not go with all else, before anything is kept of it: as whoever asked for it is told.

use std::net::IpAddr;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Asked, Manager, Wanted, asked::path_to_member, ending};
use crate::{
    model::{Clash, Conflict, Managed, Titled as _},
    objects::{Fault, Inventory, Rules, load_balancer_id},
    store::Kind,
};

impl Manager {
    /// Refuses what does not go with other load balancers, of which one is to be changed so.
    pub(super) async fn check(
        &self,
        balancer: Uuid,
        managed: Option<&Managed>,
        asked: &Asked<'_, impl Rules>,
    ) -> Result<(), Fault> {
        let Some(managed) = managed else {
            return Ok(());
        };
        let (told, goes) = oneshot::channel();
        let check = Wanted::Check {
            load_balancer: balancer,
            managed: Some(managed.clone()),
            told,
        };
        // Where the daemon is ending, the next one finds it in the store.
        if self.plane.send(check).await.is_err() {
            return Ok(());
        }
        match goes.await {
            Ok(goes) => goes.map_err(|conflict| fault(&conflict, managed, asked, &self.read())),
            Err(_) => Err(ending()),
        }
    }
}

fn fault<T: Rules>(
    conflict: &Conflict,
    managed: &Managed,
    asked: &Asked<'_, T>,
    inventory: &Inventory,
) -> Fault {
    let object = asked.object;
    let fault = match conflict.clash.as_ref() {
        Clash::MemberIsVip {
            address,
            pool,
            load_balancer,
            ..
        } => {
            let is_own = managed.pools.iter().any(|own| own.name == *pool);
            let owner = if *load_balancer == managed.load_balancer.name {
                format!("load balancer \"{}\"", managed.load_balancer.title())
            } else {
                inventory.called(load_balancer_id(load_balancer), &object.head().project_id)
            };
            Fault::invalid(if is_own {
                format!("address {address} is the VIP of {owner}; choose the address of a backend server")
            } else {
                format!("VIP {address} is the address of a member already; choose another address")
            })
        }
        _ => Fault::invalid(conflict.to_string()),
    };
    if let Some(path) = member_of(&conflict.clash).and_then(|address| path_to_member(address, asked.body)) {
        return fault.at(&path);
    }
    // All else got along before: what is wrong now is of the object.
    match field_of(T::KIND, &conflict.clash).filter(|_| !object.head().id.is_nil()) {
        Some(field) => fault.at(field),
        None => fault,
    }
}

/// The address of the member that does not go with all else.
fn member_of(clash: &Clash) -> Option<IpAddr> {
    match clash {
        Clash::MemberIsVip { address, .. }
        | Clash::Family { address, .. }
        | Clash::LoopbackMember { address, .. } => Some(*address),
        _ => None,
    }
}

/// Which field of an object that is changed by itself does not go with all else.
fn field_of(kind: Kind, clash: &Clash) -> Option<&'static str> {
    match (kind, clash) {
        (Kind::Member, Clash::MemberIsVip { .. } | Clash::Family { .. } | Clash::LoopbackMember { .. }) => {
            Some("address")
        }
        (Kind::Member, Clash::MemberPort { .. }) | (Kind::Listener, Clash::Api { .. }) => {
            Some("protocol_port")
        }
        (Kind::Listener, Clash::NoInterface { .. } | Clash::LoopbackVip { .. }) => Some("protocol"),
        (Kind::LoadBalancer, Clash::Vip { .. } | Clash::MemberIsVip { .. } | Clash::ApiAtVip { .. }) => {
            Some("vip_address")
        }
        _ => None,
    }
}
