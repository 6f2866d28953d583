//! The application cookies between two daemons: a file that the one writes, and the next one reads, and what the one tells the
//! other afterwards.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write as _},
    path::Path,
    sync::{Arc, PoisonError},
};

use tempfile::NamedTempFile;
use tokio::task;
use tracing::{info, warn};

use super::Proxy;
use crate::persistence::{AppCookies, app_cookies::SnapshotError, keys::NoRandomness};

/// What it is called, in the directory of the daemon's state.
const FILE: &str = "app-cookies";

impl Proxy {
    /// Leaves the application cookies for the next daemon.
    pub fn leave_sessions(&self) {
        if let Some(sessions) = &self.sessions {
            let _one_at_a_time = sessions.saving.lock().unwrap_or_else(PoisonError::into_inner);
            write(&self.state_path, &sessions.app_cookies);
        }
    }

    /// Writes the application cookies down, if there are any, in a thread of its own: where the daemon is killed, the next
    /// one has these.
    pub fn save_sessions(&self) {
        if let Some(sessions) = &self.sessions
            && !sessions.app_cookies.is_empty()
        {
            let (sessions, state_path) = (Arc::clone(sessions), self.state_path.clone());
            task::spawn_blocking(move || {
                // Where that takes longer than until the next time, that one is left out.
                if let Ok(_one_at_a_time) = sessions.saving.try_lock() {
                    write(&state_path, &sessions.app_cookies);
                }
            });
        }
    }

    /// Takes over the application cookies that an earlier daemon has left since this one began.
    pub fn take_sessions(&self) {
        if let Some(sessions) = &self.sessions {
            merge(&self.state_path, &sessions.app_cookies);
        }
    }

    /// Notes from now on what becomes of sessions by application cookie.
    pub fn want_session_changes(&self) {
        if let Some(sessions) = &self.sessions {
            sessions.app_cookies.want_changes();
        }
    }

    /// What became of them since the last time.
    #[must_use]
    pub fn take_session_changes(&self) -> Vec<u8> {
        let sessions = self.sessions.as_ref();
        sessions.map_or_else(Vec::new, |sessions| sessions.app_cookies.take_changes())
    }

    /// Takes over what became of them with another daemon.
    pub fn apply_session_changes(&self, changes: &[u8]) {
        if let Some(sessions) = &self.sessions {
            sessions.app_cookies.apply(changes);
        }
    }
}

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
