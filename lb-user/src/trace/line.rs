//! A line of the trace: what the datapath says of a packet, in words.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use lb_common::{
    headers::protocol,
    trace::{Way, Why},
    verdict::Reason,
};
use serde::{Deserialize, Serialize};

use crate::views::Titles;

/// The TCP flags, from the lowest bit.
const FLAGS: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

/// What became of a packet of a traced client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, in microseconds since 1970.
    pub at_unix_us: u64,
    /// `from_client` or `to_client`.
    pub direction: String,
    /// `TCP`, `UDP`, `ICMP`, `ICMPv6`, or a number.
    pub protocol: String,
    /// The sender, as the packet arrived; with its port, where it has one.
    pub source: String,
    /// The receiver, as the packet arrived.
    pub destination: String,
    /// The TCP flags.
    pub flags: Vec<String>,
    /// What became of it: a reason, as in the status.
    pub reason: String,
    /// The pool's name, where a member is known.
    pub pool: Option<String>,
    /// The member's name.
    pub member: Option<String>,
    /// Why it goes to that member: `flow`, `session`, `algorithm`, `session_over`, `session_moved`, `flow_moved`.
    pub why: Option<String>,
    /// What people call pool and member.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub display_names: Titles,
}

/// Who has a packet: none, where no member is known.
#[derive(Default)]
pub(super) struct Whose {
    pub(super) pool: Option<String>,
    pub(super) member: Option<String>,
    pub(super) display_names: Titles,
}

/// A line as it comes from the datapath: numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) trace: u32,
    /// When, in nanoseconds of the kernel's clock.
    pub(super) at_ns: u64,
    way: Way,
    protocol: u8,
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
    flags: u8,
    reason: Reason,
    /// The member's id; 0: none.
    pub(super) member: u32,
    why: Option<Why>,
}

impl Raw {
    /// Reads what `say` in `lb-ebpf` wrote.
    pub(super) fn read(text: &str) -> Option<Self> {
        fn next<'t, T: FromStr>(words: &mut impl Iterator<Item = &'t str>) -> Option<T> {
            words.next()?.parse().ok()
        }
        let words = &mut text.split(' ');
        let endpoint = |words: &mut std::str::Split<'_, char>| {
            let address: IpAddr = next(words)?;
            Some((address.to_canonical(), next(words)?))
        };
        let raw = Self {
            trace: next(words)?,
            at_ns: next(words)?,
            way: Way::from_word(next(words)?)?,
            protocol: next(words)?,
            source: endpoint(words)?,
            destination: endpoint(words)?,
            flags: next(words)?,
            reason: *Reason::ALL.get(next::<usize>(words)?)?,
            member: next(words)?,
            why: Why::from_word(next(words)?),
        };
        words.next().is_none().then_some(raw)
    }

    /// The same in words.
    pub(super) fn in_words(&self, at_unix_us: u64, names: Whose) -> Line {
        let Whose {
            pool,
            member,
            display_names,
        } = names;
        let flags = FLAGS.iter().enumerate();
        let flags = flags.filter(|(bit, _)| self.flags >> bit & 1 == 1);
        Line {
            at_unix_us,
            direction: self.way.label().into(),
            protocol: match self.protocol {
                protocol::TCP => "TCP".into(),
                protocol::UDP => "UDP".into(),
                protocol::ICMP => "ICMP".into(),
                protocol::ICMPV6 => "ICMPv6".into(),
                number => number.to_string(),
            },
            source: endpoint(self.source),
            destination: endpoint(self.destination),
            flags: flags.map(|(_, name)| (*name).to_owned()).collect(),
            reason: self.reason.label().into(),
            pool,
            member,
            why: self.why.map(|why| why.label().into()),
            display_names,
        }
    }
}

fn endpoint((address, port): (IpAddr, u16)) -> String {
    if port == 0 {
        address.to_string()
    } else {
        SocketAddr::new(address, port).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let names = Whose {
            pool: Some("pool".into()),
            member: Some("one".into()),
            ..Whose::default()
        };
        Raw::read(text).unwrap().in_words(7, names)
    }

    #[test]
    fn the_numbers_of_the_datapath_become_words() {
        let line = line("1 2000 1 6 ::ffff:192.0.2.7 4000 ::ffff:198.51.100.1 80 18 2 3 2");
        let expected = Line {
            at_unix_us: 7,
            direction: "from_client".into(),
            protocol: "TCP".into(),
            source: "192.0.2.7:4000".into(),
            destination: "198.51.100.1:80".into(),
            flags: vec!["SYN".into(), "ACK".into()],
            reason: "forwarded".into(),
            pool: Some("pool".into()),
            member: Some("one".into()),
            why: Some("session".into()),
            display_names: Titles::default(),
        };
        assert_eq!(line, expected);
    }

    #[test]
    fn a_packet_without_ports_has_addresses_alone() {
        let line = line("1 2000 2 58 2001:db8::7 0 2001:db8::1 0 0 1 0 0");
        assert_eq!(
            (
                line.protocol.as_str(),
                line.source.as_str(),
                line.destination.as_str()
            ),
            ("ICMPv6", "2001:db8::7", "2001:db8::1")
        );
        assert_eq!((line.why, line.flags.len()), (None, 0));
    }

    #[test]
    fn what_is_no_line_is_not_taken_for_one() {
        for text in [
            "",
            "1 2",
            "x 2000 2 58 ::1 0 ::2 0 0 1 0 0",
            "1 2000 9 6 ::1 0 ::2 0 0 1 0 0",
        ] {
            assert_eq!(Raw::read(text), None, "{text}");
        }
        let long = "1 2000 2 58 ::1 0 ::2 0 0 1 0 0 5";
        assert_eq!(Raw::read(long), None);
    }
}
