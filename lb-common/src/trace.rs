//! The trace of chosen clients: what is noted of a packet before it is served, and what is told of it afterwards.
//!
//! It lies around the stages that serve packets, which know nothing of it. While one word of the settings is not zero,
//! packets come to [`look`] first; where the way of one that is noted ends, it goes on to [`tell`].

use crate::{
    address::{Address, Endpoint},
    datapath::{Located, flow_key, is_live, locate_later},
    filter,
    flow::{returns, table},
    frame::Frame,
    open::Service,
    packet::{Packet, Payload},
    parse::parse,
    platform::Platform,
    session::Plan,
    tables::SharedAddress,
    verdict::Reason,
    word::{Word32, forget},
};

/// Networks of clients that can be traced at a time.
pub const MAX_CLIENTS: usize = 16;

/// Lines a second and core, at most: a trace is for people, and is to leave the machine its work.
const LINES_PER_SECOND: u32 = 1000;

/// What a trace needs of where it runs.
pub trait Tracing: Platform {
    /// Whether this address is of a chosen client.
    fn is_chosen(&self, address: &Address) -> bool;
    /// What the datapath says of the trace beside its lines.
    fn trace_state(&self) -> Option<&TraceState>;
    /// This core's memory for the packet that is traced.
    fn note(&self) -> Option<&Note>;
}

/// What the datapath says of the trace beside its lines.
#[derive(Debug, Default)]
#[repr(C, align(8))]
pub struct TraceState {
    /// Lines that were due, whether or not there was room for them.
    pub due: Word32,
    /// Zero.
    pub padding: Word32,
}

/// Declares a number that travels in a line of the trace, with its labels.
macro_rules! labelled {
    ($(#[$kind_doc:meta])* $kind:ident: $($(#[$doc:meta])* $name:ident = $number:literal $label:literal,)*) => {
        $(#[$kind_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        pub enum $kind { $($(#[$doc])* $name = $number,)* }

        impl $kind {
            /// That of a number; none: there is no such.
            #[must_use]
            pub const fn from_word(word: u32) -> Option<Self> {
                match word { $($number => Some(Self::$name),)* _ => None }
            }

            /// Its name.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }
        }
    };
}

labelled! {
    /// Which way a packet goes.
    Way:
    /// The chosen client sent it.
    FromClient = 1 "from_client",
    /// It is for the chosen client; mostly a member sent it.
    ToClient = 2 "to_client",
}

labelled! {
    /// Why a packet goes to its member.
    Why:
    /// It belongs to a live flow.
    Flow = 1 "flow",
    /// A session holds the client there.
    Session = 2 "session",
    /// The algorithm chose it; there was no session.
    Algorithm = 3 "algorithm",
    /// The algorithm chose it; the session was over.
    SessionOver = 4 "session_over",
    /// The algorithm chose it; the session's member takes no packets.
    SessionMoved = 5 "session_moved",
    /// The algorithm chose it; the flow's member takes no packets, and no session says more.
    FlowMoved = 6 "flow_moved",
}

/// What is noted of a packet until it is told what became of it. It lies in memory of the platform's, and is plain
/// numbers, for the reasons that [`crate::open::Opener`] has.
#[derive(Debug, Default)]
#[repr(C, align(8))]
pub struct Note {
    /// The sender, as the packet arrived.
    pub source: SharedAddress,
    /// The receiver, as the packet arrived.
    pub destination: SharedAddress,
    /// Number of the trace that it is noted for; 0: nothing is noted.
    pub trace: Word32,
    /// The source port in the upper half, the destination port in the lower; 0: it has none.
    pub ports: Word32,
    /// The protocol number.
    pub protocol: Word32,
    /// TCP's flags.
    pub flags: Word32,
    /// A [`Way`].
    pub way: Word32,
    /// The member's id; 0: none.
    pub member: Word32,
    /// A [`Why`]; 0: there is nothing to say.
    pub why: Word32,
    /// A [`Reason`].
    pub reason: Word32,
    /// What the platform does with it.
    pub action: Word32,
    /// A second, in which this core told `told` lines.
    pub second: Word32,
    /// See `second`.
    pub told: Word32,
    /// Zero.
    pub padding: Word32,
}

const _: () = {
    assert!(size_of::<TraceState>() == 8);
    assert!(size_of::<Note>() == 80);
};

impl Note {
    fn source_endpoint(&self) -> Endpoint {
        Endpoint {
            address: self.source.load(),
            port: (self.ports.get() >> 16) as u16,
        }
    }

    fn destination_endpoint(&self) -> Endpoint {
        Endpoint {
            address: self.destination.load(),
            port: self.ports.get() as u16,
        }
    }

    #[inline(always)]
    fn set_heads<C>(&self, packet: &Packet<'_, C>) {
        self.source.store(&packet.ip.source());
        self.destination.store(&packet.ip.destination());
        self.protocol.set(u32::from(packet.protocol));
        let (ports, flags) = match &packet.payload {
            Payload::Transport(transport) => (
                u32::from(transport.ports.source.get()) << 16 | u32::from(transport.ports.destination.get()),
                u32::from(transport.tcp.flags),
            ),
            _ => (0, 0),
        };
        self.ports.set(ports);
        self.flags.set(flags);
        self.way.set(0);
        self.member.set(0);
        self.why.set(0);
        self.reason.set(Reason::Inconsistent as u32);
    }
}

/// Notes a packet of a chosen client. It changes nothing else, and the packet goes on to be served.
#[inline(always)]
pub fn look<T: Tracing, F: Frame>(platform: &T, frame: &mut F) {
    let (Some(settings), Some(note)) = (platform.settings(), platform.note()) else {
        return;
    };
    note.trace.set(0);
    let trace = settings.traced.get();
    let now_s = platform.now_s();
    let Ok(packet) = parse(frame) else { return };
    note.set_heads(&packet);
    let later = match packet.payload {
        Payload::LaterFragment => locate_later(platform, &packet, now_s),
        _ => None,
    };
    let way = match later {
        Some((located, _)) => way_of_fragment(platform, note, &located),
        None => way_of(platform, note, now_s),
    };
    if let Some(way) = way {
        note.way.set(forget(way as u32, now_s));
        note.trace.set(trace);
    }
}

/// Which way a later fragment goes, whose first one had a flow.
#[inline(always)]
fn way_of_fragment<T: Tracing>(platform: &T, note: &Note, located: &Located<'_>) -> Option<Way> {
    let record = located.found.record;
    if !platform.is_chosen(&record.client.load()) {
        return None;
    }
    note.member.set(record.member.get());
    note.why.set(Why::Flow as u32);
    Some(if located.direction == 0 {
        Way::FromClient
    } else {
        Way::ToClient
    })
}

/// Which way any other packet goes; none: it is of no chosen client.
#[inline(always)]
fn way_of<T: Tracing>(platform: &T, note: &Note, now_s: u32) -> Option<Way> {
    let (source, destination) = (note.source_endpoint(), note.destination_endpoint());
    // First, since a member may lie in a chosen network. With full NAT only the flow tells who an answer is for.
    if note.ports.get() != 0
        && filter::may_be(platform, filter::Kind::Member, &source.address)
        && let Some(found) = returns::find(platform, &source, &destination, note.protocol.get() as u8)
        && platform.is_chosen(&found.record.client.load())
    {
        note.member.set(found.record.member.get());
        return Some(Way::ToClient);
    }
    if platform.is_chosen(&source.address) {
        if note.ports.get() != 0 {
            foresee(platform, note, &source, &destination, now_s);
        }
        return Some(Way::FromClient);
    }
    platform.is_chosen(&destination.address).then_some(Way::ToClient)
}

/// Notes why the packet will go where it goes: by what the decision will look at, which it changes.
#[inline(always)]
fn foresee<P: Platform>(platform: &P, note: &Note, client: &Endpoint, vip: &Endpoint, now_s: u32) {
    let protocol = note.protocol.get() as u8;
    let Some((_, key)) = flow_key(platform, client, vip, protocol) else {
        return;
    };
    let mut otherwise = None;
    if let Some(found) = table::find(platform, &key, client, vip, protocol)
        && is_live(platform, &found, note.flags.get() as u8, now_s)
    {
        let member = found.record.member.get();
        let stays = |entry| found.record.stays_with(entry, note.flags.get() as u8);
        if platform.member(member).is_some_and(stays) {
            note.member.set(member);
            note.why.set(Why::Flow as u32);
            return;
        }
        otherwise = Some(Why::FlowMoved);
    }
    let Ok(mut service) = Service::of(platform, &client.address, vip, protocol) else {
        return;
    };
    service.find_session(platform);
    let why = match (service.plan(platform, now_s), otherwise) {
        (Plan::Renew, _) => Why::Session,
        (Plan::Move, _) => Why::SessionMoved,
        (_, Some(moved)) => moved,
        (Plan::Restart, _) => Why::SessionOver,
        (Plan::None | Plan::Create, _) => Why::Algorithm,
    };
    note.why.set(why as u32);
}

/// What is to be done with a note.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Telling {
    /// It makes a line.
    Line,
    /// It would make a line, but there were enough in this second.
    TooMany,
    /// Nothing: its trace is over.
    Nothing,
}

/// Completes the note, once the packet was served.
#[inline(always)]
pub fn tell<T: Tracing>(platform: &T) -> Telling {
    let (Some(settings), Some(note)) = (platform.settings(), platform.note()) else {
        return Telling::Nothing;
    };
    let trace = note.trace.get();
    note.trace.set(0);
    if trace == 0 || trace != settings.traced.get() {
        return Telling::Nothing;
    }
    if note.way.get() == Way::FromClient as u32 && note.member.get() == 0 {
        find_member(platform, note);
    }
    let now_s = platform.now_s();
    if note.second.get() != now_s {
        note.second.set(now_s);
        note.told.set(0);
    }
    let told = note.told.get();
    if told >= LINES_PER_SECOND {
        return Telling::TooMany;
    }
    note.told.set(told + 1);
    Telling::Line
}

/// Finds the member that the packet's flow was opened with; where it has none, there is nothing to explain.
#[inline(always)]
fn find_member<P: Platform>(platform: &P, note: &Note) {
    let (client, vip) = (note.source_endpoint(), note.destination_endpoint());
    let protocol = note.protocol.get() as u8;
    let found = match flow_key(platform, &client, &vip, protocol) {
        Some((_, key)) if note.ports.get() != 0 => table::find(platform, &key, &client, &vip, protocol),
        _ => None,
    };
    match found {
        Some(found) => note.member.set(found.record.member.get()),
        None => note.why.set(0),
    }
}
