//! One thread, one epoll instance: the members and whoever asks. With a core to themselves they cost each other no switch
//! of threads, and the proxy is what there is too little of.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use mio::event::Event;
use mio::{Events, Poll, Registry, Token};

use crate::machine;
use crate::member::{Members, Seen};

/// Tokens from here on are the members'; those below are the clients'.
const MEMBERS_FROM: usize = 1 << 20;
const EVENTS: usize = 256;
/// How long nothing happens before it is looked whether all is to end.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

pub(crate) struct Engine {
    poll: Poll,
    events: Events,
    members: Members,
}

impl Engine {
    pub(crate) fn new() -> Result<Self> {
        let poll = Poll::new()?;
        let members = Members::listen(poll.registry(), MEMBERS_FROM)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            members,
        })
    }

    /// What the members have seen so far.
    pub(crate) fn seen(&self) -> Seen {
        self.members.seen()
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Waits for events for so long at most, and handles them: those of clients by `client`, with their number.
    pub(crate) fn turn(
        &mut self,
        longest_wait: Duration,
        mut client: impl FnMut(&Registry, usize, &Event) -> Result<()>,
    ) -> Result<()> {
        if machine::is_stopped() {
            bail!("stopped by a signal");
        }
        match self
            .poll
            .poll(&mut self.events, Some(longest_wait.min(LONGEST_WAIT)))
        {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &self.events {
            let Token(token) = event.token();
            if token < MEMBERS_FROM {
                client(self.poll.registry(), token, event)?;
            } else {
                self.members.ready(self.poll.registry(), MEMBERS_FROM, event)?;
            }
        }
        Ok(())
    }

    /// Lets the members answer while something waits for that.
    pub(crate) fn serve_while<T: Send>(&mut self, what: impl FnOnce() -> T + Send) -> Result<T> {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let value = what();
                is_over.store(true, Ordering::Release);
                value
            });
            while !is_over.load(Ordering::Acquire) && !thread.is_finished() {
                self.turn(LONGEST_WAIT, |_, _, _| Ok(()))?;
            }
            thread
                .join()
                .map_err(|_| anyhow!("what the members were to serve panicked"))
        })
    }
}
