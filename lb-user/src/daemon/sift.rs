//! What of the API's load balancers can be served at the start, beside what cannot.

use std::{collections::HashSet, sync::Arc};

use uuid::Uuid;

use super::managed::AllManaged;
use crate::model::{Listener, Managed};

/// Those of `candidates` that `fits` accepts together, and why it does not accept the others. Where it refuses several, it is
/// asked of fewer at a time: mostly it is one that is to blame, and of that mostly one listener, beside which the others are
/// served. Without any of them it has to fit. What it was asked last are those that are accepted.
pub(super) fn sift(
    candidates: AllManaged,
    fits: &mut impl FnMut(&AllManaged) -> anyhow::Result<()>,
) -> anyhow::Result<(AllManaged, Vec<(Uuid, String)>)> {
    if fits(&candidates).is_ok() {
        return Ok((candidates, Vec::new()));
    }
    let (mut accepted, mut refused) = (AllManaged::new(), Vec::new());
    fits(&accepted)?;
    let mut batches = vec![candidates.into_iter().collect::<Vec<_>>()];
    while let Some(mut batch) = batches.pop() {
        let mut wider = accepted.clone();
        wider.extend(batch.iter().cloned());
        match fits(&wider) {
            Ok(()) => accepted = wider,
            Err(reason) if batch.len() <= 1 => {
                if let Some((id, managed)) = batch.pop() {
                    accepted.extend(part(id, &managed, &accepted, fits));
                    refused.push((id, format!("{reason:#}")));
                }
            }
            Err(_) => {
                let second = batch.split_off(batch.len() / 2);
                batches.push(second);
                batches.push(batch);
            }
        }
    }
    fits(&accepted)?;
    Ok((accepted, refused))
}

/// The listeners of a load balancer that fit beside `accepted`, if any do.
fn part(
    id: Uuid,
    managed: &Managed,
    accepted: &AllManaged,
    fits: &mut impl FnMut(&AllManaged) -> anyhow::Result<()>,
) -> Option<(Uuid, Arc<Managed>)> {
    let mut fitting = None;
    let mut listeners = Vec::new();
    for listener in &managed.load_balancer.listeners {
        listeners.push(listener.clone());
        let part = Arc::new(with_listeners(managed, &listeners));
        let mut wider = accepted.clone();
        wider.insert(id, Arc::clone(&part));
        match fits(&wider) {
            Ok(()) => fitting = Some((id, part)),
            Err(_) => drop(listeners.pop()),
        }
    }
    fitting
}

/// A load balancer with those of its listeners alone that it has had before.
pub(super) fn common(managed: &Managed, before: &Managed) -> Managed {
    let known = |wanted: &&Listener| {
        let mut before = before.load_balancer.listeners.iter();
        before.any(|known| known.name == wanted.name)
    };
    let listeners = managed.load_balancer.listeners.iter().filter(known);
    with_listeners(managed, &listeners.cloned().collect::<Vec<_>>())
}

/// A load balancer with only these of its listeners, and the pools that they name.
fn with_listeners(managed: &Managed, listeners: &[Listener]) -> Managed {
    let mut part = managed.clone();
    Arc::make_mut(&mut part.load_balancer).listeners = listeners.to_vec();
    let named: HashSet<&str> = listeners.iter().flat_map(Listener::pools).collect();
    part.pools.retain(|pool| named.contains(pool.name.as_str()));
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LbKind, LoadBalancer, Service};

    fn managed(number: u8) -> (Uuid, Arc<Managed>) {
        let load_balancer = LoadBalancer {
            name: number.to_string(),
            display_name: None,
            vip: [192, 0, 2, number].into(),
            kind: LbKind::Shared,
            admin_state_up: true,
            listeners: Vec::new(),
        };
        let managed = Managed {
            made: number.into(),
            load_balancer: load_balancer.into(),
            pools: Vec::new(),
        };
        (Uuid::from_u128(number.into()), managed.into())
    }

    #[test]
    fn what_is_refused_keeps_nothing_else_out() {
        let mut asked = 0;
        let mut fits = |all: &AllManaged| {
            asked += 1;
            let bad = all.keys().filter(|id| [3, 17].contains(&id.as_u128()));
            anyhow::ensure!(bad.count() == 0, "it is odd");
            Ok(())
        };
        let (accepted, refused) = sift((1..=20).map(managed).collect(), &mut fits).unwrap();
        assert_eq!(accepted.len(), 18);
        let refused: Vec<_> = refused
            .iter()
            .map(|(id, reason)| (id.as_u128(), reason.as_str()))
            .collect();
        assert_eq!(refused, [(3, "it is odd"), (17, "it is odd")]);
        assert!(asked < 25, "{asked}");
    }

    fn listener(port: u16) -> Listener {
        Listener {
            name: port.to_string(),
            display_name: None,
            service: Service::Tcp,
            port,
            pool: None,
            admin_state_up: true,
            policies: Vec::new(),
        }
    }

    #[test]
    fn of_what_is_refused_the_listeners_that_fit_are_served() {
        let (id, mut balancer) = managed(1);
        let listeners = &mut Arc::make_mut(&mut Arc::make_mut(&mut balancer).load_balancer).listeners;
        listeners.extend([80, 81, 82].map(listener));
        let ports = |all: &AllManaged| {
            let listeners = all.values().flat_map(|managed| &managed.load_balancer.listeners);
            listeners.map(|listener| listener.port).collect::<Vec<_>>()
        };
        let mut last = Vec::new();
        let mut fits = |all: &AllManaged| {
            last = ports(all);
            anyhow::ensure!(!last.contains(&81), "81 is taken");
            Ok(())
        };
        let (accepted, refused) = sift([managed(0), (id, balancer)].into(), &mut fits).unwrap();
        assert_eq!(accepted.len(), 2);
        assert_eq!(ports(&accepted), [80, 82]);
        assert_eq!(refused, [(id, "81 is taken".to_owned())]);
        assert_eq!(last, [80, 82], "what was asked last is what is begun with");
    }

    #[test]
    fn what_two_have_in_common_is_of_the_later_one() {
        let with = |ports: &[u16]| {
            let (_, mut managed) = managed(1);
            let balancer = &mut Arc::make_mut(&mut managed).load_balancer;
            Arc::make_mut(balancer)
                .listeners
                .extend(ports.iter().map(|port| listener(*port)));
            managed
        };
        let mut later = with(&[80, 82, 83]).as_ref().clone();
        Arc::make_mut(&mut later.load_balancer).listeners[1].port = 8082;
        let common = common(&later, &with(&[80, 81, 82]));
        let ports: Vec<u16> = common
            .load_balancer
            .listeners
            .iter()
            .map(|one| one.port)
            .collect();
        assert_eq!(ports, [80, 8082]);
    }

    #[test]
    fn a_file_that_is_refused_by_itself_is_not_blamed_on_anything_else() {
        let mut fits = |_: &AllManaged| anyhow::bail!("the file is odd");
        let refusal = sift((1..=20).map(managed).collect(), &mut fits).unwrap_err();
        assert_eq!(refusal.to_string(), "the file is odd");
    }
}
