//! A backup is all of a store or nothing.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use super::*;

fn open(directory: &Path) -> Embedded {
    Embedded::open(directory, Duration::ZERO).unwrap()
}

fn filled() -> Embedded {
    let store = Embedded::in_memory();
    store
        .commit(&[
            put(1, "{\"name\": \"a\", \"text\": \"\\n\u{e9} \\u0000\"}"),
            put(2, "1e2"),
        ])
        .unwrap();
    store
        .commit(&(3..8).map(|number| put(number, "{}")).collect::<Vec<_>>())
        .unwrap();
    store.commit(&[delete(2), put(1, "{ \"a\" : 1.50 }")]).unwrap();
    store
}

#[test]
fn what_was_backed_up_is_restored_with_its_revisions() {
    let directory = tempfile::tempdir().unwrap();
    let (file, place) = (directory.path().join("backup"), directory.path().join("state"));
    let store = filled();
    fs::write(&file, "an earlier one").unwrap();
    let summary = backup(&store, &file).unwrap();
    assert_eq!(
        (summary.schema, summary.revision, summary.records),
        (1, Revision(3), 6)
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let restored = restore(&file, &place, Replace::Nothing).unwrap();
    assert_eq!((restored.summary, restored.kept), (summary, None));
    let restored = open(&place);
    assert_eq!(restored.load().unwrap(), store.load().unwrap());
    assert_eq!(restored.commit(&[put(1, "1")]).unwrap(), Revision(4));
    assert_eq!(
        fs::metadata(place.join("store.redb"))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777,
        0o600
    );
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        2,
        "nothing else is left"
    );
}

#[test]
fn a_backup_is_text_with_a_record_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backup");
    let store = Embedded::in_memory();
    store.commit(&[put(1, "{\"name\":\"web\"}")]).unwrap();
    backup(&store, &file).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "{\"holdfast_store_backup\":1,\"schema\":1,\"revision\":1,\"records\":1}",
            "{\"kind\":\"listener\",\"id\":\"00000000-0000-0000-0000-000000000001\",\"revision\":1,\
             \"value\":{\"name\":\"web\"}}",
        ]
    );
    assert!(lines[2].starts_with("{\"sha256\":\""));
}

#[test]
fn a_backup_that_was_cut_off_or_changed_is_refused_and_leaves_everything_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (file, place) = (directory.path().join("backup"), directory.path().join("state"));
    backup(&filled(), &file).unwrap();
    let text = fs::read(&file).unwrap();
    // Without its last line break nothing is missing.
    for length in (0..text.len() - 1).step_by(5) {
        fs::write(&file, &text[..length]).unwrap();
        restore(&file, &place, Replace::Existing).unwrap_err();
    }
    for changed in (0..text.len() - 1).step_by(5) {
        let mut text = text.clone();
        text[changed] ^= 1;
        fs::write(&file, &text).unwrap();
        restore(&file, &place, Replace::Existing).unwrap_err();
    }
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    let error = restore(&file, &place, Replace::Existing).unwrap_err().to_string();
    assert!(error.contains("is cut off or was changed"), "{error}");
    assert!(!place.exists());
}

#[test]
fn a_backup_of_a_newer_version_and_what_is_no_backup_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backup");
    for (text, said) in [
        ("", "line 1: "),
        ("[daemon]\n", "line 1: "),
        (
            "{\"holdfast_store_backup\":2,\"schema\":1,\"revision\":1,\"records\":1}\n",
            "a backup of format 2, and this version of holdfast knows none after 1",
        ),
        (
            "{\"holdfast_store_backup\":1,\"schema\":9,\"revision\":1,\"records\":1}\n",
            "a backup of schema 9, and this version of holdfast knows none after 1",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let error = restore(&file, directory.path(), Replace::Nothing)
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_store_that_is_there_is_replaced_only_when_that_is_said_and_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (file, place) = (directory.path().join("backup"), directory.path());
    backup(&filled(), &file).unwrap();
    for earlier in ["1", "2"] {
        let store = open(place);
        store.commit(&[put(1, earlier)]).unwrap();
        drop(store);
        let error = restore(&file, place, Replace::Nothing).unwrap_err();
        assert!(matches!(error, BackupError::Exists { .. }), "{error}");
        assert_eq!(value(&open(place), 1).as_deref(), Some(earlier));
        let restored = restore(&file, place, Replace::Existing).unwrap();
        assert_eq!(
            open(place).load().unwrap().records,
            filled().load().unwrap().records
        );
        let named = format!("store.redb.before-restore-{earlier}");
        assert_eq!(restored.kept, Some(place.join(&named)));
        let kept = directory.path().join("kept");
        fs::create_dir_all(&kept).unwrap();
        fs::copy(place.join(named), kept.join("store.redb")).unwrap();
        assert_eq!(value(&open(&kept), 1).as_deref(), Some(earlier));
    }
}

#[test]
fn a_revision_is_not_given_again_after_a_restore() {
    let directory = tempfile::tempdir().unwrap();
    let (file, place) = (directory.path().join("backup"), directory.path());
    let store = open(place);
    store.commit(&[put(1, "1")]).unwrap();
    backup(&store, &file).unwrap();
    store.commit(&[put(1, "2")]).unwrap();
    drop(store);
    restore(&file, place, Replace::Existing).unwrap();
    let store = open(place);
    let key = key(1);
    assert_eq!(store.load().unwrap().records[&key].revision, Revision(1));
    assert_eq!(store.commit(&[put(1, "3")]).unwrap(), Revision(3));
}

#[test]
fn a_damaged_store_is_replaced_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backup");
    backup(&filled(), &file).unwrap();
    fs::write(directory.path().join("store.redb"), "damaged").unwrap();
    restore(&file, directory.path(), Replace::Existing).unwrap();
    assert_eq!(open(directory.path()).load().unwrap(), filled().load().unwrap());
    assert_eq!(
        fs::read(directory.path().join("store.redb.before-restore-1")).unwrap(),
        b"damaged"
    );
}

#[test]
fn nothing_is_restored_under_a_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backup");
    let store = open(directory.path());
    backup(&store, &file).unwrap();
    let error = restore(&file, directory.path(), Replace::Existing)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    store.commit(&[put(1, "1")]).unwrap();
    assert_eq!(value(&store, 1).as_deref(), Some("1"));
}
