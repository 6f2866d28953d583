//! A worker: one thread with its own sockets, connections and memory, which shares nothing with the others but counters and
//! the state of members.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    net::{self, SocketAddr},
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use tokio::{sync::mpsc, time};
use tracing::{info, warn};

use super::{
    buffer::Buffers,
    date::DateLine,
    door::{Door, Doors, Rest},
    fault::Fault,
    greeting::{Ends, NoHeader},
    log::{Entry, Lines, Log},
    persist::Sessions,
    pool::{Member, Pool},
    request_id::{Ids, RequestId},
    serving::{Listener, Serving},
    timer::{TICK, Timer, Timers},
    upstream::Connections,
};
use crate::{
    http::head::Head,
    model::Titled as _,
    persistence::app_cookies::{Cursor, Ended},
    seldom::Seldom,
    tls::server,
};

/// Heads, and bytes to be written, that a worker keeps for the next request.
const MOST_KEPT: usize = 256;
/// Above that their memory is given back.
const LARGEST_KEPT: usize = 64 * 1024;
/// At most once in this while a worker tells of trusted proxies without a PROXY header, of handshakes, and of requests that
/// failed.
const SAID: Duration = Duration::from_secs(10);
/// In so many ticks all application cookies are looked at.
const TICKS_A_ROUND: usize = 600;

/// How long what is under way may take to break off, so that it is noted and told to clients.
const TO_BREAK_OFF: Duration = Duration::from_secs(1);

/// What a worker is told.
pub(super) enum Command {
    /// Serves this from now on, at these new sockets too.
    Serve(Arc<Serving>, Vec<(SocketAddr, net::TcpListener)>),
    /// Accepts nothing more, and ends with the last connection.
    Drain(Idle),
    /// Breaks off what is under way, and ends.
    End,
}

/// What becomes of connections without a request, and of upgraded ones, while a worker drains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// They end at once.
    Ends,
    /// They end after their next request: its client may just be sending it, and would take the end for a failure. Upgraded
    /// ones end by themselves.
    Stays,
}

/// What the tasks of a worker share.
pub(super) struct Worker {
    pub(super) timers: Rc<Timers>,
    pub(super) buffers: Buffers,
    pub(super) connections: Connections,
    pub(super) sessions: Arc<Sessions>,
    lines: Lines,
    ids: Ids,
    serving: RefCell<Arc<Serving>>,
    /// How it ends, if it does.
    draining: Cell<Option<Idle>>,
    /// Clients' connections that are open.
    pub(super) open: Cell<usize>,
    begun: Instant,
    now_s: Cell<u32>,
    unix_s: Cell<u32>,
    date: DateLine,
    /// When it was looked last what has to end, in seconds since 1970.
    looked_s: Cell<u32>,
    heads: RefCell<Vec<Head>>,
    bytes: RefCell<Vec<Vec<u8>>>,
    /// When it was last said that a proxy does not speak the PROXY protocol.
    headerless: Cell<Seldom>,
    /// When it was last said why a handshake failed.
    handshakes: Cell<Seldom>,
    /// When it was last said why a member failed.
    failures: Cell<Seldom>,
    /// Failures of members of which nothing was said since the last.
    unsaid: Cell<u64>,
}

impl Worker {
    fn new(sessions: Arc<Sessions>) -> Self {
        Self {
            timers: Rc::default(),
            buffers: Buffers::default(),
            connections: Connections::default(),
            sessions,
            lines: Lines::default(),
            ids: Ids::default(),
            serving: RefCell::default(),
            draining: Cell::new(None),
            open: Cell::new(0),
            begun: Instant::now(),
            now_s: Cell::new(0),
            unix_s: Cell::new(unix_s()),
            date: DateLine::default(),
            looked_s: Cell::new(unix_s()),
            heads: RefCell::default(),
            bytes: RefCell::default(),
            headerless: Cell::new(Seldom::every(SAID)),
            handshakes: Cell::new(Seldom::every(SAID)),
            failures: Cell::new(Seldom::every(SAID)),
            unsaid: Cell::new(0),
        }
    }

    /// Whether connections that came in there are to end after the request that they have.
    pub(super) fn is_leaving(&self, door: &Door) -> bool {
        self.draining.get().is_some() || door.is_leaving()
    }

    /// Whether connections that came in there are to end where they have no request.
    pub(super) fn ends_idle(&self, door: &Door) -> bool {
        self.ends_upgraded() || door.is_leaving()
    }

    /// Waits on a connection that has no request; whether what is polled for came before its time was over, or it is to end.
    pub(super) async fn idle_until(
        &self,
        door: &Door,
        timer: &Timer,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<bool>,
    ) -> bool {
        poll_fn(|context| match poll(context) {
            Poll::Pending if timer.is_over(context) || self.ends_idle(door) => Poll::Ready(false),
            polled => polled,
        })
        .await
    }

    /// Whether upgraded connections are to end.
    pub(super) fn ends_upgraded(&self) -> bool {
        self.draining.get() == Some(Idle::Ends)
    }

    /// Seconds since it began.
    pub(super) fn now_s(&self) -> u32 {
        self.now_s.get()
    }

    /// The time, in seconds since 1970.
    pub(super) fn unix_s(&self) -> u32 {
        self.unix_s.get()
    }

    /// Writes the line that says the date.
    pub(super) fn write_date(&self, out: &mut Vec<u8>) {
        self.date.write(self.unix_s(), out);
    }

    /// Where requests are noted, if they are.
    pub(super) fn log(&self) -> Option<Arc<Log>> {
        self.serving.borrow().log.clone()
    }

    /// Whether somebody follows requests.
    pub(super) fn is_tapped(&self) -> bool {
        self.serving.borrow().tap.is_on()
    }

    /// Tells whoever follows requests of one.
    pub(super) fn tell(&self, entry: &Entry<'_>) {
        self.serving.borrow().tap.note(entry);
    }

    /// What tells a request apart from all others.
    pub(super) fn id_of<'q>(&self, head: &'q Head) -> RequestId<'q> {
        RequestId::of(head, &self.ids)
    }

    /// Notes a request.
    pub(super) fn note(&self, log: &Log, entry: &Entry<'_>) {
        self.lines.note(log, entry);
    }

    /// An empty head.
    pub(super) fn take_head(&self) -> Head {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a head back.
    pub(super) fn give_head(&self, mut head: Head) {
        head.clear();
        let mut heads = self.heads.borrow_mut();
        if heads.len() < MOST_KEPT && head.bytes.capacity() <= LARGEST_KEPT {
            heads.push(head);
        }
    }

    /// Memory for bytes to be written, with none in it.
    pub(super) fn take_bytes(&self) -> Vec<u8> {
        self.bytes.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes such memory back.
    pub(super) fn give_bytes(&self, mut memory: Vec<u8>) {
        memory.clear();
        let mut bytes = self.bytes.borrow_mut();
        if bytes.len() < MOST_KEPT && (1..=LARGEST_KEPT).contains(&memory.capacity()) {
            bytes.push(memory);
        }
    }

    fn flush(&self) {
        if let Some(log) = &self.serving.borrow().log {
            self.lines.flush(log);
        }
    }

    /// Says that a trusted proxy does not do what it is configured to do: its clients see nothing but closed connections.
    pub(super) fn note_headerless(&self, listener: &Listener, ends: Ends, error: &NoHeader) {
        // Those are of probes and of clients that go away.
        if matches!(error, NoHeader::Closed | NoHeader::Io(_)) {
            return;
        }
        if is_due(&self.headerless) {
            warn!(
                "listener {:?}: closed a connection of the trusted proxy {}, which is to begin with a PROXY protocol \
                 header: {error}",
                listener.title(),
                ends.peer.ip()
            );
        }
    }

    /// Says now and then why a client's certificate, or its handshake, was refused: all are counted.
    pub(super) fn note_handshake(&self, listener: &Listener, ends: Ends, error: &io::Error) {
        if let Some(refusal) = server::refusal(error)
            && is_due(&self.handshakes)
        {
            info!(
                "listener {:?}: the TLS handshake of {} failed: {refusal}",
                listener.title(),
                ends.peer.ip()
            );
        }
    }

    /// Says now and then why a member failed a request: of all of them, the access log says it.
    pub(super) fn note_failure(&self, pool: &Pool, member: &Member, fault: &Fault, id: &RequestId<'_>) {
        if is_due(&self.failures) {
            let unsaid = self.unsaid.take();
            let more = match unsaid {
                0 => String::new(),
                unsaid => format!("; {unsaid} more requests failed since the last was told of"),
            };
            warn!(
                pool = pool.title(),
                member = pool.title_of(member),
                request_id = id.text(),
                "a request failed: {fault}{more}"
            );
        } else {
            self.unsaid.set(self.unsaid.get() + 1);
        }
    }

    /// Ends some of the remembered sessions that are over: all are looked at once in a minute.
    fn sweep(&self, cursor: &mut Cursor) {
        let table = &self.sessions.app_cookies;
        let serving = Arc::clone(&self.serving.borrow());
        for _ in 0..table.shards().div_ceil(TICKS_A_ROUND) {
            table.sweep(
                cursor,
                self.unix_s(),
                |pool| serving.remembered.get(&pool).map(|(limits, _)| *limits),
                |pool, ended| {
                    if let (Some((_, pool)), Ended::Expired) = (serving.remembered.get(&pool), ended) {
                        pool.counts.expired.add(1);
                    }
                },
            );
        }
    }

    fn tick(&self, doors: &mut Doors) {
        self.timers.tick();
        self.flush();
        self.unix_s.set(self.time_s());
        let now_s = self.begun.elapsed().as_secs() as u32;
        if self.now_s.replace(now_s) != now_s {
            let serving = Arc::clone(&self.serving.borrow());
            self.connections.sweep(now_s);
            for pool in serving.pools.values() {
                pool.readmit(self.unix_s());
            }
            let looked_s = self.looked_s.replace(self.unix_s());
            let drain_ends = serving.drain_ends(looked_s, self.unix_s());
            if doors.cut_due(now_s) || drain_ends {
                self.timers.wake();
            }
        }
    }

    fn time_s(&self) -> u32 {
        unix_s().wrapping_add(self.sessions.clock_offset_s.load(Relaxed))
    }
}

/// Serves until it is told to end and has done so.
pub(super) async fn run(
    index: usize,
    sessions: Arc<Sessions>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let worker = Rc::new(Worker::new(sessions));
    let mut doors = Doors::default();
    let mut ticks = time::interval(TICK);
    // One for all is enough.
    let mut sweep = (index == 0).then(Cursor::default);
    let mut ends_at = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                worker.tick(&mut doors);
                if let Some(cursor) = &mut sweep {
                    worker.sweep(cursor);
                }
            }
            command = commands.recv(), if ends_at.is_none() => match command {
                Some(Command::Serve(serving, sockets)) => {
                    // What was gathered belongs to the log of before.
                    worker.flush();
                    doors.follow(&worker, &serving);
                    for (address, socket) in sockets {
                        if let Some(listener) = serving.listeners.get(&address) {
                            doors.open(&worker, listener, socket);
                        }
                    }
                    worker.serving.replace(serving);
                    // What holds from now on does so for the next request, not from the next tick: a key seals at once.
                    worker.unix_s.set(worker.time_s());
                    worker.timers.wake();
                }
                Some(Command::End) | None => {
                    worker.draining.set(Some(Idle::Ends));
                    doors.close(&worker, Rest::IsLeft);
                    doors.cut();
                    worker.timers.wake();
                    ends_at = Some(Instant::now() + TO_BREAK_OFF);
                }
                Some(Command::Drain(idle)) => {
                    worker.draining.set(Some(idle));
                    doors.close(&worker, match idle {
                        Idle::Ends => Rest::IsLetIn,
                        Idle::Stays => Rest::IsLeft,
                    });
                    worker.timers.wake();
                }
            }
        }
        let is_drained = worker.draining.get().is_some() && worker.open.get() == 0;
        if is_drained || ends_at.is_some_and(|ends_at| ends_at <= Instant::now()) {
            worker.flush();
            return;
        }
    }
}

/// Whether it is time to say it again; if so, it counts as said.
fn is_due(said: &Cell<Seldom>) -> bool {
    let mut seldom = said.get();
    let is_due = seldom.is_due(Instant::now());
    said.set(seldom);
    is_due
}

pub(crate) fn unix_s() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as u32)
}
