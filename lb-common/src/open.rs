//! Opening: a packet of no flow becomes the first of one.

use crate::{
    address::{Address, Endpoint},
    buckets::Key,
    flow::{
        Record, State, StateWord, apart, returns,
        table::{Refused, Slot},
    },
    headers::{protocol, tcp_flags},
    link::reversed,
    listeners,
    packet::{Fragment, Packet, Transport},
    platform::Platform,
    session::{self, Admission, Plan},
    tables::{Forwarding, Member, Pool, Session, SessionKey, SharedAddress, SlotRange},
    verdict::Reason,
    word::{Word32, Word64, forget},
};

/// Whether the flow was known until now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Past {
    /// It was not.
    None,
    /// It was, and its member is not to have this packet: see [`Record::stays_with`].
    Moved,
}

/// Why a port of a VIP is not served by the datapath.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoService {
    /// It has no listener.
    Closed,
    /// The host serves it.
    OfHost,
}

/// Who a client asks for, and what is held for it there.
pub struct Service<'t> {
    listener_id: u32,
    pool_id: u32,
    pool: &'t Pool,
    /// The network that the pool takes for one client.
    network: Address,
    session: Option<&'t Session>,
}

impl<'t> Service<'t> {
    /// The service that a client finds at a VIP's port. Its session is not looked for.
    #[inline(always)]
    pub fn of<P: Platform>(
        platform: &'t P,
        client: &Address,
        vip: &Endpoint,
        protocol: u8,
    ) -> Result<Self, NoService> {
        let (listener_id, listener) = listeners::find(platform, vip, protocol).ok_or(NoService::Closed)?;
        if listener.is_of_host() {
            return Err(NoService::OfHost);
        }
        let pool_id = listener.pool.get();
        let pool = platform.pool(pool_id).ok_or(NoService::Closed)?;
        let network = session::client_network(pool, client);
        Ok(Self {
            listener_id,
            pool_id,
            pool,
            network,
            session: None,
        })
    }

    /// Looks for the client's session.
    #[inline(always)]
    pub fn find_session<P: Platform>(&mut self, platform: &'t P) {
        if self.pool.session_idle_s.get() != 0 {
            self.session = platform.session(&SessionKey::new(&self.network, self.pool_id));
        }
    }

    /// What a new flow means for the session.
    #[inline(always)]
    pub fn plan<P: Platform>(&self, platform: &P, now_s: u32) -> Plan {
        let seen = self.session.map(Session::seen);
        session::plan(platform, self.pool, self.pool_id, seen, now_s)
    }
}

/// What may open a flow: of TCP a SYN; in the middle of a connection only a packet whose member does not depend
/// on chance, since any other member would know nothing of it.
#[inline(always)]
fn admission(protocol: u8, flags: u8, past: Past) -> Result<Admission, Reason> {
    if protocol == protocol::UDP {
        return Ok(Admission::Any);
    }
    if flags & tcp_flags::RST != 0 {
        return Err(Reason::UnknownConnection);
    }
    let opens = flags & (tcp_flags::SYN | tcp_flags::ACK | tcp_flags::FIN) == tcp_flags::SYN;
    if opens || past == Past::Moved {
        return Ok(Admission::Any);
    }
    // All but the first have it (RFC 9293 section 3.1).
    if flags & tcp_flags::ACK == 0 {
        return Err(Reason::UnknownConnection);
    }
    Ok(Admission::OnlyCertain)
}

/// What opening needs to know of a packet. It lies in memory of the platform's, since the kernel's stack is small, and is
/// plain numbers, so that the verifier need not remember how they were found.
#[derive(Debug, Default)]
#[repr(C, align(8))]
pub struct Opener {
    client: SharedAddress,
    vip: SharedAddress,
    /// The hash of the flow; 0: not computed yet.
    hash: Word64,
    /// The client's port in the upper half, the VIP's in the lower.
    ports: Word32,
    protocol: Word32,
    /// TCP's flags.
    flags: Word32,
    /// 1 for one of several fragments.
    is_part: Word32,
    return_macs: [Word32; 3],
    return_tags: Word32,
    tags: Word32,
    /// The interface that it came in by.
    ingress_ifindex: Word32,
    /// Where the flow lies that was opened.
    slot: Word32,
    /// Its tag.
    tag: Word32,
    /// When it came.
    now_s: Word32,
    /// 1: the packet may have a flow.
    may_have_flow: Word32,
}

impl Opener {
    /// Becomes the facts of `packet`.
    #[inline(always)]
    pub fn set<C>(
        &self,
        packet: &Packet<'_, C>,
        transport: &Transport<'_>,
        ingress_ifindex: u32,
        now_s: u32,
    ) {
        self.client.store(&packet.ip.source());
        self.vip.store(&packet.ip.destination());
        self.ports.set(
            u32::from(transport.ports.source.get()) << 16 | u32::from(transport.ports.destination.get()),
        );
        self.protocol.set(u32::from(packet.protocol));
        self.flags.set(u32::from(transport.tcp.flags));
        self.is_part
            .set(u32::from(!matches!(packet.fragment, Fragment::Whole)));
        let macs = reversed(&packet.ethernet.macs);
        for word in 0..3 {
            self.return_macs[word].set(macs[word]);
        }
        self.return_tags
            .set(u32::from(packet.tags.controls[0]) << 16 | u32::from(packet.tags.controls[1]));
        self.tags.set(packet.tags.shape);
        self.ingress_ifindex.set(ingress_ifindex);
        self.now_s.set(now_s);
    }

    /// The client.
    #[inline(always)]
    pub fn client(&self) -> Endpoint {
        Endpoint {
            address: self.client.load(),
            port: (self.ports.get() >> 16) as u16,
        }
    }

    /// The VIP and its port.
    #[inline(always)]
    pub fn vip(&self) -> Endpoint {
        Endpoint {
            address: self.vip.load(),
            port: self.ports.get() as u16,
        }
    }

    /// Writes what a flow keeps of its first packet.
    #[inline(always)]
    fn write(&self, record: &Record, source_port: u16) {
        record.client.store(&self.client.load());
        record
            .ports
            .set(self.ports.get() & 0xffff_0000 | u32::from(source_port));
        for word in 0..3 {
            record.return_macs[word].set(self.return_macs[word].get());
        }
        record.return_tags.set(self.return_tags.get());
        record.return_ifindex.set(self.ingress_ifindex.get());
    }

    /// Where the flow lies that was opened, and its tag.
    #[inline(always)]
    pub fn slot(&self) -> (Slot, u32) {
        (Slot(self.slot.get()), self.tag.get())
    }

    /// Notes where the flow lies.
    #[inline(always)]
    pub fn set_slot(&self, slot: Slot, tag: u32) {
        self.slot.set(slot.0);
        self.tag.set(tag);
    }

    /// Whether the packet may have a flow.
    #[inline(always)]
    pub fn may_have_flow(&self) -> bool {
        self.may_have_flow.get() != 0
    }

    /// Notes whether the packet may have a flow.
    #[inline(always)]
    pub fn set_may_have_flow(&self, may: bool) {
        self.may_have_flow.set(u32::from(may));
    }

    /// The hash of the packet's flow; 0: not computed yet.
    #[inline(always)]
    pub fn hash(&self) -> u64 {
        self.hash.get()
    }

    /// Notes the hash of the packet's flow; 0: not computed yet.
    #[inline(always)]
    pub fn set_hash(&self, hash: u64) {
        self.hash.set(hash);
    }

    /// When the packet came, in seconds.
    #[inline(always)]
    pub fn now_s(&self) -> u32 {
        self.now_s.get()
    }

    /// The protocol number.
    #[inline(always)]
    pub fn protocol(&self) -> u8 {
        self.protocol.get() as u8
    }

    /// TCP's flags.
    #[inline(always)]
    pub fn flags(&self) -> u8 {
        self.flags.get() as u8
    }

    /// Whether an answer may be given: not to a part of a datagram, nor to a reset.
    #[inline(always)]
    pub fn may_be_answered(&self) -> bool {
        self.is_part.get() == 0 && self.flags() & tcp_flags::RST == 0
    }
}

/// What came of opening.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opened {
    /// The flow is there.
    Flow,
    /// None yet: another core just made it, or bound the client to another member. The next try finds that.
    Again,
}

/// Makes the flow of a packet to the listener, and notes its slot with the opener.
#[inline(always)]
pub fn open<P: Platform>(
    platform: &P,
    opener: &Opener,
    (hash, key): (u64, &Key),
    service: &Service<'_>,
    past: Past,
    now_s: u32,
) -> Result<Opened, Reason> {
    let admission = admission(opener.protocol(), opener.flags(), past)?;
    let &Service {
        listener_id,
        pool_id,
        pool,
        network,
        ..
    } = service;
    let forwarding = Forwarding(pool.forwarding.get());
    let session = service.session.map(Session::seen);
    let choice = session::choose(platform, pool, pool_id, &network, session, admission, now_s)?;
    let member = platform.member(choice.member).ok_or(Reason::Inconsistent)?;
    // Before the flow is there: an outage after that is one that it has not seen.
    let outages = member.outages();
    let (mut source, receiver) = first_source(platform, (pool, forwarding), member, opener, hash as u32)?;
    let returns = returns::key(platform, &returns::endpoint(member), &receiver, opener.protocol())
        .ok_or(Reason::Inconsistent)?;
    if forwarding.sees_replies() {
        returns::prefetch(platform, &returns);
    }
    let reservation = match apart::reserve(platform, key, now_s) {
        Ok(reservation) => reservation,
        Err(Refused::Contended) if !opener.may_have_flow() => {
            opener.set_may_have_flow(true);
            return Ok(Opened::Again);
        }
        Err(Refused::Contended) => return Err(Reason::Contended),
        Err(Refused::Full(_)) => return Err(Reason::FlowTableFull),
    };
    if forwarding.sees_replies() && !apart::enter(platform, &returns, reservation.slot) {
        let found = if forwarding == Forwarding::FULL_NAT {
            let protocol = opener.protocol();
            returns::search(
                platform,
                reservation.slot,
                choice.member,
                protocol,
                hash as u32,
                now_s,
            )
        } else {
            // The same client has a flow to the same member through another listener.
            Err(Reason::PortsExhausted)
        };
        match found {
            Ok(found) => source = found,
            Err(reason) => {
                reservation.cancel(platform, key);
                return Err(reason);
            }
        }
    }
    let state = State::first(opener.protocol());
    let state = StateWord(forget(
        StateWord::new(state, forwarding, opener.tags.get())
            .with_outages(outages)
            .0,
        now_s,
    ));
    let written = reservation.commit(platform, key, choice.member, state, |record| {
        opener.write(record, source.port);
        record.listener.set(listener_id);
        record.last_seen_s.set(now_s);
        record.renewed_s.set(choice.renewed_s(pool, now_s));
        record.snat_address.set(source.snat_address);
    });
    if !written {
        return Err(Reason::Inconsistent);
    }
    let Some(done) = session::carry_out(
        platform,
        (pool, pool_id),
        &network,
        service.session,
        &choice,
        now_s,
    ) else {
        platform.release(reservation.slot, key.tag);
        opener.set_may_have_flow(true);
        return Ok(Opened::Again);
    };
    platform.count_listener(listener_id, |traffic| traffic.open(done));
    platform.count_member(choice.member, |traffic| traffic.open(done));
    if done != Plan::None {
        platform.count_sessions(pool_id, |counts| counts.count(done));
    }
    opener.set_slot(reservation.slot, key.tag);
    Ok(Opened::Flow)
}

/// The source towards the member that is tried first, and who the member answers to.
#[inline(always)]
fn first_source<P: Platform>(
    platform: &P,
    (pool, forwarding): (&Pool, Forwarding),
    member: &Member,
    opener: &Opener,
    hash: u32,
) -> Result<(returns::Source, Endpoint), Reason> {
    if forwarding == Forwarding::FULL_NAT {
        return returns::candidate(platform, member, pool, hash, 0).ok_or(Reason::Inconsistent);
    }
    let client = opener.client();
    let source = returns::Source {
        snat_address: SlotRange::from(member.snat.get()).start,
        port: client.port,
    };
    Ok((source, client))
}
