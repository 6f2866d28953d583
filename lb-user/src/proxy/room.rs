//! How many connections a listener has open, over all workers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::Semaphore;

/// More connections than ever wait for a place at a time.
const MOST_WAITING: usize = 1 << 24;

/// The places for connections of a listener.
#[derive(Debug)]
pub(super) struct Room {
    free: Semaphore,
    /// Those that there are, free or taken.
    places: AtomicUsize,
    /// Those of them that are to go, since fewer are configured now, as soon as they are free.
    owed: AtomicUsize,
    /// Those that are taken.
    taken: AtomicUsize,
}

/// A place that a connection has taken.
#[derive(Debug)]
pub(super) struct Place(Arc<Room>);

impl Room {
    pub(super) fn of(places: usize) -> Self {
        Self {
            free: Semaphore::new(places),
            places: AtomicUsize::new(places),
            owed: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
        }
    }

    /// Has so many places from now on. Where more are taken, they are given up as their connections end. For one caller at a
    /// time.
    pub(super) fn set(&self, places: usize) {
        let before = self.places.swap(places, Relaxed);
        for _ in before..places {
            self.give_back();
        }
        self.owed.fetch_add(before.saturating_sub(places), Relaxed);
        self.collect();
    }

    /// Lets everybody in who waits: nobody comes any more.
    pub(super) fn let_all_in(&self) {
        self.free.add_permits(MOST_WAITING);
    }

    /// Takes free places away that are to go.
    fn collect(&self) {
        while self.free.available_permits() > 0 && self.settle() {
            if self.free.forget_permits(1) == 0 {
                self.owed.fetch_add(1, Relaxed);
            }
        }
    }

    /// Takes a place, if one is free and nobody waits for it.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Place> {
        self.free.try_acquire().ok()?.forget();
        Some(Place::of(self))
    }

    /// Takes a place when one is free, in the order of asking.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
        Place::of(self)
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    fn give_back(&self) {
        if !self.settle() {
            self.free.add_permits(1);
            // It may have become one that is to go just then.
            self.collect();
        }
    }

    /// Whether there was a place to be given up; then it is.
    fn settle(&self) -> bool {
        self.owed
            .fetch_update(Relaxed, Relaxed, |owed| owed.checked_sub(1))
            .is_ok()
    }
}

impl Place {
    fn of(room: &Arc<Room>) -> Self {
        room.taken.fetch_add(1, Relaxed);
        Self(Arc::clone(room))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
        self.0.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future as _,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn taken(room: &Arc<Room>, most: usize) -> Vec<Place> {
        (0..most).map_while(|_| room.try_take()).collect()
    }

    #[test]
    fn there_are_as_many_places_as_are_configured_and_no_more() {
        let room = Arc::new(Room::of(3));
        let mut places = taken(&room, 10);
        assert_eq!((places.len(), room.taken()), (3, 3));
        places.pop();
        assert_eq!(room.taken(), 2);
        assert_eq!(taken(&room, 10).len(), 1);
        room.set(5);
        places.extend(taken(&room, 10));
        assert_eq!(places.len(), 5);
    }

    #[test]
    fn places_that_are_to_go_go_as_they_become_free() {
        let room = Arc::new(Room::of(4));
        let mut places = taken(&room, 3);
        room.set(2);
        assert!(room.try_take().is_none());
        places.pop();
        assert!(room.try_take().is_none(), "two are taken");
        places.pop();
        places.extend(taken(&room, 10));
        assert_eq!(places.len(), 2);
        room.set(1);
        room.set(3);
        places.extend(taken(&room, 10));
        assert_eq!(places.len(), 3, "what was owed is not, once it may stay");
    }

    #[test]
    fn everybody_who_waits_is_let_in_where_nobody_comes_any_more() {
        let room = Arc::new(Room::of(1));
        let _place = room.try_take().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting = [Box::pin(room.take()), Box::pin(room.take())];
        assert!(
            waiting
                .iter_mut()
                .all(|one| one.as_mut().poll(&mut context).is_pending())
        );
        room.let_all_in();
        assert!(
            waiting
                .iter_mut()
                .all(|one| one.as_mut().poll(&mut context).is_ready())
        );
    }

    #[test]
    fn who_waits_has_the_next_place_before_who_comes_later() {
        let room = Arc::new(Room::of(1));
        let place = room.try_take().unwrap();
        let mut waiting = pin!(room.take());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(place);
        assert!(room.try_take().is_none());
        assert!(matches!(waiting.poll(&mut context), Poll::Ready(_)));
    }
}
