//! The application cookies between two daemons: a file that the one writes at its end, and the next one reads.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;
use tracing::{info, warn};

use crate::persistence::{AppCookies, keys::NoRandomness};

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

/// Leaves the table for the next daemon. The file has what its hashes are made with: it is for its owner alone.
pub(super) fn write(state_path: &Path, table: &AppCookies) {
    let path = state_path.join(FILE);
    if table.is_empty() && !path.exists() {
        return;
    }
    if let Err(error) = replace(state_path, &path, table) {
        warn!(
            "cannot write {}: {error}; sessions by application cookie end here",
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
    fn where_there_is_nothing_to_leave_no_file_is_made() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &AppCookies::new(1024).unwrap());
        assert!(!directory.path().join(FILE).exists());
    }
}
