//! What test processes leave behind that died without unwinding (`SIGKILL`, an abort): found and removed by the
//! next one. Everything of a laboratory bears the process id of its maker in its name.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where the BPF file system is mounted.
pub(crate) const BPFFS: &str = "/sys/fs/bpf";

const MARK: &str = "hf-";

/// What the names of everything that this process makes begin with.
pub(crate) fn own_prefix() -> String {
    format!("{MARK}{}-", std::process::id())
}

/// A directory that goes on drop, and if it never comes to that, with the next sweep.
pub fn temporary_directory() -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(&own_prefix()).tempdir()
}

/// Where a daemon that no [`crate::Daemon`] stands for may pin its maps: [`sweep`] finds it.
#[must_use]
pub fn pin_path(of: &str) -> PathBuf {
    Path::new(BPFFS).join(own_prefix() + of)
}

/// Sweeps, the first time it is called in this process.
pub(crate) fn sweep_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(sweep);
}

/// Removes the namespaces and control groups (with the processes in them), pins and directories of makers that are gone.
///
/// Makes no complaint: another process may be sweeping the same things.
pub(crate) fn sweep() {
    for namespace in left_in(Path::new(crate::netns::DIRECTORY)) {
        end_processes_in(&namespace);
        crate::netns::remove(&namespace);
    }
    for directory in [Path::new(BPFFS), &std::env::temp_dir()] {
        for left in left_in(directory) {
            let _ = fs::remove_dir_all(left);
        }
    }
    for group in control_groups().iter().flat_map(|mount| left_in(mount)) {
        let _ = fs::write(group.join("cgroup.kill"), "1");
        remove_group(&group);
    }
}

/// Where control groups of the second version are mounted.
fn control_groups() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let words = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let groups = words.filter_map(|words| match words[..] {
        [_, mount, "cgroup2", ..] => Some(mount.into()),
        _ => None,
    });
    groups.collect()
}

/// Removes a control group with those below it. One whose processes are just ending is left to the next sweep.
fn remove_group(group: &Path) {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_group(&entry.path());
    }
    let _ = fs::remove_dir(group);
}

fn left_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .and_then(maker)
                .is_some_and(|pid| !is_alive(pid))
        })
        .map(|entry| entry.path())
        .collect()
}

/// The process that made the thing of this name, if a laboratory did.
fn maker(name: &str) -> Option<i32> {
    let (pid, _) = name.strip_prefix(MARK)?.split_once('-')?;
    pid.parse().ok().filter(|&pid| pid > 0)
}

fn is_alive(pid: i32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn end_processes_in(namespace: &Path) {
    let Ok(wanted) = fs::metadata(namespace) else {
        return;
    };
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let theirs = fs::metadata(entry.path().join("ns/net"));
        if let (Some(pid), Ok(theirs)) = (pid, theirs)
            && (theirs.dev(), theirs.ino()) == (wanted.dev(), wanted.ino())
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_maker() {
        assert_eq!(maker("hf-4711-2-client"), Some(4711));
        for foreign in [
            "hf-x-1",
            "hf--1-client",
            "hf-0-1-client",
            "web-4711-1",
            "hf-4711",
            "hf-",
        ] {
            assert_eq!(maker(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn only_what_dead_processes_left_is_found() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = std::process::Command::new("true").spawn().expect("true runs");
        child.wait().expect("true ends");
        let stale = directory.path().join(format!("hf-{}-1-client", child.id()));
        for path in [
            &stale,
            &directory.path().join(format!("{}1-client", own_prefix())),
        ] {
            fs::write(path, "").expect("a file");
        }
        assert_eq!(left_in(directory.path()), [stale]);
    }
}
