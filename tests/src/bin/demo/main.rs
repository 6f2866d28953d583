//! The demonstration: a balancer, clients and three members in network namespaces of their own, in rounds until Ctrl-C.

mod plan;
mod round;
mod web;

use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lb_tests::http::Authority;
use lb_tests::{Daemon, Laboratory, Services};
use tokio::signal::unix::{SignalKind, signal};

use plan::MEMBER_PORT;
use round::Results;
use web::Visitors;

const HELP: &str = "\
A demonstration of Holdfast: a client, a balancer and three members in network namespaces of their own, with the real
daemon in the balancer's. Clients connect over TCP and UDP, and visit over HTTP and HTTPS, over IPv4 and IPv6; tables show how
they were spread, and where those were held that have a session. It goes on in rounds until Ctrl-C, and then removes everything.

Usage: demo [--once]

  --once   one round; the exit status is 0 only if it went as configured
  --help   this

It needs root. HOLDFAST_BIN names the binary to show; without it, it is target/release/holdfast.
";

const PAUSE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounds {
    One,
    UntilStopped,
}

fn main() -> ExitCode {
    match rounds_wanted().and_then(|rounds| rounds.map_or(Ok(ExitCode::SUCCESS), demonstrate)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for; `None` if it was for help, which has then been given.
fn rounds_wanted() -> Result<Option<Rounds>> {
    let mut rounds = Rounds::UntilStopped;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--once" => rounds = Rounds::One,
            "-h" | "--help" => {
                print!("{HELP}");
                return Ok(None);
            }
            other => bail!("there is no argument {other}: --once and --help are all"),
        }
    }
    Ok(Some(rounds))
}

fn demonstrate(rounds: Rounds) -> Result<ExitCode> {
    let stop = stop_signals()?;
    let lab = Laboratory::routed().members(plan::WEIGHTS.len()).build()?;
    let _members = lab.serve_all(
        &Services::new()
            .tcp([MEMBER_PORT])
            .udp([MEMBER_PORT])
            .web([web::WEB_PORT]),
    )?;
    let authority = Authority::new()?;
    let certificate = web::certify(&authority)?;
    let visitors = Visitors::new(&lab, &authority)?;
    print!("{}", plan::what_was_built(&lab));
    let config = plan::configuration(&lab, &certificate);
    println!("The configuration (beside its [daemon] and interfaces):\n");
    for line in config.lines() {
        println!("    {line}");
    }
    let daemon = Daemon::start(&lab, &config)?;

    let mut all = Results::new(&lab);
    let mut faults = Vec::new();
    for number in 1_u32.. {
        let results = round::play(&lab, &visitors);
        println!("\nRound {number}: {}", results.summary());
        all.add(results);
        let found = all.faults();
        if number == 1 || found != faults {
            print!("\n{all}");
        }
        faults = found;
        for fault in &faults {
            println!("WRONG: {fault}");
        }
        if number == 1 && rounds == Rounds::UntilStopped {
            println!("\nIt goes on until Ctrl-C.");
        }
        if rounds == Rounds::One || !goes_on(&stop) {
            break;
        }
    }
    if rounds == Rounds::UntilStopped {
        print!("\n\nAll rounds together:\n\n{all}");
    }
    if faults.is_empty() {
        println!("\nAll as configured.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nThe log of the daemon:\n{}", daemon.log());
    Ok(ExitCode::FAILURE)
}

/// Something comes out when Ctrl-C is pressed, the terminal is closed, or `SIGTERM` comes: from then on the program ends by its own way out.
fn stop_signals() -> Result<Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    drop(entered);
    let (stop, stopped) = channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        // Nobody listens any more when all has ended anyway.
        let _ = stop.send(());
    });
    Ok(stopped)
}

/// Waits for the time of the next round; false if there is to be none.
fn goes_on(stop: &Receiver<()>) -> bool {
    matches!(stop.recv_timeout(PAUSE), Err(RecvTimeoutError::Timeout))
}
