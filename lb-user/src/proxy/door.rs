//! Where a worker lets the connections of a listener in, and what they find behind it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::{self, SocketAddr},
    rc::Rc,
    sync::Arc,
};

use tokio::{
    net::TcpListener,
    task::{self, AbortHandle},
};
use tracing::warn;

use super::{
    accept,
    serving::{Listener, Serving},
    timer::Cut,
    worker::Worker,
};

/// What the connections that came in at an address share.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) address: SocketAddr,
    /// As it is configured now; where it is not any more, as it was last.
    listener: RefCell<Arc<Listener>>,
    is_leaving: Cell<bool>,
    /// Made when the time is over that was left to what was under way.
    pub(super) cut: Rc<Cut>,
}

impl Door {
    pub(super) fn to(listener: &Arc<Listener>) -> Self {
        Self {
            address: listener.address,
            listener: RefCell::new(Arc::clone(listener)),
            is_leaving: Cell::new(false),
            cut: Rc::default(),
        }
    }

    /// What clients find.
    pub(super) fn listener(&self) -> Arc<Listener> {
        Arc::clone(&self.listener.borrow())
    }

    /// Whether the listener is not configured any more.
    pub(super) fn is_leaving(&self) -> bool {
        self.is_leaving.get()
    }
}

/// The doors of a worker, by address.
#[derive(Default)]
pub(super) struct Doors(HashMap<SocketAddr, Kept>);

struct Kept {
    door: Rc<Door>,
    /// The sockets, and what accepts at each.
    accepting: Vec<(Rc<TcpListener>, AbortHandle)>,
    /// Where its listener is gone: until when what is under way may go on, in seconds of the worker's.
    until_s: Option<u32>,
}

/// What becomes of those who have come to a socket that is closed, and were not accepted yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    IsLetIn,
    /// Somebody else has the socket too.
    IsLeft,
}

impl Kept {
    fn close(&mut self, worker: &Rc<Worker>, rest: Rest) {
        for (socket, accepting) in self.accepting.drain(..) {
            accepting.abort();
            if rest == Rest::IsLetIn {
                accept::let_rest_in(worker, &self.door, &socket);
            }
        }
    }
}

impl Doors {
    /// Leads to what is served now. Those of listeners that went are closed.
    pub(super) fn follow(&mut self, worker: &Rc<Worker>, serving: &Serving) {
        for (address, kept) in &mut self.0 {
            let listener = serving.listeners.get(address);
            kept.door.is_leaving.set(listener.is_none());
            if let Some(listener) = listener {
                kept.door.listener.replace(Arc::clone(listener));
                kept.until_s = None;
            } else if kept.until_s.is_none() {
                kept.close(worker, Rest::IsLetIn);
                // The second that runs does not count.
                kept.until_s = Some(worker.now_s().saturating_add(serving.drain_s).saturating_add(1));
            }
        }
    }

    /// Lets in who comes to that socket of a listener that is served.
    pub(super) fn open(&mut self, worker: &Rc<Worker>, listener: &Arc<Listener>, socket: net::TcpListener) {
        let kept = self.0.entry(listener.address).or_insert_with(|| Kept {
            door: Rc::new(Door::to(listener)),
            accepting: Vec::new(),
            until_s: None,
        });
        let socket = match TcpListener::from_std(socket) {
            Ok(socket) => Rc::new(socket),
            Err(error) => {
                warn!("cannot accept connections at {}: {error}", listener.address);
                return;
            }
        };
        let accept = accept::accept(Rc::clone(worker), Rc::clone(&kept.door), Rc::clone(&socket));
        kept.accepting
            .push((socket, task::spawn_local(accept).abort_handle()));
    }

    /// Lets nobody in.
    pub(super) fn close(&mut self, worker: &Rc<Worker>, rest: Rest) {
        self.0.values_mut().for_each(|kept| kept.close(worker, rest));
    }

    /// Has everything break off whose time is over; whether there was anything.
    pub(super) fn cut_due(&mut self, now_s: u32) -> bool {
        let is_due = |kept: &Kept| kept.until_s.is_some_and(|until_s| until_s <= now_s);
        let due = self.0.extract_if(|_, kept| is_due(kept));
        due.map(|(_, kept)| kept.door.cut.make()).count() > 0
    }

    /// Has everything break off.
    pub(super) fn cut(&mut self) {
        for kept in self.0.values() {
            kept.door.cut.make();
        }
    }
}
