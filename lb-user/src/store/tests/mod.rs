//! What a store promises, on disks that do what disks do.

mod backups;
mod crashes;
mod disk;
mod failures;
mod files;
mod models;

use super::*;
use disk::Disk;

fn key(number: u128) -> Key {
    Key {
        kind: Kind::ALL[number as usize % Kind::ALL.len()],
        id: Uuid::from_u128(number),
    }
}

fn change(number: u128, expected: Expected, value: Option<&str>) -> Change {
    Change {
        key: key(number),
        expected,
        value: value.map(|value| value.as_bytes().to_owned()),
    }
}

fn put(number: u128, value: &str) -> Change {
    change(number, Expected::Any, Some(value))
}

fn delete(number: u128) -> Change {
    change(number, Expected::Any, None)
}

fn value(store: &dyn Store, number: u128) -> Option<String> {
    let record = store.load().unwrap().records.remove(&key(number))?;
    Some(String::from_utf8(record.value).unwrap())
}

#[test]
fn what_was_committed_is_there_with_the_revision_of_its_commit() {
    let store = Embedded::in_memory();
    assert_eq!(store.load().unwrap(), Contents::default());
    let first = store.commit(&[put(1, "1"), put(2, "2")]).unwrap();
    let second = store.commit(&[put(2, "22"), put(3, "3")]).unwrap();
    assert!(second > first);
    let contents = store.load().unwrap();
    assert_eq!(contents.revision, second);
    let revisions: Vec<_> = [1, 2, 3]
        .map(|number| contents.records[&key(number)].revision)
        .into();
    assert_eq!(revisions, [first, second, second]);
    assert_eq!(value(&store, 2).as_deref(), Some("22"));
    store.commit(&[delete(2), delete(7)]).unwrap();
    assert_eq!(value(&store, 2), None);
}

#[test]
fn who_expects_another_revision_than_there_is_changes_nothing() {
    let store = Embedded::in_memory();
    let revision = store.commit(&[put(1, "1")]).unwrap();
    store.commit(&[put(2, "2")]).unwrap();
    let before = store.load().unwrap();
    let stale = Expected::Revision(Revision(revision.0 + 1));
    for (number, expected, there) in [
        (1, Expected::Absent, Some(revision)),
        (1, stale, Some(revision)),
        (9, Expected::Revision(revision), None),
    ] {
        match store.commit(&[put(3, "3"), change(number, expected, Some("4"))]) {
            Err(CommitError::Conflict { key: of, found }) => assert_eq!((of, found), (key(number), there)),
            other => panic!("{other:?}"),
        }
        assert_eq!(store.load().unwrap(), before);
    }
    let changes = [
        change(1, Expected::Revision(revision), None),
        change(1, Expected::Absent, Some("5")),
    ];
    store.commit(&changes).expect("a change sees those before it");
    assert_eq!(value(&store, 1).as_deref(), Some("5"));
}

#[test]
fn what_is_too_much_or_no_json_is_refused() {
    let store = Embedded::in_memory();
    let longest = format!("\"{}\"", "x".repeat(MAX_VALUE_BYTES - 2));
    store.commit(&[put(1, &longest)]).unwrap();
    let refused = |changes: &[Change]| store.commit(changes).unwrap_err().to_string();
    assert_eq!(
        refused(&[put(1, &format!("{longest} "))]),
        "listener 00000000-0000-0000-0000-000000000001 would be 1048577 bytes long; at most 1048576 may be kept"
    );
    for value in ["", "{", "{} ", "\n{}", "[1,\n2]", "nothing", "{}{}"] {
        assert!(refused(&[put(1, value)]).contains("JSON"), "{value}");
    }
    let many: Vec<_> = (0..=MAX_CHANGES as u128).map(|number| put(number, "1")).collect();
    assert_eq!(refused(&many), "10001 changes at once; at most 10000 may be made");
    store.commit(&many[1..]).unwrap();
}

#[test]
fn who_watches_is_told_of_each_commit() {
    let store = Embedded::in_memory();
    let mut watch = store.watch();
    assert!(!watch.has_changed().unwrap());
    let revision = store.commit(&[put(1, "1")]).unwrap();
    assert!(watch.has_changed().unwrap());
    assert_eq!(*watch.borrow_and_update(), revision);
    store.commit(&[change(1, Expected::Absent, None)]).unwrap_err();
    assert!(!watch.has_changed().unwrap());
}

#[test]
fn a_store_that_was_opened_knows_its_revision_from_the_start() {
    let disk = Disk::empty();
    let revision = disk.store().unwrap().commit(&[put(1, "1")]).unwrap();
    assert_eq!(*disk.store().unwrap().watch().borrow(), revision);
}
