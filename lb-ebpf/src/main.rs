//! The XDP program: binds the datapath of `lb-common` to the kernel.
#![no_std]
#![no_main]

mod maps;
mod packet;
mod platform;
mod trace;

use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
use lb_common::{
    datapath::{self, Next},
    verdict::Verdict,
    word::unlike_others,
};

use crate::{packet::KernelFrame, platform::Kernel};

/// Packets of live flows.
#[xdp]
#[inline(always)]
pub fn holdfast(context: XdpContext) -> u32 {
    let (kernel, mut frame) = open(&context);
    trace::divert(&context, &kernel);
    go_on(&Ordinary(&context), datapath::flows(&kernel, &mut frame))
}

/// Packets that open a flow.
#[xdp]
#[inline(always)]
pub fn holdfast_opening(context: XdpContext) -> u32 {
    let (kernel, _) = open(&context);
    go_on(&Ordinary(&context), datapath::opening(&kernel))
}

/// Packets that a flow was opened for.
#[xdp]
#[inline(always)]
pub fn holdfast_opened(context: XdpContext) -> u32 {
    let (kernel, mut frame) = open(&context);
    go_on(&Ordinary(&context), datapath::opened(&kernel, &mut frame))
}

/// Fragments, and packets with extension headers.
#[xdp]
#[inline(always)]
pub fn holdfast_extended(context: XdpContext) -> u32 {
    let (kernel, mut frame) = open(&context);
    go_on(&Ordinary(&context), datapath::extended(&kernel, &mut frame))
}

/// All other packets.
#[xdp]
#[inline(always)]
pub fn holdfast_others(context: XdpContext) -> u32 {
    let (kernel, mut frame) = open(&context);
    go_on(&Ordinary(&context), datapath::others(&kernel, &mut frame))
}

/// Packets that are answered.
#[xdp]
#[inline(always)]
pub fn holdfast_answer(context: XdpContext) -> u32 {
    let (kernel, mut frame) = open(&context);
    action(datapath::answer(&kernel, &mut frame))
}

#[inline(always)]
fn open(context: &XdpContext) -> (Kernel, KernelFrame) {
    let frame = KernelFrame::new(context.ctx);
    (Kernel::new(context.ctx, frame.ingress_ifindex()), frame)
}

/// The programs in [`maps::STAGES`]; 0 is the first stage, to which none goes back.
const OPENING: u32 = 1;
const EXTENDED: u32 = 2;
const OTHERS: u32 = 3;
const ANSWER: u32 = 4;
const OPENED: u32 = 5;

/// How stages go on to each other, and what is left to do where a packet's way ends.
trait Way {
    /// Goes on to the stage of this number.
    fn on<const STAGE: u32>(&self) -> u32;
    /// Ends.
    fn end(&self, verdict: Verdict) -> u32;
}

/// Goes on to what comes next.
///
/// Each stage has a call of its own: the kernel makes a direct jump of a tail call whose number is a constant, which is
/// cheaper by far than one through the program array.
#[inline(always)]
fn go_on(way: &impl Way, next: Next) -> u32 {
    match next {
        Next::Verdict(verdict) => way.end(verdict),
        Next::Opening => way.on::<OPENING>(),
        Next::Opened => way.on::<OPENED>(),
        Next::Extended => way.on::<EXTENDED>(),
        Next::Others => way.on::<OTHERS>(),
        Next::Answer => way.on::<ANSWER>(),
    }
}

/// The way of all packets but those that are traced.
struct Ordinary<'c>(&'c XdpContext);

impl Way for Ordinary<'_> {
    #[inline(always)]
    fn on<const STAGE: u32>(&self) -> u32 {
        // SAFETY: the context is the program's own. Returns only where the stage is missing.
        unsafe { maps::STAGES.tail_call(self.0, STAGE) };
        // Otherwise the compiler would make one call of all, with a number that is a variable.
        unlike_others::<STAGE>();
        xdp_action::XDP_ABORTED
    }

    #[inline(always)]
    fn end(&self, verdict: Verdict) -> u32 {
        action(verdict)
    }
}

#[inline(always)]
fn action(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Transmit => xdp_action::XDP_TX,
        Verdict::Pass => xdp_action::XDP_PASS,
        Verdict::Drop => xdp_action::XDP_DROP,
        Verdict::Redirect => xdp_action::XDP_REDIRECT,
    }
}

unsafe extern "C" {
    /// No such function: a panic that survives makes the program fail to load.
    fn holdfast_must_not_panic() -> !;
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    // SAFETY: never linked.
    unsafe { holdfast_must_not_panic() }
}
