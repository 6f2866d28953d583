//! The command line.

use std::{
    io::{Read, Write},
    net::IpAddr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};

use crate::{
    api::{Answer, Command},
    config, daemon,
};

/// A load balancer that keeps sessions.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version)]
pub struct Arguments {
    /// The daemon's control socket.
    #[arg(long, global = true, default_value = "/run/holdfast/control.sock")]
    socket: PathBuf,
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Runs the daemon
    Run {
        /// The configuration file
        #[arg(long)]
        config: PathBuf,
    },
    /// Says every mistake in a configuration file
    Check {
        /// The configuration file
        file: PathBuf,
    },
    /// Shows the members, and what became of the packets
    Status,
    /// Shows which client is held to which member
    Sessions {
        /// Only with this pool
        #[arg(long)]
        pool: Option<String>,
        /// Only of this client
        #[arg(long)]
        client: Option<IpAddr>,
    },
    /// Forgets the session of a client with a pool; its open connections stay
    DropSession {
        /// The pool's name
        pool: String,
        /// The client's address
        client: IpAddr,
    },
    /// Has the daemon take its configuration file again
    Reload,
    /// Ends the daemon; the datapath goes on
    Stop {
        /// Ends the datapath too
        #[arg(long)]
        detach: bool,
    },
}

/// Does what the command line says.
pub fn run() -> anyhow::Result<()> {
    let Arguments { socket, command } = Arguments::parse();
    match command {
        Subcommands::Run { config } => {
            let filter =
                tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_writer(std::io::stderr)
                .init();
            tokio::runtime::Runtime::new()?.block_on(daemon::run(&config))
        }
        Subcommands::Check { file } => check(&file),
        Subcommands::Status => status(&socket),
        Subcommands::Sessions { pool, client } => sessions(&socket, pool, client),
        Subcommands::DropSession { pool, client } => {
            done(ask(&socket, &Command::DropSession { pool, client })?)
        }
        Subcommands::Reload => done(ask(&socket, &Command::Reload)?),
        Subcommands::Stop { detach } => done(ask(&socket, &Command::Stop { detach })?),
    }
}

fn check(file: &Path) -> anyhow::Result<()> {
    match config::load(file) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                eprintln!("{warning:#}");
            }
            println!("{}: valid", file.display());
            Ok(())
        }
        Err(mistakes) => bail!("{mistakes:#}"),
    }
}

fn ask(socket: &Path, command: &Command) -> anyhow::Result<Answer> {
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("no daemon answers at {}: is it running?", socket.display()))?;
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match serde_json::from_str(&answer).context("the daemon's answer is not understood")? {
        Answer::Failed(reason) => bail!(reason),
        answer => Ok(answer),
    }
}

fn done(answer: Answer) -> anyhow::Result<()> {
    match answer {
        Answer::Done => Ok(()),
        other => bail!("unexpected answer: {other:?}"),
    }
}

fn status(socket: &Path) -> anyhow::Result<()> {
    let Answer::Status(status) = ask(socket, &Command::Status)? else {
        bail!("unexpected answer")
    };
    println!(
        "{:<20} {:<24} {:>6} {:<11} {:>12}",
        "POOL", "MEMBER", "WEIGHT", "STATUS", "ACTIVE FLOWS"
    );
    for member in status.members {
        let (pool, name) = (member.pool, member.member);
        println!(
            "{pool:<20} {name:<24} {:>6} {:<11} {:>12}",
            member.weight, member.status, member.active_flows
        );
    }
    println!("\n{:<24} {:>14}", "PACKETS", "COUNT");
    for (reason, count) in status.packets {
        println!("{reason:<24} {count:>14}");
    }
    Ok(())
}

fn sessions(socket: &Path, pool: Option<String>, client: Option<IpAddr>) -> anyhow::Result<()> {
    let Answer::Sessions(sessions) = ask(socket, &Command::Sessions { pool, client })? else {
        bail!("unexpected answer")
    };
    println!("{:<20} {:<40} {:<24} {:>8}", "POOL", "CLIENT", "MEMBER", "IDLE");
    for session in sessions {
        let client = session.client.to_string();
        println!(
            "{:<20} {client:<40} {:<24} {:>6} s",
            session.pool, session.member, session.idle_s
        );
    }
    Ok(())
}
