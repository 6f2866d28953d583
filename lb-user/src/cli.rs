//! The command line.

mod api;
mod arguments;
mod ask;
mod check;
mod diff;
mod escape;
mod exit;
pub(crate) mod export;
mod format;
mod hash_password;
mod keys;
mod objects;
mod output;
mod pages;
mod paint;
mod request;
mod show;
mod store;
mod table;
mod top;
mod trace;
mod tree;
mod values;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use clap::Parser as _;

use crate::{
    bpf, config,
    control::{Answer, Command, socket},
    daemon, lock,
    model::{DaemonSettings, DataPlane},
    proxy, views,
};
use arguments::{Arguments, Client, Subcommands};
use ask::{ask, done, unexpected};
use exit::Exit;

/// The configuration of the service, as packages and the unit have it.
const INSTALLED: &str = "/etc/holdfast/holdfast.toml";
/// Says how the daemon's log is written: an upgrade passes it on.
const LOG_FORMAT: &str = "HOLDFAST_LOG_FORMAT";

/// Does what the command line says, and says what fails.
pub fn run() -> ExitCode {
    let ended = dispatch(Arguments::parse()).unwrap_or_else(|error| {
        output::complain(format_args!("holdfast: {error:#}"));
        Exit::of(&error)
    });
    ended.into()
}

fn dispatch(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { socket, command } = arguments;
    let socket = socket.unwrap_or_else(installed_socket);
    match command {
        Subcommands::Objects(objects) => objects.run(&socket)?,
        Subcommands::Run {
            config,
            take_over,
            dataplane,
        } => serve(&config, take_over, dataplane)?,
        Subcommands::Check { file } => check::run(&file)?,
        Subcommands::Status { tree, format } => match ask(&socket, &Command::Status)? {
            Answer::Status(status) => format.print(&status, |colours| {
                if tree {
                    tree::of(&status, colours)
                } else {
                    show::status(&status, colours)
                }
            })?,
            other => unexpected(&other)?,
        },
        Subcommands::Top(top) => top::run(&socket, &top)?,
        Subcommands::Sessions {
            pool,
            member,
            client,
            cookie,
            format,
        } => {
            let wanted = views::Wanted {
                pool,
                member,
                client,
                cookie: cookie
                    .map(|cookie| request::value(cookie, io::stdin()))
                    .transpose()?,
            };
            match ask(&socket, &Command::Sessions(wanted))? {
                Answer::Sessions(sessions) => {
                    format.print(&sessions.listed, |_| show::sessions(&sessions))?;
                }
                other => unexpected(&other)?,
            }
        }
        Subcommands::Explain {
            client: Client { address, port },
            listener,
            request,
            format,
        } => {
            let question = Command::Explain {
                client: address,
                port,
                listener,
                request: request.read(io::stdin())?,
            };
            match ask(&socket, &question)? {
                Answer::Explanation(explanation) => {
                    format.print(&explanation, |colours| show::explanation(&explanation, colours))?;
                }
                other => unexpected(&other)?,
            }
        }
        Subcommands::DropSession { pool, client } => {
            done(ask(&socket, &Command::DropSession { pool, by: client })?)?;
        }
        Subcommands::Trace {
            mut clients,
            client,
            json,
        } => {
            clients.extend(client);
            trace::run(&socket, clients, json)?;
        }
        Subcommands::Keys(keys) => keys::run(keys, proxy::unix_s())?,
        Subcommands::HashPassword => hash_password::run()?,
        Subcommands::Export => export::run(&socket)?,
        Subcommands::Diff { file, format } => return diff::run(&socket, &file, format),
        Subcommands::Store(command) => store::run(&socket, command)?,
        Subcommands::Completions { shell } => pages::completions(shell)?,
        Subcommands::Man { directory } => pages::manual(directory.as_deref())?,
        Subcommands::Reload => done(ask(&socket, &Command::Reload)?)?,
        Subcommands::ReopenLog => done(ask(&socket, &Command::ReopenLog)?)?,
        Subcommands::Upgrade => done(ask(&socket, &Command::Upgrade)?)?,
        Subcommands::Stop {
            config: Some(file), ..
        } => detach(&file)?,
        Subcommands::Stop { detach, config: None } => {
            let answer = ask(&socket, &Command::Stop { detach });
            // Nobody is there: perhaps that is the case in point.
            done(answer.map_err(|error| {
                if detach && Exit::of(&error) == Exit::NoDaemon {
                    error.context("`--config FILE` ends the datapath of a daemon that has ended")
                } else {
                    error
                }
            })?)?;
        }
    }
    Ok(Exit::Done)
}

/// Where the service answers.
fn installed_socket() -> PathBuf {
    let named = config::control_socket_of(Path::new(INSTALLED));
    named.unwrap_or(DaemonSettings::default().control_socket)
}

/// Is the daemon.
fn serve(config: &Path, take_over: bool, plane: DataPlane) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .log_internal_errors(false);
    match std::env::var(LOG_FORMAT).as_deref() {
        Ok("json") => log.json().flatten_event(true).with_ansi(false).init(),
        Ok("text" | "") | Err(_) => log
            .with_ansi(paint::of_standard_error() == paint::Colours::On)
            .init(),
        Ok(other) => bail!("{LOG_FORMAT} is \"{other}\"; it is \"text\" or \"json\""),
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let start = if take_over {
        daemon::Start::TakingOver
    } else {
        daemon::Start::Alone
    };
    let ended = runtime.block_on(daemon::run(config, start, plane));
    // A trace may just be having its programs verified, which is of no use any more.
    runtime.shutdown_background();
    ended
}

/// Ends the datapath that this configuration is of, with its daemon or without.
fn detach(file: &Path) -> anyhow::Result<()> {
    let config = match config::load(file) {
        Ok(loaded) => loaded.config.daemon,
        Err(mistakes) => bail!("{mistakes:#}"),
    };
    let is_held = lock::holder(&config.pin_path, Duration::ZERO).is_some();
    if is_held || socket::is_served(&config.control_socket) {
        return done(ask(&config.control_socket, &Command::Stop { detach: true })?);
    }
    let pins = config.pin_path.display();
    if bpf::end(&config.pin_path)? {
        Ok(())
    } else {
        bail!("there is no datapath at {pins}, and no daemon")
    }
}

#[cfg(test)]
mod tests;
