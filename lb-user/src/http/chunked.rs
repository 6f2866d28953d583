//! The chunked transfer coding (RFC 9112, section 7.1), read as strictly as it is defined.

use thiserror::Error;

/// The longest line of a chunk's size, with its extension, in bytes.
const LONGEST_LINE: usize = 256;
/// The longest trailer section, in bytes.
const LONGEST_TRAILERS: usize = 8192;

/// What is wrong with a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the body is not chunked as it should be")]
pub struct BadChunk;

/// What a step of reading came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// After so many bytes that are passed over, there is data of at most this length, of which some may be there.
    Data {
        /// Bytes before it.
        skip: usize,
        /// Its length.
        length: u64,
    },
    /// So many bytes are passed over; the next ones are not there yet.
    More {
        /// Those bytes.
        skip: usize,
    },
    /// After so many bytes the body is over.
    End {
        /// Those bytes.
        skip: usize,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the line of a chunk's size.
    Size,
    /// Before so many bytes of data.
    Data(u64),
    /// Before the CR LF after the data.
    AfterData,
    /// Before a line of the trailers, or the empty one.
    Trailers,
    Over,
}

/// Where the reading of a chunked body is.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    trailers: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            state: State::Size,
            trailers: Vec::new(),
        }
    }
}

impl Decoder {
    /// Looks at what comes next. What is passed over is not to be shown again, and nor is data that was
    /// [taken](Self::take).
    pub fn step(&mut self, input: &[u8]) -> Result<Step, BadChunk> {
        let mut skip = 0;
        loop {
            let rest = &input[skip..];
            match self.state {
                State::Size => {
                    let Some(line) = line(rest, LONGEST_LINE)? else {
                        return Ok(Step::More { skip });
                    };
                    skip += line.len() + 2;
                    self.state = match size(line)? {
                        0 => State::Trailers,
                        length => State::Data(length),
                    };
                }
                State::Data(length) => return Ok(Step::Data { skip, length }),
                State::AfterData => match rest {
                    [b'\r', b'\n', ..] => {
                        skip += 2;
                        self.state = State::Size;
                    }
                    [] | [b'\r'] => return Ok(Step::More { skip }),
                    _ => return Err(BadChunk),
                },
                State::Trailers => {
                    let room = LONGEST_TRAILERS.saturating_sub(self.trailers.len());
                    let Some(line) = line(rest, room)? else {
                        return Ok(Step::More { skip });
                    };
                    skip += line.len() + 2;
                    if line.is_empty() {
                        self.state = State::Over;
                    } else {
                        trailer(line)?;
                        self.trailers.extend_from_slice(line);
                        self.trailers.extend_from_slice(b"\r\n");
                    }
                }
                State::Over => return Ok(Step::End { skip }),
            }
        }
    }

    /// Notes that so many bytes of the data were taken.
    pub fn take(&mut self, count: u64) {
        if let State::Data(length) = self.state {
            self.state = match length.saturating_sub(count) {
                0 => State::AfterData,
                rest => State::Data(rest),
            };
        }
    }

    /// Whether all of the body was read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// The lines of the trailer section so far, each with its CR LF.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}

/// The line at the beginning of `input`, without its CR LF, if it is all there.
fn line(input: &[u8], longest: usize) -> Result<Option<&[u8]>, BadChunk> {
    let within = &input[..input.len().min(longest + 2)];
    match memchr::memchr(b'\n', within) {
        Some(end) if end > 0 && within[end - 1] == b'\r' => Ok(Some(&within[..end - 1])),
        Some(_) => Err(BadChunk),
        None if input.len() >= longest + 2 => Err(BadChunk),
        None => Ok(None),
    }
}

/// A size in hexadecimal digits; an extension after it is of no interest, and must be made of what fields are.
fn size(line: &[u8]) -> Result<u64, BadChunk> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, extension) = line.split_at(digits);
    if digits.is_empty() || digits.len() > 15 {
        return Err(BadChunk);
    }
    let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    match extension.trim_ascii_start().first() {
        None if extension.is_empty() => {}
        Some(b';') if extension.iter().all(visible) => {}
        _ => return Err(BadChunk),
    }
    let value = |byte: &u8| u64::from((*byte as char).to_digit(16).unwrap_or(0));
    Ok(digits.iter().fold(0, |size, byte| size << 4 | value(byte)))
}

/// A line of the trailers is a field like any other.
fn trailer(line: &[u8]) -> Result<(), BadChunk> {
    let colon = memchr::memchr(b':', line).ok_or(BadChunk)?;
    let (label, value) = line.split_at(colon);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    if label.is_empty() || !label.iter().all(token) || !value.iter().all(visible) {
        return Err(BadChunk);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data, trailers, and what comes after them.
    type Parts = (Vec<u8>, Vec<u8>, Vec<u8>);

    /// Reads a body that comes in pieces of this size.
    fn read(text: &[u8], piece: usize) -> Result<Parts, BadChunk> {
        let mut decoder = Decoder::default();
        let (mut input, mut data) = (Vec::new(), Vec::new());
        let mut pieces = text.chunks(piece);
        loop {
            match decoder.step(&input)? {
                Step::Data { skip, length } => {
                    input.drain(..skip);
                    let count = input.len().min(length as usize);
                    data.extend(input.drain(..count));
                    decoder.take(count as u64);
                    if count > 0 {
                        continue;
                    }
                }
                Step::More { skip } => drop(input.drain(..skip)),
                Step::End { skip } => {
                    input.drain(..skip);
                    input.extend(pieces.flatten());
                    return Ok((data, decoder.trailers().to_vec(), input));
                }
            }
            input.extend(pieces.next().ok_or(BadChunk)?);
        }
    }

    #[test]
    fn a_body_is_its_chunks_however_it_is_cut() {
        let text =
            b"4\r\nWiki\r\n6;name=\"x\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX-Sum: 7\r\n\r\nnext";
        for piece in 1..=text.len() {
            let (data, trailers, rest) = read(text, piece).unwrap();
            assert_eq!(data, b"Wikipedia in \r\n\r\nchunks.");
            assert_eq!(trailers, b"X-Sum: 7\r\n");
            assert_eq!(rest, b"next");
        }
    }

    #[test]
    fn what_is_not_chunked_as_it_should_be_is_refused() {
        for text in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\na\r\n",
            "0x1\r\na\r\n",
            " 1\r\na\r\n",
            "1 \r\na\r\n",
            "1\na\r\n",
            "1\r\nab\r\n",
            "1\r\na\n0\r\n\r\n",
            "1;\x01\r\na\r\n",
            "1 x\r\na\r\n",
            "1000000000000000\r\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\nbad name: 1\r\n\r\n",
            "0\r\n: 1\r\n\r\n",
            "0\r\na: 1\n\r\n",
        ] {
            assert_eq!(read(text.as_bytes(), 1), Err(BadChunk), "{text:?}");
            assert_eq!(read(text.as_bytes(), 100), Err(BadChunk), "{text:?}");
        }
    }

    #[test]
    fn lines_and_trailers_have_an_end() {
        let long = format!("1;{}\r\n", "x".repeat(300));
        assert_eq!(read(long.as_bytes(), 7), Err(BadChunk));
        let many = format!("0\r\n{}\r\n", "a: 1234567890\r\n".repeat(1000));
        assert_eq!(read(many.as_bytes(), 7), Err(BadChunk));
    }
}
