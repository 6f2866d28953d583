//! The line of those who wait.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::proxy::pool::tests::member;

fn queue(most: u32, longest: u32) -> Arc<Queue> {
    let queue = Arc::<Queue>::default();
    queue.set(Some(most), longest);
    queue
}

/// What a request gets that takes any of these members.
fn enter(queue: &Arc<Queue>, members: &[Arc<Member>]) -> Entered {
    enter_for(queue, members, &Wants::AnyBut(Vec::new()))
}

fn enter_for(queue: &Arc<Queue>, members: &[Arc<Member>], wants: &Wants) -> Entered {
    let entered = queue.enter(|most| {
        let mut members = members.iter().filter(|member| wants.allows(member));
        let free = members.find(|member| member.entry.active_flows.get() < most);
        Some(free.map_or(Ask::Wait(wants.clone()), Ask::Take))
    });
    entered.unwrap()
}

fn placed(entered: Entered) -> Place {
    match entered {
        Entered::Placed(place) => place,
        other => panic!("it has a place at once: {other:?}"),
    }
}

fn waits(entered: Entered) -> Waiting {
    match entered {
        Entered::Waits(waiting) => waiting,
        other => panic!("it waits: {other:?}"),
    }
}

/// The place that a waiter was given, if it was given one.
fn given(waiting: &mut Waiting) -> Option<Place> {
    match waiting.news.try_recv() {
        Ok(News::Place(place)) => Some(place),
        Ok(News::LookAgain) | Err(_) => None,
    }
}

fn eventually_given(waiting: &mut Waiting) -> Place {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(place) = given(waiting) {
            return place;
        }
        assert!(Instant::now() < deadline, "nobody gives it a place");
        thread::yield_now();
    }
}

#[test]
fn who_has_waited_longest_has_the_next_place() {
    let (queue, members) = (queue(1, 8), [member("a")]);
    let first = placed(enter(&queue, &members));
    let mut waiting = [(); 2].map(|()| waits(enter(&queue, &members)));
    drop(first);
    let second = given(&mut waiting[0]).unwrap();
    assert!(given(&mut waiting[1]).is_none());
    drop(second);
    drop(given(&mut waiting[1]).unwrap());
    assert_eq!(members[0].entry.active_flows.get(), 0);
}

#[test]
fn a_place_goes_past_those_who_wait_for_another_member() {
    let (queue, members) = (queue(1, 8), [member("a"), member("b")]);
    let places = [(); 2].map(|()| placed(enter(&queue, &members)));
    let mut held = waits(enter_for(&queue, &members, &Wants::One(members[0].id)));
    let mut any = waits(enter(&queue, &members));
    let [at_a, at_b] = places;
    drop(at_b);
    assert!(given(&mut held).is_none());
    let at_b = given(&mut any).unwrap();
    assert_eq!(at_b.member.id, members[1].id);
    drop(at_a);
    assert_eq!(given(&mut held).unwrap().member.id, members[0].id);
}

#[test]
fn the_line_is_as_long_as_it_may_be() {
    let (queue, members) = (queue(1, 1), [member("a")]);
    let _place = placed(enter(&queue, &members));
    let waiting = waits(enter(&queue, &members));
    assert!(matches!(enter(&queue, &members), Entered::Full));
    drop(waiting);
    drop(waits(enter(&queue, &members)));
    assert_eq!(queue.len(), 0);
}

#[test]
fn a_place_that_was_given_to_nobody_goes_to_the_next_one() {
    let (queue, members) = (queue(1, 8), [member("a")]);
    let place = placed(enter(&queue, &members));
    let gone = waits(enter(&queue, &members));
    let mut next = waits(enter(&queue, &members));
    drop(place);
    drop(gone);
    drop(given(&mut next).unwrap());
    assert_eq!(members[0].entry.active_flows.get(), 0);
}

#[test]
fn who_waits_for_what_has_gone_looks_again() {
    let (queue, members) = (queue(1, 8), [member("a"), member("b")]);
    let _places = [(); 2].map(|()| placed(enter(&queue, &members)));
    let mut held = waits(enter_for(&queue, &members, &Wants::One(members[0].id)));
    let mut any = waits(enter(&queue, &members));
    members[0].entry.set_state(lb_common::tables::MemberState::Down);
    queue.look_again(&members);
    assert!(matches!(held.news.try_recv(), Ok(News::LookAgain)));
    assert!(any.news.try_recv().is_err());
    members[1].entry.set_state(lb_common::tables::MemberState::Down);
    queue.look_again(&members);
    assert!(matches!(any.news.try_recv(), Ok(News::LookAgain)));
}

#[test]
fn a_higher_limit_lets_those_in_who_wait() {
    let (queue, members) = (queue(1, 8), [member("a")]);
    let _place = placed(enter(&queue, &members));
    let mut waiting = [(); 3].map(|()| waits(enter(&queue, &members)));
    queue.set(Some(3), 8);
    queue.look_again(&members);
    let places: Vec<_> = waiting.iter_mut().map(given).collect();
    assert_eq!(
        places.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, true, false]
    );
}

#[test]
fn no_more_are_under_way_than_may_whatever_threads_do() {
    let (queue, members) = (queue(2, 1024), [member("a"), member("b")]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let place = match enter(&queue, &members) {
                        Entered::Placed(place) => place,
                        Entered::Waits(mut waiting) => eventually_given(&mut waiting),
                        Entered::Full => panic!("there is room for all to wait"),
                    };
                    assert!(place.member.entry.active_flows.get() <= 2);
                }
            });
        }
    });
    assert_eq!(queue.len(), 0);
    assert!(members.iter().all(|member| member.entry.active_flows.get() == 0));
}
