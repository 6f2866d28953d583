//! What may happen to a configuration.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use lb_user::{
    config,
    model::{self, Config, Forwarding, Http, LbAlgorithm, LoadBalancer, Pool, Service, SourceNat},
};
use proptest::{prelude::*, sample::Index};

use crate::accounts;

/// Load balancers that there may be.
const BALANCERS: u8 = 4;

/// What may happen to a configuration. Where there is nothing of the kind, nothing does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A load balancer comes with all that it has, or goes.
    Balancer(u8),
    Weight(Index, Index, u16),
    MemberComes(Index, u8),
    MemberGoes(Index, Index),
    MemberSwitches(Index, Index),
    Health(Index, Index, bool),
    Algorithm(Index, LbAlgorithm),
    Sources(Index, u8),
    Persistence(Index, bool),
    Port(Index, u16),
    ListenerSwitches(Index),
    /// Its pools become the proxy's, or the datapath's.
    Layer(Index),
    PoolOfListener(Index, Option<Index>),
    /// Two load balancers have each other's VIPs.
    Vips(Index, Index),
    /// What nothing refers to becomes free.
    Sweep,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let (one, other) = (any::<Index>, any::<Index>);
    let algorithm = prop::sample::select(vec![
        LbAlgorithm::RoundRobin,
        LbAlgorithm::LeastConnections,
        LbAlgorithm::SourceIp,
    ]);
    prop_oneof![
        (0..BALANCERS).prop_map(Balancer),
        (one(), other(), 0..4_u16).prop_map(|(pool, member, weight)| Weight(pool, member, weight)),
        (one(), 1..9_u8).prop_map(|(pool, number)| MemberComes(pool, number)),
        (one(), other()).prop_map(|(pool, member)| MemberGoes(pool, member)),
        (one(), other()).prop_map(|(pool, member)| MemberSwitches(pool, member)),
        (one(), other(), any::<bool>()).prop_map(|(pool, member, is_up)| Health(pool, member, is_up)),
        (one(), algorithm).prop_map(|(pool, algorithm)| Algorithm(pool, algorithm)),
        (one(), 0..3_u8).prop_map(|(pool, count)| Sources(pool, count)),
        (one(), any::<bool>()).prop_map(|(pool, holds)| Persistence(pool, holds)),
        (one(), 1..4_u16).prop_map(|(listener, port)| Port(listener, port)),
        one().prop_map(ListenerSwitches),
        one().prop_map(Layer),
        (one(), any::<Option<Index>>()).prop_map(|(listener, pool)| PoolOfListener(listener, pool)),
        (one(), other()).prop_map(|(one, other)| Vips(one, other)),
        Just(Sweep),
    ]
}

/// A load balancer with a listener for each of its pools.
const BALANCER: &str = r#"
    datapath.interfaces = ["lo"]
    [[load_balancer]]
    name = "N"
    vip = "192.0.2.N"
    listener = [
        { name = "N/1", protocol = "TCP", port = 10, pool = "N/1" },
        { name = "N/2", protocol = "TCP", port = 11, pool = "N/2" },
    ]
    [[pool]]
    name = "N/1"
    member = [{ name = "1", address = "10.0.0.1", port = 80 }, { name = "2", address = "10.0.0.2", port = 80 }]
    [[pool]]
    name = "N/2"
    member = [{ name = "3", address = "10.0.0.3", port = 80 }]
"#;

fn balancer(number: u8) -> (Arc<LoadBalancer>, Vec<Arc<Pool>>) {
    let text = BALANCER.replace('N', &number.to_string());
    let mut config = config::parse(&text, "changes.toml").expect("it is right").config;
    let pools = config.pools.iter_mut();
    for member in pools.flat_map(|pool| &mut Arc::make_mut(pool).members) {
        // Where there is a way to from everywhere.
        member.address = reachable(member.address);
    }
    (config.load_balancers.remove(0), config.pools)
}

fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::from([127, 0, 1, address.octets()[3]]),
        IpAddr::V6(_) => address,
    }
}

fn pool(config: &mut Config, index: Index) -> Option<&mut Pool> {
    let count = config.pools.len();
    (count > 0).then(|| Arc::make_mut(&mut config.pools[index.index(count)]))
}

fn listener(config: &mut Config, index: Index) -> Option<&mut model::Listener> {
    let count = config.load_balancers.len();
    let balancer = (count > 0).then(|| Arc::make_mut(&mut config.load_balancers[index.index(count)]))?;
    let count = balancer.listeners.len();
    (count > 0).then(|| &mut balancer.listeners[index.index(count)])
}

impl Step {
    /// The configuration with it; all else is the same thing as before.
    pub(super) fn change(&self, config: &mut Config) -> Option<()> {
        match self {
            Self::Balancer(number) => {
                let (balancer, mut pools) = balancer(*number);
                let is_there = config
                    .load_balancers
                    .iter()
                    .position(|one| one.name == balancer.name);
                if let Some(place) = is_there {
                    config.load_balancers.remove(place);
                    config
                        .pools
                        .retain(|pool| pools.iter().all(|gone| gone.name != pool.name));
                } else if config.load_balancers.iter().all(|one| one.vip != balancer.vip) {
                    config.load_balancers.insert(0, balancer);
                    config.pools.append(&mut pools);
                }
                // What a listener named may be gone.
                let names: BTreeSet<String> = config.pools.iter().map(|pool| pool.name.clone()).collect();
                for balancer in &mut config.load_balancers {
                    let is_gone = |pool: &String| !names.contains(pool);
                    let mut listeners = balancer.listeners.iter();
                    if listeners.any(|listener| listener.pool.as_ref().is_some_and(is_gone)) {
                        for listener in &mut Arc::make_mut(balancer).listeners {
                            listener.pool = listener.pool.take().filter(|pool| !is_gone(pool));
                        }
                    }
                }
            }
            Self::Weight(of, index, weight) => {
                let pool = pool(config, *of).filter(|pool| !pool.members.is_empty())?;
                let count = pool.members.len();
                pool.members[index.index(count)].weight = *weight;
            }
            Self::MemberComes(of, number) => {
                let pool = pool(config, *of)?;
                let address = reachable(IpAddr::from([10, 0, 0, *number]));
                if pool.members.iter().all(|member| member.address != address) {
                    let mut member = balancer(0).1[0].members[0].clone();
                    member.name = number.to_string();
                    member.address = address;
                    pool.members.push(member);
                }
            }
            Self::MemberGoes(of, index) => {
                let pool = pool(config, *of).filter(|pool| !pool.members.is_empty())?;
                let count = pool.members.len();
                pool.members.remove(index.index(count));
            }
            Self::MemberSwitches(of, index) => {
                let pool = pool(config, *of).filter(|pool| !pool.members.is_empty())?;
                let count = pool.members.len();
                let member = &mut pool.members[index.index(count)];
                member.admin_state_up = !member.admin_state_up;
            }
            Self::Algorithm(of, algorithm) => pool(config, *of)?.algorithm = *algorithm,
            Self::Sources(of, count) => {
                let snat_addresses = (0..*count).map(|number| IpAddr::from([127, 0, 2, number]));
                pool(config, *of)?.forwarding = Forwarding::FullNat(SourceNat {
                    snat_addresses: snat_addresses.collect(),
                    ..SourceNat::default()
                });
            }
            Self::Persistence(of, holds) => {
                let persistence = accounts::config().pools[0].session_persistence.clone();
                pool(config, *of)?.session_persistence = persistence.filter(|_| *holds);
            }
            Self::Port(of, port) => {
                let ports = config.listeners().map(|(_, listener)| listener.port);
                let is_taken = ports.collect::<BTreeSet<u16>>().contains(port);
                listener(config, *of).filter(|_| !is_taken)?.port = *port;
            }
            Self::ListenerSwitches(of) => {
                let listener = listener(config, *of)?;
                listener.admin_state_up = !listener.admin_state_up;
            }
            Self::Layer(of) => {
                let listener = listener(config, *of)?;
                listener.service = match listener.service {
                    Service::Tcp => Service::Http {
                        http: Http::default(),
                    },
                    _ => Service::Tcp,
                };
            }
            Self::PoolOfListener(of, index) => {
                let names: Vec<String> = config.pools.iter().map(|pool| pool.name.clone()).collect();
                let name = index.filter(|_| !names.is_empty());
                let name = name.map(|index| names[index.index(names.len())].clone());
                listener(config, *of)?.pool = name;
            }
            Self::Vips(one, other) => {
                let count = config.load_balancers.len();
                let [one, other] = [one, other].map(|index| (count > 0).then(|| index.index(count)));
                let (one, other) = (one?, other?);
                let vips = [one, other].map(|index| config.load_balancers[index].vip);
                Arc::make_mut(&mut config.load_balancers[one]).vip = vips[1];
                Arc::make_mut(&mut config.load_balancers[other]).vip = vips[0];
            }
            Self::Health(..) | Self::Sweep => {}
        }
        Some(())
    }
}
