//! Who is at the other end of a client's connection, who the client of each of its requests is, and what members are told.

use std::{cell::RefCell, net::SocketAddr, sync::Arc};

use super::{admit::Admitted, greeting::Ends, upstream::Alone};
use crate::{
    http::{
        fields::Name,
        forwarded::{ClientHeader, Field, Hop, HttpVersion, Scheme, Trust, Written, client_address},
        head::Head,
    },
    model::ClientIdentity,
};

/// Who asks on a connection.
#[derive(Debug)]
pub(super) struct Asker {
    ends: Ends,
    scheme: Scheme,
    known: RefCell<Known>,
    /// What it keeps of connections to members.
    pub(super) alone: Alone,
}

/// What holds for all requests of a connection, as long as the configuration does.
#[derive(Debug)]
struct Known {
    identity: Arc<ClientIdentity>,
    trust: Trust,
    /// What members are told with each request.
    lines: Box<[u8]>,
    /// The other fields: what they say depends on the request.
    varying: [Option<Field>; Field::ALL.len()],
}

impl Known {
    fn new(identity: &Arc<ClientIdentity>, hop: &Hop<'_>) -> Self {
        let trust = identity.trusted_proxies.trust(hop.peer);
        let policy = &identity.forwarded;
        let mut lines = Vec::with_capacity(128);
        let varying = Field::ALL.map(|field| {
            if policy.varies(field, trust) {
                return Some(field);
            }
            let received = std::iter::empty();
            field_line(field, &mut lines, |out| {
                policy.write(field, received, trust, hop, out)
            });
            None
        });
        Self {
            identity: Arc::clone(identity),
            trust,
            lines: lines.into_boxed_slice(),
            varying,
        }
    }
}

impl Asker {
    pub(super) fn new(mut ends: Ends, scheme: Scheme, identity: &Arc<ClientIdentity>) -> Self {
        ends.peer.set_ip(ends.peer.ip().to_canonical());
        let known = Known::new(identity, &hop(ends, scheme));
        Self {
            ends,
            scheme,
            known: RefCell::new(known),
            alone: Alone::default(),
        }
    }

    /// What the client has connected to.
    pub(super) fn reached(&self) -> SocketAddr {
        self.ends.reached
    }

    /// Who the client of a request is; port 0 where that is not known.
    pub(super) fn client(&self, identity: &Arc<ClientIdentity>, head: &Head) -> SocketAddr {
        self.look_again(identity);
        if self.known.borrow().trust == Trust::Untrusted {
            return self.ends.peer;
        }
        let header = identity.client_address_from;
        let values = head.values(match header {
            ClientHeader::XForwardedFor => Name::XForwardedFor,
            ClientHeader::Forwarded => Name::Forwarded,
        });
        let client = client_address(self.ends.peer, &identity.trusted_proxies, header, values);
        SocketAddr::new(client.address, client.port.unwrap_or(0))
    }

    /// Writes the lines that tell a member where a request has come from.
    pub(super) fn tell(
        &self,
        identity: &Arc<ClientIdentity>,
        head: &Head,
        admitted: &Admitted,
        out: &mut Vec<u8>,
    ) {
        self.look_again(identity);
        let known = self.known.borrow();
        out.extend_from_slice(&known.lines);
        let host = match admitted.authority {
            Some(authority) => Some(authority.of(&head.bytes)),
            None => head.values(Name::Host).next(),
        };
        let hop = Hop {
            host,
            version: admitted.version,
            ..hop(self.ends, self.scheme)
        };
        for field in known.varying.into_iter().flatten() {
            let received = head.values(name(field));
            field_line(field, out, |out| {
                identity.forwarded.write(field, received, known.trust, &hop, out)
            });
        }
    }

    /// A connection may outlive the configuration that it began with, those of proxies by days.
    fn look_again(&self, identity: &Arc<ClientIdentity>) {
        let mut known = self.known.borrow_mut();
        if !Arc::ptr_eq(&known.identity, identity) {
            *known = Known::new(identity, &hop(self.ends, self.scheme));
        }
    }
}

/// What is known of a connection, whatever is asked.
fn hop(ends: Ends, scheme: Scheme) -> Hop<'static> {
    Hop {
        peer: ends.peer.ip(),
        by: None,
        port: ends.reached.port(),
        scheme,
        host: None,
        version: HttpVersion::Http11,
    }
}

/// Writes a line with the value that `write` writes, or none.
fn field_line(field: Field, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Written) {
    let start = out.len();
    out.extend_from_slice(field.label().as_bytes());
    out.extend_from_slice(b": ");
    match write(out) {
        Written::Value => out.extend_from_slice(b"\r\n"),
        Written::Nothing => out.truncate(start),
    }
}

fn name(field: Field) -> Name {
    match field {
        Field::XForwardedFor => Name::XForwardedFor,
        Field::XForwardedProto => Name::XForwardedProto,
        Field::XForwardedPort => Name::XForwardedPort,
        Field::XForwardedHost => Name::XForwardedHost,
        Field::Forwarded => Name::Forwarded,
        Field::Via => Name::Via,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::{
            forwarded::{ForwardedPolicy, Mode, TrustedProxies},
            head::{Limits, Search},
        },
        proxy::{
            admit::admit,
            encode::{self, ToMember},
        },
    };

    const PROXY: &str = "10.0.0.1:4711";
    const CLIENT: &str = "192.0.2.1:4711";

    /// Proxies are in 10.0.0.0/8.
    fn identity(forwarded: ForwardedPolicy) -> Arc<ClientIdentity> {
        Arc::new(ClientIdentity {
            trusted_proxies: TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]),
            forwarded,
            ..ClientIdentity::default()
        })
    }

    fn asker(peer: &str, identity: &Arc<ClientIdentity>) -> Asker {
        let ends = Ends {
            peer: peer.parse().unwrap(),
            reached: "192.0.2.10:443".parse().unwrap(),
        };
        Asker::new(ends, Scheme::Https, identity)
    }

    fn head(fields: &str) -> Head {
        let limits = Limits {
            bytes: 4096,
            fields: 32,
            target: 1024,
        };
        let text = format!("GET /a HTTP/1.1\r\nHost: a:81\r\n{fields}\r\n");
        let mut head = Head::default();
        let end = Search::default().end(text.as_bytes(), &limits).unwrap().unwrap();
        head.read_request(&text.as_bytes()[..end], &limits).unwrap();
        head
    }

    /// The fields that a member gets of a request, without its `Host`.
    fn told(asker: &Asker, identity: &Arc<ClientIdentity>, fields: &str) -> Vec<String> {
        let head = head(fields);
        let edits = ToMember {
            asker,
            identity,
            cookie: None,
            request_id: None,
        };
        let mut out = Vec::new();
        encode::request(&head, &admit(&head, None).unwrap(), &edits, &mut out);
        let text = String::from_utf8(out).unwrap();
        let fields = text
            .strip_prefix("GET /a HTTP/1.1\r\nHost: a:81\r\n")
            .and_then(|rest| rest.strip_suffix("\r\n\r\n"))
            .unwrap();
        fields.split("\r\n").map(str::to_owned).collect()
    }

    fn told_of(peer: &str, policy: ForwardedPolicy, fields: &str) -> Vec<String> {
        let identity = identity(policy);
        told(&asker(peer, &identity), &identity, fields)
    }

    const FORGED: &str = "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: ftp\r\nX-Forwarded-Port: 1\r\n\
                          Accept: */*\r\nX-Forwarded-Host: b\r\nForwarded: for=198.51.100.1\r\nVia: 1.0 fred\r\n\
                          via: 1.1 c\r\n";

    #[test]
    fn of_what_an_untrusted_peer_says_members_get_nothing_but_via() {
        let told = told_of(CLIENT, ForwardedPolicy::default(), FORGED);
        let expected = [
            "Accept: */*",
            "X-Forwarded-For: 192.0.2.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 443",
            "Via: 1.0 fred, 1.1 c",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_a_trusted_peer_says_is_handed_on_and_its_address_added() {
        let told = told_of(PROXY, ForwardedPolicy::default(), FORGED);
        let expected = [
            "Accept: */*",
            "X-Forwarded-For: 198.51.100.1, 10.0.0.1",
            "X-Forwarded-Proto: ftp",
            "X-Forwarded-Port: 1",
            "X-Forwarded-Host: b",
            "Forwarded: for=198.51.100.1",
            "Via: 1.0 fred, 1.1 c",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_policy_says_what_members_get() {
        let all = |mode| ForwardedPolicy {
            x_forwarded_for: mode,
            x_forwarded_proto: mode,
            x_forwarded_port: mode,
            x_forwarded_host: mode,
            forwarded: mode,
            via: Some("holdfast".parse().unwrap()),
        };
        let own = [
            "X-Forwarded-For: 10.0.0.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 443",
            "X-Forwarded-Host: a:81",
            "Forwarded: for=10.0.0.1;host=\"a:81\";proto=https",
            "Via: 1.0 fred, 1.1 c, 1.1 holdfast",
        ];
        assert_eq!(told_of(PROXY, all(Mode::Replace), FORGED)[1..], own);
        assert_eq!(told_of(PROXY, all(Mode::Remove), FORGED)[1..], own[5..]);
        assert_eq!(told_of(PROXY, all(Mode::Append), "")[..5], own[..5]);
        let appended = told_of(PROXY, all(Mode::Append), FORGED);
        assert_eq!(
            appended[5],
            "Forwarded: for=198.51.100.1, for=10.0.0.1;host=\"a:81\";proto=https"
        );
        assert_eq!(told_of(PROXY, all(Mode::Preserve), ""), ["Via: 1.1 holdfast"]);
    }

    #[test]
    fn a_field_that_cgi_takes_for_one_of_ours_reaches_no_member() {
        let fields = "X_Forwarded_For: 198.51.100.1\r\nx-forwarded_PROTO: ftp\r\nX_Forwarded-Port: 1\r\n\
                      X_FORWARDED_HOST: b\r\nX_Forwarded_By: d\r\n";
        let told = told_of(PROXY, ForwardedPolicy::default(), fields);
        assert_eq!(told[0], "X_Forwarded_By: d");
        assert_eq!(told[1], "X-Forwarded-For: 10.0.0.1");
        assert_eq!(told.len(), 4);
    }

    #[test]
    fn connection_takes_nothing_away_of_what_members_are_told() {
        let fields = "X-Forwarded-For: 198.51.100.1\r\nConnection: x-forwarded-for\r\n";
        let told = told_of(PROXY, ForwardedPolicy::default(), fields);
        assert_eq!(told[0], "X-Forwarded-For: 198.51.100.1, 10.0.0.1");
    }

    #[test]
    fn the_client_is_whom_a_trusted_peer_names_in_the_header_that_is_believed() {
        let fields = "X-Forwarded-For: 198.51.100.1, 10.0.0.2\r\nForwarded: for=\"198.51.100.2:80\"\r\n";
        for (peer, from, client) in [
            (PROXY, ClientHeader::XForwardedFor, "198.51.100.1:0"),
            (PROXY, ClientHeader::Forwarded, "198.51.100.2:80"),
            ("[::ffff:10.0.0.1]:1", ClientHeader::Forwarded, "198.51.100.2:80"),
            (CLIENT, ClientHeader::XForwardedFor, CLIENT),
            (CLIENT, ClientHeader::Forwarded, CLIENT),
            ("[::ffff:192.0.2.1]:4711", ClientHeader::Forwarded, CLIENT),
        ] {
            let identity = Arc::new(ClientIdentity {
                client_address_from: from,
                ..ClientIdentity::clone(&identity(ForwardedPolicy::default()))
            });
            let found = asker(peer, &identity).client(&identity, &head(fields));
            assert_eq!(found, client.parse().unwrap(), "{peer} {from}");
        }
    }

    #[test]
    fn a_connection_that_outlives_its_configuration_follows_the_new_one() {
        let before = identity(ForwardedPolicy::default());
        let asker = asker(PROXY, &before);
        let fields = "X-Forwarded-For: 198.51.100.1\r\n";
        assert_eq!(
            told(&asker, &before, fields)[0],
            "X-Forwarded-For: 198.51.100.1, 10.0.0.1"
        );
        let after = Arc::new(ClientIdentity::default());
        assert_eq!(told(&asker, &after, fields)[0], "X-Forwarded-For: 10.0.0.1");
        assert_eq!(asker.client(&after, &head(fields)), PROXY.parse().unwrap());
    }
}
