//! The benchmark's own programs: a test run repeats a program on the same packet, which is another one after the first
//! time. So one program here makes the packet new, as the next client would send it, and goes on to the datapath.
#![no_std]
#![no_main]

use core::hint::black_box;

use aya_ebpf::{
    EbpfContext as _,
    bindings::{BPF_F_MMAPABLE, xdp_action},
    helpers::generated::bpf_xdp_adjust_head,
    macros::{map, xdp},
    maps::{Array, ProgramArray},
    programs::XdpContext,
};
use lb_common::checksum::Sum;

/// Words of a frame that are made new: all that the datapath may have changed.
const HEAD_WORDS: usize = 10;
/// Where an IPv4 frame has its source address and port; it has no options.
const V4_SOURCE: usize = 26;
const V4_PORT: usize = 34;
const V4_CHECKSUM: usize = 24;
/// Where an IPv6 frame has the last word of its source address, and its source port.
const V6_SOURCE: usize = 34;
const V6_PORT: usize = 54;

/// The packets to send, and how far it is with them. The benchmark writes the same structure.
#[repr(C)]
pub struct Course {
    head: [u64; HEAD_WORDS],
    /// The length of the whole frame, in bytes.
    length: u32,
    is_v6: u32,
    /// The last word of the first client's address.
    first_client: u32,
    clients: u32,
    /// Their source port.
    port: u32,
    /// What it grows by with each round over all clients.
    port_step: u32,
    /// Counts the clients of a round.
    client: u32,
    padding: u32,
}

#[map]
static COURSE: Array<Course> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// The program that is measured.
#[map]
static TARGET: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// Nothing but sending the frame back.
#[xdp]
pub fn bench_floor(_context: XdpContext) -> u32 {
    xdp_action::XDP_TX
}

/// Makes the frame that of the next client, and goes on to the program that is measured.
#[xdp]
pub fn bench_client(context: XdpContext) -> u32 {
    if renew(&context).is_some() {
        // SAFETY: the context is the program's own. Returns only where there is no program.
        unsafe { TARGET.tail_call(&context, 0) };
    }
    xdp_action::XDP_ABORTED
}

#[inline(always)]
fn renew(context: &XdpContext) -> Option<()> {
    let course = COURSE.get_ptr_mut(0)?;
    // SAFETY: one test run at a time uses the map.
    let course = unsafe { &mut *course };
    // Of packet pointers the verifier takes a difference of 64 bits alone.
    let length = black_box(context.data_end() - context.data());
    let delta = length as i32 - course.length as i32;
    if delta != 0 {
        // SAFETY: the context is the program's own; no pointer into the packet is held.
        if unsafe { bpf_xdp_adjust_head(context.as_ptr().cast(), delta) } != 0 {
            return None;
        }
    }
    let start = context.data();
    if start + HEAD_WORDS * size_of::<u64>() > context.data_end() {
        return None;
    }
    let address = (course.first_client + course.client).to_be();
    let port = (course.port as u16).to_be();
    // SAFETY: eighty bytes are there, which was just checked.
    unsafe {
        let words = start as *mut u64;
        for word in 0..HEAD_WORDS {
            *words.add(word) = course.head[word];
        }
        if course.is_v6 == 0 {
            *((start + V4_SOURCE) as *mut u32) = address;
            *((start + V4_PORT) as *mut u16) = port;
            // What is there is the checksum of a client 0.0.0.0.
            let checksum = (start + V4_CHECKSUM) as *mut u16;
            let mut sum = Sum::zero();
            sum.add_word(address);
            *checksum = sum.applied_to(u16::from_be(*checksum)).to_be();
        } else {
            *((start + V6_SOURCE) as *mut u32) = address;
            *((start + V6_PORT) as *mut u16) = port;
        }
    }
    course.client += 1;
    if course.client == course.clients {
        course.client = 0;
        course.port += course.port_step;
    }
    Some(())
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
