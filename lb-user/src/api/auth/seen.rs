//! The credentials that were verified: nobody pays for that at each request.

use std::collections::{HashMap, VecDeque};

use super::{credential::Digest, known::Person};

/// How many are remembered; the first goes first.
const MOST: usize = 1024;

#[derive(Default)]
pub(super) struct Seen {
    people: HashMap<Digest, Person>,
    order: VecDeque<Digest>,
}

impl Seen {
    pub(super) fn get(&self, digest: &Digest) -> Option<Person> {
        self.people.get(digest).cloned()
    }

    pub(super) fn put(&mut self, digest: Digest, person: Person) {
        if self.people.insert(digest, person).is_some() {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > MOST
            && let Some(first) = self.order.pop_front()
        {
            self.people.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::alice, *};

    #[test]
    fn only_so_many_are_remembered() {
        let digest = |number: usize| {
            let mut digest = Digest::default();
            digest[..8].copy_from_slice(&number.to_be_bytes());
            digest
        };
        let mut seen = Seen::default();
        for number in 0..=MOST {
            seen.put(digest(number), alice());
            seen.put(digest(number), alice());
        }
        assert_eq!(seen.get(&digest(0)), None);
        assert_eq!(seen.get(&digest(1)), Some(alice()));
        assert_eq!((seen.people.len(), seen.order.len()), (MOST, MOST));
    }
}
