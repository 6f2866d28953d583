//! The application cookies between two daemons: a file that the one writes at its end, and the next one reads.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;
use tracing::{info, warn};

use crate::persistence::{AppCookies, app_cookies::SnapshotError, keys::NoRandomness};

/// What it is called, in the directory of the daemon's state.
const FILE: &str = "app-cookies";

/// The table that an earlier daemon left, or an empty one: without it, clients are balanced anew, and that is all.
pub(super) fn read(state_path: &Path, capacity: usize) -> Result<AppCookies, NoRandomness> {
    let path = state_path.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                warn!(
                    "cannot read {}: {error}; sessions by application cookie begin anew",
                    path.display()
                );
            }
            return AppCookies::new(capacity);
        }
    };
    match AppCookies::read_from(capacity, BufReader::new(file)) {
        Ok(table) => {
            info!(
                sessions = table.len(),
                "took over the sessions by application cookie"
            );
            Ok(table)
        }
        Err(error) => {
            warn!(
                "{} is of no use: {error}; sessions by application cookie begin anew",
                path.display()
            );
            AppCookies::new(capacity)
        }
    }
}

/// Takes over what an earlier daemon has left since the table was read from it.
pub(super) fn merge(state_path: &Path, table: &AppCookies) {
    let path = state_path.join(FILE);
    let merged = File::open(&path).map_err(SnapshotError::from);
    if let Err(error) = merged.and_then(|file| table.merge_from(BufReader::new(file))) {
        warn!(
            "cannot take over from {}: {error}; sessions of the last moments begin anew",
            path.display()
        );
    }
}

/// Leaves the table for the next daemon, also an empty one: what its hashes are made with stays the same. It is for its owner
/// alone.
pub(super) fn write(state_path: &Path, table: &AppCookies) {
    let path = state_path.join(FILE);
    if let Err(error) = replace(state_path, &path, table) {
        warn!(
            "cannot write {}: {error}; sessions by application cookie end with this daemon",
            path.display()
        );
    }
}

fn replace(directory: &Path, path: &Path, table: &AppCookies) -> io::Result<()> {
    // Made for its owner alone.
    let mut file = NamedTempFile::new_in(directory)?;
    let mut writer = BufWriter::new(&mut file);
    table.write_to(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::{
        Limits, MemberTag, PoolTag,
        app_cookies::{Found, Learned},
    };

    const LIMITS: Limits = Limits {
        idle_s: 60,
        absolute_s: None,
    };

    #[test]
    fn a_session_is_held_by_the_next_daemon() {
        let directory = tempfile::tempdir().unwrap();
        let (pool, member) = (PoolTag(1), MemberTag(2));
        let table = read(directory.path(), 1024).unwrap();
        assert_eq!(table.learn(pool, b"value", member, LIMITS, 100), Learned::Created);
        write(directory.path(), &table);
        let next = read(directory.path(), 1024).unwrap();
        let Found::Held(session) = next.find(pool, b"value", LIMITS, 110) else {
            panic!("it is held");
        };
        assert_eq!(session.member, member);
    }

    #[test]
    fn a_file_that_is_of_no_use_costs_the_sessions_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), b"nonsense").unwrap();
        assert!(read(directory.path(), 1024).unwrap().is_empty());
    }

    #[test]
    fn what_was_learned_after_a_table_was_taken_over_is_taken_over_too() {
        let directory = tempfile::tempdir().unwrap();
        let (pool, member) = (PoolTag(1), MemberTag(2));
        let before = read(directory.path(), 1024).unwrap();
        write(directory.path(), &before);
        let next = read(directory.path(), 1024).unwrap();
        before.learn(pool, b"value", member, LIMITS, 100);
        write(directory.path(), &before);
        merge(directory.path(), &next);
        assert!(matches!(
            next.find(pool, b"value", LIMITS, 110),
            Found::Held(session) if session.member == member
        ));
    }
}
