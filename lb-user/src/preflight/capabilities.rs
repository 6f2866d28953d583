//! The capabilities of this process (`capabilities(7)`).

use std::fmt;

use super::Missing;

/// What the daemon needs of root's rights. Each was taken away on Linux 6.18, and the kernel refused; no other is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capability {
    Bpf = 39,
    NetAdmin = 12,
    Perfmon = 38,
}

/// Holds all that `CAP_BPF` and `CAP_PERFMON` were once split off from, and stands for them still.
const SYS_ADMIN: u32 = 21;

impl Capability {
    pub(super) const ALL: [Self; 3] = [Self::Bpf, Self::NetAdmin, Self::Perfmon];

    /// With what it is for.
    pub(super) fn with_use(self) -> String {
        let purpose = match self {
            Self::Bpf => "to make maps and load programs",
            Self::NetAdmin => "to load and attach XDP programs",
            Self::Perfmon => "to have the verifier allow comparing packet pointers",
        };
        format!("{self} ({purpose})")
    }

    fn is_in(self, set: u64) -> bool {
        let has = |bit: u32| set >> bit & 1 == 1;
        has(self as u32) || self != Self::NetAdmin && has(SYS_ADMIN)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bpf => "CAP_BPF",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::Perfmon => "CAP_PERFMON",
        })
    }
}

/// Where /proc does not tell, the kernel will.
pub(super) fn check() -> Option<Missing> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let missing = missing_in(effective(&status)?);
    (!missing.is_empty()).then_some(Missing::Capabilities(missing))
}

/// The effective capabilities in a `status` file of /proc, a bit each.
fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn missing_in(set: u64) -> Vec<Capability> {
    let all = Capability::ALL.into_iter();
    all.filter(|capability| !capability.is_in(set)).collect()
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
        assert_eq!(missing_in(u64::MAX), []);
        assert_eq!(missing_in(0), Capability::ALL);
        assert_eq!(missing_in(1 << 39 | 1 << 38), [Capability::NetAdmin]);
        assert_eq!(missing_in(1 << 12 | 1 << 38), [Capability::Bpf]);
    }

    #[test]
    fn the_old_right_to_administer_stands_for_the_newer_ones() {
        assert_eq!(missing_in(1 << SYS_ADMIN), [Capability::NetAdmin]);
    }
}
