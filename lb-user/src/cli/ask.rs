//! Asking the daemon at its control socket, by commands.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

use anyhow::{Context as _, bail};

use super::exit::{Exit, Failure};
use crate::control::{Answer, Command};

pub(super) const NOT_UNDERSTOOD: &str = "the daemon's answer is not understood: is it of this version?";

/// Sends a command; its answers come by the stream.
pub(super) fn send(socket: &Path, command: &Command) -> anyhow::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket).with_context(|| unreachable(socket))?;
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    Ok(stream)
}

/// Sends a command, and waits for what is answered.
pub(super) fn ask(socket: &Path, command: &Command) -> anyhow::Result<Answer> {
    let mut answer = String::new();
    send(socket, command)?
        .read_to_string(&mut answer)
        .context("the daemon ended before it answered")?;
    if answer.is_empty() {
        bail!("the daemon ended before it answered; its log may say why");
    }
    match serde_json::from_str(&answer).context(NOT_UNDERSTOOD)? {
        // All mistakes of a file, a line each.
        Answer::Failed(reason) if matches!(command, Command::Reload | Command::Upgrade) => bail!(reason),
        Answer::NoSuch(reason) => Err(Failure::new(Exit::NotFound, reason).into()),
        Answer::Failed(reason) => Err(Failure::new(Exit::Failed, reason).into()),
        answer => Ok(answer),
    }
}

/// What there is to say where nobody answers.
pub(super) fn unreachable(socket: &Path) -> Failure {
    let text = format!(
        "no daemon can be reached at {}; start one with `holdfast run --config FILE`, name the socket of another \
         with `--socket PATH`, or, where permission is denied, ask as root or as the socket's group",
        socket.display()
    );
    Failure::new(Exit::NoDaemon, text)
}

/// Of a command that has nothing to tell.
pub(super) fn done(answer: Answer) -> anyhow::Result<()> {
    match answer {
        Answer::Done => Ok(()),
        other => unexpected(&other),
    }
}

/// Another answer than there is to this command.
pub(super) fn unexpected<T>(answer: &Answer) -> anyhow::Result<T> {
    bail!("unexpected answer: {answer:?}")
}
