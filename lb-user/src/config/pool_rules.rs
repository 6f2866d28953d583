//! What a pool and the listeners that use it ask of each other.

use std::net::IpAddr;

use super::persistence::IDLE_TIMEOUT_AT_LAYER_4_S;
use super::pool::RawPool;
use super::reader::At;
use super::rules::{Layer, Use};
use super::values::LOOPBACK;
use crate::model::{ForwardingMode, LbKind, PersistenceType};

/// Reports where `pool` does not go with its listeners; `uses` are all of them.
pub(super) fn check(pool: &RawPool<'_>, uses: &[Use<'_, '_>]) {
    if uses.is_empty() {
        pool.scope.warning(pool.scope.span, "no listener uses it");
    }
    check_persistence(pool, uses);
    check_layer(pool, uses);
    let Ok(mode) = pool.forwarding else { return };
    let is_proxied = uses.iter().any(|one| one.is_at(Layer::Seven));
    if mode.value.keeps_the_family() && !is_proxied {
        check_family(pool, mode.value, uses);
    }
    if !mode.value.changes_the_port() {
        check_unchanged_port(pool, mode.value, uses);
    }
}

/// The first use that is known to be at that layer.
fn at<'u, 'c, 'r>(uses: &'u [Use<'c, 'r>], layer: Layer) -> Option<&'u Use<'c, 'r>> {
    uses.iter().find(|one| one.is_at(layer))
}

fn check_persistence(pool: &RawPool<'_>, uses: &[Use<'_, '_>]) {
    let Ok(Some(persistence)) = &pool.session_persistence else {
        return;
    };
    let Ok(given) = persistence.persistence_type else {
        return;
    };
    let (four, seven) = (at(uses, Layer::Four), at(uses, Layer::Seven));
    let by_address = given.value == PersistenceType::SourceIp;
    if let Some(one) = four.filter(|_| !by_address) {
        let message = format!(
            "type {} needs a layer 7 listener, since TCP and UDP have no cookies, and {} uses this pool; \
             write type = \"SOURCE_IP\"",
            given.value, one.scope.label
        );
        persistence.scope.error(given.span, message);
    }
    let is_in_the_datapath = four.is_some() || (by_address && seven.is_none());
    if is_in_the_datapath
        && let Ok(At { value: idle, span }) = persistence.idle_timeout
        && !IDLE_TIMEOUT_AT_LAYER_4_S.contains(&idle.seconds)
    {
        let [least, most] = [IDLE_TIMEOUT_AT_LAYER_4_S.start(), IDLE_TIMEOUT_AT_LAYER_4_S.end()]
            .map(|seconds| idle.in_its_unit(*seconds));
        let message = format!(
            "{} {} is out of range; for TCP and UDP listeners it is {least} to {most}",
            idle.key,
            idle.written()
        );
        persistence.scope.error(span, message);
    }
    let dedicated = |one: &&Use<'_, '_>| {
        one.load_balancer
            .kind
            .is_ok_and(|kind| kind.value == LbKind::Dedicated)
    };
    if given.value == PersistenceType::AppCookie
        && let Some(one) = uses.iter().find(dedicated)
    {
        let message = format!(
            "type APP_COOKIE is not offered by a dedicated load balancer, and {} is one that uses this pool; \
             write kind = \"shared\" there, or another type here",
            one.load_balancer.scope.label
        );
        persistence.scope.error(given.span, message);
    }
}

/// A pool is served by the datapath or by the proxy, and has what belongs to that.
fn check_layer(pool: &RawPool<'_>, uses: &[Use<'_, '_>]) {
    match (at(uses, Layer::Four), at(uses, Layer::Seven)) {
        (Some(four), Some(seven)) => {
            let message = format!(
                "{} hands out its connections packet by packet, {} request by request; give each a pool of its own",
                four.scope.label, seven.scope.label
            );
            pool.scope.error(pool.scope.span, message);
        }
        (Some(four), None) => {
            if let Ok(Some(http)) = &pool.http {
                let message = format!(
                    "http is for pools of HTTP and HTTPS listeners, and {} uses this one; leave it out",
                    four.scope.label
                );
                pool.scope.error(http.span, message);
            }
            check_no_loopback(pool);
        }
        (None, Some(seven)) => check_proxied(pool, seven),
        (None, None) => check_no_loopback(pool),
    }
}

fn check_no_loopback(pool: &RawPool<'_>) {
    for member in &pool.members {
        if let Ok(address) = member.address
            && address.value.is_loopback()
        {
            let message = format!(
                "address {} is {LOOPBACK}; write the unicast address of one machine",
                address.value
            );
            member.scope.error(address.span, message);
        }
    }
}

/// The proxy makes connections of its own to the members: of the ways of forwarding there is none to choose.
fn check_proxied(pool: &RawPool<'_>, seven: &Use<'_, '_>) {
    if let Ok(mode) = &pool.forwarding
        && mode.value != ForwardingMode::FullNat
    {
        let message = format!(
            "forwarding {} is for TCP and UDP listeners, and {} uses this pool: its requests go over connections of \
             the balancer's own; leave it out",
            mode.value, seven.scope.label
        );
        pool.scope.error(mode.span, message);
    }
}

/// An address that settles the family of a pool, and how a message says so.
struct Family {
    address: IpAddr,
    reason: String,
}

impl Family {
    fn name(address: IpAddr) -> &'static str {
        if address.is_ipv4() { "IPv4" } else { "IPv6" }
    }

    /// The family of the VIPs that use the pool, or of its members as long as none does.
    fn of(pool: &RawPool<'_>, uses: &[Use<'_, '_>]) -> Option<Self> {
        let vip = uses.iter().find_map(|one| {
            let address = one.load_balancer.vip.ok()?.value;
            Some(Self {
                address,
                reason: format!("{} uses the pool for VIP {address}", one.scope.label),
            })
        });
        let member = || {
            let address = pool.members.iter().find_map(|member| member.address.ok())?.value;
            Some(Self {
                address,
                reason: format!("its first member is {address}"),
            })
        };
        vip.or_else(member)
    }

    fn differs(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() != address.is_ipv4()
    }

    /// What is wrong with `address`, and what would be right.
    fn complaint(&self, key: &str, address: IpAddr, mode: ForwardingMode) -> String {
        let (given, wanted) = (Self::name(address), Self::name(self.address));
        let reason = &self.reason;
        format!(
            "{key} {address} is {given}, but {reason}, and {mode} keeps the family of a packet; \
             write an {wanted} address"
        )
    }
}

fn check_family(pool: &RawPool<'_>, mode: ForwardingMode, uses: &[Use<'_, '_>]) {
    let Some(family) = Family::of(pool, uses) else {
        return;
    };
    for one in uses {
        if let (Ok(vip), Ok(Some(name))) = (one.load_balancer.vip, &one.listener.pool)
            && family.differs(vip.value)
        {
            let message = format!(
                "pool {:?} cannot serve VIP {}: {}, and {mode} keeps the family of a packet; use another pool for {}",
                name.value,
                vip.value,
                family.reason,
                Family::name(vip.value)
            );
            one.listener.scope.error(name.span, message);
        }
    }
    for member in &pool.members {
        if let Ok(address) = member.address
            && family.differs(address.value)
        {
            let message = family.complaint("address", address.value, mode);
            member
                .scope
                .error(address.span, format!("{message}, or forwarding = \"ipip\""));
        }
    }
    if let Ok(addresses) = &pool.snat_addresses {
        for address in addresses.value.iter().filter(|at| family.differs(at.value)) {
            pool.scope.error(
                address.span,
                family.complaint("snat_addresses", address.value, mode),
            );
        }
    }
}

/// `dsr` and `ipip` deliver a packet as it came: its port is that of the listener, in the member as well.
fn check_unchanged_port(pool: &RawPool<'_>, mode: ForwardingMode, uses: &[Use<'_, '_>]) {
    let ports = || {
        uses.iter()
            .filter_map(|one| Some((one.listener, one.listener.port.ok()?.value)))
    };
    // Two listeners tell whether there is more than one port, and whether a member's is another.
    let first = ports().next();
    let other = first.and_then(|(_, port)| ports().find(|(_, other)| *other != port));
    for member in &pool.members {
        let Ok(Some(port)) = member.port else { continue };
        let different = [first, other]
            .into_iter()
            .flatten()
            .find(|(_, expected)| *expected != port.value);
        if let Some((listener, expected)) = different {
            let message = format!(
                "port {} is not the port of {}, {expected}, and {mode} forwarding cannot change the port; \
                 leave port out",
                port.value, listener.scope.label
            );
            member.scope.error(port.span, message);
        }
    }
    if let (Some((first, port)), Some((other, other_port))) = (first, other)
        && let Ok(Some(monitor)) = &pool.health_monitor
        && matches!(monitor.port, Ok(None))
    {
        let message = format!(
            "port is missing; {} has port {port}, {} has port {other_port}, and {mode} members have none of their \
             own: write the port to ask",
            first.scope.label, other.scope.label
        );
        monitor.scope.error(monitor.scope.span, message);
    }
}
