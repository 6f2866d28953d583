//! Streams of HTTP/2 (RFC 9113, section 5), towards clients and members alike: bodies, and fields.

mod member;

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    body::{Broken, Sink, Source},
    exchange::RequestBody,
};
use crate::http::{fields::Name, head::Head};
pub(super) use member::FromMember;

/// The largest piece of a body in one frame.
pub(super) const LARGEST_FRAME: u32 = 16 * 1024;

/// A body that comes in over a stream.
pub(super) struct FromStream {
    stream: Option<RecvStream>,
    data: Bytes,
    trailers: Vec<u8>,
    was_touched: bool,
}

impl FromStream {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self {
            stream: Some(stream),
            ..Self::nothing()
        }
    }

    /// A body that there is not.
    pub(super) fn nothing() -> Self {
        Self {
            stream: None,
            data: Bytes::new(),
            trailers: Vec::new(),
            was_touched: false,
        }
    }
}

impl Source for FromStream {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Broken>> {
        while self.data.is_empty() {
            let Some(stream) = &mut self.stream else {
                return Poll::Ready(Ok(false));
            };
            if let Some(data) = ready!(stream.poll_data(context)) {
                self.data = data?;
                continue;
            }
            if let Some(trailers) = ready!(stream.poll_trailers(context))? {
                self.trailers = lines(&trailers);
            }
            return Poll::Ready(Ok(false));
        }
        Poll::Ready(Ok(true))
    }

    fn data(&self) -> &[u8] {
        &self.data
    }

    fn consume(&mut self, count: usize) {
        self.was_touched = true;
        drop(self.data.split_to(count.min(self.data.len())));
        if let Some(stream) = &mut self.stream {
            // A stream that has ended has no window.
            let _ = stream.flow_control().release_capacity(count);
        }
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    fn is_gone(&mut self, _context: &mut Context<'_>) -> bool {
        // That, the other direction tells.
        false
    }
}

impl RequestBody for FromStream {
    fn upgrade(&mut self) {}

    fn was_touched(&self) -> bool {
        self.was_touched
    }
}

/// A body that goes out over a stream.
pub(super) struct StreamSink {
    stream: SendStream<Bytes>,
    /// How much of it is to come, where that is known.
    rest: Option<u64>,
    /// The last piece, until it is known whether trailers follow: if not, the stream ends with it.
    last: Option<Bytes>,
}

impl StreamSink {
    pub(super) fn new(stream: SendStream<Bytes>, rest: Option<u64>) -> Self {
        Self {
            stream,
            rest,
            last: None,
        }
    }

    /// Breaks it off.
    pub(super) fn reset(&mut self) {
        self.stream.send_reset(Reason::INTERNAL_ERROR);
    }

    /// Whether the other side does not want it any more; otherwise the task is woken when it says so.
    pub(super) fn is_reset(&mut self, context: &mut Context<'_>) -> bool {
        self.stream.poll_reset(context).is_ready()
    }
}

impl Sink for StreamSink {
    fn poll_write(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Broken>> {
        let wanted = data.len().min(LARGEST_FRAME as usize);
        if self.stream.capacity() < wanted {
            self.stream.reserve_capacity(wanted);
        }
        let room = match self.stream.capacity() {
            0 => match ready!(self.stream.poll_capacity(context)) {
                Some(room) => room?,
                None => return Poll::Ready(Err(Broken::CutShort)),
            },
            room => room,
        };
        let count = room.min(wanted);
        let is_last = self.rest == Some(count as u64);
        if let Some(rest) = &mut self.rest {
            *rest = rest.saturating_sub(count as u64);
        }
        let piece = Bytes::copy_from_slice(&data[..count]);
        if is_last {
            self.last = Some(piece);
        } else {
            self.stream.send_data(piece, false)?;
        }
        Poll::Ready(Ok(count))
    }

    fn poll_finish(&mut self, _context: &mut Context<'_>, trailers: &[u8]) -> Poll<Result<(), Broken>> {
        let last = self.last.take();
        if self.rest == Some(0) && last.is_none() {
            // Its last frame said so.
            return Poll::Ready(Ok(()));
        }
        self.rest = Some(0);
        if trailers.is_empty() {
            self.stream.send_data(last.unwrap_or_default(), true)?;
        } else {
            if let Some(last) = last {
                self.stream.send_data(last, false)?;
            }
            let mut fields = HeaderMap::new();
            add_lines(trailers, &mut fields);
            self.stream.send_trailers(fields)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        // The task of the connection sees to the rest.
        if let Some(last) = self.last.take() {
            self.rest = None;
            self.stream.send_data(last, false)?;
        }
        Poll::Ready(Ok(()))
    }
}

/// The fields of a response as HTTP/2 has them, and further lines.
pub(super) fn fields_of(head: &Head, further: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(head.fields.len() + 2);
    let has_no_length = head.status < 200 || head.status == 204;
    for field in head.end_to_end() {
        if field.name != Name::ContentLength || !has_no_length {
            add(
                field.label.of(&head.bytes),
                field.value.of(&head.bytes),
                &mut fields,
            );
        }
    }
    add_lines(further, &mut fields);
    fields
}

fn add(label: &[u8], value: &[u8], fields: &mut HeaderMap) {
    if let (Ok(label), Ok(value)) = (HeaderName::from_bytes(label), HeaderValue::from_bytes(value)) {
        fields.append(label, value);
    }
}

/// Adds lines of HTTP/1.
pub(super) fn add_lines(lines: &[u8], fields: &mut HeaderMap) {
    for line in lines.split(|byte| *byte == b'\n') {
        if let Some(colon) = memchr::memchr(b':', line) {
            add(&line[..colon], line[colon + 1..].trim_ascii(), fields);
        }
    }
}

/// Fields as lines of HTTP/1.
fn lines(fields: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::Limits;

    #[test]
    fn whatever_fields_of_http_1_may_have_those_of_http_2_have_too() {
        let limits = Limits {
            bytes: 1024,
            fields: 8,
            target: 64,
        };
        let mut taken = [0; 2];
        for byte in 0..=u8::MAX {
            for (place, around) in [("x", "y: z"), ("xy: y", "z")].into_iter().enumerate() {
                let line = [around.0.as_bytes(), &[byte], around.1.as_bytes()].concat();
                let mut head = Head::default();
                let text = [b"GET / HTTP/1.1\r\n", &line[..], b"\r\n\r\n"].concat();
                if head.read_request(&text, &limits).is_ok() {
                    let fields = fields_of(&head, &line);
                    let values: Vec<_> = fields.values().map(HeaderValue::as_bytes).collect();
                    let value = head.fields[0].value.of(&head.bytes);
                    assert_eq!(values, [value; 2], "{byte}");
                    taken[place] += 1;
                }
            }
        }
        // Of names with a colon too, which ends them.
        assert_eq!(taken, [78, 224]);
    }
}
