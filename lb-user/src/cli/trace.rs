//! `holdfast trace`: prints what comes until it is ended.

use std::{
    borrow::Cow,
    io::{BufRead, BufReader, ErrorKind, Write},
    net::IpAddr,
    path::Path,
};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::{
    ask::{NOT_UNDERSTOOD, send, unexpected},
    escape,
};
use crate::{
    control::{Answer, Command},
    http::forwarded::Prefix,
    trace::{Line, Told},
    views::Titles,
};

const DAY_US: u64 = 86_400_000_000;

/// Asks for the trace, and prints it as it comes.
pub(super) fn run(socket: &Path, clients: Vec<Prefix>, json: bool) -> anyhow::Result<()> {
    let stream = send(socket, &Command::Trace { clients })?;
    for line in BufReader::new(stream).lines() {
        let text = match serde_json::from_str(&line?).context(NOT_UNDERSTOOD)? {
            Answer::Done => {
                eprintln!("tracing until Ctrl-C");
                continue;
            }
            Answer::Told(Told::Lost(count)) => {
                eprintln!("lost {count} more of the lines: name fewer clients, or smaller networks");
                continue;
            }
            Answer::Told(Told::Line(line)) if json => serde_json::to_string(&line)?,
            Answer::Told(Told::Request(request)) if json => request.get().to_owned(),
            Answer::Told(Told::Request(request)) => {
                let request: Request<'_> = serde_json::from_str(request.get()).context(NOT_UNDERSTOOD)?;
                escape::line(&request.for_people()).into_owned()
            }
            Answer::Told(Told::Line(line)) => escape::line(&for_people(&line)).into_owned(),
            Answer::Failed(reason) => bail!(reason),
            other => unexpected(&other)?,
        };
        match writeln!(std::io::stdout(), "{text}") {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    bail!("the daemon has ended, and the trace with it")
}

/// What is shown of a request.
#[derive(Deserialize)]
struct Request<'l> {
    #[serde(borrow)]
    time: Cow<'l, str>,
    client: IpAddr,
    method: Cow<'l, str>,
    host: Cow<'l, str>,
    target: Cow<'l, str>,
    version: Cow<'l, str>,
    status: u16,
    pool: Option<Cow<'l, str>>,
    member: Option<Cow<'l, str>>,
    session: Option<Cow<'l, str>>,
    cookie_refused: Option<Cow<'l, str>>,
    total_us: u64,
    fault: Option<Cow<'l, str>>,
    #[serde(default)]
    display_names: Titles,
}

impl Request<'_> {
    /// A line for people.
    fn for_people(&self) -> String {
        let Self {
            time,
            client,
            method,
            host,
            target,
            version,
            status,
            total_us,
            display_names,
            ..
        } = self;
        // The date is known, as with packets.
        let time = time.split('T').nth(1).unwrap_or(time).trim_end_matches('Z');
        let mut line = format!("{time} request {version} {client} {method} {host}{target}: {status}");
        if let (Some(pool), Some(member)) = (&self.pool, &self.member) {
            let (member, pool) = (display_names.of(member), display_names.of(pool));
            line = format!("{line}, member {member} of pool {pool}");
        }
        let session = self.session.as_deref().map(|session| match session {
            "held" => "held by its session",
            "moved" => "moved: its member could not have it",
            "new" => "chosen by the algorithm",
            other => other,
        });
        let refused = self.cookie_refused.as_deref();
        let refused = refused.map(|why| format!("its cookie does not count: {why}"));
        let why: Vec<&str> = session.into_iter().chain(refused.as_deref()).collect();
        if !why.is_empty() {
            line = format!("{line} ({})", why.join("; "));
        }
        if let Some(fault) = &self.fault {
            line = format!("{line}: {fault}");
        }
        format!("{line}, {}.{:03} ms", total_us / 1000, total_us % 1000)
    }
}

/// A line for people.
fn for_people(line: &Line) -> String {
    let Line {
        at_unix_us,
        direction,
        protocol,
        source,
        destination,
        flags,
        reason,
        pool,
        member,
        why,
        display_names,
    } = line;
    let mut words = vec![
        time_of_day(*at_unix_us),
        direction.replace('_', " "),
        format!("{protocol} {source} > {destination}"),
    ];
    if !flags.is_empty() {
        words.push(flags.join(","));
    }
    let mut outcome = reason.clone();
    if let (Some(pool), Some(member)) = (pool, member) {
        let (member, pool) = (display_names.of(member), display_names.of(pool));
        outcome = format!("{outcome}, member {member} of pool {pool}");
    }
    if let Some(why) = why {
        outcome = format!("{outcome} ({})", in_words(why));
    }
    format!("{}: {outcome}", words.join(" "))
}

/// Why a packet goes to its member.
fn in_words(why: &str) -> &str {
    match why {
        "flow" => "of a live flow",
        "session" => "held by its session",
        "algorithm" => "chosen by the algorithm",
        "session_over" => "chosen by the algorithm: its session was over",
        "session_moved" => "chosen by the algorithm: the member of its session takes no packets",
        "flow_moved" => "chosen by the algorithm: the member of its flow takes no packets",
        other => other,
    }
}

/// The time of day in UTC.
fn time_of_day(unix_us: u64) -> String {
    let us = unix_us % DAY_US;
    let s = us / 1_000_000;
    format!(
        "{:02}:{:02}:{:02}.{:06}",
        s / 3600,
        s % 3600 / 60,
        s % 60,
        us % 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            at_unix_us: 3 * DAY_US + 3_723_000_042,
            direction: "from_client".into(),
            protocol: "TCP".into(),
            source: "192.0.2.7:4000".into(),
            destination: "198.51.100.1:80".into(),
            flags: vec!["SYN".into()],
            reason: "forwarded".into(),
            pool: Some("web".into()),
            member: Some("one".into()),
            why: Some("session".into()),
            display_names: Titles::default(),
        }
    }

    #[test]
    fn a_line_says_when_who_what_became_of_it_and_why() {
        assert_eq!(
            for_people(&line()),
            "01:02:03.000042 from client TCP 192.0.2.7:4000 > 198.51.100.1:80 SYN: forwarded, member one of pool web \
             (held by its session)"
        );
    }

    #[test]
    fn a_request_says_what_was_asked_for_and_who_answered_and_why() {
        let request = |text: &str| serde_json::from_str::<Request<'_>>(text).unwrap().for_people();
        let held = r#"{"time":"2026-11-25T23:21:38.007Z","request_id":"1","listener":"l","client":"192.0.2.7","method":"GET",
            "host":"a.example","target":"/?q=1","version":"HTTP/1.1","status":200,"received_bytes":0,"sent_bytes":5,
            "pool":"web","member":"one","session":"held","tries":1,"total_us":3042}"#;
        assert_eq!(
            request(held),
            "23:21:38.007 request HTTP/1.1 192.0.2.7 GET a.example/?q=1: 200, member one of pool web (held by its session), \
             3.042 ms"
        );
        let refused = r#"{"time":"2026-11-25T23:21:38.007Z","client":"2001:db8::7","method":"GET","host":"","target":"/",
            "version":"HTTP/2.0","status":503,"tries":0,"total_us":12,"fault":"no member is up"}"#;
        assert_eq!(
            request(refused),
            "23:21:38.007 request HTTP/2.0 2001:db8::7 GET /: 503: no member is up, 0.012 ms"
        );
    }

    #[test]
    fn what_there_is_not_is_left_away() {
        let line = Line {
            flags: Vec::new(),
            protocol: "UDP".into(),
            reason: "no_member".into(),
            pool: None,
            member: None,
            why: None,
            ..line()
        };
        assert_eq!(
            for_people(&line),
            "01:02:03.000042 from client UDP 192.0.2.7:4000 > 198.51.100.1:80: no_member"
        );
    }

    #[test]
    fn every_reason_for_a_member_has_words() {
        for word in 1..=6 {
            let why = lb_common::trace::Why::from_word(word)
                .expect("there is one")
                .label();
            assert_ne!(in_words(why), why);
        }
    }
}
