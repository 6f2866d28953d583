//! Requests of traced clients, as the proxy tells of them.

use tokio::sync::mpsc::{Sender, WeakSender, error::TrySendError};

use super::Told;
use crate::{
    http::forwarded::Prefix,
    proxy::{Follower, Hearing},
};

/// Where requests are told.
pub(crate) enum Channel {
    /// Together with packets, and as long as these.
    BesidePackets(WeakSender<Told>),
    /// By themselves.
    Alone(Sender<Told>),
}

impl Channel {
    fn get(&self) -> Option<Sender<Told>> {
        match self {
            Self::BesidePackets(told) => told.upgrade(),
            Self::Alone(told) => Some(told.clone()),
        }
    }
}

/// Who follows the requests of these clients, as long as somebody listens. What is due and finds no room is counted, and said.
pub(crate) fn follower(clients: &[Prefix], told: Channel) -> Follower {
    // The datapath has IPv4 clients also in the IPv6 networks around `::ffff:0:0/96`, such as `::/0`; here these are IPv6 alone.
    let clients = clients.to_vec();
    let mut lost = 0;
    Follower {
        wants: Box::new(move |address| clients.iter().any(|client| client.contains(address))),
        tell: Box::new(move |request| {
            let Some(told) = told.get() else {
                return Hearing::Over;
            };
            if lost > 0 && told.try_send(Told::Lost(lost)).is_ok() {
                lost = 0;
            }
            match told.try_send(Told::Request(request)) {
                Ok(()) => Hearing::On,
                Err(TrySendError::Full(_)) => {
                    lost += 1;
                    Hearing::On
                }
                Err(TrySendError::Closed(_)) => Hearing::Over,
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use tokio::sync::mpsc;

    use super::*;

    fn request() -> Box<RawValue> {
        RawValue::from_string("{}".into()).unwrap()
    }

    #[test]
    fn requests_are_followed_of_the_clients_that_are_named_and_of_no_others() {
        let (told, _heard) = mpsc::channel(1);
        let clients = ["192.0.2.0/24", "198.51.100.7", "2001:db8::/64"].map(|client| client.parse().unwrap());
        let follower = follower(&clients, Channel::Alone(told));
        for (client, is_of_them) in [
            ("192.0.2.255", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.3.0", false),
            ("198.51.100.7", true),
            ("198.51.100.6", false),
            ("2001:db8::1:2", true),
            ("2001:db8:0:1::", false),
        ] {
            assert_eq!((follower.wants)(client.parse().unwrap()), is_of_them, "{client}");
        }
    }

    #[test]
    fn requests_that_find_no_room_are_counted_and_said_before_the_next_one() {
        let (told, mut heard) = mpsc::channel(2);
        let mut follower = follower(&[], Channel::Alone(told));
        for _ in 0..5 {
            assert_eq!((follower.tell)(request()), Hearing::On);
        }
        for _ in 0..2 {
            assert!(matches!(heard.try_recv(), Ok(Told::Request(_))));
        }
        assert_eq!((follower.tell)(request()), Hearing::On);
        assert!(matches!(heard.try_recv(), Ok(Told::Lost(3))));
        assert!(matches!(heard.try_recv(), Ok(Told::Request(_))));
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn nobody_is_told_any_more_once_nobody_listens() {
        let (told, heard) = mpsc::channel(2);
        let mut follower = follower(&[], Channel::Alone(told));
        drop(heard);
        assert_eq!((follower.tell)(request()), Hearing::Over);
        let (told, _heard) = mpsc::channel(2);
        let beside = Channel::BesidePackets(told.downgrade());
        drop(told);
        let mut follower = super::follower(&[], beside);
        assert_eq!((follower.tell)(request()), Hearing::Over);
    }
}
