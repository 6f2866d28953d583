//! What a proxy keeps in memory: each begins anew for each case, so that nothing is measured that was there before.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use lb_tests::report::Row;

use super::Bound;
use crate::Bench;
use crate::certificate::Key;
use crate::cookie;
use crate::load::{Load, Pace, Plan};
use crate::page::{Connection, Page};
use crate::proxy::{Listener, Persistence, Proxy, Running};
use crate::talk::Kind;

const IDLE: usize = 10_000;
const ENTRIES: usize = 200_000;
/// How many clients come at once.
const AT_ONCE: usize = 64;
/// Requests before the memory is looked at for the first time.
const BEFORE: usize = 2000;
/// How long the memory has to stay the same to be what is kept.
const SETTLES_WITHIN: Duration = Duration::from_millis(300);
const LOOKS: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    IdleHttp,
    IdleHttps,
    AppCookieEntry,
}

impl Memory {
    pub(crate) const ALL: [Self; 3] = [Self::IdleHttp, Self::IdleHttps, Self::AppCookieEntry];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::IdleHttp => "idle_http",
            Self::IdleHttps => "idle_https",
            Self::AppCookieEntry => "app_cookie_entry",
        }
    }

    const fn persistence(self) -> Persistence {
        match self {
            Self::IdleHttp | Self::IdleHttps => Persistence::Inserted,
            Self::AppCookieEntry => Persistence::Learned,
        }
    }

    const fn bound(self) -> Option<Bound> {
        match self {
            Self::IdleHttp => Some(Bound::BytesAtMost(4096.0)),
            Self::IdleHttps => None,
            Self::AppCookieEntry => Some(Bound::BytesAtMost(259.0)),
        }
    }
}

/// Measures it of all that take part and can do it, the one that others are compared with first.
pub(crate) fn measure(bench: &mut Bench, case: Memory) -> Result<()> {
    let mut proxies = bench.options.proxies.clone();
    proxies.retain(|proxy| proxy.offers(case.persistence()));
    let name = |proxy| format!("l7/{}/{proxy}", case.name());
    let mut values = Vec::new();
    for proxy in proxies {
        let value = grown_bytes(bench, case, proxy).with_context(|| name(proxy))?;
        values.push((proxy, value));
    }
    let reference = values
        .iter()
        .find(|(proxy, _)| *proxy == Proxy::REFERENCE)
        .copied();
    for (proxy, value) in values {
        let row = Row::new(name(proxy), value, "B");
        let row = match reference {
            Some((other, reference)) if other != proxy => row.against(value / reference, name(other)),
            _ => row,
        };
        bench.add(proxy, row, case.bound());
    }
    Ok(())
}

/// By how much the memory of a proxy has grown, per connection or entry.
fn grown_bytes(bench: &mut Bench, case: Memory, proxy: Proxy) -> Result<f64> {
    let running = Running::start(proxy, case.persistence(), &bench.certificates, bench.cores)?;
    let (listener, page) = match case {
        Memory::IdleHttp => (Listener::Http, Page::Small),
        Memory::IdleHttps => (Listener::Https, Page::Small),
        Memory::AppCookieEntry => (Listener::Http, Page::Session),
    };
    let held = match case.persistence() {
        Persistence::Inserted => cookie::learn(&mut bench.engine, proxy)?,
        Persistence::Learned => Vec::new(),
    };
    let kind = Kind::Http1(page, Connection::KeepAlive);
    let tls = match listener {
        Listener::Http => None,
        Listener::Https | Listener::HttpsRsa => {
            Some(bench.certificates.of(Key::Ecdsa).client(kind.protocol())?)
        }
    };
    let plan = |connections| Plan {
        to: proxy.socket(listener),
        tls: tls.clone(),
        kind,
        connections,
        held: held.clone(),
    };
    let before = {
        let mut load = Load::new(&mut bench.engine, plan(AT_ONCE))?;
        load.run_counted(BEFORE, AT_ONCE)?;
        no_faults(&mut load)?;
        settled_bytes(&mut load, &running)?
    };
    let (connections, requests) = match case {
        Memory::IdleHttp | Memory::IdleHttps => (IDLE, IDLE),
        Memory::AppCookieEntry => (AT_ONCE, ENTRIES),
    };
    let mut load = Load::new(&mut bench.engine, plan(connections))?;
    load.run_counted(requests, AT_ONCE)?;
    let after = settled_bytes(&mut load, &running)?;
    no_faults(&mut load)?;
    let open = load.open_connections();
    ensure!(
        open == connections,
        "only {open} of {connections} connections are still there"
    );
    let sessions = load.sampled_sessions();
    drop(load);
    if case == Memory::AppCookieEntry {
        ensure!(
            sessions.len() >= ENTRIES / 1000,
            "only {} sessions to look at",
            sessions.len()
        );
        cookie::holds(&mut bench.engine, proxy, &sessions)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "no proxy has 2^52 bytes")]
    Ok((after as f64 - before as f64) / requests as f64)
}

fn no_faults(load: &mut Load<'_>) -> Result<()> {
    let tally = load.tally();
    match &tally.first_fault {
        Some(first) => bail!("{} faults, the first: {first}", tally.faults),
        None => Ok(()),
    }
}

/// What is resident once that stays as it is; what is freed late is not kept.
fn settled_bytes(load: &mut Load<'_>, running: &Running) -> Result<u64> {
    load.set_pace(Pace::Ended);
    let mut last = running.resident_bytes()?;
    for _ in 0..LOOKS {
        load.run_for(SETTLES_WITHIN)?;
        let now = running.resident_bytes()?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}
