//! What the datapath counts. Each core has counters of its own: what is read is their sum.

use aya::{
    Ebpf,
    maps::{MapData, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use lb_common::{
    tables::{SessionCounts, Traffic},
    verdict::Reason,
};
use zerocopy::transmute;

use super::{
    Error,
    maps::{failed, typed},
};

const TRAFFIC: usize = size_of::<Traffic>() / size_of::<u64>();
const SESSION_COUNTS: usize = size_of::<SessionCounts>() / size_of::<u64>();

/// Counters by id. They outlive the daemon, as the ids do.
pub struct Counters {
    listeners: PerId<TRAFFIC>,
    members: PerId<TRAFFIC>,
    sessions: PerId<SESSION_COUNTS>,
    reasons: PerId<1>,
}

impl Counters {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, Error> {
        Ok(Self {
            listeners: PerId::take(ebpf, "LISTENER_TRAFFIC")?,
            members: PerId::take(ebpf, "MEMBER_TRAFFIC")?,
            sessions: PerId::take(ebpf, "SESSION_COUNTS")?,
            reasons: PerId::take(ebpf, "REASONS")?,
        })
    }

    /// What passed through a listener.
    #[must_use]
    pub fn listener(&self, id: u32) -> Traffic {
        transmute!(self.listeners.sum(id))
    }

    /// What passed to and from a member.
    #[must_use]
    pub fn member(&self, id: u32) -> Traffic {
        transmute!(self.members.sum(id))
    }

    /// What the datapath did with the sessions of a pool.
    #[must_use]
    pub fn sessions(&self, pool: u32) -> SessionCounts {
        transmute!(self.sessions.sum(pool))
    }

    /// Packets of a reason.
    #[must_use]
    pub fn reason(&self, reason: Reason) -> u64 {
        let [count] = self.reasons.sum(reason as u32);
        count
    }

    /// A listener gets this id: it begins at zero, whoever had the id before.
    pub fn begin_listener(&mut self, id: u32) -> Result<(), Error> {
        self.listeners.clear(id)
    }

    /// A member gets this id.
    pub fn begin_member(&mut self, id: u32) -> Result<(), Error> {
        self.members.clear(id)
    }

    /// A pool gets this id.
    pub fn begin_pool(&mut self, id: u32) -> Result<(), Error> {
        self.sessions.clear(id)
    }
}

/// A map of so many counters for each id and core.
struct PerId<const N: usize> {
    name: &'static str,
    map: PerCpuArray<MapData, [u64; N]>,
}

impl<const N: usize> PerId<N> {
    fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Self, Error> {
        let map = typed(ebpf, name)?;
        Ok(Self { name, map })
    }

    fn sum(&self, id: u32) -> [u64; N] {
        let mut sum = [0_u64; N];
        // An id beyond the map counts nothing.
        if let Ok(cores) = self.map.get(&id, 0) {
            for core in cores.iter() {
                for (sum, count) in sum.iter_mut().zip(core) {
                    *sum = sum.wrapping_add(*count);
                }
            }
        }
        sum
    }

    fn clear(&mut self, id: u32) -> Result<(), Error> {
        let cores = nr_cpus().map_err(|(_, error)| failed(self.name, &error))?;
        let zeroes =
            PerCpuValues::try_from(vec![[0; N]; cores]).map_err(|error| failed(self.name, &error))?;
        self.map
            .set(id, zeroes, 0)
            .map_err(|error| failed(self.name, &error))
    }
}
