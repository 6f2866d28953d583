//! What lies where in the database, and how an older one becomes one of now.

use redb::{Database, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use uuid::Uuid;

use super::{Contents, Fault, Key, Kind, Record, Revision};
use crate::model::Word as _;

/// By kind and id, the revision and value of each record. Kinds are words, so that their numbers mean nothing.
pub(super) const RECORDS: TableDefinition<(&str, u128), (u64, &[u8])> = TableDefinition::new("records");
/// The same, in a transaction that may write it.
pub(super) type Records<'a> = Table<'a, (&'static str, u128), (u64, &'static [u8])>;
const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
const SCHEMA: &str = "schema";
const REVISION: &str = "revision";

/// A step to the next schema. It changes what records say, for databases and backups alike; one that changes the tables
/// would have to see to backups of earlier schemas by itself.
pub(super) type Migration = fn(&WriteTransaction) -> Result<(), Fault>;

/// The steps from schema 1 to that of now.
pub(super) const MIGRATIONS: &[Migration] = &[];

/// The schema to which these steps lead.
pub(super) const fn last(migrations: &[Migration]) -> u64 {
    1 + migrations.len() as u64
}

/// Whether something is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Nothing,
    Something,
}

/// Gives an empty database what there was in one of that schema.
pub(super) fn fill(database: &Database, schema: u64, contents: &Contents) -> Result<(), Fault> {
    let transaction = begin(database)?;
    transaction.open_table(NUMBERS)?.insert(SCHEMA, schema)?;
    set_revision(&transaction, contents.revision)?;
    let mut records = transaction.open_table(RECORDS)?;
    for (key, record) in &contents.records {
        put(&mut records, key, Some((record.revision, &record.value)))?;
    }
    drop(records);
    migrate(&transaction, MIGRATIONS)?;
    Ok(transaction.commit()?)
}

/// Takes a database to the last schema.
pub(super) fn migrate(transaction: &WriteTransaction, migrations: &[Migration]) -> Result<Changed, Fault> {
    let known = last(migrations);
    let found = number(&transaction.open_table(NUMBERS)?, SCHEMA)?;
    if found > known {
        return Err(Fault::Newer { found, known });
    }
    if found == 0 {
        return Err(Fault::Damaged("there is no schema 0".to_owned()));
    }
    if found == known {
        return Ok(Changed::Nothing);
    }
    for migration in &migrations[found as usize - 1..] {
        migration(transaction)?;
    }
    transaction.open_table(NUMBERS)?.insert(SCHEMA, known)?;
    Ok(Changed::Something)
}

/// The last commit.
pub(super) fn revision(transaction: &WriteTransaction) -> Result<Revision, Fault> {
    number(&transaction.open_table(NUMBERS)?, REVISION).map(Revision)
}

pub(super) fn set_revision(transaction: &WriteTransaction, revision: Revision) -> Result<(), Fault> {
    transaction.open_table(NUMBERS)?.insert(REVISION, revision.0)?;
    Ok(())
}

/// All that is there.
pub(super) fn read(transaction: &ReadTransaction) -> Result<Contents, Fault> {
    let revision = number(&transaction.open_table(NUMBERS)?, REVISION).map(Revision)?;
    let records = transaction.open_table(RECORDS)?;
    let records = records.iter()?.map(|entry| {
        let (key, record) = entry?;
        let (kind, id) = key.value();
        let kind = Kind::from_word(kind).ok_or_else(|| Fault::Damaged(format!("there is no `{kind}`")))?;
        let key = Key {
            kind,
            id: Uuid::from_u128(id),
        };
        Ok((key, self::record(record.value())))
    });
    Ok(Contents {
        revision,
        records: records.collect::<Result<_, Fault>>()?,
    })
}

/// The record of a key.
pub(super) fn get(records: &Records, key: &Key) -> Result<Option<Record>, Fault> {
    Ok(records.get(name(key))?.map(|found| record(found.value())))
}

/// Writes the record of a key, or deletes it.
pub(super) fn put(records: &mut Records, key: &Key, record: Option<(Revision, &[u8])>) -> Result<(), Fault> {
    match record {
        Some((revision, value)) => records.insert(name(key), (revision.0, value))?,
        None => records.remove(name(key))?,
    };
    Ok(())
}

fn name(key: &Key) -> (&'static str, u128) {
    (key.kind.word(), key.id.as_u128())
}

fn record((revision, value): (u64, &[u8])) -> Record {
    Record {
        revision: Revision(revision),
        value: value.to_owned(),
    }
}

/// A transaction that waits for the disk twice: everything is written beside what is there, and only when it is on the disk,
/// one bit makes it what counts. redb could do with one wait, since it finds half of a commit by its checksums. But after a
/// wait that fails, Linux reads what was to be written as if it were on the disk: that would count then, and its pages be
/// built upon, until the power fails.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

fn number(numbers: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, Fault> {
    let found = numbers.get(name)?.map(|number| number.value());
    found.ok_or_else(|| Fault::Damaged(format!("it does not say its {name}")))
}
