//! The cases in the kernel.
//!
//! The verifier takes its time: so a datapath that was loaded serves case after case, each of which begins with empty maps.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use aya::maps::{HashMap, Map, MapData};
use lb_common::{
    address::Address,
    filter,
    flow::Bucket,
    host::HostTables,
    index::IndexBucket,
    tables::{FragmentKey, FragmentRoute, Member, Pool, SessionCounts, Settings, SlotRange, Traffic},
    verdict::{Reason, Verdict},
    word::Word32,
};
use lb_user::{
    bpf::{Datapath, Ended, Maps},
    model::DatapathSettings,
};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
    unistd::Pid,
};

use crate::{
    cases::core::Core,
    counters::{Counters, clear, counters, sums},
    namespace::Namespace,
    pins::directory,
};

/// A datapath in the kernel, and what the daemon does not look at.
struct Loaded {
    datapath: Datapath,
    fragments: HashMap<MapData, [u8; size_of::<FragmentKey>()], [u8; size_of::<FragmentRoute>()]>,
    listener_traffic: Counters<{ size_of::<Traffic>() / 8 }>,
    member_traffic: Counters<{ size_of::<Traffic>() / 8 }>,
    session_counts: Counters<4>,
    reasons: Counters<1>,
    namespace: Namespace,
    /// The datapath's time.
    now_s: Word32,
    /// Buckets of the flow table and of the index that a case had to itself.
    used_buckets: [u32; 2],
    /// Whether the next case would find its namespace changed.
    is_used_up: AtomicBool,
}

/// Those that no case uses now.
static IDLE: Mutex<Vec<Loaded>> = Mutex::new(Vec::new());

fn idle() -> MutexGuard<'static, Vec<Loaded>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loaded {
    fn load(settings: &DatapathSettings) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let pins = directory(&format!("packets-{number}"));
        let datapath = Datapath::load(settings, &pins).expect("a kernel that takes the programs");
        let map = |name: &str| MapData::from_pin(pins.join(name)).expect("it was just pinned");
        let loaded = Self {
            fragments: Map::LruHashMap(map("FRAGMENTS"))
                .try_into()
                .expect("of this type"),
            listener_traffic: counters(map("LISTENER_TRAFFIC")),
            member_traffic: counters(map("MEMBER_TRAFFIC")),
            session_counts: counters(map("SESSION_COUNTS")),
            reasons: counters(map("REASONS")),
            namespace: Namespace::new(),
            now_s: Word32::new(1000),
            used_buckets: [0; 2],
            is_used_up: AtomicBool::new(false),
            datapath,
        };
        // What is not pinned ends with the process, however that ends.
        loaded.datapath.unpin().expect("its own directory");
        loaded
    }

    /// Empties all maps and lays these tables out in them.
    fn configure(&mut self, tables: &HostTables) {
        self.datapath.stop_trace();
        let maps = &mut self.datapath.maps;
        let settings = &tables.settings;
        assert!(settings.flow_buckets.get() as usize <= maps.flows.len());
        assert!(settings.return_buckets.get() as usize <= maps.returns.len());
        maps.flows.copy_from(&many(self.used_buckets[0]));
        maps.returns.copy_from(&many(self.used_buckets[1]));
        self.used_buckets = [&settings.flow_buckets, &settings.return_buckets].map(Word32::get);
        let sessions: Vec<_> = maps.sessions().map(|entry| entry.key).collect();
        for key in sessions {
            assert!(maps.end_session(&key, Ended::Dropped));
        }
        maps.settings.copy_from(std::slice::from_ref(settings));
        maps.filter.copy_from(&tables.filter);
        maps.listeners.copy_from(&tables.listeners);
        maps.pools.copy_from(&tables.pools);
        maps.members.copy_from(&tables.members);
        maps.snat_addresses.copy_from(&tables.snat_addresses);
        for pool in 0..tables.pools.len() {
            copy_schedule(maps, tables, pool);
        }
        maps.listener_index.copy_from(&tables.listener_buckets);
        let fragments: Vec<_> = self.fragments.keys().filter_map(Result::ok).collect();
        for key in fragments {
            self.fragments.remove(&key).expect("nobody else removes it");
        }
        clear(&mut self.listener_traffic);
        clear(&mut self.member_traffic);
        clear(&mut self.session_counts);
        clear(&mut self.reasons);
        // The cores remember how many answers they gave in which second.
        self.now_s.fetch_add(1);
    }

    /// Holds the datapath's clock at the case's time for the next packet.
    fn hold_clock(&self) {
        // Not so shortly before the kernel's own clock turns that it might do so on the way.
        const MARGIN_NS: i64 = 20_000_000;
        let clock = || clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).expect("Linux has it");
        let mut now = clock();
        while now.tv_nsec() > 1_000_000_000 - MARGIN_NS {
            thread::sleep(Duration::from_millis(1));
            now = clock();
        }
        let offset_s = self
            .now_s
            .get()
            .wrapping_sub(u32::try_from(now.tv_sec()).expect("not up for a century"));
        self.datapath.maps.settings[0].clock_offset_s.set(offset_s);
    }
}

fn many<T: Default>(count: u32) -> Vec<T> {
    std::iter::repeat_with(T::default).take(count as usize).collect()
}

fn copy_schedule(maps: &Maps, tables: &HostTables, pool: usize) {
    let word = tables.pools[pool].schedule.get();
    let SlotRange { start, count } = word.into();
    let slots = start as usize..(start + count) as usize;
    for (to, from) in maps.schedules[slots.clone()].iter().zip(&tables.schedules[slots]) {
        to.member.set(from.get());
    }
    maps.pools[pool].once.set(tables.pools[pool].once.get());
    maps.pools[pool].schedule.set(word);
}

/// A datapath for one case; for the next one afterwards.
struct Lease {
    /// Always there, until it is dropped.
    loaded: Option<Loaded>,
    /// The configuration as it was laid out.
    tables: HostTables,
    cores: AtomicUsize,
}

impl Lease {
    fn loaded(&self) -> &Loaded {
        self.loaded.as_ref().expect("it is there until the drop")
    }

    fn maps(&self) -> &Maps {
        &self.loaded().datapath.maps
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let loaded = self.loaded.take();
        idle().extend(loaded.filter(|loaded| !loaded.is_used_up.load(Ordering::Relaxed)));
    }
}

/// A core of the kernel: a thread that runs packets there.
pub(crate) struct Kernel {
    lease: Arc<Lease>,
    cpu: CpuSet,
}

impl Kernel {
    /// The first core of a datapath of these sizes, which no other case will use.
    pub(crate) fn sized(sizes: &DatapathSettings, tables: HostTables) -> Self {
        let loaded = Loaded::load(sizes);
        loaded.is_used_up.store(true, Ordering::Relaxed);
        Self::lease(loaded, tables)
    }

    fn lease(mut loaded: Loaded, tables: HostTables) -> Self {
        static CASES: AtomicUsize = AtomicUsize::new(0);
        loaded.configure(&tables);
        Self::new(Arc::new(Lease {
            loaded: Some(loaded),
            tables,
            cores: CASES.fetch_add(1, Ordering::Relaxed).into(),
        }))
    }

    /// The datapath, where this is the only core.
    pub(crate) fn datapath_mut(&mut self) -> &mut Datapath {
        let lease = Arc::get_mut(&mut self.lease).expect("no other core");
        let loaded = lease.loaded.as_mut();
        &mut loaded.expect("it is there until the drop").datapath
    }

    /// The maps, where this is the only core.
    pub(crate) fn maps_mut(&mut self) -> &mut Maps {
        &mut self.datapath_mut().maps
    }

    fn new(lease: Arc<Lease>) -> Self {
        let allowed =
            sched_getaffinity(Pid::from_raw(std::process::id().cast_signed())).expect("of this process");
        let cpus: Vec<usize> = (0..CpuSet::count())
            .filter(|&cpu| allowed.is_set(cpu).unwrap_or(false))
            .collect();
        let number = lease.cores.fetch_add(1, Ordering::Relaxed);
        let mut cpu = CpuSet::new();
        cpu.set(cpus[number % cpus.len()]).expect("it was in a set");
        Self { lease, cpu }
    }
}

impl Core for Kernel {
    /// An Ethernet header.
    fn shortest_frame() -> usize {
        14
    }

    fn first(tables: HostTables) -> Self {
        // As many buckets as a case wants at most, of which the index has one for every three flows.
        let sizes = DatapathSettings {
            max_flows: 3 * 8192,
            max_sessions: 65_536,
            max_listeners: 64,
            max_pools: 64,
            max_members: 64,
            schedule_slots: 1 << 18,
            ..DatapathSettings::default()
        };
        let idle = idle().pop();
        Self::lease(idle.unwrap_or_else(|| Loaded::load(&sizes)), tables)
    }

    fn another(&self) -> Self {
        Self::new(Arc::clone(&self.lease))
    }

    fn run(&self, ingress: u32, frame: &[u8]) -> (Verdict, Vec<u8>) {
        let loaded = self.lease.loaded();
        loaded.namespace.enter();
        sched_setaffinity(Pid::from_raw(0), &self.cpu).expect("it is allowed");
        loaded.hold_clock();
        let run = loaded.datapath.test_run(ingress, frame);
        let (action, bytes) = run.expect("the kernel runs it");
        let verdict = match action {
            1 => Verdict::Drop,
            2 => Verdict::Pass,
            3 => Verdict::Transmit,
            4 => Verdict::Redirect,
            other => panic!("not a verdict: {other}"),
        };
        (verdict, bytes)
    }

    fn redirected(&self) -> Option<u32> {
        // A test run does not tell.
        None
    }

    fn pass_time(&self, seconds: u32) {
        self.lease.loaded().now_s.fetch_add(seconds);
    }

    fn add_route(&self, destination: &Address, from: [u8; 6], to: [u8; 6]) {
        let loaded = self.lease.loaded();
        loaded.is_used_up.store(true, Ordering::Relaxed);
        loaded.namespace.add_route(destination, from, to);
    }

    fn set_filter(&self, kind: filter::Kind, address: &Address) {
        self.lease.tables.set_filter(kind, address);
        self.lease.maps().filter.copy_from(&self.lease.tables.filter);
    }

    fn lay_out(&self, pool: u32) {
        let (maps, tables) = (self.lease.maps(), &self.lease.tables);
        for (to, from) in tables.members.iter().zip(maps.members.iter()) {
            to.set_state(from.state());
            to.weight.set(from.weight.get());
        }
        tables.lay_out(pool);
        copy_schedule(maps, tables, pool as usize);
    }

    fn settings(&self) -> &Settings {
        &self.lease.maps().settings[0]
    }

    fn pool(&self, id: u32) -> &Pool {
        &self.lease.maps().pools[id as usize]
    }

    fn member(&self, id: u32) -> &Member {
        &self.lease.maps().members[id as usize]
    }

    fn buckets(&self) -> &[Bucket] {
        let used = self.settings().flow_buckets.get();
        &self.lease.maps().flows[..used as usize]
    }

    fn return_buckets(&self) -> &[IndexBucket] {
        let used = self.settings().return_buckets.get();
        &self.lease.maps().returns[..used as usize]
    }

    fn session_count(&self) -> usize {
        self.lease.maps().sessions().count()
    }

    fn reason(&self, reason: Reason) -> u64 {
        sums(&self.lease.loaded().reasons, reason as u32)[0]
    }

    fn listener_traffic(&self, id: u32) -> Traffic {
        zerocopy::transmute!(sums(&self.lease.loaded().listener_traffic, id))
    }

    fn member_traffic(&self, id: u32) -> Traffic {
        zerocopy::transmute!(sums(&self.lease.loaded().member_traffic, id))
    }

    fn session_counts(&self, pool: u32) -> SessionCounts {
        zerocopy::transmute!(sums(&self.lease.loaded().session_counts, pool))
    }
}
