//! A network namespace without a name, in which the interfaces of the cases are: it is gone when nobody holds it.

use std::{fs::File, process::Command, thread};

use lb_common::address::Address;
use nix::sched::{CloneFlags, setns, unshare};

use crate::cases::core::{ELSEWHERE, MEMBERS};

pub(crate) struct Namespace(File);

impl Namespace {
    /// One with all interfaces; that of the clients is its loopback interface.
    pub(crate) fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root is needed");
            ip(&format!(
                "link add members index {MEMBERS} type veth peer name elsewhere index {ELSEWHERE}"
            ));
            File::open("/proc/thread-self/ns/net").expect("a namespace has a file")
        };
        Self(
            thread::spawn(make)
                .join()
                .expect("the kernel has namespaces and veth"),
        )
    }

    /// Takes this thread into it.
    pub(crate) fn enter(&self) {
        setns(&self.0, CloneFlags::CLONE_NEWNET).expect("it is there as long as its file");
    }

    /// Gives it a way to an address out of the interface of the members, and a neighbour there.
    pub(crate) fn add_route(&self, destination: &Address, from: [u8; 6], to: [u8; 6]) {
        self.enter();
        let mac = |octets: [u8; 6]| octets.map(|octet| format!("{octet:02x}")).join(":");
        let destination = std::net::IpAddr::from(*destination);
        for family in ["ipv4", "ipv6"] {
            let forwarding = format!("/proc/sys/net/{family}/conf/all/forwarding");
            std::fs::write(forwarding, "1").expect("a namespace of its own may forward");
        }
        for line in [
            format!("link set members address {}", mac(from)),
            "link set members up".into(),
            format!("route add {destination} dev members"),
            format!("neigh add {destination} lladdr {} dev members", mac(to)),
        ] {
            ip(&line);
        }
    }
}

/// Runs `ip` with the words of a line, in the namespace of this thread.
fn ip(line: &str) {
    let status = Command::new("ip").args(line.split(' ')).status();
    assert!(status.is_ok_and(|status| status.success()), "ip {line}");
}
