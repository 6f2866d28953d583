//! Time limits, of which each connection has one at a time.
//!
//! A limit is set at every turn of a request, and hardly ever runs out. So setting one is writing one number, and a worker
//! looks through all of them ten times a second.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// How often limits are looked at.
pub(super) const TICK: Duration = Duration::from_millis(100);
const TICKS_A_SECOND: u32 = 10;
/// A limit that never runs out.
const NEVER: u32 = u32::MAX;

/// The time limits of a worker.
#[derive(Debug, Default)]
pub(super) struct Timers {
    now: Cell<u32>,
    slots: RefCell<Slots>,
}

/// Side by side rather than in structures: looking through the limits does not touch the wakers.
#[derive(Debug, Default)]
struct Slots {
    due: Vec<u32>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// A time limit.
#[derive(Debug)]
pub(super) struct Timer {
    timers: Rc<Timers>,
    cut: Rc<Cut>,
    slot: usize,
}

/// Whether the time of everybody that shares it is over, whatever their limits.
#[derive(Debug, Default)]
pub(super) struct Cut(Cell<bool>);

impl Cut {
    /// Now it is. Who waits has to be [woken](Timers::wake).
    pub(super) fn make(&self) {
        self.0.set(true);
    }

    fn is_made(&self) -> bool {
        self.0.get()
    }
}

impl Timers {
    /// A new limit, which does not run out until it is set or the cut is made.
    pub(super) fn timer(self: &Rc<Self>, cut: &Rc<Cut>) -> Timer {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.free.pop().unwrap_or_else(|| {
            slots.due.push(NEVER);
            slots.wakers.push(None);
            slots.due.len() - 1
        });
        Timer {
            timers: Rc::clone(self),
            cut: Rc::clone(cut),
            slot,
        }
    }

    /// Lets time go on, and wakes those whose limit has run out.
    pub(super) fn tick(&self) {
        let now = self.now.get() + 1;
        self.now.set(now);
        let mut slots = self.slots.borrow_mut();
        let Slots { due, wakers, .. } = &mut *slots;
        for (due, waker) in due.iter().zip(wakers) {
            if *due <= now
                && let Some(waker) = waker.take()
            {
                waker.wake();
            }
        }
    }

    /// Wakes everybody that has a limit, to look at what else has changed.
    pub(super) fn wake(&self) {
        let wakers = self
            .slots
            .borrow_mut()
            .wakers
            .iter_mut()
            .filter_map(Option::take)
            .collect::<Vec<_>>();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Timer {
    /// Runs out after so many seconds, and up to a tick later.
    pub(super) fn set(&self, seconds: u32) {
        let due = self.timers.now.get() + seconds.saturating_mul(TICKS_A_SECOND).min(NEVER / 2) + 1;
        self.timers.slots.borrow_mut().due[self.slot] = due;
    }

    /// Runs out after a moment: one or two ticks.
    pub(super) fn set_moment(&self) {
        self.timers.slots.borrow_mut().due[self.slot] = self.timers.now.get() + 2;
    }

    /// Whether it has run out together with all others.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_made()
    }

    /// Whether it has run out; otherwise the task is woken when it does.
    pub(super) fn is_over(&self, context: &Context<'_>) -> bool {
        let mut slots = self.timers.slots.borrow_mut();
        if slots.due[self.slot] <= self.timers.now.get() || self.is_cut() {
            return true;
        }
        let waker = &mut slots.wakers[self.slot];
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
        false
    }
}

impl Timer {
    /// What `poll` comes to before the limit has run out.
    pub(super) async fn within<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
        poll_fn(|context| match poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if self.is_over(context) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut slots = self.timers.slots.borrow_mut();
        slots.due[self.slot] = NEVER;
        slots.wakers[self.slot] = None;
        slots.free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_limit_wakes_its_task_when_it_runs_out_and_not_before() {
        let timers = Rc::new(Timers::default());
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let context = Context::from_waker(&waker);
        let timer = timers.timer(&Rc::default());
        assert!(!timer.is_over(&context));
        timer.set(1);
        for _ in 0..TICKS_A_SECOND {
            timers.tick();
            assert!(!timer.is_over(&context));
        }
        // It is put off before it runs out.
        timer.set(1);
        for _ in 0..=TICKS_A_SECOND {
            assert!(!timer.is_over(&context));
            assert_eq!(woken.0.load(Ordering::Relaxed), 0);
            timers.tick();
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(timer.is_over(&context));
    }

    #[test]
    fn a_cut_ends_what_shares_it_and_nothing_else() {
        let timers = Rc::new(Timers::default());
        let cuts = [Rc::default(), Rc::default()];
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let context = Context::from_waker(&waker);
        let [first, second] = [&cuts[0], &cuts[1]].map(|cut| timers.timer(cut));
        assert!(!first.is_over(&context) && !second.is_over(&context));
        cuts[0].make();
        timers.wake();
        assert_eq!(woken.0.load(Ordering::Relaxed), 2, "they look, and one goes on");
        assert!(first.is_over(&context) && first.is_cut());
        assert!(!second.is_over(&context) && !second.is_cut());
    }

    #[test]
    fn places_are_used_again() {
        let timers = Rc::new(Timers::default());
        let first = timers.timer(&Rc::default());
        first.set(0);
        drop(first);
        let second = timers.timer(&Rc::default());
        timers.tick();
        timers.tick();
        assert!(!second.is_over(&Context::from_waker(Waker::noop())));
        assert_eq!(timers.slots.borrow().due.len(), 1);
    }
}
