//! The datapath of Holdfast, the same in the kernel and on the host.
//!
//! A packet's path is [`datapath::process`]. What it needs from where it runs is behind two traits: the packet's memory
//! ([`frame::Frame`]), and maps, clock and helpers ([`platform::Platform`]).

#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]
// The kernel's verifier follows references that were checked once; calls would lose them.
#![allow(clippy::inline_always)]

pub mod address;
pub mod answer;
pub mod buckets;
pub mod checksum;
pub mod datapath;
pub mod filter;
pub mod flow;
pub mod forward;
pub mod frame;
pub mod hash;
pub mod headers;
#[cfg(any(test, feature = "host"))]
pub mod host;
pub mod icmp;
pub mod index;
pub mod link;
pub mod listeners;
pub mod open;
pub mod packet;
pub mod parse;
pub mod platform;
pub mod schedule;
pub mod session;
pub mod tables;
pub mod trace;
pub mod verdict;
pub mod word;
