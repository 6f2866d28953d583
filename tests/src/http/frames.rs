//! HTTP/2 frame by frame, for requests that no library would send (RFC 9113, RFC 7541).

use std::io::{self, ErrorKind};

use super::Wire;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
/// The number of the last stream that there may be.
const LAST_OF_ALL: [u8; 4] = [0x7f, 0xff, 0xff, 0xff];
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with 200.
    Served,
    /// It was answered with 400.
    Refused,
    /// It was answered otherwise.
    Answered,
    /// The stream was ended with this error.
    Reset(u32),
    /// The connection was ended with this error.
    Gone(u32),
}

/// Sends a request of these fields, pseudo-header fields among them, and with a body as trailers may follow it.
///
/// It is the first on its connection.
pub fn ask(wire: &mut Wire, fields: &[(&str, &[u8])]) -> io::Result<Outcome> {
    let mut bytes = PREFACE.to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    wire.send(bytes)?;
    ask_again(wire, 1, fields)
}

/// Sends another one, over the stream of this number. Of the warning that the connection is to end, this client takes no
/// notice, as if it had not come yet.
pub fn ask_again(wire: &mut Wire, stream: u32, fields: &[(&str, &[u8])]) -> io::Result<Outcome> {
    let mut bytes = Vec::new();
    frame(
        &mut bytes,
        HEADERS,
        END_HEADERS | END_STREAM,
        stream,
        &block(fields),
    );
    wire.send(bytes)?;
    loop {
        let head = wire.take(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let payload = wire.take(length as usize)?;
        let error = |at: usize| {
            let code = payload.get(at..at + 4).and_then(|code| code.try_into().ok());
            code.map(u32::from_be_bytes).ok_or(ErrorKind::InvalidData)
        };
        match head[3] {
            // RFC 7541, appendix A: the statuses that are in the static table.
            HEADERS if head[5..9] == stream.to_be_bytes() => {
                return Ok(match payload.first() {
                    Some(0x88) => Outcome::Served,
                    Some(0x8c) => Outcome::Refused,
                    _ => Outcome::Answered,
                });
            }
            RST_STREAM => return Ok(Outcome::Reset(error(0)?)),
            // RFC 9113, section 6.8.
            GOAWAY if payload.starts_with(&LAST_OF_ALL) => {}
            GOAWAY => return Ok(Outcome::Gone(error(4)?)),
            SETTINGS if head[4] & ACK == 0 => {
                let mut bytes = Vec::new();
                frame(&mut bytes, SETTINGS, ACK, 0, &[]);
                wire.send(bytes)?;
            }
            _ => {}
        }
    }
}

fn frame(into: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    into.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    into.extend_from_slice(&[kind, flags]);
    into.extend_from_slice(&stream.to_be_bytes());
    into.extend_from_slice(payload);
}

/// Fields as literals that are never indexed (RFC 7541, section 6.2.3).
fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name.as_bytes(), value] {
            // Shorter than what would take a second octet.
            block.push(
                u8::try_from(text.len())
                    .ok()
                    .filter(|length| *length < 127)
                    .expect("it is short"),
            );
            block.extend_from_slice(text);
        }
    }
    block
}
