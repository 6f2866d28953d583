//! The kinds of values there are in a configuration, each with its rule.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::de::DeValue;

use super::diagnostic::Reported;
use super::reader::{At, Entry};
use super::suggest::closest;
use crate::model::{LONGEST_NAME, PortRange, Word, bounded, why_not_unicast};

/// `true` or `false`.
pub(super) fn boolean(entry: &Entry<'_, '_>) -> Result<bool, Reported> {
    entry
        .value
        .as_bool()
        .ok_or_else(|| entry.expected("true or false"))
}

/// An integer in `range`.
pub(super) fn integer<T>(range: RangeInclusive<T>) -> impl Fn(&Entry<'_, '_>) -> Result<T, Reported>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    move |entry| {
        let DeValue::Integer(given) = entry.value else {
            return Err(entry.expected("an integer"));
        };
        let value = i64::from_str_radix(given.as_str(), given.radix()).ok();
        let value = value.and_then(|value| T::try_from(value).ok());
        value.filter(|value| range.contains(value)).ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            entry.wrong(format!(
                "is out of range; {}'s {} is {low} to {high}",
                entry.scope.owner, entry.key
            ))
        })
    }
}

/// A string that `rule` makes something of; its complaint reads "is ...; write ...".
pub(super) fn string<T>(
    rule: impl Fn(&str) -> Result<T, String>,
) -> impl Fn(&Entry<'_, '_>) -> Result<T, Reported> {
    move |entry| {
        let text = entry.value.as_str().ok_or_else(|| entry.expected("a string"))?;
        rule(text).map_err(|complaint| entry.wrong(complaint))
    }
}

/// A string of 1 to `most` bytes.
pub(super) fn text(most: usize) -> impl Fn(&Entry<'_, '_>) -> Result<String, Reported> {
    string(move |text| bounded(text, most).map(Into::into))
}

/// What an object is called.
pub(super) fn name(entry: &Entry<'_, '_>) -> Result<String, Reported> {
    string(|text| {
        let text = bounded(text, LONGEST_NAME)?;
        if text.trim() != text {
            return Err("begins or ends with a space; leave the space out".into());
        }
        if text.contains(char::is_control) {
            return Err("has a control character; leave it out".into());
        }
        Ok(text.to_owned())
    })(entry)
}

/// One word out of a closed set.
pub(super) fn word<T: Word>(entry: &Entry<'_, '_>) -> Result<T, Reported> {
    word_or(&[])(entry)
}

/// One word out of a closed set, or one of `others` that means the same.
pub(super) fn word_or<T: Word>(others: &[(&str, T)]) -> impl Fn(&Entry<'_, '_>) -> Result<T, Reported> {
    string(|text| {
        let other = || {
            others
                .iter()
                .find(|(other, _)| *other == text)
                .map(|(_, value)| *value)
        };
        T::from_word(text).or_else(other).ok_or_else(|| {
            let words: Vec<_> = T::ALL.iter().map(|value| value.word()).collect();
            let hint = closest(text, words.iter().copied()).map(|word| format!("; did you mean {word:?}?"));
            format!("is not one of {}{}", words.join(", "), hint.unwrap_or_default())
        })
    })
}

/// A path from the root, of at most `most` bytes.
pub(super) fn absolute_path(most: usize) -> impl Fn(&Entry<'_, '_>) -> Result<PathBuf, Reported> {
    string(move |text| match bounded(text, most)? {
        text if text.contains('\0') => Err("has a NUL character, which no path can have".into()),
        text if text.starts_with('/') => Ok(text.into()),
        _ => Err("is not an absolute path; begin it with \"/\"".into()),
    })
}

/// The address of one machine, as others see it.
pub(super) fn address(entry: &Entry<'_, '_>) -> Result<IpAddr, Reported> {
    string(|text| host(text).and_then(no_loopback))(entry)
}

/// The address of one machine; one of its loopback interface too, which is for what the proxy serves.
pub(super) fn host_address(entry: &Entry<'_, '_>) -> Result<IpAddr, Reported> {
    string(host)(entry)
}

fn host(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| not_an_address(text)).and_then(unicast)
}

fn no_loopback(address: IpAddr) -> Result<IpAddr, String> {
    if address.is_loopback() {
        Err(format!("is {LOOPBACK}; write the unicast address of one machine"))
    } else {
        Ok(address)
    }
}

/// What such an address is.
pub(super) const LOOPBACK: &str = "a loopback address, which is inside each machine";

fn not_an_address(text: &str) -> String {
    let port = text.parse::<std::net::SocketAddr>().ok().map(|both| both.ip());
    let prefix = text
        .split_once('/')
        .and_then(|(address, _)| address.parse::<IpAddr>().ok());
    let zone = text
        .split_once('%')
        .and_then(|(address, _)| address.parse::<IpAddr>().ok());
    match (port, prefix, zone) {
        (Some(address), _, _) => format!("has a port; write the address alone, \"{address}\""),
        (_, Some(address), _) => format!("has a prefix length; write the address alone, \"{address}\""),
        (_, _, Some(address)) => format!("has a zone; write the address alone, \"{address}\""),
        _ => {
            "is not an IP address; write for example \"192.0.2.10\" or \"2001:db8::10\", since names are not \
              resolved"
                .into()
        }
    }
}

fn unicast(address: IpAddr) -> Result<IpAddr, String> {
    let mapped = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    };
    if let Some(v4) = mapped {
        return Err(format!(
            "is an IPv4 address mapped into IPv6; write the IPv4 address, \"{v4}\""
        ));
    }
    match why_not_unicast(address) {
        None => Ok(address),
        Some(kind) => Err(format!("is {kind}; write the unicast address of one machine")),
    }
}

/// `[low, high]`.
pub(super) fn port_range(entry: &Entry<'_, '_>) -> Result<PortRange, Reported> {
    let ports = list(2, integer(1024..=u16::MAX))(entry)?;
    match ports[..] {
        [At { value: low, .. }, At { value: high, .. }] if low <= high => Ok(PortRange { low, high }),
        [At { value: low, .. }, At { value: high, .. }] => Err(entry.scope.error(
            entry.span,
            format!("{} are the wrong way round; write [{high}, {low}]", entry.key),
        )),
        _ => Err(entry.expected("two ports, as in [10000, 32767]")),
    }
}

/// An array of at most `most` values, each with its own place.
pub(super) fn list<'r, T>(
    most: usize,
    read: impl Fn(&Entry<'_, 'r>) -> Result<T, Reported>,
) -> impl Fn(&Entry<'_, 'r>) -> Result<Vec<At<T>>, Reported> {
    move |entry| {
        let elements = entry.value.as_array().ok_or_else(|| entry.expected("an array"))?;
        if elements.len() > most {
            let message = format!(
                "{} has {} values; at most {most} are allowed",
                entry.key,
                elements.len()
            );
            return Err(entry.scope.error(entry.span, message));
        }
        let read = |element: &toml::Spanned<DeValue<'_>>| {
            let span = element.span().into();
            let value = read(&Entry {
                key: entry.key,
                value: element.get_ref(),
                span,
                scope: entry.scope,
            })?;
            Ok(At { value, span })
        };
        // All are read before the first mistake counts, so that each is reported.
        elements
            .iter()
            .map(read)
            .collect::<Vec<_>>()
            .into_iter()
            .collect()
    }
}
