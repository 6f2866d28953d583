//! What is wanted of this machine: two cores, many files, and word of Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

/// What 10,000 idle connections and all else need: each end is another process's.
const FILES: u64 = 12_000;
/// More than anyone needs, so that nobody says it is too little.
const MANY_FILES: u64 = 100_000;

static IS_STOPPED: AtomicBool = AtomicBool::new(false);

/// Whether a signal has told that all is to end.
pub(crate) fn is_stopped() -> bool {
    IS_STOPPED.load(Ordering::Relaxed)
}

/// From now on Ctrl-C, `SIGTERM` and a closed terminal end the benchmark by its own way out.
pub(crate) fn heed_signals() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    drop(entered);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        IS_STOPPED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Lets this process and those that it starts open as many files as they need.
pub(crate) fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let raise_to = |files| setrlimit(Resource::RLIMIT_NOFILE, files, files);
    // Even root may not raise the hard limit in many a container.
    if raise_to(hard.max(MANY_FILES)).is_err() {
        ensure!(
            hard >= FILES,
            "no more than {hard} files may be open at once, and {FILES} have to be"
        );
        raise_to(hard).with_context(|| format!("cannot open {hard} files at once"))?;
    }
    Ok(())
}

/// Which core is whose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// The load's and the members'.
    pub(crate) load: usize,
    /// The proxies'.
    pub(crate) proxy: usize,
}

impl Cores {
    /// The first two that this process may use.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut usable = (0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false));
        match (usable.next(), usable.next()) {
            (Some(load), Some(proxy)) => Ok(Self { load, proxy }),
            _ => bail!("it takes two cores: one for the proxies, one for clients and members"),
        }
    }
}

/// Keeps the calling thread, and what it starts from now on, to one core.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot keep to core {core}"))
}
