//! What a line of the access log says.

use std::{io::Write as _, net::IpAddr, time::SystemTime};

use serde::Serialize;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{Notes, Trail};
use crate::{
    http::{
        fields::Name,
        head::{Head, Version},
    },
    persistence::Refused,
    proxy::{fault::Fault, persist::Why, serving::Listener, times::Times},
    views::Titles,
};

/// A request that is over.
pub(in crate::proxy) struct Entry<'e> {
    pub(in crate::proxy) listener: &'e Listener,
    pub(in crate::proxy) client: IpAddr,
    pub(in crate::proxy) head: &'e Head,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub(in crate::proxy) version: &'static str,
    /// Of TLS, as `1.3`.
    pub(in crate::proxy) tls: Option<&'static str>,
    pub(in crate::proxy) request_id: &'e str,
    pub(in crate::proxy) trail: &'e Trail,
    pub(in crate::proxy) times: &'e Times,
    pub(in crate::proxy) fault: Option<&'e Fault>,
}

#[derive(Serialize)]
struct Json<'l> {
    time: String,
    request_id: &'l str,
    listener: &'l str,
    client: IpAddr,
    method: &'l str,
    host: &'l str,
    target: &'l str,
    version: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'l str>,
    status: u16,
    received_bytes: u64,
    sent_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookie_refused: Option<&'l str>,
    tries: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_us: Option<u64>,
    total_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// What people call listener, pool and member.
    #[serde(skip_serializing_if = "Titles::is_empty")]
    display_names: &'l Titles,
}

impl Entry<'_> {
    /// Whether it is noted in any case.
    pub(super) fn has_failed(&self) -> bool {
        self.fault.is_some() || self.trail.notes.borrow().status >= 500
    }

    /// What people call listener, pool and member, where these have other names than their keys.
    pub(super) fn display_names(&self) -> Titles {
        let mut names = Titles::default();
        names.note(self.listener);
        if let Some((pool, member)) = &self.trail.notes.borrow().member {
            pool.note_titles(member, &mut names);
        }
        names
    }

    /// A JSON object, with these names beside what is in it.
    pub(super) fn write_json(&self, display_names: &Titles, out: &mut Vec<u8>) {
        let notes = self.trail.notes.borrow();
        let text = |bytes| String::from_utf8_lossy(bytes);
        let (method, target) = (text(self.head.method()), text(self.head.target()));
        let host = text(self.head.values(Name::Host).next().unwrap_or_default());
        let member = notes.member.as_ref();
        let json = Json {
            time: written(SystemTime::now(), RFC3339),
            request_id: self.request_id,
            listener: &self.listener.name,
            client: self.client,
            method: &method,
            host: &host,
            target: &target,
            version: self.version,
            tls: self.tls,
            status: notes.status,
            received_bytes: notes.received_bytes,
            sent_bytes: notes.sent_bytes,
            pool: member.map(|(pool, _)| pool.name.as_str()),
            member: member.map(|(_, member)| member.name.as_str()),
            session: notes.session(),
            cookie_refused: notes.cookie_refused.map(Refused::word),
            tries: notes.tries,
            connect_us: notes.connected.map(|moment| self.times.us_until(moment)),
            // A status is there as soon as a response is.
            response_us: (notes.status != 0).then(|| self.times.responded_us()),
            total_us: self.times.whole_us(),
            fault: self.fault.map(ToString::to_string),
            display_names,
        };
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut *out, &json);
        out.push(b'\n');
    }

    /// As web servers have it: `client - - [time] "request" status bytes`, then listener, pool, member, session, version of TLS,
    /// microseconds taken and id; `-` for what there is not.
    pub(super) fn write_common(&self, out: &mut Vec<u8>) {
        let notes = self.trail.notes.borrow();
        // Writing to memory does not fail.
        let _ = write!(
            out,
            "{} - - [{}] \"",
            self.client,
            written(SystemTime::now(), COMMON)
        );
        escape(self.head.method(), out);
        out.push(b' ');
        escape(self.head.target(), out);
        let member = notes.member.as_ref();
        let (pool, member) = member.map_or(("-", "-"), |(pool, member)| (&pool.name, &member.name));
        let _ = writeln!(
            out,
            " {}\" {} {} {} {} {} {} {} {} {}",
            self.version,
            notes.status,
            notes.sent_bytes,
            self.listener.name.escape_default(),
            pool.escape_default(),
            member.escape_default(),
            notes.session().unwrap_or("-"),
            self.tls.unwrap_or("-"),
            self.times.whole_us(),
            self.request_id,
        );
    }
}

impl Notes {
    /// What became of the session, where the pool has any.
    fn session(&self) -> Option<&'static str> {
        let (pool, _) = self.member.as_ref()?;
        pool.persist.as_ref()?;
        Some(match self.why? {
            Why::Held => "held",
            Why::Moved => "moved",
            Why::New => "new",
        })
    }
}

/// What could end the quotes or the line is written as a code.
fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' {
            out.push(byte);
        } else {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// As in `2026-11-25T23:21:38.000Z`.
const RFC3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
/// As in `25/Nov/2026:23:21:38 +0000`.
const COMMON: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

fn written(time: SystemTime, format: &[BorrowedFormatItem<'_>]) -> String {
    // A time that cannot be written is none that a clock says.
    OffsetDateTime::from(time).format(format).unwrap_or_default()
}

/// What a version is called.
pub(in crate::proxy) fn version(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_795_648_898_007);
        assert_eq!(written(time, RFC3339), "2026-11-25T23:21:38.007Z");
        assert_eq!(written(time, COMMON), "25/Nov/2026:23:21:38 +0000");
    }

    #[test]
    fn nothing_of_a_request_ends_a_line() {
        let mut out = Vec::new();
        escape(b"/a\"b\\c\r\nd\x80", &mut out);
        assert_eq!(out, b"/a\\x22b\\x5cc\\x0d\\x0ad\\x80");
    }
}
