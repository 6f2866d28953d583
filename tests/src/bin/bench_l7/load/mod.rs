//! Clients of a proxy, all of one kind.

mod pace;
mod tally;
mod wire;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use mio::event::Event;
use mio::{Registry, Token};
use rustls::ClientConfig;

pub(crate) use pace::Pace;
pub(crate) use tally::{Tally, Times};
use wire::{End, Wire};

use crate::engine::Engine;
use crate::talk::{Held, Kind, Talk};

const READ_BYTES: usize = 64 << 10;
/// What is under way when a pass ends is answered long before.
const PATIENCE: Duration = Duration::from_secs(20);

/// What kind of clients, and how many.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) to: SocketAddr,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) kind: Kind,
    pub(crate) connections: usize,
    /// The clients' cookies, dealt out in turns; empty where they have none.
    pub(crate) held: Vec<Held>,
}

/// The clients, with the engine that moves them.
pub(crate) struct Load<'e> {
    engine: &'e mut Engine,
    clients: Clients,
}

struct Clients {
    plan: Plan,
    slots: Vec<Slot>,
    /// Who may ask next: a slot as often as it may have requests under way.
    free: VecDeque<usize>,
    under_way: usize,
    pace: Pace,
    tally: Tally,
    scratch: Vec<u8>,
    answered: Vec<Instant>,
}

/// A client: its connection, if it has one, and what is said on it.
struct Slot {
    wire: Option<Wire>,
    talk: Talk,
    /// What has come and is not done with.
    input: Vec<u8>,
    out: Vec<u8>,
    under_way: usize,
    is_established: bool,
}

impl<'e> Load<'e> {
    pub(crate) fn new(engine: &'e mut Engine, plan: Plan) -> Result<Self> {
        let slot = |index: usize| -> Result<Slot> {
            let held = (!plan.held.is_empty()).then(|| &plan.held[index % plan.held.len()]);
            Ok(Slot {
                wire: None,
                talk: Talk::new(plan.kind, held)?,
                input: Vec::new(),
                out: Vec::new(),
                under_way: 0,
                is_established: false,
            })
        };
        let slots = (0..plan.connections).map(slot).collect::<Result<_>>()?;
        let once_each = 0..plan.connections;
        let free = (0..plan.kind.at_once()).flat_map(|_| once_each.clone()).collect();
        Ok(Self {
            engine,
            clients: Clients {
                plan,
                slots,
                free,
                under_way: 0,
                pace: Pace::Ended,
                tally: Tally::default(),
                scratch: vec![0; READ_BYTES],
                answered: Vec::new(),
            },
        })
    }

    /// From now on the clients ask at this pace.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.clients.pace = pace;
    }

    /// Goes on for so long.
    pub(crate) fn run_for(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            self.turn(end - now)?;
        }
    }

    /// Asks so often, and waits for all answers.
    pub(crate) fn run_counted(&mut self, count: usize, at_once: usize) -> Result<()> {
        self.set_pace(Pace::Counted { left: count, at_once });
        let last = Instant::now() + PATIENCE.max(Duration::from_millis(count as u64));
        loop {
            self.turn(PATIENCE)?;
            let Pace::Counted { left, .. } = self.clients.pace else {
                bail!("the pace changed")
            };
            if left == 0 && self.clients.under_way == 0 {
                return Ok(());
            }
            ensure!(Instant::now() < last, "{left} were never asked");
        }
    }

    /// Asks nothing more, and waits for what is under way.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.set_pace(Pace::Ended);
        let last = Instant::now() + PATIENCE;
        while self.clients.under_way > 0 {
            self.turn(PATIENCE)?;
            if Instant::now() > last {
                bail!("{} requests were never answered", self.clients.under_way);
            }
        }
        Ok(())
    }

    pub(crate) fn tally(&mut self) -> &mut Tally {
        &mut self.clients.tally
    }

    /// Who uses what has come so far, and moves it on.
    pub(crate) fn engine(&self) -> &Engine {
        self.engine
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.clients
            .slots
            .iter()
            .filter(|slot| slot.wire.is_some())
            .count()
    }

    /// The sessions of which the clients have kept the cookie.
    pub(crate) fn sampled_sessions(&mut self) -> Vec<Held> {
        let slots = self.clients.slots.iter_mut();
        let samples = slots.map(|slot| match &mut slot.talk {
            Talk::Http1(talk) => std::mem::take(&mut talk.sample),
            Talk::Http2(_) | Talk::Handshake(_) => Vec::new(),
        });
        samples.flatten().collect()
    }

    fn turn(&mut self, longest_wait: Duration) -> Result<()> {
        let Self { engine, clients } = self;
        clients.ask_what_is_due(engine.registry());
        let longest_wait = longest_wait.min(clients.pace.longest_wait());
        engine.turn(longest_wait, |registry, index, event| {
            clients.ready(registry, index, event)
        })
    }
}

impl Clients {
    fn ask_what_is_due(&mut self, registry: &Registry) {
        while let Some(&index) = self.free.front() {
            let Some(since) = self.pace.next(self.under_way, Instant::now()) else {
                return;
            };
            self.free.pop_front();
            self.under_way += 1;
            let slot = &mut self.slots[index];
            slot.under_way += 1;
            if let Err(error) = slot.ask(registry, index, &self.plan, since) {
                self.give_up(index, &error);
                // Whatever it is: it would come again at once.
                if self.tally.has_too_many_faults() {
                    return;
                }
            }
        }
    }

    fn ready(&mut self, registry: &Registry, index: usize, event: &Event) -> Result<()> {
        let slot = &mut self.slots[index];
        let outcome = slot.ready(event, &self.plan, &mut self.scratch, &mut self.answered);
        let now = Instant::now();
        for since in self.answered.drain(..) {
            self.tally.answered(since, now);
            slot.under_way -= 1;
            self.under_way -= 1;
            // Who asks once only (`Counted`) still may ask: there are as many who have not asked yet before it.
            self.free.push_back(index);
        }
        if let Err(error) = outcome {
            self.give_up(index, &error);
            if self.tally.has_too_many_faults() {
                let first = self.tally.first_fault.clone().unwrap_or_default();
                bail!("{} faults, the first: {first}", self.tally.faults);
            }
        }
        self.ask_what_is_due(registry);
        Ok(())
    }

    /// The connection is of no more use; its client will make another.
    fn give_up(&mut self, index: usize, error: &anyhow::Error) {
        self.tally.fault(error);
        let slot = &mut self.slots[index];
        slot.close();
        self.under_way -= slot.under_way;
        self.free.extend(std::iter::repeat_n(index, slot.under_way));
        slot.under_way = 0;
    }
}

impl Slot {
    fn ask(&mut self, registry: &Registry, index: usize, plan: &Plan, since: Instant) -> Result<()> {
        if self.wire.is_none() {
            self.wire = Some(Wire::open(registry, Token(index), plan.to, plan.tls.as_ref())?);
            self.talk.open(&mut self.out);
        }
        self.talk.ask(since, &mut self.out)?;
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        if let Some(wire) = &mut self.wire
            && !self.out.is_empty()
        {
            wire.send(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    fn ready(
        &mut self,
        event: &Event,
        plan: &Plan,
        scratch: &mut [u8],
        answered: &mut Vec<Instant>,
    ) -> Result<()> {
        // What is told of a connection that is gone already needs no answer.
        let Some(wire) = &mut self.wire else {
            return Ok(());
        };
        if event.is_writable() {
            wire.flush()?;
        }
        if !event.is_readable() {
            return Ok(());
        }
        let (talk, input, out) = (&mut self.talk, &mut self.input, &mut self.out);
        let end = wire.receive(event, scratch, |bytes| {
            if input.is_empty() {
                let used = talk.take(bytes, out, answered)?;
                input.extend_from_slice(&bytes[used..]);
            } else {
                input.extend_from_slice(bytes);
                let used = talk.take(input, out, answered)?;
                input.drain(..used);
            }
            Ok(())
        })?;
        if !self.is_established && wire.is_established()? {
            self.is_established = true;
            // Who agrees on nothing speaks HTTP/1.1.
            let agreed = wire.agreed_protocol().unwrap_or(b"http/1.1");
            ensure!(
                plan.tls.is_none() || agreed == plan.kind.protocol().as_bytes(),
                "another protocol was agreed on"
            );
            if plan.kind == Kind::Handshake {
                wire.finish()?;
            }
        }
        if end == End::Ended {
            if plan.kind == Kind::Handshake {
                ensure!(self.is_established, "the handshake was broken off");
            }
            answered.extend(self.talk.end().context("too early")?);
            self.close();
            return Ok(());
        }
        self.send()
    }

    fn close(&mut self) {
        self.wire = None;
        self.input.clear();
        self.out.clear();
        self.is_established = false;
    }
}
