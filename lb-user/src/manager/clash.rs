//! What does not go with all else, before anything is kept of it: as whoever asked for it is told.

use std::net::IpAddr;

use serde_json::{Map, Value as Json};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{ChangeRequest, Manager, Wanted, ending, request::paths_to_members};
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
        asked: &ChangeRequest<'_, impl Rules>,
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
    asked: &ChangeRequest<'_, T>,
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
    if let Some(path) = path_to(&conflict.clash, asked.body) {
        return fault.at(&path);
    }
    // All else got along before: what is wrong now is of the object.
    match field_of(T::KIND, &conflict.clash).filter(|_| !object.head().id.is_nil()) {
        Some(field) => fault.at(field),
        None => fault,
    }
}

/// Which member of a request does not go with all else. What is wrong in one pool may be right in another: where several have
/// the address, none is accused, unless no pool may have it.
fn path_to(clash: &Clash, body: &Map<String, Json>) -> Option<String> {
    let mut paths = paths_to_members(member_of(clash)?, body).into_iter();
    let first = paths.next()?;
    let is_certain = matches!(clash, Clash::MemberIsVip { .. }) || paths.next().is_none();
    is_certain.then_some(first)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_accused_only_where_it_is_certain_which_one_it_is() {
        let once = json!({"pools": [{"members": [{"address": "127.0.0.1"}]}, {"members": []}]});
        let twice = json!({"pools": [{"members": [{"address": "127.0.0.1"}]}, {"members": [{"address": "127.0.0.1"}]}]});
        let (address, text) = (IpAddr::from([127, 0, 0, 1]), String::new);
        let loopback = Clash::LoopbackMember {
            address,
            member: text(),
            pool: text(),
        };
        let vip = Clash::MemberIsVip {
            address,
            member: text(),
            pool: text(),
            load_balancer: text(),
        };
        let first = Some("pools.0.members.0.address");
        for (clash, body, expected) in [
            (&loopback, &once, first),
            (&loopback, &twice, None),
            (&vip, &once, first),
            (&vip, &twice, first),
        ] {
            let path = path_to(clash, body.as_object().unwrap());
            assert_eq!(path.as_deref(), expected, "{clash:?} {body}");
        }
    }
}
