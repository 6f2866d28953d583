//! The maps. Sizes are the smallest that make sense; the loader sets those of the configuration.

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, bpf_fib_lookup},
    macros::map,
    maps::{Array, LpmTrie, LruHashMap, PerCpuArray, ProgramArray},
};
use lb_common::{
    address::Address,
    filter,
    flow::Bucket,
    index::IndexBucket,
    open::Opener,
    tables::{
        FragmentKey, FragmentRoute, Listener, Member, Pool, Session, SessionCounts, SessionKey, Settings,
        Traffic,
    },
    trace::{MAX_CLIENTS, Note, TraceState},
    verdict::Reason,
};

/// The daemon writes these as shared memory, and reads the flow table from it.
const SHARED: u32 = BPF_F_MMAPABLE;

#[map]
pub static SETTINGS: Array<Settings> = Array::with_max_entries(1, SHARED);
#[map]
pub static FILTER: Array<u64> = Array::with_max_entries(2 * filter::WORDS, SHARED);
#[map]
pub static LISTENER_INDEX: Array<IndexBucket> = Array::with_max_entries(64, SHARED);
#[map]
pub static LISTENERS: Array<Listener> = Array::with_max_entries(64, SHARED);
#[map]
pub static POOLS: Array<Pool> = Array::with_max_entries(64, SHARED);
#[map]
pub static MEMBERS: Array<Member> = Array::with_max_entries(64, SHARED);
#[map]
pub static SCHEDULES: Array<u32> = Array::with_max_entries(1024, SHARED);
#[map]
pub static SNAT_ADDRESSES: Array<Address> = Array::with_max_entries(64, SHARED);
#[map]
pub static FLOWS: Array<Bucket> = Array::with_max_entries(64, SHARED);
#[map]
pub static RETURNS: Array<IndexBucket> = Array::with_max_entries(64, SHARED);
#[map]
pub static SESSIONS: LruHashMap<SessionKey, Session> = LruHashMap::with_max_entries(1024, 0);
#[map]
pub static FRAGMENTS: LruHashMap<FragmentKey, FragmentRoute> = LruHashMap::with_max_entries(8192, 0);

#[map]
pub static LISTENER_TRAFFIC: PerCpuArray<Traffic> = PerCpuArray::with_max_entries(64, 0);
#[map]
pub static MEMBER_TRAFFIC: PerCpuArray<Traffic> = PerCpuArray::with_max_entries(64, 0);
#[map]
pub static SESSION_COUNTS: PerCpuArray<SessionCounts> = PerCpuArray::with_max_entries(64, 0);
#[map]
pub static REASONS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Reason::ALL.len() as u32, 0);
/// Second and number of this core's answers in it.
#[map]
pub static ANSWERS: PerCpuArray<[u32; 2]> = PerCpuArray::with_max_entries(1, 0);

/// The programs of the stages. None goes on to the first: it stands there so that the kernel gives its id, by which the
/// generation is known, to no other.
#[map]
pub static STAGES: ProgramArray = ProgramArray::with_max_entries(8, 0);
/// What the answering stage is to answer: a `Kind` in words.
#[map]
pub static ANSWER: PerCpuArray<[u32; 2]> = PerCpuArray::with_max_entries(1, 0);
/// This core's question to the kernel's routing.
#[map]
pub static ROUTE_QUERY: PerCpuArray<bpf_fib_lookup> = PerCpuArray::with_max_entries(1, 0);
/// What opens a flow on this core.
#[map]
pub static OPENER: PerCpuArray<Opener> = PerCpuArray::with_max_entries(1, 0);

/// The clients that are traced: their networks, as those of mapped addresses.
#[map]
pub static TRACED_CLIENTS: LpmTrie<[u32; 4], u32> =
    LpmTrie::with_max_entries(MAX_CLIENTS as u32, BPF_F_NO_PREALLOC);
#[map]
pub static TRACE_STATE: Array<TraceState> = Array::with_max_entries(1, SHARED);
/// The programs of the stages while a trace is on. They go with the daemon, which alone listens.
#[map]
pub static TRACE_STAGES: ProgramArray = ProgramArray::with_max_entries(8, 0);
/// The packet of a traced client that is on its way on this core.
#[map]
pub static NOTE: PerCpuArray<Note> = PerCpuArray::with_max_entries(1, 0);
