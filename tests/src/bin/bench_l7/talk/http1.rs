//! HTTP/1.1, a request at a time.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use super::Held;
use crate::page::{Connection, MEMBER_FIELD, MEMBERS, Page, SESSION_COOKIE, request};

/// Of so many learned cookies one is kept, to see whether it holds.
const COOKIES_A_SAMPLE: u32 = 256;

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) member: usize,
    /// All that were set, as `name=value`.
    pub(crate) cookies: Vec<String>,
    /// Without the body.
    head_bytes: usize,
}

impl Answer {
    /// Reads the head of the answer to a request for a page, and checks it; `None` if it is not whole.
    pub(crate) fn read(bytes: &[u8], page: Page) -> Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head_bytes) = response.parse(bytes).context("no HTTP")? else {
            return Ok(None);
        };
        ensure!(response.code == Some(200), "the status is {:?}", response.code);
        let (mut member, mut length, mut cookies) = (None, None, Vec::new());
        for field in response.headers.iter() {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            let value = std::str::from_utf8(field.value).unwrap_or_default();
            if is(MEMBER_FIELD) {
                member = MEMBERS.iter().position(|name| *name == value);
            } else if is("Content-Length") {
                length = value.parse::<usize>().ok();
            } else if is("Set-Cookie") {
                cookies.extend(value.split(';').next().map(str::to_owned));
            }
        }
        let member = member.context("it does not say which member answers")?;
        let expected = page.body(member).len();
        ensure!(
            length == Some(expected),
            "its length is {length:?}, and was to be {expected}"
        );
        Ok(Some(Self {
            member,
            cookies,
            head_bytes,
        }))
    }
}

#[derive(Debug)]
pub(crate) struct Http1 {
    request: Vec<u8>,
    page: Page,
    connection: Connection,
    /// Who has to answer.
    member: Option<usize>,
    state: State,
    learned: u32,
    /// Some of the sessions that members began.
    pub(crate) sample: Vec<Held>,
}

#[derive(Debug)]
enum State {
    Idle,
    Head {
        since: Instant,
    },
    Body {
        since: Instant,
        member: usize,
        got: usize,
    },
    Answered {
        since: Instant,
    },
}

impl Http1 {
    pub(super) fn new(page: Page, held: Option<&Held>, connection: Connection) -> Self {
        Self {
            request: request(page, held.map(|held| held.cookie.as_str()), connection),
            page,
            connection,
            member: held.map(|held| held.member),
            state: State::Idle,
            learned: 0,
            sample: Vec::new(),
        }
    }

    pub(super) fn ask(&mut self, since: Instant, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.request);
        self.state = State::Head { since };
    }

    pub(super) fn take(&mut self, bytes: &[u8], answered: &mut Vec<Instant>) -> Result<usize> {
        let mut used = 0;
        if let State::Head { since } = self.state {
            let Some(answer) = Answer::read(bytes, self.page)? else {
                return Ok(0);
            };
            let member = answer.member;
            if let Some(held) = self.member.filter(|held| *held != member) {
                let [held, answers] = [held, member].map(|member| MEMBERS[member]);
                bail!("it is held to {held}, and {answers} answers");
            }
            used = answer.head_bytes;
            self.learn(answer)?;
            self.state = State::Body {
                since,
                member,
                got: 0,
            };
        }
        let rest = &bytes[used..];
        let State::Body { since, member, got } = self.state else {
            ensure!(rest.is_empty(), "more comes than was asked for");
            return Ok(used);
        };
        let body = self.page.body(member);
        let count = rest.len().min(body.len() - got);
        ensure!(
            rest[..count] == body[got..got + count],
            "the body is not that of {}",
            MEMBERS[member]
        );
        let got = got + count;
        self.state = State::Body { since, member, got };
        if got == body.len() {
            ensure!(count == rest.len(), "more comes than was asked for");
            self.state = match self.connection {
                Connection::KeepAlive => {
                    answered.push(since);
                    State::Idle
                }
                Connection::Close => State::Answered { since },
            };
        }
        Ok(used + count)
    }

    pub(super) fn end(&mut self) -> Result<Instant> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Answered { since } => Ok(since),
            State::Idle => bail!("an idle connection was ended"),
            State::Head { .. } | State::Body { .. } => bail!("the connection was ended before the answer"),
        }
    }

    fn learn(&mut self, answer: Answer) -> Result<()> {
        if self.page != Page::Session {
            return Ok(());
        }
        let is_session = |cookie: &String| cookie.starts_with(SESSION_COOKIE);
        let cookie = answer.cookies.into_iter().find(is_session);
        let cookie = cookie.context("the member's cookie has got lost")?;
        if self.learned.is_multiple_of(COOKIES_A_SAMPLE) {
            let member = answer.member;
            self.sample.push(Held { cookie, member });
        }
        self.learned += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(member: usize, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nx-member: {}\r\ncontent-length: {}\r\n\r\n",
            MEMBERS[member],
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    fn asked(connection: Connection) -> Http1 {
        let held = Held {
            cookie: "SRV=m2".to_owned(),
            member: 1,
        };
        let mut talk = Http1::new(Page::Small, Some(&held), connection);
        talk.ask(Instant::now(), &mut Vec::new());
        talk
    }

    #[test]
    fn an_answer_in_pieces_is_an_answer() {
        let whole = response(1, Page::Small.body(1));
        for cut in [3, 60, 61, 700] {
            let (mut talk, mut answered) = (asked(Connection::KeepAlive), Vec::new());
            let used = talk.take(&whole[..cut], &mut answered).unwrap();
            assert!(answered.is_empty());
            assert_eq!(
                talk.take(&whole[used..], &mut answered).unwrap(),
                whole.len() - used
            );
            assert_eq!(answered.len(), 1);
            assert!(talk.end().is_err());
        }
    }

    #[test]
    fn the_wrong_member_the_wrong_body_and_the_wrong_length_are_no_answers() {
        let body = Page::Small.body(1);
        let wrong = [
            response(0, Page::Small.body(0)),
            response(1, Page::Small.body(0)),
            response(1, &body[1..]),
            [&response(1, body)[..], b"!"].concat(),
            b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec(),
        ];
        for bytes in wrong {
            let outcome = asked(Connection::KeepAlive).take(&bytes, &mut Vec::new());
            assert!(
                outcome.is_err(),
                "{}",
                String::from_utf8_lossy(&bytes[..60.min(bytes.len())])
            );
        }
    }

    #[test]
    fn a_connection_for_one_request_is_answered_when_it_ends() {
        let (mut talk, mut answered) = (asked(Connection::Close), Vec::new());
        talk.take(&response(1, Page::Small.body(1)), &mut answered)
            .unwrap();
        assert!(answered.is_empty());
        assert!(talk.end().is_ok());
        assert!(asked(Connection::Close).end().is_err());
    }
}
