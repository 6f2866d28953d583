//! A power failure at any point leaves what there was before or after a commit, and every commit that had returned.
//!
//! What was written since the last sync may be on the disk or not, each for itself, and of each only a part.

use super::{
    disk::{Done, Image, apply},
    *,
};

/// What was done, and after how much of it which contents were there for sure.
struct History {
    image: Vec<u8>,
    done: Vec<Done>,
    returned: Vec<(usize, Contents)>,
}

/// Commits of all sorts: new records, changed and deleted ones, small and longer than a page of the database, one and many at
/// once, and some that are refused; with the daemon ending now and then.
fn history() -> History {
    let disk = Disk::empty();
    let image = disk.bytes();
    let mut returned = vec![(0, Contents::default())];
    let mut store = disk.store().unwrap();
    let long = |letter: &str| format!("\"{}\"", letter.repeat(5000));
    let many = |value: &str| (100..112).map(|number| put(number, value)).collect::<Vec<_>>();
    let rounds = [
        vec![put(1, "1")],
        vec![put(2, &long("b")), put(1, "11")],
        many("{\"name\":\"one of many\"}"),
        vec![put(1, "refused"), change(2, Expected::Absent, Some("2"))],
        vec![delete(1), put(3, &long("c"))],
        (100..112).map(delete).collect(),
        many(&long("d")),
        vec![put(2, "2"), delete(3), put(1, "\"again\"")],
        vec![put(2, "22")],
    ];
    for (number, changes) in rounds.iter().enumerate() {
        if store.commit(changes).is_ok() {
            returned.push((disk.done().len(), store.load().unwrap()));
        }
        if number % 4 == 2 {
            drop(store);
            store = disk.store().unwrap();
        }
    }
    drop(store);
    History {
        image,
        done: disk.done(),
        returned,
    }
}

impl History {
    /// What may be there when the power fails after so much was done: what the last commit that had returned left, and what
    /// the next one would have.
    fn allowed(&self, done: usize) -> &[(usize, Contents)] {
        let next = self.returned.partition_point(|(returned, _)| *returned <= done);
        &self.returned[next - 1..(next + 1).min(self.returned.len())]
    }
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn heads(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.is_multiple_of(2)
    }
}

/// The disk with those of the pending that are chosen.
fn with(image: &Image, mut chosen: impl FnMut(usize) -> bool) -> Vec<u8> {
    let mut bytes = image.bytes.clone();
    let pending = image.pending.iter().enumerate();
    pending
        .filter(|(number, _)| chosen(*number))
        .for_each(|(_, done)| apply(&mut bytes, done));
    bytes
}

/// Every disk that this test has a power failure leave. What is true of all writes together is tried with all of them.
fn disks(image: &Image, next: Option<&Done>, dice: &mut Dice) -> Vec<Vec<u8>> {
    let pending = image.pending.len();
    let mut disks = vec![with(image, |_| true), with(image, |_| false)];
    if matches!(next, Some(Done::Sync)) {
        for one in 0..pending {
            disks.push(with(image, |number| number != one));
            disks.push(with(image, |number| number == one));
        }
        disks.extend((0..8).map(|_| with(image, |_| dice.heads())));
    }
    if let Some(Done::Write(offset, data)) = next {
        // Disks write sectors as a whole. The header is shorter than one, and is to withstand more.
        let step = if data.len() < 512 { 16 } else { data.len() / 2 };
        for length in (step..data.len()).step_by(step) {
            let begun = Done::Write(*offset, data[..length].to_owned());
            let ended = Done::Write(offset + length as u64, data[length..].to_owned());
            for part in [begun, ended] {
                let mut bytes = with(image, |_| true);
                apply(&mut bytes, &part);
                disks.push(bytes);
            }
        }
    }
    disks
}

fn contents(bytes: Vec<u8>) -> Contents {
    let store = Disk::of(bytes).store().expect("it opens");
    store.load().expect("it is whole")
}

#[test]
fn a_power_failure_at_any_point_leaves_all_of_a_commit_or_nothing() {
    let history = history();
    let mut image = Image::of(history.image.clone());
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut tried = 0;
    for done in 0..=history.done.len() {
        let allowed = history.allowed(done);
        for bytes in disks(&image, history.done.get(done), &mut dice) {
            let found = contents(bytes);
            assert!(
                allowed.iter().any(|(_, contents)| *contents == found),
                "after {done}"
            );
            tried += 1;
        }
        if let Some(done) = history.done.get(done) {
            image.note(done);
        }
    }
    assert!(tried > 1000, "{tried} disks are not thorough");
}

#[test]
fn a_power_failure_while_the_store_recovers_from_one_does_no_harm() {
    let history = history();
    let mut image = Image::of(history.image.clone());
    let mut dice = Dice(0x0123_4567_89AB_CDEF);
    for (done, next) in history.done.iter().enumerate() {
        if matches!(next, Done::Sync) && !image.pending.is_empty() {
            let allowed = history.allowed(done);
            let failed = with(&image, |_| dice.heads());
            let disk = Disk::of(failed.clone());
            let store = disk.store().unwrap();
            let recovered = store.load().unwrap();
            let mut again = Image::of(failed);
            for done in disk.done() {
                for bytes in [with(&again, |_| true), with(&again, |_| false)] {
                    let found = contents(bytes);
                    assert!(allowed.iter().any(|(_, contents)| *contents == found));
                }
                again.note(&done);
            }
            assert_eq!(
                contents(with(&again, |_| false)),
                recovered,
                "what was read is what stays"
            );
            store.commit(&[put(1, "\"goes on\"")]).unwrap();
            assert_eq!(contents(disk.bytes()), store.load().unwrap());
        }
        image.note(next);
    }
}
