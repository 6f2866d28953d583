//! What a process and its children have used, as the kernel counts it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::unistd::{SysconfVar, sysconf};

/// Of `/proc/PID/stat`, behind the name, which may hold anything: the parent, and the ticks in user and system mode.
const PARENT: usize = 1;
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// The process and its children: nginx works in those.
fn family(pid: u32) -> Result<Vec<u32>> {
    let mut family = vec![pid];
    for entry in fs::read_dir("/proc")?.flatten() {
        let other = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(other) = other else { continue };
        // One that has ended meanwhile is none of ours.
        if stat(other).is_ok_and(|fields| fields.get(PARENT) == Some(&u64::from(pid))) {
            family.push(other);
        }
    }
    Ok(family)
}

/// The numbers behind the name; what is no number (the state) or is negative counts as zero.
fn stat(pid: u32) -> Result<Vec<u64>> {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"))?;
    let (_, numbers) = text.rsplit_once(')').context("an unknown form of stat")?;
    let words = numbers.split_whitespace();
    Ok(words.map(|word| word.parse().unwrap_or(0)).collect())
}

/// The time on a core so far, in user and system mode. The kernel counts it in nanoseconds and tells it in ticks.
pub(super) fn cpu_time(pid: u32) -> Result<Duration> {
    let mut ticks = 0;
    for member in family(pid)? {
        let fields = stat(member).with_context(|| format!("process {member} is gone"))?;
        ticks +=
            fields.get(USER_TICKS).copied().unwrap_or(0) + fields.get(SYSTEM_TICKS).copied().unwrap_or(0);
    }
    duration(ticks)
}

fn duration(ticks: u64) -> Result<Duration> {
    let a_second = sysconf(SysconfVar::CLK_TCK)?.context("the kernel tells no length of a tick")?;
    Ok(Duration::from_millis(ticks * 1000 / a_second.unsigned_abs()))
}

/// How long these cores have worked so far, for whomever; what the host took from this machine is among it.
pub(super) fn busy_time(cores: [usize; 2]) -> Result<Duration> {
    // Of the columns, those of a core that waits.
    const IDLE: [usize; 2] = [3, 4];
    // What guests of this machine used is counted as that of users before.
    const COLUMNS: usize = 8;
    let text = fs::read_to_string("/proc/stat")?;
    let mut ticks = 0;
    for core in cores {
        let name = format!("cpu{core} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        let words = line.context("an unknown form of /proc/stat")?.split_whitespace();
        let columns = words
            .take(COLUMNS)
            .enumerate()
            .filter(|(column, _)| !IDLE.contains(column));
        ticks += columns
            .filter_map(|(_, word)| word.parse::<u64>().ok())
            .sum::<u64>();
    }
    duration(ticks)
}

/// What is resident of its memory, in bytes.
pub(super) fn resident_bytes(pid: u32) -> Result<u64> {
    let mut kib = 0;
    for member in family(pid)? {
        let path = Path::new("/proc").join(member.to_string()).join("status");
        let text = fs::read_to_string(path).with_context(|| format!("process {member} is gone"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        kib += number
            .and_then(|number| number.parse::<u64>().ok())
            .context("an unknown form of status")?;
    }
    Ok(kib << 10)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_time_that_this_process_works_is_counted() {
        let (start, before) = (Instant::now(), cpu_time(std::process::id()).unwrap());
        while start.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        assert!(cpu_time(std::process::id()).unwrap() > before);
        assert!(resident_bytes(std::process::id()).unwrap() > 100 << 10);
    }
}
