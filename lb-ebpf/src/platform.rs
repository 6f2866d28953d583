//! The kernel as the datapath's platform.

use core::{
    ffi::c_void,
    mem::{transmute, zeroed},
    ptr,
};

use aya_ebpf::{
    bindings::{
        BPF_ANY, BPF_FIB_LKUP_RET_SUCCESS, BPF_NOEXIST, bpf_fib_lookup as FibLookup,
        bpf_func_id::BPF_FUNC_loop, xdp_md,
    },
    helpers::generated::{bpf_fib_lookup, bpf_ktime_get_coarse_ns, bpf_redirect},
    maps::{Array, PerCpuArray},
};
use lb_common::{
    address::Address,
    flow::{
        Bucket,
        apart::{self, Keyed},
        table::Slot,
    },
    index::IndexBucket,
    open::Opener,
    platform::{Loop, LoopBody, Members, Platform, Route, Tables},
    tables::{
        FragmentKey, FragmentRoute, Listener, Member, Pool, Session, SessionCounts, SessionKey, Settings,
        Traffic,
    },
    verdict::Reason,
    word::{Word32, Word64, pinned},
};

use crate::{maps, trace::LastReason};

const NANOSECONDS_A_SECOND: u64 = 1_000_000_000;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The kernel, for the time of one packet.
pub struct Kernel {
    context: *mut xdp_md,
    ingress_ifindex: u32,
    /// What the packet was counted under.
    pub last_reason: LastReason,
}

impl Kernel {
    /// The kernel as the program of `context` sees it.
    #[inline(always)]
    pub fn new(context: *mut xdp_md, ingress_ifindex: u32) -> Self {
        Self {
            context,
            ingress_ifindex,
            last_reason: LastReason::new(),
        }
    }
}

#[inline(always)]
fn shared<T>(map: &'static Array<T>, index: u32) -> Option<&'static T> {
    map.get(index)
}

#[inline(always)]
fn own<T>(map: &'static PerCpuArray<T>, index: u32, change: impl FnOnce(&mut T)) {
    if let Some(pointer) = map.get_ptr_mut(index) {
        // SAFETY: the value is this core's own, and an XDP program is not preempted by another.
        change(unsafe { &mut *pointer });
    }
}

impl Members for Kernel {
    #[inline(always)]
    fn member(&self, id: u32) -> Option<&Member> {
        shared(&maps::MEMBERS, id)
    }

    #[inline(always)]
    fn schedule_slot(&self, slot: u32) -> Option<u32> {
        shared(&maps::SCHEDULES, slot).copied()
    }

    #[inline(always)]
    fn repeat<B: LoopBody<Self>>(&self, count: u32, body: &mut B) {
        let callback: unsafe extern "C" fn(u32, *mut B) -> i64 = step::<B>;
        // As 64 bits: of a 32-bit argument the upper half may be anything, and where the kernel puts the loop in place of the
        // call it looks at all of it.
        let count = pinned(count as usize) as u64;
        // SAFETY: the helper of that number. The kernel calls back with the pointer to `body`, which outlives the call.
        unsafe {
            let bpf_loop: BpfLoop = transmute(BPF_FUNC_loop as usize);
            bpf_loop(count, callback as *mut c_void, ptr::from_mut(body).cast(), 0)
        };
    }
}

impl Tables for Kernel {
    #[inline(always)]
    fn now_s(&self) -> u32 {
        // SAFETY: a helper without arguments.
        let now_ns = unsafe { bpf_ktime_get_coarse_ns() };
        let offset_s = self
            .settings()
            .map_or(0, |settings| settings.clock_offset_s.get());
        ((now_ns / NANOSECONDS_A_SECOND) as u32).wrapping_add(offset_s)
    }

    #[inline(always)]
    fn settings(&self) -> Option<&Settings> {
        shared(&maps::SETTINGS, 0)
    }

    #[inline(always)]
    fn filter_word(&self, index: u32) -> u64 {
        shared(&maps::FILTER, index).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn listener_bucket(&self, index: u32) -> Option<&IndexBucket> {
        shared(&maps::LISTENER_INDEX, index)
    }

    #[inline(always)]
    fn listener(&self, id: u32) -> Option<&Listener> {
        shared(&maps::LISTENERS, id)
    }

    #[inline(always)]
    fn pool(&self, id: u32) -> Option<&Pool> {
        shared(&maps::POOLS, id)
    }

    #[inline(always)]
    fn snat_address(&self, index: u32) -> Option<Address> {
        shared(&maps::SNAT_ADDRESSES, index).copied()
    }

    #[inline(always)]
    fn bucket(&self, index: u32) -> Option<&Bucket> {
        shared(&maps::FLOWS, index)
    }

    #[inline(always)]
    fn return_bucket(&self, index: u32) -> Option<&IndexBucket> {
        shared(&maps::RETURNS, index)
    }
}

impl Platform for Kernel {
    #[inline(always)]
    fn ingress_ifindex(&self) -> u32 {
        self.ingress_ifindex
    }

    #[inline(always)]
    fn session(&self, key: &SessionKey) -> Option<&Session> {
        // SAFETY: all fields are atomics. An entry that is evicted under our hands stays memory of this map until the
        // program ends: at worst one renewal is lost, or lands in a session that was just made.
        unsafe { maps::SESSIONS.get(key) }
    }

    #[inline(always)]
    fn create_session(&self, key: &SessionKey, member: u32, now_s: u32) -> bool {
        let session = Session {
            bound: Word64::new(Session::binding(member, now_s)),
            first_seen_s: Word32::new(now_s),
            padding: Word32::new(0),
        };
        maps::SESSIONS.insert(key, &session, BPF_NOEXIST.into()).is_ok()
    }

    #[inline(always)]
    fn fragment(&self, key: &FragmentKey) -> Option<FragmentRoute> {
        // SAFETY: the route is checked against the flow's tag by who uses it.
        unsafe { maps::FRAGMENTS.get(key) }.copied()
    }

    #[inline(always)]
    fn set_fragment(&self, key: &FragmentKey, route: &FragmentRoute) {
        // A full table evicts; nothing is to be done about another failure but to lose the later fragments.
        let _ = maps::FRAGMENTS.insert(key, route, BPF_ANY.into());
    }

    #[inline(always)]
    fn route(&self, source: &Address, destination: &Address) -> Option<Route> {
        // SAFETY: this core's own value; in a map, since it would take an eighth of the stack.
        let query: &mut FibLookup = unsafe { &mut *maps::ROUTE_QUERY.get_ptr_mut(0)? };
        // SAFETY: a plain structure for which zeroes are valid.
        *query = unsafe { zeroed() };
        query.ifindex = self.ingress_ifindex;
        if destination.is_v4() {
            query.family = AF_INET;
            query.__bindgen_anon_3.ipv4_src = source.0[3];
            query.__bindgen_anon_4.ipv4_dst = destination.0[3];
        } else {
            query.family = AF_INET6;
            query.__bindgen_anon_3.ipv6_src = source.0;
            query.__bindgen_anon_4.ipv6_dst = destination.0;
        }
        // SAFETY: the context is the program's own, the query has the size that is said.
        let result = unsafe {
            bpf_fib_lookup(
                self.context.cast(),
                ptr::from_mut(query).cast(),
                size_of::<FibLookup>() as i32,
                0,
            )
        };
        if result != i64::from(BPF_FIB_LKUP_RET_SUCCESS) {
            return None;
        }
        let FibLookup {
            dmac: to,
            smac: from,
            ifindex,
            ..
        } = query;
        Some(Route {
            macs: [
                u32::from_ne_bytes([to[0], to[1], to[2], to[3]]),
                u32::from_ne_bytes([to[4], to[5], from[0], from[1]]),
                u32::from_ne_bytes([from[2], from[3], from[4], from[5]]),
            ],
            ifindex: *ifindex,
        })
    }

    #[inline(always)]
    fn count_listener(&self, id: u32, change: impl FnOnce(&mut Traffic)) {
        own(&maps::LISTENER_TRAFFIC, id, change);
    }

    #[inline(always)]
    fn count_member(&self, id: u32, change: impl FnOnce(&mut Traffic)) {
        own(&maps::MEMBER_TRAFFIC, id, change);
    }

    #[inline(always)]
    fn count_sessions(&self, pool: u32, change: impl FnOnce(&mut SessionCounts)) {
        own(&maps::SESSION_COUNTS, pool, change);
    }

    #[inline(always)]
    fn count_reason(&self, reason: Reason) {
        self.last_reason.set(reason, self.ingress_ifindex);
        own(&maps::REASONS, reason as u32, |count| *count += 1);
    }

    #[inline(always)]
    fn may_answer(&self, now_s: u32, per_second: u32) -> bool {
        let mut may = false;
        own(&maps::ANSWERS, 0, |[second, count]| {
            if *second != now_s {
                *second = now_s;
                *count = 0;
            }
            may = *count < per_second;
            *count = count.wrapping_add(u32::from(may));
        });
        may
    }

    #[inline(always)]
    fn opener(&self) -> Option<&Opener> {
        maps::OPENER.get(0)
    }

    #[inline(always)]
    fn reserve(&self, key: Keyed, now_s: u32) -> u64 {
        holdfast_reserve(key.first, key.tag, now_s)
    }

    #[inline(always)]
    fn enter_return(&self, key: Keyed, slot: Slot) -> bool {
        holdfast_enter_return(key.first, key.tag, slot.0) != 0
    }

    #[inline(always)]
    fn try_source(&self, slot: Slot, member: u32, protocol: u32, hash: u32, attempt: u32) -> u64 {
        holdfast_try_source(slot.0, member, protocol, hash, attempt)
    }

    #[inline(always)]
    fn source_holder(&self, member: u32, protocol: u32, hash: u32, attempt: u32) -> u32 {
        holdfast_source_holder(member, protocol, hash, attempt) as u32
    }

    #[inline(always)]
    fn release(&self, slot: Slot, tag: u32) -> bool {
        holdfast_release(slot.0, tag) != 0
    }

    #[inline(always)]
    fn redirect_to(&self, ifindex: u32) {
        // SAFETY: a helper that takes two numbers. The kernel remembers the interface until the program ends.
        unsafe { bpf_redirect(ifindex, 0) };
    }

    #[inline(always)]
    fn set_answer(&self, kind: [u32; 2]) {
        own(&maps::ANSWER, 0, |place| *place = kind);
    }

    #[inline(always)]
    fn answer(&self) -> [u32; 2] {
        maps::ANSWER.get(0).copied().unwrap_or_default()
    }
}

type BpfLoop = unsafe extern "C" fn(u64, *mut c_void, *mut c_void, u64) -> i64;

/// One round of a loop, as the kernel calls it.
///
/// # Safety
/// `body` is the pointer that was given to `bpf_loop`.
unsafe extern "C" fn step<B: LoopBody<Kernel>>(index: u32, body: *mut B) -> i64 {
    // SAFETY: see above.
    let body = unsafe { &mut *body };
    i64::from(body.step(&apart(), index) == Loop::Stop)
}

/// What a function by itself has: no packet.
#[inline(always)]
fn apart() -> Kernel {
    Kernel::new(ptr::null_mut(), 0)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn holdfast_reserve(first: u32, tag: u32, now_s: u32) -> u64 {
    apart::reserve_word(&apart(), Keyed { first, tag }, now_s)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn holdfast_enter_return(first: u32, tag: u32, slot: u32) -> u64 {
    apart::enter_return(&apart(), Keyed { first, tag }, Slot(slot)).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn holdfast_try_source(slot: u32, member: u32, protocol: u32, hash: u32, attempt: u32) -> u64 {
    apart::try_source(&apart(), Slot(slot), member, protocol, hash, attempt)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn holdfast_source_holder(member: u32, protocol: u32, hash: u32, attempt: u32) -> u64 {
    apart::source_holder(&apart(), member, protocol, hash, attempt).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn holdfast_release(slot: u32, tag: u32) -> u64 {
    apart::release(&apart(), Slot(slot), tag).into()
}
