//! What becomes of a packet, and why.

/// Where a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Out of the interface that it came in by.
    Transmit,
    /// Out of another interface, which the platform was told.
    Redirect,
    /// On to the kernel's network stack.
    Pass,
    /// Nowhere.
    Drop,
}

/// Declares [`Reason`] with its labels in one place.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        /// Why a packet was dropped, passed or answered instead of forwarded, or what it brought about beside. The label
        /// names the counter.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// All reasons, in the order of their counters.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The name of the reason in metrics and listings.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Reason::$name => $label,)* }
            }
        }
    };
}

reasons! {
    /// Passed: neither IPv4 nor IPv6, or under more than two VLAN tags, or shorter than its IP header.
    NotIp = "not_ip",
    /// Passed: for no VIP and of no flow, or in a frame for many.
    NotOurs = "not_ours",
    /// Forwarded to a member.
    Forwarded = "forwarded",
    /// Forwarded to a client.
    Returned = "returned",
    /// Dropped: shorter than its headers.
    Truncated = "truncated",
    /// Dropped: a length field contradicts another or the frame.
    BadLength = "bad_length",
    /// Dropped: a version, header length or field that no sender writes.
    BadHeader = "bad_header",
    /// Dropped: the checksum of the IPv4 header is wrong.
    BadChecksum = "bad_checksum",
    /// Dropped: a sender that no host has (RFC 1122 section 3.2.1.3, RFC 4291 section 2.7): a multicast, loopback or
    /// unspecified address, or the VIP itself.
    BadSource = "bad_source",
    /// Dropped: a source or destination port of zero.
    PortZero = "port_zero",
    /// Dropped: an IPv6 routing header with hops to visit, or more extension headers than are walked.
    ExtensionHeader = "extension_header",
    /// Answered or dropped: a port of a VIP without a listener.
    ClosedPort = "closed_port",
    /// Answered or dropped: in the middle of a TCP connection that is not known.
    UnknownConnection = "unknown_connection",
    /// Dropped: a protocol other than TCP, UDP and ICMP for a VIP.
    UnsupportedProtocol = "unsupported_protocol",
    /// Answered or dropped: the pool has no member that takes a new flow.
    NoMember = "no_member",
    /// Dropped: no free source port towards the member.
    PortsExhausted = "ports_exhausted",
    /// Dropped: a new flow, where the flow table is full of established connections.
    FlowTableFull = "flow_table_full",
    /// Dropped: two cores made the same flow at once; the sender's next packet finds it.
    Contended = "contended",
    /// Dropped: the way to the member is not known yet.
    NextHopUnresolved = "next_hop_unresolved",
    /// Answered: the hop limit ended here.
    HopLimit = "hop_limit",
    /// Answered: larger than the link to the member carries.
    TooBig = "too_big",
    /// Dropped: a later fragment whose first was not seen.
    FragmentUnknown = "fragment_unknown",
    /// Answered: an echo request to a VIP.
    EchoAnswered = "echo_answered",
    /// Passed: an ICMP error for a VIP that quotes no known flow. The host may have sent what it is about.
    IcmpUnknown = "icmp_unknown",
    /// Passed: a fragment of an ICMP message for a VIP. The host puts the fragments together, and answers an echo request.
    IcmpFragment = "icmp_fragment",
    /// Dropped: the answer would exceed the rate at which answers are given.
    AnswerLimited = "answer_limited",
    /// Dropped: the frame could not be resized.
    NoRoom = "no_room",
    /// Dropped: the maps contradict each other; a fault of ours.
    Inconsistent = "inconsistent",
    /// Beside: another flow, whose time was not over, made room in a full table for the packet's.
    FlowEvicted = "flow_evicted",
    /// Beside: another flow that was open, but not established, gave its source port to the packet's, since none was free.
    PortReused = "port_reused",
    /// Passed: for a listener that the host itself serves.
    ServedByHost = "served_by_host",
}

/// What becomes of the packets of a reason.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    /// They go on to a member or client.
    Forwarded,
    /// They go on to the host.
    Passed,
    /// Their sender gets an answer; where the settings or the rate do not allow one, nothing.
    Answered,
    /// They go nowhere.
    Dropped,
    /// They are counted under another reason too, which tells that.
    Beside,
}

impl Reason {
    /// What becomes of its packets.
    #[must_use]
    pub const fn fate(self) -> Fate {
        match self {
            Self::Forwarded | Self::Returned => Fate::Forwarded,
            Self::NotIp | Self::NotOurs | Self::ServedByHost | Self::IcmpUnknown | Self::IcmpFragment => {
                Fate::Passed
            }
            Self::ClosedPort
            | Self::UnknownConnection
            | Self::NoMember
            | Self::HopLimit
            | Self::TooBig
            | Self::EchoAnswered => Fate::Answered,
            Self::FlowEvicted | Self::PortReused => Fate::Beside,
            _ => Fate::Dropped,
        }
    }
}
