//! Leaving: the Ethernet header, VLAN tags, and the outer IP header of a tunnel.

use zerocopy::transmute;

use crate::{
    address::Address,
    checksum::Sum,
    flow::Record,
    frame::{Cursor, Frame},
    headers::{Ethernet, Ipv4, Ipv6, MacPair, VlanTag, ethertype, protocol},
    packet::{Ip, Tags},
    platform::Platform,
    tables::{Member, NextHop},
    verdict::{Reason, Verdict},
};

/// Hops that an outer header is given (RFC 791 names 64 the default for hosts).
const OUTER_HOPS: u8 = 64;

/// How a frame leaves.
#[derive(Clone, Copy, Default)]
#[repr(C, align(8))]
pub struct Exit {
    /// The hardware addresses.
    pub macs: [u32; 3],
    /// The VLAN tags.
    pub tags: Tags,
    /// The interface.
    pub ifindex: u32,
    /// The largest IP packet that fits, in bytes; 0: not known.
    pub mtu: u32,
}

/// The hardware addresses with which an answer goes back.
#[inline(always)]
pub fn reversed(macs: &MacPair) -> [u32; 3] {
    let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (macs.source, macs.destination);
    // Word by word: a structure of bytes would lie on the stack where the kernel wants alignment.
    [
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
        u32::from_ne_bytes([i, j, k, l]),
    ]
}

impl Exit {
    /// Becomes the way to a member: what the daemon noted, or else what the platform's own routing knows.
    #[inline(always)]
    pub fn find_member<P: Platform>(
        &mut self,
        platform: &P,
        member: &Member,
        source: &Address,
    ) -> Result<(), Reason> {
        let hop: &NextHop = &member.next_hop;
        self.ifindex = hop.ifindex.get();
        if self.ifindex != 0 {
            let tag = hop.tag.get();
            self.tags = Tags {
                shape: u32::from(tag != 0),
                controls: [tag as u16, 0],
            };
            self.macs = [hop.macs[0].get(), hop.macs[1].get(), hop.macs[2].get()];
            self.mtu = hop.mtu.get();
            // The daemon may have begun to write another one meanwhile.
            if hop.ifindex.get() == self.ifindex {
                return Ok(());
            }
            *self = Self::default();
        }
        let route = platform
            .route(source, &member.address.load())
            .ok_or(Reason::NextHopUnresolved)?;
        self.macs = route.macs;
        self.ifindex = route.ifindex;
        Ok(())
    }

    /// Becomes the way back to the neighbour that the client's frames came from.
    #[inline(always)]
    pub fn find_client(&mut self, record: &Record) {
        let controls = record.return_tags.get();
        self.macs = [
            record.return_macs[0].get(),
            record.return_macs[1].get(),
            record.return_macs[2].get(),
        ];
        self.tags = Tags {
            shape: record.state_word().tags(),
            controls: [(controls >> 16) as u16, controls as u16],
        };
        self.ifindex = record.return_ifindex.get();
    }

    /// Out of the interface that the frame came in by, or out of another.
    #[inline(always)]
    pub fn verdict<P: Platform>(&self, platform: &P) -> Verdict {
        if self.ifindex == platform.ingress_ifindex() {
            turn_round(platform)
        } else {
            platform.redirect_to(self.ifindex);
            Verdict::Redirect
        }
    }
}

/// Out of the interface that the frame came in by.
#[inline(always)]
pub fn turn_round<P: Platform>(platform: &P) -> Verdict {
    let ifindex = platform.ingress_ifindex();
    if platform
        .settings()
        .is_some_and(|settings| settings.redirects(ifindex))
    {
        platform.redirect_to(ifindex);
        Verdict::Redirect
    } else {
        Verdict::Transmit
    }
}

/// How a packet leaves. Filled in place, and whole from the start: of a value that only some paths write, the verifier
/// would complain on all others.
#[derive(Clone, Copy, Default)]
#[repr(C, align(8))]
pub struct Departure {
    /// The way out.
    pub exit: Exit,
    /// The VLAN tags that the frame has.
    pub tags: Tags,
    /// The outer header; none where its length is 0.
    pub outer: Outer,
    /// The ethertype of the packet.
    pub ethertype: u32,
    /// Zero.
    pub padding: u32,
}

/// The outer header of a tunnel (RFC 2003, RFC 2473, RFC 4213).
#[derive(Clone, Copy, Default)]
#[repr(C, align(8))]
pub struct Outer {
    source: Address,
    destination: Address,
    /// Of the outer header, in bytes; 0: there is none.
    length: u32,
    inner_length: u32,
    inner_protocol: u32,
    traffic_class: u32,
    flags_and_offset: u32,
    identification: u32,
    flow_label: u32,
}

impl Outer {
    /// The outer header of a packet from the balancer's `source` to the member.
    #[inline(always)]
    #[must_use]
    pub fn new(inner: &Ip<'_>, source: &Address, destination: &Address, hash: u32) -> Self {
        let (inner_protocol, traffic_class, flags_and_offset, identification) = match inner {
            Ip::V4(ip) => (
                protocol::IPV4,
                u32::from(ip.tos),
                ip.flags_and_offset.get() & Ipv4::DONT_FRAGMENT,
                ip.identification.get(),
            ),
            Ip::V6(ip) => (
                protocol::IPV6,
                ip.version_class_flow.get() >> 20 & 0xff,
                Ipv4::DONT_FRAGMENT,
                0,
            ),
        };
        Self {
            source: *source,
            destination: *destination,
            length: Self::length(destination) as u32,
            inner_length: inner.total_length() as u32,
            inner_protocol: inner_protocol.into(),
            traffic_class,
            flags_and_offset: flags_and_offset.into(),
            identification: identification.into(),
            flow_label: hash & 0xf_ffff,
        }
    }

    /// Whether there is none.
    #[inline(always)]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.length == 0
    }

    /// The length of the outer header towards `destination`, in bytes.
    #[inline(always)]
    #[must_use]
    pub const fn length(destination: &Address) -> usize {
        if destination.is_v4() {
            size_of::<Ipv4>()
        } else {
            size_of::<Ipv6>()
        }
    }

    #[inline(always)]
    fn write<'a, C: Cursor<'a>>(&self, cursor: &mut C) -> Option<()> {
        if self.destination.is_v4() {
            let total = self.inner_length + self.length;
            let mut sum = Sum::zero();
            sum.add_u16((0x4500 | self.traffic_class) as u16);
            sum.add_u16(total as u16);
            sum.add_u16(self.identification as u16);
            sum.add_u16(self.flags_and_offset as u16);
            sum.add_u16((u32::from(OUTER_HOPS) << 8 | self.inner_protocol) as u16);
            sum.add_word(self.source.0[3]);
            sum.add_word(self.destination.0[3]);
            *cursor.take::<Ipv4>()? = Ipv4 {
                version_and_length: 0x45,
                tos: self.traffic_class as u8,
                total_length: (total as u16).into(),
                identification: (self.identification as u16).into(),
                flags_and_offset: (self.flags_and_offset as u16).into(),
                ttl: OUTER_HOPS,
                protocol: self.inner_protocol as u8,
                checksum: sum.checksum().into(),
                source: self.source.v4_octets(),
                destination: self.destination.v4_octets(),
            };
        } else {
            *cursor.take::<Ipv6>()? = Ipv6 {
                version_class_flow: (6 << 28 | self.traffic_class << 20 | self.flow_label).into(),
                payload_length: (self.inner_length as u16).into(),
                next_header: self.inner_protocol as u8,
                hop_limit: OUTER_HOPS,
                source: self.source.octets(),
                destination: self.destination.octets(),
            };
        }
        Some(())
    }
}

/// Gives a frame the link header, and the outer header, that it leaves with: the room at its front is made to fit.
#[inline(always)]
pub fn relink<F: Frame>(frame: &mut F, departure: &Departure) -> Option<()> {
    let Departure {
        exit, tags, outer, ..
    } = departure;
    let delta = tags.link_length() as i32 - exit.tags.link_length() as i32 - outer.length as i32;
    if delta != 0 {
        frame.adjust_head(delta).ok()?;
    }
    let kind = match outer.length {
        0 => departure.ethertype as u16,
        _ if outer.destination.is_v4() => ethertype::IPV4,
        _ => ethertype::IPV6,
    };
    let mut cursor = frame.cursor();
    write_link(&mut cursor, exit, kind)?;
    if outer.length != 0 {
        outer.write(&mut cursor)?;
    }
    Some(())
}

#[inline(always)]
fn write_link<'a, C: Cursor<'a>>(cursor: &mut C, exit: &Exit, kind: u16) -> Option<()> {
    let ethernet: &mut Ethernet = cursor.take()?;
    ethernet.macs = transmute!(exit.macs);
    if exit.tags.shape == 0 {
        ethernet.ethertype.set(kind);
        return Some(());
    }
    let outer: &mut VlanTag = cursor.take()?;
    outer.control.set(exit.tags.controls[0]);
    if exit.tags.shape == 1 {
        ethernet.ethertype.set(ethertype::VLAN);
        outer.ethertype.set(kind);
        return Some(());
    }
    let inner: &mut VlanTag = cursor.take()?;
    ethernet.ethertype.set(if exit.tags.shape == Tags::STACKED {
        ethertype::VLAN
    } else {
        ethertype::SERVICE_VLAN
    });
    outer.ethertype.set(ethertype::VLAN);
    inner.control.set(exit.tags.controls[1]);
    inner.ethertype.set(kind);
    Some(())
}
