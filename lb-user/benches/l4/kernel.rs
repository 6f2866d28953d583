//! The datapath, with a pool for each forwarding mode and family, and packets through it.

use anyhow::{Result, ensure};
use lb_common::{flow::Bucket, verdict::Reason};
use lb_user::{
    bpf::{Datapath, Ended},
    health::Health,
    reconcile,
};

use super::{
    case::{Case, Kind, Size},
    config,
    frame::Flags,
    report::median,
    sender::{Course, INGRESS, Sender},
};

/// Packets that start a pass unmeasured.
const WARM_UP: u32 = 10_000;
/// Packets of one pass that may be refused since their flow's hash collides with a neighbour's, which happens to one new flow in
/// some hundred millions: see `lb_common::buckets`.
const COLLISIONS: u64 = 3;
/// The source port of established flows.
const PORT: u32 = 2000;
/// The least flows that a table can have room for.
pub(crate) const LEAST_FLOWS: u32 = 1024;

/// What the datapath counted.
#[derive(Clone, Copy, Default)]
struct Counted {
    forwarded: u64,
    contended: u64,
    held: u64,
    created: u64,
}

/// A loaded datapath with room for the flows and sessions of a size.
pub(crate) struct Kernel {
    size: Size,
    pub(crate) datapath: Datapath,
    pools: u32,
    sender: Sender,
    /// Clients that were new once: they have sessions since.
    newcomers: u32,
}

impl Kernel {
    /// Loads it, in a namespace that has a route to the members, and two interfaces that are `idle`.
    pub(crate) fn load(size: Size, idle: [&str; 2]) -> Result<Self> {
        let config = config::of(size)?;
        let mut datapath = Datapath::load(&config.datapath, &config.daemon.pin_path)?;
        // What is not pinned ends with the process, however that ends.
        datapath.unpin()?;
        let ids = reconcile::apply(&mut datapath.maps, &config, &Health::default())?;
        for id in config.pools.iter().flat_map(|pool| ids.members(&pool.name)) {
            let hop = &datapath.maps.members[id as usize].next_hop;
            hop.macs[0].set(0x0000_4202);
            hop.mtu.set(1500);
            hop.ifindex.set(INGRESS);
        }
        let mut sender = Sender::load(idle)?;
        sender.aim(Some(datapath.entry()))?;
        Ok(Self {
            size,
            datapath,
            pools: config.pools.len() as u32,
            sender,
            newcomers: 0,
        })
    }

    /// What a test run of a program costs that only sends the frame back, in nanoseconds: the median.
    pub(crate) fn floor_ns(&self, passes: u32, packets: u32) -> Result<f64> {
        let passes = (0..passes).map(|_| self.sender.floor(packets));
        Ok(median(passes.collect::<Result<_>>()?))
    }

    /// What a packet of the case costs beyond the floor, in nanoseconds: the median.
    pub(crate) fn measure(&mut self, case: &Case, passes: u32, packets: u32) -> Result<f64> {
        self.clear();
        self.forget_sessions();
        self.fill(case)?;
        let mut passed_ns = Vec::new();
        for _ in 0..passes {
            self.sender.set(&self.course(case))?;
            self.sender.aim(None)?;
            let harness_ns = self.sender.send(packets / 4)?;
            self.sender.aim(Some(self.datapath.entry()))?;
            let datapath_ns = match case.kind {
                Kind::Established => self.established_ns(case, packets)?,
                Kind::Held | Kind::New => self.opening_ns(case, packets)?,
            };
            passed_ns.push(datapath_ns - harness_ns);
        }
        Ok(median(passed_ns))
    }

    fn established_ns(&mut self, case: &Case, packets: u32) -> Result<f64> {
        self.sender.set(&self.course(case))?;
        self.run(WARM_UP)?;
        self.run(packets)
    }

    /// New flows in portions, at most as many as there are, after each of which the table is made as it was before.
    fn opening_ns(&mut self, case: &Case, packets: u32) -> Result<f64> {
        let portion = self.size.0.max(LEAST_FLOWS).min(packets);
        let (mut sent, mut spent_ns) = (0, 0.0);
        while sent < packets {
            let count = portion.min(packets - sent);
            self.sender.set(&self.course(case))?;
            let before = self.counted();
            spent_ns += self.run(count)? * f64::from(count);
            self.expect(case, count, &before)?;
            sent += count;
            if case.kind == Kind::New {
                self.newcomers += count;
            }
            self.clear();
            self.fill(case)?;
        }
        Ok(spent_ns / f64::from(sent))
    }

    /// Each of the packets was what the case says.
    fn expect(&self, case: &Case, packets: u32, before: &Counted) -> Result<()> {
        let after = self.counted();
        let (held, created) = (after.held - before.held, after.created - before.created);
        let served = u64::from(packets) - (after.contended - before.contended);
        let wanted = match case.kind {
            Kind::Established => (0, 0),
            Kind::Held => (served, 0),
            Kind::New => (0, served),
        };
        ensure!(
            (held, created) == wanted,
            "{held} sessions held and {created} made of {packets}"
        );
        Ok(())
    }

    /// The case's packets.
    fn course(&self, case: &Case) -> Course {
        let flags = match case.kind {
            Kind::Established => Flags::Ack,
            Kind::Held | Kind::New => Flags::Syn,
        };
        let mut course = Course::new(case, flags, PORT);
        match case.kind {
            Kind::Established => {}
            // The same clients from other ports.
            Kind::Held => {
                course.port += 1;
                course.port_step = 1;
            }
            Kind::New => {
                course.first_client += self.size.0 + self.newcomers;
                course.clients = u32::MAX;
            }
        }
        course
    }

    /// Sends packets, which the datapath has to forward; the nanoseconds of one.
    fn run(&mut self, packets: u32) -> Result<f64> {
        let before = self.counted();
        let reasons = || {
            Reason::ALL
                .iter()
                .map(|reason| self.datapath.maps.counters.reason(*reason))
        };
        let reasons_before: Vec<u64> = reasons().collect();
        let took_ns = self.sender.send(packets)?;
        let after = self.counted();
        let forwarded = after.forwarded - before.forwarded;
        let others = Reason::ALL.iter().zip(reasons().zip(reasons_before));
        let others: Vec<String> = others
            .filter(|(_, (now, before))| now > before)
            .map(|(reason, (now, before))| format!("{} {}", now - before, reason.label()))
            .collect();
        let collided = after.contended - before.contended;
        ensure!(
            forwarded + collided == u64::from(packets) && collided <= COLLISIONS,
            "not all of {packets} packets were forwarded: {}",
            others.join(", ")
        );
        Ok(took_ns)
    }

    fn counted(&self) -> Counted {
        let counters = &self.datapath.maps.counters;
        let sessions = (1..=self.pools).map(|pool| counters.sessions(pool));
        sessions.fold(
            Counted {
                forwarded: counters.reason(Reason::Forwarded),
                contended: counters.reason(Reason::Contended),
                ..Counted::default()
            },
            |sum, of_pool| Counted {
                held: sum.held + of_pool.held,
                created: sum.created + of_pool.created,
                ..sum
            },
        )
    }

    /// Makes the flows and sessions of the case's clients.
    pub(crate) fn fill(&mut self, case: &Case) -> Result<()> {
        for flags in [Flags::Syn, Flags::Ack] {
            self.sender.set(&Course::new(case, flags, PORT))?;
            self.run(self.size.0)?;
        }
        Ok(())
    }

    /// Makes room for the sessions of a case: the kernel's map, once full, gives up new ones as well as old ones.
    fn forget_sessions(&mut self) {
        let maps = &mut self.datapath.maps;
        let keys: Vec<_> = maps.sessions().map(|session| session.key).collect();
        for key in keys {
            maps.end_session(&key, Ended::Dropped);
        }
    }

    /// Ends all flows.
    fn clear(&self) {
        let maps = &self.datapath.maps;
        maps.flows.iter().for_each(forget_flows);
        for bucket in maps.returns.iter() {
            bucket.entries.iter().for_each(|entry| entry.set(0));
            bucket.displaced.set(0);
        }
        for member in maps.members.iter() {
            member.active_flows.set(0);
        }
    }
}

fn forget_flows(bucket: &Bucket) {
    bucket.tags.iter().for_each(|tag| tag.set(0));
    bucket.displaced.set(0);
}
