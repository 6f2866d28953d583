//! The command line.

mod keys;
pub mod output;
mod request;
mod show;
mod table;
mod trace;

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};

use crate::{
    api::{Answer, Command},
    bpf::{self, Memory},
    config, daemon, preflight, proxy,
    trace::Client as TracedClient,
    views::{self, RecognisedBy},
};

/// A load balancer that keeps sessions.
///
/// `holdfast run` is the daemon; the other commands ask it over its control socket, except `check`, `keys` and `stop
/// --detach --config`, which need none.
/// What fails says why on standard error and exits with 1; wrong arguments exit with 2.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version)]
pub struct Arguments {
    /// The daemon's control socket: `daemon.control_socket` of its configuration
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "/run/holdfast/control.sock"
    )]
    socket: PathBuf,
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Runs the daemon
    ///
    /// SIGHUP takes the configuration again. SIGTERM ends the daemon and leaves the datapath forwarding, for the next
    /// daemon to take over; SIGINT (Ctrl-C) ends both. `RUST_LOG` sets how much is logged: `debug`, `warn`, ...
    Run {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Where a daemon with the same `control_socket` and `pin_path` runs, takes over from it: nobody is refused, and what
        /// is under way there ends there
        #[arg(long)]
        take_over: bool,
    },
    /// Says every mistake in a configuration file
    ///
    /// Of a valid one it says how much memory its maps will take, whether a daemon works on its `pin_path` now, what of
    /// the maps there does not fit, and which certificates cannot be used.
    Check {
        /// The configuration file
        file: PathBuf,
    },
    /// Shows how load balancers, pools and members are doing, and what passed through them
    ///
    /// Counters begin when a listener, pool or member is first configured; those of TCP and UDP outlive the daemon, those of
    /// HTTP and HTTPS begin again with the next one. ONLINE: works;
    /// DEGRADED: works in part; ERROR: does not; OFFLINE: switched off; DRAINING: of weight 0, keeps its sessions;
    /// `NO_MONITOR`: taken to be up.
    Status {
        /// As JSON, with all numbers in full
        #[arg(long)]
        json: bool,
    },
    /// Shows which client is held to which member
    ///
    /// Clients of HTTP pools are known by the application's cookie, which is called by an id: it tells nobody the value.
    Sessions {
        /// Only with this pool
        #[arg(long, value_name = "NAME")]
        pool: Option<String>,
        /// Only with this member
        #[arg(long, value_name = "NAME")]
        member: Option<String>,
        /// Only of this client, who is known by no cookie then
        #[arg(long, value_name = "ADDRESS")]
        client: Option<IpAddr>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Forgets the session of a client with a pool; its open connections stay
    DropSession {
        /// The pool's name
        pool: String,
        /// The client's address, or the id of its cookie as `sessions` lists it
        client: RecognisedBy,
    },
    /// Says why a client goes where it goes, and until when
    ///
    /// With an address: where its next connection goes, its session, and its flows. With an address and a port: the
    /// same of that flow. Where the listener is one of HTTP: where a request goes that is with this cookie, or without.
    /// Looking changes nothing: no turn is taken, and no session is renewed.
    Explain {
        /// The client: ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT
        client: Client,
        /// The listener: its name, or `PROTOCOL://VIP:PORT`
        listener: String,
        /// What its request says, where the listener is one of HTTP
        #[command(flatten)]
        request: request::Arguments,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Prints what becomes of each packet of these clients, until Ctrl-C
    ///
    /// A line a packet, as it arrived: time (UTC), direction, protocol, source and destination, TCP flags; the reason
    /// that `status` counts it under; the member, and why it is that one. Answers that do not pass the balancer (`dsr`,
    /// `ipip`) are not seen. At most 1,000 lines a second and core are told; what is lost is counted. There is one trace
    /// at a time, and it ends with this command.
    Trace {
        /// At most 16 addresses or networks, as in 192.0.2.7, 192.0.2.0/24 or `2001:db8::/64`
        #[arg(required = true, value_name = "CLIENT")]
        clients: Vec<TracedClient>,
        /// As JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Shows, adds and drops the keys that seal the balancer's cookies
    ///
    /// The file is read and written directly; a daemon takes it with its next reload.
    Keys(keys::Keys),
    /// Has the daemon take its configuration file again
    ///
    /// Sessions and live connections stay. A file with mistakes changes nothing.
    Reload,
    /// Has the binary that is installed now take over from the daemon that runs
    ///
    /// It reads the configuration file anew, and gets the listening sockets, the sessions, and what is known of the members'
    /// health. Nobody is refused; what is under way ends with the daemon before, within `proxy.drain_s`. Where the new one does
    /// not come up, that one goes on.
    Upgrade,
    /// Ends the daemon; the datapath goes on
    Stop {
        /// Ends the datapath too, and forgets flows, sessions and counters
        #[arg(long)]
        detach: bool,
        /// The daemon's configuration file: names it instead of --socket, and finds its datapath also where the daemon has
        /// ended already
        #[arg(long, value_name = "FILE", requires = "detach")]
        config: Option<PathBuf>,
    },
}

/// A client, as it is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Client {
    address: IpAddr,
    port: Option<u16>,
}

impl FromStr for Client {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            let address = address.to_canonical();
            return Ok(Self { address, port: None });
        }
        let endpoint: SocketAddr = text
            .parse()
            .map_err(|_| "write it as in 192.0.2.7, 192.0.2.7:4000, 2001:db8::7 or [2001:db8::7]:4000")?;
        Ok(Self {
            address: endpoint.ip().to_canonical(),
            port: Some(endpoint.port()),
        })
    }
}

/// Does what the command line says.
pub fn run() -> anyhow::Result<()> {
    let Arguments { socket, command } = Arguments::parse();
    match command {
        Subcommands::Run { config, take_over } => {
            let filter =
                tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_writer(std::io::stderr)
                .with_ansi(output::is_coloured())
                .log_internal_errors(false)
                .init();
            let runtime = tokio::runtime::Runtime::new()?;
            let start = if take_over {
                daemon::Start::TakingOver
            } else {
                daemon::Start::Alone
            };
            let ended = runtime.block_on(daemon::run(&config, start));
            // A trace may just be having its programs verified, which is of no use any more.
            runtime.shutdown_background();
            ended
        }
        Subcommands::Check { file } => check(&file),
        Subcommands::Status { json } => show(ask(&socket, &Command::Status)?, json),
        Subcommands::Sessions {
            pool,
            member,
            client,
            json,
        } => {
            let wanted = views::Wanted { pool, member, client };
            show(ask(&socket, &Command::Sessions(wanted))?, json)
        }
        Subcommands::Explain {
            client,
            listener,
            request,
            json,
        } => {
            let Client { address, port } = client;
            let question = Command::Explain {
                client: address,
                port,
                listener,
                request: request.read(io::stdin())?,
            };
            show(ask(&socket, &question)?, json)
        }
        Subcommands::DropSession { pool, client } => {
            done(ask(&socket, &Command::DropSession { pool, by: client })?)
        }
        Subcommands::Trace { clients, json } => trace::run(&socket, clients, json),
        Subcommands::Keys(keys) => keys::run(keys, proxy::unix_s()),
        Subcommands::Reload => done(ask(&socket, &Command::Reload)?),
        Subcommands::Upgrade => done(ask(&socket, &Command::Upgrade)?),
        Subcommands::Stop {
            config: Some(file), ..
        } => detach(&file),
        Subcommands::Stop { detach, config: None } => {
            let answer = ask(&socket, &Command::Stop { detach });
            // Nobody is there: perhaps that is the case in point.
            done(answer.map_err(|error| {
                if detach && error.is::<io::Error>() {
                    error.context("`--config FILE` ends the datapath of a daemon that has ended")
                } else {
                    error
                }
            })?)
        }
    }
}

/// Ends the datapath that this configuration is of, with its daemon or without.
fn detach(file: &Path) -> anyhow::Result<()> {
    let config = match config::load(file) {
        Ok(loaded) => loaded.config.daemon,
        Err(mistakes) => bail!("{mistakes:#}"),
    };
    if bpf::holder(&config.pin_path, Duration::ZERO).is_some() {
        return done(ask(&config.control_socket, &Command::Stop { detach: true })?);
    }
    let pins = config.pin_path.display();
    if bpf::end(&config.pin_path)? {
        Ok(())
    } else {
        bail!("there is no datapath at {pins}, and no daemon")
    }
}

fn check(file: &Path) -> anyhow::Result<()> {
    match config::load(file) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                output::complain(format_args!("{warning:#}"));
            }
            preflight::check_places(&loaded.config)?;
            let memory = Memory::estimated(&loaded.config.datapath)?;
            let pins = &loaded.config.daemon.pin_path;
            // The file is right all the same.
            if let Err(misfit) = bpf::fits(pins, &loaded.config.datapath) {
                output::complain(format_args!("a daemon would not start now: {misfit}"));
            }
            if let Err(unusable) = proxy::Proxy::check_files(&loaded.config) {
                output::complain(format_args!("a daemon would not start now: {unusable:#}"));
            }
            let holder = bpf::holder(pins, Duration::ZERO);
            let holder = holder.map_or_else(String::new, |holder| {
                format!("\n{}: a daemon works on it, {holder}", pins.display())
            });
            let file = file.display();
            Ok(output::print(format_args!(
                "{file}: valid\nits maps will take {memory}{holder}"
            ))?)
        }
        Err(mistakes) => bail!("{mistakes:#}"),
    }
}

const NOT_UNDERSTOOD: &str = "the daemon's answer is not understood: is it of this version?";

fn send(socket: &Path, command: &Command) -> anyhow::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket).with_context(|| unreachable(socket))?;
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    Ok(stream)
}

fn ask(socket: &Path, command: &Command) -> anyhow::Result<Answer> {
    let mut answer = String::new();
    send(socket, command)?
        .read_to_string(&mut answer)
        .context("the daemon ended before it answered")?;
    if answer.is_empty() {
        bail!("the daemon ended before it answered; its log may say why");
    }
    match serde_json::from_str(&answer).context(NOT_UNDERSTOOD)? {
        Answer::Failed(reason) => bail!(reason),
        answer => Ok(answer),
    }
}

fn unreachable(socket: &Path) -> String {
    format!(
        "no daemon can be reached at {}; start one with `holdfast run --config FILE`, name the socket of another \
         with `--socket PATH`, or, where permission is denied, ask as root or as the socket's group",
        socket.display()
    )
}

fn done(answer: Answer) -> anyhow::Result<()> {
    match answer {
        Answer::Done => Ok(()),
        other => bail!("unexpected answer: {other:?}"),
    }
}

/// Prints an answer: as it is, or for people.
fn show(answer: Answer, json: bool) -> anyhow::Result<()> {
    let text = match (answer, json) {
        (Answer::Status(status), true) => serde_json::to_string_pretty(&status)?,
        (Answer::Status(status), false) => show::status(&status),
        (Answer::Sessions(sessions), true) => serde_json::to_string_pretty(&sessions.listed)?,
        (Answer::Sessions(sessions), false) => show::sessions(&sessions),
        (Answer::Explanation(explanation), true) => serde_json::to_string_pretty(&explanation)?,
        (Answer::Explanation(explanation), false) => show::explanation(&explanation),
        (other, _) => bail!("unexpected answer: {other:?}"),
    };
    Ok(output::print(text)?)
}

#[cfg(test)]
mod tests;
