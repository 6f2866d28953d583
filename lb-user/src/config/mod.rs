//! The configuration file: TOML in, a valid [`model::Config`](crate::model::Config) out, or everything that is wrong.
//!
//! ```text
//! text -> TOML document -> raw objects (every value right by itself) -> rules between them -> model
//!         toml             reader, values, one file an object            rules, pool_rules
//! ```
//!
//! No step stops at the first mistake. Syntax is the exception: of a document that is not TOML only that is said, since
//! the rest of it would be guesswork.

mod api;
mod cookie;
mod diagnostic;
mod duration;
mod health_monitor;
mod http;
mod identity;
mod load_balancer;
mod persistence;
mod policy;
mod pool;
mod pool_rules;
mod reader;
mod rules;
mod settings;
mod suggest;
#[cfg(test)]
mod tests;
mod values;

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use toml::de::DeTable;

pub use diagnostic::{Diagnostic, Diagnostics, Position, Severity};
pub(crate) use suggest::closest;

use crate::model::Config;
use diagnostic::{Report, Reported, Span};
use reader::{Table, quoted};
use rules::RawConfig;

/// The largest file that is read, in bytes: 16 MiB.
pub const LARGEST_FILE: usize = 16 << 20;

/// Of a larger text that is not TOML only the first mistake is looked for: each costs memory, and junk has one a byte.
const LARGEST_SEARCHED_FOR_SYNTAX: usize = 1 << 20;

/// A configuration that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is allowed but perhaps not meant, by line.
    pub warnings: Vec<Diagnostic>,
}

/// Reads and checks the file at `path`.
pub fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    let file = path.display().to_string();
    let bytes =
        read(path).map_err(|error| Diagnostics::of_file(&file, format!("cannot be read: {error}")))?;
    if bytes.len() > LARGEST_FILE {
        return Err(too_large(&file));
    }
    match str::from_utf8(&bytes) {
        Ok(text) => parse(text, &file),
        Err(error) => {
            let (text, _) = bytes.split_at(error.valid_up_to());
            let text = str::from_utf8(text).unwrap_or_default();
            let report = Report::new(&file, text);
            let here = Span {
                start: text.len(),
                end: text.len(),
            };
            let not_text = report.error(here, "this byte is not UTF-8; save the file as UTF-8 text".into());
            report.finish(Err(not_text))
        }
    }
}

/// Where the daemon of the file at `path` answers, as far as the file says so and can be read. Mistakes in all else are no hindrance:
/// whoever asks for a reload hears of them from the daemon.
#[must_use]
pub fn control_socket_of(path: &Path) -> Option<PathBuf> {
    let bytes = read(path).ok()?;
    let text = str::from_utf8(&bytes).ok()?;
    let document = match text.len() {
        ..=LARGEST_SEARCHED_FOR_SYNTAX => DeTable::parse_recoverable(text).0,
        _ => DeTable::parse(text).ok()?,
    };
    let daemon = document.get_ref().get("daemon")?.get_ref().as_table()?;
    let socket = daemon.get("control_socket")?.get_ref().as_str()?;
    Some(socket.into())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody to write.
    let options = OFlag::O_NONBLOCK.bits();
    let file = File::options().read(true).custom_flags(options).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(
            "it is no regular file; write the configuration to one, and name that",
        ));
    }
    let mut bytes = Vec::new();
    // One byte more shows that a file is too large without reading all of it.
    file.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_large(file: &str) -> Diagnostics {
    let message = format!(
        "is too large; a configuration has at most {} MiB",
        LARGEST_FILE >> 20
    );
    Diagnostics::of_file(file, message)
}

/// Checks `text`; `file` is what diagnostics call it.
pub fn parse(text: &str, file: &str) -> Result<Loaded, Diagnostics> {
    if text.len() > LARGEST_FILE {
        return Err(too_large(file));
    }
    let report = Report::new(file, text);
    let config = document(text, &report).and_then(|document| {
        let raw = Table::document(&document, &report, |t| RawConfig {
            daemon: t.section("daemon", settings::daemon).flatten(),
            datapath: t.section("datapath", settings::datapath),
            proxy: t.section("proxy", http::proxy).flatten(),
            api: t.section("api", api::api).flatten(),
            load_balancers: t.tables("load_balancer", &["name"], load_balancer::load_balancer),
            pools: t.tables("pool", &["name"], pool::pool),
        });
        raw.valid()
    });
    report.finish(config)
}

/// Writes `config` in the language [`parse`] reads, every default included.
pub fn render(config: &Config) -> Result<String, toml::ser::Error> {
    toml::to_string(config)
}

fn document<'t>(text: &'t str, report: &Report<'_>) -> Result<DeTable<'t>, Reported> {
    let first = match DeTable::parse(text) {
        Ok(document) => return Ok(document.into_inner()),
        Err(error) => error,
    };
    // Begins with the first again: it is the same parser.
    let all = match text.len() {
        ..=LARGEST_SEARCHED_FOR_SYNTAX => DeTable::parse_recoverable(text).1,
        _ => Vec::new(),
    };
    let say = |error: &toml::de::Error| {
        let span = error.span().map_or(Span { start: 0, end: 0 }, Span::from);
        let here = match report.shown(span).trim() {
            "" => String::new(),
            source => format!(" at {}", quoted(source)),
        };
        report.error(span, format!("not valid TOML{here}: {}", error.message()))
    };
    let reported = say(&first);
    for error in all.iter().skip(1) {
        say(error);
    }
    Err(reported)
}
