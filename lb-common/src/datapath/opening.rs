//! Opening a flow, or refusing to.

use super::flows::{PASS, is_live};
use crate::{
    answer::Kind,
    buckets::Key,
    flow::table,
    forward::{End, Outcome},
    hash,
    headers::{protocol, tcp_flags},
    listeners,
    open::{self, NoService, Opened, Opener, Past, Service},
    platform::Platform,
    tables::ClosedPort,
    verdict::Reason,
};

/// Finds the flow of the packet that the opener was told of, or opens one, and notes where it lies; or else what becomes of
/// the packet.
#[inline(always)]
pub(super) fn open_flow<P: Platform>(platform: &P) -> Result<(), Outcome> {
    let Some(opener) = platform.opener() else {
        return Err(Outcome::drop(Reason::Inconsistent));
    };
    let now_s = opener.now_s();
    let protocol = opener.protocol();
    let (client, vip) = (opener.client(), opener.vip());
    let Some(settings) = platform.settings() else {
        return Err(Outcome::drop(Reason::Inconsistent));
    };
    let hash = match opener.hash() {
        0 => hash::of_tuple(settings.seed.get(), &client, &vip, protocol),
        known => known,
    };
    let key = Key::new(hash, settings.flow_buckets.get());
    if !client.address.may_be_source() || client.address == vip.address {
        return Err(for_vip(platform, opener, || Outcome::drop(Reason::BadSource)));
    }
    let mut service = match Service::of(platform, &client.address, &vip, protocol) {
        Ok(service) => service,
        Err(NoService::OfHost) => return Err(Outcome::pass(Reason::ServedByHost)),
        Err(NoService::Closed) => return Err(closed(platform, opener)),
    };
    // The flow's bucket is on its way while the session is looked for. Not earlier: until it is there, the processor goes no
    // more than some hundred instructions ahead.
    table::prefetch(platform, &key);
    service.find_session(platform);
    let mut past = Past::None;
    if opener.may_have_flow()
        && let Some(found) = table::find(platform, &key, &client, &vip, protocol)
    {
        if is_live(platform, &found, opener.flags(), now_s) {
            if platform
                .member(found.record.member.get())
                .is_some_and(|member| found.record.stays_with(member, opener.flags()))
            {
                // Another core made it a moment ago, or it is the client's SYN again.
                opener.set_slot(found.slot, found.tag);
                return Ok(());
            }
            past = Past::Moved;
        }
        platform.release(found.slot, found.tag);
    }
    match open::open(platform, opener, (hash, &key), &service, past, now_s) {
        Ok(Opened::Flow) => Ok(()),
        Ok(Opened::Again) => Err(Outcome::next(End::Opening)),
        Err(reason @ (Reason::NoMember | Reason::UnknownConnection)) => Err(refuse(platform, opener, reason)),
        Err(reason) => Err(Outcome::drop(reason)),
    }
}

/// What becomes of a packet for a VIP; any other is not ours after all.
#[inline(always)]
fn for_vip<P: Platform>(platform: &P, opener: &Opener, outcome: impl FnOnce() -> Outcome) -> Outcome {
    if listeners::is_vip(platform, &opener.vip().address) {
        outcome()
    } else {
        PASS
    }
}

/// What becomes of a packet to a port of a VIP that has no listener; any other is not ours after all.
#[inline(always)]
fn closed<P: Platform>(platform: &P, opener: &Opener) -> Outcome {
    let Some(vip) = listeners::find_vip(platform, &opener.vip().address) else {
        return PASS;
    };
    let opens = opener.flags() & (tcp_flags::SYN | tcp_flags::ACK) == tcp_flags::SYN;
    if vip.is_of_host() && opener.protocol() == protocol::TCP && !opens {
        // Of a listener of the host's that is gone, maybe, whose connections are to end with their requests. The host knows
        // which there are, and resets the others itself.
        return Outcome::pass(Reason::ServedByHost);
    }
    refuse(platform, opener, Reason::ClosedPort)
}

/// Refuses as a host would whose port has no one, or silently: as the settings say.
#[inline(always)]
pub(super) fn refuse<P: Platform>(platform: &P, opener: &Opener, reason: Reason) -> Outcome {
    let policy = platform
        .settings()
        .map_or(0, |settings| settings.closed_port.get());
    if policy != ClosedPort::Reject as u32 || !opener.may_be_answered() {
        return Outcome::drop(reason);
    }
    let kind = if opener.protocol() == protocol::TCP {
        Kind::Reset
    } else {
        Kind::PortUnreachable
    };
    Outcome::answer(platform, kind, reason)
}
