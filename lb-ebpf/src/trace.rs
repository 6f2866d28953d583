//! The trace of chosen clients: stages of its own, which serve packets as the others do, and tell of them.

use core::cell::Cell;

use aya_ebpf::{
    bindings::xdp_action, helpers::generated::bpf_ktime_get_ns, macros::xdp, maps::lpm_trie::Key,
    programs::XdpContext,
};
use aya_log_ebpf::info;
use lb_common::{
    address::Address,
    datapath::{self, Next},
    platform::Tables as _,
    trace::{self, Note, Telling, TraceState, Tracing},
    verdict::{Reason, Verdict},
    word::{forget, unlike_others},
};

use crate::{Way, action, go_on, maps, open, packet::KernelFrame, platform::Kernel};

const ADDRESS_BITS: u32 = 128;

/// The number of the reason that a packet was counted under last, and one more; 0: none. Where nobody asks, the compiler
/// leaves it away.
pub struct LastReason(Cell<u32>);

impl LastReason {
    /// Nothing yet.
    #[inline(always)]
    pub const fn new() -> Self {
        Self(Cell::new(0))
    }

    /// It is this one: the verifier is not to go through the rest once for each.
    #[inline(always)]
    pub fn set(&self, reason: Reason, noise: u32) {
        self.0.set(forget(reason as u32 + 1, noise));
    }
}

/// A question to the trie. The padding is for the stack, where the address is written by eight bytes, which are to be
/// aligned.
#[repr(C, align(8))]
struct Question {
    padding: u32,
    key: Key<[u32; 4]>,
}

impl Tracing for Kernel {
    #[inline(always)]
    fn is_chosen(&self, address: &Address) -> bool {
        let question = Question {
            padding: 0,
            key: Key::new(ADDRESS_BITS, address.0),
        };
        maps::TRACED_CLIENTS.get(&question.key).is_some()
    }

    #[inline(always)]
    fn trace_state(&self) -> Option<&TraceState> {
        maps::TRACE_STATE.get(0)
    }

    #[inline(always)]
    fn note(&self) -> Option<&Note> {
        maps::NOTE.get(0)
    }
}

/// The programs in [`maps::TRACE_STAGES`] that are not in [`maps::STAGES`] under the same number.
const FLOWS: u32 = 0;
const LOOK: u32 = 6;
const TELL: u32 = 7;

/// Sends all packets another way while a trace is on. Without a daemon the stages of that way are gone, and packets stay
/// on this one.
#[inline(always)]
pub fn divert(context: &XdpContext, kernel: &Kernel) {
    if kernel
        .settings()
        .is_some_and(|settings| settings.traced.get() != 0)
    {
        // SAFETY: the context is the program's own. Returns only where the stage is missing.
        unsafe { maps::TRACE_STAGES.tail_call(context, LOOK) };
    }
}

/// The first of all stages while a trace is on.
#[xdp]
#[inline(always)]
pub fn holdfast_look(context: XdpContext) -> u32 {
    let (kernel, mut frame) = open(&context);
    trace::look(&kernel, &mut frame);
    Traced {
        context: &context,
        kernel: &kernel,
    }
    .on::<FLOWS>()
}

/// Declares what the stages are while a trace is on: the same, but where a packet's way ends they go on to tell of it. They
/// are programs of their own, so that the others bear nothing of it.
macro_rules! traced_stages {
    ($($program:ident = $stage:expr;)*) => {$(
        #[doc = stringify!($stage)]
        #[xdp]
        #[inline(always)]
        pub fn $program(context: XdpContext) -> u32 {
            let (kernel, mut frame) = open(&context);
            let serve: fn(&Kernel, &mut KernelFrame) -> Next = $stage;
            let next = serve(&kernel, &mut frame);
            go_on(&Traced { context: &context, kernel: &kernel }, next)
        }
    )*};
}

traced_stages! {
    holdfast_traced_flows = datapath::flows;
    holdfast_traced_opening = |kernel, _| datapath::opening(kernel);
    holdfast_traced_opened = datapath::opened;
    holdfast_traced_extended = datapath::extended;
    holdfast_traced_others = datapath::others;
    holdfast_traced_answer = |kernel, frame| Next::Verdict(datapath::answer(kernel, frame));
}

/// The way of packets while a trace is on.
struct Traced<'c> {
    context: &'c XdpContext,
    kernel: &'c Kernel,
}

impl Traced<'_> {
    /// Where this core's packet is one that is told of: what is noted of it, with the reason that it was counted under.
    #[inline(always)]
    fn note(&self) -> Option<&Note> {
        let note = self.kernel.note().filter(|note| note.trace.get() != 0)?;
        if let Some(reason) = self.kernel.last_reason.0.get().checked_sub(1) {
            note.reason.set(reason);
        }
        Some(note)
    }
}

impl Way for Traced<'_> {
    /// Where the daemon went away, and the traced stage with it, goes on to that which does the same.
    #[inline(always)]
    fn on<const STAGE: u32>(&self) -> u32 {
        self.note();
        // SAFETY: the context is the program's own. Returns only where the stage is missing.
        unsafe {
            maps::TRACE_STAGES.tail_call(self.context, STAGE);
            maps::STAGES.tail_call(self.context, STAGE);
        }
        unlike_others::<STAGE>();
        xdp_action::XDP_ABORTED
    }

    #[inline(always)]
    fn end(&self, verdict: Verdict) -> u32 {
        if let Some(note) = self.note() {
            note.action.set(action(verdict));
            // SAFETY: the context is the program's own. Returns only where the stage is missing.
            unsafe { maps::TRACE_STAGES.tail_call(self.context, TELL) };
        }
        action(verdict)
    }
}

/// Tells what became of a packet.
#[xdp]
#[inline(always)]
pub fn holdfast_tell(context: XdpContext) -> u32 {
    let (kernel, _) = open(&context);
    let Some(note) = kernel.note() else {
        return xdp_action::XDP_ABORTED;
    };
    let number = note.trace.get();
    let telling = trace::tell(&kernel);
    if telling == Telling::Line {
        say(&context, note, number);
    }
    if telling != Telling::Nothing
        && let Some(state) = kernel.trace_state()
    {
        // Afterwards: so that what is counted and not there is lost.
        state.due.fetch_add(1);
    }
    note.action.get()
}

/// A line: numbers, out of which the daemon makes words.
#[inline(always)]
fn say(context: &XdpContext, note: &Note, number: u32) {
    // SAFETY: a helper without arguments.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    let ports = note.ports.get();
    info!(
        context,
        "{} {} {} {} {:i} {} {:i} {} {} {} {} {}",
        number,
        now_ns,
        note.way.get(),
        note.protocol.get(),
        note.source.load().octets(),
        ports >> 16,
        note.destination.load().octets(),
        ports & 0xffff,
        note.flags.get(),
        note.reason.get(),
        note.member.get(),
        note.why.get()
    );
}
