//! What can be said on the command line.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use clap::{Parser, Subcommand, ValueEnum, builder::PossibleValue};

use super::{exit, format::Format, keys, objects, pages, request, store, top};
use crate::{
    http::forwarded::Prefix,
    model::{DataPlane, Word as _},
    views::RecognisedBy,
};

/// A load balancer that keeps sessions.
///
/// `holdfast run` is the daemon; the other commands ask it over its control socket, except `check`, `keys`, `hash-password` and `stop
/// --detach --config`, which need none.
/// `lb`, `listener`, `pool`, `member`, `healthmonitor`, `l7policy` and `l7rule` make and change what is served, by the
/// management API; what fails says why on standard error.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, after_long_help = exit::EXPLAINED)]
pub(super) struct Arguments {
    /// The daemon's control socket [default: what /etc/holdfast/holdfast.toml says, where that can be read, or else
    /// /run/holdfast/control.sock]
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Subcommands,
}

#[derive(Debug, Subcommand)]
pub(super) enum Subcommands {
    /// Runs the daemon
    ///
    /// SIGHUP takes the configuration again, SIGUSR1 opens the access log anew. SIGTERM ends the daemon and leaves the
    /// datapath forwarding, for the next daemon to take over; SIGINT (Ctrl-C) ends both. `RUST_LOG` sets how much is logged:
    /// `debug`, `warn`, ... With `HOLDFAST_LOG_FORMAT=json` the log is a JSON object a line rather than text.
    Run {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Where a daemon with the same `control_socket` and `pin_path` runs, takes over from it: nobody is refused, and what
        /// is under way there ends there
        #[arg(long)]
        take_over: bool,
        /// What clients are served by: needs neither rights nor the configured interfaces with `noop`
        #[arg(long, default_value_t, value_enum)]
        dataplane: DataPlane,
    },
    /// Says every mistake in a configuration file
    ///
    /// Of a valid one it says how much memory its maps will take, whether a daemon works on its `pin_path` now, what of
    /// the maps there does not fit, and which certificates cannot be used.
    Check {
        /// The configuration file
        file: PathBuf,
    },
    #[command(flatten)]
    Objects(objects::Command),
    /// Shows how load balancers, pools and members are doing, and what passed through them
    ///
    /// Counters begin when a listener, pool or member is first configured; those of TCP and UDP outlive the daemon, those of
    /// HTTP and HTTPS begin again with the next one. ONLINE: works;
    /// DEGRADED: works in part; ERROR: does not; OFFLINE: switched off, without members, or served by nobody; DRAINING: of weight 0, keeps its sessions;
    /// `NO_MONITOR`: taken to be up.
    Status {
        /// As a tree: load balancers, their listeners, pools and members, with their states alone
        #[arg(long)]
        tree: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Shows what passes now, anew each second: traffic, sessions, and how members are doing
    ///
    /// Keys: q quits, p pauses, the arrows scroll. NEW/s are flows or requests; OPEN are flows, connections, or requests that
    /// a member has under way.
    Top(top::Top),
    /// Shows which client is held to which member
    ///
    /// Clients of HTTP pools are known by the application's cookie, which is called by an id: it tells nobody the value. So are
    /// those that such a pool knows by their address.
    Sessions {
        /// Only with this pool
        #[arg(long, value_name = "NAME")]
        pool: Option<String>,
        /// Only with this member
        #[arg(long, value_name = "NAME")]
        member: Option<String>,
        /// Only of this client, who is known by no cookie then, or of those in a network, as in 192.0.2.0/28; pools of HTTP,
        /// which keep hashes of addresses alone, are asked for 256 clients at most
        #[arg(long, value_name = "ADDRESS|NETWORK")]
        client: Option<Prefix>,
        /// Only of the client whose cookie of the application has this value; `-`: it is read from standard input, so that
        /// the list of processes does not show it
        #[arg(
            long,
            value_name = "VALUE",
            allow_hyphen_values = true,
            conflicts_with = "client"
        )]
        cookie: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Forgets the session of a client with a pool; its open connections stay
    DropSession {
        /// The pool's name
        pool: String,
        /// The client's address, or the id of its cookie as `sessions` and `explain` tell it
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
        #[command(flatten)]
        format: Format,
    },
    /// Prints what becomes of each packet and each request of these clients, until Ctrl-C
    ///
    /// A line a request to a listener of HTTP or HTTPS when it is over, as the access log has it: what was asked for, the
    /// status, the member, and whether it was held there. A line a packet, as it arrived: time (UTC), direction, protocol, source and destination, TCP flags; the reason
    /// that `status` counts it under; the member, and why it is that one. Answers that do not pass the balancer (`dsr`,
    /// `ipip`) are not seen. At most 1,000 lines a second and core are told; what is lost is counted. There is one trace
    /// at a time, and it ends with this command.
    Trace {
        /// At most 16 addresses or networks, as in 192.0.2.7, 192.0.2.0/24 or `2001:db8::/64`
        #[arg(required_unless_present = "client", value_name = "CLIENT")]
        clients: Vec<Prefix>,
        /// The same, by name
        #[arg(long, value_name = "CLIENT")]
        client: Vec<Prefix>,
        /// As JSON, an object a line
        #[arg(long)]
        json: bool,
    },
    /// Shows, adds and drops the keys that seal the balancer's cookies
    ///
    /// The file is read and written directly; a daemon takes it with its next reload.
    Keys(keys::Keys),
    /// Prints what to write for a password or a token in the configuration
    ///
    /// Reads it from the terminal, twice and without showing it, or else one line from standard input. What is printed is by
    /// argon2id with a salt of its own (PHC string format): for `password` of an `[[api.user]]`, or `token` of an
    /// `[[api.token]]`.
    HashPassword,
    /// Prints what runs as a configuration file: what the daemon's own says, and what the API has made
    ///
    /// Objects of the API get names in place of their ids; of several with one name all but the first get a number. What
    /// nothing is served by is not in it: pools of the API that no listener and no policy leads to, with their members and
    /// health monitors. Standard error says what is left out, also of what the data plane has refused. Sessions do not go along: a
    /// daemon that takes the file knows pools and members by these names.
    Export,
    /// Says what a reload with that file would change
    ///
    /// What the API has made stays unless the file has it too. Where the daemon would refuse the file as it runs now, standard
    /// error says so, and what to do. Exits with 0 where there is no difference, with 1 where there are some, and with 2 where the
    /// file would be refused, or nothing can be said.
    Diff {
        /// The configuration file
        file: PathBuf,
        #[command(flatten)]
        format: Format,
    },
    /// Backs up and restores what the management API keeps
    #[command(subcommand)]
    Store(store::Store),
    /// Has the daemon take its configuration file again
    ///
    /// Sessions and live connections stay. A file with mistakes changes nothing.
    Reload,
    /// Has the daemon open its access log anew: for what rotates it
    ///
    /// The file at the log's path is made where it is not there any more. Nothing else is read again.
    ReopenLog,
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
    /// Prints what completes these commands in a shell
    Completions {
        /// The shell
        shell: pages::For,
    },
    /// Prints the manual page, or writes the pages of all commands
    Man {
        /// The directory that they are written to
        directory: Option<PathBuf>,
    },
}

impl ValueEnum for DataPlane {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Kernel => "the datapath, in the kernel, and the proxy",
            Self::Noop => "nothing: the daemon takes configurations and answers, and nobody is served",
        };
        Some(PossibleValue::new(self.word()).help(help))
    }
}

/// A client, as it is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
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
