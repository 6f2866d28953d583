//! A disk that is full or fails changes nothing, and the store goes on when it works again.

use super::{
    disk::{Failing, Image},
    *,
};

/// Several pages of the database.
fn before() -> Vec<Change> {
    let value = format!("\"{}\"", "x".repeat(100));
    (0..300).map(|number| put(number, &value)).collect()
}

/// Some of them change, some are divided, and some stay.
fn changes() -> Vec<Change> {
    let long = format!("\"{}\"", "y".repeat(50_000));
    let mut changes = vec![
        put(1, "11"),
        delete(2),
        put(400, &long),
        delete(400),
        put(400, "4"),
    ];
    changes.extend((1000..1030).map(|number| put(number, &"7".repeat(100))));
    changes
}

/// What is there after a power failure that loses all that is not on the disk for sure.
fn after_power_failure(empty: &[u8], disk: &Disk) -> Contents {
    let mut image = Image::of(empty.to_owned());
    disk.done().iter().for_each(|done| image.note(done));
    Disk::of(image.bytes).store().unwrap().load().unwrap()
}

/// Has commits fail at each point; says at how many.
fn fail_at_each(failing: fn(usize) -> Failing) -> usize {
    for point in 0.. {
        let disk = Disk::empty();
        let empty = disk.bytes();
        let store = disk.store().unwrap();
        store.commit(&before()).unwrap();
        let before = store.load().unwrap();
        let mut watch = store.watch();
        watch.mark_unchanged();

        disk.fail(failing(point));
        let failed = store.commit(&changes());
        disk.fail(Failing::Never);
        let Err(error) = failed else { return point };
        assert!(
            matches!(
                &error,
                CommitError::Store(Error {
                    fault: Fault::Disk(_),
                    ..
                })
            ),
            "{error}"
        );

        assert_eq!(store.load().unwrap(), before, "nothing has changed at {point}");
        assert!(!watch.has_changed().unwrap());
        assert_eq!(
            after_power_failure(&empty, &disk),
            before,
            "nor on the disk at {point}"
        );
        store.commit(&changes()).unwrap();
        let after = store.load().unwrap();
        assert_eq!(
            after_power_failure(&empty, &disk),
            after,
            "the next one holds at {point}"
        );
        drop(store);
        assert_eq!(disk.store().unwrap().load().unwrap(), after);
    }
    unreachable!("a commit ends")
}

#[test]
fn a_commit_in_which_anything_fails_changes_nothing() {
    assert!(fail_at_each(Failing::Once) > 5);
}

#[test]
fn a_disk_that_fails_for_a_while_changes_nothing() {
    assert!(fail_at_each(Failing::From) > 5);
}

#[test]
fn a_disk_that_is_not_read_is_read_when_it_works_again() {
    let disk = Disk::empty();
    let store = disk.store().unwrap();
    // More than is kept in memory.
    let long = format!("\"{}\"", "x".repeat(MAX_VALUE_BYTES - 2));
    let changes: Vec<_> = (0..12).map(|number| put(number, &long)).collect();
    store.commit(&changes).unwrap();
    let contents = store.load().unwrap();
    disk.be_unreadable(true);
    let error = store.load().unwrap_err().to_string();
    assert!(
        error.starts_with("the store disk: it cannot be read or written: "),
        "{error}"
    );
    store.commit(&[put(1, "1")]).unwrap_err();
    disk.be_unreadable(false);
    assert_eq!(store.load().unwrap(), contents);
    store.commit(&[put(1, "1")]).unwrap();
}
