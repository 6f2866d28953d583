//! Operating status: how a thing is doing, by what it depends on.

use lb_common::tables::MemberState;

use crate::model::{Member, OperatingStatus, Pool};

/// A member's, by its state where it is served; unused: nobody serves it.
pub(super) fn of_member(pool: &Pool, member: &Member, state: MemberState) -> OperatingStatus {
    if !member.admin_state_up {
        return OperatingStatus::Offline;
    }
    match state {
        MemberState::Up if pool.health_monitor.is_none() => OperatingStatus::NoMonitor,
        MemberState::Up => OperatingStatus::Online,
        MemberState::Draining => OperatingStatus::Draining,
        MemberState::Down | MemberState::Removed => OperatingStatus::Error,
        MemberState::Unused => OperatingStatus::Offline,
    }
}

/// A pool's, by those of its members. It works where a member takes new clients; where others have failed, or all that
/// is left are draining, not as it should.
pub(crate) fn of_pool(members: &[OperatingStatus]) -> OperatingStatus {
    let any = |wanted: &[OperatingStatus]| members.iter().any(|status| wanted.contains(status));
    let takes_new = any(&[OperatingStatus::Online, OperatingStatus::NoMonitor]);
    let failed = any(&[OperatingStatus::Error]);
    match (takes_new, failed) {
        (true, false) => OperatingStatus::Online,
        (true, true) => OperatingStatus::Degraded,
        (false, _) if any(&[OperatingStatus::Draining]) => OperatingStatus::Degraded,
        (false, true) => OperatingStatus::Error,
        (false, false) => OperatingStatus::Offline,
    }
}

/// A listener's, by that of its pool: one that is on, and has a pool where nothing is on, does not work. One without a pool
/// does all that it is to do.
pub(crate) fn of_listener(admin_state_up: bool, pool: Option<OperatingStatus>) -> OperatingStatus {
    match (admin_state_up, pool) {
        (false, _) => OperatingStatus::Offline,
        (true, None) => OperatingStatus::Online,
        (true, Some(OperatingStatus::Offline)) => OperatingStatus::Error,
        (true, Some(status)) => status,
    }
}

/// A load balancer's, by those of its listeners; the ones that are switched off do not matter.
pub(crate) fn of_load_balancer(admin_state_up: bool, listeners: &[OperatingStatus]) -> OperatingStatus {
    if !admin_state_up {
        return OperatingStatus::Offline;
    }
    let mut on = listeners
        .iter()
        .filter(|&&status| status != OperatingStatus::Offline)
        .peekable();
    if on.peek().is_some() && on.clone().all(|&status| status == OperatingStatus::Error) {
        OperatingStatus::Error
    } else if on.all(|&status| status == OperatingStatus::Online) {
        OperatingStatus::Online
    } else {
        OperatingStatus::Degraded
    }
}

#[cfg(test)]
mod tests {
    use OperatingStatus::{Degraded, Draining, Error, NoMonitor, Offline, Online};

    use super::*;

    #[test]
    fn a_pool_works_as_long_as_a_member_takes_new_clients() {
        for (members, status) in [
            (&[Online, Online][..], Online),
            (&[NoMonitor, NoMonitor], Online),
            (&[Online, Draining], Online),
            (&[Online, Offline], Online),
            (&[Online, Error], Degraded),
            (&[Draining], Degraded),
            (&[Draining, Error], Degraded),
            (&[Error, Error], Error),
            (&[Error, Offline], Error),
            (&[Offline], Offline),
            (&[], Offline),
        ] {
            assert_eq!(of_pool(members), status, "{members:?}");
        }
    }

    #[test]
    fn a_listener_does_as_its_pool_does() {
        assert_eq!(of_listener(true, Some(Degraded)), Degraded);
        assert_eq!(of_listener(true, Some(Offline)), Error);
        assert_eq!(of_listener(false, Some(Online)), Offline);
        assert_eq!(of_listener(true, None), Online);
    }

    #[test]
    fn a_load_balancer_fails_when_all_of_its_listeners_do() {
        for (listeners, status) in [
            (&[Online, Online][..], Online),
            (&[Online, Offline], Online),
            (&[Online, Error], Degraded),
            (&[Online, Degraded], Degraded),
            (&[Error, Error], Error),
            (&[Error, Offline], Error),
            (&[], Online),
        ] {
            assert_eq!(of_load_balancer(true, listeners), status, "{listeners:?}");
        }
        assert_eq!(of_load_balancer(false, &[Online]), Offline);
    }
}
