//! What requests are told apart by, in logs of ours and of others: `X-Request-Id`.

use std::{
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
    str,
};

use crate::http::{fields::Name, head::Head};

/// The longest id of a client's that is kept, in bytes.
const LONGEST: usize = 128;
/// The length of one that is made, in digits.
const MADE: usize = 32;

/// What a request is told apart from others by.
#[derive(Clone, Copy, Debug)]
pub(super) enum RequestId<'q> {
    /// The one that it came with.
    Given(&'q str),
    /// One that was made here: hexadecimal digits.
    Made([u8; MADE]),
}

impl<'q> RequestId<'q> {
    /// The one that a request came with, where it has one alone that can stand in a log; otherwise a new one.
    pub(super) fn of(head: &'q Head, ids: &Ids) -> Self {
        let mut given = head.values(Name::XRequestId);
        let given = given.next().filter(|id| given.next().is_none() && is_id(id));
        match given.and_then(|id| str::from_utf8(id).ok()) {
            Some(id) => Self::Given(id),
            None => Self::Made(ids.next()),
        }
    }

    /// As it is written.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Given(id) => id,
            Self::Made(digits) => str::from_utf8(digits).unwrap_or_default(),
        }
    }

    /// The one that members are to be told in place of what came.
    pub(super) fn made(&self) -> Option<&str> {
        match self {
            Self::Given(_) => None,
            Self::Made(_) => Some(self.text()),
        }
    }
}

/// Whether a client's id is one that can stand in a log.
fn is_id(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// Makes ids: a random half that is the worker's, and a number.
#[derive(Debug)]
pub(super) struct Ids {
    worker: u64,
    next: Cell<u64>,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            worker: RandomState::new().hash_one(0),
            next: Cell::new(0),
        }
    }
}

impl Ids {
    fn next(&self) -> [u8; MADE] {
        let next = self.next.get() + 1;
        self.next.set(next);
        let number = u128::from(self.worker) << 64 | u128::from(next);
        // Each request has one made, and formatting would take several times as long.
        let mut digits = [0; MADE];
        for (place, byte) in number.to_be_bytes().into_iter().enumerate() {
            digits[2 * place] = digit(byte >> 4);
            digits[2 * place + 1] = digit(byte & 15);
        }
        digits
    }
}

fn digit(value: u8) -> u8 {
    b"0123456789abcdef"[usize::from(value & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_request_is_the_one_it_came_with_unless_that_cannot_stand_in_a_log() {
        let long = "a".repeat(LONGEST + 1);
        for (given, is_kept) in [
            (Some("mine-1"), true),
            (Some("mine 1"), false),
            (Some("m\u{e4}ne"), false),
            (Some(&long[1..]), true),
            (Some(&long), false),
            (Some(""), false),
            (None, false),
        ] {
            let mut head = Head::default();
            if let Some(given) = given {
                head.push(b"x-request-id", given.as_bytes());
            }
            let id = RequestId::of(&head, &Ids::default());
            assert_eq!(id.made().is_none(), is_kept, "{given:?}");
            assert_eq!(Some(id.text()) == given, is_kept, "{given:?}");
        }
    }

    #[test]
    fn of_several_ids_none_is_kept() {
        let mut head = Head::default();
        head.push(b"x-request-id", b"one");
        head.push(b"x-request-id", b"two");
        assert!(RequestId::of(&head, &Ids::default()).made().is_some());
    }

    #[test]
    fn ids_that_are_made_are_all_different_and_of_one_length() {
        let workers = [Ids::default(), Ids::default()];
        let made = workers.iter().flat_map(|ids| (0..300).map(|_| ids.next()));
        let mut made: Vec<_> = made
            .map(|digits| String::from_utf8(digits.to_vec()).unwrap())
            .collect();
        assert!(made.iter().all(|id| u128::from_str_radix(id, 16).is_ok()));
        assert!(made[299].ends_with("00000000000012c"), "{}", made[299]);
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 600);
    }
}
