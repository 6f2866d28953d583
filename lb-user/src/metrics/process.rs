//! The daemon as a process, as client libraries of Prometheus tell it of every program.

use std::{
    fs, io,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use nix::{
    errno::Errno,
    sys::resource::{Resource, UsageWho, getrlimit, getrusage},
    time::{ClockId, clock_gettime},
    unistd::{SysconfVar, sysconf},
};

/// What the kernel says of this process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// The time of processors that all of its threads have used, and the kernel for them.
    pub(super) cpu: Duration,
    /// What it has in memory. Files tell of this, of its threads and of its start: where it has no descriptor left to open
    /// them with, all else is told still.
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_fds: u64,
    pub(super) max_fds: u64,
    pub(super) threads: Option<u64>,
    /// Since 1970.
    pub(super) started: Option<Duration>,
}

impl Process {
    /// This one, now.
    pub fn this() -> io::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let cpu = [usage.user_time(), usage.system_time()].map(|used| {
            Duration::from_micros(u64::try_from(used.tv_sec() * 1_000_000 + used.tv_usec()).unwrap_or(0))
        });
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let max_fds = getrlimit(Resource::RLIMIT_NOFILE)?.0;
        Ok(Self {
            cpu: cpu.iter().sum(),
            resident_bytes: line(&status, "VmRSS").map(|kib| kib * 1024),
            open_fds: open_fds(max_fds)?,
            max_fds,
            threads: line(&status, "Threads"),
            started: started().ok(),
        })
    }
}

/// The number of a line of `/proc/self/status`.
fn line(status: &str, name: &str) -> Option<u64> {
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(found, _)| *found == name)?;
    value.split_whitespace().next()?.parse().ok()
}

fn open_fds(max_fds: u64) -> io::Result<u64> {
    // Since Linux 6.2 the directory's size is their number: to list them takes long where there are many, and a descriptor.
    match fs::metadata("/proc/self/fd")?.len() {
        0 => match fs::read_dir("/proc/self/fd") {
            Ok(listed) => Ok(listed.count() as u64),
            Err(error) if error.raw_os_error() == Some(Errno::EMFILE as i32) => Ok(max_fds),
            Err(error) => Err(error),
        },
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
        let message = "/proc/self/stat is not as proc(5) has it";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    };
    let after_boot = Duration::from_millis(ticks * 1000 / per_second);
    let age = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?).saturating_sub(after_boot);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Ok(*STARTED.get_or_init(|| now.saturating_sub(age)))
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use nix::sys::resource::setrlimit;

    use super::*;

    #[test]
    fn a_process_is_told_as_it_is() {
        let files: Vec<_> = (0..100).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let process = Process::this().unwrap();
        assert!((100..=process.max_fds).contains(&process.open_fds), "{process:?}");
        drop(files);
        let (threads, resident_bytes) = (process.threads.unwrap(), process.resident_bytes.unwrap());
        assert!(process.cpu > Duration::ZERO && threads > 1, "{process:?}");
        assert!(resident_bytes > 1 << 20, "{process:?}");
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let age = now.checked_sub(process.started.unwrap()).unwrap();
        assert!(age < Duration::from_hours(1), "{age:?}");
        assert_eq!(Process::this().unwrap().started, process.started);
    }

    /// In a process of its own: the other tests need files meanwhile.
    #[test]
    fn a_process_that_has_run_out_of_files_is_told_so() {
        const IS_ALONE: &str = "HOLDFAST_TEST_RUNS_OUT_OF_FILES";
        if env::var_os(IS_ALONE).is_none() {
            let name = "metrics::process::tests::a_process_that_has_run_out_of_files_is_told_so";
            let mut alone = Command::new(env::current_exe().unwrap());
            let ran = alone.args(["--exact", name]).env(IS_ALONE, "1").output().unwrap();
            let says = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success() && says.contains("1 passed"), "{ran:?}");
            return;
        }
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
        let opened = std::iter::from_fn(|| fs::File::open("/dev/null").ok());
        let files: Vec<_> = opened.collect();
        let process = Process::this().unwrap();
        drop(files);
        // It may have been given some that are beyond.
        assert!(process.open_fds >= 64 && process.max_fds == 64, "{process:?}");
        assert!(process.cpu > Duration::ZERO, "{process:?}");
        assert_eq!((process.resident_bytes, process.threads), (None, None));
        assert!(Process::this().unwrap().resident_bytes.is_some());
    }
}
