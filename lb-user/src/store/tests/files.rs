//! The file of a store: whose it is, who has it open, and what it has to be.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use redb::{Database, ReadableDatabase as _, TableDefinition};

use super::super::{
    file,
    schema::{self, Changed},
};
use super::*;

const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");

fn open(directory: &Path) -> Result<Embedded, Error> {
    Embedded::open(directory, Duration::ZERO)
}

fn refused(directory: &Path) -> String {
    open(directory).err().expect("it does not open").to_string()
}

#[test]
fn a_store_is_made_where_there_is_none_for_its_owner_alone_and_stays() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("not/yet/there");
    let store = open(&directory).unwrap();
    store.commit(&[put(1, "1")]).unwrap();
    drop(store);
    assert_eq!(value(&open(&directory).unwrap(), 1).as_deref(), Some("1"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&directory.join("store.redb")), 0o600);
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(
        fs::read_dir(&directory).unwrap().count(),
        1,
        "nothing else is left"
    );
}

#[test]
fn a_store_that_is_open_is_nobody_elses_and_says_whose() {
    let directory = tempfile::tempdir().unwrap();
    let _store = open(directory.path()).unwrap();
    let error = refused(directory.path());
    assert!(error.contains("store.redb"), "{error}");
    assert!(
        error.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    assert!(error.contains("holdfast stop"), "{error}");
}

#[test]
fn a_daemon_hands_its_store_over_and_takes_it_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    store.commit(&[put(1, "1")]).unwrap();
    store.close();
    let closed = store.load().unwrap_err();
    assert!(matches!(closed.fault, Fault::Closed), "{closed}");
    store.commit(&[put(1, "lost")]).unwrap_err();

    let successor = open(directory.path()).unwrap();
    successor.commit(&[put(1, "2")]).unwrap();
    store.reopen(Duration::ZERO).unwrap_err();
    drop(successor);
    let watch = store.watch();
    store.reopen(Duration::ZERO).unwrap();
    assert_eq!(value(&store, 1).as_deref(), Some("2"));
    assert!(
        watch.has_changed().unwrap(),
        "who watches is told of what the other one did"
    );
}

#[test]
fn who_reads_while_the_store_is_closed_gets_all_or_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    store
        .commit(&(0..500).map(|number| put(number, "{}")).collect::<Vec<_>>())
        .unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            loop {
                match store.load() {
                    Ok(contents) => assert_eq!(contents.records.len(), 500),
                    Err(error) => break assert!(matches!(error.fault, Fault::Closed), "{error}"),
                }
            }
        });
        store.close();
        reader.join().unwrap();
    });
}

#[test]
fn a_store_of_a_newer_schema_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let path = file::path(directory.path());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(NUMBERS)
        .unwrap()
        .insert("schema", 7)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = refused(directory.path());
    assert!(
        error.contains("it is of schema 7, and this version of holdfast knows none after 1"),
        "{error}"
    );
    assert!(error.contains("holdfast store restore FILE"), "{error}");
}

#[test]
fn what_is_no_store_is_refused_and_restoring_is_said_to_help() {
    let directory = tempfile::tempdir().unwrap();
    let path = file::path(directory.path());
    drop(open(directory.path()).unwrap());
    let whole = fs::read(&path).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = elsewhere.path().join("foreign");
    let database = Database::create(&foreign).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(TableDefinition::<u8, u8>::new("numbers"))
        .unwrap();
    transaction.commit().unwrap();
    drop(database);

    let mut changed = whole.clone();
    changed[whole.len() / 2..].fill(0xAA);
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("text", b"{}\n".repeat(100_000)),
        ("cut off", whole[..whole.len() / 2].to_owned()),
        ("only a header", whole[..320].to_owned()),
        ("changed", changed),
        ("foreign", fs::read(&foreign).unwrap()),
    ] {
        fs::write(&path, &bytes).unwrap();
        let error = refused(directory.path());
        assert!(error.contains("holdfast store restore FILE"), "{what}: {error}");
        assert!(
            fs::read(&path).unwrap().len() >= bytes.len(),
            "{what}: it is left alone"
        );
    }
}

#[test]
fn an_older_store_becomes_one_of_now_in_one_step_or_stays() {
    const RECORDS: TableDefinition<&str, u64> = TableDefinition::new("what the steps did");
    fn note(transaction: &redb::WriteTransaction, step: u64) -> Result<(), Fault> {
        transaction.open_table(RECORDS)?.insert("step", step)?;
        Ok(())
    }
    let steps: [schema::Migration; 3] = [
        |_| Err(Fault::Damaged("schema 1 is past".to_owned())),
        |transaction| note(transaction, 2),
        |transaction| note(transaction, 3),
    ];
    let directory = tempfile::tempdir().unwrap();
    let database = Database::create(directory.path().join("old")).unwrap();
    let migrate = |steps| {
        let transaction = database.begin_write().unwrap();
        let changed = schema::migrate(&transaction, steps)?;
        transaction.commit()?;
        Ok::<_, Fault>(changed)
    };
    let stored = |table, name| {
        let table = database.begin_read().unwrap().open_table(table).ok()?;
        table.get(name).unwrap().map(|number| number.value())
    };
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(NUMBERS)
        .unwrap()
        .insert("schema", 2)
        .unwrap();
    transaction.commit().unwrap();

    let failing: [schema::Migration; 3] = [steps[0], steps[1], steps[0]];
    migrate(&failing).unwrap_err();
    assert_eq!(
        (stored(NUMBERS, "schema"), stored(RECORDS, "step")),
        (Some(2), None)
    );
    assert_eq!(migrate(&steps).unwrap(), Changed::Something);
    assert_eq!(
        (stored(NUMBERS, "schema"), stored(RECORDS, "step")),
        (Some(4), Some(3))
    );
    assert_eq!(migrate(&steps).unwrap(), Changed::Nothing);
    assert!(matches!(
        migrate(&steps[..1]),
        Err(Fault::Newer { found: 4, known: 2 })
    ));
}
