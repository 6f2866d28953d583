//! The members: HTTP/1.1 with as little work as possible, on the thread of the load.

use std::borrow::Cow;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, bail};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::page::{MEMBER_FIELD, MEMBERS, Page, SESSION_COOKIE};

/// Not that of any proxy, so that one may be told apart from what it balances.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const FIRST_PORT: u16 = 9001;
const READ_BYTES: usize = 16 << 10;

/// Where a member listens.
pub(crate) fn address(member: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(ADDRESS), FIRST_PORT + member as u16)
}

/// What the members have seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) connections: u64,
    /// Requests that did not say for whom they were forwarded.
    pub(crate) not_forwarded: u64,
}

/// All of them, with their connections.
pub(crate) struct Members {
    listeners: Vec<TcpListener>,
    /// Closed ones leave their place to later ones.
    connections: Vec<Option<Served>>,
    vacant: Vec<usize>,
    seen: Seen,
    read: Vec<u8>,
}

struct Served {
    stream: TcpStream,
    member: usize,
    input: Vec<u8>,
    answer: Cow<'static, [u8]>,
    written: usize,
}

/// Whether a connection goes on.
#[derive(PartialEq, Eq)]
enum Goes {
    On,
    Away,
}

impl Members {
    /// Binds them; their tokens are those from `base` on.
    pub(crate) fn listen(registry: &Registry, base: usize) -> Result<Self> {
        let mut listeners = Vec::new();
        for member in 0..MEMBERS.len() {
            let to = address(member);
            let mut listener = TcpListener::bind(to).with_context(|| format!("cannot listen on {to}"))?;
            registry.register(&mut listener, Token(base + member), Interest::READABLE)?;
            listeners.push(listener);
        }
        Ok(Self {
            listeners,
            connections: Vec::new(),
            vacant: Vec::new(),
            seen: Seen::default(),
            read: vec![0; READ_BYTES],
        })
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    /// Something happened to the socket whose token is that far behind the base.
    pub(crate) fn ready(&mut self, registry: &Registry, base: usize, event: &Event) -> Result<()> {
        let index = event.token().0 - base;
        let Some(index) = index.checked_sub(MEMBERS.len()) else {
            return self.accept(registry, base, index);
        };
        let Some(served) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return Ok(());
        };
        if served.turn(event, &mut self.read, &mut self.seen)? == Goes::Away {
            self.connections[index] = None;
            self.vacant.push(index);
        }
        Ok(())
    }

    fn accept(&mut self, registry: &Registry, base: usize, member: usize) -> Result<()> {
        loop {
            let mut stream = match self.listeners[member].accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // It was gone before it was taken.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("a member cannot accept"),
            };
            stream.set_nodelay(true)?;
            let index = self.vacant.pop().unwrap_or(self.connections.len());
            let token = Token(base + MEMBERS.len() + index);
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            let served = Some(Served {
                stream,
                member,
                input: Vec::new(),
                answer: Cow::Borrowed(&[]),
                written: 0,
            });
            if index == self.connections.len() {
                self.connections.push(served);
            } else {
                self.connections[index] = served;
            }
            self.seen.connections += 1;
        }
    }
}

impl Served {
    fn turn(&mut self, event: &Event, read: &mut [u8], seen: &mut Seen) -> Result<Goes> {
        if self.written < self.answer.len() && self.write() == Goes::Away {
            return Ok(Goes::Away);
        }
        if !event.is_readable() {
            return Ok(Goes::On);
        }
        loop {
            let count = match self.stream.read(read) {
                Ok(0) => return Ok(Goes::Away),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Goes::On),
                // A proxy may end a connection as it likes: what is lost by that, the client notices.
                Err(_) => return Ok(Goes::Away),
            };
            self.input.extend_from_slice(&read[..count]);
            self.answer_requests(seen)?;
            if self.written < self.answer.len() && self.write() == Goes::Away {
                return Ok(Goes::Away);
            }
            // What comes later is another event, unless this one already told of the end.
            if count < read.len() && !event.is_read_closed() {
                return Ok(Goes::On);
            }
        }
    }

    fn answer_requests(&mut self, seen: &mut Seen) -> Result<()> {
        while !self.input.is_empty() {
            let mut fields = [httparse::EMPTY_HEADER; 48];
            let mut request = httparse::Request::new(&mut fields);
            let parsed = request.parse(&self.input).context("a proxy sends no HTTP")?;
            let httparse::Status::Complete(length) = parsed else {
                return Ok(());
            };
            let has = |name: &str| request.headers.iter().any(|f| f.name.eq_ignore_ascii_case(name));
            seen.requests += 1;
            seen.not_forwarded += u64::from(!has("X-Forwarded-For"));
            let path = request.path.unwrap_or_default();
            let Some(page) = Page::ALL.into_iter().find(|page| page.path() == path) else {
                bail!("a proxy asks for {path}, which no client did");
            };
            let answer = answer(page, self.member, seen.requests);
            self.input.drain(..length);
            if self.written < self.answer.len() {
                bail!("a proxy asks again before it has its answer");
            }
            (self.answer, self.written) = (answer, 0);
        }
        Ok(())
    }

    fn write(&mut self) -> Goes {
        while self.written < self.answer.len() {
            match self.stream.write(&self.answer[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Goes::On,
                Err(_) => return Goes::Away,
            }
        }
        Goes::On
    }
}

/// A whole response; only that with a cookie is made anew each time.
fn answer(page: Page, member: usize, number: u64) -> Cow<'static, [u8]> {
    use std::sync::LazyLock;
    static READY: LazyLock<Vec<Vec<Vec<u8>>>> = LazyLock::new(|| {
        let of = |page| {
            let member = |member| response(page, member, "");
            (0..MEMBERS.len()).map(member).collect()
        };
        [Page::Small, Page::Large].map(of).into()
    });
    match page {
        Page::Small => Cow::Borrowed(&READY[0][member]),
        Page::Large => Cow::Borrowed(&READY[1][member]),
        Page::Session => {
            let cookie = format!("Set-Cookie: {SESSION_COOKIE}={}; Path=/\r\n", session(number));
            Cow::Owned(response(page, member, &cookie))
        }
    }
}

/// The number of a session as 32 digits that look like those of an application server: not in order.
fn session(number: u64) -> String {
    // The finaliser of splitmix64: no two numbers have the same outcome.
    let mix = |x: u64| {
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let first = mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15));
    format!("{first:016X}{:016X}", mix(first))
}

fn response(page: Page, member: usize, cookie: &str) -> Vec<u8> {
    let body = page.body(member);
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Content-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nETag: \"5f3a-18c2b6a\"\r\n\
         Vary: Accept-Encoding\r\n{MEMBER_FIELD}: {}\r\n{cookie}\r\n",
        body.len(),
        MEMBERS[member],
    );
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_sessions_have_the_same_cookie() {
        let all: std::collections::HashSet<_> = (0..10_000).map(session).collect();
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().all(|cookie| cookie.len() == 32));
    }
}
