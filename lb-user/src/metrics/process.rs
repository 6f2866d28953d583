//! The daemon as a process, as client libraries of Prometheus tell it of every program.

use std::{
    fs, io,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use nix::{
    sys::resource::{Resource, UsageWho, getrlimit, getrusage},
    time::{ClockId, clock_gettime},
    unistd::{SysconfVar, sysconf},
};

/// What the kernel says of this process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// The time of processors that all of its threads have used, and the kernel for them.
    pub(super) cpu: Duration,
    /// What it has in memory.
    pub(super) resident_bytes: u64,
    pub(super) open_fds: u64,
    pub(super) max_fds: u64,
    pub(super) threads: u64,
    /// Since 1970.
    pub(super) started: Duration,
}

impl Process {
    /// This one, now.
    pub fn this() -> io::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let cpu = [usage.user_time(), usage.system_time()].map(|used| {
            Duration::from_micros(u64::try_from(used.tv_sec() * 1_000_000 + used.tv_usec()).unwrap_or(0))
        });
        let status = fs::read_to_string("/proc/self/status")?;
        Ok(Self {
            cpu: cpu.iter().sum(),
            resident_bytes: line(&status, "VmRSS")? * 1024,
            open_fds: open_fds()?,
            max_fds: getrlimit(Resource::RLIMIT_NOFILE)?.0,
            threads: line(&status, "Threads")?,
            started: started()?,
        })
    }
}

/// The number of a line of `/proc/self/status`.
fn line(status: &str, name: &str) -> io::Result<u64> {
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(found, _)| *found == name);
    let number = found.and_then(|(_, value)| value.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| unexpected("status"))
}

fn open_fds() -> io::Result<u64> {
    // Since Linux 6.2 the directory's size is their number: to list them takes long where there are many.
    match fs::metadata("/proc/self/fd")?.len() {
        0 => Ok(fs::read_dir("/proc/self/fd")?.count() as u64),
        count => Ok(count),
    }
}

/// When it was started. Asked for once: clocks that are set would have it begin again.
fn started() -> io::Result<Duration> {
    static STARTED: OnceLock<Duration> = OnceLock::new();
    if let Some(started) = STARTED.get() {
        return Ok(*started);
    }
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program may have anything in it. What follows begins with the third field, and this is the 22nd (proc(5)).
    let ticks = stat
        .rsplit_once(')')
        .and_then(|(_, fields)| fields.split_whitespace().nth(19)?.parse::<u64>().ok());
    let per_second = sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u64::try_from(ticks).ok());
    let (Some(ticks), Some(per_second @ 1..)) = (ticks, per_second) else {
        return Err(unexpected("stat"));
    };
    let after_boot = Duration::from_millis(ticks * 1000 / per_second);
    let age = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?).saturating_sub(after_boot);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Ok(*STARTED.get_or_init(|| now.saturating_sub(age)))
}

fn unexpected(file: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("/proc/self/{file} is not as proc(5) has it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_as_it_is() {
        let files: Vec<_> = (0..100).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let process = Process::this().unwrap();
        assert!((100..=process.max_fds).contains(&process.open_fds), "{process:?}");
        drop(files);
        assert!(process.cpu > Duration::ZERO && process.threads > 1, "{process:?}");
        assert!(process.resident_bytes > 1 << 20, "{process:?}");
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let age = now.checked_sub(process.started).unwrap();
        assert!(age < Duration::from_hours(1), "{age:?}");
        assert_eq!(Process::this().unwrap().started, process.started);
    }
}
