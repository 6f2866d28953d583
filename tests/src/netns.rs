//! Network namespaces that undo themselves.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

/// Where iproute2 looks for namespaces by name.
pub const DIRECTORY: &str = "/run/netns";

/// Removes what laboratories left behind whose processes are gone. The first namespace that a process makes does
/// it too.
pub fn sweep() {
    crate::stale::sweep();
}

/// A network namespace of its own name, removed on drop.
///
/// Named as iproute2 does it, so that `ip -n NAME ...` works on one that a debugger has stopped in.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    handle: File,
    // Last, so that the name goes after everything that uses it.
    mounted: Mounted,
}

impl Namespace {
    /// Makes a namespace `hf-<pid>-<counter>-<role>` with its loopback interface up.
    pub fn new(role: &str) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        ensure!(
            nix::unistd::geteuid().is_root(),
            "the laboratory makes network namespaces, which only root may do: run it as root"
        );
        crate::stale::sweep_once();
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{count}-{role}", crate::stale::own_prefix());
        Self::create(&name).with_context(|| format!("cannot make the network namespace {name}"))
    }

    fn create(name: &str) -> Result<Self> {
        prepare_directory()?;
        let path = Path::new(DIRECTORY).join(name);
        File::options().write(true).create_new(true).open(&path)?;
        let mounted = Mounted(path);
        // A thread of its own moves to the new namespace and ends there; the caller stays where it is.
        std::thread::scope(|scope| scope.spawn(|| mounted.mount_new_namespace()).join())
            .map_err(|_| anyhow::anyhow!("the thread that makes it panicked"))??;
        let handle = File::open(&mounted.0)?;
        let namespace = Self {
            name: name.to_owned(),
            handle,
            mounted,
        };
        namespace.ip(&["link set lo up"])?;
        Ok(namespace)
    }

    /// The name, as `ip netns` shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for the namespace.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mounted.0
    }

    /// Runs a closure inside, on a thread of its own; a panic in it goes on in the caller.
    ///
    /// What the closure makes there (sockets, child processes, threads) stays there.
    pub fn enter<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> Result<T> {
        let outcome = std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.move_this_thread().map(|()| inside()));
            thread.join()
        });
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Moves the calling thread inside, for good.
    pub(crate) fn move_this_thread(&self) -> Result<()> {
        setns(&self.handle, CloneFlags::CLONE_NEWNET)
            .with_context(|| format!("cannot enter the network namespace {}", self.name))
    }

    /// A command that will run inside.
    ///
    /// By `nsenter`: `ip netns exec` would hide `/sys/fs/bpf`. It replaces itself, so the child is the program.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut net = std::ffi::OsString::from("--net=");
        net.push(self.path());
        let mut command = Command::new("nsenter");
        command.arg(net).arg("--").arg(program);
        command
    }

    /// Runs lines of `ip` (without the leading `ip`) inside, as one batch; the first that fails ends it.
    pub fn ip<S: AsRef<str>>(&self, lines: &[S]) -> Result<()> {
        self.batch("ip", lines)
    }

    /// Runs lines of `tc` (without the leading `tc`) inside, as one batch; the first that fails ends it.
    pub fn tc<S: AsRef<str>>(&self, lines: &[S]) -> Result<()> {
        self.batch("tc", lines)
    }

    fn batch<S: AsRef<str>>(&self, tool: &str, lines: &[S]) -> Result<()> {
        let script = lines
            .iter()
            .fold(String::new(), |script, line| script + line.as_ref() + "\n");
        let output = self
            .enter(|| {
                let mut child = Command::new(tool)
                    .args(["-batch", "-"])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()?;
                if let Some(mut stdin) = child.stdin.take() {
                    stdin.write_all(script.as_bytes())?;
                }
                child.wait_with_output()
            })?
            .with_context(|| format!("cannot run `{tool}` (of iproute2)"))?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!(
                "{tool} in {}: {}; the batch was:\n{script}",
                self.name,
                complaint.trim()
            );
        }
        Ok(())
    }

    /// Sets kernel parameters of this namespace, named below `net` (`ipv4/ip_forward`).
    ///
    /// Slashes rather than dots, since interface names may have dots.
    pub fn sysctl(&self, settings: &[(&str, &str)]) -> Result<()> {
        self.enter(|| {
            for (name, value) in settings {
                // /proc/sys/net shows the namespace of the thread that looks.
                fs::write(Path::new("/proc/sys/net").join(name), value)
                    .with_context(|| format!("cannot set net/{name} to {value}"))?;
            }
            Ok(())
        })?
    }
}

/// A file below [`DIRECTORY`] that has, or will have, a namespace mounted on it.
#[derive(Debug)]
struct Mounted(PathBuf);

impl Mounted {
    fn mount_new_namespace(&self) -> Result<()> {
        unshare(CloneFlags::CLONE_NEWNET).context("unshare")?;
        let own = Path::new("/proc/thread-self/ns/net");
        mount(Some(own), &self.0, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .with_context(|| format!("cannot mount it on {}", self.0.display()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes the name of a namespace; the kernel ends it when nothing in it is left.
pub(crate) fn remove(path: &Path) {
    // More than once, should someone have mounted the directory over itself meanwhile. Failures only mean that
    // there is nothing to undo: this runs for half-made namespaces too.
    while umount2(path, MntFlags::MNT_DETACH).is_ok() {}
    let _ = fs::remove_file(path);
}

/// Makes [`DIRECTORY`] just as `ip netns add` would: a shared mount, so that a removal is seen in every mount
/// namespace, and made before anything is mounted in it, so that a later `ip netns add` does not cover ours.
fn prepare_directory() -> Result<()> {
    fs::create_dir_all(DIRECTORY)?;
    // The same lock that iproute2 takes.
    let lock = Flock::lock(File::open(DIRECTORY)?, FlockArg::LockExclusive)
        .map_err(|(_, error)| error)
        .context("cannot lock /run/netns")?;
    let share = || {
        let flags = MsFlags::MS_SHARED | MsFlags::MS_REC;
        mount(None::<&str>, DIRECTORY, None::<&str>, flags, None::<&str>)
    };
    match share() {
        // Not a mount point yet.
        Err(Errno::EINVAL) => {
            let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(Some(DIRECTORY), DIRECTORY, None::<&str>, flags, None::<&str>)?;
            share()?;
        }
        other => other?,
    }
    drop(lock);
    Ok(())
}
