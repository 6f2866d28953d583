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

/// What a listener's status depends on of its pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind {
    pub(crate) status: OperatingStatus,
    /// How many members it has, also those that are switched off.
    pub(crate) members: usize,
}

/// A listener's, by its pool. One without a pool does all that it is to do, and one whose pool has no members yet is not in use:
/// nothing has failed. But one that is on while all members that it has are switched off does not work.
pub(crate) fn of_listener(admin_state_up: bool, pool: Option<Behind>) -> OperatingStatus {
    match (admin_state_up, pool) {
        (false, _) | (true, Some(Behind { members: 0, .. })) => OperatingStatus::Offline,
        (true, None) => OperatingStatus::Online,
        (true, Some(pool)) if pool.status == OperatingStatus::Offline => OperatingStatus::Error,
        (true, Some(pool)) => pool.status,
    }
}

/// A load balancer's, by those of its listeners; the ones that are not in use do not matter.
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
        let behind = |status| Some(Behind { status, members: 2 });
        assert_eq!(of_listener(true, behind(Degraded)), Degraded);
        assert_eq!(of_listener(true, behind(Offline)), Error);
        assert_eq!(of_listener(false, behind(Online)), Offline);
        assert_eq!(of_listener(true, None), Online);
    }

    #[test]
    fn a_listener_whose_pool_has_no_members_yet_does_not_fail() {
        let empty = Behind {
            status: of_pool(&[]),
            members: 0,
        };
        assert_eq!(of_listener(true, Some(empty)), Offline);
        assert_eq!(of_load_balancer(true, &[Offline]), Online);
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
