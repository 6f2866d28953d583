//! The capabilities of this process (`capabilities(7)`).

use std::fmt;

use super::Missing;

/// What the daemon may need of root's rights. Each was taken away on Linux 6.18, and the kernel refused; no other is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capability {
    Bpf = 39,
    NetAdmin = 12,
    NetBindService = 10,
    Perfmon = 38,
}

/// Holds all that `CAP_BPF` and `CAP_PERFMON` were once split off from, and stands for them still.
const SYS_ADMIN: u32 = 21;

impl Capability {
    /// What the datapath takes.
    pub(super) const OF_LAYER_4: [Self; 3] = [Self::Bpf, Self::NetAdmin, Self::Perfmon];

    /// With what it is for.
    pub(super) fn with_use(self) -> String {
        let purpose = match self {
            Self::Bpf => "to make maps and load programs",
            Self::NetAdmin => "to load and attach XDP programs",
            Self::NetBindService => "to listen on ports below 1024 for HTTP and HTTPS",
            Self::Perfmon => "to have the verifier allow comparing packet pointers",
        };
        format!("{self} ({purpose})")
    }

    fn is_in(self, set: u64) -> bool {
        let has = |bit: u32| set >> bit & 1 == 1;
        has(self as u32) || matches!(self, Self::Bpf | Self::Perfmon) && has(SYS_ADMIN)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bpf => "CAP_BPF",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetBindService => "CAP_NET_BIND_SERVICE",
            Self::Perfmon => "CAP_PERFMON",
        })
    }
}

/// Which of these are missing. Where /proc does not tell, the kernel will.
pub(super) fn check(needed: &[Capability]) -> Option<Missing> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let missing = missing_in(effective(&status)?, needed);
    (!missing.is_empty()).then(|| Missing::Capabilities {
        missing,
        needed: needed.to_owned(),
    })
}

/// The effective capabilities in a `status` file of /proc, a bit each.
fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn missing_in(set: u64, needed: &[Capability]) -> Vec<Capability> {
    let needed = needed.iter().copied();
    needed.filter(|capability| !capability.is_in(set)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_set_is_found_among_the_others() {
        let status = "Name:\tholdfast\nCapPrm:\t000001ffffffffff\nCapEff:\t000000c000001000\nCapBnd:\t0\n";
        assert_eq!(effective(status), Some(1 << 39 | 1 << 38 | 1 << 12));
        assert_eq!(effective("Name:\tholdfast\n"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |set| missing_in(set, &Capability::OF_LAYER_4);
        assert_eq!(missing(u64::MAX), []);
        assert_eq!(missing(0), Capability::OF_LAYER_4);
        assert_eq!(missing(1 << 39 | 1 << 38), [Capability::NetAdmin]);
        assert_eq!(missing(1 << 12 | 1 << 38), [Capability::Bpf]);
        assert_eq!(missing_in(0, &[]), []);
    }

    #[test]
    fn the_old_right_to_administer_stands_for_the_newer_ones() {
        use Capability::{Bpf, NetAdmin, NetBindService, Perfmon};
        let all = [Bpf, NetAdmin, NetBindService, Perfmon];
        assert_eq!(missing_in(1 << SYS_ADMIN, &all), [NetAdmin, NetBindService]);
    }
}
