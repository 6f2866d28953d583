//! What the configuration has of a password.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use anyhow::{Context as _, ensure};
use nix::sys::termios::{self, LocalFlags, SetArg};

use super::output;
use crate::password::{self, LONGEST};

/// Asks for a password, and prints what to write for it.
pub(super) fn run() -> anyhow::Result<()> {
    let password = if io::stdin().is_terminal() {
        let password = ask("Password: ")?;
        ensure!(ask("Again: ")? == password, "these were two different passwords");
        password
    } else {
        line(io::stdin().lock())?
    };
    let hash = password::hash(password.as_bytes())?;
    Ok(output::print(hash.phc())?)
}

/// The first line, without its end.
fn line(input: impl BufRead) -> anyhow::Result<String> {
    let mut text = String::new();
    // Enough to see that it is too long.
    input
        .take(LONGEST as u64 + 2)
        .read_line(&mut text)
        .context("the password is no text")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Reads a line from the terminal, which does not show it.
fn ask(prompt: &str) -> anyhow::Result<String> {
    let mut terminal = io::stderr();
    write!(terminal, "{prompt}")?;
    terminal.flush()?;
    let silence = Silence::keep()?;
    let typed = line(io::stdin().lock());
    drop(silence);
    writeln!(terminal)?;
    typed
}

/// While it is there, the terminal does not show what is typed.
struct Silence {
    before: termios::Termios,
}

impl Silence {
    fn keep() -> anyhow::Result<Self> {
        let before = termios::tcgetattr(io::stdin()).context("cannot ask the terminal to be silent")?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent)
            .context("cannot ask the terminal to be silent")?;
        Ok(Self { before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing more can be done about it.
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_line_is_no_part_of_a_password() {
        for text in [
            "open sesame",
            "open sesame\n",
            "open sesame\r\n",
            "open sesame\nmore",
        ] {
            assert_eq!(line(text.as_bytes()).unwrap(), "open sesame");
        }
        assert_eq!(line(" a \n".as_bytes()).unwrap(), " a ");
    }
}
