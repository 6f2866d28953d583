//! Who the client is: the nearest party that no trusted proxy stands in for.

use std::net::SocketAddr;

use super::{ClientAddress, ClientHeader, Trust, TrustedProxies, element::Nodes};
use crate::http::octets::trim;

/// How many of the nearest parties are looked at. Nobody has that many proxies.
const MOST_PARTIES: usize = 64;

/// Who the client is of a request that has come from `peer` with these values of `header`, in order.
///
/// A trusted proxy is believed about who has sent to it, and if that is another one, that one as well. The client is
/// the first who is not trusted; or, where a proxy does not say an address, that proxy.
pub fn client_address<'a>(
    peer: SocketAddr,
    trusted: &TrustedProxies,
    header: ClientHeader,
    values: impl Iterator<Item = &'a [u8]> + Clone,
) -> ClientAddress {
    let peer = ClientAddress::from(peer);
    if trusted.trust(peer.address) == Trust::Untrusted {
        return peer;
    }
    let said = match header {
        ClientHeader::XForwardedFor => nearest(trusted, values.flat_map(x_forwarded_for)),
        ClientHeader::Forwarded => nearest(trusted, values.flat_map(Nodes::of)),
    };
    said.unwrap_or(peer)
}

/// The parties that a value of `X-Forwarded-For` names. RFC 9110 section 5.6.1: empty elements of a list do not count.
fn x_forwarded_for(value: &[u8]) -> impl Iterator<Item = Option<&[u8]>> + Clone {
    let elements = value.split(|&byte| byte == b',').map(trim);
    elements.filter(|element| !element.is_empty()).map(Some)
}

/// The client, of parties from the farthest to the nearest; nothing where the nearest does not say an address.
///
/// That is one walk from the left: each party that is not trusted makes all before it hearsay, and so does each that
/// does not say an address.
fn nearest<'a>(
    trusted: &TrustedProxies,
    parties: impl Iterator<Item = Option<&'a [u8]>> + Clone,
) -> Option<ClientAddress> {
    let too_many = parties.clone().count().saturating_sub(MOST_PARTIES);
    let parties = parties
        .skip(too_many)
        .map(|party| party.and_then(ClientAddress::read));
    parties.fold(None, |client, party| match party {
        Some(proxy) if trusted.trust(proxy.address) == Trust::Trusted => client.or(party),
        _ => party,
    })
}
