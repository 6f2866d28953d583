//! The rules between objects: names, references, and what a pool and its listeners ask of each other.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use super::diagnostic::{Reported, Span};
use super::load_balancer::{RawListener, RawLoadBalancer};
use super::pool::RawPool;
use super::reader::{At, Read, Scope, quoted};
use super::settings::RawDatapath;
use super::values::LOOPBACK;
use crate::model::{ApiSettings, Config, DaemonSettings, MAX_SNAT_ADDRESSES, Pool, ProxySettings};

/// Among how many pools one is looked for that may have been meant.
const MOST_COMPARED: usize = 4096;

/// A whole file, each value right by itself.
pub(super) struct RawConfig<'r> {
    pub(super) daemon: Result<DaemonSettings, Reported>,
    pub(super) datapath: Result<RawDatapath<'r>, Reported>,
    pub(super) proxy: Result<ProxySettings, Reported>,
    pub(super) api: Result<ApiSettings, Reported>,
    pub(super) load_balancers: Vec<RawLoadBalancer<'r>>,
    pub(super) pools: Vec<RawPool<'r>>,
}

/// A listener that sends its clients to a pool, or a policy of it that does.
#[derive(Clone, Copy)]
pub(super) struct Use<'c, 'r> {
    pub(super) load_balancer: &'c RawLoadBalancer<'r>,
    pub(super) listener: &'c RawListener<'r>,
    /// Which of both it is.
    pub(super) scope: &'c Scope<'r>,
}

/// Who serves a listener.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// The datapath.
    Four,
    /// The proxy.
    Seven,
}

impl<'c, 'r> Use<'c, 'r> {
    fn new(load_balancer: &'c RawLoadBalancer<'r>, listener: &'c RawListener<'r>) -> Self {
        Self {
            load_balancer,
            listener,
            scope: &listener.scope,
        }
    }

    /// All pools that it names, its policies' among them, each with who does.
    fn named(self) -> impl Iterator<Item = (&'c At<String>, Self)> {
        let own = self.listener.pool.iter().flatten().map(move |name| (name, self));
        let policies = self.listener.policies.iter();
        own.chain(policies.filter_map(move |policy| {
            let by_policy = Self {
                scope: &policy.scope,
                ..self
            };
            Some((policy.pool.as_ref()?, by_policy))
        }))
    }

    /// Whether it is known to be served there.
    pub(super) fn is_at(&self, layer: Layer) -> bool {
        self.listener
            .protocol
            .is_ok_and(|protocol| protocol.value.is_layer_4() == (layer == Layer::Four))
    }
}

/// Reports each item whose key an earlier one has; `message` gets that key and the earlier one's line.
pub(super) fn unique<'c, 'r: 'c, K: Eq + Hash>(
    items: impl IntoIterator<Item = (K, Span, &'c Scope<'r>)>,
    message: impl Fn(&K, usize) -> String,
) {
    let mut lines = HashMap::new();
    for (key, span, scope) in items {
        match lines.entry(key) {
            Entry::Vacant(first) => {
                first.insert(scope.report.line(span));
            }
            Entry::Occupied(first) => {
                scope.error(span, message(first.key(), *first.get()));
            }
        }
    }
}

fn unique_names<'c, 'r: 'c>(what: &str, items: impl Iterator<Item = (&'c Read<String>, &'c Scope<'r>)>) {
    let names =
        items.filter_map(|(name, scope)| name.as_ref().ok().map(|at| (at.value.as_str(), at.span, scope)));
    unique(names, |name, line| {
        let name = quoted(name);
        format!(
            "name {name} is already that of the {what} on line {line}; give each {what} a name of its own"
        )
    });
}

/// What there is of pools must have slots for their schedules.
fn check_schedules(datapath: &RawDatapath<'_>, pools: &[Result<Pool, Reported>]) {
    let pools = pools.iter().flatten();
    let slots: usize = pools.map(Pool::schedule_slots).sum();
    if let Ok(room) = &datapath.schedule_slots
        && slots > room.value as usize
    {
        let message = format!(
            "schedule_slots {} has no room for the {slots} slots that the schedules of this file take; write \
             schedule_slots = {slots} or more",
            room.value
        );
        datapath.scope.error(room.span, message);
    }
}

/// Whether a file needs interfaces: where all that clients reach is served by the proxy, it does not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interfaces {
    Needed,
    Optional,
}

fn check_interfaces(datapath: &RawDatapath<'_>, need: Interfaces) {
    let RawDatapath {
        scope,
        interfaces: Ok(interfaces),
        ..
    } = datapath
    else {
        return;
    };
    if interfaces.value.is_empty() && need == Interfaces::Needed {
        scope.error(
            interfaces.span,
            "interfaces is missing; name those where clients and members are reached, as in \
             interfaces = [\"eth0\"] under [datapath]",
        );
    }
    let names = interfaces.value.iter().map(|at| (&at.value, at.span, scope));
    unique(names, |name, line| {
        format!("interfaces has {name:?} already on line {line}; write it once")
    });
}

impl<'r> RawConfig<'r> {
    /// The configuration, if nothing in it is wrong; every rule is looked at either way.
    pub(super) fn valid(&self) -> Result<Config, Reported> {
        if let Ok(datapath) = &self.datapath {
            check_interfaces(datapath, self.interfaces());
            self.check_room(datapath);
        }
        self.check_names();
        self.check_vips_and_ports();
        self.check_members_are_no_vips();
        self.check_vips_of_the_datapath();
        self.warn_of_the_api_at_a_vip();
        self.check_source_addresses();
        let uses = self.uses();
        let pools = self.pools.iter().zip(&uses).map(|(pool, uses)| {
            super::pool_rules::check(pool, uses);
            pool.valid(uses.iter().find_map(|one| Some(one.listener.port.ok()?.value)))
        });
        let pools: Vec<_> = pools.collect();
        if let Ok(datapath) = &self.datapath {
            check_schedules(datapath, &pools);
        }
        let load_balancers = self.load_balancers.iter().map(RawLoadBalancer::valid);
        Ok(Config {
            daemon: self.daemon.clone()?,
            datapath: self.datapath.as_ref()?.valid()?,
            proxy: self.proxy.clone()?,
            api: self.api.clone()?,
            load_balancers: load_balancers
                .map(|valid| valid.map(Arc::new))
                .collect::<Result<_, _>>()?,
            pools: pools
                .into_iter()
                .map(|valid| valid.map(Arc::new))
                .collect::<Result<_, _>>()?,
        })
    }

    fn listeners(&self) -> impl Iterator<Item = Use<'_, 'r>> {
        self.load_balancers.iter().flat_map(|load_balancer| {
            let listeners = load_balancer.listeners.iter();
            listeners.map(move |listener| Use::new(load_balancer, listener))
        })
    }

    fn interfaces(&self) -> Interfaces {
        if self.listeners().all(|one| one.is_at(Layer::Seven)) {
            Interfaces::Optional
        } else {
            Interfaces::Needed
        }
    }

    /// What the datapath serves comes over a network.
    fn check_vips_of_the_datapath(&self) {
        for load_balancer in &self.load_balancers {
            let Ok(vip) = load_balancer.vip else { continue };
            let mut listeners = load_balancer.listeners.iter();
            let of_datapath = listeners
                .find(|listener| Use::new(load_balancer, listener).is_at(Layer::Four))
                .filter(|_| vip.value.is_loopback());
            if let Some(listener) = of_datapath {
                let message = format!(
                    "vip {} is {LOOPBACK}, and {} is served for other machines; write the unicast address of one machine",
                    vip.value, listener.scope.label
                );
                load_balancer.scope.error(vip.span, message);
            }
        }
    }

    /// Who has the file may want all ports of an address at which the API listens: it may be reached at another one.
    fn warn_of_the_api_at_a_vip(&self) {
        let Ok(api) = &self.api else { return };
        for load_balancer in &self.load_balancers {
            let Ok(vip) = load_balancer.vip else { continue };
            let mut listen = api.listen.iter();
            let is_the_apis = listen.any(|own| own.ip().to_canonical() == vip.value);
            let takes_all_ports = || load_balancer.valid().is_ok_and(|valid| valid.takes_all_ports());
            if is_the_apis && self.has_interfaces() && takes_all_ports() {
                let message = format!(
                    "vip {} is an address at which the management API listens, and takes it from the API at all ports; \
                     give one of them another address",
                    vip.value
                );
                load_balancer.scope.warning(vip.span, message);
            }
        }
    }

    fn has_interfaces(&self) -> bool {
        let datapath = self.datapath.as_ref().ok();
        let interfaces = datapath.and_then(|datapath| datapath.interfaces.as_ref().ok());
        interfaces.is_some_and(|interfaces| !interfaces.value.is_empty())
    }

    fn check_room(&self, datapath: &RawDatapath<'_>) {
        let members = self.pools.iter().map(|pool| pool.members.len()).sum();
        for (count, what, key, room) in [
            (
                self.load_balancers.len(),
                "load balancers",
                "max_listeners",
                &datapath.max_listeners,
            ),
            (
                self.listeners().count(),
                "listeners",
                "max_listeners",
                &datapath.max_listeners,
            ),
            (self.pools.len(), "pools", "max_pools", &datapath.max_pools),
            (members, "members", "max_members", &datapath.max_members),
        ] {
            if let Ok(room) = room
                && count > room.value as usize
            {
                let message = format!(
                    "{key} {} has no room for the {count} {what} of this file; write {key} = {count} or more",
                    room.value
                );
                datapath.scope.error(room.span, message);
            }
        }
    }

    fn check_names(&self) {
        unique_names(
            "load balancer",
            self.load_balancers.iter().map(|lb| (&lb.name, &lb.scope)),
        );
        unique_names(
            "listener",
            self.listeners()
                .map(|Use { listener, .. }| (&listener.name, &listener.scope)),
        );
        unique_names("pool", self.pools.iter().map(|pool| (&pool.name, &pool.scope)));
        for Use { listener, .. } in self.listeners() {
            let policies = listener.policies.iter();
            unique_names("policy", policies.map(|policy| (&policy.name, &policy.scope)));
        }
    }

    fn check_vips_and_ports(&self) {
        let vips = self.load_balancers.iter().filter_map(|lb| {
            let vip = lb.vip.ok()?;
            Some((vip.value, vip.span, &lb.scope))
        });
        unique(vips, |vip, line| {
            format!(
                "vip {vip} is already that of the load balancer on line {line}; add the listeners to that one"
            )
        });
        for load_balancer in &self.load_balancers {
            let ports = load_balancer.listeners.iter().filter_map(|listener| {
                let (protocol, port) = (listener.protocol.ok()?, listener.port.ok()?);
                Some((
                    (protocol.value.transport(), port.value),
                    port.span,
                    &listener.scope,
                ))
            });
            unique(ports, |(transport, port), line| {
                format!(
                    "port {port} of {transport} is already that of the listener on line {line}; choose another"
                )
            });
        }
    }

    fn check_members_are_no_vips(&self) {
        let vips: HashMap<IpAddr, &RawLoadBalancer<'_>> = self
            .load_balancers
            .iter()
            .filter_map(|lb| Some((lb.vip.ok()?.value, lb)))
            .collect();
        for member in self.pools.iter().flat_map(|pool| &pool.members) {
            if let Ok(address) = member.address
                && let Some(owner) = vips.get(&address.value)
            {
                let message = format!(
                    "address {} is the VIP of {}; write the address of a backend server",
                    address.value, owner.scope.label
                );
                member.scope.error(address.span, message);
            }
        }
    }

    /// What the pools name as sources must have room. The host's own addresses take some as well, which only it knows.
    fn check_source_addresses(&self) {
        let mut lists = HashSet::new();
        let (mut count, mut first_beyond) = (0, None);
        for pool in self.pools.iter().filter(|pool| !pool.members.is_empty()) {
            let Ok(addresses) = &pool.snat_addresses else {
                continue;
            };
            let list: Vec<IpAddr> = addresses.value.iter().map(|at| at.value).collect();
            let taken = list.len();
            if lists.insert(list) {
                count += taken;
                if count > MAX_SNAT_ADDRESSES as usize {
                    first_beyond.get_or_insert((&pool.scope, addresses.span));
                }
            }
        }
        if let Some((scope, span)) = first_beyond {
            let message = format!(
                "the pools of this file have {count} snat_addresses, and there is room for {MAX_SNAT_ADDRESSES}; name \
                 fewer, or the same list in several pools, which counts once"
            );
            scope.error(span, message);
        }
    }

    /// The listeners and policies of each pool, in the order of the pools; reports those that name no pool there is.
    fn uses(&self) -> Vec<Vec<Use<'_, 'r>>> {
        let mut pools = HashMap::new();
        for (index, pool) in self.pools.iter().enumerate() {
            if let Ok(name) = &pool.name {
                pools.entry(name.value.as_str()).or_insert(index);
            }
        }
        let mut uses = vec![Vec::new(); self.pools.len()];
        for (name, one) in self.listeners().flat_map(Use::named) {
            if let Some(&index) = pools.get(name.value.as_str()) {
                uses[index].push(one);
                continue;
            }
            let hint = match one
                .scope
                .closest(&name.value, pools.keys().take(MOST_COMPARED).copied())
            {
                Some(pool) => format!("did you mean {pool:?}?"),
                None => "write the name of a [[pool]]".into(),
            };
            one.scope.error(
                name.span,
                format!("there is no pool {}; {hint}", quoted(&name.value)),
            );
        }
        uses
    }
}
