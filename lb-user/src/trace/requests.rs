//! Requests of traced clients, as the proxy tells of them.

use tokio::sync::mpsc::{Sender, WeakSender, error::TrySendError};

use super::Told;
use crate::{
    bpf::Chosen,
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
    let clients: Vec<Chosen> = clients.iter().copied().map(Chosen::from).collect();
    let mut lost = 0;
    Follower {
        wants: Box::new(move |address| clients.iter().any(|client| client.includes(address))),
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
