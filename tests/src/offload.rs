//! What `ethtool -K DEVICE ... on|off` does, over generic netlink: so the laboratory needs no `ethtool`, and no unsafe ioctl.

use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

/// The checksum offload of a veth. While it is on, packets leave with half a checksum, which XDP cannot rewrite.
pub(crate) const TX_CHECKSUM: &str = "tx-checksum-ip-generic";
/// The merging of packets on receipt. A veth takes what XDP sends into its pair only while it is on.
pub(crate) const GRO: &str = "rx-gro";

// From linux/netlink.h, linux/genetlink.h and linux/ethtool_netlink.h.
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLA_F_NESTED: u16 = 1 << 15;
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const ETHTOOL_MSG_FEATURES_SET: u8 = 12;
const ETHTOOL_A_FEATURES_HEADER: u16 = 1;
const ETHTOOL_A_FEATURES_WANTED: u16 = 3;
const ETHTOOL_A_HEADER_DEV_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BITS: u16 = 3;
const ETHTOOL_A_BITSET_BITS_BIT: u16 = 1;
const ETHTOOL_A_BITSET_BIT_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BIT_VALUE: u16 = 3;

const NETLINK_HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;

/// What becomes of a feature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Switch {
    On,
    Off,
}

/// Switches a feature of a device on or off, in the namespace of the calling thread.
pub(crate) fn switch(device: &str, feature: &str, to: Switch) -> Result<()> {
    let ethtool = Ethtool::open().context("cannot reach the kernel's ethtool over netlink")?;
    // A bit that is listed without a value is to be cleared; those that are not listed stay.
    let mut bit = text(ETHTOOL_A_BITSET_BIT_NAME, feature);
    if to == Switch::On {
        bit.extend(attribute(ETHTOOL_A_BITSET_BIT_VALUE, &[]));
    }
    let bits = attribute(ETHTOOL_A_BITSET_BITS_BIT | NLA_F_NESTED, &bit);
    let bits = attribute(ETHTOOL_A_BITSET_BITS | NLA_F_NESTED, &bits);
    let header = text(ETHTOOL_A_HEADER_DEV_NAME, device);
    let mut payload = attribute(ETHTOOL_A_FEATURES_HEADER | NLA_F_NESTED, &header);
    payload.extend(attribute(ETHTOOL_A_FEATURES_WANTED | NLA_F_NESTED, &bits));
    let answers = ethtool
        .netlink
        .request(ethtool.family, ETHTOOL_MSG_FEATURES_SET, &payload)
        .with_context(|| format!("cannot switch {feature} of {device} {to:?}"))?;
    // The answer names what was wanted and is not so.
    let refused = |answer: &Vec<u8>| {
        let wanted = find(answer, ETHTOOL_A_FEATURES_WANTED)?;
        find(wanted, ETHTOOL_A_BITSET_BITS)
            .filter(|bits| !bits.is_empty())
            .map(drop)
    };
    if answers.iter().find_map(refused).is_some() {
        bail!("{device} does not let its {feature} be switched {to:?}");
    }
    Ok(())
}

struct Ethtool {
    netlink: Netlink,
    family: u16,
}

impl Ethtool {
    fn open() -> Result<Self> {
        let netlink = Netlink::open()?;
        let name = text(CTRL_ATTR_FAMILY_NAME, "ethtool");
        let answers = netlink.request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, &name)?;
        let id = answers
            .iter()
            .find_map(|answer| find(answer, CTRL_ATTR_FAMILY_ID));
        let family = id.and_then(|id| id.first_chunk()).context("no ethtool family")?;
        Ok(Self {
            netlink,
            family: u16::from_ne_bytes(*family),
        })
    }
}

struct Netlink(OwnedFd);

impl Netlink {
    fn open() -> Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let protocol = SockProtocol::NetlinkGeneric;
        Ok(Self(socket(
            AddressFamily::Netlink,
            SockType::Raw,
            flags,
            protocol,
        )?))
    }

    /// Sends one request; returns the attributes of each answer that comes before the acknowledgement.
    fn request(&self, family: u16, command: u8, attributes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let length = u32::try_from(NETLINK_HEADER + GENERIC_HEADER + attributes.len())?;
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(family.to_ne_bytes());
        message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
        message.extend([0; 8]); // sequence and port: one request at a time, to the kernel
        message.extend([command, 1, 0, 0]);
        message.extend(attributes);
        send(self.0.as_raw_fd(), &message, MsgFlags::empty())?;

        let mut answers = Vec::new();
        loop {
            let mut buffer = vec![0; 1 << 16];
            let length = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            let mut rest = &buffer[..length];
            while let Some((kind, body, next)) = split_message(rest) {
                rest = next;
                if kind != NLMSG_ERROR {
                    answers.push(body.get(GENERIC_HEADER..).unwrap_or_default().to_vec());
                    continue;
                }
                let code = body.first_chunk().context("a truncated acknowledgement")?;
                return match i32::from_ne_bytes(*code) {
                    0 => Ok(answers),
                    code => Err(Errno::from_raw(-code).into()),
                };
            }
        }
    }
}

fn split_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let next = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, bytes.get(NETLINK_HEADER..length)?, next))
}

fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = (4 + payload.len()) as u16;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, &[value.as_bytes(), &[0]].concat())
}

fn find(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(*attributes.first_chunk()?));
        let kind = u16::from_ne_bytes(*attributes.get(2..)?.first_chunk()?) & !NLA_F_NESTED;
        let payload = attributes.get(4..length)?;
        if kind == wanted {
            return Some(payload);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_found_again() {
        let bytes = [
            text(2, "ethtool"),
            text(7, "x"),
            attribute(1, &21_u16.to_ne_bytes()),
        ]
        .concat();
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(find(&bytes, 7), Some(&b"x\0"[..]));
        assert_eq!(find(&bytes, 1), Some(&21_u16.to_ne_bytes()[..]));
        assert_eq!(find(&bytes, 9), None);
        assert_eq!(find(&bytes[..5], 9), None);
    }
}
