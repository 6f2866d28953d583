//! The keys whose values hold from start to end: another value is for the next start.

use super::{ApiSettings, Config, DaemonSettings, DatapathSettings, ProxySettings};

/// What lets another value hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// A daemon that takes over from this one.
    Upgrade,
    /// A new daemon, since one that takes over has to find this one; the datapath goes on meanwhile.
    Daemon,
    /// A new datapath, which has no flows or sessions yet.
    Datapath,
}

impl Config {
    /// Says which keys `new` has another value for that only a start can give them, and what to do; none: it has none.
    #[must_use]
    pub fn refusal(&self, new: &Self) -> Option<String> {
        let changed = |next| {
            let keys = self.lasting(new).into_iter();
            let keys = keys.filter(|(_, needs, is_other)| *is_other && *needs == next);
            keys.map(|(key, ..)| format!("`{key}`")).collect::<Vec<_>>()
        };
        let [upgrade, daemon, datapath] = [Next::Upgrade, Next::Daemon, Next::Datapath].map(changed);
        let how = if !datapath.is_empty() {
            "end the daemon with `holdfast stop --detach` (open flows and sessions are forgotten) and start it again"
        } else if !daemon.is_empty() {
            "end the daemon with `holdfast stop` (flows and sessions go on) and start it again"
        } else if !upgrade.is_empty() {
            "have another daemon take over with `holdfast upgrade` (nobody notices)"
        } else {
            return None;
        };
        let all = [daemon, upgrade, datapath].concat().join(", ");
        Some(format!(
            "a reload cannot change {all}; {how}, or set back what was changed"
        ))
    }

    /// Each key with what it needs, and whether `new` has another value. All keys are named here, so that one that is
    /// added has to be decided upon.
    fn lasting(&self, new: &Self) -> [(&'static str, Next, bool); 13] {
        let DaemonSettings {
            control_socket,
            pin_path,
            state_path,
        } = &self.daemon;
        let ProxySettings {
            workers,
            max_app_cookies,
            drain_s: _,
            app_cookie_save_s: _,
            access_log: _,
        } = &self.proxy;
        let ApiSettings {
            listen: _,
            auth: _,
            tls: _,
            certificates_path,
            users: _,
            tokens: _,
            subnets: _,
        } = &self.api;
        let DatapathSettings {
            interfaces: _,
            xdp_mode,
            closed_port: _,
            max_flows,
            max_sessions,
            max_listeners,
            max_pools,
            max_members,
            schedule_slots,
            flow_idle_timeout: _,
        } = &self.datapath;
        let (daemon, datapath) = (&new.daemon, &new.datapath);
        // One that is not there yet, or will not be any more, is made or ended as a whole.
        let stays = self.has_layer_4() && new.has_layer_4();
        let of_datapath = |key, next, is_other| (key, next, stays && is_other);
        let sized = |key, old, new| of_datapath(key, Next::Datapath, old != new);
        [
            (
                "control_socket",
                Next::Daemon,
                *control_socket != daemon.control_socket,
            ),
            ("state_path", Next::Daemon, *state_path != daemon.state_path),
            (
                "certificates_path",
                Next::Upgrade,
                *certificates_path != new.api.certificates_path,
            ),
            (
                "max_app_cookies",
                Next::Upgrade,
                *max_app_cookies != new.proxy.max_app_cookies,
            ),
            ("workers", Next::Upgrade, *workers != new.proxy.workers),
            of_datapath("pin_path", Next::Datapath, *pin_path != daemon.pin_path),
            of_datapath("xdp_mode", Next::Upgrade, *xdp_mode != datapath.xdp_mode),
            sized("max_flows", *max_flows, datapath.max_flows),
            sized("max_sessions", *max_sessions, datapath.max_sessions),
            sized("max_listeners", *max_listeners, datapath.max_listeners),
            sized("max_pools", *max_pools, datapath.max_pools),
            sized("max_members", *max_members, datapath.max_members),
            sized("schedule_slots", *schedule_slots, datapath.schedule_slots),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClosedPort, FlowIdleTimeout, XdpMode};

    fn refusal(change: impl FnOnce(&mut Config)) -> Option<String> {
        let mut old = Config::default();
        old.datapath.interfaces.push("eth0".into());
        let mut new = old.clone();
        change(&mut new);
        old.refusal(&new)
    }

    #[test]
    fn what_a_reload_can_change_is_not_refused() {
        let change = |new: &mut Config| {
            new.datapath.interfaces.push("eth1".into());
            new.datapath.closed_port = ClosedPort::Drop;
            new.datapath.flow_idle_timeout = FlowIdleTimeout {
                udp_s: 1,
                ..FlowIdleTimeout::default()
            };
        };
        assert_eq!(refusal(change), None);
    }

    #[test]
    fn another_control_socket_asks_for_a_restart_and_another_mode_for_a_daemon_that_takes_over() {
        let said = refusal(|new| new.daemon.control_socket = "/elsewhere".into()).unwrap();
        assert!(
            said.contains("`control_socket`") && said.contains("`holdfast stop`"),
            "{said}"
        );
        let said = refusal(|new| new.datapath.xdp_mode = XdpMode::Native).unwrap();
        assert!(
            said.contains("`xdp_mode`") && said.contains("`holdfast upgrade`"),
            "{said}"
        );
    }

    #[test]
    fn where_a_datapath_comes_or_goes_it_may_be_another_one() {
        let (none, mut some) = (Config::default(), Config::default());
        some.datapath.interfaces.push("eth0".into());
        some.datapath.max_flows += 1;
        some.datapath.xdp_mode = XdpMode::Native;
        some.daemon.pin_path = "/elsewhere".into();
        assert_eq!(none.refusal(&some), None);
        assert_eq!(some.refusal(&none), None);
        some.daemon.control_socket = "/elsewhere".into();
        assert!(none.refusal(&some).is_some());
    }

    #[test]
    fn every_key_that_was_changed_is_named() {
        let change = |new: &mut Config| {
            new.daemon.control_socket = "/elsewhere".into();
            new.daemon.pin_path = "/elsewhere".into();
            new.daemon.state_path = "/elsewhere".into();
            new.api.certificates_path = "/elsewhere".into();
            new.proxy.workers = Some(3);
            new.proxy.max_app_cookies += 1;
            new.datapath.xdp_mode = XdpMode::Native;
            new.datapath.max_flows += 1;
            new.datapath.max_sessions += 1;
            new.datapath.max_listeners += 1;
            new.datapath.max_pools += 1;
            new.datapath.max_members += 1;
            new.datapath.schedule_slots += 1;
        };
        let said = refusal(change).unwrap();
        for key in [
            "control_socket",
            "pin_path",
            "state_path",
            "certificates_path",
            "workers",
            "max_app_cookies",
            "xdp_mode",
            "max_flows",
            "max_sessions",
            "max_listeners",
            "max_pools",
            "max_members",
            "schedule_slots",
        ] {
            assert!(said.contains(&format!("`{key}`")), "{key} is not in: {said}");
        }
        assert!(said.contains("`holdfast stop --detach`"), "{said}");
    }
}
