//! Heads of HTTP/1 as they go out.

use std::{borrow::Cow, io::Write as _, sync::Arc};

use super::{admit::Admitted, asker::Asker};
use crate::{
    http::{
        fields::{Field, Name},
        forwarded,
        framing::Framing,
        head::{Head, Version},
        upgrade,
    },
    model::ClientIdentity,
};

/// What a member gets beside what the client sent.
pub(super) struct ToMember<'e> {
    pub(super) asker: &'e Asker,
    pub(super) identity: &'e Arc<ClientIdentity>,
    /// The value of the `Cookie` field in place of what came, where that is another; empty: no field.
    pub(super) cookie: Option<&'e [u8]>,
    /// What it is told apart by, where the client has not said.
    pub(super) request_id: Option<&'e str>,
}

/// Path and query as a member of HTTP/1.1 or HTTP/2 wants them.
pub(super) fn path<'h>(head: &'h Head, admitted: &Admitted) -> Cow<'h, [u8]> {
    match admitted.path.of(&head.bytes) {
        path @ ([b'/', ..] | b"*") => Cow::Borrowed(path),
        // RFC 9112, section 3.2.4.
        b"" if head.method() == b"OPTIONS" => Cow::Borrowed(b"*"),
        // Of `http://host?query` the path is empty (RFC 9112, section 3.2.1).
        path => Cow::Owned([b"/", path].concat()),
    }
}

/// Writes the head of a request to a member that speaks HTTP/1.1.
pub(super) fn request(head: &Head, admitted: &Admitted, edits: &ToMember<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(head.method());
    out.push(b' ');
    out.extend_from_slice(&path(head, admitted));
    out.extend_from_slice(b" HTTP/1.1\r\n");
    fields_to_member(head, admitted, edits, out);
    if admitted.framing == Framing::Chunked {
        line(out, b"Transfer-Encoding", b"chunked");
    }
    if admitted.is_upgrade {
        write_upgrade(upgrade::protocols(head), out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the fields of a request that are of the message, as lines.
pub(super) fn fields_to_member(head: &Head, admitted: &Admitted, edits: &ToMember<'_>, out: &mut Vec<u8>) {
    let is_kept = |field: &Field| match field.name {
        Name::XForwardedFor
        | Name::XForwardedProto
        | Name::XForwardedPort
        | Name::XForwardedHost
        | Name::Forwarded
        | Name::Via => false,
        Name::XRequestId => edits.request_id.is_none(),
        Name::Host => admitted.authority.is_none() && !field.value.of(&head.bytes).is_empty(),
        Name::Cookie => edits.cookie.is_none(),
        Name::Other => !forwarded::Field::is_imitated_by(field.label.of(&head.bytes)),
        _ => true,
    };
    fields(head, is_kept, out);
    if let Some(authority) = admitted.authority {
        line(out, b"Host", authority.of(&head.bytes));
    } else if head.values(Name::Host).next().is_none_or(<[u8]>::is_empty) {
        // Of HTTP/1.0. Members are spoken to in a version that wants one.
        line(out, b"Host", edits.asker.reached().to_string().as_bytes());
    }
    if let Some(cookie) = edits.cookie
        && !cookie.is_empty()
    {
        line(out, b"Cookie", cookie);
    }
    edits.asker.tell(edits.identity, head, admitted, out);
    if let Some(id) = edits.request_id {
        line(out, b"X-Request-Id", id.as_bytes());
    }
}

/// What the client's connection wants of a response.
pub(super) struct ToClient<'e> {
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    /// How the body goes out.
    pub(super) framing: Framing,
    /// Whole lines of further fields.
    pub(super) further: &'e [u8],
}

/// Writes the head of a response to a client that speaks HTTP/1.
pub(super) fn response(head: &Head, edits: &ToClient<'_>, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(out, "HTTP/1.1 {} ", head.status);
    out.extend_from_slice(head.method());
    out.extend_from_slice(b"\r\n");
    // RFC 9112, section 6.2: never beside `Transfer-Encoding`.
    let has_no_length = head.status < 200 || head.status == 204 || edits.framing == Framing::Chunked;
    fields(
        head,
        |field| field.name != Name::ContentLength || !has_no_length,
        out,
    );
    out.extend_from_slice(edits.further);
    // RFC 9110, section 15.5.22: a 426 says what its client is to go over to.
    if matches!(head.status, 101 | 426) {
        write_upgrade(head.values(Name::Upgrade), out);
    }
    if head.status >= 200 {
        if edits.framing == Framing::Chunked {
            line(out, b"Transfer-Encoding", b"chunked");
        }
        match (edits.version, edits.keep_alive) {
            (Version::Http11, true) | (Version::Http10, false) => {}
            (Version::Http11, false) => line(out, b"Connection", b"close"),
            (Version::Http10, true) => line(out, b"Connection", b"keep-alive"),
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn write_upgrade<'p>(protocols: impl Iterator<Item = &'p [u8]>, out: &mut Vec<u8>) {
    line(out, b"Connection", b"upgrade");
    for protocol in protocols {
        line(out, b"Upgrade", protocol);
    }
}

/// Copies the fields that are end to end and to be kept, runs of them at once.
fn fields(head: &Head, is_kept: impl Fn(&Field) -> bool, out: &mut Vec<u8>) {
    let mut run = None;
    for field in head.end_to_end() {
        if is_kept(field) {
            run = match run {
                Some((start, end)) if end == field.label.start => Some((start, field.end)),
                Some((start, end)) => {
                    out.extend_from_slice(&head.bytes[start as usize..end as usize]);
                    Some((field.label.start, field.end))
                }
                None => Some((field.label.start, field.end)),
            };
        }
    }
    if let Some((start, end)) = run {
        out.extend_from_slice(&head.bytes[start as usize..end as usize]);
    }
}

/// Writes a field.
pub(super) fn line(out: &mut Vec<u8>, label: &[u8], value: &[u8]) {
    out.extend_from_slice(label);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
