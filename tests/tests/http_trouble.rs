//! Clients that go away, members that fail in the middle, and whoever takes their time.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::http::{Ask, pattern};
use lb_tests::{Family, Plan, Scheme, Site, Wire, eventually, try_eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const WITHIN: Duration = Duration::from_secs(10);
const MI: usize = 1 << 20;

#[track_caller]
fn await_active(site: &Site, count: u64) {
    eventually("the requests under way", WITHIN, || {
        match site.requests("active") {
            Ok(active) if active == count => Ok(()),
            other => Err(format!("{other:?}, not {count}")),
        }
    });
}

/// What the daemon has of memory (`VmRSS`), or had at most (`VmHWM`), in bytes.
fn memory(site: &Site, which: &str) -> Result<usize> {
    let pid = site.daemon().pid().context("it does not run")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(which));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.context("no such line")?.parse::<usize>()? * 1024)
}

/// Has the most that it had begin with what it has now (proc(5), `clear_refs`): a start takes more than what follows.
fn forget_peak(site: &Site) -> Result<()> {
    let pid = site.daemon().pid().context("it does not run")?;
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

#[test]
fn a_request_whose_client_has_gone_away_is_given_up() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]))?;
    // Before the response, and in the middle of it.
    for target in ["/?delay_ms=60000", "/?size=100000&drip_ms=60000"] {
        let mut wire = site.wire()?;
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))?;
        await_active(&site, 1);
        drop(wire);
        await_active(&site, 0);
    }
    // In the middle of the request.
    let mut wire = site.wire()?;
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")?;
    await_active(&site, 1);
    drop(wire);
    await_active(&site, 0);
    // A stream of HTTP/2, whose connection goes on.
    let http2 = site.http2()?;
    http2.give_up(Ask::get("/?size=100000&drip_ms=60000"))?;
    await_active(&site, 0);
    assert_eq!(http2.ask(Ask::get("/"))?.status, 200);
    eventually("the member to be rid of them", WITHIN, || {
        site.member(1).seen().open <= 1
    });
    assert_eq!(site.requests("failures")?, 0, "no fault of the member's");
    Ok(())
}

/// How many connections have something for the daemon to read.
fn with_news(site: &Site) -> Result<usize> {
    let listed = site.lab().balancer().command("ss").args(["-Htn"]).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let waiting = listed.lines().filter_map(|line| line.split_whitespace().nth(1));
    Ok(waiting.filter(|bytes| *bytes != "0").count())
}

/// Whether no thread of a process runs any more: they stop one after the other.
fn is_stopped(pid: Pid) -> Result<bool> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        if !status.contains("State:\tT") {
            return Ok(false);
        }
    }
    Ok(true)
}

#[test]
fn a_client_that_gives_up_as_the_response_comes_is_no_fault_of_the_member_s() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).pool("protocol = \"HTTP/2\""))?;
    let http2 = site.http2()?;
    let pid = site.daemon().pid().context("it does not run")?;
    let pid = Pid::from_raw(pid.cast_signed());
    // Which of both is read first is the kernel's choice.
    for round in 1..=3 {
        let given_up = http2.begin(Ask::get("/?delay_ms=200"))?;
        eventually("the member to have it", WITHIN, || {
            site.member(1).seen().requests == round
        });
        // While the daemon stands still, both come to it.
        kill(pid, Signal::SIGSTOP)?;
        let stopped = try_eventually("it to stand still", WITHIN, || is_stopped(pid).unwrap_or(false));
        drop(given_up);
        let both = try_eventually("both to have come", WITHIN, || {
            with_news(&site).is_ok_and(|count| count == 2)
        });
        kill(pid, Signal::SIGCONT)?;
        stopped.and(both)?;
        await_active(&site, 0);
    }
    assert_eq!(site.requests("failures")?, 0);
    assert_eq!(http2.ask(Ask::get("/"))?.status, 200);
    Ok(())
}

#[test]
fn a_response_that_breaks_off_is_seen_to_break_off() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]))?;
    for target in ["/?size=1000&cut=500", "/?size=1000&cut=500&chunked"] {
        let mut wire = site.wire()?;
        let broken = wire.get(target).map_err(|error| error.kind());
        assert_eq!(broken, Err(ErrorKind::UnexpectedEof), "{target}");
        let http2 = site.http2()?;
        assert!(http2.ask(Ask::get(target)).is_err(), "{target}");
        assert_eq!(http2.ask(Ask::get("/"))?.status, 200, "only the stream");
    }
    assert_eq!(site.requests("failures")?, 4);
    // A member whose process ends is no different.
    let mut wire = site.wire()?;
    wire.send("GET /?size=1000&drip_ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    // Only then is it that member's response which breaks off: before, the request would go to another member.
    let begun = b"HTTP/1.1 200";
    assert_eq!(wire.take(begun.len())?, begun);
    site.member(1).stop();
    site.member(2).stop();
    let mut rest = Vec::new();
    while let Ok(byte) = wire.take(1) {
        rest.extend(byte);
    }
    let rest = String::from_utf8_lossy(&rest);
    let (_, body) = rest.split_once("\r\n\r\n").context("the head comes at once")?;
    assert!(body.len() < 1000, "{} bytes", body.len());
    site.member(1).restart()?;
    assert_eq!(site.get("/")?.status, 200);
    Ok(())
}

#[test]
fn clients_that_read_slowly_cost_little_memory_and_get_everything() -> Result<()> {
    const CLIENTS: usize = 8;
    const LENGTH: usize = 8 * MI;
    let site = Site::start(&Plan::new(&[1, 1]))?;
    assert_eq!(site.get("/")?.status, 200);
    forget_peak(&site)?;
    let before = memory(&site, "VmRSS")?;
    let mut wires = Vec::new();
    for _ in 0..CLIENTS {
        let mut wire = site.wire()?;
        wire.send(format!("GET /?size={LENGTH} HTTP/1.1\r\nHost: a\r\n\r\n"))?;
        wires.push(wire);
    }
    let http2 = site.http2()?;
    await_active(&site, CLIENTS as u64);
    // Others are served meanwhile.
    for _ in 0..20 {
        assert_eq!(http2.ask(Ask::get("/"))?.status, 200);
        assert_eq!(site.get("/")?.status, 200);
    }
    let body = pattern(LENGTH);
    for mut wire in wires {
        assert!(wire.reply("GET")?.body == body);
    }
    let peak = memory(&site, "VmHWM")?;
    ensure!(
        peak < before + 16 * MI,
        "{CLIENTS} responses of {LENGTH} bytes took {} bytes",
        peak - before
    );
    Ok(())
}

#[test]
fn ten_thousand_idle_connections_cost_little_and_are_served_when_they_ask() -> Result<()> {
    const COUNT: usize = 10_000;
    let site = Site::start(&Plan::new(&[1, 1]))?;
    assert_eq!(site.get("/")?.status, 200);
    let before = memory(&site, "VmRSS")?;
    let vip = site.vip(Family::V4, Scheme::Http);
    let mut wires = site.lab().client_namespace().enter(|| {
        (0..COUNT)
            .map(|_| {
                let mut wire = Wire::connect(None, vip)?;
                assert_eq!(wire.get("/?size=10")?.status, 200);
                Ok(wire)
            })
            .collect::<std::io::Result<Vec<_>>>()
    })??;
    let taken = memory(&site, "VmRSS")?.saturating_sub(before);
    ensure!(taken < COUNT * 4096, "{COUNT} connections took {taken} bytes");
    assert_eq!(site.get("/")?.status, 200);
    for wire in &mut wires {
        assert_eq!(wire.get("/?size=10")?.body, pattern(10));
    }
    // Members have no connection for each.
    let open = site.member(1).seen().open + site.member(2).seen().open;
    ensure!(open < 20, "{open} connections to members");
    Ok(())
}

#[test]
fn no_more_connections_are_accepted_than_are_configured() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).listener("max_connections = 4"))?;
    let mut wires = Vec::new();
    // Whichever workers they come to.
    for number in 0..16 {
        let mut wire = site.wire()?;
        let has_place = number < 4;
        if !has_place {
            wire.tcp().set_read_timeout(Some(Duration::from_millis(300)))?;
        }
        assert_eq!(wire.get("/").is_ok(), has_place, "{number}");
        wires.push(wire);
    }
    let waiting = wires.split_off(4);
    drop(wires);
    // In whatever order the workers accept them: one that has its answer makes room for the next.
    std::thread::scope(|scope| -> Result<()> {
        let turns: Vec<_> = waiting
            .into_iter()
            .map(|mut wire| {
                scope.spawn(move || -> Result<()> {
                    wire.tcp().set_read_timeout(Some(WITHIN))?;
                    assert_eq!(wire.reply("GET")?.status, 200, "its turn comes");
                    Ok(())
                })
            })
            .collect();
        turns
            .into_iter()
            .try_for_each(|turn| turn.join().expect("no panic"))
    })
}

#[test]
fn a_daemon_that_is_told_to_end_finishes_what_is_under_way() -> Result<()> {
    let mut site = Site::start(&Plan::new(&[1, 1]))?;
    let mut idle = site.wire()?;
    assert_eq!(idle.get("/")?.status, 200);
    await_active(&site, 0);
    let silent = site.wire()?;
    let mut waiting = site.wire()?;
    waiting.send("GET /?delay_ms=1500 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    let mut reading = site.wire()?;
    reading.send("GET /?size=1000000&drip_ms=300 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    let mut sending = site.wire()?;
    sending.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")?;
    let mut upgraded = site.wire()?;
    upgraded.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")?;
    assert_eq!(upgraded.reply("GET")?.status, 101);
    let http2 = site.http2()?;
    await_active(&site, 4);
    std::thread::scope(|scope| -> Result<()> {
        let streams = scope.spawn(|| http2.ask(Ask::get("/?delay_ms=1500")));
        await_active(&site, 5);
        let daemon = site.daemon_mut();
        let ending = scope.spawn(|| daemon.terminate());
        // What waits for nothing ends at once.
        idle.ends()?;
        drop(silent);
        sending.send("world")?;
        let reply = sending.reply("POST")?;
        assert_eq!(
            (reply.echo()?.length, reply.values("connection")),
            (10, vec!["close"])
        );
        let reply = waiting.reply("GET")?;
        assert_eq!((reply.status, reply.echo()?.line.is_empty()), (200, false));
        assert!(reading.reply("GET")?.body == pattern(1_000_000));
        assert_eq!(streams.join().expect("no panic")?.status, 200);
        // What has no end of its own is ended.
        upgraded.ends()?;
        ensure!(ending.join().expect("no panic")?.success());
        Ok(())
    })?;
    assert!(site.wire().is_err(), "nobody listens");
    Ok(())
}

#[test]
fn a_connection_of_http_2_is_idle_from_the_end_of_its_last_request_on() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).listener("timeouts = { idle_s = 1 }"))?;
    let http2 = site.http2()?;
    for _ in 0..2 {
        // Longer than it may be idle, which the next one would notice.
        assert_eq!(http2.ask(Ask::get("/?delay_ms=2500"))?.status, 200);
    }
    Ok(())
}
