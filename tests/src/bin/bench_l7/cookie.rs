//! How clients come to their cookies, and whether those hold.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::engine::Engine;
use crate::page::{Connection, MEMBERS, Page, request};
use crate::proxy::{Listener, Proxy};
use crate::talk::{Answer, Held};

const PATIENCE: Duration = Duration::from_secs(10);
const ATTEMPTS: usize = 100;

/// A cookie for each member, as a client gets one that comes for the first time.
pub(crate) fn learn(engine: &mut Engine, proxy: Proxy) -> Result<Vec<Held>> {
    let to = proxy.socket(Listener::Http);
    let learned = engine.serve_while(|| -> Result<_> {
        let mut found: [Option<Held>; MEMBERS.len()] = [const { None }; MEMBERS.len()];
        for attempt in 0..ATTEMPTS {
            let first = proxy.first_cookie(attempt);
            let answer = ask(to, first.as_deref())?;
            let cookie = first.or_else(|| answer.cookies.into_iter().next());
            let cookie = cookie.context("it sets no cookie")?;
            let member = answer.member;
            found[member].get_or_insert(Held { cookie, member });
            if found.iter().all(Option::is_some) {
                return Ok(found.into_iter().flatten().collect::<Vec<_>>());
            }
        }
        bail!("in {ATTEMPTS} attempts not every member got a client")
    })??;
    holds(engine, proxy, &learned)?;
    Ok(learned)
}

/// Whether clients come to their members by these cookies, on connections of their own.
pub(crate) fn holds(engine: &mut Engine, proxy: Proxy, cookies: &[Held]) -> Result<()> {
    let to = proxy.socket(Listener::Http);
    engine.serve_while(|| {
        for Held { cookie, member } in cookies {
            let answer = ask(to, Some(cookie))?;
            ensure!(
                answer.member == *member,
                "{cookie} holds a client to {}, and {} answers",
                MEMBERS[*member],
                MEMBERS[answer.member]
            );
        }
        Ok(())
    })?
}

fn ask(to: SocketAddr, cookie: Option<&str>) -> Result<Answer> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&request(Page::Small, cookie, Connection::Close))?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Answer::read(&bytes, Page::Small)?.context("the answer is not whole")
}
