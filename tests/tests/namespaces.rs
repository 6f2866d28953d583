//! Network namespaces come and go, and keep apart what is in them.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use lb_tests::{Namespace, eventually, netns};

const WITHIN: Duration = Duration::from_secs(5);

fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("the mounts can be read");
    mounts.split_whitespace().any(|word| Path::new(word) == path)
}

#[test]
fn a_namespace_is_gone_after_its_drop() -> Result<()> {
    let namespace = Namespace::new("short")?;
    let path = namespace.path().to_owned();
    assert!(is_mounted(&path));
    drop(namespace);
    assert!(!path.exists() && !is_mounted(&path));
    Ok(())
}

#[test]
fn what_runs_inside_sees_the_inside_only() -> Result<()> {
    let (one, other) = (Namespace::new("one")?, Namespace::new("other")?);
    let lines = ["link add here type bridge"];
    one.ip(&lines)?;
    let shows = |namespace: &Namespace| -> Result<bool> {
        let output = namespace.command("ip").args(["link", "show", "here"]).output()?;
        Ok(output.status.success())
    };
    assert!(shows(&one)? && !shows(&other)?);
    let error = one.ip(&lines).expect_err("a name is given once").to_string();
    assert!(
        error.contains("File exists") && error.contains(lines[0]),
        "{error}"
    );
    // The BPF file system stays in sight.
    let outside = std::fs::read_dir("/sys/fs/bpf")?.count();
    let inside = one
        .command("sh")
        .args(["-c", "ls -A /sys/fs/bpf | wc -l"])
        .output()?;
    let inside: usize = String::from_utf8(inside.stdout)?.trim().parse()?;
    // Other tests come and go there.
    assert!(outside == 0 || inside > 0);
    Ok(())
}

#[test]
fn a_panic_inside_goes_on_outside() -> Result<()> {
    let namespace = Namespace::new("panic")?;
    let enter = || namespace.enter(|| std::panic::resume_unwind(Box::new("from within")));
    let panic = catch_unwind(AssertUnwindSafe(enter))
        .map(|_: Result<()>| ())
        .expect_err("a panic");
    assert_eq!(panic.downcast_ref(), Some(&"from within"));
    Ok(())
}

#[test]
fn what_a_killed_process_left_is_swept() -> Result<()> {
    // While its maker lives, no other test process sweeps it.
    let mut maker = Command::new("sleep").arg("60").spawn()?;
    let name = format!("hf-{}-1-stale", maker.id());
    ensure!(
        Command::new("ip")
            .args(["netns", "add", &name])
            .status()?
            .success()
    );
    let path = Path::new(netns::DIRECTORY).join(name);
    let mut net = OsString::from("--net=");
    net.push(&path);
    let mut left = Command::new("nsenter").arg(net).args(["sleep", "60"]).spawn()?;
    let own = std::fs::read_link("/proc/self/ns/net")?;
    eventually("the process to be inside", WITHIN, || {
        std::fs::read_link(format!("/proc/{}/ns/net", left.id())).is_ok_and(|theirs| theirs != own)
    });
    maker.kill()?;
    maker.wait()?;
    netns::sweep();
    assert!(!path.exists() && !is_mounted(&path));
    eventually("the process in it to be ended", WITHIN, || {
        left.try_wait().ok().flatten()
    });
    Ok(())
}
