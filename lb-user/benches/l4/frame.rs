//! The frames that clients send.

use std::net::Ipv6Addr;

use lb_common::checksum::Sum;

use super::case::Case;

/// The length of a frame, in bytes: longer than its longest headers.
pub(crate) const LENGTH: usize = 96;

/// The last word of the first client's address: 20.0.0.0.
pub(crate) const FIRST_CLIENT: u32 = 20 << 24;

pub(crate) const VIP_V4: [u8; 4] = [192, 0, 2, 1];
pub(crate) const VIP_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const CLIENTS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xc, 0, 0, 0, 0, 0);

/// TCP's flags.
#[derive(Clone, Copy)]
pub(crate) enum Flags {
    Syn = 2,
    Ack = 16,
}

/// A frame to the case's listener. Client and source port are written by the program that sends it.
pub(crate) fn frame(case: &Case, flags: Flags) -> [u8; LENGTH] {
    let mut bytes = vec![2, 0x42, 0, 0, 0, 9, 2, 0x43, 0, 0, 0, 1];
    let (header, protocol) = if case.traffic.is_tcp() { (20, 6) } else { (8, 17) };
    if case.traffic.is_v6() {
        let length = LENGTH - 14 - 40;
        bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, length as u8, protocol, 64]);
        bytes.extend(CLIENTS_V6.octets());
        bytes.extend(VIP_V6.octets());
    } else {
        let length = LENGTH - 14;
        bytes.extend([8, 0, 0x45, 0, 0, length as u8, 0, 1, 0x40, 0, 64, protocol, 0, 0]);
        // The checksum is that of a client 0.0.0.0: the program that sends it adds the client's address.
        bytes.extend([0; 4]);
        bytes.extend(VIP_V4);
        let mut sum = Sum::zero();
        for word in bytes[14..].chunks_exact(2) {
            sum.add_u16(u16::from_be_bytes([word[0], word[1]]));
        }
        bytes[24..26].copy_from_slice(&sum.checksum().to_be_bytes());
    }
    bytes.extend([0, 0]);
    bytes.extend(case.port().to_be_bytes());
    if header == 20 {
        bytes.extend([
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            1,
            5 << 4,
            flags as u8,
            1,
            0,
            0x12,
            0x34,
            0,
            0,
        ]);
    } else {
        let length = LENGTH - bytes.len() + 4;
        bytes.extend([0, length as u8, 0x12, 0x34]);
    }
    bytes.resize(LENGTH, 0x55);
    let mut frame = [0; LENGTH];
    frame.copy_from_slice(&bytes);
    frame
}
