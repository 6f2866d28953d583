//! HTTP/2, several requests at once: as much of RFC 9113 and RFC 7541 as a client needs that always asks the same.
//!
//! Not by a library: that would cost the load more than the proxy, and the load would measure itself.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use super::Held;
use crate::page::{FIELDS, HOST, MEMBERS, Page, cookies};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;
/// What is asked of a peer by default, and so what all keep to.
const LONGEST_FRAME: usize = 16 << 10;
/// The windows of Firefox and Chrome are of this order: no answer ever waits for one.
const WINDOW: u32 = 8 << 20;

mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW_UPDATE: u8 = 8;
}

mod flag {
    pub(super) const ACK: u8 = 1;
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;
    pub(super) const PADDED: u8 = 8;
    pub(super) const PRIORITY: u8 = 0x20;
}

mod setting {
    pub(super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(super) const ENABLE_PUSH: u16 = 2;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
}

/// In the static table of HPACK: `:status: 200`.
const STATUS_200: u8 = 0x88;
/// The first entry behind the static table: the latest.
const FIRST_DYNAMIC: usize = 62;

#[derive(Debug)]
pub(crate) struct Http2 {
    /// The fields of the first request, which the proxy shall remember, and of all later ones, which name them.
    first: Vec<u8>,
    later: Vec<u8>,
    body: &'static [u8],
    member: usize,
    next_stream: u32,
    streams: Vec<Stream>,
    /// Received, and not yet given back to the window of the connection.
    unreturned: u32,
}

#[derive(Debug)]
struct Stream {
    id: u32,
    since: Instant,
    /// Of the body; `None` before the head has come.
    got: Option<usize>,
}

impl Http2 {
    pub(super) fn new(page: Page, held: &Held) -> Self {
        let cookie = cookies(&held.cookie);
        let remembered: Vec<(&str, &str)> = FIELDS.into_iter().chain([("cookie", cookie.as_str())]).collect();
        // `:method: GET`, `:scheme: https`, and a path, which seldom comes twice and so is not remembered.
        let mut start = vec![0x82, 0x87, 0x04];
        string(page.path(), &mut start);
        let (mut first, mut later) = (start.clone(), start);
        // `:authority`, remembered, by its name in the static table.
        first.push(0x41);
        string(HOST, &mut first);
        for (name, value) in &remembered {
            first.push(0x40);
            string(&name.to_ascii_lowercase(), &mut first);
            string(value, &mut first);
        }
        // The first that was remembered has the highest number by now.
        let entries = FIRST_DYNAMIC..=FIRST_DYNAMIC + remembered.len();
        later.extend(entries.rev().map(|index| 0x80 | index as u8));
        Self {
            first,
            later,
            body: page.body(held.member),
            member: held.member,
            next_stream: 1,
            streams: Vec::new(),
            unreturned: 0,
        }
    }

    pub(super) fn open(&mut self, out: &mut Vec<u8>) {
        (self.next_stream, self.unreturned) = (1, 0);
        self.streams.clear();
        out.extend_from_slice(PREFACE);
        let mut settings = Vec::new();
        for (name, value) in [(setting::ENABLE_PUSH, 0), (setting::INITIAL_WINDOW_SIZE, WINDOW)] {
            settings.extend(name.to_be_bytes());
            settings.extend(value.to_be_bytes());
        }
        frame(kind::SETTINGS, 0, 0, &settings, out);
        frame(kind::WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes(), out);
    }

    pub(super) fn ask(&mut self, since: Instant, out: &mut Vec<u8>) -> Result<()> {
        let id = self.next_stream;
        ensure!(id < 1 << 31, "a connection has no more streams");
        let fields = if id == 1 { &self.first } else { &self.later };
        frame(
            kind::HEADERS,
            flag::END_STREAM | flag::END_HEADERS,
            id,
            fields,
            out,
        );
        self.next_stream += 2;
        self.streams.push(Stream { id, since, got: None });
        Ok(())
    }

    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        answered: &mut Vec<Instant>,
    ) -> Result<usize> {
        let mut used = 0;
        while let Some((head, rest)) = bytes[used..].split_at_checked(HEAD) {
            let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            let length = (word(0) >> 8) as usize;
            ensure!(length <= LONGEST_FRAME, "a frame is longer than was agreed");
            let Some(payload) = rest.get(..length) else {
                break;
            };
            let stream = word(5) & (u32::MAX >> 1);
            self.frame(head[3], head[4], stream, payload, out, answered)?;
            used += HEAD + length;
        }
        Ok(used)
    }

    fn frame(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
        out: &mut Vec<u8>,
        answered: &mut Vec<Instant>,
    ) -> Result<()> {
        match kind {
            kind::DATA => self.data(flags, stream, payload, out, answered),
            kind::HEADERS => self.headers(flags, stream, payload),
            kind::SETTINGS if flags & flag::ACK == 0 => {
                check_settings(payload)?;
                frame(kind::SETTINGS, flag::ACK, 0, &[], out);
                Ok(())
            }
            kind::PING if flags & flag::ACK == 0 => {
                frame(kind::PING, flag::ACK, 0, payload, out);
                Ok(())
            }
            kind::RST_STREAM => bail!("a request was refused: {payload:?}"),
            kind::GOAWAY => bail!("the connection is given up: {payload:?}"),
            _ => Ok(()),
        }
    }

    fn headers(&mut self, flags: u8, id: u32, payload: &[u8]) -> Result<()> {
        ensure!(flags & flag::END_HEADERS != 0, "the head comes in several frames");
        ensure!(flags & flag::END_STREAM == 0, "there is no body");
        let mut fields = payload;
        if flags & flag::PADDED != 0 {
            fields = fields.get(1..).context("a frame is too short")?;
        }
        if flags & flag::PRIORITY != 0 {
            fields = fields.get(5..).context("a frame is too short")?;
        }
        // Before the first field may stand how large the table is to be.
        while let [0x20..=0x3f, rest @ ..] = fields {
            let is_long = fields[0] == 0x3f;
            let more = rest.iter().take_while(|byte| is_long && **byte >= 0x80).count();
            fields = rest.get(more + usize::from(is_long)..).unwrap_or_default();
        }
        ensure!(fields.first() == Some(&STATUS_200), "the status is not 200");
        let stream = self.stream(id)?;
        ensure!(stream.got.is_none(), "there are trailers");
        stream.got = Some(0);
        Ok(())
    }

    fn data(
        &mut self,
        flags: u8,
        id: u32,
        payload: &[u8],
        out: &mut Vec<u8>,
        answered: &mut Vec<Instant>,
    ) -> Result<()> {
        ensure!(flags & flag::PADDED == 0, "a body is padded");
        self.unreturned += payload.len() as u32;
        if self.unreturned > WINDOW / 2 {
            frame(kind::WINDOW_UPDATE, 0, 0, &self.unreturned.to_be_bytes(), out);
            self.unreturned = 0;
        }
        let (body, member) = (self.body, self.member);
        let stream = self.stream(id)?;
        let got = stream.got.context("the body comes before the head")?;
        // The body tells which member answers, and so whether it is the one that the cookie holds.
        ensure!(
            body.get(got..got + payload.len()) == Some(payload),
            "the body is not that of {}",
            MEMBERS[member]
        );
        stream.got = Some(got + payload.len());
        if flags & flag::END_STREAM != 0 {
            ensure!(stream.got == Some(body.len()), "the body is too short");
            answered.push(stream.since);
            self.streams.retain(|stream| stream.id != id);
        }
        Ok(())
    }

    fn stream(&mut self, id: u32) -> Result<&mut Stream> {
        let stream = self.streams.iter_mut().find(|stream| stream.id == id);
        stream.context("an answer to no request")
    }
}

/// The table in which the proxy remembers fields must be of the size that is assumed until it says another.
fn check_settings(payload: &[u8]) -> Result<()> {
    for setting in payload.chunks_exact(6) {
        let name = u16::from_be_bytes([setting[0], setting[1]]);
        let value = u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
        ensure!(
            name != setting::HEADER_TABLE_SIZE || value >= 4096,
            "it remembers {value} bytes of fields only"
        );
    }
    Ok(())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// A string of HPACK, not compressed.
fn string(text: &str, out: &mut Vec<u8>) {
    let length = text.len();
    if length < 127 {
        out.push(length as u8);
    } else {
        debug_assert!(
            length < 127 + 128,
            "one more byte is enough for all that is said here"
        );
        out.extend([127, (length - 127) as u8]);
    }
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A talk with two requests under way.
    fn asked() -> Http2 {
        let held = Held {
            cookie: "SRV=m2".to_owned(),
            member: 1,
        };
        let (mut talk, mut out) = (Http2::new(Page::Small, &held), Vec::new());
        talk.open(&mut out);
        for _ in 0..2 {
            talk.ask(Instant::now(), &mut out).unwrap();
        }
        talk
    }

    fn answer(stream: u32, fields: &[u8], body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame(kind::HEADERS, flag::END_HEADERS, stream, fields, &mut bytes);
        let (first, second) = body.split_at(body.len() / 2);
        frame(kind::DATA, 0, stream, first, &mut bytes);
        frame(kind::DATA, flag::END_STREAM, stream, second, &mut bytes);
        bytes
    }

    fn take(bytes: &[u8]) -> Result<usize> {
        let mut answered = Vec::new();
        asked().take(bytes, &mut Vec::new(), &mut answered)?;
        Ok(answered.len())
    }

    #[test]
    fn answers_may_come_in_any_order_and_in_pieces() {
        let body = Page::Small.body(1);
        // The second says first how large its table is: by one byte, and by three.
        let later = [0x20, 0x3f, 0xe1, 0x1f, STATUS_200];
        let bytes = [answer(3, &later, body), answer(1, &[STATUS_200], body)].concat();
        assert_eq!(take(&bytes).unwrap(), 2);
        let (mut talk, mut answered) = (asked(), Vec::new());
        let used = talk.take(&bytes[..700], &mut Vec::new(), &mut answered).unwrap();
        talk.take(&bytes[used..], &mut Vec::new(), &mut answered).unwrap();
        assert_eq!(answered.len(), 2);
    }

    #[test]
    fn the_wrong_member_the_wrong_status_and_the_wrong_stream_are_no_answers() {
        let body = Page::Small.body(1);
        assert!(take(&answer(1, &[STATUS_200], Page::Small.body(0))).is_err());
        assert!(take(&answer(1, &[STATUS_200], &body[..9])).is_err());
        assert!(take(&answer(1, &[0x8d], body)).is_err());
        assert!(take(&answer(5, &[STATUS_200], body)).is_err());
    }

    #[test]
    fn later_requests_name_the_fields_of_the_first() {
        let talk = asked();
        assert!(talk.first.len() > 300 && talk.later.len() < 50);
        // Host, the fields of all requests, and the cookie: the last of them is the latest entry.
        let entries = FIELDS.len() + 2;
        let named = &talk.later[talk.later.len() - entries..];
        assert_eq!(named.last(), Some(&0xbe));
        assert_eq!(usize::from(named[0] & 0x7f), FIRST_DYNAMIC + entries - 1);
    }
}
